"""The session, naming of constraints, and the one way to commit."""

from __future__ import annotations

import math
import select
import time
from collections.abc import Callable
from typing import Any

import psycopg
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Engine, MetaData
from sqlalchemy.exc import DisconnectionError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.pool import ConnectionPoolEntry

from citizen_services.database.patience import PING_S, Silent, at_most, bound, is_silent, note_silence

#: Constraints bear predictable names, since errors.py of a room maps a violated one to the sentence that the person
#: reads.
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

#: PostgreSQL doesn't answer: no connection, one that broke, none free in time, a statement or lock over its time.
DATABASE_AWAY = (OperationalError, InterfaceError, NoConnectionFree)

_AFTER_COMMIT = "after_commit"
_WITH_COMMIT = "with_commit"


class Base(DeclarativeBase):
    """Every table's base."""

    metadata = MetaData(naming_convention=NAMING)


class _Database(SQLAlchemy):
    """The session over engines whose waits all have an end."""

    def _make_engine(self, bind_key: str | None, options: dict[str, Any], app: Flask) -> Engine:
        engine: Engine = super()._make_engine(bind_key, options, app)
        bound(engine)
        return engine


db = _Database(
    model_class=Base,
    # Objects stay readable after the commit that ends a request: nothing is asked of the database while rendering.
    session_options={"expire_on_commit": False, "autoflush": False},
)


def engine_options(application_name: str, *, statement_timeout_ms: int = 5_000) -> dict[str, object]:
    """Connection settings of one process: READ COMMITTED, every wait bounded, dead connections noticed."""
    options = (
        f"-c statement_timeout={statement_timeout_ms} -c lock_timeout=3000 "
        "-c idle_in_transaction_session_timeout=30000 -c timezone=UTC"
    )
    return {
        "isolation_level": "READ COMMITTED",
        "pool_events": [(_look_at, "checkout"), (_note_idle, "checkin")],
        "pool_recycle": 1800,
        "pool_timeout": 5,
        "pool_size": 10,
        "max_overflow": 10,
        "connect_args": {"connect_timeout": 3, "application_name": application_name, "options": options},
    }


#: A connection that lay unused for longer than this is asked whether it lives; machine seconds.
_SURELY_ALIVE_S = 1.0


def _note_idle(connection: Any, record: ConnectionPoolEntry) -> None:
    record.info["idle_since"] = time.monotonic()


def _look_at(connection: Any, record: ConnectionPoolEntry, proxy: Any) -> None:
    """Give out no dead connection.

    A server that ended has closed the socket, which is seen without asking; only a connection that lay unused for a
    while is asked (a round trip), since a network in between may have forgotten it.
    """
    closed = connection.closed or is_silent()
    if not closed:
        said = select.poll()
        said.register(connection.fileno(), select.POLLIN)
        # Nothing was asked: whatever the server has to say now is that it goes.
        closed = bool(said.poll(0))
    if not closed and time.monotonic() - record.info.get("idle_since", math.inf) > _SURELY_ALIVE_S:
        try:
            _ping(connection)
        except psycopg.Error:
            closed = True
    if closed and "idle_since" not in record.info:
        # One that was just made: the server is going, and a third try would end in an error that says nothing of it.
        gone = psycopg.OperationalError("the server closed a connection that was just made")
        raise OperationalError(None, None, gone)
    if closed:
        raise DisconnectionError("the server closed this connection")


def _ping(connection: psycopg.Connection[Any]) -> None:
    """One round trip outside any transaction."""
    connection.autocommit = True
    try:
        with at_most(PING_S):
            connection.execute("SELECT 1")
    except Silent:
        note_silence()
        raise
    finally:
        if not connection.closed:
            connection.autocommit = False


def after_commit(action: Callable[[], None]) -> None:
    """Do this once the transaction under way has been committed; forgotten where it rolls back.

    Only for courtesies that may be lost (wake-ups): what must happen is a row in the same transaction.
    """
    actions = db.session.info.setdefault(_AFTER_COMMIT, [])
    if action not in actions:
        actions.append(action)


def with_commit(write: Callable[[], None]) -> None:
    """Leave the last write of an act to the commit that follows at once, which may do it in one round trip.

    What it raises ``commit`` raises; it is forgotten on rollback. Only one: an act has one last write.
    """
    if db.session.info.setdefault(_WITH_COMMIT, write) is not write:
        raise RuntimeError("a last write waits for its commit already")


def commit() -> None:
    """End the transaction: the last act of whoever opened the door. Then do what was asked for after the commit.

    A write left to it (``with_commit``) is its last, or all of it: then it is a transaction by itself.
    """
    if not db.session.registry.has():
        # Nobody has asked the database for anything: there is nothing to end.
        return
    session = db.session()
    actions = session.info.pop(_AFTER_COMMIT, ())
    last = session.info.pop(_WITH_COMMIT, None)
    if last is not None:
        # Changed objects go into the same transaction.
        session.flush()
        last()
    session.commit()
    for action in actions:
        action()


def rollback() -> None:
    """Undo the transaction and forget what was asked for after its commit."""
    if db.session.registry.has():
        db.session.info.pop(_AFTER_COMMIT, None)
        db.session.info.pop(_WITH_COMMIT, None)
        try:
            db.session.rollback()
        except DATABASE_AWAY:
            # With its connection the transaction is gone as well.
            db.session().invalidate()


def end_session(_fault: BaseException | None = None) -> None:
    """End the session with its request or task; where its connection broke meanwhile there is nothing left to end.

    Registered before Flask-SQLAlchemy's own end of it, whose error would take the place of an answer already made.
    """
    if db.session.registry.has():
        try:
            db.session.close()
        except DATABASE_AWAY:
            db.session.registry.clear()


def violated_constraint(fault: IntegrityError) -> str | None:
    """The name of the constraint that PostgreSQL says was violated."""
    diagnostics = getattr(fault.orig, "diag", None)
    return getattr(diagnostics, "constraint_name", None)
