"""Booking by a clerk for somebody who stands at the counter or phones: the same places, kept and booked in one go.

A pause, or the places chosen today, bind whoever books alone, never a clerk: nobody can be turned away by both doors.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from citizen_services import clock
from citizen_services.database import commit, db
from citizen_services.database.idempotency import Once
from citizen_services.windows import appointments, holds
from citizen_services.windows.appointments import Booked, Noted
from citizen_services.windows.booking_models import Appointment, BookingPause
from citizen_services.windows.errors import BookingError, NotOffered
from citizen_services.windows.models import Slot
from citizen_services.windows.subjects import Subject


def refuse_elsewhere(slot_id: UUID, office_code: str) -> None:
    """Raise NotOffered for a slot of another office: its own people give its places away."""
    slot = db.session.get(Slot, slot_id)
    if slot is not None and slot.office_code != office_code:
        raise NotOffered("这个时段是别的单位的，请在本单位的时段里选。")


def book(
    kept: Once, booked: Once, citizen_id: UUID, slot_id: UUID, service: str, subject: Subject, noted: Noted
) -> Mapping[str, Any]:
    """Keep a place for a person and book it, each once, and commit; the answer as ``appointments.book`` gives it.

    What is kept and can't be booked is given back: nothing of it is theirs to answer for. Raises a BookingError as
    ``holds.take`` and ``appointments.book`` do, but never HoldLimit or BookingPaused.
    """
    before: Mapping[str, Any] | None = booked.answer()
    if before is not None:
        return before
    hold_id = UUID(holds.take(kept, citizen_id, slot_id, service, subject, by_clerk=True)["hold_id"])
    try:
        return appointments.book(booked, citizen_id, hold_id, "counter", noted=noted)
    except BookingError:
        holds.release(citizen_id, hold_id)
        commit()
        raise


def active(citizen_id: UUID) -> list[Booked]:
    """A person's appointments that are still to come or going on, soonest first."""
    query = select(Appointment).where(
        Appointment.citizen_id == citizen_id, Appointment.state.in_(("booked", "checked_in", "serving"))
    )
    found = [appointments.whole(one) for one in db.session.scalars(query.order_by(Appointment.id)).all()]
    return sorted(found, key=lambda one: (one.slot.starts_at, one.appointment.id))


def paused_until(citizen_id: UUID) -> datetime | None:
    """Until when the person can't book by themselves; business time."""
    query = select(BookingPause.until).where(BookingPause.citizen_id == citizen_id, BookingPause.until > clock.now())
    return db.session.scalars(query.order_by(BookingPause.until.desc()).limit(1)).first()
