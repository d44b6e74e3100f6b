"""An S3 service for tests: real HTTP, path-style addresses, and Signature Version 4 checked as its document says.

Written from Amazon's "Authenticating Requests (AWS Signature Version 4)" and "ListObjectsV2"; it knows one bucket and
the five operations that a store needs, and refuses everything else.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from xml.sax.saxutils import escape

BUCKET, REGION, ACCESS_KEY, SECRET_KEY = "photos", "cn-ningbo-1", "AKTEST", "a-key-of-the-tests"
_FRESH_S = 900


@dataclass
class Bucket:
    """What is kept, ``{name: (content, when)}``, and the operations as they arrived."""

    url: str
    objects: dict[str, tuple[bytes, datetime]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signature_fault(handler: BaseHTTPRequestHandler, body: bytes) -> str | None:
    """The S3 error code of a request that is not signed as it must be; None where it is."""
    headers = {name.lower(): " ".join(value.split()) for name, value in handler.headers.items()}
    kind, _, rest = headers.get("authorization", "").partition(" ")
    given = dict(part.strip().split("=", 1) for part in rest.split(",") if "=" in part)
    if kind != "AWS4-HMAC-SHA256" or set(given) != {"Credential", "SignedHeaders", "Signature"}:
        return "AccessDenied"
    key, _, scope = given["Credential"].partition("/")
    at = headers.get("x-amz-date", "")
    if key != ACCESS_KEY:
        return "InvalidAccessKeyId"
    if scope != f"{at[:8]}/{REGION}/s3/aws4_request":
        return "AuthorizationHeaderMalformed"
    sent = datetime.strptime(at, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    if abs((datetime.now(UTC) - sent).total_seconds()) > _FRESH_S:
        return "RequestTimeTooSkewed"
    digest = hashlib.sha256(body).hexdigest()
    if headers.get("x-amz-content-sha256") != digest:
        return "XAmzContentSHA256Mismatch"
    signed = given["SignedHeaders"].split(";")
    if not {"host", "x-amz-date", "x-amz-content-sha256"} <= set(signed):
        return "AccessDenied"
    address = urlsplit(handler.path)
    query = sorted((quote(k, safe="-_.~"), quote(v, safe="-_.~")) for k, v in parse_qsl(address.query, True))
    canonical = "\n".join(
        [
            handler.command,
            quote(unquote(address.path), safe="/-_.~"),
            "&".join(f"{name}={value}" for name, value in query),
            *(f"{name}:{headers[name]}" for name in signed),
            "",
            ";".join(signed),
            digest,
        ]
    )
    to_sign = "\n".join(["AWS4-HMAC-SHA256", at, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    signing = _hmac(_hmac(_hmac(_hmac(f"AWS4{SECRET_KEY}".encode(), at[:8]), REGION), "s3"), "aws4_request")
    right = hmac.compare_digest(_hmac(signing, to_sign).hex(), given["Signature"])
    return None if right else "SignatureDoesNotMatch"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    bucket: Bucket

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: names of objects belong to nobody's log."""

    def _answer(self, status: int, body: bytes = b"", kind: str = "application/xml", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", kind)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _refuse(self, status: int, code: str) -> None:
        self._answer(status, f"<Error><Code>{code}</Code><Message>refused</Message></Error>".encode())

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        address = urlsplit(self.path)
        _, bucket, name = [*unquote(address.path).split("/", 2), ""][:3]
        self.bucket.asked.append(f"{self.command} {name}")
        fault = signature_fault(self, body)
        if fault is not None:
            self._refuse(403, fault)
        elif bucket != BUCKET:
            self._refuse(404, "NoSuchBucket")
        elif not name and self.command == "GET":
            self._listed()
        elif self.command == "PUT":
            self.bucket.objects[name] = (body, datetime.now(UTC))
            self._answer(200, ETag=f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"')
        elif self.command == "DELETE":
            self.bucket.objects.pop(name, None)
            self._answer(204)
        elif name not in self.bucket.objects:
            self._refuse(404, "NoSuchKey")
        else:
            content, at = self.bucket.objects[name]
            modified = at.strftime("%a, %d %b %Y %H:%M:%S GMT")
            etag = f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
            self._answer(200, content, "application/octet-stream", Last_Modified=modified, ETag=etag)

    def _listed(self) -> None:
        rows = "".join(
            f"<Contents><Key>{escape(name)}</Key><Size>{len(content)}</Size><ETag>&quot;0&quot;</ETag>"
            f"<LastModified>{at:%Y-%m-%dT%H:%M:%S.000Z}</LastModified></Contents>"
            for name, (content, at) in sorted(self.bucket.objects.items())
        )
        listed = (
            '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Name>{BUCKET}</Name><IsTruncated>false</IsTruncated>{rows}</ListBucketResult>"
        )
        self._answer(200, listed.encode())

    do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = _handle


@contextmanager
def s3_service() -> Iterator[Bucket]:
    """The service on a port of its own."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    bucket = Bucket(f"http://127.0.0.1:{server.server_port}")
    server.RequestHandlerClass = type("Handler", (_Handler,), {"bucket": bucket})
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield bucket
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
