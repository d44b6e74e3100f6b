"""When a service is done, as the guide, the pages and the chat tell it: the published windows of its groups.

An office's own hours say when any of its windows is open; whoever asks after one service is told of those that do it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date

from sqlalchemy import select

from citizen_services import clock
from citizen_services.cases import opening
from citizen_services.cases.opening import Hours
from citizen_services.database import db
from citizen_services.people.queries import offices
from citizen_services.rules.opening import Spans
from citizen_services.windows import plans, slots
from citizen_services.windows.desks import desks
from citizen_services.windows.models import PlanWindow
from citizen_services.windows.offered import desks_needed
from citizen_services.windows.publishing import WORDS, spans_of

#: What the hours of a day say where a partner's desk that the service needs leaves less of them.
DESK_WORDS = "要用的合作窗口开着的时候"


def hours_of_service(service: str) -> list[Hours]:
    """When each office that has windows for a service does it, in order of offices' codes; none where no office has.

    By single days, from today on: when a window of its groups is open as published, and each partner's desk that it
    needs is. An office that has published nothing to come is told by its own hours.
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for group in slots.groups_of(service):
        groups[group.office_code].append(group.code)
    found = []
    for office_code in sorted(groups):
        own = _published(office_code, groups[office_code], desks_needed(service))
        found += [Hours(offices()[office_code], {}, own)] if own is not None else opening.hours_of([office_code])
    return found


def _published(office_code: str, groups: Sequence[str], needed: Sequence[str]) -> dict[date, tuple[Spans, str]] | None:
    coming = (PlanWindow.office_code == office_code, PlanWindow.day >= clock.today(), PlanWindow.state == "published")
    if db.session.scalars(select(PlanWindow.id).where(*coming).limit(1)).first() is None:
        return None
    windows: dict[date, list[PlanWindow]] = defaultdict(list)
    query = select(PlanWindow).where(*coming, PlanWindow.group_code.in_(groups))
    for one in db.session.scalars(query.order_by(PlanWindow.day, PlanWindow.starts, PlanWindow.id)):
        windows[one.day].append(one)
    return {day: _on(office_code, day, some, needed) for day, some in windows.items()}


def _on(office_code: str, day: date, windows: Sequence[PlanWindow], needed: Sequence[str]) -> tuple[Spans, str]:
    closed = plans.closed_why(office_code, day)
    if closed:
        return [], closed
    spans: Spans = spans_of(windows)
    whole = list(spans)
    for partner in needed:
        desk = desks().get((office_code, partner))
        spans = _both(spans, desk.on(day)) if desk is not None else []
    return spans, WORDS if list(spans) == whole else DESK_WORDS


def _both(some: Spans, others: Spans) -> list[str]:
    """The times that lie in both, as spans in order."""
    pairs = [(max(one[:5], other[:5]), min(one[6:], other[6:])) for one in some for other in others]
    return [f"{starts}-{ends}" for starts, ends in sorted(pairs) if starts < ends]
