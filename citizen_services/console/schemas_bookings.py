"""What a clerk sends who books for somebody: whom, which slot, which appointment."""

from __future__ import annotations

from collections.abc import Mapping

from marshmallow import fields, validate

from citizen_services.catalogue.fields import IdNumberField, NameField
from citizen_services.console.schemas import FormSchema

#: How the person came, and what the record of looks says of it, which they may read.
REASONS: Mapping[str, str] = {"here": "本人到窗口预约、改期或取消", "call": "本人来电预约、改期或取消"}
_HOW = "请选择本人是在窗口还是来电。"


class FindSchema(FormSchema):
    """Whom the clerk speaks with: as they say it, and how they came."""

    id_number = IdNumberField("请录入或读取身份证号码。")
    name = NameField("姓名", most=50)
    how = fields.String(
        required=True, validate=validate.OneOf(list(REASONS), error=_HOW), error_messages={"required": _HOW}
    )


class SlotSchema(FormSchema):
    """Which slot, and what it is booked about."""

    slot_id = fields.UUID(
        required=True, error_messages={"required": "请选择一个时段。", "invalid_uuid": "请选择一个时段。"}
    )
    plate_kind = fields.String(load_default="", validate=validate.Length(max=10))
    plate = fields.String(load_default="", validate=validate.Length(max=20))
    no_plate = fields.String(load_default="", validate=validate.Length(max=10))


class VersionSchema(FormSchema):
    """The appointment as the clerk sees it."""

    version = fields.Integer(required=True, validate=validate.Range(1, 2_000_000_000))


class MoveSchema(SlotSchema, VersionSchema):
    """The other slot of an appointment."""
