"""Unpacking a module's archive."""

import io
import tarfile
from pathlib import Path

import pytest

from catalog.content import module_digest
from provisioner.engine import archive
from provisioner.engine.types import EngineFailure
from tests.engine.conftest import pack


def pack_member(name: str, **attributes: object) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as written:
        member = tarfile.TarInfo(name)
        for key, value in attributes.items():
            setattr(member, key, value)
        written.addfile(member, io.BytesIO(b"\0" * member.size))
    return buffer.getvalue()


class TestUnpack:
    def test_writes_files_and_folders(self, tmp_path: Path) -> None:
        archive.unpack(pack({"main.tf": "a", "policies/role.json": "{}"}), tmp_path / "module")
        assert (tmp_path / "module/main.tf").read_text() == "a"
        assert (tmp_path / "module/policies/role.json").read_text() == "{}"

    @pytest.mark.parametrize("name", ["/etc/cron.d/x", "../x", "a/../../x", "a\\..\\x"])
    def test_refuses_paths_that_leave_the_folder(self, name: str, tmp_path: Path) -> None:
        with pytest.raises(EngineFailure, match="refused") as refused:
            archive.unpack(pack({name: "x"}), tmp_path / "module")
        assert "would leave" in refused.value.detail
        assert list(tmp_path.rglob("x")) == []

    @pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
    def test_refuses_links_and_devices(self, kind: bytes, tmp_path: Path) -> None:
        with pytest.raises(EngineFailure) as refused:
            archive.unpack(pack_member("main.tf", type=kind, linkname="/etc/passwd"), tmp_path)
        assert "only files" in refused.value.detail

    def test_refuses_what_is_too_large(self, tmp_path: Path) -> None:
        content = pack_member("big.tf", size=archive.MAX_BYTES + 1)
        with pytest.raises(EngineFailure) as refused:
            archive.unpack(content, tmp_path)
        assert "larger" in refused.value.detail

    def test_refuses_too_many_files(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(archive, "MAX_FILES", 2)
        with pytest.raises(EngineFailure):
            archive.unpack(pack({"a": "", "b": "", "c": ""}), tmp_path)

    @pytest.mark.parametrize("content", [b"", b"no archive", pack({"a": "x" * 5000})[:-20]])
    def test_refuses_what_is_no_archive(self, content: bytes, tmp_path: Path) -> None:
        with pytest.raises(EngineFailure, match="refused"):
            archive.unpack(content, tmp_path)


class TestCheckDigest:
    def test_takes_the_content_that_was_ordered(self) -> None:
        archive.check_digest(pack({"main.tf": "a"}), module_digest({"main.tf": b"a"}))

    def test_refuses_other_content(self) -> None:
        with pytest.raises(EngineFailure) as refused:
            archive.check_digest(pack({"main.tf": "b"}), module_digest({"main.tf": b"a"}))
        assert "was ordered with" in refused.value.detail
