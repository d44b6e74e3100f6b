"""The hall when things do not go as planned: people who leave, a late undo, a booking missed and made anew."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from citizen_services.cases.once import do_once, note
from citizen_services.database import commit, db, new_id
from citizen_services.database.base import rollback
from citizen_services.database.idempotency import Once
from citizen_services.windows import appointments, hall
from citizen_services.windows.booking_models import Appointment
from citizen_services.windows.errors import BookingError
from citizen_services.windows.hall_models import Ticket
from citizen_services.windows.models import Counter, Slot
from tests.cases.engine_world import Hands
from tests.windows.test_hall import OFFICE, booked, came, clerk, counters, hands, walked_in

__all__ = ["counters", "hands"]


def state_of(appointment: Appointment) -> str:
    db.session.expire_all()
    return db.session.get_one(Appointment, appointment.id).state


def test_whoever_left_the_hall_or_was_never_finished_can_book_again(counters: list[Counter], hands: Hands) -> None:
    actor = clerk()
    left, served, passed = booked("王一", 9), booked("王二", 9), booked("王三", 9, 30)
    came(served)
    ticket = hall.call_next(counters[0], actor)
    hall.start(ticket, actor)
    commit()
    came(left, passed)
    hands.at += timedelta(hours=1)
    hall.skip(hall.call_next(counters[1], actor))
    commit()
    hands.at += timedelta(days=1)
    assert hall.close_day() == 3
    commit()
    # A booking that stayed active would keep its person from booking this service for ever.
    assert [state_of(one) for one in (left, served, passed)] == ["cancelled", "served", "cancelled"]
    assert db.session.get_one(Appointment, left.id).ended_at is not None
    # Told again, nothing more happens.
    assert hall.close_day() == 0


@pytest.mark.parametrize("over", ["finish", "skip"])
def test_nothing_is_taken_back_at_a_counter_that_has_somebody_else(
    counters: list[Counter], hands: Hands, over: str
) -> None:
    actor = clerk()
    first, second = walked_in(2)
    ticket = hall.call_next(counters[0], actor)
    if over == "finish":
        hall.start(ticket, actor)
        hall.finish(ticket)
    else:
        hall.skip(ticket)
    assert hall.call_next(counters[0], actor).id == second
    commit()

    def take_back(once: Once) -> str:
        hall.undo(hall.ticket_of(OFFICE, first), actor, counters[0])
        return note(once, "done")

    with pytest.raises(hall.CounterBusy):
        do_once(Once.of("staff:x", "desk", "a-token-of-a-form", {}), take_back)
    assert hall.ticket_of(OFFICE, first).state in ("done", "skipped")
    assert hall.ticket_of(OFFICE, second).state == "called"


def test_a_missed_booking_is_not_checked_in_beside_the_one_that_came_after_it(
    counters: list[Counter], hands: Hands
) -> None:
    missed = booked("王一", 9)
    missed.state, missed.ended_at = "no_show", hands.at
    commit()
    later = db.session.scalars(select(Slot).order_by(Slot.starts_at.desc(), Slot.id).limit(1)).one()
    code = str(new_id())
    db.session.add(
        Appointment(
            id=new_id(), number="Y-ANEW", slot_id=later.id, citizen_id=missed.citizen_id, service=missed.service,
            subject_kind="person", plate=None, subject_lookup=missed.subject_lookup, state="booked", version=1,
            checkin_code=code, checkin_lookup=appointments.checkin_lookup(code), door="h5", at=hands.at,
        )
    )  # fmt: skip
    commit()
    with pytest.raises(BookingError) as said:
        hall.check_in(OFFICE, missed.checkin_code)
    assert "Y-ANEW" in said.value.sentence
    rollback()
    assert db.session.scalars(select(Ticket.id)).all() == []
    # The newer one is what they come with.
    hands.at += timedelta(hours=2)
    assert hall.check_in(OFFICE, code).number == "A001"


def test_what_a_scanner_reads_that_is_no_text_is_no_booking(counters: list[Counter]) -> None:
    with pytest.raises(BookingError):
        hall.check_in(OFFICE, "Y26\0")
    with pytest.raises(BookingError):
        hall.draw(OFFICE, "counter\0")
