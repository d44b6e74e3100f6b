"""Publishing a week in one action: its windows become slots, and the office's hours are what everybody reads.

Nothing is released for a day that is closed, and a slot's release follows the one before by some seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy import select

from citizen_services import clock
from citizen_services.cases import opening
from citizen_services.database import db, new_id
from citizen_services.people.actors import Actor
from citizen_services.people.administration_record import record
from citizen_services.rules.dates import chinese_day
from citizen_services.windows import plans, roster
from citizen_services.windows.errors import Conflicting, NotThis
from citizen_services.windows.models import PlanWeek, PlanWindow, Slot

#: What the hours of a published day say of why they are so.
WORDS = "按公布的开窗安排"
_MOST_SPANS = 3


@dataclass(frozen=True)
class Piece:
    """One slot of a window: business times."""

    starts_at: datetime
    ends_at: datetime
    released_at: datetime


def pieces(one: PlanWindow) -> Iterator[Piece]:
    """The slots of a window, each as long as said, none beyond its end; released one after another."""
    step = timedelta(minutes=one.slot_minutes)
    at = datetime.combine(one.day, one.starts, clock.SHANGHAI)
    end = datetime.combine(one.day, one.ends, clock.SHANGHAI)
    released = datetime.combine(one.day - timedelta(days=one.release_days), one.release_time, clock.SHANGHAI)
    while at + step <= end:
        yield Piece(at, at + step, released)
        at += step
        released += timedelta(seconds=one.release_spread_s)


def conflicts(week: PlanWeek) -> list[str]:
    """What clashes in a week from today on, in the plan and in the roster of its people, line by line.

    That a window has nobody yet is no conflict: a week may be published before its people are rostered.
    """
    today, people = clock.today(), roster.week(week.office_code, week.monday)
    names = {one.id: one.name for one in people.people}
    of_plan = [(one.day, one.words) for one in plans.clashes(week) if one.day >= today]
    of_people = [
        (one.day, f"{names[one.staff_id]} {one.words}")
        for one in roster.clashes(people, plans.windows_of(week))
        if one.staff_id is not None
    ]
    return [f"{chinese_day(day)}：{words}" for day, words in sorted({*of_plan, *of_people})]


def publish(actor: Actor, week: PlanWeek, version: int, *, reason: str = "", seen: str | None = None) -> int:
    """Make slots of what is planned, and write the days' hours down; how many slots. The caller commits.

    A week in conflict is published for a ``reason`` only, which goes into the record with what clashes; ``seen`` is the
    mark (``roster.mark_of``) of the conflicts that the reason was given for. Raises Conflicting without a reason;
    NotThis: another planner was faster, a day is closed, other conflicts came, or nothing is new.
    """
    if week.version != version:
        raise NotThis("同事刚刚改过这一周，请看过最新的安排再公布。")
    planned = [one for one in plans.windows_of(week) if one.state == "planned"]
    for one in planned:
        why = plans.closed_why(week.office_code, one.day)
        if why:
            raise NotThis(f"{chinese_day(one.day)}不开（{why}），请先去掉这一天的安排。")
    if not planned:
        raise NotThis("没有新的安排要公布。")
    clashing = conflicts(week)
    if clashing and not reason:
        raise Conflicting(clashing)
    if clashing and seen is not None and seen != roster.mark_of(clashing):
        raise NotThis("冲突刚刚有变化，请看过最新的再公布。")
    made = 0
    for one in planned:
        for piece in pieces(one):
            if piece.ends_at <= clock.now():
                continue
            db.session.add(
                Slot(
                    id=new_id(),
                    office_code=one.office_code,
                    group_code=one.group_code,
                    window_id=one.id,
                    starts_at=piece.starts_at,
                    ends_at=piece.ends_at,
                    released_at=piece.released_at,
                    capacity=one.booked,
                    walk_in=one.walk_in,
                )
            )
            made += 1
        one.state = "published"
    week.published_at, week.published_by = clock.now(), actor.id
    week.version, week.changed = week.version + 1, False
    db.session.flush()
    tell_hours(actor, week)
    after = {"周": week.monday.isoformat(), "时段": str(made)}
    record(actor, "week_published", week.office_code, {}, after | _why(clashing, reason))
    return made


def _why(clashing: Sequence[str], reason: str) -> dict[str, str]:
    return {"冲突": "；".join(clashing), "仍然公布的原因": reason} if clashing else {}


def tell_hours(actor: Actor, week: PlanWeek) -> None:
    """Write down each day of a week as it is published: the guide, the chat and the pages read nothing else."""
    published = [one for one in plans.windows_of(week) if one.state == "published"]
    for n in range(7):
        day = week.monday + timedelta(days=n)
        if day < clock.today():
            continue
        closed = plans.closed_why(week.office_code, day)
        spans = [] if closed else spans_of([one for one in published if one.day == day])
        opening.save_day(actor, week.office_code, day, spans, closed or WORDS)


def spans_of(windows: Sequence[PlanWindow]) -> list[str]:
    """The times at which any of a day's windows is open, joined where they touch: ``["08:30-12:30"]``."""
    joined: list[tuple[time, time]] = []
    for starts, ends in sorted((one.starts, one.ends) for one in windows):
        if joined and starts <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], ends))
        else:
            joined.append((starts, ends))
    while len(joined) > _MOST_SPANS:
        joined[-2:] = [(joined[-2][0], joined[-1][1])]
    return [f"{starts:%H:%M}-{ends:%H:%M}" for starts, ends in joined]


def tell_closed(actor: Actor | None, against: Sequence[Mapping[str, str]]) -> None:
    """Tell as closed what a late calendar closes: ``against`` as ``contradicted`` gives it. The caller commits."""
    days = {(one["office"], one["day"]): one["why"] for one in against if one["state"] == "published"}
    for (office_code, day), why in sorted(days.items()):
        opening.save_day(actor, office_code, date.fromisoformat(day), [], why)


def contradicted(year: int) -> list[dict[str, str]]:
    """The windows that stand on days which a year's calendar closes, by day: to be closed or taken out by a planner.

    ``[{office, day, starts, ends, group, state, why}]``; ``state`` is ``planned`` or ``published``.
    """
    # The notice of a year may reach into the last days of the year before.
    query = select(PlanWindow).where(
        PlanWindow.state.in_(("planned", "published")),
        PlanWindow.day.between(max(clock.today(), date(year - 1, 12, 27)), date(year, 12, 31)),
    )
    rows = db.session.scalars(query.order_by(PlanWindow.day, PlanWindow.starts, PlanWindow.id)).all()
    return [
        {
            "office": one.office_code,
            "day": one.day.isoformat(),
            "starts": f"{one.starts:%H:%M}",
            "ends": f"{one.ends:%H:%M}",
            "group": plans.groups_of(one.office_code)[one.group_code].name,
            "state": one.state,
            "why": why,
        }
        for one in rows
        if (why := plans.closed_why(one.office_code, one.day))
    ]
