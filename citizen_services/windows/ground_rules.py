"""Dates on which an office opens otherwise, and the rules that its weeks are laid out from, as its planner keeps them.

Each change goes into the record of administration. The caller commits, then calls ``desks.forget_desks``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from citizen_services import clock
from citizen_services.database import db, new_id
from citizen_services.people.actors import Actor
from citizen_services.people.administration_record import changed, record
from citizen_services.rules.opening import WEEKDAYS
from citizen_services.windows import plans, publishing
from citizen_services.windows.errors import NoSuchBooking, NotThis
from citizen_services.windows.ground import check_coming, counters, here_of
from citizen_services.windows.models import OpeningException, OpeningRule, PlanWeek, PlanWindow, ServiceGroup

# --- Reading ------------------------------------------------------------------------------------------------------


def exceptions(office_code: str) -> Sequence[OpeningException]:
    """The dates from today on at which an office's rules don't hold."""
    coming = (OpeningException.office_code == office_code, OpeningException.day >= clock.today())
    return db.session.scalars(select(OpeningException).where(*coming).order_by(OpeningException.day)).all()


def rules(office_code: str) -> Sequence[OpeningRule]:
    """The rules of an office that hold today or later, by group, weekday and time."""
    query = (
        select(OpeningRule)
        .join(
            ServiceGroup,
            (ServiceGroup.office_code == OpeningRule.office_code) & (ServiceGroup.code == OpeningRule.group_code),
        )
        .where(OpeningRule.office_code == office_code)
        .where(OpeningRule.until_day.is_(None) | (OpeningRule.until_day >= clock.today()))
        .order_by(ServiceGroup.place, OpeningRule.weekday, OpeningRule.starts, OpeningRule.id)
    )
    return db.session.scalars(query).all()


def rule(office_code: str, rule_id: UUID) -> OpeningRule:
    """A rule of an office; NoSuchBooking where there is none such."""
    found = db.session.get(OpeningRule, rule_id)
    if found is None or found.office_code != office_code:
        raise NoSuchBooking("没有找到这条开窗规则。")
    return found


# --- Dates --------------------------------------------------------------------------------------------------------


def save_exception(actor: Actor, day: date, as_weekday: int | None, words: str) -> int:
    """Close an office on a date (None), or lay it out like a weekday, a holiday too. Raises NotThis.

    Returns how many windows of its plan stand on a day that is now closed: a planner closes them, which moves people.
    """
    here = here_of(actor)
    check_coming(day)
    before = db.session.get(OpeningException, (here, day))
    known = {day.isoformat(): _exception_words(before.as_weekday, before.words)} if before is not None else {}
    values = {"as_weekday": as_weekday, "words": words}
    write = insert(OpeningException).values(office_code=here, day=day, **values)
    db.session.execute(write.on_conflict_do_update(index_elements=["office_code", "day"], set_=values))
    db.session.expire_all()
    record(actor, "ground_changed", here, *changed(known, {day.isoformat(): _exception_words(as_weekday, words)}))
    return _told_again(actor, here, day)


def remove_exception(actor: Actor, day: date) -> int:
    """Let a date be as the rules and the calendar say; as ``save_exception``. Raises NotThis."""
    here = here_of(actor)
    found = db.session.get(OpeningException, (here, day))
    if found is None:
        raise NotThis("这一天已经改回按平时了。")
    before = {day.isoformat(): _exception_words(found.as_weekday, found.words)}
    db.session.delete(found)
    db.session.flush()
    record(actor, "ground_changed", here, before, {day.isoformat(): "按平时"})
    return _told_again(actor, here, day)


def _exception_words(as_weekday: int | None, words: str) -> str:
    return f"{'不开' if as_weekday is None else f'按{WEEKDAYS[as_weekday]}开'}（{words}）"


def _told_again(actor: Actor, here: str, day: date) -> int:
    """Tell the hours of a published week anew; how many of the day's windows stand on a closed day."""
    query = select(PlanWeek).where(PlanWeek.office_code == here, PlanWeek.monday == plans.monday_of(day))
    week = db.session.scalars(query).first()
    if week is not None and week.published_at is not None:
        publishing.tell_hours(actor, week)
    if not plans.closed_why(here, day):
        return 0
    standing = select(PlanWindow.id).where(
        PlanWindow.office_code == here, PlanWindow.day == day, PlanWindow.state != "closed"
    )
    return len(db.session.scalars(standing).all())


# --- Rules --------------------------------------------------------------------------------------------------------


def save_rule(actor: Actor, rule_id: UUID | None, values: Mapping[str, Any]) -> None:
    """Change a rule that weeks are laid out from, or add one (None). Raises NotThis, NoSuchBooking.

    ``values``: the columns of OpeningRule. Weeks that are laid out stay as they are.
    """
    here = here_of(actor)
    every = plans.groups_of(here)
    if values["group_code"] not in every:
        raise NotThis("请选择业务组。")
    if values["starts"] >= values["ends"]:
        raise NotThis("结束时间须晚于开始时间。")
    if values["booked"] + values["walk_in"] < 1:
        raise NotThis("预约和现场至少要有一种号。")
    if values["until_day"] is not None and values["until_day"] < values["from_day"]:
        raise NotThis("最后一天不能早于第一天。")
    _check_counters(here, every, values)
    for other in db.session.scalars(
        select(OpeningRule).where(
            OpeningRule.office_code == here,
            OpeningRule.group_code == values["group_code"],
            OpeningRule.weekday == values["weekday"],
        )
    ):
        if other.id != rule_id and _overlap(other, values):
            times = f"{other.starts:%H:%M}–{other.ends:%H:%M}"
            raise NotThis(f"{WEEKDAYS[other.weekday]}已经有 {times} 的规则，时间重叠，请改那一条。")
    found = rule(here, rule_id) if rule_id is not None else None
    before = _rule_words(found, every) if found is not None else {}
    if found is None:
        found = OpeningRule(id=new_id(), office_code=here)
    with db.session.no_autoflush:
        for name, value in values.items():
            setattr(found, name, value)
        db.session.add(found)
    db.session.flush()
    record(actor, "ground_changed", here, *changed(before, _rule_words(found, every)))


def _check_counters(here: str, every: Mapping[str, ServiceGroup], values: Mapping[str, Any]) -> None:
    able = {one.number: one for one in counters(here) if one.active}
    for number in values["counters"]:
        if number not in able:
            raise NotThis(f"没有 {number} 号窗口，或者已经停用。")
        if values["group_code"] not in able[number].groups:
            raise NotThis(f"{number} 号窗口不办{every[values['group_code']].name}，请先在窗口里加上，或者换一个窗口。")


def _overlap(one: OpeningRule, values: Mapping[str, Any]) -> bool:
    ends = one.until_day or date.max
    until = values["until_day"] or date.max
    in_days = one.from_day <= until and values["from_day"] <= ends
    return in_days and one.starts < values["ends"] and values["starts"] < one.ends


def _rule_words(one: OpeningRule, groups: Mapping[str, ServiceGroup]) -> dict[str, str]:
    days = f"{one.from_day.isoformat()} 起" + (f"到 {one.until_day.isoformat()}" if one.until_day else "")
    return {
        f"规则 {groups[one.group_code].name} {WEEKDAYS[one.weekday]}": (
            f"{one.starts:%H:%M}–{one.ends:%H:%M}，{'、'.join(map(str, one.counters))} 号窗口，每{one.slot_minutes}分钟"
            f"约{one.booked}现{one.walk_in}，提前{one.release_days}天 {one.release_time:%H:%M} 放号，{days}"
        )
    }
