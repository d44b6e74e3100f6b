"""From declarations to what pages of the kit show: the inputs of a group, answers to be checked, conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from marshmallow import Schema
from marshmallow import fields as fields_

from citizen_services.cases.eligibility import Judged
from citizen_services.catalogue.fields import (
    BY_HAND,
    AddressField,
    ConfirmField,
    NameField,
    PhoneField,
    StationField,
)
from citizen_services.catalogue.vocabulary import Group, ServiceItem
from citizen_services.parts import parts
from citizen_services.people.models import Office
from citizen_services.people.queries import offices
from citizen_services.rules.dates import chinese_date
from citizen_services.rules.errors import RuleError
from citizen_services.rules.masking import mask_address, mask_name, mask_phone
from citizen_services.rules.text import normalise_text

#: What is shown again of a text that was sent; the form takes no more anyway.
_MOST_SHOWN = 2000

Values = Mapping[str, Any]
Errors = Mapping[str, Sequence[str]]


# --- A page of the form -------------------------------------------------------------------------------------------


def typed(form: Mapping[str, str], schema: Schema) -> dict[str, str]:
    """What was sent for a schema's fields, cleaned of what can't be seen, to be shown again in its inputs."""
    shown = {}
    for name in schema.fields:
        if name in form:
            text = form[name][:_MOST_SHOWN]
            try:
                shown[name] = normalise_text(text, limit=_MOST_SHOWN, newlines=True)
            except RuleError:
                shown[name] = ""
    return shown


def fields_of(group: Group, values: Values, errors: Errors, *, confirmable: bool = True) -> list[dict[str, Any]]:
    """The group's inputs as ``kit/forms.html`` takes them.

    Where there is nothing to confirm (the register knew nothing or was away), the confirming question is not asked:
    it is sent as ``no``, and an officer looks.
    """
    shown = []
    for name, field in group.schema.fields.items():
        kit = _field(name, field, values.get(name), errors.get(name, ()))
        if isinstance(field, ConfirmField) and not confirmable:
            kit = {"name": name, "kind": "hidden", "value": "no"}
        shown.append(kit)
    return shown


def step_fields(schema: Schema, values: Values, errors: Errors) -> list[dict[str, Any]]:
    """The inputs of a step that is the person's own, as ``kit/forms.html`` takes them."""
    return [_field(name, field, values.get(name), errors.get(name, ())) for name, field in schema.fields.items()]


def _field(name: str, field: fields_.Field[Any], value: Any, errors: Sequence[str]) -> dict[str, Any]:
    about = field.metadata
    kind = str(about.get("kind", "text"))
    shown: dict[str, Any] = {
        "name": name,
        "label": about.get("label", name),
        "hint": about.get("hint", ""),
        "kind": "lookup" if kind == "address" else kind,
        "value": "" if value is None else value,
        "errors": list(errors),
        "required": field.required,
    }
    shown |= {key: about[key] for key in ("maxlength", "autocomplete", "inputmode", "optional") if about.get(key)}
    if about.get("by_hand"):
        shown["by_hand"] = (BY_HAND, *about["by_hand"])
    if isinstance(field, StationField):
        shown |= {"kind": "radio", "choices": [(one.code, *station_words(one)) for one in stations()]}
    if "choices" in about:
        shown["choices"] = [(choice[0], choice[1], choice[2] if len(choice) > 2 else "") for choice in about["choices"]]
    return shown


def stations() -> list[Office]:
    """The police stations of the district, in the order of their codes."""
    district = parts().settings.district
    return [one for one in offices().values() if one.kind == "station" and one.district == district]


def station_words(station: Office) -> tuple[str, str]:
    """How citizens tell a station: by the streets that it serves, with its name beside them."""
    return (station.serves, station.name) if station.serves else (station.name, "")


def station_errors(group: Group, form: Mapping[str, str]) -> dict[str, list[str]]:
    """The sentences of the fields of a group in which something else than a station was chosen."""
    known = {station.code for station in stations()}
    return {
        name: [f"请选择{field.metadata['label']}"]
        for name, field in group.schema.fields.items()
        if isinstance(field, StationField) and form.get(name) and form[name] not in known
    }


def address_field(group: Group) -> str | None:
    """The name of the group's field that is chosen from the standard addresses."""
    return next((name for name, field in group.schema.fields.items() if isinstance(field, AddressField)), None)


# --- Answers ------------------------------------------------------------------------------------------------------


def answer_rows(
    group: Group, values: Values, *, masked: bool, address: Mapping[str, Any] | None = None, you: str = "您"
) -> list[dict[str, Any]]:
    """What was answered in a group, as people read it; ``masked`` for pages that are looked at again later.

    ``address`` is the chosen standard address, ``you`` how the page calls the applicant.
    """
    rows = []
    for name, field in group.schema.fields.items():
        value = values.get(name)
        if value in (None, "") and not field.required:
            continue
        label = f"{you}的核对" if isinstance(field, ConfirmField) else field.metadata.get("label", name)
        row: dict[str, Any] = {"name": name, "label": label, "value": _words(field, value, address)}
        row["confirms"] = isinstance(field, ConfirmField)
        if masked:
            row["value"] = _masked(field, row["value"])
        rows.append(row)
    return rows


def _words(field: fields_.Field[Any], value: Any, address: Mapping[str, Any] | None) -> str:
    if value in (None, ""):
        return ""
    if isinstance(field, StationField):
        chosen = offices().get(str(value))
        return "，".join(word for word in station_words(chosen) if word) if chosen else ""
    if isinstance(field, AddressField):
        if value == BY_HAND:
            return "自己填写的地址"
        return str(address["text"]) if address and address["code"] == value else ""
    for choice in field.metadata.get("choices", ()):
        if choice[0] == value:
            return str(choice[1])
    return str(value)


def _masked(field: fields_.Field[Any], text: str) -> str:
    if isinstance(field, PhoneField):
        return mask_phone(text)
    if isinstance(field, NameField):
        return mask_name(text)
    if isinstance(field, AddressField) or field.metadata.get("autocomplete") == "street-address":
        return mask_address(text)
    return text


# --- Conditions ---------------------------------------------------------------------------------------------------


def conditions_of(item: ServiceItem, judged: Sequence[Judged] | None) -> list[dict[str, Any]]:
    """The conditions of applying as ``conditions`` shows them; without a verdict where nobody is known yet."""
    if judged is None:
        return [{"text": check.sentence, "met": None, "advice": f"依据{check.source}"} for check in item.pre_checks]
    refused = any(not one.verdict.met and one.verdict.certain for one in judged)
    return [_condition(one, refused) for one in judged]


def _condition(one: Judged, refused: bool) -> dict[str, Any]:
    verdict = one.verdict
    if verdict.met and verdict.certain:
        return {"text": one.check.sentence, "met": True}
    if not verdict.certain:
        # Nobody is told to go on beside being told that they can't.
        unknown = "登记信息暂时查不到" + ("。" if refused else "，您可以先申请，由工作人员核实。")
        advice = verdict.why or unknown
        return {"text": one.check.sentence, "met": None, "advice": advice}
    day = f"{chinese_date(verdict.from_day)}起可以申请" if verdict.from_day else ""
    return {"text": one.check.sentence, "met": False, "advice": day}
