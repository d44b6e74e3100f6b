"""Shapes of the API around vehicles and driving licences."""

from __future__ import annotations

from typing import Any

from apiflask import Schema
from apiflask.fields import UUID, Boolean, Date, DateTime, List, Nested, String
from apiflask.validators import Length, OneOf
from marshmallow import ValidationError, validates_schema

from citizen_services.rules.plates import PLATE_KINDS


class VehicleSchema(Schema):
    """Which vehicle: by plate kind and plate, or by VIN while it has none."""

    plate_kind = String(load_default="", validate=OneOf(["", *PLATE_KINDS]))
    plate = String(load_default="", validate=Length(max=12))
    vin = String(load_default="", validate=Length(max=20))

    @validates_schema
    def _one_name(self, data: dict[str, Any], **_: Any) -> None:
        if bool(data.get("vin")) == bool(data.get("plate")):
            raise ValidationError({"plate": ["号牌号码和车辆识别代号，写一个。"]})


class AskOneStopSchema(Schema):
    """For which service, and about which vehicle."""

    service = String(required=True, validate=Length(1, 64))
    vehicle = Nested(VehicleSchema, load_default=None, allow_none=True)


class PartSchema(Schema):
    """One partner's part as it stands."""

    code = String(required=True)
    name = String(required=True)
    state = String(
        required=True,
        metadata={
            "description": "done, missing, away (its register could not be asked), unnamed (a vehicle must be named), "
            "hall (done on the spot), not_yours (about a vehicle that is not the person's)"
        },
    )
    text = String(required=True, metadata={"description": "What the register says"})
    todo = String(required=True)
    desk = String(required=True, allow_none=True, metadata={"description": "The partner's desk in the hall"})
    optional = Boolean(required=True)
    source = String(required=True)
    as_of = String(required=True, allow_none=True, metadata={"description": "When the register said so"})


class OneStopSchema(Schema):
    """All parts of a matter; `ready` is null where something could not be asked."""

    service = String(required=True)
    ready = Boolean(required=True, allow_none=True)
    parts = List(Nested(PartSchema), required=True)


class WatchSchema(Schema):
    """Something whose expiry one is reminded of."""

    id = UUID(required=True)
    kind = String(required=True, metadata={"description": "licence, inspection or medical"})
    plate = String(required=True, allow_none=True)
    until = Date(required=True, allow_none=True)
    checked_at = DateTime(required=True, allow_none=True)
    told = Boolean(required=True, metadata={"description": "Whether one was reminded of this expiry"})


class WatchesPage(Schema):
    """What one is reminded of."""

    items = List(Nested(WatchSchema), required=True)
    next = String(required=True, allow_none=True)


class AskWatchSchema(Schema):
    """What to be reminded of; `consent` is the person's yes to the sentence of the page."""

    kind = String(required=True, validate=OneOf(["licence", "inspection", "medical"]))
    plate_kind = String(load_default="", validate=OneOf(["", *PLATE_KINDS]))
    plate = String(load_default="", validate=Length(max=12))
    consent = Boolean(required=True)

    @validates_schema
    def _whole(self, data: dict[str, Any], **_: Any) -> None:
        if not data.get("consent"):
            raise ValidationError({"consent": ["本人同意后才能设提醒。"]})
        if (data.get("kind") == "inspection") != bool(data.get("plate")):
            raise ValidationError({"plate": ["车辆检验的提醒要写号牌，别的不用写。"]})


class WatchAskedSchema(Schema):
    """The reminder that was asked for."""

    id = UUID(required=True)


class WatchStoppedSchema(Schema):
    """A reminder that was stopped; `stopped` is false where it was not one's own, or stopped before."""

    id = UUID(required=True)
    stopped = Boolean(required=True)
