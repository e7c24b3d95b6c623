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
    key_id, key = next(iter(_keys().items()))
    data_key = AESGCM.generate_key(256)
    wrap_nonce, nonce = os.urandom(_NONCE), os.urandom(_NONCE)
    aad = identity.encode()
    wrapped = AESGCM(key).encrypt(wrap_nonce, data_key, aad)
    name = key_id.encode()
    body = AESGCM(data_key).encrypt(nonce, plaintext, aad)
    return b"".join([_MAGIC, bytes([len(name)]), name, wrap_nonce, wrapped, nonce, body])


def open_sealed(sealed: bytes | memoryview, *, identity: str) -> bytes:
    """Decrypt what `seal` made for the same identity. Raises CannotOpen."""
    blob = bytes(sealed)
    if blob[:3] != _MAGIC or len(blob) < 4:
        raise CannotOpen("not a sealed value")
    cursor = 4 + blob[3]
    key_id = blob[4:cursor].decode(errors="replace")
    key = _keys().get(key_id)
    if key is None:
        raise CannotOpen(
            f"sealed with key {key_id!r}, which DRAWBRIDGE_ENCRYPTION_KEYS does not hold; add that key again"
        )
    wrap_nonce = blob[cursor : cursor + _NONCE]
    wrapped = blob[cursor + _NONCE : cursor + _NONCE + _WRAPPED]
    rest = blob[cursor + _NONCE + _WRAPPED :]
    aad = identity.encode()
    try:
        data_key = AESGCM(key).decrypt(wrap_nonce, wrapped, aad)
        return AESGCM(data_key).decrypt(rest[:_NONCE], rest[_NONCE:], aad)
    except (InvalidTag, ValueError) as error:
        raise CannotOpen(f"{identity}: the sealed value was changed or belongs elsewhere") from error
