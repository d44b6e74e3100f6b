"""Households: registered in one go by one of them, and the invitation that each other adult answers for themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from flask import url_for

from citizen_services import clock
from citizen_services.api import household_schemas as forms
from citizen_services.api.callers import the_citizen
from citizen_services.api.draft_views import API, hindered
from citizen_services.api.once import do, once_of
from citizen_services.api.operation import blueprint, operation
from citizen_services.api.problems import invalid
from citizen_services.cases import households, standing
from citizen_services.cases.errors import NoSuchCase
from citizen_services.cases.household_models import Household
from citizen_services.cases.households import Seen
from citizen_services.cases.once import note
from citizen_services.cases.standing import Standing
from citizen_services.database.idempotency import Once
from citizen_services.filling import households as registering
from citizen_services.filling.pages import Filled, filled_of
from citizen_services.filling.place import Place
from citizen_services.filling.sending import hindrances
from citizen_services.parts import parts
from citizen_services.rules.errors import RuleError
from citizen_services.rules.identity import parse_identity
from citizen_services.rules.masking import mask_name
from citizen_services.rules.names import normalise_name

bp = blueprint("households", "/households", "同户登记")

ME = ("citizen",)


def _place_for(by: Standing) -> Place:
    """How the caller fills in for somebody of the household."""
    return API if by.kind == "self" else replace(API, actor=lambda: by.actor, reuses=by.kind != "agent")


def _whole(household: Household) -> dict[str, Any]:
    members = [_member(household, one) for one in households.members_of(household.id)]
    return {"id": household.id, "item": household.item, "members": members}


def _member(household: Household, one: Seen) -> dict[str, Any]:
    case = one.case
    return {
        "relation": one.member.relation,
        "name": mask_name(one.member.name),
        "state": one.state,
        "number": case.number if case is not None else None,
        "case_id": case.id if case is not None and _may_see(household, one) else None,
        "trouble": one.member.trouble if one.state == "trouble" else None,
        "until": one.member.until_day if one.state == "invited" else None,
    }


def _may_see(household: Household, one: Seen) -> bool:
    """Whether the case is the head's to see: their own, or of somebody in whose name they may act."""
    if one.case is None or one.case.citizen_id == household.head_id:
        return one.case is not None
    try:
        by = standing.of(the_citizen(), one.case.citizen_id)
    except NoSuchCase:
        return False
    return by.covers(one.case.item, one.case.ended_at)


# --- Registering --------------------------------------------------------------------------------------------------


@bp.post("")
@operation(
    bp, "同户登记", forms.HouseholdSchema, status=201, body=forms.RegisterSchema, once=True, who=ME, problems=(404, 409)
)
def register(body: Mapping[str, Any]) -> Any:
    """Register everybody who lives there by one's own draft: one case each, and one person's trouble holds nobody.

    An adult who is named is only invited; they confirm in their own account.
    """
    once = once_of(body)
    done = once.answer()
    if done is None:
        filled = filled_of(API, the_citizen(), body["draft"])
        others = _others(filled, body)
        done = do(body, lambda once: {"household": str(registering.begin(filled, others, once))})
    household = households.of_head(the_citizen().id, UUID(done["household"]))
    registering.go_on(household, the_citizen(), registering.by_standing(_place_for))
    address = url_for("api_households.household", household_id=household.id)
    return _whole(household), 201, {"Location": address}


def _others(filled: Filled, body: Mapping[str, Any]) -> Sequence[households.Named]:
    """Who is to be registered besides the caller; a Problem with everything that is wrong."""
    if filled.item.household is None:
        raise NoSuchCase("这个事项不能和家人一起办。")
    wrong = [one for one in hindrances(filled, body["version"], ()) if one.what != "unticked"]
    if wrong:
        raise hindered(wrong)
    rows, errors = [], {}
    for at, row in enumerate(body["others"]):
        try:
            number = parse_identity(row["id_number"], clock.today()).number
            rows.append((row["relation"], normalise_name(row["name"]), number))
        except RuleError as fault:
            errors[str(at)] = fault.sentence
    if errors:
        raise invalid({"others": errors})
    try:
        others = registering.named(the_citizen(), filled.item, body["members"], rows)
    except registering.Unfit as fault:
        raise invalid({"others": {str(at): text for at, text in fault.errors.items()}}) from None
    if not others:
        raise invalid({"others": "请至少选择或填写一位家人。"})
    if not body["commitment"]:
        raise invalid({"commitment": "请确认名单里的人都住在这里。"})
    if not body["guardian"] and any(one.citizen_id is None and not one.invited for one in others):
        raise invalid({"guardian": "登记未满16周岁的孩子，须您以监护人身份同意。"})
    return others


@bp.get("/<uuid:household_id>")
@operation(bp, "一次同户登记", forms.HouseholdSchema, who=ME, problems=(404,))
def household(household_id: UUID) -> dict[str, Any]:
    """What became of each of them; the numbers of cases that are theirs alone stand without an id."""
    return _whole(households.of_head(the_citizen().id, household_id))


@bp.post("/<uuid:household_id>/again")
@operation(bp, "再办没有办成的", forms.HouseholdSchema, body=forms.AgainSchema, once=True, who=ME, problems=(404, 409))
def again(household_id: UUID, body: Mapping[str, Any]) -> dict[str, Any]:
    """Go on with whoever is not registered yet."""
    found = households.of_head(the_citizen().id, household_id)

    def act(once: Once) -> Any:
        for one in households.members_of(found.id):
            if one.state == "trouble" and one.member.until_day is None:
                households.try_again(one.member)
        return note(once, {"again": True})

    do(body, act)
    registering.go_on(found, the_citizen(), registering.by_standing(_place_for))
    return _whole(found)


# --- Invitations --------------------------------------------------------------------------------------------------


@bp.get("/invitations")
@operation(bp, "请本人确认的同户登记", forms.InvitationsPage, who=ME)
def invitations() -> dict[str, Any]:
    """What others ask the caller to confirm; nothing is registered before."""
    items: list[dict[str, Any]] = []
    for one in households.invitations(the_citizen()):
        _, found = households.invitation(the_citizen(), one.id)
        item = parts().catalogue.item(found.item)
        head = next(other.member for other in households.members_of(found.id) if other.member.place == 0)
        data = households.answers_for(item, found, one.relation)
        about: dict[str, Any] = {"item": found.item, "by": mask_name(head.name), "relation": one.relation}
        items.append(about | {"id": one.id, "address": found.address, "data": data, "until": one.until_day})
    return {"items": items, "next": None}


@bp.post("/invitations/<uuid:member_id>")
@operation(bp, "答复同户登记", forms.AnsweredSchema, body=forms.AnswerSchema, once=True, who=ME, problems=(404, 409))
def answer(member_id: UUID, body: Mapping[str, Any]) -> dict[str, Any]:
    """Confirm and be registered, or turn it down: for oneself alone."""
    citizen = the_citizen()
    if body["confirm"] and not body["commitment"]:
        raise invalid({"commitment": "请确认承诺后再提交。"})

    def act(once: Once) -> Any:
        if body["confirm"]:
            seen, _ = households.invitation(citizen, member_id)
            if seen.member.state == "invited":
                households.confirm(citizen, member_id)
            elif seen.state == "trouble":
                households.try_again(seen.member)
        else:
            households.decline(citizen, member_id)
        return note(once, {"confirm": body["confirm"]})

    do(body, act)
    if not body["confirm"]:
        return {"state": "declined", "case_id": None, "trouble": None}
    seen, found = households.invitation(citizen, member_id)
    if seen.case is None:
        registering.one(
            found, parts().catalogue.item(found.item), member_id, citizen, registering.by_standing(_place_for)
        )
        seen, _ = households.invitation(citizen, member_id)
    case_id = seen.case.id if seen.case is not None else None
    return {"state": seen.state, "case_id": case_id, "trouble": seen.member.trouble if case_id is None else None}
