"""Encrypts the records of the shared bucket, so that reading or changing them gains nothing."""

import hashlib
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE = 12
_VERSION = b"\x01"


class RecordCipher:
    """AES-256-GCM, with the entry's key as associated data, so that one entry cannot stand for another."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    @classmethod
    def from_key(cls, secret: str, cloud: str) -> "RecordCipher":
        """From a random key that all replicas are given."""
        derived = HKDF(SHA256(), 32, salt=None, info=f"ferry-tokens {cloud}".encode())
        return cls(derived.derive(secret.encode()))

    @classmethod
    def from_credentials(cls, secrets: tuple[str, ...], cloud: str) -> "RecordCipher":
        """From the cloud's own secrets, slowly (scrypt, 32 MiB): they may be weaker than a key."""
        together = b"".join(len(secret).to_bytes(4) + secret.encode() for secret in secrets)
        salt = f"ferry-tokens {cloud}".encode()
        return cls(hashlib.scrypt(together, salt=salt, n=2**15, r=8, p=1, maxmem=2**26, dklen=32))

    def encrypt(self, name: str, plain: bytes) -> bytes:
        nonce = os.urandom(_NONCE)
        return _VERSION + nonce + self._cipher.encrypt(nonce, plain, name.encode())

    def decrypt(self, name: str, encrypted: bytes) -> bytes | None:
        """None when it was encrypted with another key, or altered."""
        if encrypted[:1] != _VERSION or len(encrypted) <= _NONCE:
            return None
        try:
            return self._cipher.decrypt(encrypted[1 : 1 + _NONCE], encrypted[1 + _NONCE :], name.encode())
        except InvalidTag:
            return None
