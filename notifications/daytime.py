"""Quiet hours: what is not urgent is told between 08:00 and 21:00 in Shanghai, by business time."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from sqlalchemy import ColumnElement, true

from citizen_services import clock
from notifications.models import Delivery

FROM, UNTIL = time(8), time(21)


def is_day(at: datetime) -> bool:
    """Whether people may be told at that moment of what is not urgent."""
    return FROM <= at.astimezone(clock.SHANGHAI).time() < UNTIL


def next_after(at: datetime) -> datetime:
    """The first moment from ``at`` on that is not in the quiet hours."""
    if is_day(at):
        return at
    local = at.astimezone(clock.SHANGHAI)
    day = local.date() + timedelta(days=local.time() >= UNTIL)
    return datetime.combine(day, FROM, clock.SHANGHAI)


def may_go() -> ColumnElement[bool]:
    """The tries that the hour does not forbid."""
    return true() if is_day(clock.now()) else Delivery.by_day.is_(False)
