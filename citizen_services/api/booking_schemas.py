"""What goes in and out where somebody books a window."""

from __future__ import annotations

from apiflask import Schema
from apiflask.fields import UUID, Date, DateTime, Integer, List, Nested, String
from marshmallow import validate

from citizen_services.api.schemas import Strict
from citizen_services.rules.plates import PLATE_KINDS

_CODE = validate.Length(1, 60)
APPOINTMENT_STATES = ("booked", "checked_in", "serving", "served", "cancelled", "no_show")
WAITING_STATES = ("waiting", "offered", "taken", "passed", "ended")


class SubjectSchema(Strict):
    """About whom it is booked: the caller, or a vehicle."""

    kind = String(required=True, validate=validate.OneOf(("person", "vehicle")))
    plate_kind = String(load_default="", validate=validate.OneOf(("", *PLATE_KINDS)), metadata={"example": "02"})
    plate = String(load_default="", validate=validate.Length(max=20), metadata={"example": "浙B12345"})


class FreeQuery(Schema):
    """Which free slots: of a service, at an office or at all, between two days (two weeks from today unless given)."""

    service = String(required=True, validate=_CODE, metadata={"example": "counter-vehicle-register"})
    office = String(load_default="", validate=validate.Length(max=20))
    start = Date(data_key="from", load_default=None, allow_none=True)
    end = Date(data_key="to", load_default=None, allow_none=True)
    limit = Integer(load_default=50, validate=validate.Range(1, 200))
    after = String(load_default="", validate=validate.Length(max=100))


class FreeSchema(Schema):
    """A slot that can be booked."""

    slot_id = UUID(required=True)
    office = String(required=True)
    group = String(required=True)
    service = String(required=True)
    start = DateTime(required=True)
    end = DateTime(required=True)
    free = Integer(required=True)


class FreePage(Schema):
    """Free slots, soonest first."""

    items = List(Nested(FreeSchema), required=True)
    next = String(required=True, allow_none=True)


class HoldBody(Strict):
    """The slot that is to be kept for some minutes, and what for."""

    slot_id = UUID(required=True)
    service = String(required=True, validate=_CODE)
    subject = Nested(SubjectSchema, required=True)


class HoldSchema(Schema):
    """A place kept until then."""

    hold_id = UUID(required=True)
    expires_at = String(required=True, metadata={"format": "date-time"})


class NothingSchema(Strict):
    """Nothing more has to be said."""


class BookedSchema(Schema):
    """What was booked; the code is what the QR at check-in says."""

    appointment_id = UUID(required=True)
    number = String(required=True)
    checkin_code = String(required=True)


class ReleasedSchema(Schema):
    """A place that was given back."""

    hold_id = UUID(required=True)


class AppointmentSchema(Schema):
    """One's own appointment."""

    id = UUID(required=True)
    number = String(required=True)
    state = String(required=True, validate=validate.OneOf(APPOINTMENT_STATES))
    version = Integer(required=True)
    service = String(required=True)
    service_name = String(required=True)
    subject = String(required=True, metadata={"description": "person, or the plate"})
    slot_id = UUID(required=True)
    office = String(required=True)
    start = DateTime(required=True)
    end = DateTime(required=True)
    bring = List(String(), required=True)
    checkin_code = String(required=True, allow_none=True, metadata={"description": "null once it is over"})
    decline_until = DateTime(required=True, allow_none=True)


class ListedAppointmentSchema(AppointmentSchema):
    """One of them."""


class AppointmentsPage(Schema):
    """One's own appointments, newest first."""

    items = List(Nested(ListedAppointmentSchema), required=True)
    next = String(required=True, allow_none=True)


class AfterQuery(Schema):
    """Where the page begins."""

    after = String(load_default="", validate=validate.Length(max=100))


class MoveBody(Strict):
    """The version that was decided on, and what the action needs: ``move`` a slot."""

    version = Integer(load_default=None, allow_none=True, validate=validate.Range(1, 1_000_000))
    slot_id = UUID(load_default=None, allow_none=True)


class ActedSchema(Schema):
    """What was done."""

    appointment_id = UUID(required=True)
    number = String(required=True)


class CheckedInSchema(Schema):
    """A ticket in the hall; ``queue`` is the page that says how many are ahead."""

    ticket_id = UUID(required=True)
    number = String(required=True)
    queue = String(required=True)


class WaitBody(Strict):
    """What is waited for, and between which days."""

    service = String(required=True, validate=_CODE)
    office = String(required=True, validate=validate.Length(1, 20))
    start = Date(data_key="from", required=True)
    end = Date(data_key="to", required=True)
    subject = Nested(SubjectSchema, required=True)


class EnteredSchema(Schema):
    """An entry of the waiting list."""

    waiting_id = UUID(required=True)


class WaitingSchema(Schema):
    """What somebody waits for; ``hold_id`` and ``offered_until`` where a slot is offered."""

    id = UUID(required=True)
    state = String(required=True, validate=validate.OneOf(WAITING_STATES))
    service = String(required=True)
    office = String(required=True)
    start = Date(data_key="from", required=True)
    end = Date(data_key="to", required=True)
    slot_id = UUID(required=True, allow_none=True)
    hold_id = UUID(required=True, allow_none=True)
    offered_start = DateTime(required=True, allow_none=True)
    offered_until = DateTime(required=True, allow_none=True)


class WaitingPage(Schema):
    """What the caller waits for."""

    items = List(Nested(WaitingSchema), required=True)
