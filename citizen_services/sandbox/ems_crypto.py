"""China Post's "signature": SM4-ECB over the JSON with the key's own text behind it.

Imitates 《中小电商企业接口规范 V2.7》 as public clients show it: `|$4|` + Base64(SM4-ECB-PKCS7(UTF-8(JSON +
signKey))), key = the 16 bytes of the Base64 signKey. The document itself needs a login.
"""

from __future__ import annotations

import base64
import binascii

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import ECB
from cryptography.hazmat.primitives.padding import PKCS7

PREFIX = "|$4|"


class CipherError(Exception):
    """A `logitcsInterface` can't be opened with our key."""


def _cipher(sign_key: str) -> Cipher[ECB]:
    return Cipher(SM4(base64.b64decode(sign_key)), ECB())  # noqa: S305  # the partner's format, not our choice


def seal(text: str, sign_key: str) -> str:
    """Encrypt a JSON text, with the key's text behind it."""
    padder = PKCS7(128).padder()
    padded = padder.update((text + sign_key).encode()) + padder.finalize()
    encryptor = _cipher(sign_key).encryptor()
    return PREFIX + base64.b64encode(encryptor.update(padded) + encryptor.finalize()).decode()


def unseal(text: str, sign_key: str) -> str:
    """Decrypt to the JSON text; raises CipherError also where the key's text doesn't stand behind it."""
    try:
        raw = base64.b64decode(text.removeprefix(PREFIX), validate=True)
        decryptor = _cipher(sign_key).decryptor()
        unpadder = PKCS7(128).unpadder()
        plain = unpadder.update(decryptor.update(raw) + decryptor.finalize()) + unpadder.finalize()
        opened = plain.decode()
    except (binascii.Error, ValueError) as error:
        raise CipherError("the ciphertext can't be opened") from error
    if not opened.endswith(sign_key):
        raise CipherError("the key does not stand behind the JSON")
    return opened[: -len(sign_key)]
