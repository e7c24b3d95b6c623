"""Envelope encryption of what must not be readable in the database: state, plan files, plan documents.

Format: `DB1`, length and id of the key-encryption key, its nonce and the wrapped data key, the content's nonce
and ciphertext. AES-256-GCM twice (NIST SP 800-38D); `identity` names the row and is authenticated with the
content, so that a sealed value copied to another row does not open. Rotation only rewraps the data key.
"""

import base64
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

_MAGIC = b"DB1"
_NONCE = 12
_WRAPPED = 32 + 16
# Of a sealed value, what holds the id of its key whatever its length.
HEAD_BYTES = len(_MAGIC) + 1 + 255


class CannotOpen(Exception):
    """A sealed value cannot be opened: its key is missing, or it was changed or moved."""


def _keys() -> dict[str, bytes]:
    """Return the key-encryption keys by id, the encrypting one first."""
    keys: dict[str, bytes] = {}
    for entry in settings.DRAWBRIDGE_ENCRYPTION_KEYS:
        key_id, _, encoded = entry.partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except ValueError as error:
            raise ImproperlyConfigured(f"Encryption key {key_id!r} is not base64.") from error
        if len(key) != 32 or not 0 < len(key_id.encode()) < 256:
            raise ImproperlyConfigured(f"Encryption key {key_id!r} must be 32 bytes, as id:base64.")
        keys[key_id] = key
    if not keys:
        raise ImproperlyConfigured("DRAWBRIDGE_ENCRYPTION_KEYS is empty.")
    return keys


def seal(plaintext: bytes, *, identity: str) -> bytes:
    """Encrypt `plaintext` for the row that `identity` names."""
    data_key, nonce = AESGCM.generate_key(256), os.urandom(_NONCE)
    content = AESGCM(data_key).encrypt(nonce, plaintext, identity.encode())
    return b"".join([_wrap(data_key, identity), nonce, content])


def open_sealed(sealed: bytes | memoryview, *, identity: str) -> bytes:
    """Decrypt what `seal` made for the same identity. Raises CannotOpen."""
    data_key, rest = _unwrap(bytes(sealed), identity)
    try:
        return AESGCM(data_key).decrypt(rest[:_NONCE], rest[_NONCE:], identity.encode())
    except (InvalidTag, ValueError) as error:
        raise _changed(identity) from error


def key_id_of(sealed: bytes | memoryview) -> str:
    """Return the id of the key that wraps a sealed value; its beginning is enough. Raises CannotOpen."""
    blob = bytes(sealed[:HEAD_BYTES])
    if len(blob) < 4 or blob[:3] != _MAGIC or len(blob) < 4 + blob[3]:
        raise CannotOpen("not a sealed value")
    return blob[4 : 4 + blob[3]].decode(errors="replace")


def first_key_id() -> str:
    """Return the id of the key that seals."""
    return next(iter(_keys()))


def key_ids() -> frozenset[str]:
    """Return the ids of the keys that open."""
    return frozenset(_keys())


def rewrap(sealed: bytes | memoryview, *, identity: str) -> bytes:
    """Return the same sealed value with its data key wrapped by the first key. Raises CannotOpen.

    The content is neither decrypted nor changed, so that a change to it shows when it is opened.
    """
    data_key, rest = _unwrap(bytes(sealed), identity)
    return _wrap(data_key, identity) + rest


def _wrap(data_key: bytes, identity: str) -> bytes:
    key_id, key = next(iter(_keys().items()))
    nonce, name = os.urandom(_NONCE), key_id.encode()
    wrapped = AESGCM(key).encrypt(nonce, data_key, identity.encode())
    return b"".join([_MAGIC, bytes([len(name)]), name, nonce, wrapped])


def _unwrap(blob: bytes, identity: str) -> tuple[bytes, bytes]:
    """Return the data key, and the content's nonce and ciphertext."""
    key_id = key_id_of(blob)
    key = _keys().get(key_id)
    if key is None:
        raise CannotOpen(
            f"sealed with key {key_id!r}, which DRAWBRIDGE_ENCRYPTION_KEYS does not hold; add that key again"
        )
    start = 4 + blob[3]
    end = start + _NONCE + _WRAPPED
    try:
        data_key = AESGCM(key).decrypt(
            blob[start : start + _NONCE], blob[start + _NONCE : end], identity.encode()
        )
    except (InvalidTag, ValueError) as error:
        raise _changed(identity) from error
    return data_key, blob[end:]


def _changed(identity: str) -> CannotOpen:
    return CannotOpen(f"{identity}: the sealed value was changed or belongs elsewhere")
