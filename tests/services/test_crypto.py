"""Sealing."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from provisioner import crypto

OLD = "old:" + "B" * 43 + "="
NEW = "new:" + "C" * 43 + "="


class TestASealedValue:
    def test_opens_for_its_own_row_only(self) -> None:
        sealed = crypto.seal(b"secret", identity="state:1:1")
        assert b"secret" not in sealed
        assert crypto.open_sealed(sealed, identity="state:1:1") == b"secret"
        with pytest.raises(crypto.CannotOpen, match="belongs elsewhere"):
            crypto.open_sealed(sealed, identity="state:1:2")

    def test_does_not_open_when_any_byte_changed(self) -> None:
        sealed = crypto.seal(b"secret", identity="x")
        for position in range(len(sealed)):
            changed = bytearray(sealed)
            changed[position] ^= 1
            with pytest.raises(crypto.CannotOpen):
                crypto.open_sealed(bytes(changed), identity="x")

    @pytest.mark.parametrize("length", [0, 3, 4, 20])
    def test_does_not_open_when_cut_short(self, length: int) -> None:
        with pytest.raises(crypto.CannotOpen):
            crypto.open_sealed(crypto.seal(b"secret", identity="x")[:length], identity="x")

    def test_still_opens_after_a_new_key_came_first(self, settings: Any) -> None:
        settings.DRAWBRIDGE_ENCRYPTION_KEYS = [OLD]
        sealed = crypto.seal(b"secret", identity="x")
        settings.DRAWBRIDGE_ENCRYPTION_KEYS = [NEW, OLD]
        assert crypto.open_sealed(sealed, identity="x") == b"secret"
        assert b"new" in crypto.seal(b"secret", identity="x")
        settings.DRAWBRIDGE_ENCRYPTION_KEYS = [NEW]
        with pytest.raises(crypto.CannotOpen, match="'old'"):
            crypto.open_sealed(sealed, identity="x")

    @pytest.mark.parametrize("key", ["x:short", "x:" + "A" * 44, ":" + "A" * 43 + "="])
    def test_is_not_made_with_a_bad_key(self, settings: Any, key: str) -> None:
        settings.DRAWBRIDGE_ENCRYPTION_KEYS = [key]
        with pytest.raises(ImproperlyConfigured):
            crypto.seal(b"x", identity="x")


class TestRewrapping:
    @pytest.fixture
    def sealed(self, settings: Any) -> bytes:
        """Seal with the old key; the new one comes first afterwards."""
        settings.DRAWBRIDGE_ENCRYPTION_KEYS = [OLD]
        made = crypto.seal(b"secret", identity="x")
        settings.DRAWBRIDGE_ENCRYPTION_KEYS = [NEW, OLD]
        return made

    def test_needs_the_old_key_no_more(self, sealed: bytes, settings: Any) -> None:
        fresh = crypto.rewrap(sealed, identity="x")
        assert (crypto.key_id_of(sealed), crypto.key_id_of(fresh)) == ("old", "new")
        settings.DRAWBRIDGE_ENCRYPTION_KEYS = [NEW]
        assert crypto.open_sealed(fresh, identity="x") == b"secret"

    def test_leaves_the_content_as_it_is(self, sealed: bytes) -> None:
        assert crypto.rewrap(sealed, identity="x").endswith(sealed[-34:])

    def test_makes_no_value_of_a_changed_one(self, sealed: bytes) -> None:
        head = len(sealed) - 34
        for position in range(len(sealed)):
            changed = bytearray(sealed)
            changed[position] ^= 1
            if position < head:
                with pytest.raises(crypto.CannotOpen):
                    crypto.rewrap(bytes(changed), identity="x")
            else:  # the content is looked at when it is opened
                with pytest.raises(crypto.CannotOpen):
                    crypto.open_sealed(crypto.rewrap(bytes(changed), identity="x"), identity="x")

    def test_is_for_the_values_own_row_only(self, sealed: bytes) -> None:
        with pytest.raises(crypto.CannotOpen, match="belongs elsewhere"):
            crypto.rewrap(sealed, identity="y")

    def test_without_the_old_key_says_which_is_missing(self, sealed: bytes, settings: Any) -> None:
        settings.DRAWBRIDGE_ENCRYPTION_KEYS = [NEW]
        with pytest.raises(crypto.CannotOpen, match="'old'"):
            crypto.rewrap(sealed, identity="x")

    @pytest.mark.parametrize("cut", [b"", b"DB1", b"DB1\x04ab", b"XX1\x00"])
    def test_names_no_key_of_what_is_not_sealed(self, cut: bytes) -> None:
        with pytest.raises(crypto.CannotOpen):
            crypto.key_id_of(cut)
