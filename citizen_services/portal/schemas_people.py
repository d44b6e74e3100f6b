"""What people type to be known: phones, codes, names, identity numbers."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates

from citizen_services import clock
from citizen_services.catalogue.fields import IdNumberField, NameField, PhoneField
from citizen_services.people.authorisations import LONGEST
from citizen_services.people.guardians import RELATIONS
from citizen_services.rules.text import compact


class CodeField(fields.String):
    """Six digits, however they were pasted."""

    def __init__(self, sentence: str, *, required: bool = True) -> None:
        self.sentence = sentence
        super().__init__(required=required, error_messages={"required": sentence, "null": sentence})

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        digits = compact(super()._deserialize(value, attr, data, **kwargs))
        if not re.fullmatch(r"[0-9]{6}", digits):
            raise ValidationError(self.sentence)
        return digits


class PhoneForm(Schema):
    """Where a code is to be sent."""

    phone = PhoneField()


class LoginForm(PhoneForm):
    """A phone and the code that it received."""

    code = CodeField("请填写短信里的6位数字验证码。")


class ClaimForm(PhoneForm):
    """Who somebody says to be, with a phone that was proved before."""

    name = NameField("姓名", most=50)
    id_number = IdNumberField()


class BindForm(ClaimForm):
    """Who somebody says to be, and the code that proves the phone."""

    code = CodeField("请填写短信里的6位数字验证码。")


class ChildForm(Schema):
    """Which child a guardian answers for: its number, and the code that its phone shows."""

    id_number = IdNumberField()
    code = CodeField("请填写孩子手机上显示的6位数字确认码。")


class GuardianForm(Schema):
    """What a guardian says: what they are to the child, that they agree, and to the comparison of its face as well."""

    relation = fields.String(
        required=True,
        validate=validate.OneOf(tuple(RELATIONS), error="请选择您与孩子的关系。"),
        error_messages={"required": "请选择您与孩子的关系。"},
    )
    consent_guardian = fields.String(
        required=True,
        validate=validate.Equal("yes", error="须您同意后才能继续；不同意的，可以直接离开这一页。"),
        error_messages={"required": "须您同意后才能继续；不同意的，可以直接离开这一页。"},
    )
    consent_face = fields.String(load_default="")


class AgentForm(Schema):
    """Whom a person authorises, for which items, and until when."""

    name = NameField("姓名", most=50)
    id_number = IdNumberField()
    which = fields.List(
        fields.String(),
        required=True,
        validate=validate.Length(1, 50, error="请选择要委托的事项。"),
        error_messages={"required": "请选择要委托的事项。"},
    )
    until = fields.Date(
        required=True,
        error_messages={"required": "请填写委托到哪一天为止。", "invalid": "请填写委托到哪一天为止。"},
    )
    agree = fields.String(
        required=True,
        validate=validate.Equal("yes", error="须您同意后才能委托。"),
        error_messages={"required": "须您同意后才能委托。"},
    )

    @validates("until")
    def _soon(self, value: date, **_: Any) -> None:
        if not clock.today() <= value <= clock.today() + LONGEST:
            raise ValidationError("请选今天起一年内的日期。")


class AgentCodeForm(Schema):
    """The code that proves who gives an authorisation."""

    code = CodeField("请填写短信里的6位数字验证码。")


class OwnDataForm(Schema):
    """The code that proves who downloads everything about themselves, and as what: JSON or PDF."""

    code = CodeField("请填写短信里的6位数字验证码。")
    kind = fields.String(load_default="json", validate=validate.OneOf(("json", "pdf"), error="请选择文件的格式。"))


AGENT_FORM, AGENT_CODE_FORM = AgentForm(), AgentCodeForm()
OWN_DATA_FORM = OwnDataForm()
CHILD_FORM, GUARDIAN_FORM = ChildForm(), GuardianForm()
PHONE_FORM, LOGIN_FORM, CLAIM_FORM, BIND_FORM = PhoneForm(), LoginForm(), ClaimForm(), BindForm()
