"""Corrections (补正): one request names everything with a date; the person answers it.

It lapses only where they were reached.

浙江省保障“最多跑一次”改革规定 art 11: told at once, all of it, with a date; missed = deemed withdrawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from marshmallow import Schema, fields, validate
from sqlalchemy import ColumnElement, select, update

from citizen_services.cases import papers
from citizen_services.cases.clocks import calendar
from citizen_services.cases.errors import InvalidInput, MovedOn
from citizen_services.cases.models import Case, Correction
from citizen_services.cases.situation import Situation
from citizen_services.catalogue import forms
from citizen_services.catalogue.vocabulary import Effect, Period, ServiceItem
from citizen_services.database import Change, db, new_id
from citizen_services.rules.dates import chinese_day
from citizen_services.rules.periods import deadline

#: How long a person has to answer, unless an office's parameter says otherwise.
DEFAULT_PERIOD = Period(10, "working")


class ItemSchema(Schema):
    """One thing to be mended: its code (``group.field`` or a material's) and what is wrong, in words for the person."""

    code = fields.String(required=True, error_messages={"required": "请选择要补正的内容"})
    why = fields.String(
        required=True,
        validate=validate.Length(2, 120, error="请用 2 到 120 个字写明哪里要改、怎么改"),
        error_messages={"required": "请写明哪里要改、怎么改"},
    )


class RequestSchema(Schema):
    """What an officer gives with ``request_correction``."""

    items = fields.List(
        fields.Nested(ItemSchema),
        required=True,
        validate=validate.Length(1, 30, error="请至少选择一项要补正的内容"),
        error_messages={"required": "请至少选择一项要补正的内容"},
        metadata={"label": "要补正的内容", "kind": "corrections"},
    )
    new_because = fields.String(
        load_default=None,
        allow_none=True,
        metadata={"label": "追加补正的理由", "hint": "上次没有提到的内容，须写明为什么现在才提", "kind": "textarea"},
    )


class AnswerSchema(Schema):
    """What the person gives with ``answer_correction``: new answers of the named fields.

    Photos of the named materials were gathered for the request before, under its id.
    """

    answers = fields.Dict(keys=fields.String(), values=fields.Dict(), load_default=dict)


def open_correction(case_id: UUID) -> Correction | None:
    """The request that a case waits for."""
    query = select(Correction).where(Correction.case_id == case_id, Correction.state == "open")
    return db.session.scalars(query).one_or_none()


def of_case(case_id: UUID) -> Sequence[Correction]:
    """Every request of a case, oldest first."""
    return db.session.scalars(
        select(Correction).where(Correction.case_id == case_id).order_by(Correction.asked_at)
    ).all()


def keep_typed(correction: Correction, texts: Mapping[str, str]) -> bool:
    """Keep what the person types in answer and has not sent; False where the request is not open any more.

    The caller commits.
    """
    statement = (
        update(Correction)
        .where(Correction.id == correction.id, Correction.state == "open")
        .values(typed=dict(texts) or None)
        .execution_options(synchronize_session=False)
    )
    return bool(db.session.execute(statement).rowcount)  # type: ignore[attr-defined]


def named_fields(items: Sequence[Mapping[str, str]]) -> dict[str, list[str]]:
    """The named fields by group: ``{group: [field, …]}``; materials are left out."""
    found: dict[str, list[str]] = {}
    for item in items:
        group, _, name = item["code"].partition(".")
        if name:
            found.setdefault(group, []).append(name)
    return found


def named_materials(items: Sequence[Mapping[str, str]]) -> list[str]:
    """The codes of the named materials."""
    return [item["code"] for item in items if "." not in item["code"]]


def label_of(item: ServiceItem, code: str) -> str:
    """What a code is called on pages: the field's label or the material's name; the code itself where it is unknown."""
    group_code, _, name = code.partition(".")
    if not name:
        return next((m.name for m in item.materials if m.code == code), code)
    schema = next((g.schema for g in item.groups if g.code == group_code), None)
    field = schema.fields.get(name) if schema else None
    return str(field.metadata.get("label", name)) if field else code


def _ask(situation: Situation, change: Change) -> None:
    items = situation.given["items"]
    item = situation.item
    known = {f"{g.code}.{name}" for g in item.active_groups(situation.data) for name in g.schema.fields}
    known |= {m.code for m in item.active_materials(situation.data)}
    unknown = [i["code"] for i in items if i["code"] not in known]
    if unknown:
        raise InvalidInput({"items": [f"没有可以补正的内容 {code}" for code in unknown]})
    before = {i["code"] for c in of_case(situation.case_id) for i in c.items}
    new_because = situation.given.get("new_because")
    if before and {i["code"] for i in items} - before and not new_because:
        raise InvalidInput({"new_because": ["有的内容上次没有提到，请写明为什么现在才提"]})
    due = deadline(situation.at, DEFAULT_PERIOD, calendar())
    listed = "；".join(f"{n}. {label_of(item, i['code'])}：{i['why']}" for n, i in enumerate(items, start=1))
    until = f"{due.last_day.month}月{due.last_day.day}日"
    situation.values |= {"until": until, "count": str(len(items)), "listed": listed}
    situation.results["correcting_until"] = chinese_day(due.last_day)
    assert situation.actor.id is not None  # noqa: S101 - staff always have an id
    change.add(
        Correction,
        id=new_id(),
        case_id=situation.case_id,
        asked_at=change.at,
        asked_by=situation.actor.id,
        items=[{"code": i["code"], "why": i["why"]} for i in items],
        new_because=new_because,
        due=due.at,
        due_provisional=due.provisional,
        state="open",
        reached_at=None,
        ended_at=None,
    )


#: Ask for corrections; fills ``until`` (the last day) and ``count``.
ask = Effect("ask_for_correction", _ask, gives=("until", "count", "listed"))


def _answer(situation: Situation, change: Change) -> None:
    correction = open_correction(situation.case_id)
    if correction is None:
        raise InvalidInput({"answers": ["这个办件没有等待补正的内容"]})
    allowed, given = named_fields(correction.items), situation.given["answers"]
    data = {group: dict(values) for group, values in situation.data.items()}
    errors: dict[str, Any] = {}
    for group_code, names in allowed.items():
        group = situation.item.group(group_code)
        merged = data.get(group_code, {}) | {
            name: value for name, value in given.get(group_code, {}).items() if name in names
        }
        valid, wrong = forms.check_group(group.schema, merged)
        errors |= {f"{group_code}.{name}": sentences for name, sentences in wrong.items() if name in names}
        data[group_code] = valid
    named = named_materials(correction.items)
    errors |= papers.hand_in(change, correction.id, situation.case_id, [situation.item.material(m) for m in named])
    if errors:
        raise InvalidInput(errors)
    situation.columns["data"] = forms.active_data(situation.item, data)
    _end(change, situation.case_id, "answered")


#: Take the person's answers into the case.
answer = Effect("answer_correction", _answer)


def _end(change: Change, case_id: UUID, state: str) -> None:
    change.guard(
        update(Correction)
        .where(Correction.case_id == case_id, Correction.state == "open")
        .values(state=state, ended_at=change.at, typed=None),
        otherwise=MovedOn,
    )


#: The date has passed, and the person knew.
lapse = Effect("lapse_correction", lambda situation, change: _end(change, situation.case_id, "lapsed"))

#: The case ends otherwise while a correction is open.
drop = Effect("drop_correction", lambda situation, change: _end(change, situation.case_id, "dropped"))


def note_reached(case_id: UUID, at: datetime, *, asked_at: datetime | None = None) -> None:
    """A receipt or a call showed that the person knows of the request. The caller commits.

    ``asked_at``: of which request, where a late receipt may be of an earlier one.
    """
    statement = update(Correction).where(
        Correction.case_id == case_id, Correction.state == "open", Correction.reached_at.is_(None)
    )
    if asked_at is not None:
        statement = statement.where(Correction.asked_at == asked_at)
    db.session.execute(statement.values(reached_at=at))


def overdue(now: datetime, limit: int = 100) -> Sequence[Correction]:
    """Open requests that lapse now, the longest overdue first: a certain date has passed, and the person was reached.

    Where nobody knows that they were, the request stays open however late it is: they are called.
    """
    query = select(Correction).where(
        Correction.state == "open",
        Correction.due <= now,
        Correction.due_provisional.is_(False),
        Correction.reached_at.is_not(None),
    )
    return db.session.scalars(query.order_by(Correction.due).limit(limit)).all()


def unreached(now: datetime, within: ColumnElement[bool], limit: int = 100) -> Sequence[Correction]:
    """Open requests whose date has passed and of which nobody knows that they reached the person, oldest first.

    ``within``: of which cases alone. These people are called; ``note_reached`` ends the waiting.
    """
    query = select(Correction).join(Case, Case.id == Correction.case_id)
    query = query.where(Correction.state == "open", Correction.due <= now, Correction.reached_at.is_(None), within)
    return db.session.scalars(query.order_by(Correction.due, Correction.id).limit(limit)).all()
