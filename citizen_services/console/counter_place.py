"""The counter as a door: whom a clerk may fill in for, and how the pages of an application are bound to the desk.

A clerk fills in for a person who is here: noted at this office within the last hours, and compared with the identity
card by somebody of the staff. The case is the person's; both identities are kept.
"""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from flask import Blueprint, flash, redirect, url_for
from flask.typing import ResponseReturnValue

from citizen_services import clock
from citizen_services.cases import drafts, eligibility, recusal, visits
from citizen_services.cases.errors import CaseError, NoSuchCase, NotEligible
from citizen_services.cases.models import Draft, Visit
from citizen_services.catalogue import UnknownItem
from citizen_services.console.access import OwnMatter, tell_refusals
from citizen_services.console.guards import current_actor
from citizen_services.database import Change, commit, db
from citizen_services.database.base import rollback
from citizen_services.filling.pages import Filled, filled_of
from citizen_services.filling.place import Place
from citizen_services.pages import render_error
from citizen_services.parts import parts
from citizen_services.people import looks
from citizen_services.people.actors import Actor
from citizen_services.people.guardians import needs_guardian
from citizen_services.people.models import Citizen
from citizen_services.people.queries import NoSuchOffice, citizen

#: What the record of looks says of who fills in for a person, and of who sees them at the desk.
FILLING = "在窗口为本人填写申请"
SERVING = "本人到窗口办事"
FILLING_AT_HOME = "上门为本人填写申请"
SERVING_AT_HOME = "上门为本人办事"
#: Who fills in for people: clerks for whoever comes, community officers for whoever can't come (社区代办).
DESKS = ("clerk", "community_officer")


def at_home(actor: Actor) -> bool:
    """Whether who fills in goes to the person, which is nobody's trip: a community officer who is no clerk."""
    return "clerk" not in actor.roles


def desk_role(actor: Actor) -> str:
    """The role in which somebody fills in for a person, for the record."""
    return "community_officer" if at_home(actor) else "clerk"


class NotHere(Exception):
    """The person is not at this office now, or there is no such person: they are noted first."""


class CardNotSeen(Exception):
    """Nobody compared the person with the identity card yet."""

    def __init__(self, citizen_id: UUID) -> None:
        super().__init__()
        self.citizen_id = citizen_id


def person_here(actor: Actor, citizen_id: UUID) -> tuple[Citizen, Visit]:
    """A person who is at the actor's office now; raises NotHere for everybody else, and OwnMatter."""
    person = citizen(citizen_id)
    visit = visits.present(citizen_id, actor.office or "", home=at_home(actor)) if person is not None else None
    if person is None or visit is None:
        raise NotHere
    refuse_own(actor, person)
    return person, visit


def refuse_own(actor: Actor, person: Citizen) -> None:
    """Raise OwnMatter where a member of the staff would serve themselves, a relative or somebody else of their own."""
    why = recusal.why_apart_from(person.id_lookup, actor)
    if why:
        raise OwnMatter(why)


def filled_here(draft_id: UUID) -> Filled:
    """The draft of a person who is here, card seen; who fills in is recorded once in a quarter of an hour."""
    actor = current_actor()
    draft = db.session.get(Draft, draft_id)
    if draft is None:
        raise NotHere
    person, visit = person_here(actor, draft.citizen_id)
    if visit.card_seen_by is None:
        raise CardNotSeen(person.id)
    record_at_desk(actor, person, FILLING_AT_HOME if at_home(actor) else FILLING)
    return filled_of(CHILD if needs_guardian(person.birth_date) else COUNTER, person, draft_id)


def record_at_desk(actor: Actor, person: Citizen, reason: str) -> None:
    """Record that somebody at a desk sees a person for this reason, once in a quarter of an hour, and commit."""
    now = clock.now()
    if any(
        look.staff_id == actor.id and look.reason == reason and look.at > now - looks.COVERS
        for look in looks.looks_at(person.id, limit=20)
    ):
        return
    change = Change(now)
    looks.note(change, actor, person.id, "opened", reason, role=desk_role(actor))
    change.write()
    commit()


COUNTER = Place(
    draft="console_counter_drafts.show",
    picture="console_counter_drafts.picture",
    uploads="console_counter_drafts.photos",
    photo="console_counter_drafts.photo",
    autosave="console_counter_drafts.autosave",
    templates="console/counter_",
    you="申请人",
    actor=current_actor,
    door=lambda: "community" if at_home(current_actor()) else "counter",
    guide=lambda person, item: url_for("console_counter.person", citizen_id=person.id),
    sent=lambda case_id: url_for("console_cases.show", case_id=case_id),
    case=lambda case_id: url_for("console_cases.show", case_id=case_id),
    later=lambda person: url_for("console_counter.person", citizen_id=person.id),
    more=lambda draft: {"person": _person(draft), "together": _together(draft)},
    boxes=(
        ("read_back", "请把上面的内容逐项读给申请人听，或请申请人看屏幕核对，再勾选"),
        ("commitment", "请申请人在承诺书上签名后再勾选"),
    ),
    noted={"read_back": "yes", "commitment_signed": "yes"},
)


#: Of a child under sixteen the guardian is there, shows their own card, and signs.
CHILD = replace(
    COUNTER,
    more=lambda draft: {"person": _person(draft), "child": True},
    boxes=(*COUNTER.boxes, ("guardian_here", "未满16周岁的，请核对监护人在场、身份证和监护关系后再勾选")),
    noted={**COUNTER.noted, "guardian_present": "yes"},
)


def _together(draft: Draft) -> str:
    """Where the household of who fills it in is registered too; nothing for items that are each one's own."""
    household = parts().catalogue.item(draft.item, draft.item_version).household
    return url_for("console_counter_households.form", draft_id=draft.id) if household is not None else ""


def _person(draft: Draft) -> Citizen | None:
    """Whose application it is, for the line on top of each page."""
    return citizen(draft.citizen_id)


# --- What was not done --------------------------------------------------------------------------------------------


def _not_here(fault: NotHere) -> ResponseReturnValue:
    rollback()
    here = "已经到申请人家里" if at_home(current_actor()) else "申请人到场"
    flash(f"请先登记{here}：扫办件二维码，或读取、录入身份证号码。", "warn")
    return redirect(url_for("console_counter.page"), 303)


def _card_not_seen(fault: CardNotSeen) -> ResponseReturnValue:
    rollback()
    flash("代填申请之前，请先当面核对申请人的身份证原件。", "warn")
    return redirect(url_for("console_counter.person", citizen_id=fault.citizen_id), 303)


def _not_done(fault: CaseError) -> ResponseReturnValue:
    rollback()
    back = url_for("console_counter.page")
    if isinstance(fault, NotEligible):
        refusal = eligibility.refusal_of([verdict for _, verdict in fault.verdicts])
        text = "".join(verdict.why for verdict in refusal.verdicts)
        advice = "".join(verdict.todo for verdict in refusal.verdicts)
        return render_error(422, title=f"申请人：{refusal.heading}", text=text, advice=advice, back=back)
    status = 404 if isinstance(fault, NoSuchCase) else 409
    return render_error(status, text=fault.sentence, advice="已经保存的内容都在，可以从申请人页面接着填。", back=back)


def _unknown_item(fault: UnknownItem) -> ResponseReturnValue:
    rollback()
    return render_error(404, text=fault.sentence)


def _no_office(fault: NoSuchOffice) -> ResponseReturnValue:
    rollback()
    return render_error(409, text="系统里还没有负责这个地址的派出所，这次没有提交成功。已经保存的内容都在。")


def tell_refusals_here(blueprint: Blueprint) -> None:
    """Have a blueprint of the counter answer what was not done where the clerk can go on from."""
    tell_refusals(blueprint)
    blueprint.register_error_handler(NotHere, _not_here)
    blueprint.register_error_handler(CardNotSeen, _card_not_seen)
    blueprint.register_error_handler(CaseError, _not_done)
    blueprint.register_error_handler(UnknownItem, _unknown_item)
    blueprint.register_error_handler(NoSuchOffice, _no_office)


def open_drafts(person: Citizen, codes: list[str]) -> dict[str, Draft]:
    """What the person began and did not send, by the item's code."""
    found = {code: drafts.open_draft(person.id, code) for code in codes}
    return {code: draft for code, draft in found.items() if draft is not None}
