"""From cases and declarations to what the console's pages show: rows of lists, clocks, history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from flask import url_for

from citizen_services import clock
from citizen_services.cases import households
from citizen_services.cases.deadlines import next_clock
from citizen_services.cases.models import Case, CaseEvent
from citizen_services.cases.queries import applicant_names, concerns_office
from citizen_services.cases.recusal import apart_of
from citizen_services.cases.standing import who_words
from citizen_services.catalogue.vocabulary import ServiceItem
from citizen_services.console.access import held_by_colleague, holds
from citizen_services.parts import parts
from citizen_services.people.actors import Actor
from citizen_services.people.queries import office, staff_name, staff_names
from citizen_services.rules.masking import mask_name
from citizen_services.words import role_word

DOORS: Mapping[str, str] = {"wechat": "微信公众号", "web": "网页", "counter": "窗口", "community": "社区上门"}


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
        who = who_words(event, masked=False) or {"citizen": "申请人", "system": "系统"}.get(event.actor_kind, "")
        if event.actor_kind == "staff" and event.actor_id:
            place = office(event.actor_office).name if event.actor_office else ""
            role = role_word(event.actor_role or "")
            absent = (event.data or {}).get("deputy_for")
            stands_in = f"，代理{staff_name(UUID(absent))}" if absent else ""
            who = f"{names.get(event.actor_id, '已离岗人员')}（{place} · {role}{stands_in}）"
        rows.append(
            {
                "when": event.at,
                "who": who,
                "what": item.words_of(event.from_state, event.action),
                "state": event.to_state if event.to_state != event.from_state else "",
            }
        )
    return rows


#: What the console says of a household's member of whom there is no case.
_NO_CASE: Mapping[str, str] = {
    "going": "还没有提交",
    "trouble": "没有提交成功",
    "invited": "等本人在自己的账号里确认",
    "late": "没有确认，已过期",
    "declined": "本人没有同意",
}


def household_of(case: Case, actor: Actor) -> list[dict[str, Any]]:
    """The household that a case was sent with, each member with their own case; nothing where it was sent alone.

    A case of another office, or one from which the actor keeps away, is named without its number.
    """
    seen = households.of_case(case)
    apart = apart_of([one.case for one in seen if one.case is not None], actor)
    rows = []
    for one in seen:
        other, here = one.case, False
        if other is not None:
            here = other.id not in apart and concerns_office(other, actor.office or "")
        rows.append(
            {
                "who": f"{mask_name(one.member.name)}（{households.RELATIONS[one.member.relation]}）",
                "number": other.number if other is not None and here else "",
                "href": url_for("console_cases.show", case_id=other.id) if other is not None and here else "",
                "state": other.state if other is not None and here else "",
                "words": _NO_CASE.get(one.state, "") if other is None else "" if here else "不在本单位办理",
                "this": other is not None and other.id == case.id,
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
