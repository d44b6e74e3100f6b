"""A household at the counter: who came together is registered by one form and one key, a case for each.

Adults stand there and showed their cards to somebody of this office, or are asked in their own accounts; of a child
under sixteen the one who fills it in is the guardian, by the population register.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from citizen_services.cases import households, standing, visits
from citizen_services.cases.errors import NoSuchCase
from citizen_services.cases.household_models import Household
from citizen_services.cases.households import RELATIONS, Named, Seen
from citizen_services.cases.once import do_once, note
from citizen_services.catalogue.vocabulary import ServiceItem
from citizen_services.console.access import OwnMatter
from citizen_services.console.counter_place import (
    CHILD,
    COUNTER,
    DESKS,
    CardNotSeen,
    at_home,
    filled_here,
    person_here,
    refuse_own,
    tell_refusals_here,
)
from citizen_services.console.guards import current_actor, staff_required
from citizen_services.database.base import rollback
from citizen_services.database.idempotency import Once
from citizen_services.filling import households as registering
from citizen_services.filling.household_rows import OTHERS, ROWS, STATES, rows_of
from citizen_services.filling.households import Right
from citizen_services.filling.pages import CHECK, Filled
from citizen_services.filling.sending import hindrances
from citizen_services.parts import parts
from citizen_services.people import children
from citizen_services.people.errors import TooMany
from citizen_services.people.guardians import is_child, needs_guardian
from citizen_services.people.models import Citizen
from citizen_services.people.queries import citizen_by_id_number
from citizen_services.rules.dates import chinese_date
from citizen_services.rules.masking import mask_name
from citizen_services.rules.names import same_name
from citizen_services.security import new_token

bp = Blueprint("console_counter_households", __name__, url_prefix="/console/counter")
tell_refusals_here(bp)

_NOT_SHOWN = "还没有在本单位核对这个人的身份证。请先登记到场、核对身份证，再回来填；本人没有来的，勾选“没有来”。"
_BOXES = {**dict(COUNTER.boxes), "commitment": "请每位到场的成年人在承诺书上签名后再勾选"}
_OF_CHILDREN = "登记未满16周岁的孩子，请核对监护人身份证，由监护人同意并签名后再勾选"


def _head(draft_id: UUID) -> Filled:
    """The draft of an adult who is here, of an item that households apply for; NoSuchCase for any other."""
    filled = filled_here(draft_id)
    if filled.item.household is None or needs_guardian(filled.citizen.birth_date):
        raise NoSuchCase("这个事项不能按户登记，或者要由监护人填写。")
    return filled


def _unready(filled: Filled) -> bool:
    """Whether what all of them share is not complete yet: it comes first."""
    return filled.draft.ended_at is not None or any(one.what != "unticked" for one in hindrances(filled, None, ()))


def _shown(name: str, number: str) -> UUID:
    """An adult who stands here and showed the card; ValueError with what to do first."""
    actor, found = current_actor(), citizen_by_id_number(number)
    if found is None or not same_name(found.name, name):
        raise ValueError(_NOT_SHOWN)
    visit = visits.present(found.id, actor.office or "", home=at_home(actor))
    if visit is None or visit.card_seen_by is None:
        raise ValueError(_NOT_SHOWN)
    try:
        refuse_own(actor, found)
    except OwnMatter:
        raise ValueError("这是您本人或亲属的申请，须由其他同事办理。") from None
    return found.id


def _right(head: Citizen, item: ServiceItem, who: Citizen) -> Right:
    """Who is registered here: whoever showed the card, and the head's children; NoSuchCase for others."""
    if who.id == head.id:
        return Right(who, COUNTER, own=True)
    if needs_guardian(who.birth_date):
        if standing.of(head, who.id).kind != "guardian":
            raise NoSuchCase(registering.NOT_COVERED)
        return Right(who, CHILD, own=False)
    try:
        _shown(who.name, who.id_number)
    except ValueError as fault:
        raise NoSuchCase(str(fault)) from None
    return Right(who, COUNTER, own=False)


@bp.get("/drafts/<uuid:draft_id>/household")
@staff_required(*DESKS)
def form(draft_id: UUID) -> ResponseReturnValue:
    """Who came along; the address and all else is what the draft of the one who fills it in says."""
    filled = _head(draft_id)
    return redirect(filled.url(), 303) if _unready(filled) else _form_page(filled)


def _form_page(filled: Filled, status: int = 200, errors: Any = None, moved: str = "") -> ResponseReturnValue:
    page = render_template(
        "console/counter_household.html",
        item=filled.item,
        person=filled.citizen,
        rows=range(1, ROWS + 1),
        relations=[(code, word, "") for code, word in OTHERS],
        child_words=children.WORDS,
        form=request.form,
        errors=errors or {},
        moved=moved,
        form_token=new_token(16),
        url=url_for(".register", draft_id=filled.draft.id),
        case_data={"id": filled.draft.id, "state": "draft", "version": filled.draft.version},
        back=filled.url(CHECK),
        step="同来的家人",
    )
    return page, status


def _once(of: Any) -> Once:
    """This form as a write that is done once, with every value that it brings."""
    token = request.form.get("form_token", "")
    if not 8 <= len(token) <= 128:
        abort(400)
    sent = {name: request.form.getlist(name) for name in request.form if name not in ("csrf_token", "form_token")}
    return Once.of(current_actor().key, request.endpoint or "", token, {"of": of, "form": sent})


@bp.post("/drafts/<uuid:draft_id>/household")
@staff_required(*DESKS)
def register(draft_id: UUID) -> ResponseReturnValue:
    """Keep the household once, then register each for themselves; sent again it leads to the same cases."""
    filled = _head(draft_id)
    once = _once(str(draft_id))
    done = once.answer()
    if done is None:
        answer = _begin(filled, once)
        if not isinstance(answer, dict):
            return answer
        done = answer
    household = households.of_head(filled.citizen.id, UUID(done["household"]))
    registering.go_on(household, filled.citizen, _right)
    return redirect(url_for(".show", household_id=household.id), 303)


def _begin(filled: Filled, once: Once) -> dict[str, Any] | ResponseReturnValue:
    """Keep the household, or the page that says what is wrong with it."""
    given = request.form
    if _unready(filled):
        return redirect(filled.url(), 303)
    if given.get("version", "") != str(filled.draft.version):
        return _form_page(filled, 409, moved="这份申请刚刚在别的页面改过，还没有提交。下面是最新内容，请再核对一遍。")
    rows, errors = rows_of(given)
    away = {at for at, (number, _) in enumerate(rows) if given.get(f"away_{number}") == "yes"}
    others: list[Named] = []
    try:
        others = registering.named_here(filled.citizen, [row for _, row in rows], away, _shown)
    except registering.Unfit as fault:
        errors |= {f"id_number_{rows[at][0]}": [text] for at, text in fault.errors.items()}
    if not errors and not others:
        errors["name_1"] = ["请至少填写一位家人；只登记本人的，请回到上一页直接提交。"]
    errors |= {name: [sentence] for name, sentence in _BOXES.items() if given.get(name) != "yes"}
    if any(is_child(one.id_number) for one in others) and given.get("guardian_here") != "yes":
        errors["guardian_here"] = [_OF_CHILDREN]
    if errors:
        return _form_page(filled, 422, errors)
    try:
        return dict(do_once(once, lambda once: {"household": str(registering.begin(filled, others, once))}))
    except TooMany as fault:
        rollback()
        return _form_page(filled, 429, {"name_1": [fault.sentence]})


# --- What became of each --------------------------------------------------------------------------------------------


def _of_head_here(household_id: UUID) -> tuple[Household, Citizen]:
    """A household whose head is here, card shown; NoSuchCase where there is none such."""
    found = households.one(household_id)
    head, visit = person_here(current_actor(), found.head_id)
    if visit.card_seen_by is None:
        raise CardNotSeen(head.id)
    return found, head


@bp.get("/households/<uuid:household_id>")
@staff_required(*DESKS)
def show(household_id: UUID) -> ResponseReturnValue:
    """Each member with their case's number, or what hinders it."""
    household, head = _of_head_here(household_id)
    seen = households.members_of(household.id)
    return render_template(
        "console/counter_household_done.html",
        person=head,
        item=parts().catalogue.item(household.item),
        members=[_row(household, one) for one in seen],
        stuck=any(one.state in ("trouble", "going") for one in seen),
        form_token=new_token(16),
        url=url_for(".again", household_id=household.id),
        back=url_for("console_counter.person", citizen_id=head.id),
        step="登记结果",
    )


def _row(household: Household, one: Seen) -> dict[str, Any]:
    member = one.member
    words, tone = STATES[one.state]
    return {
        "title": f"{mask_name(member.name)}（{RELATIONS[member.relation]}）",
        "words": words,
        "tone": tone,
        "state": one.state,
        "number": one.case.number if one.case is not None else "",
        "trouble": member.trouble if one.state == "trouble" else "",
        "until": chinese_date(member.until_day) if one.state == "invited" and member.until_day else "",
    }


@bp.post("/households/<uuid:household_id>")
@staff_required(*DESKS)
def again(household_id: UUID) -> ResponseReturnValue:
    """Go on with whoever is not registered yet."""
    household, head = _of_head_here(household_id)

    def act(once: Once) -> Any:
        for one in households.members_of(household.id):
            if one.state == "trouble" and one.member.until_day is None:
                households.try_again(one.member)
        return note(once, {"again": True})

    do_once(_once(str(household_id)), act)
    registering.go_on(household, head, _right)
    return redirect(url_for(".show", household_id=household.id), 303)
