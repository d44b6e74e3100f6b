"""Keys and what is done with them.

Encryption at rest, keyed hashes to find by, chained marks of audit, passwords, short codes.

A stored secret is ``scheme (1 byte) · key id (4 bytes) · nonce (12) · ciphertext and tag``; scheme 1 is AES-256-GCM.
The scheme byte leaves room for SM4, the key id lets keys be rotated, and the associated data binds a value to its
table and column, so that a ciphertext moved to another column does not open.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Sequence

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_AES_GCM = 1
_passwords = PasswordHasher()


class CannotDecrypt(Exception):
    """The stored value doesn't open under any key that we hold, or was moved from another column."""


def _derive(secret: str, purpose: str) -> bytes:
    return hashlib.blake2b(secret.encode(), digest_size=32, person=purpose.encode()[:16]).digest()


class Keyring:
    """An installation's keys. The newest encrypts and hashes; older ones still open and find."""

    def __init__(self, data_keys: Sequence[str], lookup_keys: Sequence[str], audit_key: str) -> None:
        self._data = {self._id(key): AESGCM(_derive(key, "data")) for key in data_keys}
        self._newest = self._id(data_keys[0])
        self._lookup = [_derive(key, "lookup") for key in lookup_keys]
        self._audit = _derive(audit_key, "audit")

    @staticmethod
    def _id(key: str) -> bytes:
        return hashlib.blake2b(_derive(key, "data"), digest_size=4).digest()

    def encrypt(self, plain: bytes, bound_to: str) -> bytes:
        """Encrypt under the newest key; ``bound_to`` is ``table.column``."""
        nonce = secrets.token_bytes(12)
        sealed = self._data[self._newest].encrypt(nonce, plain, bound_to.encode())
        return self.newest + nonce + sealed

    def decrypt(self, stored: bytes, bound_to: str) -> bytes:
        """Open what encrypt made; CannotDecrypt when it is not ours, was altered, or stood elsewhere."""
        scheme, key_id, nonce, sealed = stored[0], stored[1:5], stored[5:17], stored[17:]
        cipher = self._data.get(key_id)
        if scheme != _AES_GCM or cipher is None:
            raise CannotDecrypt(f"unknown scheme or key in {bound_to}")
        try:
            return cipher.decrypt(nonce, sealed, bound_to.encode())
        except InvalidTag as fault:
            raise CannotDecrypt(f"a value of {bound_to} was altered or moved") from fault

    @property
    def newest(self) -> bytes:
        """How whatever is encrypted now begins: the scheme and the newest key's id, five bytes."""
        return bytes([_AES_GCM]) + self._newest

    def encrypt_anew(self, stored: bytes, bound_to: str) -> bytes:
        """The same under the newest key. Raises CannotDecrypt."""
        return self.encrypt(self.decrypt(stored, bound_to), bound_to)

    def lookup(self, kind: str, value: str) -> bytes:
        """The keyed hash under which a normalised value (``id_number``, ``phone``, ``name``) is stored, 32 bytes."""
        return self._lookup_under(self._lookup[0], kind, value)

    def lookups(self, kind: str, value: str) -> list[bytes]:
        """The hashes under every key that we hold, newest first: what to search for while keys are being rotated."""
        return [self._lookup_under(key, kind, value) for key in self._lookup]

    @staticmethod
    def _lookup_under(key: bytes, kind: str, value: str) -> bytes:
        return hmac.new(key, f"{kind}\0{value}".encode(), hashlib.sha256).digest()

    def audit_mark(self, previous: bytes, content: object) -> bytes:
        """The mark that chains ``content`` (plain JSON values) to the mark before it, 32 bytes."""
        text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return hmac.new(self._audit, previous + text.encode(), hashlib.sha256).digest()


_keyring: Keyring | None = None


def use(keyring: Keyring) -> None:
    """Make this process's keys the given ones; called once by the composition root."""
    global _keyring
    _keyring = keyring


def keyring() -> Keyring:
    """This process's keys; RuntimeError before the composition root set them."""
    if _keyring is None:
        raise RuntimeError("no keys: create_app() has not run")
    return _keyring


def hash_password(password: str) -> str:
    """Argon2id hash of a staff password, parameters included."""
    return _passwords.hash(password)


def password_matches(stored: str, password: str) -> bool:
    """Whether a password is the one that was hashed; False for a hash that can't be read."""
    try:
        return _passwords.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


def new_token(size: int = 32) -> str:
    """An unguessable URL-safe name of ``size`` random bytes."""
    return secrets.token_urlsafe(size)


def digest(token: str) -> bytes:
    """SHA-256 of an unguessable token: what the database keeps of it, since a random token needs no slow hash."""
    return hashlib.sha256(token.encode()).digest()


def equal(left: bytes | str, right: bytes | str) -> bool:
    """Whether two secrets are equal, in time that doesn't tell where they differ."""
    as_bytes = [value.encode() if isinstance(value, str) else value for value in (left, right)]
    return hmac.compare_digest(*as_bytes)
