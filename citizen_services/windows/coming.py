"""What time brings to appointments: reminders, and who did not come. Called by the scheduler; safe to run twice."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text, update

from citizen_services import clock
from citizen_services.database import Change, Conflict, commit, db
from citizen_services.database.base import rollback
from citizen_services.people.parameters import number
from citizen_services.rules.dates import local_date, start_of_day
from citizen_services.windows import appointments, holds
from citizen_services.windows.booking_models import Appointment
from citizen_services.windows.errors import NotThis
from citizen_services.windows.models import Slot
from citizen_services.windows.signals import appointment_moved


def remind_due(most: int = 200) -> None:
    """Remind everybody who is to hear now of their appointment, each in a transaction of their own."""
    query = select(Appointment.id).where(
        text("appointment.remind_at IS NOT NULL"), Appointment.remind_at <= clock.now()
    )
    for appointment_id in db.session.scalars(query.order_by(Appointment.remind_at, Appointment.id).limit(most)).all():
        _each(_remind, appointment_id)
    commit()


def note_no_shows(most: int = 200) -> None:
    """Note who did not come, some time after their slot ended; repeated ones pause booking, and are told so."""
    late = timedelta(minutes=number("booking_late_minutes"))
    query = (
        select(Appointment.id)
        .join(Slot, Slot.id == Appointment.slot_id)
        .where(text("appointment.state = 'booked'"), Slot.ends_at < clock.now() - late)
    )
    for appointment_id in db.session.scalars(query.order_by(Slot.ends_at, Appointment.id).limit(most)).all():
        _each(_note_no_show, appointment_id)
    commit()


def _each(act: Any, appointment_id: UUID) -> None:
    try:
        act(appointment_id)
        commit()
    except (NotThis, Conflict):
        # Cancelled, moved or come to at this moment.
        rollback()


def _remind(appointment_id: UUID) -> None:
    booked = appointments.whole(db.session.get_one(Appointment, appointment_id, populate_existing=True))
    appointment, change = booked.appointment, Change(clock.now())
    if appointment.state != "booked" or appointment.remind_at is None or appointment.remind_at > change.at:
        return
    here = update(Appointment).where(Appointment.id == appointment.id, Appointment.remind_at == appointment.remind_at)
    change.guard(here.values(remind_at=appointments.next_reminder(booked.slot.starts_at, change.at)))
    if booked.slot.starts_at > change.at:
        today = local_date(booked.slot.starts_at) == local_date(change.at)
        appointment_moved.send("remind_morning" if today else "remind_day", booked=booked, change=change)
    change.write()


def _note_no_show(appointment_id: UUID) -> None:
    booked = appointments.whole(db.session.get_one(Appointment, appointment_id, populate_existing=True))
    appointment, change = booked.appointment, Change(clock.now())
    if appointment.state != "booked":
        return
    appointments.end(change, appointment, "no_show")
    until = None if appointment.moved_from else _paused_until(booked, change.at)
    if until is not None:
        holds.pause(booked.citizen.id, "no_show", until)
        booked = appointments.Booked(appointment, booked.slot, booked.citizen, booked.service, None, until)
    appointment_moved.send("no_show" if until is None else "paused", booked=booked, change=change)
    change.write()


def _paused_until(booked: appointments.Booked, now: datetime) -> datetime | None:
    """Until when booking is paused by this no-show; None where they were not often enough. Moved by us counts not."""
    since = start_of_day(local_date(now - timedelta(days=number("booking_no_show_days"))))
    missed = select(func.count()).where(
        Appointment.citizen_id == booked.citizen.id,
        Appointment.state == "no_show",
        Appointment.moved_from.is_(None),
        Appointment.ended_at >= since,
    )
    if db.session.execute(missed).scalar_one() + 1 < number("booking_no_shows"):
        return None
    return now + timedelta(days=number("booking_no_show_pause_days"))
