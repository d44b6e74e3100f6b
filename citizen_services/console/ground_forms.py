"""The forms by which a planner keeps the ground of an office's windows: what they carry, and how they are shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from typing import Any
from uuid import UUID

from marshmallow import fields, validate

from citizen_services import clock
from citizen_services.catalogue.counter import PARTNER_DESKS
from citizen_services.console.hours_views import SpansField
from citizen_services.console.plan_views import WindowSchema, asks, whole
from citizen_services.console.schemas import FormSchema, WordsField
from citizen_services.people.actors import Actor
from citizen_services.rules.opening import WEEKDAYS
from citizen_services.windows import ground, ground_rules, plans

Shown = list[dict[str, Any]]


class GroupSchema(FormSchema):
    """A group of services."""

    name = WordsField("请填写名称，2 至 20 个字，例如 机动车业务。", least=2, most=20)
    letter = fields.String(
        required=True,
        validate=validate.Regexp(r"^[A-Z]\Z", error="请填写一个大写字母，号码用它开头，例如 A。"),
        error_messages=asks("请填写一个大写字母，号码用它开头，例如 A。"),
    )
    services = fields.List(fields.String(validate=validate.Length(max=60)), load_default=list)


class CounterSchema(FormSchema):
    """A counter."""

    number = whole(1, 99, "窗口号")
    name = WordsField("请填写名称，2 至 20 个字，例如 综合窗口。", least=2, most=20)
    groups = fields.List(fields.String(validate=validate.Length(max=60)), load_default=list)
    active = fields.String(
        required=True,
        validate=validate.OneOf(["yes", "no"], error="请选择启用还是停用。"),
        error_messages=asks("请选择启用还是停用。"),
    )


class DeskSchema(FormSchema):
    """A partner's desk; its week stands in ``day0`` (Monday) to ``day6``."""

    partner = fields.String(
        required=True,
        validate=validate.OneOf(list(PARTNER_DESKS), error="请选择合作单位。"),
        error_messages=asks("请选择合作单位。"),
    )
    name = WordsField("请填写名称，2 至 20 个字，例如 购置税窗口。", least=2, most=20)
    where = WordsField("请填写在大厅哪里，2 至 40 个字，例如 大厅东侧 9 号。", least=2, most=40)


class RuleSchema(WindowSchema):
    """A rule that weeks are laid out from."""

    weekday = fields.Integer(
        required=True, validate=validate.Range(0, 6, error="请选择星期几。"), error_messages=asks("请选择星期几。")
    )
    release_days = whole(0, 60, "提前放号的天数")
    release_time = fields.Time("%H:%M", required=True, error_messages=asks("请填写放号时间，例如 07:00。"))
    release_spread_s = whole(0, 600, "相邻时段放号间隔")
    from_day = fields.Date(required=True, error_messages=asks("请填写从哪天起。"))
    until_day = fields.Date(load_default=None, error_messages=asks("请填写日期，一直有效的留空。"))


@dataclass(frozen=True)
class Editor:
    """How one kind of thing is shown as inputs and saved: ``key`` is its id, None for a new one."""

    #: As headings say it.
    word: str
    schema: Any
    #: Which inputs may be sent several times.
    lists: tuple[str, ...]
    #: What stands there now, by input; raises NoSuchBooking. For None what a new one begins with.
    now: Callable[[str, str | None], Mapping[str, Any]]
    shown: Callable[[str], Shown]
    save: Callable[[Actor, str | None, Mapping[str, Any]], None]


def _id(key: str | None) -> UUID | None:
    return UUID(key) if key is not None else None


# --- Groups -------------------------------------------------------------------------------------------------------


def _group_now(here: str, key: str | None) -> Mapping[str, Any]:
    if key is None:
        return {}
    one = ground.group(here, key)
    return {"name": one.name, "letter": one.letter, "services": list(one.services)}


def _group_shown(here: str) -> Shown:
    return [
        _text("name", "名称", "申请人会看到"),
        _text("letter", "号码字母", "取的号用它开头，例如 A012"),
        _many("services", "办哪些业务", [(code, name, "") for code, name in ground.bookable().items()]),
    ]


def _group_save(actor: Actor, key: str | None, given: Mapping[str, Any]) -> None:
    ground.save_group(actor, key, given["name"], given["letter"], given["services"])


# --- Counters -----------------------------------------------------------------------------------------------------


def _counter_now(here: str, key: str | None) -> Mapping[str, Any]:
    if key is None:
        return {"number": max((one.number for one in ground.counters(here)), default=0) + 1, "active": "yes"}
    one = ground.counter(here, UUID(key))
    return {
        "number": one.number, "name": one.name, "groups": list(one.groups), "active": "yes" if one.active else "no",
    }  # fmt: skip


def _counter_shown(here: str) -> Shown:
    return [
        _text("number", "窗口号", inputmode="numeric"),
        _text("name", "名称", "挂在窗口上面的字"),
        _many("groups", "能办哪些业务", _groups(here)),
        {"name": "active", "label": "状态", "kind": "radio", "required": True,
         "choices": [("yes", "启用", ""), ("no", "停用", "不再排班、不再叫号，记录保留")]},
    ]  # fmt: skip


def _counter_save(actor: Actor, key: str | None, given: Mapping[str, Any]) -> None:
    active = given["active"] == "yes"
    ground.save_counter(actor, _id(key), given["number"], given["name"], given["groups"], active=active)


# --- Desks --------------------------------------------------------------------------------------------------------


def _desk_now(here: str, key: str | None) -> Mapping[str, Any]:
    if key is None:
        return {}
    one = ground.desk(here, UUID(key))
    week = ground.week_of_desk(one.id)
    days = {f"day{n}": " ".join(week.get(n, ())) for n in range(7)}
    return {"partner": one.partner, "name": one.name, "where": one.where, **days}


def _desk_shown(here: str) -> Shown:
    week = [_text(f"day{n}", word, optional="不开的留空") for n, word in enumerate(WEEKDAYS)]
    week[0]["hint"] = "按 8:30-11:30 13:30-17:00 的样子填写。法定节假日不开，调休上班的周末按周一开，不用在这里填。"
    return [
        _choice("partner", "合作单位", [(code, word, "") for code, word in PARTNER_DESKS.items()]),
        _text("name", "名称", "申请人会看到，例如 购置税窗口"),
        _text("where", "在大厅哪里", "例如 大厅东侧 9 号"),
        *week,
    ]


def _desk_save(actor: Actor, key: str | None, given: Mapping[str, Any]) -> None:
    week = {n: given[f"day{n}"] for n in range(7)}
    ground.save_desk(actor, _id(key), given["partner"], given["name"], given["where"], week)


# --- Rules --------------------------------------------------------------------------------------------------------

_RULE_TIMES = ("starts", "ends", "release_time")


def _rule_now(here: str, key: str | None) -> Mapping[str, Any]:
    if key is None:
        return {
            "slot_minutes": 30, "booked": 2, "walk_in": 1, "release_days": 21, "release_time": "07:00",
            "release_spread_s": 20, "from_day": clock.today().isoformat(),
        }  # fmt: skip
    one = ground_rules.rule(here, UUID(key))
    names = ("group_code", "weekday", "slot_minutes", "booked", "walk_in", "release_days", "release_spread_s")
    times: dict[str, time] = {name: getattr(one, name) for name in _RULE_TIMES}
    return {
        **{name: getattr(one, name) for name in names},
        **{name: f"{at:%H:%M}" for name, at in times.items()},
        "counters": [str(n) for n in one.counters],
        "from_day": one.from_day.isoformat(),
        "until_day": one.until_day.isoformat() if one.until_day else "",
    }


def _rule_shown(here: str) -> Shown:
    able = [one for one in ground.counters(here) if one.active]
    return [
        _choice("group_code", "业务", _groups(here)),
        _choice("weekday", "星期几", [(str(n), word, "") for n, word in enumerate(WEEKDAYS)]),
        _text("starts", "从", "例如 11:30"),
        _text("ends", "到", "例如 13:30"),
        _text("slot_minutes", "每个时段几分钟", inputmode="numeric"),
        _many("counters", "哪些窗口", [(str(one.number), f"{one.number} 号 {one.name}", "") for one in able]),
        _text("booked", "每个时段预约号", inputmode="numeric"),
        _text("walk_in", "每个时段现场号", inputmode="numeric"),
        _text("release_days", "提前几天放号", inputmode="numeric"),
        _text("release_time", "几点放号", "例如 07:00"),
        _text("release_spread_s", "相邻时段隔几秒放号", "错开放号，避免大家同一刻来抢", inputmode="numeric"),
        {"name": "from_day", "label": "从哪天起", "kind": "date", "required": True},
        {"name": "until_day", "label": "到哪天为止", "kind": "date", "optional": "一直有效的留空"},
    ]


def _rule_save(actor: Actor, key: str | None, given: Mapping[str, Any]) -> None:
    values = {name: value for name, value in given.items() if name != "form_token"}
    ground_rules.save_rule(actor, _id(key), values)


# --- Inputs -------------------------------------------------------------------------------------------------------


def _groups(here: str) -> Sequence[tuple[str, str, str]]:
    return [(code, one.name, "") for code, one in plans.groups_of(here).items()]


def _text(name: str, label: str, hint: str = "", **more: str) -> dict[str, Any]:
    return {"name": name, "label": label, "kind": "text", "hint": hint, "required": "optional" not in more, **more}


def _choice(name: str, label: str, choices: Sequence[tuple[str, str, str]]) -> dict[str, Any]:
    return {"name": name, "label": label, "kind": "select", "required": True, "choices": choices}


def _many(name: str, label: str, choices: Sequence[tuple[str, str, str]]) -> dict[str, Any]:
    return {"name": name, "label": label, "kind": "checkboxes", "required": True, "choices": choices}


_DESK = type("WeekOfDeskSchema", (DeskSchema,), {f"day{n}": SpansField(load_default=()) for n in range(7)})

#: By the word in the address.
EDITORS: Mapping[str, Editor] = {
    "groups": Editor("业务组", GroupSchema(), ("services",), _group_now, _group_shown, _group_save),
    "counters": Editor("窗口", CounterSchema(), ("groups",), _counter_now, _counter_shown, _counter_save),
    "desks": Editor("驻点窗口", _DESK(), (), _desk_now, _desk_shown, _desk_save),
    "rules": Editor("开窗规则", RuleSchema(), ("counters",), _rule_now, _rule_shown, _rule_save),
}
