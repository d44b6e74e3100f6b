"""No wait for PostgreSQL is endless: where it is frozen, whoever asks hears so in time, and the next ones at once.

PostgreSQL's own time-outs are kept by PostgreSQL, so they say nothing while it stands still: the machine is paused, its
disk hangs, a network swallows packets. A connection that gave no answer is closed: nothing is known of what it asked.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from sqlalchemy import Engine, event
from sqlalchemy.engine import Dialect
from sqlalchemy.pool import ConnectionPoolEntry

RV = TypeVar("RV")

#: How long one answer is waited for: longer than the server lets a statement run (base.engine_options).
LONGEST_S = 7.0
#: How long it may take to say that it is there.
PING_S = 2.0
#: After a silence nobody asks for so long.
SILENCE_S = 2.0

_local = threading.local()
_silent_until = 0.0


class Silent(psycopg.OperationalError):
    """PostgreSQL gave no answer in time."""


def is_silent() -> bool:
    """Whether PostgreSQL left somebody of this process without an answer a moment ago."""
    return time.monotonic() < _silent_until


def note_silence() -> None:
    """PostgreSQL did not even say that it is there, which it says at once whatever it is busy with."""
    global _silent_until
    _silent_until = time.monotonic() + SILENCE_S


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Wait for each answer no longer than that within the block, in this thread."""
    before = getattr(_local, "seconds", LONGEST_S)
    _local.seconds = min(seconds, before)
    try:
        yield
    finally:
        _local.seconds = before


class BoundedConnection(psycopg.Connection[Any]):
    """psycopg's connection, each of whose waits has an end; ``alone`` lets a statement go without BEGIN and COMMIT."""

    #: Whether what is executed now is a transaction by itself, unless one is under way (direct.py).
    alone = False

    def _start_query(self) -> PQGen[None]:
        """As psycopg's, which begins a transaction here before the first statement of one."""
        if not self.alone:
            yield from super()._start_query()

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """As psycopg's; Silent where the answer doesn't come in time, and the connection is closed then."""
        if timeout is not None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, getattr(_local, "seconds", LONGEST_S))
        except psycopg.errors._WaitTimeout as fault:
            self.pgconn.finish()
            raise Silent("PostgreSQL does not answer") from fault


def bound(engine: Engine) -> None:
    """Have an engine's connections wait so; while PostgreSQL is silent none is made."""

    @event.listens_for(engine, "do_connect")
    def _connect(
        dialect: Dialect, record: ConnectionPoolEntry, arguments: tuple[Any, ...], named: dict[str, Any]
    ) -> BoundedConnection:
        if is_silent():
            raise Silent("PostgreSQL did not answer a moment ago")
        if getattr(_local, "seconds", LONGEST_S) < LONGEST_S:
            # The least that psycopg knows.
            named = named | {"connect_timeout": 2}
        try:
            return BoundedConnection.connect(*arguments, **named)
        except psycopg.errors.ConnectionTimeout:
            note_silence()
            raise
