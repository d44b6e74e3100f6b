"""How a person sees their case move: what was done, who acts now and by when, what is still to come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from flask import g

from citizen_services import clock
from citizen_services.cases.models import Case, CaseEvent
from citizen_services.cases.standing import who_words
from citizen_services.catalogue.vocabulary import ServiceItem, State, Step
from citizen_services.people.queries import offices
from citizen_services.rules.dates import chinese_day, local_date
from citizen_services.words import role_word


def last_day(due: datetime | None) -> date | None:
    """The last day of a period that ends at ``due``, which is 24:00 of that day."""
    return None if due is None else local_date(due - timedelta(microseconds=1))


def road_ahead(item: ServiceItem, state: str) -> list[Step]:
    """The steps that lead from a state to the end when nothing goes wrong: what the person can expect.

    Where it is the person's turn their own step comes first; no road leads over a state in which it would be their
    turn again.
    """
    seen, road = {state}, list[Step]()
    while True:
        onward = [s for s in item.steps_from(state) if s.end not in seen and not s.danger and s.public]
        onward = _without_detours(item, state, onward)
        own = [s for s in onward if s.by.kind == "citizen"]
        step = next((s for s in own or onward if not _own_turn(item, s.end)), None)
        if step is None:
            return road
        road.append(step)
        state = step.end
        seen.add(state)


def _without_detours(item: ServiceItem, state: str, onward: list[Step]) -> list[Step]:
    """Leave out a state that only does what this one can do (turned to the counter) or comes back to it (a fee)."""
    ways = {(step.action, step.end) for step in onward}
    after = {step.end: {(s.action, s.end) for s in item.steps_from(step.end) if not s.danger} for step in onward}
    onward = [step for step in onward if not after[step.end] or not after[step.end] <= ways]
    straight = [step for step in onward if state not in {end for _, end in after[step.end]}]
    # Who stands on the detour itself goes on by it: what else is there is the bad end.
    return straight if any(not item.state(step.end).final for step in straight) else onward


def _own_turn(item: ServiceItem, state: str) -> bool:
    """Whether a case in that state waits for the person."""
    return any(step.by.kind == "citizen" and not step.danger for step in item.steps_from(state))


def good_end(item: ServiceItem) -> str:
    """The state in which a case ends when nothing goes wrong."""
    submit = item.step(None, "submit")
    if submit is None:
        return ""
    road = road_ahead(item, submit.end)
    return road[-1].end if road else submit.end


def timeline_of(
    item: ServiceItem, case: Case, events: Sequence[CaseEvent], turn: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """The rows of ``timeline``: every act that concerns the person, the present state, and the road ahead.

    ``turn`` is what the present state's row says besides where it is the person's turn: ``{when, action}``.
    """
    rows = [_done(step, event) for event in events if (step := _step_of(item, event)) and step.public]
    state = item.state(case.state)
    if state.final:
        return rows
    # The act just done often bears the state's own word; said twice in a row it would read like a slip.
    title = "正在办理" if rows and rows[-1]["title"] == state.word else state.word
    now: dict[str, Any] = {"title": title, "when": _by_when(case), "text": state.waits_for, "status": "current"}
    rows.append({**now, **(turn or {})})
    rows += [{"title": s.label, "status": "todo"} for s in road_ahead(item, case.state) if s.by.kind != "citizen"]
    return rows


def _step_of(item: ServiceItem, event: CaseEvent) -> Step | None:
    return item.step(event.from_state, event.action)


def _done(step: Step, event: CaseEvent) -> dict[str, Any]:
    return {"title": step.public, "when": event.at, "text": who_acted(event), "status": "done"}


def who_acted(event: CaseEvent) -> str:
    """Who did something, as citizens are told: office and role, never the officer's name."""
    if event.actor_kind == "citizen":
        who = who_words(event)
        return f"由{who}代为办理" if who else "由申请人本人办理" if g.get("acting_for") else "由您本人办理"
    if event.actor_kind == "system":
        return "由系统自动办理"
    place = offices().get(event.actor_office or "")
    return f"{place.name if place else '办事窗口'} · {role_word(event.actor_role or '')}"


def _by_when(case: Case) -> str:
    due = last_day(case.next_due)
    if due is None:
        return ""
    return f"最晚 {chinese_day(due)}" + ("（暂定，以公布的放假安排为准）" if case.due_provisional else "")


def next_lines(item: ServiceItem, case: Case) -> list[str]:
    """What happens after sending, sentence by sentence, with the dates that bind us."""
    state: State = item.state(case.state)
    if state.final:
        return []
    lines = []
    if case.first_answer_due is not None and case.first_answer_met_at is None:
        provisional = "（暂定）" if case.due_provisional else ""
        lines.append(f"最晚 {chinese_day(last_day(case.first_answer_due) or clock.today())}答复您{provisional}。")
    periods = item.clocks
    promise = f"受理后 {periods.promised.label}内办结"
    lines.append(promise + (f"（法定 {periods.statutory.label}）。" if periods.statutory else "。"))
    road = [item.state(step.end).word for step in road_ahead(item, case.state)]
    if len(road) > 1:
        lines.append(f"您会依次看到：{'、'.join(road)}。")
    lines.append("每有进展，我们都会用微信或短信告诉您，不需要您到场。")
    return lines
