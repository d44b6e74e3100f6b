"""What is so for the whole installation: the moved clock, demo data, and whether this database may be served at all."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import ProgrammingError

from citizen_services.clock import SHIFT_LIFETIME_S
from citizen_services.database.base import commit, db
from citizen_services.database.models import Installation

_SHIFT = "clock_shift_s"
_DEMO = "demo_data"
#: How far business time may be ahead of the machine's, in seconds.
FURTHEST_S = 100 * 365 * 24 * 3600


class UnfitDatabase(Exception):
    """This database can't be served by this version; the message says why and what to do."""


def read_clock_shift(engine: Engine) -> int:
    """The stored shift of business time in seconds, by a connection of its own.

    A request's transaction may have failed.
    """
    with engine.connect() as connection:
        try:
            value = connection.execute(select(Installation.value).where(Installation.name == _SHIFT)).scalar()
        except ProgrammingError:
            # Before the first migration there is no table, and no moved clock.
            return 0
    return int(value or 0)


def note(name: str, value: Any) -> None:
    """Store a fact of the installation."""
    statement = insert(Installation).values(name=name, value=value)
    db.session.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"value": value}))


class TooFar(ValueError):
    """Business time would leave the years that dates can hold, and can't be moved back."""


def move_clock(seconds: int) -> None:
    """Move business time forward for all processes; returns when none of them can still be at the old time.

    Raises TooFar beyond FURTHEST_S from the machine's time, and moves nothing then.
    """
    before = db.session.scalar(select(Installation.value).where(Installation.name == _SHIFT).with_for_update())
    if int(before or 0) + seconds > FURTHEST_S:
        raise TooFar("business time moves at most a hundred years ahead of the machine's, and never back")
    note(_SHIFT, int(before or 0) + seconds)
    commit()
    time.sleep(SHIFT_LIFETIME_S + 0.2)


def note_demo_data() -> None:
    """Remember for good that this database held invented people."""
    note(_DEMO, True)


def held_demo_data() -> bool:
    """Whether this database ever held invented people."""
    return bool(db.session.scalar(select(Installation.value).where(Installation.name == _DEMO)))
