"""The lists of cases: the office's desk, what one holds oneself, all of the office. They keep themselves up to date."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from citizen_services.cases.figure_models import Escalation
from citizen_services.cases.models import Case
from citizen_services.cases.queries import MOST_COUNTED, DeskFigures, Page, desk, desk_figures, of_office
from citizen_services.cases.supervising import soon_of, take_note_of_soon, unseen_count
from citizen_services.console import counter_booking_views, data_views, desk_views, plan_views, render
from citizen_services.console.access import case_roles, case_staff
from citizen_services.console.guards import current_actor
from citizen_services.console.supervision_scope import answers_for
from citizen_services.database import commit
from citizen_services.parts import parts
from citizen_services.people import parameters, web
from citizen_services.people.actors import Actor
from citizen_services.people.queries import office
from citizen_services.rules.keyset import place_from_text, place_to_text
from citizen_services.security import new_token
from citizen_services.words import state_word

bp = Blueprint("console_lists", __name__, url_prefix="/console")

#: Who puts right what people were not content with, for their office.
RATING_ROLES = frozenset({"clerk", "approver", "supervisor"})

#: Kinds of office that have a hall with counters.
_HALLS = frozenset({"traffic", "service_centre"})

TABS = (("desk", "本所待办"), ("mine", "我办理中"), ("all", "全部"))
EMPTY = {
    "desk": "待办都办完了，喝口水歇一歇。新的申请来了会自动出现在这里。",
    "mine": "您手上没有正在办理的件。从“本所待办”里打开一件，按“领取”就会放到这里。",
    "all": "本单位还没有办件。",
}


def _places() -> list[tuple[str, str, str, str]]:
    """Where whoever of the staff is logged in has work: endpoint, label, icon, path; their main work first."""
    person = web.logged_in()
    if person is None or person.staff is None:
        return []
    places = []
    if person.roles & case_roles():
        places += [
            ("console_lists.cases", "办件", "list-check", "/console/cases"),
            ("console_search.page", "查办件", "search", "/console/search"),
        ]
    if "community_officer" in person.roles:
        places.append(("console_checks.page", "地址核实", "map-pin", "/console/checks"))
        places.append(("console_workers.page", "用工报告", "users", "/console/workers"))
    if "clerk" in person.roles:
        places += [
            ("console_counter.page", "窗口接待", "users", "/console/counter"),
            ("console_login.bind_page", "窗口核验身份", "user-check", "/console/bind"),
        ]
    elif "community_officer" in person.roles:
        places.append(("console_counter.page", "上门代办", "walk", "/console/counter"))
    if person.roles & set(desk_views.ROLES) and office(person.staff.office_code).kind in _HALLS:
        places.append(("console_desk.page", "叫号台", "bell", "/console/desk"))
        if counter_booking_views.ROLE in person.roles:
            places.append(("console_bookings.page", "窗口代约", "calendar", "/console/bookings"))
    if plan_views.ROLE in person.roles:
        places.append(("console_plan.page", "开窗计划", "calendar", "/console/plan"))
        places.append(("console_roster.page", "排班", "users", "/console/roster"))
        places.append(("console_ground.page", "大厅设置", "settings", "/console/ground"))
    if person.roles & RATING_ROLES:
        places.append(("console_ratings.page", "评价整改", "alert-circle", "/console/ratings"))
    if "supervisor" in person.roles:
        places.append(("console_deputies.page", "请假代理", "users", "/console/deputies"))
        places.append(("console_supervision.page", "监督", "chart-bar", "/console/supervision"))
    if person.roles & {data_views.ROLE, data_views.TOLD}:
        places.append(("console_data.page", "个人信息请求", "file-text", "/console/data-requests"))
    if "cashier" in person.roles:
        places.append(("console_fees.page", "收费", "coin", "/console/fees"))
    if person.roles & {"system_admin", "security_admin"}:
        places.append(("console_admin.page", "管理", "settings", "/console/admin"))
    if person.roles & {"audit_admin", "security_admin"}:
        places.append(("console_admin.record", "管理记录", "history", "/console/admin/record"))
    places.append(("console_recusal.page", "回避登记", "users", "/console/relations"))
    return places


@bp.app_context_processor
def _nav() -> dict[str, Any]:
    """The side list of the frame, for whoever of the staff is logged in."""
    places, waiting = _places(), {}
    if any(name == "console_supervision.page" for name, *_ in places):
        actor = current_actor()
        waiting["console_supervision.page"] = unseen_count(actor, [one.code for one in answers_for(actor)])
    nav = [
        {
            "href": url_for(name),
            "label": label,
            "icon": icon,
            "current": request.path.startswith(path),
            "count": waiting.get(name),
        }
        for name, label, icon, path in places
    ]
    return {"nav": nav}


@bp.get("/")
def home() -> ResponseReturnValue:
    """The door itself leads to one's main work: who plans or takes fees has nothing to do with cases."""
    places = _places()
    return redirect(url_for(places[0][0] if places else "console_lists.cases"), 303)


@bp.get("/cases")
@bp.get("/cases/mine", endpoint="mine")
@bp.get("/cases/all", endpoint="all")
@case_staff
def cases() -> ResponseReturnValue:
    """One of the three lists. A poll (htmx) gets the moving part alone, and 204 while nothing changed."""
    actor = current_actor()
    tab = {"console_lists.mine": "mine", "console_lists.all": "all"}.get(request.endpoint or "", "desk")
    chosen = {"state": request.args.get("state", ""), "item": request.args.get("item", "")}
    filters = _filters(chosen)
    chosen = {field["name"]: field["value"] for field in filters}
    found = _found(actor, tab, chosen)
    rows = render.rows_of(found.cases, actor)
    figures = desk_figures(actor.office or "", actor.id) if actor.id else DeskFigures(0, 0, 0, 0, 0)
    after = place_to_text(found.after)
    mark = _mark(rows, figures, after)
    polled = request.headers.get("HX-Request") == "true"
    if polled and request.headers.get("If-None-Match") == mark:
        return Response(status=204, headers={"ETag": mark})
    # Only what is known to us goes into addresses again.
    here: dict[str, Any] = {name: value for name, value in chosen.items() if value}
    at: dict[str, Any] = {"after": request.args["after"]} if place_from_text(request.args.get("after", "")) else {}
    page = render_template(
        "console/_desk.html" if polled else "console/cases.html",
        polled=polled,
        mark=mark,
        here=url_for(request.endpoint or "", **here, **at),
        rows=rows,
        figures=_figures(figures),
        pager={
            "prev": url_for(request.endpoint or "", **here) if at else None,
            "next": url_for(request.endpoint or "", **here, after=after) if after else None,
            "text": "",
        },
        tabs=[{"href": url_for(_endpoint(code)), "label": label, "current": code == tab} for code, label in TABS],
        filters=filters,
        filter_url=url_for(request.endpoint or ""),
        soon_words="明天" if (lead := parameters.number("escalation_lead_days")) == 1 else f"{lead} 天内",
        soon=[] if polled else [_soon(due, case) for due, case in soon_of(actor)],
        form_token=lambda: new_token(12),
        empty=EMPTY[tab] if not here and not at else "没有符合条件的办件，换个条件再看看。",
    )
    answer = make_response(page)
    answer.headers["ETag"] = mark
    return answer


def _soon(escalation: Escalation, case: Case) -> dict[str, Any]:
    item = parts().catalogue.item(case.item, case.item_version)
    href = url_for("console_cases.show", case_id=case.id)
    return {"href": href, "number": case.number, "item": item.name, "due": escalation.due}


@bp.post("/cases/soon")
@case_staff
def seen_soon() -> ResponseReturnValue:
    """Note that one saw what runs out tomorrow."""
    take_note_of_soon(current_actor())
    commit()
    return redirect(url_for("console_lists.cases"), 303)


def _endpoint(tab: str) -> str:
    return {"mine": "console_lists.mine", "all": "console_lists.all"}.get(tab, "console_lists.cases")


def _found(actor: Actor, tab: str, chosen: dict[str, str]) -> Page:
    place = place_from_text(request.args.get("after", ""))
    office, item, state = actor.office or "", chosen["item"] or None, chosen["state"] or None
    if tab == "all":
        return of_office(office, item=item, state=state, after=place)
    return desk(office, item=item, state=state, held_by=actor.id if tab == "mine" else None, after=place)


def _filters(chosen: dict[str, str]) -> list[dict[str, Any]]:
    """The filters of the list; a value that is none of theirs counts as none."""
    items = [(item.code, item.name, "") for item in parts().catalogue.items()]
    codes = dict.fromkeys(state.code for item in parts().catalogue.every() for state in item.states)
    states = [(code, state_word(code).text, "") for code in codes]
    return [_filter("state", "状态", states, chosen), _filter("item", "事项", items, chosen)]


def _filter(name: str, label: str, choices: list[tuple[str, str, str]], chosen: dict[str, str]) -> dict[str, Any]:
    known = {value for value, _, _ in choices}
    value = chosen[name] if chosen[name] in known else ""
    return {"name": name, "label": label, "value": value, "choices": [("", "全部", ""), *choices]}


def _figures(found: DeskFigures) -> list[dict[str, Any]]:
    late = "请先办这些" if found.late else "没有超期的，好"
    return [
        {"label": "本所待办", "value": _number(found.waiting)},
        {"label": "已超期", "value": _number(found.late), "tone": "bad" if found.late else "ok", "note": late},
        {"label": "今天到期", "value": _number(found.due_today)},
        {"label": "还没人领取", "value": _number(found.free)},
        {"label": "我办理中", "value": _number(found.mine)},
    ]


def _number(value: int) -> str:
    return f"{MOST_COUNTED - 1}+" if value >= MOST_COUNTED else str(value)


def _mark(rows: list[dict[str, Any]], figures: DeskFigures, after: str | None) -> str:
    """An ETag of what the moving part shows."""
    content = json.dumps([rows, vars(figures), after], default=str, ensure_ascii=False)
    return f'"{hashlib.sha256(content.encode()).hexdigest()[:24]}"'
