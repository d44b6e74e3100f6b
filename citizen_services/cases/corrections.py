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
from sqlalchemy import ColumnElement, Select, func, select, update

from citizen_services.cases import papers
from citizen_services.cases.clocks import calendar
from citizen_services.cases.correction_dates import least_time, until, why_a_reason
from citizen_services.cases.errors import InvalidInput, MovedOn
from citizen_services.cases.models import Case, Correction
from citizen_services.cases.queries import register_answers
from citizen_services.cases.signals import correction_extended
from citizen_services.cases.situation import Situation
from citizen_services.catalogue import BY_HAND, AddressField, ConfirmField, forms
from citizen_services.catalogue.vocabulary import By, Effect, Group, Guard, Material, ServiceItem, Step
from citizen_services.database import Change, db, new_id
from citizen_services.exchange.models import RegisterAnswer
from citizen_services.exchange.queries import answer as answer_of
from citizen_services.materials import queries as photos
from citizen_services.rules.dates import chinese_day
from citizen_services.rules.periods import deadline

#: The answer about a standard address, as the exchange names it.
ADDRESS_KEY = "addresses.address"


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
        metadata={
            "label": "追加补正的理由",
            "hint": "上次没有提到的内容，或者补正期限已过的内容，须写明为什么现在才提",
            "kind": "textarea",
        },
    )


class AnswerSchema(Schema):
    """What the person gives with ``answer_correction``: new answers of the named fields.

    Photos of the named materials were gathered for the request before, under its id.
    """

    answers = fields.Dict(keys=fields.String(), values=fields.Dict(), load_default=dict)
    #: Ids of the register answers that were asked for since: ``{source.topic: id}``, of a newly chosen address.
    registers = fields.Dict(keys=fields.String(), values=fields.String(), load_default=dict)


def open_correction(case_id: UUID) -> Correction | None:
    """The request that a case waits for."""
    query = select(Correction).where(Correction.case_id == case_id, Correction.state == "open")
    return db.session.scalars(query).one_or_none()


def of_case(case_id: UUID) -> Sequence[Correction]:
    """Every request of a case, oldest first."""
    return db.session.scalars(
        select(Correction).where(Correction.case_id == case_id).order_by(Correction.asked_at, Correction.id)
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


def opened_groups(item: ServiceItem, data: Mapping[str, Mapping[str, Any]], named: Mapping[str, Any]) -> list[Group]:
    """The groups that the answers to some named fields open: not named themselves, they are filled in whole as well."""
    fields_ = {(group, name) for group, names in named.items() for name in names}
    return [
        group
        for group in item.active_groups(data)
        if group.when and group.code not in named and fields_.intersection(group.when.fields())
    ]


def papers_of(item: ServiceItem, correction: Correction) -> list[Material]:
    """The papers that an answer may bring: those that are named, then those that it depends on the named fields."""
    named = named_materials(correction.items)
    fields_ = {(group, name) for group, names in named_fields(correction.items).items() for name in names}
    confirming = {
        group.confirms
        for group in item.groups
        if any(isinstance(field, ConfirmField) and (group.code, name) in fields_
               for name, field in group.schema.fields.items())
    }  # fmt: skip
    there = {piece.code for piece in photos.of_case(correction.case_id)}
    depend = [
        m for m in item.materials
        if m.upload and m.code not in named and m.code not in there
        and ((m.when and fields_.intersection(m.when.fields())) or m.unless_confirmed in confirming - {None})
    ]  # fmt: skip
    return [item.material(code) for code in named] + depend


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
    before = of_case(situation.case_id)
    why_needed = why_a_reason(before, {i["code"] for i in items}, situation.at)
    new_because = situation.given.get("new_because") if why_needed else None
    if why_needed and not new_because:
        raise InvalidInput({"new_because": [why_needed]})
    due = until(before, situation.at, anew=bool(why_needed))
    listed = "；".join(f"{n}. {label_of(item, i['code'])}：{i['why']}" for n, i in enumerate(items, start=1))
    day = f"{due.last_day.month}月{due.last_day.day}日"
    situation.values |= {"until": day, "count": str(len(items)), "listed": listed}
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
    asked = [(situation.item.group(code), names) for code, names in allowed.items()]
    for group, names in asked:
        errors |= _take_in(data, group, names, given)
    for group in opened_groups(situation.item, data, allowed):
        errors |= _take_in(data, group, list(group.schema.fields), given)
    errors |= _rest_on(situation, {group.code: names for group, names in asked}, data)
    mended = forms.active_data(situation.item, data)
    errors |= papers.hand_in(change, correction.id, situation.case_id, _brought(situation, correction, mended))
    if errors:
        raise InvalidInput(errors)
    # What follows in the same act decides on the new answers.
    situation.data = situation.columns["data"] = mended
    _end(change, situation.case_id, "answered")


def _brought(situation: Situation, correction: Correction, mended: Mapping[str, Mapping[str, Any]]) -> list[Material]:
    """The papers that come with an answer: those that were named, and those that only the mended answers want."""
    item, answers, day = situation.item, situation.answers, situation.today
    there = {piece.code for piece in photos.of_case(situation.case_id)}
    there |= {material.code for material in papers.wanted(item, situation.data, answers, day)}
    named = [item.material(code) for code in named_materials(correction.items)]
    return named + [m for m in papers.wanted(item, mended, answers, day) if m.code not in there and m not in named]


def _take_in(
    data: dict[str, dict[str, Any]], group: Group, names: Sequence[str], given: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Put the given answers of some fields of a group over what was there; the sentences of those that are wrong."""
    new = {name: value for name, value in given.get(group.code, {}).items() if name in names}
    # Emptied is empty: what was there before does not stand in for it.
    merged = {name: value for name, value in (data.get(group.code, {}) | new).items() if value != ""}
    data[group.code], wrong = forms.check_group(group.schema, merged)
    return {f"{group.code}.{name}": sentences for name, sentences in wrong.items() if name in names}


def _rest_on(situation: Situation, asked: Mapping[str, Sequence[str]], data: Mapping[str, Any]) -> dict[str, Any]:
    """Let the case rest on the register's answer to a newly chosen address; the sentences where there is none."""
    errors: dict[str, Any] = {}
    for code, names in asked.items():
        for name, field in situation.item.group(code).schema.fields.items():
            chosen = data[code].get(name)
            if name not in names or not isinstance(field, AddressField) or chosen in (None, BY_HAND):
                continue
            key = ADDRESS_KEY
            row = _own_answer(situation, situation.given["registers"].get(key))
            if row is not None:
                ids = {**db.session.get_one(Case, situation.case_id).answers, key: str(row.id)}
                situation.columns["answers"] = ids
                situation.answers = {**situation.answers, **register_answers({key: str(row.id)})}
            if (situation.content(key) or {}).get("code") != chosen:
                errors[f"{code}.{name}"] = [f"请搜索并选择{field.metadata['label']}"]
    return errors


def _own_answer(situation: Situation, id_: str | None) -> RegisterAnswer | None:
    """A register's answer about the applicant, None for anybody else's and for what is no id."""
    try:
        row = answer_of(UUID(id_ or ""))
    except ValueError:
        return None
    return row if row is not None and row.citizen_id == situation.citizen.id else None


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
    """A receipt showed that the person knows of the request. The caller commits.

    Reached after the date, they have ``least_time`` from now on, and are told so. ``asked_at``: of which request, where
    a late receipt may be of an earlier one.
    """
    query = select(Correction).where(
        Correction.case_id == case_id, Correction.state == "open", Correction.reached_at.is_(None)
    )
    if asked_at is not None:
        query = query.where(Correction.asked_at == asked_at)
    # Locked, since two receipts may come at once, and the person is told once.
    reread = query.with_for_update().execution_options(populate_existing=True)
    correction = db.session.scalars(reread).one_or_none()
    if correction is not None:
        change = Change(at)
        _reach(change, correction)
        change.write()


def _reach(change: Change, correction: Correction) -> None:
    """Add to a change that the person knows of a request by now."""
    values: dict[str, Any] = {"reached_at": change.at}
    if change.at > correction.due:
        due = deadline(change.at, least_time(), calendar())
        values |= {"due": due.at, "due_provisional": due.provisional}
        correction_extended.send(correction.case_id, correction=correction, due=due, change=change)
    change.guard(
        update(Correction)
        .where(Correction.id == correction.id, Correction.state == "open", Correction.reached_at.is_(None))
        .values(values),
        otherwise=MovedOn,
    )


def _waits_for_call(situation: Situation) -> bool:
    correction = open_correction(situation.case_id)
    return correction is not None and correction.reached_at is None and correction.due <= situation.at


def _note_call(situation: Situation, change: Change) -> None:
    correction = open_correction(situation.case_id)
    if correction is None or correction.reached_at is not None:
        raise MovedOn
    _reach(change, correction)


#: Its person was told on the telephone of a request whose date has passed: from then on it lapses as any other. A step,
#: since what follows is the end of an application.
note_call = Step(
    "correcting",
    "note_call",
    "correcting",
    By.staff("clerk", "supervisor", "community_officer"),
    "登记电话告知",
    "",
    guard=(Guard("not_reached", "这项补正已经不用电话告知，请刷新后查看。", _waits_for_call),),
    then=(Effect("note_call", _note_call),),
)


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
    return db.session.scalars(query.order_by(Correction.due, Correction.id).limit(limit)).all()


def unreached(now: datetime, within: ColumnElement[bool], limit: int = 100) -> Sequence[Correction]:
    """Open requests whose date has passed and of which nobody knows that they reached the person, oldest first.

    ``within``: of which cases alone. These people are called; ``note_call`` ends the waiting.
    """
    query = _unreached(now, within).order_by(Correction.due, Correction.id)
    return db.session.scalars(query.limit(limit)).all()


def count_unreached(now: datetime, within: ColumnElement[bool]) -> int:
    """How many of them there are."""
    return db.session.execute(select(func.count()).select_from(_unreached(now, within).subquery())).scalar_one()


def _unreached(now: datetime, within: ColumnElement[bool]) -> Select[Correction]:
    query = select(Correction).join(Case, Case.id == Correction.case_id)
    return query.where(Correction.state == "open", Correction.due <= now, Correction.reached_at.is_(None), within)
