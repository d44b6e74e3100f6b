"""What can be done with a case at the desk: buttons, forms, and the list on which corrections are marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from flask import url_for

from citizen_services.cases import corrections
from citizen_services.cases.models import Case
from citizen_services.cases.queries import failing_guard, steps_for
from citizen_services.catalogue import ConfirmField
from citizen_services.catalogue.vocabulary import Group, ServiceItem, Step
from citizen_services.console.access import holds
from citizen_services.console.answers import DOUBTED, group_lines
from citizen_services.console.schemas import corrections_field
from citizen_services.people.actors import Actor
from citizen_services.people.models import Office
from citizen_services.people.queries import offices
from citizen_services.rules.dates import last_day

_CORRECTIONS: Mapping[str, str] = {
    "open": "等申请人补正", "answered": "已补正", "lapsed": "到期未补正", "dropped": "不再需要",
}  # fmt: skip
#: Keys that pages use already: rows, search, viewer.
_TAKEN_KEYS = frozenset("JK")


def offered(item: ServiceItem, case: Case, actor: Actor) -> list[Step]:
    """The steps that the actor may take, less those that make no sense now.

    Nobody claims what they hold, or lets go of what they don't; and a button alone, without anything to fill in, is
    not offered where it can only be refused.
    """
    useless = "claim" if holds(actor, case) else "release"
    return [
        step
        for step in steps_for(item, case, actor)
        if step.action != useless and (step.input is not None or failing_guard(item, case, actor, step) is None)
    ]


def waiting(item: ServiceItem, case: Case, actor: Actor, steps: Sequence[Step]) -> dict[str, str]:
    """Why steps that ask for something can't be taken yet, whatever is filled in: the guard's sentence, by action."""
    found = {step.action: failing_guard(item, case, actor, step) for step in steps if step.input is not None}
    return {action: guard.sentence for action, guard in found.items() if guard is not None}


def correction_step(steps: Sequence[Step]) -> Step | None:
    """The step that asks for corrections: it is taken on the answers themselves, not by a form beside them."""
    return next((step for step in steps if corrections_field(step.input)), None)


def check_rows(
    item: ServiceItem,
    case: Case,
    cards: Sequence[Mapping[str, Any]],
    address: Mapping[str, Any] | None,
    shown: Mapping[str, str] | None,
    typed: Mapping[str, str],
    errors: Mapping[str, Sequence[Any]],
    brought: Mapping[str, str],
) -> list[dict[str, Any]]:
    """Every answer and material of a case as ``check_row`` has it judged: right, or to be corrected.

    ``brought`` says of materials what the person brought, by code.
    """
    rows: list[dict[str, Any]] = []
    by_title = {card["title"]: card for card in cards}
    for group in item.active_groups(case.data):
        given = case.data.get(group.code, {})
        doubted = group.confirms and by_title.get(item.material(group.confirms).name, {}).get("verdict") == DOUBTED
        for name in group.schema.fields:
            line = next(iter(group_lines(group, given, address, only=name)), None)
            if line is None:
                continue
            if line.differs and not doubted:
                # Nothing was there to be confirmed, so nobody denied it.
                continue
            code = f"{group.code}.{name}"
            once = bool(shown and line.key and shown["key"] == line.key)
            rows.append(
                {
                    "name": code,
                    "label": line.label,
                    "value": shown["value"] if once and shown else line.value or "没有填写",
                    "reveal_form": "reveal" if line.key and line.full != line.value and not once else "",
                    "source": _registered(item, group, by_title) if _confirms(group, name) else "",
                    "note": "申请人认为与实际不符，请核对" if line.differs else "只显示这一次，已记录" if once else "",
                }
            )
    for material in item.active_materials(case.data):
        verdict = by_title.get(material.name, {}).get("verdict", "")
        value = "，".join(words for words in (verdict, brought.get(material.code, "")) if words)
        rows.append({"name": material.code, "label": f"材料：{material.name}", "value": value})
    for row in rows:
        row["verdict"] = typed.get(f"check-{row['name']}", "")
        row["reason"] = typed.get(f"reason-{row['name']}", "")
        row["errors"] = list(errors.get(row["name"], ()))
    return rows


def _confirms(group: Group, name: str) -> bool:
    return isinstance(group.schema.fields[name], ConfirmField)


def _registered(item: ServiceItem, group: Group, by_title: Mapping[str, Mapping[str, Any]]) -> str:
    """What a register says of what a group asks to be confirmed, in a line beside the person's answer."""
    if group.confirms is None:
        return ""
    card = by_title.get(item.material(group.confirms).name, {})
    told = [str(row["value"]) for row in card.get("rows", ()) if row.get("value")]
    return f"登记：{'，'.join(told)}" if told else ""


def corrections_of(item: ServiceItem, case: Case) -> list[dict[str, Any]]:
    """What the person was asked to correct, newest request first: ``{state, asked_at, due, reached, items}``."""
    return [
        {
            "state": _CORRECTIONS[row.state],
            "asked_at": row.asked_at,
            "due": last_day(row.due),
            "provisional": row.due_provisional,
            "reached": row.reached_at,
            "items": [{"label": corrections.label_of(item, one["code"]), "why": one["why"]} for one in row.items],
        }
        for row in reversed(corrections.of_case(case.id))
    ]


def action_forms(
    steps: Sequence[Step],
    case: Case,
    typed: Mapping[str, str],
    errors: Mapping[str, Sequence[Any]],
    failed: str = "",
    waits: Mapping[str, str] = MappingProxyType({}),
) -> list[dict[str, Any]]:
    """The steps that may be taken, as forms: the step that moves the case on first, dangerous ones as links.

    ``waits`` says by action why a step can't be taken yet, whatever is filled in: it is told instead.
    ``typed`` and ``errors`` belong to the action ``failed``, which is shown again.
    """
    possible = [step for step in steps if not step.danger and step.action not in waits]
    onward = next((step for step in possible if step.start != step.end), None)
    if onward is None:
        onward = next((step for step in possible if step.input is not None), None)
    after = {s.action: s for s in steps if s.start == s.end and s.input is not None and s is not onward}
    keys: set[str] = set(_TAKEN_KEYS)
    shown = []
    for step in sorted(steps, key=lambda step: (step is not onward, step.danger)):
        mine, waiting_for = step.action == failed, waits.get(step.action, "")
        shown.append(
            {
                "action": step.action,
                "label": step.label,
                "url": url_for("console_cases.act", case_id=case.id, action=step.action),
                "kind": "danger" if step.danger else "primary" if step is onward else "default",
                "danger": step.danger,
                "aside": step.action in after,
                "open": mine,
                "waits": waiting_for,
                "key": "" if waiting_for else _key(step.action, keys),
                "fields": [] if waiting_for else _inputs(step, case, typed if mine else {}, errors if mine else {}),
            }
        )
    return shown


def _key(action: str, taken: set[str]) -> str:
    key = next((letter for letter in action.upper() if letter.isalpha() and letter not in taken), "")
    taken.add(key)
    return key


def _inputs(
    step: Step, case: Case, typed: Mapping[str, str], errors: Mapping[str, Sequence[Any]]
) -> list[dict[str, Any]]:
    if step.input is None:
        return []
    shown: list[dict[str, Any]] = [
        {
            "name": name,
            "label": field.metadata.get("label", name),
            "hint": field.metadata.get("hint", ""),
            "kind": field.metadata.get("kind", "text"),
            "maxlength": field.metadata.get("maxlength"),
            "choices": field.metadata.get("choices", ()),
            "required": field.required,
            "value": typed.get(name, ""),
            "errors": list(errors.get(name, ())),
        }
        for name, field in step.input.fields.items()
    ]
    for one in shown:
        if one["kind"] == "office":
            stations = [place for place in offices().values() if _may_receive(place, case)]
            one |= {"kind": "radio", "choices": [(place.code, place.name, "") for place in stations]}
    return shown


def _may_receive(place: Office, case: Case) -> bool:
    return place.kind == "station" and place.district == case.district and place.code != case.office_code
