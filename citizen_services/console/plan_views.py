"""开窗计划: a week as a calendar, laid out from rules, edited, copied, and published in one action.

Closing or shrinking what is published first shows whom it touches.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time, timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError, fields, validate

from citizen_services import clock
from citizen_services.cases.once import do_once, note
from citizen_services.console.access import tell_refusals
from citizen_services.console.guards import current_actor, staff_required
from citizen_services.console.schemas import FormSchema, WordsField, once_of
from citizen_services.database import commit
from citizen_services.people.queries import office
from citizen_services.rules.dates import chinese_day
from citizen_services.rules.masking import mask_name
from citizen_services.security import new_token
from citizen_services.windows import closing, hall, offered, plans, publishing, roster
from citizen_services.windows.errors import Conflicting, NotThis
from citizen_services.windows.models import PlanWeek, PlanWindow

bp = Blueprint("console_plan", __name__, url_prefix="/console/plan")
tell_refusals(bp)

ROLE = "planner"
_STATES = {"planned": ("待公布", "wait"), "published": ("已公布", "ok")}


def asks(sentence: str) -> dict[str, Any]:
    """What a field says where nothing usable is given."""
    return dict.fromkeys(("required", "null", "invalid"), sentence)


def whole(least: int, most: int, words: str) -> fields.Integer:
    """A whole number of a form between two bounds; ``words`` names it in what is said."""
    sentence = f"{words}须在 {least} 至 {most} 之间。"
    return fields.Integer(
        required=True, validate=validate.Range(least, most, error=sentence), error_messages=asks(sentence)
    )


class WindowSchema(FormSchema):
    """A window of the plan."""

    group_code = fields.String(required=True, error_messages=asks("请选择业务。"))
    starts = fields.Time("%H:%M", required=True, error_messages=asks("请填写开始时间。"))
    ends = fields.Time("%H:%M", required=True, error_messages=asks("请填写结束时间。"))
    slot_minutes = whole(5, 240, "每个时段的分钟数")
    counters = fields.List(
        fields.Integer(validate=validate.Range(1, 999, error="没有这个窗口。")),
        required=True,
        validate=validate.Length(1, error="请至少选一个窗口。"),
    )
    booked = whole(0, 200, "预约号")
    walk_in = whole(0, 200, "现场号")


class AddSchema(WindowSchema):
    """The same on a day of the week."""

    day = fields.Date(required=True, error_messages=asks("请选择日期。"))


class IfAnyField(WordsField):
    """Some words, where there are any."""

    def __init__(self, sentence: str, *, least: int, most: int) -> None:
        super().__init__(sentence, least=least, most=most)
        self.required, self.load_default = False, ""


class VersionSchema(FormSchema):
    """The plan's version that was decided on; why it is published though something clashes, and what clashed."""

    version = fields.Integer(required=True)
    seen = fields.String(load_default="", validate=validate.Length(max=16))
    reason = IfAnyField("请写明仍要公布的原因，4 至 100 个字。", least=4, most=100)


class CopySchema(FormSchema):
    """To how many following weeks."""

    weeks = whole(1, 12, "周数")


class ShrinkSchema(FormSchema):
    """So many people a slot from now on."""

    booked = whole(0, 200, "预约号")


_ADD, _CHANGE, _PUBLISH, _COPY = AddSchema(), WindowSchema(), VersionSchema(), CopySchema()
_SHRINK, _FORM = ShrinkSchema(), FormSchema()
#: What a window that is added by hand takes over: released three weeks before, at seven, one slot after the other.
_RELEASE = {"release_days": 21, "release_time": time(7), "release_spread_s": 20}


def _read(schema: Any) -> dict[str, Any]:
    given: dict[str, Any] = {name: value for name, value in request.form.items() if value.strip()}
    if "counters" in schema.fields:
        given["counters"] = request.form.getlist("counters")
    return dict(schema.load({name: value for name, value in given.items() if name in schema.fields}))


def _counters(office_code: str) -> list[tuple[str, str, str]]:
    return [(str(one.number), f"{one.number} 号 {one.name}", "") for one in hall.counters_of(office_code)]


def _here() -> str:
    return current_actor().office or ""


def monday_asked() -> date:
    """The Monday of the week that the address names; else of this one. 404 for a week that nobody can plan."""
    try:
        monday = plans.monday_of(date.fromisoformat(request.args.get("week", "")))
    except ValueError:
        return plans.monday_of(clock.today())
    if not plans.within(monday):
        abort(404)
    return monday


@bp.get("")
@staff_required(ROLE)
def page() -> ResponseReturnValue:
    """The week."""
    week = plans.week_of(_here(), monday_asked())
    commit()
    return _page(week)


def _page(week: PlanWeek, errors: Mapping[str, Any] | None = None, status: int = 200) -> ResponseReturnValue:
    groups, here = plans.groups_of(week.office_code), week.office_code
    days = [week.monday + timedelta(days=n) for n in range(7)]
    windows, clashes = plans.windows_of(week), publishing.conflicts(week)
    page = render_template(
        "console/plan.html",
        heading="开窗计划",
        place=office(here),
        week=week,
        days=[
            {
                "day": day,
                "words": chinese_day(day),
                "closed": plans.closed_why(here, day),
                "today": day == clock.today(),
            }
            for day in days
        ],
        rows=[
            {
                "name": group.name,
                "code": code,
                "cells": [
                    {
                        "day": day.isoformat(),
                        "words": chinese_day(day),
                        "windows": [_cell(one) for one in windows if (one.group_code, one.day) == (code, day)],
                    }
                    for day in days
                ],
            }
            for code, group in groups.items()
        ],
        clashes=clashes,
        seen=roster.mark_of(clashes),
        provisional=plans.is_provisional(week.monday),
        planned=sum(1 for one in windows if one.state == "planned"),
        before=week.monday - timedelta(days=7),
        after=week.monday + timedelta(days=7),
        groups=[(code, group.name, "") for code, group in groups.items()],
        counters=_counters(here),
        day_choices=[(day.isoformat(), chinese_day(day), "") for day in days],
        form=request.form or {"day": request.args.get("day", ""), "group_code": request.args.get("group", "")},
        chosen=request.form.getlist("counters"),
        errors=errors or {},
        form_token=lambda: new_token(12),
    )
    return page, status


def _cell(one: PlanWindow) -> dict[str, Any]:
    words, tone = _STATES[one.state]
    return {
        "href": url_for(".window", window_id=one.id),
        "times": f"{one.starts:%H:%M}–{one.ends:%H:%M}",
        "counters": "、".join(str(n) for n in one.counters) + " 号窗口",
        "places": f"每{one.slot_minutes}分钟 约{one.booked} 现{one.walk_in}",
        "state": words,
        "tone": tone,
    }


def _back(week: PlanWeek) -> ResponseReturnValue:
    return redirect(url_for(".page", week=week.monday.isoformat()), 303)


def _act(schema: Any, act: Any, words: str) -> ResponseReturnValue:
    """Do something to the week that the address names, once; what is wrong is said on its page."""
    actor, monday = current_actor(), monday_asked()
    try:
        given = _read(schema)
    except ValidationError as fault:
        week = plans.week_of(_here(), monday)
        return _page(week, fault.normalized_messages(), 422)

    def once_done(once: Any) -> Any:
        week = plans.week_of(actor.office or "", monday, lock=True)
        return note(once, {"count": act(week, given)})

    try:
        done = do_once(once_of(actor, given["form_token"]), once_done)
    except Conflicting as fault:
        return _page(plans.week_of(_here(), monday), {"reason": [fault.sentence]}, 422)
    except NotThis as fault:
        return _page(plans.week_of(_here(), monday), {"_schema": [fault.sentence]}, 422)
    flash(words.format(count=done["count"]), "ok")
    return redirect(url_for(".page", week=monday.isoformat()), 303)


@bp.post("/lay-out")
@staff_required(ROLE)
def lay_out() -> ResponseReturnValue:
    """Fill the empty days from the rules."""
    return _act(_FORM, lambda week, given: plans.lay_out(week), "按规则排了 {count} 段，还没有公布。")


@bp.post("/add")
@staff_required(ROLE)
def add() -> ResponseReturnValue:
    """Add a window."""

    def act(week: PlanWeek, given: Mapping[str, Any]) -> int:
        values = {name: value for name, value in given.items() if name not in ("form_token", "day")}
        plans.add(week, given["day"], values | _RELEASE)
        return 1

    return _act(_ADD, act, "已加上，还没有公布。")


@bp.post("/copy")
@staff_required(ROLE)
def copy() -> ResponseReturnValue:
    """Copy the week to following ones."""
    return _act(_COPY, lambda week, given: plans.copy_to(week, given["weeks"]), "复制了 {count} 段，还没有公布。")


@bp.post("/publish")
@staff_required(ROLE)
def publish() -> ResponseReturnValue:
    """Publish what is planned."""
    actor = current_actor()
    return _act(
        _PUBLISH,
        lambda week, given: publishing.publish(
            actor, week, given["version"], reason=given["reason"], seen=given["seen"]
        ),
        "已公布，放出 {count} 个时段。",
    )


# --- One window ---------------------------------------------------------------------------------------------------


def _week_of(one: PlanWindow, *, lock: bool = False) -> PlanWeek:
    return plans.week_of(one.office_code, plans.monday_of(one.day), lock=lock)


@bp.get("/windows/<uuid:window_id>")
@staff_required(ROLE)
def window(window_id: UUID) -> ResponseReturnValue:
    """A window: to be changed while it is planned, to be closed or shrunk once it is published."""
    return _window_page(plans.window(_here(), window_id))


def _window_page(one: PlanWindow, errors: Mapping[str, Any] | None = None, status: int = 200) -> ResponseReturnValue:
    group = plans.groups_of(one.office_code)[one.group_code]
    published = one.state == "published"
    booked = request.values.get("booked", "")
    less = int(booked) if booked.isdecimal() and len(booked) < 4 and int(booked) < one.booked else 0
    begins = [piece.starts_at for piece in publishing.pieces(one)]
    missing = sorted({name for at in begins for name in offered.fall_out(one.office_code, at, group.services)})
    page = render_template(
        "console/plan_window.html",
        heading=f"{chinese_day(one.day)} {one.starts:%H:%M}–{one.ends:%H:%M} {group.name}",
        one=one,
        cell=_cell(one),
        group=group,
        missing=missing,
        touched=[
            {
                "name": mask_name(each.citizen.name),
                "number": each.appointment.number,
                "at": each.slot.starts_at,
                "service": each.service.name,
            }
            for each in (closing.touched(one, less) if published else ())
        ],
        less=less,
        back=url_for(".page", week=one.day.isoformat()),
        groups=[(code, each.name, "") for code, each in plans.groups_of(one.office_code).items()],
        counters=[
            (str(each.number), f"{each.number} 号 {each.name}", "") for each in hall.counters_of(one.office_code)
        ],
        form=request.form,
        chosen=request.form.getlist("counters") or [str(n) for n in one.counters],
        errors=errors or {},
        form_token=lambda: new_token(12),
    )
    return page, status


def _act_on(window_id: UUID, schema: Any, act: Any, words: str) -> ResponseReturnValue:
    actor, one = current_actor(), plans.window(_here(), window_id)
    try:
        given = _read(schema)
    except ValidationError as fault:
        return _window_page(one, fault.normalized_messages(), 422)

    def once_done(once: Any) -> Any:
        week = _week_of(one, lock=True)
        return note(once, act(week, plans.window(actor.office or "", window_id), given))

    try:
        done = do_once(once_of(actor, given["form_token"]), once_done)
    except NotThis as fault:
        return _window_page(plans.window(_here(), window_id), {"_schema": [fault.sentence]}, 422)
    flash(words.format(**done), "ok")
    return _back(_week_of(one))


@bp.post("/windows/<uuid:window_id>")
@staff_required(ROLE)
def change(window_id: UUID) -> ResponseReturnValue:
    """Change a window that is not published."""

    def act(week: PlanWeek, one: PlanWindow, given: Mapping[str, Any]) -> dict[str, int]:
        plans.change(week, one, {name: value for name, value in given.items() if name != "form_token"})
        return {}

    return _act_on(window_id, _CHANGE, act, "已改好，还没有公布。")


@bp.post("/windows/<uuid:window_id>/remove")
@staff_required(ROLE)
def remove(window_id: UUID) -> ResponseReturnValue:
    """Take a window that is not published out."""

    def act(week: PlanWeek, one: PlanWindow, given: Mapping[str, Any]) -> dict[str, int]:
        plans.remove(week, one)
        return {}

    return _act_on(window_id, _FORM, act, "已去掉。")


@bp.post("/windows/<uuid:window_id>/close")
@staff_required(ROLE)
def close(window_id: UUID) -> ResponseReturnValue:
    """Close a published window; whoever booked it is moved or put first in waiting, and told."""
    actor = current_actor()

    def act(week: PlanWeek, one: PlanWindow, given: Mapping[str, Any]) -> dict[str, int]:
        done = closing.close(week, one)
        publishing.tell_hours(actor, week)
        return {"moved": done.moved, "waiting": done.waiting}

    return _act_on(window_id, _FORM, act, "已关闭：{moved} 人改到别的时段，{waiting} 人排到候补最前面，都已通知。")


@bp.post("/windows/<uuid:window_id>/shrink")
@staff_required(ROLE)
def shrink(window_id: UUID) -> ResponseReturnValue:
    """Let a published window take fewer people."""

    def act(week: PlanWeek, one: PlanWindow, given: Mapping[str, Any]) -> dict[str, int]:
        done = closing.shrink(week, one, given["booked"])
        return {"moved": done.moved, "waiting": done.waiting}

    return _act_on(window_id, _SHRINK, act, "已缩减：{moved} 人改到别的时段，{waiting} 人排到候补最前面，都已通知。")
