"""Verification of ACS3-HMAC-SHA256, the signature of Aliyun's OpenAPI.

Imitates 《V3 版本请求体&签名机制》 (help.aliyun.com, document 2712195) and what Aliyun's SDK 4.6.0 sends. Written
from the description alone, apart from the client's own signing, so that the two check each other.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote

ALGORITHM = "ACS3-HMAC-SHA256"
CLOCK_S = 15 * 60
NEEDED = ("x-acs-action", "x-acs-version", "x-acs-date", "x-acs-signature-nonce", "x-acs-content-sha256")
_AUTHORIZATION = re.compile(
    rf"{ALGORITHM} Credential=(?P<key>[^,\s]+),\s*SignedHeaders=(?P<headers>[^,\s]+),"
    r"\s*Signature=(?P<signature>[0-9a-f]{64})"
)


class SignatureError(Exception):
    """A request that isn't let in: HTTP status and Aliyun's code."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def _encoded(text: str) -> str:
    """RFC 3986: everything but letters, digits and `-_.~`."""
    return quote(text, safe="-_.~")


def canonical_query(query: str) -> str:
    """Return the query sorted and encoded anew."""
    pairs = sorted((_encoded(name), _encoded(value)) for name, value in parse_qsl(query, keep_blank_values=True))
    return "&".join(f"{name}={value}" for name, value in pairs)


def canonical_request(method: str, path: str, query: str, headers: Mapping[str, str], signed: Iterable[str]) -> str:
    """Return the canonical request. `headers` has lower-case names; `signed` are the signed ones, sorted."""
    names = list(signed)
    lines = "".join(f"{name}:{headers.get(name, '').strip()}\n" for name in names)
    digest = headers.get("x-acs-content-sha256", "")
    return "\n".join((method, path, canonical_query(query), lines, ";".join(names), digest))


def signature(secret: str, canonical: str) -> str:
    """Return the hex signature of a canonical request."""
    to_sign = f"{ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    return hmac.new(secret.encode(), to_sign.encode(), hashlib.sha256).hexdigest()


def verify(
    *,
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    body: bytes,
    key_id: str,
    secret: str,
    now: float,
) -> None:
    """Let a request in or raise SignatureError. `path` and `query` as sent, `headers` with lower-case names.

    Whether the nonce was used is the caller's to check: it alone remembers.
    """
    match = _AUTHORIZATION.fullmatch(headers.get("authorization", "").strip())
    if match is None:
        raise SignatureError(400, "IncompleteSignature", "The request signature does not conform to Aliyun standards.")
    missing = [name for name in NEEDED if not headers.get(name)]
    if missing:
        raise SignatureError(400, "MissingHeader", f"{missing[0]} is mandatory for this action.")
    if not key_id or match["key"] != key_id:
        raise SignatureError(404, "InvalidAccessKeyId.NotFound", "Specified access key is not found.")
    signed = match["headers"].split(";")
    unsigned = [name for name in headers if name.startswith("x-acs-") and name not in signed]
    if signed != sorted(signed) or "host" not in signed or unsigned:
        raise SignatureError(400, "IncompleteSignature", "Host and every x-acs- header must be signed, in order.")
    if hashlib.sha256(body).hexdigest() != headers["x-acs-content-sha256"]:
        raise SignatureError(400, "ContentHashNotMatch", "The body does not match x-acs-content-sha256.")
    canonical = canonical_request(method, path, query, headers, signed)
    if not hmac.compare_digest(signature(secret, canonical), match["signature"]):
        message = "Specified signature is not matched with our calculation."
        raise SignatureError(400, "SignatureDoesNotMatch", message)
    try:
        sent = datetime.strptime(headers["x-acs-date"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise SignatureError(400, "InvalidTimeStamp.Format", "Specified time stamp is not well formatted.") from None
    if abs(now - sent) > CLOCK_S:
        raise SignatureError(400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.")
