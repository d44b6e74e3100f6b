"""Each process says that it lives: a row every three seconds, by machine time, from a thread of its own."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta

from flask import Flask
from sqlalchemy import Engine, delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError

from citizen_services.clock import protocol_now
from citizen_services.database import db
from citizen_services.database.models import Heartbeat

log = logging.getLogger(__name__)

EVERY_S = 3.0
#: A process that hasn't said so for this long is taken for dead.
LIFETIME = timedelta(seconds=10)
#: Rows of processes that ended long ago are removed.
FORGET_AFTER = timedelta(days=1)


def process_name(kind: str) -> str:
    """``host:pid:kind`` of this process."""
    return f"{socket.gethostname()}:{os.getpid()}:{kind}"


class Heart:
    """Beats for one process; start it after a fork, never before."""

    def __init__(self, engine: Engine, kind: str) -> None:
        self._engine = engine
        self._kind = kind
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"heartbeat-{kind}", daemon=True)

    def start(self) -> None:
        """Beat once and go on in a thread."""
        self._beat()
        self._thread.start()

    def stop(self) -> None:
        """Stop beating and take the row away: an orderly end is seen at once."""
        self._stop.set()
        self._thread.join()
        with contextlib.suppress(SQLAlchemyError), self._engine.begin() as connection:
            connection.execute(delete(Heartbeat).where(Heartbeat.process == process_name(self._kind)))

    def _run(self) -> None:
        while not self._stop.wait(EVERY_S):
            self._beat()

    def _beat(self) -> None:
        now = protocol_now()
        row = insert(Heartbeat).values(process=process_name(self._kind), kind=self._kind, at=now)
        try:
            with self._engine.begin() as connection:
                connection.execute(row.on_conflict_do_update(index_elements=["process"], set_={"at": row.excluded.at}))
                connection.execute(delete(Heartbeat).where(Heartbeat.at < now - FORGET_AFTER))
        except SQLAlchemyError as fault:
            log.warning("no heartbeat: the database is away (%s)", type(fault).__name__)


def start(app: Flask, kind: str) -> Heart:
    """Let this process say that it lives, until it ends; ``kind`` is ``web``, ``worker`` or ``scheduler``."""
    with app.app_context():
        heart = Heart(db.engine, kind)
    heart.start()
    return heart


@contextlib.contextmanager
def beating(app: Flask, kind: str) -> Iterator[None]:
    """A heart that beats as long as the block lasts."""
    heart = start(app, kind)
    try:
        yield
    finally:
        heart.stop()


def lives(process: str) -> bool:
    """Whether the process of that name (``host:pid:kind``) said so within the last ten seconds."""
    at = db.session.execute(select(Heartbeat.at).where(Heartbeat.process == process)).scalar_one_or_none()
    return at is not None and protocol_now() - at < LIFETIME
