"""The hall: who is next, by keyboard alone; two counters that press at once; the board and the phone say the same."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from citizen_services import clock
from citizen_services.cases.models import Visit
from citizen_services.database import commit, db, new_id
from citizen_services.people.models import Staff
from citizen_services.windows import appointments, coming, hall, standings
from citizen_services.windows.booking_models import Appointment
from citizen_services.windows.errors import BookingError
from citizen_services.windows.hall_models import Ticket
from citizen_services.windows.models import Counter, Slot
from citizen_services.windows.queue import Turns, estimate_minutes, next_channel
from tests import factories
from tests.cases.engine_world import Hands
from tests.house import START
from tests.pages_kit import check_page, pages_browser, serving
from tests.windows import hall as world

OFFICE = world.OFFICE


@pytest.fixture
def hands() -> Iterator[Hands]:
    """A clock that stands at nine in the morning until it is moved."""
    before, moved = clock._clock, Hands()
    moved.at = START
    clock.use(moved)
    yield moved
    clock.use(before)


@pytest.fixture
def counters(app: Flask, hands: Hands) -> list[Counter]:
    """Two counters of the hall for vehicles, and a morning of slots: two booked and one walk-in place each."""
    world.office()
    made = [
        Counter(id=new_id(), office_code=OFFICE, number=n, name="综合窗口", groups=[world.GROUP], active=True)
        for n in (1, 2)
    ]
    db.session.add_all(made)
    commit()
    for minute in range(0, 180, 30):
        at = world.time(9 + minute // 60, minute % 60)
        world.slot(2, day=clock.today(), at=at, walk_in=1)
    return made


def clerk() -> Any:
    """Somebody of the hall."""
    db.session.execute(update(Staff).where(Staff.login == "yl-clerk").values(office_code=OFFICE))
    commit()
    return factories.staff("yl-clerk")


def booked(name: str, hour: int, minute: int = 0) -> Appointment:
    """Somebody who booked a time of today."""
    starts = clock.now().astimezone(clock.SHANGHAI).replace(hour=hour, minute=minute, second=0, microsecond=0)
    slot = db.session.scalars(select(Slot).where(Slot.starts_at == starts, Slot.group_code == world.GROUP)).one()
    person, code = factories.citizen(name), str(new_id())
    row = Appointment(
        id=new_id(), number=f"Y{code[-12:]}".upper(), slot_id=slot.id, citizen_id=person.id, service=world.SERVICE,
        subject_kind="person", plate=None, subject_lookup=person.id.bytes, state="booked", version=1, checkin_code=code,
        checkin_lookup=appointments.checkin_lookup(code), door="h5", at=clock.now(),
    )  # fmt: skip
    db.session.add(row)
    commit()
    return row


def came(*who: Appointment) -> list[UUID]:
    """They check in, in this order."""
    made = [hall.check_in(OFFICE, one.checkin_code).ticket_id for one in who]
    commit()
    return made


def walked_in(times: int = 1) -> list[UUID]:
    made = [hall.draw(OFFICE, world.SERVICE).ticket_id for _ in range(times)]
    commit()
    return made


def called(counter: Counter, actor: Any) -> UUID:
    """Who is called next; and they are served and done."""
    ticket = hall.call_next(counter, actor)
    hall.start(ticket, actor)
    hall.finish(ticket)
    commit()
    return ticket.id


def test_bookings_go_by_their_slot_then_by_check_in_and_walk_ins_in_between(
    counters: list[Counter], hands: Hands
) -> None:
    actor, one = clerk(), counters[0]
    early, late, next_slot = booked("王一", 9), booked("王二", 9), booked("王三", 9, 30)
    # Whoever checks in first is not first: the earlier slot goes before.
    third, second, first = came(next_slot, late, early)
    walk_ins = walked_in(2)
    order = [called(one, actor) for _ in range(3)]
    assert order == [second, first, walk_ins[0]], "two booked places to one of those who walked in"
    # The third's time has not come; the second walk-in is called before.
    assert called(one, actor) == walk_ins[1]
    with pytest.raises(hall.NobodyWaits):
        hall.call_next(one, actor)
    db.session.rollback()
    hands.at += timedelta(minutes=31)
    assert called(one, actor) == third
    assert db.session.scalars(select(Appointment.state)).all() == ["served"] * 3
    assert len(db.session.scalars(select(Visit.id)).all()) == 3
    assert standings.day_of(OFFICE, clock.today())[0].served == 5


def test_whoever_walked_in_waits_no_longer_than_set(counters: list[Counter], hands: Hands) -> None:
    actor, one = clerk(), counters[0]
    (walk_in,) = walked_in()
    hands.at += timedelta(minutes=61)
    came(booked("王一", 10), booked("王二", 10))
    assert called(one, actor) == walk_in


def test_late_beyond_grace_waits_among_those_who_walked_in(counters: list[Counter], hands: Hands) -> None:
    missed = booked("王一", 9)
    hands.at += timedelta(minutes=50)
    coming.note_no_shows()
    assert db.session.scalars(select(Appointment.state)).one() == "no_show"
    came(missed)
    ticket = db.session.scalars(select(Ticket)).one()
    assert (ticket.channel, ticket.due_at) == ("walk_in", ticket.drawn_at)
    db.session.expire_all()
    assert db.session.scalars(select(Appointment.state)).one() == "checked_in"


def test_whoever_comes_to_the_wrong_hall_too_early_or_twice_is_told(counters: list[Counter]) -> None:
    right, soon = booked("王一", 9), booked("王二", 11)
    came(right)
    for code, office in (
        (right.checkin_code, OFFICE),
        (soon.checkin_code, OFFICE),
        (soon.checkin_code, "330213000000"),
    ):
        with pytest.raises(BookingError) as fault:
            hall.check_in(office, code)
        db.session.rollback()
        assert fault.value.sentence
    with pytest.raises(BookingError):
        hall.check_in(OFFICE, "guessed")
    db.session.rollback()


def test_nobody_is_refused_while_a_walk_in_place_is_left(counters: list[Counter]) -> None:
    assert len(walked_in(6)) == 6
    with pytest.raises(hall.NoPlace):
        hall.draw(OFFICE, world.SERVICE)
    db.session.rollback()
    assert hall.draw(OFFICE, world.SERVICE, force=True).number == "A007"
    commit()


def test_a_number_is_recalled_passed_over_taken_up_again_and_handed_on(counters: list[Counter], hands: Hands) -> None:
    actor, (one, two) = clerk(), counters
    first, second = walked_in(2)
    assert hall.call_next(one, actor).id == first
    commit()
    with pytest.raises(hall.CounterBusy):
        hall.call_next(one, actor)
    db.session.rollback()
    ticket = hall.ticket_of(OFFICE, first)
    hall.recall(ticket)
    assert ticket.calls == 2
    hall.skip(ticket)
    commit()
    assert hall.call_next(one, actor).id == second
    hall.skip(hall.ticket_of(OFFICE, second))
    hall.undo(hall.ticket_of(OFFICE, second), actor, one)
    commit()
    assert hall.ticket_of(OFFICE, second).state == "called"
    hall.take_up(hall.ticket_of(OFFICE, first))
    commit()
    again = hall.call_next(two, actor)
    assert again.id == first
    hall.start(again, actor)
    hall.transfer(again, "violations")
    commit()
    moved = hall.ticket_of(OFFICE, first)
    assert (moved.state, moved.group_code, moved.number, moved.counter_id) == ("waiting", "violations", "A001", None)
    hands.at += timedelta(days=1)
    assert hall.close_day() == 2
    commit()
    assert set(db.session.scalars(select(Ticket.outcome))) == {"left"}


def test_two_counters_that_press_at_once_get_different_numbers(counters: list[Counter], app: Flask) -> None:
    actor = clerk()
    walked_in(6)
    ids = [counter.id for counter in counters]
    got: list[UUID] = []

    def press(counter_id: UUID, ready: threading.Barrier) -> None:
        with app.app_context():
            counter = db.session.get_one(Counter, counter_id)
            commit()
            ready.wait(30)
            ticket = hall.call_next(counter, actor)
            commit()
            got.append(ticket.id)
            hall.start(ticket, actor)
            hall.finish(ticket)
            commit()

    for _ in range(3):
        ready = threading.Barrier(2)
        hands_ = [threading.Thread(target=press, args=(one, ready)) for one in ids]
        for hand in hands_:
            hand.start()
        for hand in hands_:
            hand.join(60)
    assert len(got) == len(set(got)) == 6


@given(st.booleans(), st.integers(0, 120), st.integers(0, 5), st.integers(0, 5), st.integers(0, 50), st.integers(0, 50))
@settings(max_examples=200)
def test_nobody_who_waits_is_ever_left_out(due: bool, waited: int, b: int, w: int, bc: int, wc: int) -> None:
    now, longest = START, timedelta(minutes=60)
    turns = Turns(b, w, bc, wc)
    assert next_channel(due, None, now, turns, longest) == ("booked" if due else None)
    chosen = next_channel(due, now - timedelta(minutes=waited), now, turns, longest)
    assert chosen in ("booked", "walk_in")
    if waited >= 60 or not due:
        assert chosen == "walk_in"
    elif w == 0:
        assert chosen == "booked"


def test_over_a_day_turns_are_taken_in_the_ratio_of_the_places() -> None:
    booked_called = walk_in_called = 0
    for _ in range(30):
        turns = Turns(4, 2, booked_called, walk_in_called)
        if next_channel(True, START, START, turns, timedelta(minutes=60)) == "booked":
            booked_called += 1
        else:
            walk_in_called += 1
    assert (booked_called, walk_in_called) == (20, 10)
    assert [estimate_minutes(n, 7, 2) for n in (0, 1, 3, 10)] == [0, 5, 15, 35]


def test_a_desk_is_worked_by_the_keyboard(counters: list[Counter], app: Flask, desk: Callable[[str], Any]) -> None:
    clerk()
    here = desk("yl-clerk")
    person = booked("王小明", 9)
    with pages_browser() as chromium, serving(app) as site:
        page = chromium.desktop(base_url=site)
        token = here.cookie("console_session", "/console")
        page.context.add_cookies([{"name": "console_session", "value": token, "url": f"{site}/console"}])
        page.goto("/console/desk")
        check_page(page, "desk-sit")
        page.get_by_label("1 号 综合窗口").check()
        page.get_by_role("button", name="坐这个窗口").click()
        page.get_by_label("签到码或预约编号").fill(person.checkin_code)
        page.keyboard.press("Enter")
        page.get_by_text("扫码在手机上看排到哪里").wait_for()
        check_page(page, "desk-ticket")
        page.goto("/console/desk")
        check_page(page, "desk-waiting")
        for key, words in (("n", "来了，开始办"), ("s", "办结"), ("d", "叫下一位")):
            page.keyboard.press(key)
            page.keyboard.press("Enter")
            page.get_by_role("button", name=words).wait_for()
            check_page(page, f"desk-after-{key}")


def test_the_hall_s_screens_and_day_and_a_ticket_on_the_phone_look_right(
    counters: list[Counter], app: Flask, desk: Callable[[str], Any]
) -> None:
    actor = clerk()
    db.session.execute(update(Staff).where(Staff.login == "fw-supervisor").values(office_code=OFFICE))
    drawn = hall.draw(OFFICE, world.SERVICE)
    hall.draw(OFFICE, world.SERVICE)
    commit()
    called(counters[0], actor)
    behind = hall.draw(OFFICE, world.SERVICE)
    commit()
    here = desk("fw-supervisor")
    here.open("/console/desk/screens")
    here.submit("add_screen", name="大厅入口")
    assert "/board/" in here.words
    here.open("/console/desk/screens")
    here.submit("revoke")
    assert "已经停用" in here.words
    with pages_browser() as chromium, serving(app) as site:
        page = chromium.desktop(base_url=site)
        token = here.cookie("console_session", "/console")
        page.context.add_cookies([{"name": "console_session", "value": token, "url": f"{site}/console"}])
        page.goto("/console/desk/screens")
        check_page(page, "desk-screens")
        for name, care in (("light", False), ("care", True)):
            phone = chromium.phone(width=320 if care else 375, care=care, base_url=site)
            phone.goto(f"/h5/queue/{behind.token}")
            check_page(phone, f"queue-{name}")
            phone.goto(f"/h5/queue/{drawn.token}")
            check_page(phone, f"queue-done-{name}")
