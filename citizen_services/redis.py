"""The one place where Redis clients are made.

Bounded waits and no retries, so that Redis away costs a request next to nothing.

With the library's defaults a refused connection costs a request four seconds and a frozen one a minute.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import redis
from redis.backoff import NoBackoff
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


def exchange(client: redis.Redis, *commands: tuple[bytes, ...]) -> list[Any]:
    """Send commands in one piece and read their answers, bytes or None; raises redis.RedisError.

    What a pipeline does without a transaction, at half its price: for the one or two commands of a hot path.
    """
    pool = client.connection_pool
    connection = pool.get_connection()
    try:
        connection.send_packed_command([b"".join(_packed(command) for command in commands)])
        answers = [connection.read_response(disable_decoding=True) for _ in commands]
    except BaseException:
        # What is still under way on it would be taken for the next one's answer.
        connection.disconnect()
        raise
    finally:
        pool.release(connection)
    return answers


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
