"""The front page, and what every citizen's page does with an act that was not done."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from citizen_services.cases import corrections, eligibility, households
from citizen_services.cases.errors import (
    AlreadyOpen,
    CaseError,
    InvalidInput,
    NoSuchCase,
    NotAllowed,
    NotEligible,
)
from citizen_services.cases.models import Case, Correction, Draft
from citizen_services.cases.queries import cases_of
from citizen_services.catalogue import UnknownItem
from citizen_services.database.base import rollback
from citizen_services.database.idempotency import KeyReused
from citizen_services.filling.own_requests import open_drafts
from citizen_services.pages import render_error
from citizen_services.parts import parts
from citizen_services.people.models import Citizen
from citizen_services.people.queries import NoSuchOffice
from citizen_services.portal import render
from citizen_services.portal.correction_pages import until_words
from citizen_services.portal.guards import citizen_required, current_citizen, in_wechat, next_path
from citizen_services.rules.dates import chinese_date, chinese_moment

bp = Blueprint("portal_home", __name__, url_prefix="/h5")

#: How many ended cases the front page still shows.
_ENDED_SHOWN = 3


@bp.get("/")
def front() -> ResponseReturnValue:
    """Greeting, what is under way, what can be applied for."""
    citizen = current_citizen()
    catalogue = parts().catalogue
    cases = list(cases_of(citizen.id)) if citizen else []
    running = open_cards(cases)
    return render_template(
        "h5/home.html",
        citizen=citizen,
        in_wechat=in_wechat(),
        origin=parts().settings.public_base_url,
        drafts=draft_cards(citizen) if citizen else [],
        cases=running,
        invited=households.invitations(citizen) if citizen else (),
        turn=[card for card in running if card["until"]],
        ended=[case_card(case) for case in cases if case.ended_at is not None][:_ENDED_SHOWN],
        items=[
            {
                "title": item.name,
                "text": item.guide.summary,
                "meta": render.promise_of(item),
                "icon": render.icon_of(item),
                "href": url_for("portal_items.guide", code=item.code),
            }
            for item in catalogue.items()
        ],
        at_counter=[
            {
                "title": service.name,
                "text": service.summary,
                "meta": f"跑 1 次 · 约 {service.minutes} 分钟",
                "icon": "building",
                "href": url_for("portal_items.guide", code=service.code),
            }
            for service in catalogue.counter_services()
        ],
        live=True,
    )


@bp.get("/enter")
@citizen_required
def enter() -> ResponseReturnValue:
    """The way in for a link: whoever isn't known yet logs in and binds, then everybody goes on to ``next``."""
    return redirect(next_path(request.args.get("next")), 303)


def draft_cards(citizen: Citizen) -> list[dict[str, Any]]:
    """What the person began and did not send, as a list shows it."""
    return [draft_card(draft) for draft in open_drafts(citizen)]


def draft_card(draft: Draft) -> dict[str, Any]:
    """A draft in a list: that it is not sent yet can't be missed."""
    return {
        "title": parts().catalogue.item(draft.item).name,
        "text": f"还没有提交，{chinese_moment(draft.saved_at)}保存",
        "href": url_for("portal_drafts.show", draft_id=draft.id),
        "icon": "pencil",
        "badge": {"state": "draft"},
    }


def household_cards(citizen: Citizen) -> list[dict[str, Any]]:
    """The households that the person began, each leading to what became of everybody."""
    return [
        {
            "title": parts().catalogue.item(one.item).name,
            "text": f"{chinese_moment(one.at)}和家人一起办的",
            "icon": "users",
            "href": url_for("portal_households.show", household_id=one.id),
        }
        for one in households.begun_by(citizen.id)
    ]


def open_cards(cases: Sequence[Case]) -> list[dict[str, Any]]:
    """What is under way; what waits for the person comes first, the nearest date on top."""
    asked = {case.id: corrections.open_correction(case.id) for case in cases if case.state == "correcting"}
    dues = {id_: correction.due.timestamp() for id_, correction in asked.items() if correction is not None}
    running = sorted((c for c in cases if c.ended_at is None), key=lambda case: dues.get(case.id, math.inf))
    return [case_card(case, asked.get(case.id)) for case in running]


def case_card(case: Case, correction: Correction | None = None) -> dict[str, Any]:
    """A case in a list; with the date by which its person has to answer a request."""
    item = parts().catalogue.item(case.item, case.item_version)
    until = until_words(correction) if correction is not None else ""
    return {
        "title": item.name,
        "text": f"编号 {case.number}",
        "meta": f"最晚 {until}补正" if until else item.state(case.state).waits_for,
        "until": until,
        "href": url_for("portal_cases.show", case_id=case.id),
        "icon": render.icon_of(item),
        "badge": {"state": case.state},
    }


# --- Acts that were not done ------------------------------------------------------------------------------------------


def _status(fault: CaseError) -> int:
    if isinstance(fault, NoSuchCase):
        return 404
    if isinstance(fault, NotAllowed):
        return 403
    if isinstance(fault, InvalidInput | NotEligible):
        return 422
    return 409


def not_done(fault: CaseError) -> ResponseReturnValue:
    """The page for an act that was not done: its sentence, and where to go on."""
    rollback()
    if isinstance(fault, NotEligible):
        return _not_eligible(fault)
    advice = "请打开“我的办件”看最新进度，再决定下一步。您保存过的内容都在。"
    if isinstance(fault, AlreadyOpen):
        return render_error(409, title="已有一件正在办理", text=fault.sentence, advice=advice, back="/h5/cases")
    return render_error(_status(fault), text=fault.sentence, advice=advice, back="/h5/cases")


def _not_eligible(fault: NotEligible) -> ResponseReturnValue:
    refusal = eligibility.refusal_of([verdict for _, verdict in fault.verdicts])
    advice = "".join(verdict.todo for verdict in refusal.verdicts)
    day = f"{chinese_date(refusal.from_day)}起可以申请。" if refusal.from_day else ""
    text = "".join(verdict.why for verdict in refusal.verdicts)
    return render_error(422, title=refusal.heading, text=text, advice=f"{day}{advice}")


def _unknown_item(fault: UnknownItem) -> ResponseReturnValue:
    rollback()
    return render_error(404, text=fault.sentence)


def _key_reused(fault: KeyReused) -> ResponseReturnValue:
    rollback()
    return render_error(422, text=fault.sentence)


def _no_office(_: NoSuchOffice) -> ResponseReturnValue:
    rollback()
    text = "系统里还没有负责这个地址的派出所，这次没有提交成功。您保存过的内容都在。"
    return render_error(409, text=text, advice="请拨打服务热线，由工作人员核对地址后再提交。")


def tell_refusals(blueprint: Blueprint) -> None:
    """Have a blueprint answer what was not done with a page that says why and what to do."""
    blueprint.register_error_handler(CaseError, not_done)
    blueprint.register_error_handler(UnknownItem, _unknown_item)
    blueprint.register_error_handler(KeyReused, _key_reused)
    blueprint.register_error_handler(NoSuchOffice, _no_office)


tell_refusals(bp)
