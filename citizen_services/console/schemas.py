"""What the console's forms and addresses carry, and doing what a form asks once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from flask import request
from marshmallow import EXCLUDE, Schema, ValidationError, fields, post_load, validate

from citizen_services.cases.seeing import REASONS, reason_of
from citizen_services.catalogue import forms
from citizen_services.database.idempotency import Once
from citizen_services.people.actors import Actor
from citizen_services.people.looks import HANDLING
from citizen_services.rules.errors import RuleError
from citizen_services.rules.text import normalise_text

#: Of a form these differ at each rendering and say nothing of what is asked for.
_TOKENS = frozenset({"csrf_token", "form_token"})

#: Why a colleague of the office looks somebody up: what the form sends, and what the record says.
SEARCH_REASONS: Mapping[str, str] = {
    HANDLING: "办理本单位的办件",
    "visit": "申请人到窗口咨询",
    "call": "申请人来电咨询",
    "double": "核对是否重复申请",
}
#: What is suggested where a masked value is to be shown; any other words will do.
REVEAL_REASONS = ("核对申请人身份", "电话联系申请人", "制证核对", "核对寄送地址")


class ReasonField(fields.String):
    """Why something is looked at, in the person's own words."""

    def __init__(self, *, least: int, most: int = 100) -> None:
        self.least, self.most = least, most
        self.sentence = f"请写明查看理由，{least} 至 {most} 个字。"
        super().__init__(required=True, error_messages={"required": self.sentence, "invalid": self.sentence})

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        try:
            text = normalise_text(super()._deserialize(value, attr, data, **kwargs), limit=self.most)
        except RuleError as fault:
            raise ValidationError(fault.sentence) from fault
        if len(text) < self.least:
            raise ValidationError(self.sentence)
        # The code of those who work on a case can't be claimed by typing it.
        return f"“{text}”" if text == HANDLING else text


class WordsField(fields.String):
    """Some words of the staff's own, cleaned, between two lengths; ``sentence`` says what is wanted."""

    def __init__(self, sentence: str, *, least: int, most: int) -> None:
        self.sentence, self.least, self.most = sentence, least, most
        super().__init__(required=True, error_messages={"required": sentence, "invalid": sentence})

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        try:
            text = normalise_text(super()._deserialize(value, attr, data, **kwargs), limit=self.most)
        except RuleError as fault:
            raise ValidationError(fault.sentence) from fault
        if len(text) < self.least:
            raise ValidationError(self.sentence)
        return text


class FormSchema(Schema):
    """What each form of ours carries."""

    form_token = fields.String(required=True, validate=validate.Length(min=8, max=128))


class ActSchema(FormSchema):
    """A step: the version of the case that the officer decided on."""

    version = fields.Integer(required=True, validate=validate.Range(min=1, max=2_000_000_000))


class ReasonSchema(FormSchema):
    """Why a case is opened that isn't in one's hands: one of the reasons, and some words of one's own."""

    why = fields.String(
        required=True,
        validate=validate.OneOf(list(REASONS), error="请选择查看理由。"),
        error_messages={"required": "请选择查看理由。"},
    )
    reason = ReasonField(least=0)

    @post_load
    def _whole(self, data: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        try:
            return data | {"reason": reason_of(data["why"], data["reason"])}
        except ValueError as fault:
            raise ValidationError(str(fault), "reason") from fault


class RevealSchema(FormSchema):
    """Which masked value is to be shown, and why."""

    field = fields.String(required=True, validate=validate.Length(min=1, max=80))
    reason = ReasonField(least=2)


class ElsewhereSchema(FormSchema):
    """A number that this office doesn't know, and why it is looked for in the district."""

    number = fields.String(required=True, validate=validate.Length(min=1, max=40))
    why = ReasonField(least=4)


class SearchSchema(Schema):
    """Words to search for: a case's number, an identity number, a phone, or a full name."""

    # The search line of each page has no token: a search changes nothing but the record of looks.
    form_token = fields.String(load_default="", validate=validate.Length(max=128))
    q = fields.String(load_default="", validate=validate.Length(max=300))
    reason = fields.String(load_default=HANDLING, validate=validate.OneOf(list(SEARCH_REASONS)))


def read_form(schema: Schema) -> dict[str, Any]:
    """The request's form as a schema reads it; raises marshmallow's ValidationError."""
    return cast(dict[str, Any], schema.load(request.form.to_dict(), unknown=EXCLUDE))


def corrections_field(schema: Schema | None) -> str:
    """The name of the field of a step's input that names corrections; empty where there is none such."""
    fields_ = schema.fields.items() if schema is not None else ()
    return next((name for name, field in fields_ if field.metadata.get("kind") == "corrections"), "")


def read_input(schema: Schema | None) -> dict[str, Any]:
    """What comes with a step, as its schema names it.

    Corrections are what was marked in the check list: ``check-<code>=correct``, ``reason-<code>`` in words.
    """
    if schema is None:
        return {}
    data: dict[str, Any] = dict(forms.form_data(request.form, schema))
    name = corrections_field(schema)
    if name:
        marked = [key.removeprefix("check-") for key, value in request.form.items() if _is_marked(key, value)]
        data[name] = [{"code": code, "why": request.form.get(f"reason-{code}", "").strip()} for code in marked]
    return data


def _is_marked(key: str, value: str) -> bool:
    return key.startswith("check-") and value == "correct"


def by_field(errors: Mapping[str, Any], schema: Schema | None, data: Mapping[str, Any]) -> dict[str, Any]:
    """The errors of a step's input by the inputs of the page: what is wrong with one correction stands at its row."""
    name = corrections_field(schema)
    nested = errors.get(name) if name else None
    if not isinstance(nested, Mapping):
        return dict(errors)
    rest: dict[str, Any] = {field: sentences for field, sentences in errors.items() if field != name}
    for index, wrong in nested.items():
        rest[data[name][index]["code"]] = [sentence for sentences in wrong.values() for sentence in sentences]
    return rest


def once_of(actor: Actor, form_token: str, **about: Any) -> Once:
    """This form as a write that is done once: the same token with other content, or ``about`` others, is refused."""
    body = {name: value for name, value in request.form.items() if name not in _TOKENS}
    return Once.of(actor.key, request.endpoint or "", form_token, {"path": request.path, "form": body, **about})
