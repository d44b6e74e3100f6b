"""The guide of a service item, the pre-check before anything is filled in, and the beginning of an application."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, abort, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from citizen_services.cases import drafts, eligibility
from citizen_services.cases.errors import AlreadyOpen, NotEligible
from citizen_services.cases.models import Case
from citizen_services.cases.once import do_once, note
from citizen_services.cases.queries import cases_of, own_case
from citizen_services.catalogue.vocabulary import ServiceItem
from citizen_services.database.idempotency import Once
from citizen_services.parts import parts
from citizen_services.people.models import Citizen
from citizen_services.portal import registers, render
from citizen_services.portal.guards import citizen_actor, citizen_required, current_citizen, in_wechat, the_citizen
from citizen_services.portal.home_views import draft_card, tell_refusals
from citizen_services.portal.schemas import Posted
from citizen_services.security import new_token

bp = Blueprint("portal_items", __name__, url_prefix="/h5/items")
tell_refusals(bp)


@bp.get("/<code>")
def guide(code: str) -> ResponseReturnValue:
    """The guide, for everybody; with the pre-check's results for whoever is known."""
    item = parts().catalogue.item(code)
    citizen = current_citizen()
    if citizen is None:
        return _page(item, None, None)
    answers = registers.ask(citizen, item.suppliers())
    return _page(item, citizen, eligibility.judge(item, eligibility.facts_of(citizen, answers)))


@bp.post("/<code>")
@citizen_required
def start(code: str) -> ResponseReturnValue:
    """Begin an application, or go on with the one begun earlier."""
    item = parts().catalogue.item(code)
    citizen = the_citizen()
    posted = Posted.read()

    def begin(once: Once) -> Any:
        if _running(citizen, item) is not None:
            raise AlreadyOpen
        answers = registers.ask(citizen, item.suppliers())
        judged = eligibility.judge(item, eligibility.facts_of(citizen, answers))
        failed = [one for one in judged if not one.verdict.met and one.verdict.certain]
        if failed:
            raise NotEligible([(one.check, one.verdict) for one in failed])
        ids = registers.ids_of(answers)
        earlier = _earlier(citizen, item, posted)
        if earlier is not None and registers.ADDRESS.key in earlier.answers:
            ids[registers.ADDRESS.key] = earlier.answers[registers.ADDRESS.key]
        draft = drafts.begin(item, citizen.id, _door(), ids, earlier)
        newer = {
            key: found for key, found in registers.ids_of(answers).items() if _is_better(draft.answers, answers, key)
        }
        if newer:
            drafts.refresh_answers(draft, {**draft.answers, **newer})
        return note(once, {"draft": str(draft.id)})

    try:
        answer = do_once(posted.once(citizen_actor()), begin)
    except NotEligible:
        answers = registers.ask(citizen, item.suppliers())
        page = _page(item, citizen, eligibility.judge(item, eligibility.facts_of(citizen, answers)))
        return page, 422
    return redirect(url_for("portal_drafts.show", draft_id=answer["draft"]), 303)


def _earlier(citizen: Citizen, item: ServiceItem, posted: Posted) -> Case | None:
    """The person's ended case of this item whose answers are to be filled in again; 404 for anybody else's."""
    given = posted.form.get("earlier", "")
    if not given:
        return None
    try:
        case = own_case(citizen.id, UUID(given))
    except ValueError:
        abort(400)
    if case.item != item.code or case.ended_at is None:
        abort(400)
    return case


def _is_better(have: Any, answers: registers.Answers, key: str) -> bool:
    """Whether a draft begun earlier should rest on the answer found now: it had none, or one that knew nothing."""
    if key not in have:
        return True
    if str(have[key]) == str(answers[key]["id"]) or answers[key]["outcome"] != "found":
        return False
    old = registers.kept({key: have[key]}).get(key)
    return old is None or old["outcome"] != "found"


def _door() -> str:
    return "wechat" if in_wechat() else "web"


def _page(item: ServiceItem, citizen: Citizen | None, judged: Any) -> str:
    failed = [one for one in judged or () if not one.verdict.met and one.verdict.certain]
    draft = drafts.open_draft(citizen.id, item.code) if citizen else None
    return render_template(
        "h5/item.html",
        item=item,
        citizen=citizen,
        conditions=render.conditions_of(item, judged),
        judged=judged is not None,
        failed=[one.verdict for one in failed],
        from_day=max((one.verdict.from_day for one in failed if one.verdict.from_day), default=None),
        all_by_time=all(one.verdict.from_day for one in failed),
        materials=render.materials_of(item),
        steps=render.steps_of(item),
        periods=render.periods_of(item),
        visits=render.visits_of(item),
        purposes=render.purposes_of(item),
        draft=draft_card(draft) if draft else None,
        running=_running(citizen, item) if citizen else None,
        form_token=new_token(16),
        back="/h5/",
        live=True,
    )


def _running(citizen: Citizen, item: ServiceItem) -> Case | None:
    """The person's open case of the item."""
    return next((c for c in cases_of(citizen.id) if c.item == item.code and c.ended_at is None), None)
