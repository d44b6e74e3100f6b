"""和家人一起登记: one form for a household, what became of each, and the invitation in one's own account."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from citizen_services.cases import households, standing
from citizen_services.cases.errors import MovedOn, NoSuchCase
from citizen_services.cases.household_models import Household
from citizen_services.cases.households import RELATIONS, Seen
from citizen_services.cases.once import do_once, note
from citizen_services.database import commit
from citizen_services.database.base import rollback
from citizen_services.database.idempotency import Once
from citizen_services.filling import fields, registers
from citizen_services.filling import households as registering
from citizen_services.filling.household_rows import OTHERS, ROWS, STATES, rows_of
from citizen_services.filling.pages import CHECK, Filled
from citizen_services.filling.place import id_of
from citizen_services.filling.sending import hindrances
from citizen_services.parts import parts
from citizen_services.people import children
from citizen_services.people.errors import TooMany
from citizen_services.portal.acting import acted_draft, place_for
from citizen_services.portal.guards import citizen_actor, citizen_required, the_citizen
from citizen_services.portal.home_views import tell_refusals
from citizen_services.rules.dates import chinese_date
from citizen_services.rules.masking import mask_name
from citizen_services.security import new_token

bp = Blueprint("portal_households", __name__, url_prefix="/h5")
tell_refusals(bp)

_TRUE = "请勾选：下面的人都住在这里"
_CONSENT = "登记未满16周岁的孩子，须您以监护人身份同意"


def _head_draft(draft_id: UUID) -> Filled:
    """One's own draft of an item that households apply for; NoSuchCase for any other."""
    filled = acted_draft(draft_id)
    if filled.citizen.id != the_citizen().id or filled.item.household is None:
        raise NoSuchCase
    return filled


def _unready(filled: Filled) -> bool:
    """Whether the head's own answers are not complete yet: they come first."""
    return any(one.what != "unticked" for one in hindrances(filled, None, ()))


def _form_page(filled: Filled, status: int = 200, errors: Any = None, moved: str = "") -> ResponseReturnValue:
    chosen = request.form.getlist("member")
    page = render_template(
        "h5/household.html",
        item=filled.item,
        sections=_sections(filled),
        known=[
            (
                str(one.principal.id),
                mask_name(one.principal.name),
                "您是监护人" if one.kind == "guardian" else "委托您办理",
            )
            for one in registering.may_come_along(filled.citizen, filled.item)
        ],
        chosen=chosen,
        rows=range(1, ROWS + 1),
        relations=[(code, word, "") for code, word in OTHERS],
        child_words=children.WORDS,
        form=request.form,
        errors=errors or {},
        moved=moved,
        form_token=new_token(16),
        url=url_for("portal_households.register", draft_id=filled.draft.id),
        case_data={"id": filled.draft.id, "state": "draft", "version": filled.draft.version},
        back=filled.url(CHECK),
    )
    return page, status


def _sections(filled: Filled) -> list[dict[str, Any]]:
    address = registers.chosen_address(filled.draft)
    return [
        {
            "title": group.title,
            "rows": fields.answer_rows(group, filled.draft.data.get(group.code, {}), masked=False, address=address),
        }
        for group in filled.groups
    ]


@bp.get("/drafts/<uuid:draft_id>/household")
@citizen_required
def form(draft_id: UUID) -> ResponseReturnValue:
    """Who else lives there; the address and all else is what the person's own draft says."""
    filled = _head_draft(draft_id)
    if filled.draft.ended_at is not None or _unready(filled):
        return redirect(filled.url(), 303)
    return _form_page(filled)


@bp.post("/drafts/<uuid:draft_id>/household")
@citizen_required
def register(draft_id: UUID) -> ResponseReturnValue:
    """Register the household: kept once, then each member for themselves; sent again it leads to the same cases."""
    filled = _head_draft(draft_id)
    once = _once(("household_form", str(draft_id)))
    done = once.answer()
    if done is None:
        answer = _begin(filled, once)
        if not isinstance(answer, dict):
            return answer
        done = answer
    household = households.of_head(the_citizen().id, UUID(done["household"]))
    registering.go_on(household, the_citizen(), registering.by_standing(place_for))
    return redirect(url_for("portal_households.show", household_id=household.id), 303)


def _once(body: Any) -> Once:
    """This form as a write that is done once, with every value that it brings."""
    token = request.form.get("form_token", "")
    if not 8 <= len(token) <= 128:
        abort(400)
    sent = {name: request.form.getlist(name) for name in request.form if name not in ("csrf_token", "form_token")}
    return Once.of(citizen_actor().key, request.endpoint or "", token, {"of": body, "form": sent})


def _begin(filled: Filled, once: Once) -> dict[str, Any] | ResponseReturnValue:
    """Keep the household, or the page that says what is wrong with it."""
    given, item = request.form, filled.item
    if filled.draft.ended_at is not None or _unready(filled):
        return redirect(filled.url(), 303)
    if given.get("version", "") != str(filled.draft.version):
        return _form_page(filled, 409, moved="这份申请刚刚在别的页面改过，还没有提交。下面是最新内容，请再核对一遍。")
    rows, errors = rows_of(given)
    chosen = [id_ for text in given.getlist("member") if (id_ := id_of(text)) is not None]
    others = []
    try:
        others = registering.named(the_citizen(), item, chosen, [row for _, row in rows])
    except registering.Unfit as fault:
        errors |= {f"id_number_{rows[at][0]}" if rows else "member": [text] for at, text in fault.errors.items()}
    if not errors and not others:
        errors["member"] = ["请至少选择或填写一位家人；只登记本人的，请回到上一页直接提交。"]
    if given.get("commitment") != "yes":
        errors["commitment"] = [_TRUE]
    asks_register = any(one.citizen_id is None and not one.invited for one in others)
    if asks_register and given.get("consent_guardian") != "yes":
        errors["consent_guardian"] = [_CONSENT]
    if errors:
        return _form_page(filled, 422, errors)
    try:
        return dict(do_once(once, lambda once: {"household": str(registering.begin(filled, others, once))}))
    except TooMany as fault:
        rollback()
        return _form_page(filled, 429, {"member": [fault.sentence]})


# --- What became of each --------------------------------------------------------------------------------------------


@bp.get("/households/<uuid:household_id>")
@citizen_required
def show(household_id: UUID) -> ResponseReturnValue:
    """Each member with their case's number, or what hinders it."""
    return _result_page(households.of_head(the_citizen().id, household_id))


def _result_page(household: Household) -> ResponseReturnValue:
    seen = households.members_of(household.id)
    return render_template(
        "h5/household_done.html",
        household=household,
        item=parts().catalogue.item(household.item),
        members=[_row(household, one) for one in seen],
        stuck=any(one.state in ("trouble", "going") for one in seen),
        form_token=new_token(16),
        back="/h5/cases",
    )


def _row(household: Household, one: Seen) -> dict[str, Any]:
    member, own = one.member, one.member.citizen_id == household.head_id
    words, tone = STATES[one.state]
    to_open = registering.to_open(household, one, the_citizen())
    return {
        "title": f"{mask_name(member.name)}（{RELATIONS[member.relation]}）",
        "words": words,
        "tone": tone,
        "state": one.state,
        "number": one.case.number if one.case is not None else "",
        "url": _case_url(one, own),
        "trouble": member.trouble if one.state == "trouble" else "",
        "until": chinese_date(member.until_day) if one.state == "invited" and member.until_day else "",
        "open": url_for("portal_drafts.show", draft_id=to_open) if to_open is not None else "",
    }


def _case_url(one: Seen, own: bool) -> str:
    """Where the case is, for one's own and of those in whose name one may act; an adult's who confirmed is theirs."""
    if one.case is None:
        return ""
    if not own:
        try:
            by = standing.of(the_citizen(), one.case.citizen_id)
        except NoSuchCase:
            return ""
        if not by.covers(one.case.item, one.case.ended_at):
            return ""
    return url_for("portal_cases.show", case_id=one.case.id)


@bp.post("/households/<uuid:household_id>")
@citizen_required
def again(household_id: UUID) -> ResponseReturnValue:
    """Go on with whoever is not registered yet."""
    household = households.of_head(the_citizen().id, household_id)

    def act(once: Once) -> Any:
        for one in households.members_of(household.id):
            if one.state == "trouble" and one.member.until_day is None:
                households.try_again(one.member)
        return note(once, {"again": True})

    do_once(_once(("again", str(household_id))), act)
    registering.go_on(household, the_citizen(), registering.by_standing(place_for))
    return redirect(url_for("portal_households.show", household_id=household.id), 303)


# --- The invitation --------------------------------------------------------------------------------------------------


@bp.get("/households/invitations/<uuid:member_id>")
@citizen_required
def invitation(member_id: UUID) -> ResponseReturnValue:
    """What somebody asks the person to confirm: with whom, where, and that nothing is done without them."""
    return _invitation_page(member_id)


def _invitation_page(member_id: UUID, status: int = 200, errors: Any = None) -> ResponseReturnValue:
    seen, household = households.invitation(the_citizen(), member_id)
    if seen.case is not None:
        return redirect(url_for("portal_cases.show", case_id=seen.case.id), 303)
    item = parts().catalogue.item(household.item)
    head = next(one.member for one in households.members_of(household.id) if one.member.place == 0)
    data = households.answers_for(item, household, seen.member.relation)
    known = {"code": data.get("address", {}).get("address_code"), "text": household.address}
    to_open = registering.to_open(household, seen, the_citizen())
    page = render_template(
        "h5/household_invited.html",
        item=item,
        by=mask_name(head.name),
        relation=RELATIONS[seen.member.relation],
        trouble=seen.member.trouble if seen.state == "trouble" else "",
        to_open=url_for("portal_drafts.show", draft_id=to_open) if to_open is not None else "",
        sections=[
            {
                "title": group.title,
                "rows": fields.answer_rows(group, data.get(group.code, {}), masked=False, address=known),
            }
            for group in item.active_groups(data)
        ],
        until=chinese_date(seen.member.until_day) if seen.member.until_day else "",
        errors=errors or {},
        form_token=new_token(16),
        decline_token=new_token(16),
        url=url_for("portal_households.answer", member_id=member_id),
        waits=seen.state == "invited",
        back="/h5/",
    )
    return page, status


@bp.post("/households/invitations/<uuid:member_id>")
@citizen_required
def answer(member_id: UUID) -> ResponseReturnValue:
    """Confirm and register oneself, or turn it down."""
    citizen = the_citizen()
    seen, household = households.invitation(citizen, member_id)
    if seen.case is not None:
        return redirect(url_for("portal_cases.show", case_id=seen.case.id), 303)
    if request.form.get("action") == "decline":
        _taken(lambda: households.decline(citizen, member_id))
        flash("已回复不同意，没有替您登记任何内容。", "ok")
        return redirect("/h5/", 303)
    if request.form.get("commitment") != "yes":
        return _invitation_page(member_id, 422, {"commitment": ["请勾选承诺后再提交"]})
    if seen.member.state == "invited":
        _taken(lambda: households.confirm(citizen, member_id))
    elif seen.state == "trouble":
        try:
            households.try_again(seen.member)
            commit()
        except MovedOn:
            rollback()
    item = parts().catalogue.item(household.item)
    registering.one(household, item, member_id, citizen, registering.by_standing(place_for))
    return _after(member_id)


def _taken(act: Any) -> None:
    try:
        act()
        commit()
    except NoSuchCase:
        rollback()
        raise


def _after(member_id: UUID) -> ResponseReturnValue:
    seen, _ = households.invitation(the_citizen(), member_id)
    if seen.case is not None:
        return redirect(url_for("portal_cases.show", case_id=seen.case.id, sent=1), 303)
    return redirect(url_for("portal_households.invitation", member_id=member_id), 303)
