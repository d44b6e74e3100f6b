"""``book`` and ``book-hot``: people choose a slot and confirm it, over many slots and all in one; ``free-times``.

A booking is two requests: all holds are sent, then all confirmations. Who books is logged in; keys, notices and the
audit of who did what are stored as ever.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import random
import time
from collections.abc import Iterator
from datetime import date, timedelta
from uuid import UUID

import psycopg
from flask import Flask
from psycopg import sql
from sqlalchemy import func, insert, select

from app import create_app
from benchmarks.floors.ten_thousand_slots import fill
from benchmarks.ground import SERVE_SHOWN, BenchFailed, Ground
from benchmarks.report import Row, in_turn, row
from citizen_services import clock
from citizen_services.database import commit, db, new_id
from citizen_services.demo_traffic import OFFICE
from citizen_services.demo_traffic import seed as seed_traffic
from citizen_services.people.models import Citizen, Session
from citizen_services.rules.dates import local_date
from citizen_services.rules.identity import invent
from citizen_services.rules.phones import invent_mobile
from citizen_services.security import digest, keyring, new_token
from citizen_services.settings import Settings
from citizen_services.windows import slots
from citizen_services.windows.booking_models import Appointment, Hold
from citizen_services.windows.desks import is_closed
from citizen_services.windows.models import Slot

SERVICE = "counter-violations"
_GROUP = "violations"
#: Slots over which bookings are spread; the floor has as many counters.
_MANY = 200
_numbers = itertools.count()


def new_slots(count: int, capacity: int, ahead: timedelta | None = None) -> list[UUID]:
    """New slots with so many places each, a second long, so far ahead or else somewhere behind all others."""
    at = clock.now() + (ahead or timedelta(days=5, minutes=next(_numbers) * 1000))
    while any(is_closed(OFFICE, local_date(end)) for end in (at, at + timedelta(seconds=count))):
        at += timedelta(days=1)
    ids = [new_id() for _ in range(count)]
    rows = [
        {
            "id": id_, "office_code": OFFICE, "group_code": _GROUP, "starts_at": at + timedelta(seconds=n),
            "ends_at": at + timedelta(seconds=n + 1), "released_at": clock.now(), "capacity": capacity, "walk_in": 0,
        }
        for n, id_ in enumerate(ids)
    ]  # fmt: skip
    db.session.execute(insert(Slot), rows)
    commit()
    return ids


def people(count: int) -> list[tuple[UUID, str]]:
    """So many bound people with a session each; ids and tokens."""
    rng, now, machine = random.Random(next(_numbers)), clock.now(), clock.protocol_now()
    citizens, sessions, made = [], [], []
    for n in range(count):
        born = date(1960, 1, 1) + timedelta(days=(next(_numbers) * 7919 + n) % 12_500)
        number, id_, token = invent(rng, "522601", born, male=False), new_id(), new_token()
        phone = invent_mobile(rng)
        citizens.append(
            {
                "id": id_, "name": "韦小花", "name_lookup": b"name", "id_number": number, "id_lookup": id_.bytes,
                "phone": phone, "phone_lookup": keyring().lookup("phone", phone), "hukou_code": "522601",
                "hukou_address": "贵州省凯里市三棵树镇", "gender": "female", "birth_date": born, "proved_by": "face",
                "proved_at": now, "epoch": 0,
            }
        )  # fmt: skip
        sessions.append(
            {
                "id": new_id(), "token": digest(token), "kind": "citizen", "citizen_id": id_, "epoch": 0,
                "created_at": machine, "seen_at": machine, "expires_at": machine + timedelta(days=1),
            }
        )  # fmt: skip
        made.append((id_, token))
    db.session.execute(insert(Citizen), citizens)
    db.session.execute(insert(Session), sessions)
    commit()
    return made


def posted(path: str, token: str, body: object) -> str:
    """A POST of JSON as it goes over the wire, with a key of its own."""
    sent = json.dumps(body)
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {token}\r\nIdempotency-Key: bench-{next(_numbers):012d}\r\n"
        f"Content-Length: {len(sent)}\r\n\r\n{sent}"
    )


def _ours(ground: Ground, port: int, places: int) -> float:
    """Bookings a second over so many slots; BenchFailed unless each place was booked once."""
    count = ground.size.submissions
    ids, crowd = new_slots(places, -(-count // places)), people(count)
    wanted = [
        {"slot_id": str(ids[n % places]), "service": SERVICE, "subject": {"kind": "person"}} for n in range(count)
    ]
    holding = [posted("/api/v1/holds", token, body) for (_, token), body in zip(crowd, wanted, strict=True)]
    first = ground.load(port, holding, 201)
    query = select(Hold.citizen_id, Hold.id).where(Hold.state == "held")
    held = {one.citizen_id: one.id for one in db.session.execute(query)}
    commit()
    booking = [posted(f"/api/v1/holds/{held[id_]}/book", token, {}) for id_, token in crowd]
    second = ground.load(port, booking, 201)
    counted = select(func.count()).where(Appointment.slot_id.in_(ids), Appointment.state == "booked")
    booked = db.session.execute(counted).scalar_one()
    commit()
    if booked != count:
        raise BenchFailed(f"{count} people were told that they are booked, and {booked} are")
    return count / (first.seconds + second.seconds)


def _floor(ground: Ground, port: int, places: int) -> float:
    count = ground.size.submissions
    seconds = 0.0
    for path in ("hold", "book"):
        sent = [posted(f"/{path}/{n % places}", "nobody", {}) for n in range(count)]
        seconds += ground.load(port, sent, 201).seconds
    return count / seconds


def _measured(ground: Ground, name: str, places: int) -> Row:
    seed_traffic()
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(ground.served(f"{name}-ours", "app:web()"))
        bare = stack.enter_context(ground.served(f"{name}-floor", "benchmarks.floors.two_updates:app"))
        _ours(ground, ours, places)
        _floor(ground, bare, places)
        runs = in_turn(ground.size.runs, lambda _: _ours(ground, ours, places), lambda _: _floor(ground, bare, places))
    return row(
        name,
        "bookings/s",
        runs,
        floor_is="the same two requests to a bare Flask route, each one UPDATE and a commit",
        floor_file="benchmarks/floors/two_updates.py",
        command=SERVE_SHOWN,
        processes=ground.size.processes,
        threads=ground.size.threads,
    )


def book(ground: Ground) -> Row:
    """Bookings a second, spread over many slots."""
    return _measured(ground, "book", _MANY)


def book_hot(ground: Ground) -> Row:
    """Bookings a second, all of one slot."""
    return _measured(ground, "book-hot", 1)


# --- Free times ---------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _sizes(ground: Ground) -> Iterator[tuple[Flask, Flask]]:
    """The application over a million slots, and over ten thousand: the same weeks ahead, years behind."""
    seed_traffic()
    db.session.remove()
    db.engine.dispose()
    server, _, name = ground.environ["DATABASE_URL"].rpartition("/")
    with psycopg.connect(f"{server}/floors", autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE few TEMPLATE {}").format(sql.Identifier(name)))
    few = create_app(Settings.load({**ground.environ, "DATABASE_URL": f"{server}/few"}), process="command")
    try:
        for database, count in ((name, ground.size.permits), ("few", ground.size.few_permits)):
            fill(f"{server}/{database}", count, _GROUP)
        yield ground.app, few
    finally:
        with few.app_context():
            db.session.remove()
            db.engine.dispose()


def _looks(app: Flask, times: int) -> float:
    """Questions for the next free times a second."""
    with app.app_context():
        today = clock.today()
        began = time.monotonic()
        for _ in range(times):
            found = slots.free_slots(SERVICE, OFFICE, today, today + timedelta(days=14), limit=50).items
            db.session.expunge_all()
        lasted = time.monotonic() - began
        db.session.rollback()
    if not found:
        raise BenchFailed("nothing is free")
    return times / lasted


def free_times(ground: Ground) -> Row:
    """The next free times of a service among a million slots, against the same among ten thousand."""
    times = max(20, ground.size.requests // 10)
    with _sizes(ground) as (many, few):
        for side in (many, few):
            _looks(side, times)
        runs = in_turn(ground.size.runs, lambda _: _looks(many, times), lambda _: _looks(few, times))
    return row(
        "free-times",
        "questions/s",
        runs,
        floor_is="the same question among a hundredth of the slots",
        floor_file="benchmarks/floors/ten_thousand_slots.py",
        command="in one process",
        processes=1,
        threads=1,
    )
