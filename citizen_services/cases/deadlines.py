"""The clocks of a case in words, the same for its person and at the desk.

Days left are counted in the period's own unit; a provisional date is never called late.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from citizen_services import clock
from citizen_services.cases.clocks import calendar
from citizen_services.cases.models import Case
from citizen_services.catalogue.vocabulary import ServiceItem
from citizen_services.rules.dates import last_day
from citizen_services.rules.periods import Period, days_left


def _three(item: ServiceItem, case: Case) -> Iterator[tuple[str, datetime, datetime | None, Period]]:
    clocks = item.clocks
    if case.first_answer_due is not None:
        yield "首次答复", case.first_answer_due, case.first_answer_met_at, clocks.first_answer
    if case.promised_due is not None:
        yield "承诺办结", case.promised_due, case.result_met_at, clocks.promised
    if case.statutory_due is not None and clocks.statutory is not None:
        yield "法定办结", case.statutory_due, case.result_met_at, clocks.statutory


def clocks_of(item: ServiceItem, case: Case) -> list[dict[str, Any]]:
    """The clocks of a case as ``clock_badge`` shows them; one that stopped without being met is not shown."""
    shown = []
    for label, due, met_at, period in _three(item, case):
        if met_at is not None:
            state = "met" if met_at <= due else "late"
            shown.append({"label": label, "due": last_day(due), "state": state, "left": ""})
        elif case.ended_at is None:
            shown.append(_running(label, due, period, case.due_provisional, badge=True))
    return shown


def next_clock(item: ServiceItem, case: Case) -> dict[str, Any] | None:
    """The clock that runs out first, as ``clock_cell`` shows it; None while none runs."""
    if case.next_due is None:
        return None
    for label, due, met_at, period in _three(item, case):
        if met_at is None and due == case.next_due:
            return _running(label, due, period, case.due_provisional, badge=False)
    return None


def _running(label: str, due: datetime, period: Period, provisional: bool, *, badge: bool) -> dict[str, Any]:
    day = last_day(due)
    unit = "个工作日" if period.unit == "working" else "天"
    left = days_left(clock.today(), day, period.unit, calendar())
    over = clock.now() >= due
    if over:
        # Over is over even where no working day has passed since.
        behind = f"{max(1, -left)} {unit}"
        words = "暂定日期已过" if provisional else f"超 {behind}" if badge else f"已超期 {behind}"
    else:
        words = "今天到期" if day == clock.today() else f"还剩 {left} {unit}"
        words += "（暂定）" if provisional and not badge else ""
    state = "provisional" if provisional else "late" if over else "running"
    return {"label": label, "due": day, "state": state, "left": words, "soon": left <= 1}
