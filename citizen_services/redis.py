"""The one place where Redis clients are made.

Bounded waits and no retries, so that Redis away costs a request next to nothing.

With the library's defaults a refused connection costs a request four seconds and a frozen one a minute.
"""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.connection import AbstractConnection, ConnectionPool
from redis.retry import Retry

_T = TypeVar("_T")

#: After a failure the breaker lets nothing through for this long, in seconds.
BREAKER_S = 2.0


def web_client(url: str) -> redis.Redis:
    """A client for requests: gives up after fractions of a second, never retries."""
    return redis.Redis.from_url(
        url, socket_connect_timeout=0.2, socket_timeout=0.3, retry=Retry(NoBackoff(), 0), health_check_interval=0
    )


def worker_client(url: str) -> redis.Redis:
    """A client for workers, which wait for jobs and may wait for Redis as well."""
    return redis.Redis.from_url(url, socket_connect_timeout=2.0, health_check_interval=15)


class _Own(threading.local):
    """A thread's own connection for ``exchange``: no pool to lock and nothing to look at before it is used."""

    pool: ConnectionPool | None = None
    process = 0
    connection: AbstractConnection | None = None


_own = _Own()


def exchange(client: redis.Redis, *commands: tuple[bytes, ...]) -> list[Any]:
    """Send commands in one piece and read their answers: bytes, numbers or None, no lists; raises redis.RedisError.

    What a pipeline does without a transaction, at a quarter of its price: for the one or two commands of a hot path.
    They must bear being sent twice, as is done where the server has closed the connection meanwhile.
    """
    pool = client.connection_pool
    packed = b"".join(_packed(command) for command in commands)
    kept = _own.connection
    if kept is not None and kept.is_connected and _own.pool is pool and _own.process == os.getpid():
        try:
            return _ask(kept, packed, len(commands))
        except redis.ConnectionError:
            # Closed meanwhile. One that did not answer in time is a TimeoutError: nor would another be answered.
            pass
    _own.pool, _own.process, _own.connection = pool, os.getpid(), _connected(pool)
    return _ask(_own.connection, packed, len(commands))


def _ask(connection: AbstractConnection, packed: bytes, count: int) -> list[Any]:
    try:
        plain: Any = connection._sock
        plain.sendall(packed)
        return _read(plain, count)
    except (TimeoutError, BlockingIOError) as fault:
        connection.disconnect()
        raise redis.TimeoutError("Redis did not answer in time") from fault
    except OSError as fault:
        connection.disconnect()
        raise redis.ConnectionError("the connection to Redis broke") from fault
    except BaseException:
        # What is still under way on it would be taken for the next one's answer.
        connection.disconnect()
        raise


def _read(plain: socket.socket, count: int) -> list[bytes | int | None]:
    """The next answers: texts, numbers and nulls of RESP 2 and 3, for which the library's reader is too general to be
    quick. ResponseError for the first error among them, ConnectionError where the server closes.
    """
    answers: list[bytes | int | None] = []
    data, at = b"", 0
    while len(answers) < count:
        end = data.find(b"\r\n", at)
        kind, head = data[at : at + 1], data[at + 1 : end]
        # Where a text's last byte and the line's end after it are; elsewhere the line is all.
        last = end + 2 + int(head) if kind == b"$" and end >= 0 and head != b"-1" else end
        if end < 0 or len(data) < last + 2:
            more = plain.recv(65536)
            if not more:
                raise redis.ConnectionError("the server closed the connection")
            data += more
            continue
        if kind == b"-":
            raise redis.ResponseError(head.decode(errors="replace"))
        if kind not in b"$_+:":
            raise redis.InvalidResponse("a list, which nobody here asks for")
        if kind == b":":
            answers.append(int(head))
        else:
            answers.append(head if kind == b"+" else data[end + 2 : last] if last > end else None)
        at = last + 2
    return answers


def _connected(pool: ConnectionPool) -> AbstractConnection:
    """A connection as the pool makes them, whose time-outs the kernel keeps.

    Python's own poll the socket before each call, and each poll gives up the interpreter's lock once more.
    """
    connection: AbstractConnection = pool.connection_class(**pool.connection_kwargs)
    connection.connect()
    plain: Any = connection._sock
    seconds = connection.socket_timeout
    if type(plain) is socket.socket and seconds:
        limit = struct.pack("ll", int(seconds), int(seconds % 1 * 1_000_000))
        plain.settimeout(None)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
    return connection


def _packed(command: tuple[bytes, ...]) -> bytes:
    words = b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in command)
    return b"*%d\r\n%b" % (len(command), words)


class Breaker:
    """Asks Redis, or answers ``otherwise`` at once while it is known to be away."""

    def __init__(self) -> None:
        self._open_until = 0.0
        self._lock = threading.Lock()

    def ask(self, question: Callable[[], _T], otherwise: _T) -> _T:
        """The answer to ``question`` (a call on a client), ``otherwise`` where Redis is away."""
        if time.monotonic() < self._open_until:
            return otherwise
        try:
            return question()
        except redis.RedisError:
            with self._lock:
                self._open_until = time.monotonic() + BREAKER_S
            return otherwise

    @property
    def closed(self) -> bool:
        """Whether Redis answered when last asked."""
        return time.monotonic() >= self._open_until


#: The breaker of this process.
breaker = Breaker()
