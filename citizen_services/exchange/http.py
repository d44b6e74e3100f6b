"""The common caller: pooled connections a partner, every wait bounded, no retries, nothing personal or secret told on.

The kinds of failure are told apart by what the partner may have got; see outcomes.py.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
import ssl
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

import certifi
from urllib3 import BaseHTTPResponse
from urllib3.connection import HTTPConnection, HTTPException, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ReadTimeoutError

from citizen_services import metrics
from citizen_services.exchange.breaker import Breaker
from citizen_services.exchange.outcomes import OutsideError, Uncertain, Unreachable

log = logging.getLogger(__name__)

_REF = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_CONNECTIONS = 32
_CHUNK = 64 * 1024
#: The largest answer that is read unless an operation says more.
ANSWER_LIMIT = 1024 * 1024
_ALWAYS: Mapping[str, str] = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "citizen-services"}


@dataclass(frozen=True)
class Patience:
    """How long a call may last, in seconds: to connect, between two pieces of the answer, and as a whole."""

    connect_s: float
    read_s: float
    whole_s: float


#: While a person waits for a page; and in a worker.
PAGE = Patience(1.0, 3.0, 4.0)
WORK = Patience(3.0, 10.0, 15.0)


class _NoAddresses(logging.Filter):
    """urllib3 writes every request's address at DEBUG, and partners want phones and tokens in addresses."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno > logging.DEBUG


logging.getLogger("urllib3.connectionpool").addFilter(_NoAddresses())


def new_ref() -> str:
    """A reference for a call that nothing of ours has to be found by: 32 hex digits."""
    return uuid4().hex


@dataclass(frozen=True)
class Reply:
    """What came back: any status, the whole body."""

    partner: str
    operation: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """The body as a JSON object; Uncertain for a status of 5xx and for anything else that isn't one."""
        if self.status >= 500:
            raise self.uncertain(f"HTTP {self.status}")
        found = self.json_or_none()
        if found is None:
            raise self.uncertain(f"HTTP {self.status} without a JSON object")
        return found

    def json_or_none(self) -> dict[str, Any] | None:
        """The body as a JSON object whatever the status, None where it isn't one."""
        try:
            # Partners label UTF-8 as anything; WeChat leaves control characters in strings.
            found = json.loads(self.body.decode("utf-8"), strict=False)
        except (ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None

    def uncertain(self, why: str) -> Uncertain:
        """That this answer can't be understood."""
        return Uncertain(self.partner, self.operation, why)


class Caller:
    """Calls one partner. One a process; safe for threads."""

    def __init__(self, partner: str, breaker: Breaker | None = None) -> None:
        self.partner = partner
        self._breaker = breaker or Breaker()
        # urllib3's connections, not its pools, whose every request goes through the whole address byte by byte, though
        # it is encoded, nor a library above them, that takes proxies, credentials and cookies from elsewhere.
        self._hosts: dict[tuple[str, str], _Connections] = {}
        self._lock = threading.Lock()

    @property
    def failing(self) -> bool:
        """Whether the partner failed again and again, and has not answered since."""
        return self._breaker.failing

    @property
    def left_alone(self) -> bool:
        """Whether a call now would be refused by ourselves, the partner having failed again and again."""
        return self._breaker.open

    def send(
        self,
        method: Literal["GET", "POST"],
        url: str,
        *,
        operation: str,
        ref: str,
        patience: Patience = WORK,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        limit: int = ANSWER_LIMIT,
    ) -> Reply:
        """Make one request, once; ``url`` is encoded, ``ref`` ours (nothing personal), ``limit`` the answer's bytes.

        Gives the reply of any status. Raises Unreachable or Uncertain.
        """
        if not _REF.fullmatch(ref):
            raise ValueError("a reference is 1 to 64 characters of A-Z a-z 0-9 . _ : -")
        if not self._breaker.may_call():
            metrics.called(self.partner, operation, "left_alone", None)
            raise Unreachable(self.partner, operation, "left alone after repeated failures")
        began = time.monotonic()
        reply: Reply | None = None
        fault: OutsideError | None = None
        host, target = self._where(url, params)
        sent = {**_ALWAYS, **(headers or {}), "X-Request-Ref": ref}
        try:
            with host.connection(patience.connect_s) as connection:
                # Who answers before everything was sent, and hangs up, has still answered.
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    connection.request(method, target, body=body, headers=sent, preload_content=False)
                connection.timeout = patience.read_s
                # Never redirected: a POST would be sent twice, and credentials to whom nobody named.
                response = connection.getresponse()
                content = _read(response, limit, began + patience.whole_s)
                if content is None:
                    connection.close()
            if content is None:
                fault = Uncertain(self.partner, operation, "the answer is too long, or takes too long")
            else:
                reply = Reply(self.partner, operation, response.status, response.headers, content)
        except (HTTPError, HTTPException, OSError) as error:
            fault = self._sorted(error, operation)
        # Raised out here: raised in the handler it would keep the library's, with its address, as its context.
        took = time.monotonic() - began
        if fault is not None or reply is None:
            self._breaker.failed()
            outcome = "unreachable" if isinstance(fault, Unreachable) else "uncertain"
            metrics.called(self.partner, operation, outcome, took)
            log.warning("%s ref=%s after %.2f s", fault, ref, took)
            raise fault or Uncertain(self.partner, operation, "no answer")
        metrics.called(self.partner, operation, "http_5xx" if reply.status >= 500 else "answered", took)
        if reply.status >= 500:
            self._breaker.failed()
            log.warning("%s %s ref=%s: HTTP %d", self.partner, operation, ref, reply.status)
        else:
            self._breaker.succeeded()
        return reply

    def _where(self, url: str, params: Mapping[str, str] | None) -> tuple[_Connections, str]:
        """The connections to an address's host, and what is asked there: path and query as a request line has them."""
        parts = urlsplit(url)
        query = "&".join(piece for piece in (parts.query, urlencode(params or {})) if piece)
        origin = (parts.scheme, parts.netloc)
        host = self._hosts.get(origin)
        if host is None:
            with self._lock:
                host = self._hosts.setdefault(origin, _Connections(parts.scheme, parts.hostname or "", parts.port))
        path = parts.path or "/"
        return host, f"{path}?{query}" if query else path

    def _sorted(self, error: BaseException, operation: str) -> OutsideError:
        chain = list(_causes(error))
        if any(isinstance(cause, NewConnectionError | ConnectTimeoutError) for cause in chain):
            return Unreachable(self.partner, operation, "no connection")
        if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in chain):
            return Unreachable(self.partner, operation, "its certificate is not trusted")
        if any(isinstance(cause, ReadTimeoutError | TimeoutError) for cause in chain):
            return Uncertain(self.partner, operation, "no answer in time")
        return Uncertain(self.partner, operation, f"the connection broke ({type(error).__name__})")


class _Connections:
    """Kept connections to one host; more than are kept may be open at once."""

    def __init__(self, scheme: str, host: str, port: int | None) -> None:
        if ":" in host:
            host = f"[{host}]"
        self._make: Callable[[], HTTPConnection] = partial(HTTPConnection, host, port)
        if scheme == "https":
            self._make = partial(HTTPSConnection, host, port, cert_reqs="CERT_REQUIRED", ca_certs=certifi.where())
        # The one that was used last is the least likely to have been closed meanwhile.
        self._kept: deque[HTTPConnection] = deque()
        weakref.finalize(self, _close_all, self._kept)

    @contextmanager
    def connection(self, connect_s: float) -> Iterator[HTTPConnection]:
        """One for a single call; closed unless the call comes to its end."""
        try:
            connection = self._kept.pop()
        except IndexError:
            connection = self._make()
        if not connection.is_connected:
            # Closed by the partner meanwhile, it connects anew by itself.
            connection.close()
        connection.timeout = connect_s
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        if len(self._kept) < _CONNECTIONS:
            self._kept.append(connection)
        else:
            connection.close()


def _close_all(kept: Iterable[HTTPConnection]) -> None:
    for connection in kept:
        connection.close()


def _read(response: BaseHTTPResponse, limit: int, until: float) -> bytes | None:
    """The whole body; None where it is longer than ``limit`` or has not come by ``until`` (monotonic seconds)."""
    pieces: list[bytes] = []
    size = 0
    while piece := response.read1(_CHUNK, decode_content=True):
        size += len(piece)
        if size > limit or time.monotonic() > until:
            response.close()
            return None
        pieces.append(piece)
    return b"".join(pieces)


def _causes(error: BaseException | None) -> list[BaseException]:
    """An exception with all that it was made of: urllib3 keeps reasons in ``reason`` and ``args`` too."""
    found: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        current = waiting.pop()
        if not isinstance(current, BaseException) or current in found:
            continue
        found.append(current)
        waiting += [current.__cause__, current.__context__, getattr(current, "reason", None), *current.args]
    return found
