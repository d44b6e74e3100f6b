"""Booking by the machine's door: chosen, kept, booked, moved, given up, offered to whoever waits; never too many."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from citizen_services import clock
from citizen_services.database import commit, db, new_id, violated_constraint
from citizen_services.people.sessions import open_session
from citizen_services.windows import coming, holds
from citizen_services.windows.booking_models import Appointment, Hold, WaitingEntry
from citizen_services.windows.models import Slot
from notifications.models import Notice
from tests import factories
from tests.api.conftest import Program
from tests.notifications.conftest import later
from tests.windows import hall

PERSON = {"kind": "person"}
Programs = Callable[[str], Program]


@pytest.fixture
def driver(_application: Flask, database: None) -> Programs:
    """A maker of programs of bound people, by name."""

    def make(name: str) -> Program:
        with _application.app_context():
            person = factories.citizen(name)
            token = open_session("citizen", citizen=person.id, phone=person.phone).token
            commit()
        return Program(_application, token)

    return make


@pytest.fixture
def app(_application: Flask, database: None) -> Any:
    """The application, within a context for what the test itself reads and writes."""
    with _application.app_context():
        yield _application


def car(number: str = "浙B12345") -> dict[str, str]:
    return {"kind": "vehicle", "plate_kind": "02", "plate": number}


def keep(who: Program, slot: UUID, subject: dict[str, str] | None = None, service: str = hall.SERVICE) -> Any:
    """Choose a slot; the answer."""
    return who.post("/holds", {"slot_id": str(slot), "service": service, "subject": subject or PERSON})


def book(who: Program, slot: UUID, subject: dict[str, str] | None = None, service: str = hall.SERVICE) -> Any:
    """Choose a slot and confirm; what was booked."""
    kept = keep(who, slot, subject, service)
    assert kept.status_code == 201, kept.text
    booked = who.post(f"/holds/{kept.get_json()['hold_id']}/book")
    assert booked.status_code == 201, booked.text
    return booked.get_json()


def problem(answer: Any) -> tuple[int, str]:
    """Status and type of a refusal, which says in Chinese what to do."""
    body = answer.get_json()
    assert any("一" <= char <= "鿿" for char in body["detail"]), body
    return answer.status_code, body["type"]


def kinds() -> list[str]:
    """What was told, in order."""
    db.session.rollback()
    return list(db.session.scalars(select(Notice.kind).order_by(Notice.id)))


def test_a_driver_books_moves_and_gives_up_and_hears_of_each(app: Flask, driver: Programs) -> None:
    first, second = hall.slot(2), hall.slot(1, at=hall.time(14))
    who = driver("王一")
    query = f"/slots/free?service={hall.SERVICE}&office={hall.OFFICE}"
    free = who.get(query).get_json()["items"]
    assert [(one["slot_id"], one["free"]) for one in free] == [(str(first), 2), (str(second), 1)]
    assert free[0]["start"].endswith("+08:00") or free[0]["start"].endswith("+00:00")

    booked = book(who, first, car())
    assert hall.taken(first) == (1, 2)
    shown = who.get(f"/appointments/{booked['appointment_id']}").get_json()
    assert (shown["state"], shown["subject"], shown["number"]) == ("booked", "浙B12345", booked["number"])
    assert shown["bring"]
    assert shown["checkin_code"] == booked["checkin_code"]
    assert problem(driver("李二").get(f"/appointments/{booked['appointment_id']}")) == (404, "not-found")

    moved = who.post(f"/appointments/{shown['id']}/actions/move", {"version": 1, "slot_id": str(second)})
    assert moved.status_code == 200, moved.text
    assert (hall.taken(first), hall.taken(second)) == ((0, 2), (1, 1))
    stale = who.post(f"/appointments/{shown['id']}/actions/cancel", {"version": 1})
    assert problem(stale) == (409, "not-possible")
    gone = who.post(f"/appointments/{shown['id']}/actions/cancel", {"version": 2}, key="cancel-once-1")
    again = who.post(f"/appointments/{shown['id']}/actions/cancel", {"version": 2}, key="cancel-once-1")
    assert gone.status_code == again.status_code == 200
    assert gone.get_json() == again.get_json()
    assert hall.taken(second) == (0, 1)
    assert kinds() == ["appointment_booked", "appointment_moved", "appointment_cancelled"]
    told = db.session.scalars(select(Notice.text).where(Notice.kind == "appointment_booked")).one()
    assert all(thing in told for thing in shown["bring"]), told


def test_one_place_is_kept_for_one_and_the_next_is_told_what_is_near(app: Flask, driver: Programs) -> None:
    slot, near = hall.slot(1), hall.slot(1, at=hall.time(11))
    first, second = driver("王一"), driver("李二")
    kept = keep(first, slot)
    refused = keep(second, slot)
    assert problem(refused) == (409, "slot-full")
    assert [one["slot_id"] for one in refused.get_json()["nearest"]] == [str(near)]
    # The same request again, and another slot in place of the first: one hold at a time.
    assert keep(first, near).status_code == 201
    assert (hall.taken(slot), hall.taken(near)) == ((0, 1), (1, 1))
    lost = first.post(f"/holds/{kept.get_json()['hold_id']}/book")
    assert problem(lost) == (410, "hold-expired")
    assert problem(second.post(f"/holds/{kept.get_json()['hold_id']}/release")) == (404, "not-found")
    assert keep(second, slot).status_code == 201


def test_a_hold_that_runs_out_frees_its_place_and_two_of_them_pause(app: Flask, driver: Programs) -> None:
    slot = hall.slot(1)
    slow, quick = driver("王一"), driver("李二")
    kept = keep(slow, slot).get_json()
    with later(minutes=11):
        # Nobody swept: whoever comes next finds that its time is over.
        assert keep(quick, slot).status_code == 201
        assert problem(slow.post(f"/holds/{kept['hold_id']}/book")) == (410, "hold-expired")
    other = hall.slot(1, at=hall.time(15))
    with later(minutes=12):
        assert keep(slow, other).status_code == 201
    with later(minutes=23):
        holds.expire_due()
        refused = keep(slow, other)
        assert problem(refused) == (429, "hold-limit")
        assert int(refused.headers["Retry-After"]) > 60
    with later(minutes=60):
        assert keep(slow, other).status_code == 201


def test_a_person_chooses_only_so_often_a_day(app: Flask, driver: Programs) -> None:
    slots = [hall.slot(1, at=hall.time(9 + n // 2, 30 * (n % 2))) for n in range(9)]
    who = driver("王一")
    assert [keep(who, slot).status_code for slot in slots] == [201] * 8 + [429]


def test_a_vehicle_has_one_booking_of_a_service_and_a_plate_must_be_one(app: Flask, driver: Programs) -> None:
    slot = hall.slot(5)
    owner, husband = driver("王一"), driver("李二")
    book(owner, slot, car())
    assert problem(keep(husband, slot, car())) == (409, "already-booked")
    assert keep(husband, slot, car("浙BD12345") | {"plate_kind": "52"}).status_code == 201
    assert problem(keep(husband, slot, car("浙BO1234"))) == (422, "invalid")
    assert problem(keep(husband, slot, service=hall.OTHER_SERVICE)) == (409, "window-closed")
    assert problem(keep(husband, new_id())) == (404, "not-found")


def test_two_holds_of_one_vehicle_become_one_booking(app: Flask, driver: Programs) -> None:
    slot = hall.slot(5)
    owner, husband = driver("王一"), driver("李二")
    mine, his = keep(owner, slot, car()).get_json(), keep(husband, slot, car()).get_json()
    assert owner.post(f"/holds/{mine['hold_id']}/book").status_code == 201
    assert problem(husband.post(f"/holds/{his['hold_id']}/book")) == (409, "already-booked")
    assert hall.taken(slot) == (2, 5)


def test_what_is_over_closed_or_not_released_cannot_be_chosen(app: Flask, driver: Programs) -> None:
    who = driver("王一")
    closed, early, over = hall.slot(3), hall.slot(3, at=hall.time(11)), hall.slot(3, at=hall.time(12))
    db.session.execute(update(Slot).where(Slot.id == closed).values(state="closed"))
    db.session.execute(update(Slot).where(Slot.id == early).values(released_at=clock.now() + timedelta(hours=1)))
    past = clock.now() - timedelta(hours=1)
    db.session.execute(update(Slot).where(Slot.id == over).values(starts_at=past, ends_at=past + timedelta(minutes=30)))
    commit()
    for slot in (closed, early, over):
        assert problem(keep(who, slot)) == (409, "window-closed")
    assert who.get(f"/slots/free?service={hall.SERVICE}").get_json()["items"] == []


def test_a_slot_that_closes_while_its_hold_is_confirmed_books_nothing(app: Flask, driver: Programs) -> None:
    slot = hall.slot(3)
    who = driver("王一")
    kept = keep(who, slot).get_json()
    db.session.execute(update(Slot).where(Slot.id == slot).values(state="closed"))
    commit()
    assert problem(who.post(f"/holds/{kept['hold_id']}/book")) == (409, "window-closed")
    assert db.session.scalars(select(Appointment.id)).all() == []


def test_a_freed_place_goes_down_the_waiting_list_before_anybody_sees_it(app: Flask, driver: Programs) -> None:
    slot = hall.slot(1)
    day = clock.today() + timedelta(days=2)
    holder, first, second, passer = driver("王一"), driver("李二"), driver("张三"), driver("赵四")
    booked = book(holder, slot)
    wanted = {"service": hall.SERVICE, "office": hall.OFFICE, "from": day.isoformat(), "to": day.isoformat()}
    for who in (first, second):
        assert who.post("/waiting", {**wanted, "subject": PERSON}).status_code == 201
    assert problem(first.post("/waiting", {**wanted, "subject": PERSON})) == (409, "not-possible")
    assert problem(holder.post("/waiting", {**wanted, "subject": PERSON})) == (409, "already-booked")

    holder.post(f"/appointments/{booked['appointment_id']}/actions/cancel", {})
    assert passer.get(f"/slots/free?service={hall.SERVICE}").get_json()["items"] == []
    assert problem(keep(passer, slot)) == (409, "slot-full")
    offered = first.get("/waiting").get_json()["items"][0]
    assert (offered["state"], offered["slot_id"]) == ("offered", str(slot))
    assert second.get("/waiting").get_json()["items"][0]["state"] == "waiting"
    theirs = second.post(f"/waiting/{offered['id']}/accept")
    assert problem(theirs) == (404, "not-found")

    # The first lets it pass: the second is offered it, and takes it.
    first.post(f"/holds/{offered['hold_id']}/release")
    mine = second.get("/waiting").get_json()["items"][0]
    assert mine["state"] == "offered"
    taken = second.post(f"/waiting/{mine['id']}/accept", key="accept-once-1")
    again = second.post(f"/waiting/{mine['id']}/accept", key="accept-once-1")
    assert taken.status_code == again.status_code == 201, again.text
    assert taken.get_json() == again.get_json()
    assert second.get("/waiting").get_json()["items"] == []
    assert db.session.scalars(select(Appointment.door).where(Appointment.state == "booked")).all() == ["waiting"]
    assert kinds().count("slot_offered") == 2
    assert hall.taken(slot) == (1, 1)
    entry = db.session.scalars(select(WaitingEntry).where(WaitingEntry.passed == 1)).one()
    assert entry.state == "waiting"


def test_an_offer_that_nobody_answers_passes_by_and_two_of_them_end_the_waiting(app: Flask, driver: Programs) -> None:
    slot = hall.slot(1, day=clock.today() + timedelta(days=9))
    who = driver("李二")
    day = (clock.today() + timedelta(days=9)).isoformat()
    wanted = {"service": hall.SERVICE, "office": hall.OFFICE, "from": day, "to": day, "subject": PERSON}
    who.post("/waiting", wanted)
    for days, state in ((2, "waiting"), (4, "passed")):
        holder = driver("王一")
        booked = book(holder, slot)
        holder.post(f"/appointments/{booked['appointment_id']}/actions/cancel", {})
        assert who.get("/waiting").get_json()["items"][0]["state"] == "offered"
        with later(days=days):
            holds.expire_due()
        assert db.session.scalars(select(WaitingEntry.state)).all() == [state]
        # Whoever let it pass is not offered the same place again at once: it is free for everybody.
        assert hall.taken(slot) == (0, 1)
    assert who.get("/waiting").get_json()["items"] == []


def test_one_is_reminded_the_evening_before_and_that_morning_once_each(app: Flask, driver: Programs) -> None:
    book(driver("王一"), hall.slot(1))
    start = db.session.scalars(select(Slot.starts_at)).one()
    wait = start - clock.now()
    for before in (
        timedelta(hours=30),
        timedelta(hours=16),
        timedelta(hours=15),
        timedelta(hours=2),
        timedelta(hours=1),
    ):
        with later(seconds=(wait - before).total_seconds()):
            coming.remind_due()
    assert kinds() == ["appointment_booked", "appointment_remind_day", "appointment_remind_morning"]


def test_repeated_no_shows_pause_booking_and_say_so(app: Flask, driver: Programs) -> None:
    who = driver("王一")
    for days in (1, 2, 3):
        book(who, hall.slot(1, day=clock.today() + timedelta(days=days)))
        with later(days=days + 1):
            coming.note_no_shows()
            coming.note_no_shows()
    slot = hall.slot(1, day=clock.today() + timedelta(days=20))
    refused = keep(who, slot)
    assert problem(refused) == (403, "booking-paused")
    assert "现场取号" in refused.get_json()["detail"]
    assert kinds().count("booking_paused") == 1
    with later(days=40):
        assert keep(who, hall.slot(1, day=clock.today() + timedelta(days=2))).status_code == 201


def test_one_too_many_is_refused_by_the_database_whoever_writes_it(app: Flask, driver: Programs) -> None:
    slot = hall.slot(1)
    booked = book(driver("王一"), slot)
    row = db.session.get_one(Appointment, UUID(booked["appointment_id"]))
    values = {column.name: getattr(row, column.name) for column in Appointment.__table__.columns}
    values |= {"id": new_id(), "number": "Y-planted", "subject_lookup": b"x", "checkin_lookup": b"x"}
    with pytest.raises(IntegrityError) as fault:
        db.session.execute(insert(Appointment).values(**values))
    assert violated_constraint(fault.value) == "ck_slot_not_overbooked"
    db.session.rollback()
    with pytest.raises(IntegrityError) as fault:
        db.session.execute(update(Slot).where(Slot.id == slot).values(taken=0))
    assert violated_constraint(fault.value) == "counted_places"
    db.session.rollback()
    with pytest.raises(IntegrityError):
        db.session.execute(update(Slot).where(Slot.id == slot).values(capacity=0))
    db.session.rollback()
    # A cancelled one that comes back by hand counts as well.
    db.session.execute(update(Appointment).values(state="cancelled", ended_at=clock.now()))
    assert hall.taken(slot) == (0, 1)
    keep(driver("李二"), slot)
    with pytest.raises(IntegrityError):
        db.session.execute(update(Appointment).values(state="booked", ended_at=None))
    db.session.rollback()


def test_of_thirty_at_once_exactly_the_capacity_is_kept_and_every_other_is_told(app: Flask, driver: Programs) -> None:
    slot = hall.slot(4)
    crowd = [driver(f"王{chr(0x4E00 + n)}") for n in range(30)]
    answers: list[Any] = []
    start = threading.Barrier(8)

    def press(some: list[Program]) -> None:
        start.wait(30)
        answers.extend(keep(who, slot) for who in some)

    hands = [threading.Thread(target=press, args=(crowd[n::8],)) for n in range(8)]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join(60)
    assert sorted(answer.status_code for answer in answers) == [201] * 4 + [409] * 26
    assert {problem(answer)[1] for answer in answers if answer.status_code == 409} == {"slot-full"}
    assert hall.taken(slot) == (4, 4)
    assert len(db.session.scalars(select(Hold.id).where(Hold.state == "held")).all()) == 4


def test_two_who_change_places_never_lock_one_another_out(app: Flask, driver: Programs) -> None:
    left, right = hall.slot(6), hall.slot(6, at=hall.time(11))
    people = [driver(f"王{chr(0x4E00 + n)}") for n in range(6)]
    mine = [(who, book(who, (left, right)[n % 2])["appointment_id"], n % 2) for n, who in enumerate(people)]
    codes: list[int] = []

    def swap(who: Program, appointment: str, here: int) -> None:
        for turn in range(4):
            to = (left, right)[(here + turn + 1) % 2]
            codes.append(who.post(f"/appointments/{appointment}/actions/move", {"slot_id": str(to)}).status_code)

    hands = [threading.Thread(target=swap, args=one) for one in mine]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join(60)
    assert codes == [200] * 24
    assert hall.taken(left)[0] + hall.taken(right)[0] == 6
