"""``stampede``: two thousand people want the fifty places of one slot at the same moment.

Timed is what they feel: choosing, and confirming for whoever got in. Afterwards some of those who chose walk away,
their places go down the waiting list, and every place must be booked exactly once, whatever anybody was told.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Select, func, select, update

from benchmarks.booking import SERVICE, new_slots, people, posted
from benchmarks.ground import SERVE_SHOWN, BenchFailed, Ground
from benchmarks.load import Load
from benchmarks.report import Row, in_turn, row
from citizen_services import clock
from citizen_services.database import commit, db
from citizen_services.demo_traffic import OFFICE
from citizen_services.demo_traffic import seed as seed_traffic
from citizen_services.rules.dates import local_date
from citizen_services.windows import holds
from citizen_services.windows.booking_models import Appointment, Hold, WaitingEntry
from citizen_services.windows.models import Slot

_PERSON = {"kind": "person"}
_runs = itertools.count()


def _must(load: Load, wanted: dict[str, int], what: str) -> Load:
    if load.statuses != wanted:
        raise BenchFailed(f"{what} gave {load.statuses} and not {wanted}; the first unexpected one:\n{load.unexpected}")
    return load


def _ours(ground: Ground, port: int, times: list[tuple[float, float]]) -> float:
    """Answers a second; BenchFailed unless each place is booked exactly once in the end."""
    crowd, places = ground.size.crowd, ground.size.places
    # Near enough to be waited for, and at a second of its own.
    (slot_id,), everybody = new_slots(1, places, timedelta(days=9, seconds=next(_runs))), people(crowd)
    body = {"slot_id": str(slot_id), "service": SERVICE, "subject": _PERSON}
    choosing = [posted("/api/v1/holds", token, body) for _, token in everybody]
    first = _must(ground.load(port, choosing, 201, 409), {"201": places, "409": crowd - places}, "choosing")
    held = {one.citizen_id: one.id for one in db.session.execute(_held(slot_id))}
    commit()
    inside = [(held[id_], token) for id_, token in everybody if id_ in held]
    outside = [one for one in everybody if one[0] not in held]
    away = max(1, places // 10)
    second = ground.load(port, [posted(f"/api/v1/holds/{hold}/book", token, {}) for hold, token in inside[away:]], 201)
    times.append((first.p50_ms, first.p95_ms))
    _down_the_list(ground, port, slot_id, outside[:away], away)
    _refuse_unless_full(slot_id, places)
    return (first.answered + second.answered) / (first.seconds + second.seconds)


def _held(slot_id: UUID) -> Select[UUID, UUID]:
    return select(Hold.citizen_id, Hold.id).where(Hold.slot_id == slot_id, Hold.state == "held")


def _down_the_list(ground: Ground, port: int, slot_id: UUID, waiting: Sequence[tuple[UUID, str]], away: int) -> None:
    """Some wait, those who walked away run out of time, and whoever is offered a place takes it."""
    slot = db.session.get_one(Slot, slot_id)
    day = local_date(slot.starts_at).isoformat()
    entry = {"service": SERVICE, "office": OFFICE, "from": day, "to": day, "subject": _PERSON}
    ground.load(port, [posted("/api/v1/waiting", token, entry) for _, token in waiting], 201)
    db.session.execute(
        update(Hold)
        .where(Hold.slot_id == slot_id, Hold.state == "held")
        .values(expires_at=clock.now() - timedelta(seconds=1))
    )
    commit()
    holds.expire_due()
    query = select(WaitingEntry.citizen_id, WaitingEntry.id).where(WaitingEntry.state == "offered")
    offered = {one.citizen_id: one.id for one in db.session.execute(query)}
    commit()
    taking = [posted(f"/api/v1/waiting/{offered[id_]}/accept", token, {}) for id_, token in waiting if id_ in offered]
    if len(taking) != away:
        raise BenchFailed(f"{away} places ran out, and {len(taking)} were offered")
    ground.load(port, taking, 201)


def _refuse_unless_full(slot_id: UUID, places: int) -> None:
    booked = select(func.count()).where(Appointment.slot_id == slot_id, Appointment.state == "booked")
    found = (db.session.execute(booked).scalar_one(), db.session.get_one(Slot, slot_id, populate_existing=True).taken)
    commit()
    if found != (places, places):
        raise BenchFailed(f"of {places} places {found[0]} are booked and {found[1]} counted")


def _floor(ground: Ground, port: int, times: list[tuple[float, float]]) -> float:
    crowd, places, slot = ground.size.crowd, ground.size.places, next(_runs)
    choosing = [posted(f"/hold/{slot}/{places}", "nobody", {}) for _ in range(crowd)]
    first = _must(ground.load(port, choosing, 201, 409), {"201": places, "409": crowd - places}, "choosing")
    second = ground.load(port, [posted(f"/book/{slot}", "nobody", {})] * (places - max(1, places // 10)), 201)
    times.append((first.p50_ms, first.p95_ms))
    return (first.answered + second.answered) / (first.seconds + second.seconds)


def stampede(ground: Ground) -> Row:
    """Answers a second while two thousand people want fifty places."""
    seed_traffic()
    mine: list[tuple[float, float]] = []
    bare: list[tuple[float, float]] = []
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(ground.served("stampede-ours", "app:web()"))
        floor = stack.enter_context(ground.served("stampede-floor", "benchmarks.floors.guarded_update:app"))
        _ours(ground, ours, [])
        _floor(ground, floor, [])
        runs = in_turn(ground.size.runs, lambda _: _ours(ground, ours, mine), lambda _: _floor(ground, floor, bare))
    return row(
        "stampede",
        "answers/s",
        runs,
        floor_is="the same crowd at a bare Flask route, each one guarded UPDATE and a commit",
        floor_file="benchmarks/floors/guarded_update.py",
        command=SERVE_SHOWN,
        processes=ground.size.processes,
        threads=ground.size.threads,
        waited=(mine, bare),
    )
