"""``endorsement-scan`` and ``ended-scan``: what the scheduler does about permits, at a million and at ten thousand.

Both look for the few permits that are due today, and do what is to be done about them: their people are reminded; the
registers are asked about them. What registers answer is put in place at once, since calls cost the same at any size.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from hashlib import md5
from unittest import mock
from uuid import UUID

import psycopg
from flask import Flask
from psycopg import sql
from sqlalchemy import text, update

from app import create_app
from benchmarks.floors.ten_thousand import fill
from benchmarks.ground import BenchFailed, Ground
from benchmarks.report import Row, in_turn, row
from citizen_services import clock
from citizen_services.cases import permit_facts
from citizen_services.database import commit, db, new_id
from citizen_services.people.models import Citizen
from citizen_services.registers.models import ResidencePermit
from citizen_services.rules import permit_years
from citizen_services.settings import Settings
from notifications import permits

#: So many permits are due in each run, at either size.
DUE = 50


@dataclass(frozen=True)
class _Side:
    """A database with its permits: which of them are due, and what is to be done."""

    app: Flask
    due: list[UUID]


def _first_permit() -> None:
    """One person with a permit, of which the others are copies; as if it had been issued a hundred days ago."""
    today = clock.today()
    issued = today - timedelta(days=100)
    citizen = Citizen(
        id=new_id(), name="韦小花", id_number="522601199405230028", phone="13800138000", hukou_code="522601", epoch=0,
        gender="female", hukou_address="贵州省凯里市三棵树镇", birth_date=issued, proved_by="face",
        proved_at=clock.now(),
        name_lookup=b"name", id_lookup=b"first", phone_lookup=b"phone",
    )  # fmt: skip
    db.session.add(citizen)
    db.session.flush()
    db.session.add(
        ResidencePermit(
            id=new_id(), citizen_id=citizen.id, case_id=new_id(), card_number="33021300000001", card_lookup=b"first",
            issued_on=issued, counted_from=issued, endorsed_until=permit_years.first_until(issued, issued),
            checked_on=today, remind_on=today + timedelta(days=100), issued_by="宁波市公安局奉化分局",
            district="330213",
            ground="employment", address="宁波市奉化区岳林街道金钟路18号3幢502室", state="current", at=clock.now(),
        )
    )  # fmt: skip
    commit()


@contextmanager
def _sides(ground: Ground) -> Iterator[tuple[_Side, _Side]]:
    """The million and the ten thousand, each in a database of its own on the same server."""
    _first_permit()
    db.session.remove()
    db.engine.dispose()
    server, _, name = ground.environ["DATABASE_URL"].rpartition("/")
    with psycopg.connect(f"{server}/floors", autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE few TEMPLATE {}").format(sql.Identifier(name)))
    few = create_app(Settings.load({**ground.environ, "DATABASE_URL": f"{server}/few"}), process="command")
    try:
        many = _filled(ground.app, f"{server}/{name}", ground.size.permits)
        yield many, _filled(few, f"{server}/few", ground.size.few_permits)
    finally:
        with few.app_context():
            db.session.remove()
            db.engine.dispose()


def _filled(app: Flask, database_url: str, count: int) -> _Side:
    fill(database_url, count)
    places = range(1, count + 1, count // DUE)[:DUE]
    return _Side(app, [UUID(md5(f"p{place}".encode()).hexdigest()) for place in places])  # noqa: S324


def _run(side: _Side, due: Mapping[str, object], scan: Callable[[], int]) -> float:
    """Permits a second: what is due is due again, then the scheduler's own function does all of it."""
    with side.app.app_context():
        for table in ("delivery", "notice"):
            db.session.execute(text(f"DELETE FROM {table}"))  # noqa: S608
        db.session.execute(update(ResidencePermit).where(ResidencePermit.id.in_(side.due)).values(**due))
        commit()
        began = time.monotonic()
        done = scan()
        lasted = time.monotonic() - began
    if done != DUE:
        raise BenchFailed(f"{done} permits were looked at, and {DUE} were due")
    return DUE / lasted


def _measured(ground: Ground, name: str, due: Mapping[str, object], scan: Callable[[], int]) -> Row:
    with _sides(ground) as (many, few):
        for side in (many, few):
            _run(side, due, scan)
        runs = in_turn(ground.size.runs, lambda _: _run(many, due, scan), lambda _: _run(few, due, scan))
    return row(
        name,
        "permits/s",
        runs,
        floor_is=f"the same scan over {ground.size.few_permits} permits in place of {ground.size.permits}",
        floor_file="benchmarks/floors/ten_thousand.py",
        command="the scheduler's function, called",
        processes=1,
        threads=1,
    )


def endorsement_scan(ground: Ground) -> Row:
    """Reminders of a year that may be endorsed, of the few people who are to hear today."""
    today = clock.today()
    window = {"remind_on": today, "endorsed_until": today + timedelta(days=20)}
    return _measured(ground, "endorsement-scan", window, permits.remind_of_years)


def ended_scan(ground: Ground) -> Row:
    """The round that asks whether a fact ended a permit, of the few whose turn it is, answered at once."""
    asked: list[object] = []

    def answered(citizen_id: UUID, *more: object) -> dict[str, object]:
        asked.append(citizen_id)
        return {}

    def scan() -> int:
        asked.clear()
        permit_facts.read_facts()
        return len(asked)

    long_ago = {"checked_on": clock.today() - timedelta(days=400)}
    with mock.patch.object(permit_facts, "gather", answered):
        return _measured(ground, "ended-scan", long_ago, scan)
