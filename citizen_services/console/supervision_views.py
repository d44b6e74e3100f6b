"""Supervision (监督): which clocks run out, who holds what, each month in figures, and what lies behind them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from citizen_services import clock
from citizen_services.cases import figures, supervising, visits
from citizen_services.cases.deadlines import next_clock
from citizen_services.cases.models import Case
from citizen_services.console import render
from citizen_services.console.access import tell_refusals
from citizen_services.console.guards import current_actor, staff_required
from citizen_services.console.supervision_scope import Scope, answers_for, scope_of, shown_months
from citizen_services.console.supervision_words import HEADINGS, cells, charts, item_name, month_words
from citizen_services.database import commit
from citizen_services.pages import render_error
from citizen_services.parts import parts
from citizen_services.people.queries import office, staff_names
from citizen_services.rules.keyset import place_from_text, place_to_text
from citizen_services.security import new_token

bp = Blueprint("console_supervision", __name__, url_prefix="/console/supervision")
tell_refusals(bp)

#: Who answers for an office.
ROLES = ("supervisor",)
#: What a reminder says, by its level.
REMINDERS = {"today": "今天到期", "late": "已超期", "above": "超期仍未办"}
TABS = (("late", "已超期"), ("today", "今天到期"), ("tomorrow", "明天到期"))


@bp.get("")
@staff_required(*ROLES)
def page() -> ResponseReturnValue:
    """The whole of it: reminders, clocks by desk and holder, the months, the chosen month by item."""
    actor = current_actor()
    scope = scope_of(actor)
    counts = figures.counted(scope.codes)
    months = figures.months(scope.figures_of)
    asked = figures.corrections(scope.codes, scope.month)
    refusals = figures.refused(scope.codes, scope.month)
    held = figures.holders(scope.codes)
    names = staff_names({one.staff_id for one in held})
    bad = figures.rectifying(scope.codes)
    total = {tab: sum(one[tab] for one in counts.values()) for tab, _ in TABS}
    return render_template(
        "console/supervision.html",
        scope=scope,
        filters=_filters(scope),
        figures=[
            {
                "label": label,
                "value": _number(total[tab]),
                "tone": "bad" if tab == "late" and total[tab] else "",
            }
            for tab, label in TABS
        ]
        + [
            {"label": "待整改评价", "value": bad.open, "tone": "bad" if bad.late else ""},
            {"label": "其中已超期", "value": bad.late, "tone": "bad" if bad.late else "ok"},
            {"label": "其中还没回访", "value": bad.uncalled},
        ],
        reminders=[_reminder(one, case) for one, case in supervising.unseen(actor, scope.codes)],
        desks=[
            {"name": office(code).name, "counts": [(tab, _number(counts[code][tab])) for tab, _ in TABS], "code": code}
            for code in scope.codes
        ],
        tabs=TABS,
        holders=[{"name": names.get(one.staff_id, ""), "one": one} for one in held],
        headings=HEADINGS,
        months=[{"month": row.month, "name": month_words(row.month), "cells": cells(row)} for row in months],
        items=[
            {"name": item_name(row.item), "cells": cells(row)}
            for row in figures.items_of(scope.figures_of, scope.month)
        ],
        added_up=months[0].at if months else None,
        charts=charts(months),
        month_name=month_words(scope.month),
        corrections=[
            {"item": item_name(item, version), "what": _label(item, version, code), "times": times}
            for (item, version, code), times in asked.codes
        ],
        most_corrections=figures.MOST_CORRECTIONS,
        late_corrections=asked.late,
        refusals=[_case_row(case) for case in refusals.cases],
        more_refusals=refusals.after is not None,
        form_token=lambda: new_token(12),
    )


def _filters(scope: Scope) -> list[dict[str, Any]]:
    fields = []
    if len(scope.offices) > 1:
        choices = [("", "全区", ""), *((one.code, one.name, "") for one in scope.offices)]
        fields.append({"name": "office", "label": "单位", "value": scope.chosen, "choices": choices})
    months = [(f"{one:%Y-%m}", month_words(one), "") for one in shown_months()]
    fields.append({"name": "month", "label": "月份", "value": f"{scope.month:%Y-%m}", "choices": months})
    return fields


def _number(value: int) -> str:
    return f"{figures.MOST_COUNTED - 1}+" if value >= figures.MOST_COUNTED else str(value)


def _label(item: str, version: int, code: str) -> str:
    """What a correction names, by the words of its declaration."""
    declared = parts().catalogue.item(item, version)
    material = next((one.name for one in declared.materials if one.code == code), "")
    if material:
        return material
    group_code, _, name = code.partition(".")
    for group in declared.groups:
        if group.code == group_code and name in group.schema.fields:
            return str(group.schema.fields[name].metadata.get("label") or code)
    return code


def _case_row(case: Case) -> dict[str, Any]:
    return {
        "id": case.id,
        "number": case.number,
        "item": render.item_of(case).name,
        "office": office(case.office_code).name,
        "state": case.state,
        "ended": case.ended_at,
    }


def _reminder(one: Any, case: Case) -> dict[str, Any]:
    return {
        "id": one.id,
        "case": case,
        "item": render.item_of(case).name,
        "office": office(one.office_code).name,
        "kind": REMINDERS[one.kind],
        "late": one.kind != "today",
        "at": one.at,
        "over": case.ended_at is not None or case.next_due != one.due,
    }


@bp.get("/clocks")
@staff_required(*ROLES)
def clocks() -> ResponseReturnValue:
    """The cases whose clock is over, or runs out today or tomorrow, by keyset pages."""
    span = request.args.get("span", "")
    span = span if span in dict(TABS) else TABS[0][0]
    actor = current_actor()
    scope = scope_of(actor)
    holder = _uuid(request.args.get("holder", ""))
    place = place_from_text(request.args.get("after", ""))
    found = figures.running(scope.codes, figures.spans()[span], held_by=holder, after=place)
    names = staff_names({case.claimed_by for case in found.cases if case.claimed_by and _held(case)})
    here: dict[str, Any] = {**scope.query, **({"holder": holder} if holder else {})}
    after = place_to_text(found.after)
    return render_template(
        "console/supervision_clocks.html",
        scope=scope,
        heading=dict(TABS)[span],
        filters=[field for field in _filters(scope) if field["name"] == "office"],
        tabs=[
            {"href": url_for(".clocks", span=code, **scope.query), "label": label, "current": code == span}
            for code, label in TABS
        ],
        rows=[
            _case_row(case)
            | {
                "clock": next_clock(render.item_of(case), case),
                "desk": office(case.desk_code).name if case.desk_code else "",
                "holder": names.get(case.claimed_by, "") if case.claimed_by and _held(case) else "",
            }
            for case in found.cases
        ],
        pager={
            "prev": url_for(".clocks", span=span, **here) if place else None,
            "next": url_for(".clocks", span=span, after=after, **here) if after else None,
            "text": "",
        },
    )


def _held(case: Case) -> bool:
    return case.claimed_until is not None and case.claimed_until > clock.protocol_now()


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


@bp.get("/visits", defaults={"what": "visits"})
@bp.get("/refusals", defaults={"what": "refusals"})
@staff_required(*ROLES)
def behind(what: str) -> ResponseReturnValue:
    """The cases behind a month's figures: those that took a visit, with each visit, or those that were refused."""
    scope = scope_of(current_actor())
    place = place_from_text(request.args.get("after", ""))
    found = (figures.visited if what == "visits" else figures.refused)(scope.codes, scope.month, after=place)
    after = place_to_text(found.after)
    return render_template(
        "console/supervision_behind.html",
        scope=scope,
        what=what,
        heading=f"{month_words(scope.month)}{'到过现场的办件' if what == 'visits' else '不予受理、不予批准的办件'}",
        filters=_filters(scope),
        rows=[_case_row(case) | {"visits": _visits(case) if what == "visits" else []} for case in found.cases],
        pager={
            "prev": url_for(".behind", what=what, **scope.query) if place else None,
            "next": url_for(".behind", what=what, after=after, **scope.query) if after else None,
            "text": "",
        },
    )


def _visits(case: Case) -> list[dict[str, Any]]:
    return [
        {"at": visit.at, "office": office(visit.office_code).name, "by_choice": by_choice}
        for visit, by_choice in visits.of_case(case.id)
    ]


@bp.post("/seen")
@staff_required(*ROLES)
def seen() -> ResponseReturnValue:
    """Take note of the reminders that the page showed."""
    actor = current_actor()
    given = request.form.get("ids", "").split(",")[: supervising.MOST_SHOWN]
    ids = [one for one in map(_uuid, given) if one is not None]
    if not ids:
        return render_error(400)
    count = supervising.take_note(actor, [one.code for one in answers_for(actor)], ids)
    commit()
    flash(f"已阅知 {count} 条时限提醒，不再提示；办件仍在列表里。", "ok")
    return redirect(url_for(".page"), 303)
