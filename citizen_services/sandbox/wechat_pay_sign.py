"""Signatures and envelopes of WeChat Pay API v3, the partner's side.

Imitates 《微信支付 APIv3 接口规则》: 签名生成, 签名验证, 证书和回调报文解密.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import secrets
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256

SCHEME = "WECHATPAY2-SHA256-RSA2048"
_PART = re.compile(r'(\w+)="([^"]*)"')


@lru_cache(maxsize=8)
def _private(text: str) -> RSAPrivateKey:
    key = serialization.load_der_private_key(base64.b64decode(text), None)
    assert isinstance(key, RSAPrivateKey)  # noqa: S101 - deploy makes no other
    return key


@lru_cache(maxsize=8)
def _public(text: str) -> RSAPublicKey:
    key = serialization.load_der_public_key(base64.b64decode(text))
    assert isinstance(key, RSAPublicKey)  # noqa: S101 - deploy makes no other
    return key


def signed_headers(key: str, key_id: str, body: bytes, now: float) -> dict[str, str]:
    """The headers by which whoever gets this body knows that it is ours."""
    stamp, nonce = str(int(now)), secrets.token_hex(16)
    message = f"{stamp}\n{nonce}\n".encode() + body + b"\n"
    return {
        "Wechatpay-Timestamp": stamp,
        "Wechatpay-Nonce": nonce,
        "Wechatpay-Serial": key_id,
        "Wechatpay-Signature": base64.b64encode(_private(key).sign(message, PKCS1v15(), SHA256())).decode(),
        "Wechatpay-Signature-Type": SCHEME,
    }


def authorised(
    header: str, *, merchant_no: str, serial_no: str, key: str, method: str, target: str, body: bytes, now: float
) -> bool:
    """Whether a request is the merchant's own: number, certificate, a time within five minutes, and its signature."""
    scheme, _, rest = header.partition(" ")
    parts = dict(_PART.findall(rest))
    if scheme != SCHEME or parts.get("mchid") != merchant_no or parts.get("serial_no") != serial_no:
        return False
    stamp, nonce = parts.get("timestamp", ""), parts.get("nonce_str", "")
    if not stamp.isdigit() or abs(now - int(stamp)) > 300 or not nonce:
        return False
    message = f"{method}\n{target}\n{stamp}\n{nonce}\n".encode() + body + b"\n"
    try:
        _public(key).verify(base64.b64decode(parts.get("signature", "")), message, PKCS1v15(), SHA256())
    except (InvalidSignature, binascii.Error):
        return False
    return True


def sealed(api_v3_key: str, original_type: str, content: dict[str, Any]) -> dict[str, str]:
    """The `resource` of a notification: AES-256-GCM under the merchant's APIv3 key."""
    nonce, associated = secrets.token_hex(6), original_type
    plain = json.dumps(content, ensure_ascii=False).encode()
    cipher = AESGCM(api_v3_key.encode()).encrypt(nonce.encode(), plain, associated.encode())
    return {
        "original_type": original_type,
        "algorithm": "AEAD_AES_256_GCM",
        "ciphertext": base64.b64encode(cipher).decode(),
        "associated_data": associated,
        "nonce": nonce,
    }
