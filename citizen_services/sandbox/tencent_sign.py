"""Verification of TC3-HMAC-SHA256, the signature of Tencent's API 3.0.

Imitates 《签名方法 v3》 (cloud.tencent.com 382/38780). Written from the description alone, apart from the client's own
signing, so that the two check each other.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime

ALGORITHM = "TC3-HMAC-SHA256"
CLOCK_S = 300
NEEDED = ("x-tc-action", "x-tc-version", "x-tc-timestamp")
_AUTHORIZATION = re.compile(
    rf"{ALGORITHM} Credential=(?P<key>[^/,\s]+)/(?P<day>\d{{4}}-\d\d-\d\d)/(?P<service>[a-z]+)/tc3_request,\s*"
    r"SignedHeaders=(?P<headers>[a-z0-9;-]+),\s*Signature=(?P<signature>[0-9a-f]{64})"
)


class ApiError(Exception):
    """A request that is refused as a whole: Tencent's code and words, which come as HTTP 200."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def signature(secret: str, timestamp: str, scope: str, canonical: str) -> str:
    """The hex signature of a canonical request; ``scope`` is ``day/service/tc3_request``."""
    key = b"TC3" + secret.encode()
    for step in scope.split("/"):
        key = hmac.digest(key, step.encode(), "sha256")
    text = f"{ALGORITHM}\n{timestamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    return hmac.digest(key, text.encode(), "sha256").hex()


def canonical_request(method: str, query: str, headers: Mapping[str, str], signed: list[str], body: bytes) -> str:
    """The canonical request; the path is always ``/``, values of headers count in small letters."""
    lines = "".join(f"{name}:{headers.get(name, '').strip().lower()}\n" for name in signed)
    return "\n".join((method, "/", query, lines, ";".join(signed), hashlib.sha256(body).hexdigest()))


def verify(
    method: str, query: str, headers: Mapping[str, str], body: bytes, *, key_id: str, secret: str, now: float
) -> None:
    """Let a request in or raise ApiError. ``headers`` has lower-case names."""
    missing = [name for name in NEEDED if not headers.get(name)]
    if missing:
        raise ApiError("MissingParameter", f"The request is missing a required parameter {missing[0]}.")
    match = _AUTHORIZATION.fullmatch(headers.get("authorization", "").strip())
    if match is None:
        raise ApiError("AuthFailure.InvalidAuthorization", "请求头部的 Authorization 不符合腾讯云标准。")
    if not key_id or match["key"] != key_id:
        raise ApiError("AuthFailure.SecretIdNotFound", "The SecretId is not found.")
    signed = match["headers"].split(";")
    if signed != sorted(signed) or not {"content-type", "host"} <= set(signed):
        raise ApiError("AuthFailure.SignatureFailure", "Content-type and host must be signed, in order.")
    timestamp = headers["x-tc-timestamp"]
    if not timestamp.isdigit() or abs(now - int(timestamp)) > CLOCK_S:
        raise ApiError("AuthFailure.SignatureExpire", "The provided credentials have expired.")
    day = datetime.fromtimestamp(int(timestamp), UTC).strftime("%Y-%m-%d")
    scope = f"{match['day']}/{match['service']}/tc3_request"
    canonical = canonical_request(method, query, headers, signed, body)
    right = hmac.compare_digest(signature(secret, timestamp, scope, canonical), match["signature"])
    if not right or match["service"] != "sms" or match["day"] != day:
        raise ApiError("AuthFailure.SignatureFailure", "The provided credentials could not be validated.")
