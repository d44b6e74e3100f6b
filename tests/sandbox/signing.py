"""Our side's signing, written for the tests from the documents alone."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import uuid
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import requests
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import ECB

from tests.sandbox.kit import CREDENTIALS, Sandbox


def register_headers(partner: str, path: str, body: bytes, ref: str, **other: str) -> dict[str, str]:
    """The headers of docs/partners/signing.md; `other` overrides what is signed or sent."""
    head = {
        "X-App-Id": CREDENTIALS[f"{partner.upper()}_APP_ID"],
        "X-Timestamp": str(int(time.time())),
        "X-Nonce": uuid.uuid4().hex,
        "X-Request-Ref": ref,
        "X-Body-SHA256": hashlib.sha256(body).hexdigest(),
        "Content-Type": "application/json",
    } | other
    names = ("X-Timestamp", "X-Nonce", "X-Request-Ref", "X-Body-SHA256")
    text = "\n".join(["POST", path, *(head[name] for name in names)])
    key = CREDENTIALS[f"{partner.upper()}_APP_KEY"].encode()
    return {"X-Signature": hmac.new(key, text.encode(), hashlib.sha256).hexdigest()} | head


def register_call(
    sandbox: Sandbox, partner: str, operation: str, fields: dict[str, Any], ref: str = "", **other: str
) -> requests.Response:
    """Call an operation of a register."""
    ref = ref or uuid.uuid4().hex
    path, body = f"/{partner}/v1/{operation}", json.dumps({"ref": ref, **fields}).encode()
    headers = register_headers(partner, path, body, ref, **other)
    return sandbox.http.post(sandbox.url + path, data=body, headers=headers, timeout=20)


def aliyun_call(
    sandbox: Sandbox, action: str, params: dict[str, str], secret: str = "", **other: str
) -> requests.Response:
    """Call an action of Aliyun's with ACS3-HMAC-SHA256; `other` overrides headers (with `_` for `-`)."""
    query = "&".join(f"{quote(name, safe='-_.~')}={quote(params[name], safe='-_.~')}" for name in sorted(params))
    head = {
        "host": sandbox.url.removeprefix("http://"),
        "x-acs-action": action,
        "x-acs-content-sha256": hashlib.sha256(b"").hexdigest(),
        "x-acs-date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "x-acs-signature-nonce": uuid.uuid4().hex,
        "x-acs-version": "2017-05-25",
    } | {name.replace("_", "-"): value for name, value in other.items()}
    names = sorted(head)
    lines = "".join(f"{name}:{head[name]}\n" for name in names)
    canonical = "\n".join(["POST", "/sms_aliyun/", query, lines, ";".join(names), head["x-acs-content-sha256"]])
    to_sign = "ACS3-HMAC-SHA256\n" + hashlib.sha256(canonical.encode()).hexdigest()
    key = (secret or CREDENTIALS["SMS_ALIYUN_ACCESS_KEY_SECRET"]).encode()
    sign = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    credential = CREDENTIALS["SMS_ALIYUN_ACCESS_KEY_ID"]
    head["Authorization"] = f"ACS3-HMAC-SHA256 Credential={credential},SignedHeaders={';'.join(names)},Signature={sign}"
    return sandbox.http.post(f"{sandbox.url}/sms_aliyun/?{query}", headers=head, timeout=20)


def sm4(data: bytes, key: bytes, *, decrypt: bool = False) -> bytes:
    """SM4-ECB without padding."""
    cipher = Cipher(SM4(key), ECB())
    context = cipher.decryptor() if decrypt else cipher.encryptor()
    return context.update(data) + context.finalize()


def ems_call(sandbox: Sandbox, api_code: str, body: Any, **other: str) -> dict[str, Any]:
    """Call an operation of China Post's; `other` overrides form fields, `sign_key` the key."""
    sign_key = other.pop("sign_key", CREDENTIALS["EMS_SIGN_KEY"])
    suffix = other.pop("suffix", sign_key)
    raw = (json.dumps(body, ensure_ascii=False) + suffix).encode()
    fill = 16 - len(raw) % 16
    sealed = base64.b64encode(sm4(raw + bytes([fill]) * fill, base64.b64decode(sign_key))).decode()
    form = {
        "apiCode": api_code,
        "senderNo": CREDENTIALS["EMS_SENDER_NO"],
        "authorization": CREDENTIALS["EMS_AUTHORIZATION"],
        "timeStamp": "2026-01-05 09:30:00",
        "msgType": "0",
        "version": "V1.0.0",
        "logitcsInterface": "|$4|" + sealed,
    } | other
    answer = sandbox.http.post(f"{sandbox.url}/ems", data=form, timeout=20)
    assert answer.status_code == 200
    result: dict[str, Any] = answer.json()
    return result
