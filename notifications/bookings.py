"""Booking, told: each thing that happens to an appointment, and each freed slot that is offered."""

from __future__ import annotations

from uuid import UUID, uuid5

from citizen_services.catalogue import Notice
from citizen_services.database import Change
from citizen_services.parts import parts
from citizen_services.people.queries import office
from citizen_services.rules.dates import chinese_moment
from citizen_services.windows.appointments import Booked
from citizen_services.windows.bring import bring_of
from citizen_services.windows.held import ALONG
from citizen_services.windows.waiting import Offer
from notifications import booking_texts, bringing, rows

#: The way to a person is read with their hold.
_WAY = "way"
ALONG[_WAY] = rows.way_read

#: What is told in the same words of every service.
_SAME: dict[str, Notice] = {
    "moved": booking_texts.MOVED,
    "moved_by_us": booking_texts.MOVED_BY_US,
    "cancelled": booking_texts.CANCELLED,
    "closed": booking_texts.CLOSED,
    "paused": booking_texts.PAUSED,
}


def tell(what: str, *, booked: Booked, change: Change) -> None:
    """Something happened to an appointment: its person hears of it, with what to bring."""
    notice = _SAME.get(what) or booking_texts.own_of(booked.service).get(what)
    if notice is None:
        return
    until = booked.until or booked.appointment.decline_until or booked.slot.starts_at
    things = bring_of(booked.service)
    values = {
        "service": booked.service.name,
        "when": chinese_moment(booked.slot.starts_at),
        "office": booked.office.name,
        "address": booked.office.address,
        "number": booked.appointment.number,
        "bring": bringing.listed(things),
        "until": chinese_moment(until),
    }
    # Told once of each thing that happens: an appointment may move several times.
    once = uuid5(booked.appointment.id, f"{booked.appointment.version} {booked.slot.id}")
    about = rows.About(None, once, f"/h5/appointments/{booked.appointment.id}")
    way = rows.way_in(booked.along.get(_WAY))
    rows.tell(change, notice, values, booked.citizen, about, by_day=what.startswith("remind"), things=things, way=way)


def offer(entry_id: UUID, *, offer: Offer, change: Change) -> None:
    """A freed slot is offered to somebody who waits."""
    _tell_of(offer, booking_texts.OFFERED, change)


def withdraw(entry_id: UUID, *, offer: Offer, change: Change) -> None:
    """A slot that was offered is not there any more: who was to answer need not, and waits first."""
    _tell_of(offer, booking_texts.WITHDRAWN, change)


def _tell_of(offer: Offer, notice: Notice, change: Change) -> None:
    at = office(offer.slot.office_code)
    values = {
        "service": parts().catalogue.service(offer.entry.service).name,
        "when": chinese_moment(offer.slot.starts_at),
        "office": at.name,
        "address": at.address,
        "until": chinese_moment(offer.expires_at),
    }
    about = rows.About(None, offer.hold_id, "/h5/appointments")
    rows.tell(change, notice, values, offer.citizen, about)
