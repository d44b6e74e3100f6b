"""A window that is closed while others book, and who waits already: nobody is lost, and the planner is never kept."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import event, select

from citizen_services import clock
from citizen_services.database import commit, db, new_id
from citizen_services.windows import closing, holds, plans, waiting
from citizen_services.windows.booking_models import Appointment, Hold, WaitingEntry
from citizen_services.windows.models import PlanWeek, PlanWindow, Slot
from notifications.models import Notice
from tests.cases.engine_world import Hands
from tests.windows import hall
from tests.windows.test_booking import PERSON, Programs, app, book, driver, keep, later, problem
from tests.windows.test_hall import hands

__all__ = ["app", "driver", "hands"]

#: Days from today, hour, minute.
Time = tuple[int, int, int]


@pytest.fixture
def window(app: Flask) -> tuple[PlanWeek, PlanWindow]:
    """A published window of one slot at ten, the day after tomorrow."""
    return planned(clock.today() + timedelta(days=2))


def planned(day: date) -> tuple[PlanWeek, PlanWindow]:
    """A published window of a day, which takes one a slot."""
    hall.office()
    week = plans.week_of(hall.OFFICE, plans.monday_of(day))
    made = PlanWindow(
        id=new_id(), week_id=week.id, office_code=hall.OFFICE, group_code=hall.GROUP, day=day, starts=hall.time(10),
        ends=hall.time(10, 30), slot_minutes=30, counters=[1], booked=1, walk_in=0, release_days=7,
        release_time=hall.time(7), release_spread_s=0, state="published",
    )  # fmt: skip
    db.session.add(made)
    commit()
    return week, made


def slot_of(window: PlanWindow, capacity: int = 1) -> UUID:
    slot_id = hall.slot(capacity)
    db.session.get_one(Slot, slot_id).window_id = window.id
    commit()
    return slot_id


def between(days: int = 10) -> dict[str, str]:
    today: date = clock.today()
    return {"from": today.isoformat(), "to": (today + timedelta(days=days)).isoformat()}


def wait(who: Any) -> str:
    body = {"service": hall.SERVICE, "office": hall.OFFICE, "subject": PERSON, **between()}
    answer = who.post("/waiting", body)
    assert answer.status_code == 201, answer.text
    return str(answer.get_json()["waiting_id"])


def test_who_booked_elsewhere_while_an_offer_ran_is_put_first_with_the_entry_they_have(
    window: tuple[PlanWeek, PlanWindow], driver: Programs
) -> None:
    full, mine = hall.slot(1, at=hall.time(14)), slot_of(window[1])
    other, who = driver("王一"), driver("王二")
    theirs = book(other, full)
    entry = wait(who)
    assert other.post(f"/appointments/{theirs['appointment_id']}/actions/cancel", {}).status_code == 200
    book(who, mine)
    with later(days=1):
        holds.expire_due()
    found = db.session.get_one(WaitingEntry, UUID(entry), populate_existing=True)
    assert (found.state, found.passed) == ("waiting", 1)
    db.session.get_one(Slot, full).state = "closed"
    commit()
    done = closing.close(*window)
    commit()
    assert (done.moved, done.waiting) == (0, 1)
    found = db.session.get_one(WaitingEntry, UUID(entry), populate_existing=True)
    assert (found.state, found.rank) == ("waiting", 0)
    assert [one.id for one in db.session.scalars(select(WaitingEntry))] == [found.id]


def test_an_offer_in_a_window_that_closes_was_let_pass_by_nobody(
    window: tuple[PlanWeek, PlanWindow], driver: Programs
) -> None:
    mine = slot_of(window[1])
    other, who = driver("王一"), driver("王二")
    theirs = book(other, mine)
    entry = wait(who)
    assert other.post(f"/appointments/{theirs['appointment_id']}/actions/cancel", {}).status_code == 200
    assert db.session.get_one(WaitingEntry, UUID(entry), populate_existing=True).state == "offered"
    closing.close(*window)
    commit()
    found = db.session.get_one(WaitingEntry, UUID(entry), populate_existing=True)
    assert (found.state, found.passed, found.rank, found.hold_id) == ("waiting", 0, 0, None)
    assert set(db.session.scalars(select(Hold.state).where(Hold.kind == "offer"))) == {"released"}
    # They were asked to answer: they hear that they need not, and that they stay first.
    told = select(Notice).where(Notice.kind == "slot_offer_withdrawn", Notice.citizen_id == found.citizen_id)
    notice = db.session.scalars(told).one()
    assert "排在最前面" in notice.text
    assert "11:00" not in notice.text


@pytest.mark.parametrize(("give_up", "state", "told"), [(1, "waiting", 1), (2, "offered", 0)])
def test_a_window_that_shrinks_withdraws_only_the_offers_that_do_not_fit(
    window: tuple[PlanWeek, PlanWindow], driver: Programs, give_up: int, state: str, told: int
) -> None:
    week, made = window
    mine = slot_of(made, 3)
    made.booked = 3
    commit()
    others, who = [driver(name) for name in ("王一", "王二", "王三")], driver("王四")
    theirs = [book(one, mine) for one in others]
    entry = wait(who)
    for one, booked in list(zip(others, theirs, strict=True))[:give_up]:
        assert one.post(f"/appointments/{booked['appointment_id']}/actions/cancel", {}).status_code == 200
    assert closing.shrink(week, made, 2).moved == 0
    commit()
    found = db.session.get_one(WaitingEntry, UUID(entry), populate_existing=True)
    assert found.state == state
    notices = select(Notice.id).where(Notice.kind == "slot_offer_withdrawn", Notice.citizen_id == found.citizen_id)
    assert len(db.session.scalars(notices).all()) == told
    assert hall.taken(mine) == (2, 2)


def test_whoever_was_about_to_confirm_reads_that_the_window_closed(
    window: tuple[PlanWeek, PlanWindow], driver: Programs
) -> None:
    who = driver("王一")
    kept = keep(who, slot_of(window[1])).get_json()["hold_id"]
    closing.close(*window)
    commit()
    assert problem(who.post(f"/holds/{kept}/book")) == (409, "window-closed")


@pytest.mark.parametrize(
    ("now", "first", "soon", "heard"),
    # A window of today, that closes at nine; one of tomorrow, that closes at night, when nobody reads.
    [(9, (0, 9, 40), (0, 10, 30), (0, 11, 30)), (22, (1, 9, 0), (1, 9, 30), (1, 10, 0))],
    ids=["by day", "at night"],
)
def test_nobody_is_moved_to_a_time_of_which_they_hear_too_late(
    app: Flask, driver: Programs, hands: Hands, now: int, first: Time, soon: Time, heard: Time
) -> None:
    hands.at += timedelta(hours=now - 9)

    def slot(at: Time) -> UUID:
        return hall.slot(1, day=clock.today() + timedelta(days=at[0]), at=hall.time(at[1], at[2]))

    mine, near, later_on = slot(first), slot(soon), slot(heard)
    week, window = planned(clock.today() + timedelta(days=first[0]))
    db.session.get_one(Slot, mine).window_id = window.id
    commit()
    booked = book(driver("王一"), mine)
    assert closing.close(week, window).moved == 1
    commit()
    found = db.session.get_one(Appointment, UUID(booked["appointment_id"]), populate_existing=True)
    # Two hours are what the bureau leaves people; nearer ones stay for who looks for them.
    assert found.slot_id == later_on
    assert hall.taken(near) == (0, 1)


def test_a_place_to_which_a_closing_moves_somebody_is_taken_by_nobody_else_meanwhile(
    window: tuple[PlanWeek, PlanWindow], driver: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, mine = hall.slot(1, at=hall.time(14)), slot_of(window[1])
    booked = book(driver("王一"), mine)
    free: list[bool] = []
    real = closing._leaving

    def leaving(*args: Any) -> Any:
        # Whoever is to leave is known: at this moment somebody else wants the only other place.
        with db.engine.connect() as outside:
            wants = select(Slot.id).where(Slot.id == other).with_for_update(skip_locked=True)
            free.append(outside.execute(wants).first() is not None)
        return real(*args)

    monkeypatch.setattr(closing, "_leaving", leaving)
    assert closing.close(*window).moved == 1
    commit()
    assert free == [False]
    assert db.session.get_one(Appointment, UUID(booked["appointment_id"]), populate_existing=True).slot_id == other


def test_slots_are_locked_in_one_order_with_those_to_which_people_are_moved(
    window: tuple[PlanWeek, PlanWindow], driver: Programs
) -> None:
    other, mine = hall.slot(1, at=hall.time(14)), slot_of(window[1])
    book(driver("王一"), mine)
    seen: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, *rest: Any) -> None:
        if "FOR UPDATE" in statement and "FROM slot" in statement:
            seen.append(str(parameters))

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        assert closing.close(*window).moved == 1
        commit()
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    assert len(seen) == 1
    assert str(other) in seen[0]
    assert str(mine) in seen[0]


def test_whoever_waits_no_more_and_an_offer_that_ends_lock_in_one_order(app: Flask, driver: Programs) -> None:
    slot = hall.slot(1)
    other, who = driver("王一"), driver("王二")
    theirs = book(other, slot)
    entry = UUID(wait(who))
    assert other.post(f"/appointments/{theirs['appointment_id']}/actions/cancel", {}).status_code == 200
    found = db.session.get_one(WaitingEntry, entry, populate_existing=True)
    assert found.hold_id is not None
    seen: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        seen.extend(table for table in ("hold", "waiting_entry") if statement.startswith(f"UPDATE {table} "))

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        waiting.end(found.citizen_id, entry)
        commit()
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    # As whoever expires or books an offer does.
    assert seen == ["hold", "waiting_entry"]
