"""Booking by people who mean ill, and in days that no calendar has."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import event, select

from citizen_services import clock
from citizen_services.database import commit, db
from citizen_services.windows import coming, plans
from citizen_services.windows.booking_models import Appointment, WaitingEntry
from citizen_services.windows.models import PlanWeek
from tests.cases.engine_world import Hands
from tests.windows import hall
from tests.windows.test_booking import Programs, app, book, car, driver, keep, problem
from tests.windows.test_hall import hands

__all__ = ["app", "driver", "hands"]


@pytest.mark.parametrize(
    "days", ["from=9999-12-31", "from=9999-10-01", "from=0001-01-01", "to=9999-12-31", "to=0001-01-01"]
)
def test_free_slots_of_days_that_no_calendar_has_are_none(app: Flask, driver: Programs, days: str) -> None:
    hall.slot(1)
    answer = driver("王一").get(f"/slots/free?service={hall.SERVICE}&office={hall.OFFICE}&{days}")
    assert answer.status_code == 200, answer.text
    assert len(answer.get_json()["items"]) == (days in ("from=0001-01-01", "to=9999-12-31"))


def test_a_service_of_a_person_is_not_booked_for_made_up_vehicles(app: Flask, driver: Programs) -> None:
    who, slot = driver("王一"), hall.slot(3, group="violations")
    answer = keep(who, slot, car(), service=hall.OTHER_SERVICE)
    assert problem(answer) == (422, "invalid")
    today = clock.today()
    days = {"from": today.isoformat(), "to": (today + timedelta(days=9)).isoformat()}
    body = {"service": hall.OTHER_SERVICE, "office": hall.OFFICE, "subject": car(), **days}
    assert problem(who.post("/waiting", body)) == (422, "invalid")
    book(who, slot, service=hall.OTHER_SERVICE)


def test_who_books_with_another_person_s_plate_ends_nobody_s_waiting(app: Flask, driver: Programs) -> None:
    slot, owner, other, last = hall.slot(2), driver("王一"), driver("王二"), driver("王三")
    today = clock.today()
    days = {"from": today.isoformat(), "to": (today + timedelta(days=9)).isoformat()}
    body = {"service": hall.SERVICE, "office": hall.OFFICE, "subject": car(), **days}
    entry = owner.post("/waiting", body).get_json()["waiting_id"]
    theirs = book(other, slot, car())
    assert db.session.get_one(WaitingEntry, UUID(entry), populate_existing=True).state == "waiting"
    # Nothing is offered to them while their vehicle is booked; the next place that is freed afterwards is.
    third = book(last, slot)
    other.post(f"/appointments/{theirs['appointment_id']}/actions/cancel", {})
    assert db.session.get_one(WaitingEntry, UUID(entry), populate_existing=True).state == "waiting"
    last.post(f"/appointments/{third['appointment_id']}/actions/cancel", {})
    assert db.session.get_one(WaitingEntry, UUID(entry), populate_existing=True).state == "offered"
    assert set(db.session.scalars(select(Appointment.state))) == {"cancelled"}


def test_whoever_does_not_come_can_t_give_up_when_it_has_begun(app: Flask, driver: Programs, hands: Hands) -> None:
    slot = hall.slot(1, day=clock.today(), at=hall.time(10))
    who = driver("王一")
    address = f"/appointments/{book(who, slot)['appointment_id']}"
    hands.at += timedelta(hours=1, minutes=1)
    refused = who.post(f"{address}/actions/cancel", {})
    assert problem(refused) == (409, "not-possible")
    assert "已经开始" in refused.get_json()["detail"]
    assert who.get(address).get_json()["state"] == "booked"
    hands.at += timedelta(hours=1)
    coming.note_no_shows()
    assert who.get(address).get_json()["state"] == "no_show"


def test_two_who_open_a_new_week_at_once_see_the_same_one(app: Flask) -> None:
    hall.office()
    monday = plans.monday_of(clock.today()) + timedelta(days=14)
    others: list[Any] = []

    def at_insert(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if statement.startswith("INSERT INTO plan_week") and not others:
            # Looked, and found none: at this moment a colleague opens it.
            others.append(None)
            with app.app_context():
                others[0] = plans.week_of(hall.OFFICE, monday).id
                commit()

    event.listen(db.engine, "before_cursor_execute", at_insert)
    try:
        mine = plans.week_of(hall.OFFICE, monday, lock=True)
        commit()
    finally:
        event.remove(db.engine, "before_cursor_execute", at_insert)
    assert [mine.id] == others
    assert len(db.session.scalars(select(PlanWeek.id)).all()) == 1
