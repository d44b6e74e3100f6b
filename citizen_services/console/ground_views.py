"""大厅设置: what an office's windows rest on, kept by its planner: groups, counters, partners' desks, rules, dates.

Every change is in the record of administration (管理记录).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError, fields, validate
from sqlalchemy.exc import IntegrityError

from citizen_services.cases.once import do_once, note
from citizen_services.catalogue.counter import PARTNER_DESKS
from citizen_services.console.access import tell_refusals
from citizen_services.console.admin_views import FASTER
from citizen_services.console.ground_forms import EDITORS
from citizen_services.console.guards import current_actor, staff_required
from citizen_services.console.hours_views import SpansField
from citizen_services.console.plan_views import ROLE, asks
from citizen_services.console.schemas import FormSchema, WordsField, once_of
from citizen_services.database.base import rollback
from citizen_services.people.actors import Actor
from citizen_services.people.queries import office
from citizen_services.rules.dates import chinese_day
from citizen_services.rules.opening import WEEKDAYS, week_words, words_of
from citizen_services.security import new_token
from citizen_services.windows import desks, ground, ground_rules, plans, slots
from citizen_services.windows.errors import NoSuchBooking, NotThis
from citizen_services.windows.models import OpeningRule, PartnerDesk

bp = Blueprint("console_ground", __name__, url_prefix="/console/ground")
tell_refusals(bp)

_KINDS = "<any(groups, counters, desks, rules):kind>"
_WHY = "请填写原因，2 至 40 个字，申请人会看到。"


class ExceptionSchema(FormSchema):
    """A date on which the rules don't hold: ``closed``, or like a weekday (0 is Monday)."""

    day = fields.Date(required=True, error_messages=asks("请填写日期。"))
    how = fields.String(
        required=True,
        validate=validate.OneOf(["closed", *map(str, range(7))], error="请选择这一天怎么开。"),
        error_messages=asks("请选择这一天怎么开。"),
    )
    words = WordsField(_WHY, least=2, most=40)


class DeskDaySchema(FormSchema):
    """A date on which a partner's desk is open otherwise; no hours: closed."""

    day = fields.Date(required=True, error_messages=asks("请填写日期。"))
    spans = SpansField(load_default=())
    words = WordsField(_WHY, least=2, most=40)


class DaySchema(FormSchema):
    """A date."""

    day = fields.Date(required=True, error_messages=asks("请填写日期。"))


_EXCEPTION, _DESK_DAY, _DAY = ExceptionSchema(), DeskDaySchema(), DaySchema()


def _here() -> str:
    return current_actor().office or ""


def _read(schema: Any, lists: tuple[str, ...] = ()) -> dict[str, Any]:
    given: dict[str, Any] = {name: value for name, value in request.form.items() if value.strip()}
    given |= {name: request.form.getlist(name) for name in lists}
    return dict(schema.load({name: value for name, value in given.items() if name in schema.fields}))


def _do(
    schema: Any,
    act: Callable[[Actor, Mapping[str, Any]], int | None],
    again: Callable[[Mapping[str, Any]], ResponseReturnValue],
    lists: tuple[str, ...] = (),
) -> int | ResponseReturnValue:
    """Do what a form asks once; what is wrong is said on its page. How many are touched, where that is known."""
    actor = current_actor()
    try:
        given = _read(schema, lists)
    except ValidationError as fault:
        return again(fault.normalized_messages())

    def once_done(once: Any) -> Any:
        return note(once, {"touched": act(actor, given) or 0})

    try:
        done = do_once(once_of(actor, given["form_token"]), once_done)
    except NoSuchBooking:
        raise
    except NotThis as fault:
        return again({"_schema": [fault.sentence]})
    except IntegrityError:
        rollback()
        return again({"_schema": [FASTER]})
    desks.forget_desks()
    return int(done["touched"])


# --- The whole ground ---------------------------------------------------------------------------------------------


@bp.get("")
@staff_required(ROLE)
def page() -> ResponseReturnValue:
    """Everything at one look, each with the way to change it."""
    return _page()


def _page(errors: Mapping[str, Any] | None = None) -> ResponseReturnValue:
    here = _here()
    groups, known = plans.groups_of(here), ground.bookable()
    page = render_template(
        "console/ground.html",
        heading="大厅设置",
        place=office(here),
        groups=[
            {
                "code": code,
                "name": one.name,
                "letter": one.letter,
                "services": "、".join(known.get(each, each) for each in one.services),
            }
            for code, one in groups.items()
        ],
        counters=[
            {
                "id": one.id,
                "number": one.number,
                "name": one.name,
                "groups": "、".join(groups[code].name for code in one.groups if code in groups),
                "active": one.active,
            }
            for one in ground.counters(here)
        ],
        desks=[_desk_row(one) for one in ground.partner_desks(here)],
        rules=[_rule_row(one, groups[one.group_code].name) for one in ground_rules.rules(here)],
        exceptions=[
            {
                "day": one.day.isoformat(),
                "words": f"{chinese_day(one.day)}："
                f"{'不开' if one.as_weekday is None else f'按{WEEKDAYS[one.as_weekday]}开'}（{one.words}）",
            }
            for one in ground_rules.exceptions(here)
        ],
        hows=[("closed", "不开", ""), *((str(n), f"按{word}开", "") for n, word in enumerate(WEEKDAYS))],
        form=request.form if errors else {},
        errors=errors or {},
        form_token=lambda: new_token(12),
    )
    return page, 422 if errors else 200


def _desk_row(one: PartnerDesk) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.name,
        "partner": PARTNER_DESKS.get(one.partner, one.partner),
        "where": one.where,
        "week": week_words(ground.week_of_desk(one.id)),
        "days": _days_of(one),
    }


def _days_of(one: PartnerDesk) -> list[dict[str, str]]:
    return [
        {"day": each.day.isoformat(), "words": f"{chinese_day(each.day)}：{words_of(each.spans)}（{each.words}）"}
        for each in ground.days_of_desk(one.id)
    ]


def _rule_row(one: OpeningRule, group: str) -> dict[str, Any]:
    return {
        "id": one.id,
        "what": f"{group} {WEEKDAYS[one.weekday]} {one.starts:%H:%M}–{one.ends:%H:%M}",
        "counters": "、".join(map(str, one.counters)),
        "places": f"每{one.slot_minutes}分钟 约{one.booked} 现{one.walk_in}",
        "release": f"提前{one.release_days}天 {one.release_time:%H:%M}",
        "days": f"{one.from_day.isoformat()} 起" + (f"，到 {one.until_day.isoformat()}" if one.until_day else ""),
    }


@bp.post("/days")
@staff_required(ROLE)
def save_day() -> ResponseReturnValue:
    """Close a date, or open it like a weekday."""

    def act(actor: Actor, given: Mapping[str, Any]) -> int:
        how = given["how"]
        return ground_rules.save_exception(actor, given["day"], None if how == "closed" else int(how), given["words"])

    return _told(_do(_EXCEPTION, act, _page))


@bp.post("/days/remove")
@staff_required(ROLE)
def remove_day() -> ResponseReturnValue:
    """Let a date be as usual."""
    return _told(_do(_DAY, lambda actor, given: ground_rules.remove_exception(actor, given["day"]), _page))


def _told(done: int | ResponseReturnValue) -> ResponseReturnValue:
    if not isinstance(done, int):
        return done
    flash("这一天的安排已保存。", "ok")
    if done:
        flash(f"这一天不开了，开窗计划里还有 {done} 段：请到开窗计划逐段去掉或关闭，约了的人会改期并得到通知。", "warn")
    return redirect(url_for(".page"), 303)


# --- One group, counter, desk or rule -----------------------------------------------------------------------------


@bp.get(f"/{_KINDS}")
@staff_required(ROLE)
def new(kind: str) -> ResponseReturnValue:
    """A new one."""
    return _editor(kind, None)


@bp.get(f"/{_KINDS}/<key>")
@staff_required(ROLE)
def one(kind: str, key: str) -> ResponseReturnValue:
    """One of them, to be changed."""
    return _editor(kind, _key(kind, key))


def _key(kind: str, key: str) -> str:
    """The key of a group, else an id; NoSuchBooking for anything else."""
    try:
        return key if kind == "groups" else str(UUID(key))
    except ValueError:
        raise NoSuchBooking("没有找到这一项。") from None


def _editor(
    kind: str, key: str | None, errors: Mapping[str, Any] | None = None, days: Mapping[str, Any] | None = None
) -> ResponseReturnValue:
    editor, here = EDITORS[kind], _here()
    now = dict(editor.now(here, key))
    if errors:
        now = request.form.to_dict() | {name: request.form.getlist(name) for name in editor.lists}
    desk = ground.desk(here, UUID(key)) if kind == "desks" and key is not None else None
    page = render_template(
        "console/ground_edit.html",
        heading=f"修改{editor.word}" if key is not None else f"新增{editor.word}",
        place=office(here),
        url=url_for(".save", kind=kind, key=key) if key is not None else url_for(".add", kind=kind),
        fields=[
            one | {"value": now.get(one["name"], ""), "errors": (errors or {}).get(one["name"])}
            for one in editor.shown(here)
        ],
        desk=_desk_row(desk) if desk is not None else None,
        touched=[
            {"number": who.number, "at": slots.slot_words(slot), "service": ground.bookable()[who.service]}
            for who, slot in (ground.without_desk(desk) if desk is not None else ())
        ],
        day_form=request.form if days else {},
        day_errors=days or {},
        errors=errors or days or {},
        form_token=lambda: new_token(12),
    )
    return page, 422 if errors or days else 200


@bp.post(f"/{_KINDS}")
@staff_required(ROLE)
def add(kind: str) -> ResponseReturnValue:
    """Set up a new one."""
    return _save(kind, None)


@bp.post(f"/{_KINDS}/<key>")
@staff_required(ROLE)
def save(kind: str, key: str) -> ResponseReturnValue:
    """Change one."""
    return _save(kind, _key(kind, key))


def _save(kind: str, key: str | None) -> ResponseReturnValue:
    editor = EDITORS[kind]
    editor.now(_here(), key)
    done = _do(
        editor.schema,
        lambda actor, given: editor.save(actor, key, given),
        lambda errors: _editor(kind, key, errors),
        editor.lists,
    )
    if not isinstance(done, int):
        return done
    flash(f"{editor.word}已保存。", "ok")
    back = url_for(".one", kind=kind, key=key) if kind == "desks" and key is not None else url_for(".page")
    return redirect(back, 303)


@bp.post("/desks/<uuid:desk_id>/days")
@staff_required(ROLE)
def save_desk_day(desk_id: UUID) -> ResponseReturnValue:
    """Let a partner's desk be open otherwise on a date, or closed."""

    def act(actor: Actor, given: Mapping[str, Any]) -> None:
        ground.save_desk_day(actor, desk_id, given["day"], given["spans"], given["words"])

    return _desk_told(desk_id, _DESK_DAY, act)


@bp.post("/desks/<uuid:desk_id>/days/remove")
@staff_required(ROLE)
def remove_desk_day(desk_id: UUID) -> ResponseReturnValue:
    """Let a partner's desk be as usual on a date."""
    return _desk_told(desk_id, _DAY, lambda actor, given: ground.remove_desk_day(actor, desk_id, given["day"]))


def _desk_told(desk_id: UUID, schema: Any, act: Callable[[Actor, Mapping[str, Any]], None]) -> ResponseReturnValue:
    ground.desk(_here(), desk_id)
    done = _do(schema, act, lambda errors: _editor("desks", str(desk_id), days=errors))
    if not isinstance(done, int):
        return done
    flash("这一天的时间已保存。", "ok")
    return redirect(url_for(".one", kind="desks", key=desk_id), 303)
