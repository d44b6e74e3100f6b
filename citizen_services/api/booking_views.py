"""Booking: free slots, a place kept for some minutes, appointments, and the waiting list; each for oneself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from apiflask import APIBlueprint

from citizen_services import clock
from citizen_services.api import booking_schemas as forms
from citizen_services.api.callers import the_citizens_id
from citizen_services.api.once import do, once_of
from citizen_services.api.operation import blueprint, operation
from citizen_services.cases.once import note
from citizen_services.database import commit, db
from citizen_services.parts import parts
from citizen_services.people.queries import office
from citizen_services.rules.keyset import place_from_text, place_to_text
from citizen_services.windows import appointments, hall, holds, slots, waiting
from citizen_services.windows.appointments import Booked
from citizen_services.windows.booking_models import Hold, WaitingEntry
from citizen_services.windows.bring import bring_of
from citizen_services.windows.errors import NotThis, NotYours
from citizen_services.windows.models import Slot
from citizen_services.windows.subjects import Subject, about_a_vehicle, subject_of

free_bp = blueprint("slots", "/slots", "预约")
holds_bp = blueprint("holds", "/holds", "预约")
appointments_bp = blueprint("appointments", "/appointments", "预约")
waiting_bp = blueprint("waiting", "/waiting", "预约")
BLUEPRINTS: tuple[APIBlueprint, ...] = (free_bp, holds_bp, appointments_bp, waiting_bp)

ME = ("citizen",)
#: Free slots are looked for over so many days unless others are named; never over more than MOST.
_DAYS, _MOST_DAYS = timedelta(days=14), timedelta(days=92)
_PAGE = 20


def _subject(body: Mapping[str, Any]) -> Subject:
    named, service = body["subject"], parts().catalogue.service(body["service"])
    if named["kind"] == "vehicle" and not about_a_vehicle(service):
        raise NotYours("这项业务由本人办理，不按车辆预约。")
    return subject_of(the_citizens_id(), named["kind"], named["plate_kind"], named["plate"])


# --- Choosing and booking -----------------------------------------------------------------------------------------


@free_bp.get("/free")
@operation(free_bp, "可约号源", forms.FreePage, query=forms.FreeQuery, problems=(404,))
def free(query: Mapping[str, Any]) -> dict[str, Any]:
    """The next free times of a service, soonest first."""
    parts().catalogue.service(query["service"])
    # Behind all days that can be asked for there is room to count on.
    first = min(max(query["start"] or clock.today(), clock.today()), date.max - 2 * _MOST_DAYS)
    last = min(query["end"] or first + _DAYS, first + _MOST_DAYS)
    where = query["office"] or None
    if where is not None:
        office(where)
    after = place_from_text(query["after"])
    page = slots.free_slots(query["service"], where, first, last, limit=query["limit"], after=after)
    return {"items": page.items, "next": place_to_text(page.after)}


@holds_bp.post("")
@operation(
    holds_bp,
    "选号（保留几分钟）",
    forms.HoldSchema,
    status=201,
    body=forms.HoldBody,
    once=True,
    who=ME,
    problems=(404, 409, 429),
)
def hold(body: Mapping[str, Any]) -> Any:
    """Keep a place for some minutes. One that was kept before for the same service is given back."""
    return holds.take(once_of(body), the_citizens_id(), body["slot_id"], body["service"], _subject(body)), 201


@holds_bp.post("/<uuid:hold_id>/book")
@operation(
    holds_bp,
    "确认预约",
    forms.BookedSchema,
    status=201,
    body=forms.NothingSchema,
    once=True,
    who=ME,
    problems=(404, 409, 410),
)
def book(hold_id: UUID, body: Mapping[str, Any]) -> Any:
    """Turn a place that is kept into an appointment."""
    return appointments.book(once_of(body), the_citizens_id(), hold_id, "api"), 201


@holds_bp.post("/<uuid:hold_id>/release")
@operation(holds_bp, "放弃选号", forms.ReleasedSchema, body=forms.NothingSchema, once=True, who=ME, problems=(404, 409))
def release(hold_id: UUID, body: Mapping[str, Any]) -> Any:
    """Give a place back."""

    def act(once: Any) -> Any:
        holds.release(the_citizens_id(), hold_id)
        return note(once, {"hold_id": str(hold_id)})

    return do(body, act)


# --- Appointments -------------------------------------------------------------------------------------------------


@appointments_bp.get("")
@operation(appointments_bp, "我的预约", forms.AppointmentsPage, query=forms.AfterQuery, who=ME)
def mine(query: Mapping[str, Any]) -> dict[str, Any]:
    """One's own appointments, newest first."""
    found = appointments.of_citizen(the_citizens_id(), limit=_PAGE + 1, after=place_from_text(query["after"]))
    after = (found[_PAGE - 1].at, found[_PAGE - 1].id) if len(found) > _PAGE else None
    items = [_shown(appointments.whole(one)) for one in found[:_PAGE]]
    return {"items": items, "next": place_to_text(after)}


@appointments_bp.get("/<uuid:appointment_id>")
@operation(appointments_bp, "一个预约", forms.AppointmentSchema, who=ME, problems=(404,))
def one(appointment_id: UUID) -> dict[str, Any]:
    """One appointment: when, where, what to bring, and the code of its check-in."""
    return _shown(appointments.own(the_citizens_id(), appointment_id))


def _shown(booked: Booked) -> dict[str, Any]:
    appointment, slot = booked.appointment, booked.slot
    over = appointment.ended_at is not None
    return {
        **{name: getattr(appointment, name) for name in ("id", "number", "state", "version", "service")},
        "service_name": booked.service.name,
        "subject": appointment.plate.partition("-")[2] if appointment.plate else "person",
        "slot_id": slot.id,
        "office": slot.office_code,
        "start": slot.starts_at,
        "end": slot.ends_at,
        "bring": bring_of(booked.service),
        "checkin_code": None if over else appointment.checkin_code,
        "decline_until": appointment.decline_until,
    }


@appointments_bp.post("/<uuid:appointment_id>/actions/move")
@operation(appointments_bp, "改期", forms.ActedSchema, body=forms.MoveBody, once=True, who=ME, problems=(404, 409))
def move(appointment_id: UUID, body: Mapping[str, Any]) -> Any:
    """Move an appointment to another slot; its number stays."""
    if body["slot_id"] is None:
        raise NotThis("请选择要改到的时段（slot_id）。")
    once = once_of({**body, "path": "move"})
    return appointments.move(once, the_citizens_id(), appointment_id, body["version"], body["slot_id"])


@appointments_bp.post("/<uuid:appointment_id>/actions/cancel")
@operation(appointments_bp, "取消预约", forms.ActedSchema, body=forms.MoveBody, once=True, who=ME, problems=(404, 409))
def cancel(appointment_id: UUID, body: Mapping[str, Any]) -> Any:
    """Give an appointment up; its place goes to whoever waits."""
    return appointments.cancel(once_of(body), the_citizens_id(), appointment_id, body["version"])


@appointments_bp.post("/<uuid:appointment_id>/actions/check_in")
@operation(
    appointments_bp,
    "签到",
    forms.CheckedInSchema,
    status=201,
    body=forms.NothingSchema,
    once=True,
    who=ME,
    problems=(404, 409),
)
def check_in(appointment_id: UUID, body: Mapping[str, Any]) -> Any:
    """Take a ticket in the hall for one's booking, from half an hour before its time on."""

    def act(once: Any) -> Any:
        booked = appointments.own(the_citizens_id(), appointment_id)
        drawn = hall.check_in_of(booked.slot.office_code, booked)
        return note(
            once, {"ticket_id": str(drawn.ticket_id), "number": drawn.number, "queue": f"/h5/queue/{drawn.token}"}
        )

    return do(body, act), 201


# --- The waiting list ---------------------------------------------------------------------------------------------


@waiting_bp.get("")
@operation(waiting_bp, "我的候补", forms.WaitingPage, who=ME)
def waited_for() -> dict[str, Any]:
    """What one waits for, with the slot that is offered."""
    return {"items": [_entry(entry) for entry in waiting.of_citizen(the_citizens_id())]}


def _entry(entry: WaitingEntry) -> dict[str, Any]:
    hold = db.session.get(Hold, entry.hold_id) if entry.hold_id else None
    slot = db.session.get(Slot, hold.slot_id) if hold else None
    return {
        **{name: getattr(entry, name) for name in ("id", "state", "service")},
        "office": entry.office_code,
        "start": entry.from_day,
        "end": entry.until_day,
        "slot_id": slot.id if slot else None,
        "hold_id": hold.id if hold else None,
        "offered_start": slot.starts_at if slot else None,
        "offered_until": hold.expires_at if hold else None,
    }


@waiting_bp.post("")
@operation(
    waiting_bp,
    "登记候补",
    forms.EnteredSchema,
    status=201,
    body=forms.WaitBody,
    once=True,
    who=ME,
    problems=(404, 409),
)
def wait(body: Mapping[str, Any]) -> Any:
    """Wait for a freed slot; it is offered in order, for some time, before anybody else sees it."""
    service = parts().catalogue.service(body["service"])

    def act(once: Any) -> Any:
        where = office(body["office"]).code
        args = (service.code, where, body["start"], body["end"], _subject(body))
        return note(once, {"waiting_id": str(waiting.wait(the_citizens_id(), *args))})

    return do(body, act), 201


@waiting_bp.post("/<uuid:waiting_id>/accept")
@operation(
    waiting_bp,
    "接受候补号源",
    forms.BookedSchema,
    status=201,
    body=forms.NothingSchema,
    once=True,
    who=ME,
    problems=(404, 409, 410),
)
def accept(waiting_id: UUID, body: Mapping[str, Any]) -> Any:
    """Take the slot that is offered."""
    once = once_of(body)
    done = once.answer()
    if done is not None:
        return done, 201
    hold_id = waiting.offered_hold(the_citizens_id(), waiting_id)
    commit()
    return appointments.book(once, the_citizens_id(), hold_id, "api"), 201


@waiting_bp.post("/<uuid:waiting_id>/end")
@operation(
    waiting_bp, "不再候补", forms.EnteredSchema, body=forms.NothingSchema, once=True, who=ME, problems=(404, 409)
)
def end(waiting_id: UUID, body: Mapping[str, Any]) -> Any:
    """Wait no more; what is offered goes to whoever is next."""

    def act(once: Any) -> Any:
        waiting.end(the_citizens_id(), waiting_id)
        return note(once, {"waiting_id": str(waiting_id)})

    return do(body, act)
