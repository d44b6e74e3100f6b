"""排班: who works at which counter in a week, with whatever clashes; one person's week to print."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError, fields, validate

from citizen_services import clock
from citizen_services.cases.once import do_once, note
from citizen_services.console.access import tell_refusals
from citizen_services.console.guards import current_actor, staff_required
from citizen_services.console.plan_views import ROLE, asks, monday_asked
from citizen_services.console.schemas import FormSchema, once_of
from citizen_services.database import commit
from citizen_services.people import parameters
from citizen_services.people.actors import Actor
from citizen_services.people.queries import office
from citizen_services.rules.dates import chinese_day
from citizen_services.security import new_token
from citizen_services.windows import hall, plans, roster
from citizen_services.windows.errors import NotThis
from citizen_services.windows.hall_models import RosterShift

bp = Blueprint("console_roster", __name__, url_prefix="/console/roster")
tell_refusals(bp)


class ShiftSchema(FormSchema):
    """Somebody's shift."""

    staff = fields.UUID(required=True, error_messages=asks("请选择人员。"))
    day = fields.Date(required=True, error_messages=asks("请选择日期。"))
    starts = fields.Time("%H:%M", required=True, error_messages=asks("请填写开始时间。"))
    ends = fields.Time("%H:%M", required=True, error_messages=asks("请填写结束时间。"))
    counter = fields.Integer(
        load_default=None, allow_none=True, validate=validate.Range(1, 999, error="没有这个窗口。")
    )


class RemoveSchema(FormSchema):
    """A shift, or an absence, that is over."""

    which = fields.UUID(required=True)


class AwaySchema(FormSchema):
    """Days on which somebody is away."""

    staff = fields.UUID(required=True, error_messages=asks("请选择人员。"))
    from_day = fields.Date(required=True, error_messages=asks("请填写第一天。"))
    until_day = fields.Date(required=True, error_messages=asks("请填写最后一天。"))
    kind = fields.String(
        required=True, validate=validate.OneOf(tuple(roster.ABSENCES)), error_messages=asks("请选择原因。")
    )


class SkillsSchema(FormSchema):
    """What everybody is qualified for, as ``<person>:<group>``; the mark of what the page showed."""

    seen = fields.String(required=True, error_messages=asks("请刷新页面后再保存。"))
    skill = fields.List(
        fields.String(
            validate=validate.Regexp(
                r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}:[a-z0-9-]{1,40}\Z", error="请刷新页面后再保存。"
            )
        ),
        load_default=list,
        validate=validate.Length(max=2000),
    )


#: What decides about clashes, as whoever rosters reads it; administrators set it (参数).
_LIMITS = {name: one for name, one in parameters.DECLARED.items() if name.startswith("roster_")}
_SHIFT, _REMOVE, _AWAY, _SKILLS = ShiftSchema(), RemoveSchema(), AwaySchema(), SkillsSchema()


@bp.get("")
@staff_required(ROLE)
def page() -> ResponseReturnValue:
    """The week."""
    return _page()


def _page(errors: Mapping[str, Any] | None = None, status: int = 200) -> ResponseReturnValue:
    here, monday = current_actor().office or "", monday_asked()
    found = roster.week(here, monday)
    week = plans.week_of(here, monday)
    commit()
    days = [monday + timedelta(days=n) for n in range(7)]
    names = {one.id: one.name for one in found.people}
    clashes = roster.clashes(found, plans.windows_of(week))
    page = render_template(
        "console/roster.html",
        heading="排班",
        place=office(here),
        monday=monday,
        before=monday - timedelta(days=7),
        after=monday + timedelta(days=7),
        days=[{"words": chinese_day(day), "today": day == clock.today()} for day in days],
        rows=[
            {
                "id": one.id,
                "name": one.name,
                "skills": "、".join(
                    name for code, name in found.groups.items() if code in found.skills.get(one.id, frozenset())
                ),
                "cells": [
                    {
                        "away": roster.away_words(found, one.id, day),
                        "shifts": [_shift(found, each) for each in found.of(one.id, day)],
                    }
                    for day in days
                ],
            }
            for one in found.people
        ],
        clashes=[
            (chinese_day(one.day), names.get(one.staff_id, ""), one.words)
            for one in clashes
            if one.staff_id is not None
        ],
        gaps=[(chinese_day(one.day), one.words) for one in clashes if one.staff_id is None],
        limits=[(one.label, parameters.number(name), one.unit, one.source) for name, one in _LIMITS.items()],
        absences=[
            {
                "id": one.id,
                "words": f"{names.get(one.staff_id, '')} {chinese_day(one.from_day)} 至 {chinese_day(one.until_day)}"
                f" {roster.ABSENCES[one.kind]}",
            }
            for one in found.absences
            if one.until_day >= monday
        ],
        people=[(str(one.id), one.name, "") for one in found.people],
        counters=[(str(one.number), f"{one.number} 号 {one.name}", "") for one in hall.counters_of(here)],
        kinds=[(code, words, "") for code, words in roster.ABSENCES.items()],
        day_choices=[(day.isoformat(), chinese_day(day), "") for day in days],
        form=request.form,
        errors=errors or {},
        form_token=lambda: new_token(12),
    )
    return page, status


def _shift(found: roster.Roster, one: RosterShift) -> dict[str, Any]:
    counter = found.counters.get(one.counter_id) if one.counter_id else None
    starts, ends = one.starts_at.astimezone(clock.SHANGHAI), one.ends_at.astimezone(clock.SHANGHAI)
    where = f"{counter.number} 号窗口" if counter else "大厅"
    return {"id": one.id, "times": f"{starts:%H:%M}–{ends:%H:%M}", "where": where}


@bp.get("/<uuid:staff_id>")
@staff_required(ROLE)
def person(staff_id: UUID) -> ResponseReturnValue:
    """One person's week, to be printed."""
    here, monday = current_actor().office or "", monday_asked()
    found = roster.week(here, monday)
    one = next((each for each in found.people if each.id == staff_id), None)
    if one is None:
        abort(404)
    days = [monday + timedelta(days=n) for n in range(7)]
    return render_template(
        "console/roster_person.html",
        heading=f"{one.name}的班次",
        place=office(here),
        rows=[
            {
                "day": chinese_day(day),
                "away": roster.away_words(found, one.id, day),
                "shifts": [_shift(found, each) for each in found.of(one.id, day)],
            }
            for day in days
        ],
        back=url_for(".page", week=monday.isoformat()),
    )


def _read(schema: Any) -> dict[str, Any]:
    given: dict[str, Any] = {name: value for name, value in request.form.items() if value.strip()}
    if "skill" in schema.fields:
        given["skill"] = request.form.getlist("skill")
    return dict(schema.load({name: value for name, value in given.items() if name in schema.fields}))


def _act(
    schema: Any,
    act: Callable[[Actor, Mapping[str, Any]], object],
    words: str,
    again: Callable[[Mapping[str, Any], int], ResponseReturnValue] | None = None,
    back: str = ".page",
) -> ResponseReturnValue:
    """Do what a form asks once, then lead ``back``; what is wrong is said on the page that ``again`` shows."""
    actor, again = current_actor(), again or _page
    try:
        given = _read(schema)
    except ValidationError as fault:
        return again(fault.normalized_messages(), 422)

    def once_done(once: Any) -> Any:
        act(actor, given)
        return note(once, "done")

    try:
        do_once(once_of(actor, given["form_token"]), once_done)
    except NotThis as fault:
        return again({"_schema": [fault.sentence]}, 422)
    flash(words, "ok")
    return redirect(url_for(back, week=monday_asked().isoformat()), 303)


@bp.post("/shifts")
@staff_required(ROLE)
def assign() -> ResponseReturnValue:
    """Put somebody on a shift."""

    def act(actor: Actor, given: Mapping[str, Any]) -> object:
        return roster.assign(actor, given["staff"], given["day"], given["starts"], given["ends"], given["counter"])

    return _act(_SHIFT, act, "已排上。")


@bp.post("/shifts/remove")
@staff_required(ROLE)
def remove() -> ResponseReturnValue:
    """Take a shift off."""
    return _act(_REMOVE, lambda actor, given: roster.remove(actor, given["which"]), "已去掉。")


@bp.post("/absences")
@staff_required(ROLE)
def away() -> ResponseReturnValue:
    """Note an absence."""

    def act(actor: Actor, given: Mapping[str, Any]) -> None:
        roster.be_away(actor, given["staff"], given["from_day"], given["until_day"], given["kind"])

    return _act(_AWAY, act, "已登记。")


@bp.post("/absences/end")
@staff_required(ROLE)
def back() -> ResponseReturnValue:
    """End an absence."""
    return _act(_REMOVE, lambda actor, given: roster.be_back(actor, given["which"]), "已销假。")


@bp.get("/skills")
@staff_required(ROLE)
def skills() -> ResponseReturnValue:
    """Who is qualified for what."""
    return _skills_page()


def _skills_page(errors: Mapping[str, Any] | None = None, status: int = 200) -> ResponseReturnValue:
    here, monday = current_actor().office or "", monday_asked()
    found = roster.week(here, monday)
    page = render_template(
        "console/roster_skills.html",
        heading="人员资格",
        place=office(here),
        monday=monday,
        groups=list(found.groups.items()),
        rows=[(str(one.id), one.name, found.skills.get(one.id, frozenset())) for one in found.people],
        seen=roster.skills_mark(found),
        errors=errors or {},
        form_token=lambda: new_token(12),
    )
    return page, status


@bp.post("/skills")
@staff_required(ROLE)
def save_skills() -> ResponseReturnValue:
    """Say who is qualified for what."""

    def act(actor: Actor, given: Mapping[str, Any]) -> None:
        wanted: dict[UUID, list[str]] = {}
        for one in given["skill"]:
            person_id, code = one.split(":")
            wanted.setdefault(UUID(person_id), []).append(code)
        roster.qualify_all(actor, wanted, given["seen"])

    return _act(_SKILLS, act, "资格已保存。", _skills_page, ".skills")
