"""From cases and declarations to what the console's pages show: rows of lists, clocks, history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from flask import url_for

from citizen_services import clock
from citizen_services.cases.clocks import calendar
from citizen_services.cases.models import Case, CaseEvent
from citizen_services.cases.queries import applicant_names
from citizen_services.cases.recusal import apart_of
from citizen_services.catalogue.vocabulary import ServiceItem
from citizen_services.console.access import held_by_colleague, holds
from citizen_services.parts import parts
from citizen_services.people.actors import Actor
from citizen_services.people.queries import office, staff_name, staff_names
from citizen_services.rules.dates import last_day
from citizen_services.rules.masking import mask_name
from citizen_services.rules.periods import Period, days_left
from citizen_services.words import role_word

DOORS: Mapping[str, str] = {"wechat": "微信公众号", "web": "网页", "counter": "窗口"}


# --- Clocks -------------------------------------------------------------------------------------------------------


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


# --- Lists --------------------------------------------------------------------------------------------------------


def item_of(case: Case) -> ServiceItem:
    """The declaration that a case stays on."""
    return parts().catalogue.item(case.item, case.item_version)


def rows_of(cases: Sequence[Case], actor: Actor) -> list[dict[str, Any]]:
    """Cases as ``case_table`` shows them: names masked, held by whom, the clock that runs out first."""
    names = applicant_names(cases)
    holders = staff_names({case.claimed_by for case in cases if case.claimed_by and held_by_colleague(actor, case)})
    apart = apart_of(cases, actor)
    return [
        {
            "id": case.id,
            "href": url_for("console_cases.show", case_id=case.id),
            "number": case.number,
            "item": item_of(case).name,
            "applicant": mask_name(names.get(case.citizen_id, "")),
            "state": case.state,
            "clock": next_clock(item_of(case), case),
            "holder": "您须回避"
            if case.id in apart
            else "我"
            if holds(actor, case)
            else holders.get(case.claimed_by)
            if case.claimed_by
            else None,
            "when": case.submitted_at,
        }
        for case in cases
    ]


# --- What was done, and what can be -------------------------------------------------------------------------------


def results_of(item: ServiceItem, case: Case) -> list[dict[str, str]]:
    """What steps left behind, by the labels of the inputs that declared them."""
    labels = {
        name: str(field.metadata["label"])
        for step in item.steps
        if step.input is not None
        for name, field in step.input.fields.items()
        if field.metadata.get("label")
    }
    return [{"label": labels[name], "value": str(value)} for name, value in case.results.items() if name in labels]


def history_of(item: ServiceItem, events: Sequence[CaseEvent]) -> list[dict[str, Any]]:
    """Every act on a case as ``history`` shows it, newest first."""
    names = staff_names({event.actor_id for event in events if event.actor_kind == "staff" and event.actor_id})
    rows = []
    for event in reversed(events):
        who = {"citizen": "申请人", "system": "系统"}.get(event.actor_kind, "")
        if event.actor_kind == "staff" and event.actor_id:
            place = office(event.actor_office).name if event.actor_office else ""
            role = role_word(event.actor_role or "")
            who = f"{names.get(event.actor_id, '已离岗人员')}（{place} · {role}）"
        rows.append(
            {
                "when": event.at,
                "who": who,
                "what": item.words_of(event.from_state, event.action),
                "state": event.to_state if event.to_state != event.from_state else "",
            }
        )
    return rows


def holder_words(case: Case, actor: Actor) -> str:
    """Who holds the case and for how long yet, in a sentence; empty while nobody does."""
    if case.claimed_by is None or case.claimed_until is None:
        return ""
    seconds = (case.claimed_until - clock.protocol_now()).total_seconds()
    if seconds <= 0:
        return ""
    minutes = max(1, round(seconds / 60))
    who = "您" if case.claimed_by == actor.id else staff_name(case.claimed_by)
    return f"{who}正在办理，{minutes} 分钟内没有操作会自动放回"
