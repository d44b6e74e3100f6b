"""WeChat's signing and AES envelope of pushes, as WeChat's side does it.

Imitates 《消息加解密说明》 (developers.weixin.qq.com, Message encryption and decryption): AES-256-CBC, IV = first 16
bytes of the key, PKCS7 to 32 bytes, plain text = 16 random bytes, 4-byte big-endian length, XML, appid.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import struct

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

_BLOCK = 32


class EnvelopeError(Exception):
    """An encrypted answer can't be opened; the text says why."""


def sha1_of_sorted(*parts: str) -> str:
    """Return WeChat's signature: SHA-1 over the sorted and joined parts, lower-case hex."""
    return hashlib.sha1("".join(sorted(parts)).encode(), usedforsecurity=False).hexdigest()


def _cipher(aes_key: str) -> Cipher[CBC]:
    key = base64.b64decode(aes_key + "=")
    return Cipher(AES(key), CBC(key[:16]))


def encrypt(xml: str, aes_key: str, app_id: str) -> str:
    """Return the Base64 of the encrypted envelope of an XML text. `aes_key` is the 43-character EncodingAESKey."""
    text = xml.encode()
    plain = secrets.token_bytes(16) + struct.pack(">I", len(text)) + text + app_id.encode()
    fill = _BLOCK - len(plain) % _BLOCK
    encryptor = _cipher(aes_key).encryptor()
    return base64.b64encode(encryptor.update(plain + bytes([fill]) * fill) + encryptor.finalize()).decode()


def decrypt(encrypted: str, aes_key: str, app_id: str) -> str:
    """Open an envelope and return its XML; raises EnvelopeError also when it was made for another appid."""
    try:
        decryptor = _cipher(aes_key).decryptor()
        plain = decryptor.update(base64.b64decode(encrypted, validate=True)) + decryptor.finalize()
    except (binascii.Error, ValueError) as error:
        raise EnvelopeError("the ciphertext can't be read") from error
    if len(plain) < 21 or not 1 <= plain[-1] <= _BLOCK:
        raise EnvelopeError("the padding is wrong")
    plain = plain[: -plain[-1]]
    length = struct.unpack(">I", plain[16:20])[0]
    text, owner = plain[20 : 20 + length], plain[20 + length :]
    if not hmac.compare_digest(owner, app_id.encode()):
        raise EnvelopeError("the answer is for another appid")
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise EnvelopeError("the answer is not UTF-8") from error
