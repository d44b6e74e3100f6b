"""Answering a correction (补正): what is asked for, in the officer's words, and the form with just those fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from citizen_services.cases.corrections import label_of, named_fields, opened_groups
from citizen_services.cases.errors import InvalidInput
from citizen_services.cases.models import Case, CaseEvent, Correction
from citizen_services.catalogue.fields import BY_HAND
from citizen_services.catalogue.vocabulary import Group, ServiceItem
from citizen_services.database import db
from citizen_services.filling import fields, registers
from citizen_services.portal.guards import the_citizen
from citizen_services.portal.timeline import last_day, who_acted
from citizen_services.rules.dates import chinese_day
from citizen_services.rules.text import fold_width

#: The action that answers.
ANSWER = "answer_correction"


def asked_groups(
    item: ServiceItem, case: Case, correction: Correction, values: Mapping[str, str]
) -> list[tuple[Group, list[str]]]:
    """The groups that a request names, in the form's order, each with the named fields in the form's order.

    With them the groups that these ``values`` of the named fields open, whole.
    """
    named = named_fields(correction.items)
    data = {code: dict(given) for code, given in case.data.items()}
    for code, names in named.items():
        data[code] = data.get(code, {}) | {name: values[name] for name in names if name in values}
    opened = {group.code for group in opened_groups(item, data, named)}
    return [
        (g, [name for name in g.schema.fields if g.code in opened or name in named[g.code]])
        for g in item.groups
        if g.code in named or g.code in opened
    ]


def typed_of(item: ServiceItem, case: Case, correction: Correction, form: Mapping[str, str]) -> dict[str, str]:
    """What was sent for the fields asked for, to be shown again; everything else of the form is dropped."""
    texts: dict[str, str] = {}
    for group, names in asked_groups(item, case, correction, form):
        texts |= {name: text for name, text in fields.typed(form, group.schema).items() if name in names}
    return texts


def given_of(item: ServiceItem, case: Case, correction: Correction, form: Mapping[str, str]) -> dict[str, Any]:
    """What ``answer_correction`` is given: the fields asked for by group, and the answers of registers that are new.

    A named field that was emptied is given empty, so that it is judged as such and not as left alone; one of a group
    that is only opened by this answer is given where it was sent. Raises InvalidInput where a register refuses what was
    chosen from it.
    """
    named = named_fields(correction.items)
    answers = {
        group.code: {
            name: fold_width(form.get(name, "").strip()) for name in names if group.code in named or name in form
        }
        for group, names in asked_groups(item, case, correction, form)
    }
    errors: dict[str, list[str]] = {}
    found = {}
    for group, names in asked_groups(item, case, correction, form):
        errors |= {f"{group.code}.{name}": why for name, why in fields.station_errors(group, form).items()}
        name = fields.address_field(group)
        code = form.get(name, "").strip() if name in names and name else ""
        if code and code != BY_HAND and code != standard_address(case).get("code"):
            try:
                found[registers.ADDRESS.key] = registers.choose_address(the_citizen(), code)
                # Read by its id within the act, which looks into the database for it.
                db.session.flush()
            except registers.NotChosen as fault:
                errors[f"{group.code}.{name}"] = [fault.sentence]
    if errors:
        raise InvalidInput(errors)
    return {"answers": answers, "registers": found}


def standard_address(case: Case) -> Mapping[str, Any]:
    """The standard address that a case rests on, in the register's words; empty where it rests on none."""
    kept = registers.kept({k: v for k, v in case.answers.items() if k == registers.ADDRESS.key})
    return (kept.get(registers.ADDRESS.key) or {}).get("content") or {}


def errors_of(errors: Mapping[str, Sequence[Any]]) -> dict[str, list[str]]:
    """The engine's errors by input: ``group.field`` becomes ``field``, a material keeps its code."""
    return {code.rpartition(".")[2]: [str(sentence) for sentence in errors[code]] for code in errors}


def until_words(correction: Correction) -> str:
    """The last day for the answer, in words."""
    day = last_day(correction.due)
    provisional = "（暂定，以公布的放假安排为准）" if correction.due_provisional else ""
    return (chinese_day(day) if day else "") + provisional


def panel(
    item: ServiceItem,
    case: Case,
    correction: Correction,
    events: Sequence[CaseEvent],
    image_url: registers.ImageUrl,
    *,
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, Sequence[str]] | None = None,
    words: str = "",
) -> dict[str, Any]:
    """What ``h5/correction.html`` shows: what is wrong, until when, and the form by group with what is there now.

    ``typed`` are values to be shown instead: just sent, else those kept while typing. ``words`` are what was searched
    for among the addresses.
    """
    errors = errors or {}
    asked = next((event for event in reversed(events) if event.to_state == case.state), None)
    values = typed if typed is not None else correction.typed or {}
    answers = registers.kept(case.answers)
    lapse = item.step(case.state, "lapse")
    why = {one["code"]: one["why"] for one in correction.items}
    return {
        "items": [
            {"label": label_of(item, one["code"]), "why": one["why"], "field": one["code"].partition(".")[2]}
            for one in correction.items
        ],
        "until": until_words(correction),
        "lapses": lapse is not None and item.state(lapse.end).final,
        "by": who_acted(asked) if asked else "",
        "new_because": correction.new_because or "",
        "kept": typed is None and bool(correction.typed),
        "groups": [
            {
                "title": group.title,
                "card": _card(item, group, answers, image_url),
                "fields": _offered(
                    case, words, _fields(group, names, {**case.data.get(group.code, {}), **values}, errors, why)
                ),
            }
            for group, names in asked_groups(item, case, correction, values)
        ],
    }


def _card(
    item: ServiceItem, group: Group, answers: registers.Answers, image_url: registers.ImageUrl
) -> dict[str, Any] | None:
    """What a register said, where the group is about confirming that."""
    material = registers.material_of(item, group.confirms)
    return registers.card(material, answers, image_url) if material else None


def _offered(case: Case, words: str, shown: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The inputs, with what a search box among them found and what was chosen before."""
    for one in shown:
        if one["kind"] == "lookup":
            known = standard_address(case)
            registers.offer_addresses(one, words, (known["code"], known["text"]) if known else None)
    return shown


def _fields(
    group: Group,
    names: Sequence[str],
    values: Mapping[str, Any],
    errors: Mapping[str, Sequence[str]],
    why: Mapping[str, str],
) -> list[dict[str, Any]]:
    shown = [field for field in fields.fields_of(group, values, errors) if field["name"] in names]
    for field in shown:
        # The officer's words stand where they are needed; the usual hint follows them.
        reason = why.get(f"{group.code}.{field['name']}")
        if reason is None:
            continue
        words = f"要改的地方：{reason}"
        field["hint"] = f"{words}（{field['hint']}）" if field["hint"] else words
    return shown
