"""What goes in and out where people let others act: authorisations, organisations and who works there."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from apiflask import Schema
from apiflask.fields import UUID, Boolean, Date, DateTime, List, Nested, String
from marshmallow import ValidationError, fields, validate

from citizen_services import clock
from citizen_services.api.schemas import Strict
from citizen_services.catalogue.fields import CreditCodeField, IdNumberField, NameField, PhoneField
from citizen_services.people.authorisations import LONGEST
from citizen_services.people.organisations import KINDS

_ID = {"description": "Opaque"}
#: A report of something longer ago is a slip of the pen.
_OLDEST = timedelta(days=365)


class UntilField(fields.Date):
    """The last day of what is given to somebody: from today on, a year at the most."""

    def __init__(self) -> None:
        sentence = "请填写到哪一天为止。"
        super().__init__(required=True, error_messages=dict.fromkeys(("required", "null", "invalid"), sentence))

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        day: date = super()._deserialize(value, attr, data, **kwargs)
        if not clock.today() <= day <= clock.today() + LONGEST:
            raise ValidationError("请选今天起一年内的日期。")
        return day


class WorkDayField(fields.Date):
    """The day on which somebody began or ceased to work: today, or within the last year."""

    def __init__(self) -> None:
        super().__init__(required=True, error_messages=dict.fromkeys(("required", "null", "invalid"), "请填写日期。"))

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        day: date = super()._deserialize(value, attr, data, **kwargs)
        if not clock.today() - _OLDEST <= day <= clock.today():
            raise ValidationError("请填写今天或过去一年内的日期。")
        return day


# --- Authorisations -----------------------------------------------------------------------------------------------


class AskSchema(Strict):
    """Whom one authorises, for which items, and until when."""

    name = NameField("姓名", most=50)
    id_number = IdNumberField()
    items = List(
        String(validate=validate.Length(1, 100)),
        required=True,
        validate=validate.Length(1, 50, error="请选择要委托的事项。"),
        metadata={"description": "Codes of items; none of those that the law leaves to the person"},
    )
    until = UntilField()
    agree = Boolean(
        required=True,
        truthy={True},
        falsy={False},
        validate=validate.Equal(True, error="须您同意后才能委托。"),
        metadata={"description": "That one answers for what the other does"},
    )


class CodeSchema(Strict):
    """The code that was sent to one's phone for this one authorisation."""

    code = String(
        required=True,
        validate=validate.Regexp(r"[0-9]{6}\Z", error="请填写短信里的6位数字验证码。"),
        metadata={"description": "Six digits"},
    )


class WaitingSchema(Schema):
    """An authorisation that was filled in, and what one agrees to by its code."""

    id = UUID(required=True, metadata=_ID)
    words = String(required=True, metadata={"description": "The sentence that holds once the code is given"})
    phone = String(required=True, metadata={"description": "Where the code went, masked"})


class AuthorisationSchema(Schema):
    """One that was given and has not ended: by oneself to another, or by another to oneself."""

    id = UUID(required=True, metadata=_ID)
    name = String(required=True, metadata={"description": "The other's, masked"})
    items = List(String(), required=True, metadata={"description": "Codes of items"})
    until = Date(required=True, metadata={"description": "The last day"})


class AuthorisationsPage(Schema):
    """Authorisations that hold."""

    items = List(Nested(AuthorisationSchema), required=True)
    next = String(required=True, allow_none=True)


class EndedSchema(Schema):
    """Something that was taken back, from now on."""

    id = UUID(required=True)
    ended = Boolean(required=True)


class GivenSchema(Schema):
    """Something that holds from now on."""

    id = UUID(required=True)
    given = Boolean(required=True)


# --- Organisations ------------------------------------------------------------------------------------------------


class BindSchema(Strict):
    """Which organisation, by its unified social credit code."""

    credit_code = CreditCodeField()


class OrganisationSchema(Schema):
    """An organisation for which one may act."""

    id = UUID(required=True, metadata=_ID)
    name = String(required=True, metadata={"description": "As the market register has it"})
    credit_code = String(required=True)
    head = Boolean(required=True, metadata={"description": "Whether the caller answers for it, and names others"})
    matters = List(String(), required=True, metadata={"description": "What the caller may report: joined, left"})


class ListedOrganisationSchema(OrganisationSchema):
    """One of a list; a class of its own, as the document names each once."""


class OrganisationsPage(Schema):
    """The organisations for which one may act today."""

    items = List(Nested(ListedOrganisationSchema), required=True)
    next = String(required=True, allow_none=True)


class NamePersonSchema(Strict):
    """Who may act for it, in what, and until when."""

    name = NameField("姓名", most=50)
    id_number = IdNumberField()
    matters = List(
        String(validate=validate.OneOf(tuple(KINDS))),
        required=True,
        validate=validate.Length(1, 10, error="请选择可以办什么。"),
    )
    until = UntilField()


class PersonSchema(Schema):
    """Somebody who may act for an organisation."""

    id = UUID(required=True, metadata=_ID)
    name = String(required=True, metadata={"description": "Masked"})
    matters = List(String(), required=True)
    until = Date(required=True, metadata={"description": "The last day"})


class PeoplePage(Schema):
    """Who may act for an organisation."""

    items = List(Nested(PersonSchema), required=True)
    next = String(required=True, allow_none=True)


class ReportSchema(Strict):
    """Who began or ceased to work there, and on which day."""

    kind = String(required=True, validate=validate.OneOf(tuple(KINDS), error="请选择入职或离职。"))
    name = NameField("姓名", most=50)
    id_number = IdNumberField()
    phone = PhoneField()
    day = WorkDayField()
    station = String(
        required=True,
        validate=validate.Length(1, 40, error="请选择单位所在的街道或镇。"),
        metadata={"description": "Code of the police station where the organisation is: `GET /organisations/stations`"},
    )


class WorkerSchema(Schema):
    """What was reported of a worker."""

    id = UUID(required=True, metadata=_ID)
    kind = String(required=True, validate=validate.OneOf(tuple(KINDS)))
    name = String(required=True, metadata={"description": "Masked"})
    day = Date(required=True)
    at = DateTime(required=True, metadata={"description": "When it was reported"})
    late = Boolean(required=True, metadata={"description": "After the three working days"})


class WorkersPage(Schema):
    """What was reported for an organisation, newest first."""

    items = List(Nested(WorkerSchema), required=True)
    next = String(required=True, allow_none=True)


class ReportedSchema(Schema):
    """A report that was taken."""

    kind = String(required=True, validate=validate.OneOf(tuple(KINDS)))
    day = Date(required=True)
    late = Boolean(required=True, metadata={"description": "After the three working days"})


class StationSchema(Schema):
    """A police station of the district."""

    code = String(required=True)
    name = String(required=True)
    serves = String(required=True, metadata={"description": "The streets and towns that it serves"})


class StationsPage(Schema):
    """The police stations to which workers are reported."""

    items = List(Nested(StationSchema), required=True)
    next = String(required=True, allow_none=True)
