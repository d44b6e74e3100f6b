"""What is typed for an organisation: its code, who may act for it, who began or ceased to work there."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates

from citizen_services import clock
from citizen_services.catalogue.fields import CreditCodeField, IdNumberField, NameField, PhoneField
from citizen_services.people.authorisations import LONGEST
from citizen_services.people.organisations import KINDS

#: A report of something longer ago is a slip of the pen.
_OLDEST = timedelta(days=365)


class CreditForm(Schema):
    """Which organisation."""

    credit_code = CreditCodeField()


class NamedForm(Schema):
    """Who may act for it, in what, and until when."""

    person_name = NameField("姓名", most=50)
    person_id_number = IdNumberField()
    person_matters = fields.List(
        fields.String(validate=validate.OneOf(tuple(KINDS))),
        required=True,
        validate=validate.Length(1, error="请选择可以办什么。"),
        error_messages={"required": "请选择可以办什么。"},
    )
    person_until = fields.Date(
        required=True, error_messages={"required": "请填写到哪一天为止。", "invalid": "请填写到哪一天为止。"}
    )

    @validates("person_until")
    def _soon(self, value: date, **_: Any) -> None:
        if not clock.today() <= value <= clock.today() + LONGEST:
            raise ValidationError("请选今天起一年内的日期。")


class WorkerForm(Schema):
    """Who began or ceased to work there, and on which day."""

    kind = fields.String(
        required=True,
        validate=validate.OneOf(tuple(KINDS), error="请选择入职或离职。"),
        error_messages={"required": "请选择入职或离职。"},
    )
    name = NameField("姓名", most=50)
    id_number = IdNumberField()
    phone = PhoneField()
    day = fields.Date(required=True, error_messages={"required": "请填写日期。", "invalid": "请填写日期。"})
    station = fields.String(required=True, error_messages={"required": "请选择单位所在的街道或镇。"})

    @validates("day")
    def _past(self, value: date, **_: Any) -> None:
        if not clock.today() - _OLDEST <= value <= clock.today():
            raise ValidationError("请填写今天或过去一年内的日期。")


CREDIT_FORM, NAMED_FORM, WORKER_FORM = CreditForm(), NamedForm(), WorkerForm()
