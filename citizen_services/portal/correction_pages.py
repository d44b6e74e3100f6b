"""Answering a correction (补正): what is asked for, in the officer's words, and the form with just those fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from citizen_services.cases.corrections import label_of, named_fields
from citizen_services.cases.models import Case, CaseEvent, Correction
from citizen_services.catalogue.vocabulary import Group, ServiceItem
from citizen_services.filling import fields, registers
from citizen_services.portal.timeline import last_day, who_acted
from citizen_services.rules.dates import chinese_day
from citizen_services.rules.text import fold_width

#: The action that asks, and the one that answers.
ASK, ANSWER = "request_correction", "answer_correction"


def named_groups(item: ServiceItem, correction: Correction) -> list[tuple[Group, list[str]]]:
    """The groups that a request names, in the form's order, each with the named fields in the form's order."""
    named = named_fields(correction.items)
    return [(g, [name for name in g.schema.fields if name in named[g.code]]) for g in item.groups if g.code in named]


def typed_of(item: ServiceItem, correction: Correction, form: Mapping[str, str]) -> dict[str, str]:
    """What was sent for the named fields, to be shown again; everything else of the form is dropped."""
    texts: dict[str, str] = {}
    for group, names in named_groups(item, correction):
        texts |= {name: text for name, text in fields.typed(form, group.schema).items() if name in names}
    return texts


def given_of(item: ServiceItem, correction: Correction, form: Mapping[str, str]) -> dict[str, Any]:
    """What ``answer_correction`` is given: the named fields by group.

    A named field that was emptied is given empty, so that it is judged as such and not as left alone.
    """
    answers = {
        group.code: {name: fold_width(form.get(name, "").strip()) for name in names}
        for group, names in named_groups(item, correction)
    }
    return {"answers": answers}


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
) -> dict[str, Any]:
    """What ``h5/correction.html`` shows: what is wrong, until when, and the form by group with what is there now.

    ``typed`` are values to be shown instead: just sent, else those kept while typing.
    """
    errors = errors or {}
    asked = next((event for event in reversed(events) if event.action == ASK), None)
    values = typed if typed is not None else correction.typed or {}
    answers = registers.kept(case.answers)
    why = {one["code"]: one["why"] for one in correction.items}
    return {
        "items": [
            {"label": label_of(item, one["code"]), "why": one["why"], "field": one["code"].partition(".")[2]}
            for one in correction.items
        ],
        "until": until_words(correction),
        "by": who_acted(asked) if asked else "",
        "new_because": correction.new_because or "",
        "kept": typed is None and bool(correction.typed),
        "groups": [
            {
                "title": group.title,
                "card": _card(item, group, answers, image_url),
                "fields": _fields(group, names, {**case.data.get(group.code, {}), **values}, errors, why),
            }
            for group, names in named_groups(item, correction)
        ],
    }


def _card(
    item: ServiceItem, group: Group, answers: registers.Answers, image_url: registers.ImageUrl
) -> dict[str, Any] | None:
    """What a register said, where the group is about confirming that."""
    material = registers.material_of(item, group.confirms)
    return registers.card(material, answers, image_url) if material else None


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
        words = f"要改的地方：{why[group.code + '.' + field['name']]}"
        field["hint"] = f"{words}（{field['hint']}）" if field["hint"] else words
    return shown
