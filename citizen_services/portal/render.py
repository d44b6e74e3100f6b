"""From declarations to what the page kit shows: fields of a group, answers to be checked, the guide of an item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from marshmallow import Schema
from marshmallow import fields as fields_

from citizen_services.cases.eligibility import Judged
from citizen_services.catalogue.fields import AddressField, ConfirmField, NameField, PhoneField
from citizen_services.catalogue.vocabulary import By, Group, Material, ServiceItem, Step, Supplier
from citizen_services.portal.registers import source_name
from citizen_services.portal.timeline import road_ahead
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
    shown |= {key: about[key] for key in ("maxlength", "autocomplete", "inputmode") if about.get(key)}
    if "choices" in about:
        shown["choices"] = [(choice[0], choice[1], choice[2] if len(choice) > 2 else "") for choice in about["choices"]]
    return shown


def address_field(group: Group) -> str | None:
    """The name of the group's field that is chosen from the standard addresses."""
    return next((name for name, field in group.schema.fields.items() if isinstance(field, AddressField)), None)


# --- Answers ------------------------------------------------------------------------------------------------------


def answer_rows(
    group: Group, values: Values, *, masked: bool, address: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """What was answered in a group, as people read it; ``masked`` for pages that are looked at again later.

    ``address`` is the chosen standard address.
    """
    rows = []
    for name, field in group.schema.fields.items():
        value = values.get(name)
        if value in (None, "") and not field.required:
            continue
        label = "您的核对" if isinstance(field, ConfirmField) else field.metadata.get("label", name)
        row = {"name": name, "label": label, "value": _words(field, value, address)}
        if masked:
            row["value"] = _masked(field, row["value"])
        rows.append(row)
    return rows


def _words(field: fields_.Field[Any], value: Any, address: Mapping[str, Any] | None) -> str:
    if value in (None, ""):
        return ""
    if isinstance(field, AddressField):
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


# --- The guide ----------------------------------------------------------------------------------------------------


def materials_of(item: ServiceItem) -> list[dict[str, Any]]:
    """The materials and who supplies each: ``{label, value, source, note}``."""
    return [_material(material) for material in item.materials]


def _material(material: Material) -> dict[str, Any]:
    if material.suppliers:
        value, source = "免提交", "、".join(dict.fromkeys(_supplied_by(s) for s in material.suppliers))
    else:
        value, source = ("可以后补" if material.deferrable else "需要上传"), ""
    return {"label": material.name, "value": value, "source": source, "note": f"依据{material.source}"}


def _supplied_by(supplier: Supplier) -> str:
    return f"由{source_name(supplier.source)}提供"


def steps_of(item: ServiceItem) -> list[str]:
    """The way of an application in a few words each, as the guide lists it."""
    submit = item.step(None, "submit")
    if submit is None:
        return []
    lines = ["在这里填写并核对信息，提交申请"]
    lines += [_step(step) for step in road_ahead(item, submit.end)]
    return lines


def _step(step: Step) -> str:
    if step.automatic:
        return "信息核对一致的，马上办结"
    return f"{office_words(step.by)}{step.label}" if step.by.kind == "staff" else step.label


def office_words(by: By) -> str:
    """Where a step is done, as citizens say it."""
    return {"own": "居住地派出所", "service_centre": "区行政服务中心"}.get(by.office, "区内任一公安窗口")


def periods_of(item: ServiceItem) -> list[dict[str, Any]]:
    """The three periods, as rows."""
    clocks = item.clocks
    at_once = "信息核对一致的，当场办结；否则 " if clocks.at_once else ""
    statutory = clocks.statutory.label if clocks.statutory else "法律没有规定期限"
    return [
        {"label": "首次答复", "value": f"提交后 {clocks.first_answer.label}内"},
        {"label": "承诺时限", "value": f"{at_once}{clocks.promised.label}内办结"},
        {
            "label": "法定时限",
            "value": statutory,
            "note": f"依据{clocks.statutory_source}" if clocks.statutory_source else "",
        },
    ]


def visits_of(item: ServiceItem) -> int:
    """How often one has to come when applying online."""
    return next((door.visits for door in item.doors if door.code == "online"), 1)


def purposes_of(item: ServiceItem) -> list[dict[str, str]]:
    """What personal data is read or asked for, why, how long it is kept, who sees it."""
    offices = dict.fromkeys(office_words(step.by) for step in item.steps if step.by.kind == "staff")
    who = "、".join(offices) + "的经办人员；谁看过、为什么看，都有记录。"
    by_register: dict[str, list[Material]] = {}
    for material in item.materials:
        for supplier in material.suppliers:
            by_register.setdefault(supplier.source, []).append(material)
    rows = [
        {
            "what": f"向{source_name(source)}查询：{'、'.join(material.name for material in materials)}",
            "why": f"代替您提交材料，并核对是否符合条件（{materials[0].source}）。",
            "how_long": item.guide.keeps,
            "who": who,
        }
        for source, materials in by_register.items()
    ]
    asked = "、".join(group.title for group in item.groups)
    why = f"办理{item.name}，并把结果交给您。"
    return [*rows, {"what": f"您填写的内容：{asked}", "why": why, "how_long": item.guide.keeps, "who": who}]


def conditions_of(item: ServiceItem, judged: Sequence[Judged] | None) -> list[dict[str, Any]]:
    """The conditions of applying as ``conditions`` shows them; without a verdict where nobody is known yet."""
    if judged is None:
        return [{"text": check.sentence, "met": None, "advice": f"依据{check.source}"} for check in item.pre_checks]
    return [_condition(one) for one in judged]


def _condition(one: Judged) -> dict[str, Any]:
    verdict = one.verdict
    if verdict.met and verdict.certain:
        return {"text": one.check.sentence, "met": True}
    if not verdict.certain:
        advice = verdict.why or "登记信息暂时查不到，您可以先申请，由民警核实。"
        return {"text": one.check.sentence, "met": None, "advice": advice}
    day = f"{chinese_date(verdict.from_day)}起可以申请" if verdict.from_day else ""
    return {"text": one.check.sentence, "met": False, "advice": day}


def icon_of(item: ServiceItem) -> str:
    """An icon that fits what an item is about."""
    fields = [field for group in item.groups for field in group.schema.fields.values()]
    if any(isinstance(field, AddressField) for field in fields):
        return "home-check"
    return "id" if any(group.code == "delivery" for group in item.groups) else "file-text"


def promise_of(item: ServiceItem) -> str:
    """One line for lists: how many visits, how soon."""
    visits = visits_of(item)
    soon = "当场办结" if item.clocks.at_once else f"承诺 {item.clocks.promised.label}"
    return f"{'一次都不用跑' if visits == 0 else f'最多跑 {visits} 次'} · {soon}"
