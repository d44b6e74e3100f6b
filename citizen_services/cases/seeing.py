"""Which cases somebody of the staff may see, by whichever door, and the record of it."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import select

from citizen_services import clock
from citizen_services.cases import recusal
from citizen_services.cases.errors import NoSuchCase
from citizen_services.cases.models import Case, CaseEvent
from citizen_services.cases.permission import held_by_another
from citizen_services.cases.queries import case_for_staff, concerns_office
from citizen_services.database import Change, db
from citizen_services.parts import parts
from citizen_services.people import looks
from citizen_services.people.actors import Actor
from citizen_services.people.look_limits import count_look
from citizen_services.people.queries import citizen

#: Sees cases without a step of their own.
_SEEING = frozenset({"supervisor"})


#: Why somebody opens a case that they neither hold nor have in their queue, as its person reads it.
REASONS: Mapping[str, str] = {
    "applicant": "申请人到窗口、来电咨询或补充材料",
    "handover": "交接或协助同事办理",
    "supervision": "监督检查、案卷评查",
    "complaint": "处理投诉、差评或申诉",
    "law": "行政复议、诉讼或依法调取",
    "other": "其他工作需要",
}
#: A reason that says nothing without words of one's own, and how many of them.
OTHER, LEAST_WORDS = "other", 4
SAY_MORE = f"选“{REASONS[OTHER]}”的，请写明是什么，至少 {LEAST_WORDS} 个字。"


def reason_of(why: str, words: str) -> str:
    """A reason as it is recorded: one of REASONS, and the officer's own words after it. ValueError where they miss."""
    if why == OTHER and len(words) < LEAST_WORDS:
        raise ValueError(SAY_MORE)
    return f"{REASONS[why]}：{words}" if words else REASONS[why]


class ReasonWanted(Exception):
    """Whoever opens this case says why first; ``case`` is one that concerns their office, None for every other id."""

    def __init__(self, case: Case | None = None) -> None:
        super().__init__()
        self.case = case


class OwnMatter(Exception):
    """The case is the officer's own, a near relative's, or one that they keep away from; ``sentence`` says which.

    It is followed as a citizen, not from behind the counter.
    """

    def __init__(self, sentence: str = recusal.OWN) -> None:
        super().__init__(sentence)
        self.sentence = sentence


def case_roles() -> frozenset[str]:
    """The roles that have to do with cases: those that any declared step names, and who supervises."""
    named = (step.by.roles for item in parts().catalogue.every() for step in item.steps if step.by.kind == "staff")
    return frozenset().union(*named) | _SEEING


def role_of(actor: Actor) -> str:
    """The role in which somebody sees cases, for the record."""
    return min(actor.roles & case_roles(), default=min(actor.roles, default=""))


def visible_case(actor: Actor, case_id: UUID) -> Case:
    """A case that the actor may open now: in their hands, or one for which they gave a reason a moment ago.

    Raises ReasonWanted for every other id, whether there is such a case or not, and OwnMatter.
    """
    case = _known(actor, case_id)
    given = looks.reasons_for_opening(actor, case.citizen_id, case.id, clock.now()) - {looks.HANDLING}
    if given or in_hand(actor, case):
        return case
    raise ReasonWanted(case if concerns_office(case, actor.office or "") else None)


def office_case(actor: Actor, case_id: UUID) -> Case:
    """A case that concerns the actor's office, for what shows nothing of its person; or one that they may open.

    A step is judged by the engine, a list of the office by itself. Raises ReasonWanted, OwnMatter.
    """
    case = _known(actor, case_id)
    return case if concerns_office(case, actor.office or "") else visible_case(actor, case_id)


def _known(actor: Actor, case_id: UUID) -> Case:
    try:
        case = case_for_staff(actor, case_id)
    except NoSuchCase:
        raise ReasonWanted from None
    refuse_own(actor, case)
    return case


def in_hand(actor: Actor, case: Case) -> bool:
    """Whether the actor holds a case, has it in a queue that their role works, or took a step on it a moment ago."""
    return holds(actor, case) or _in_queue(actor, case) or _acted_just_now(actor, case)


def _in_queue(actor: Actor, case: Case) -> bool:
    if actor.office is None or case.desk_code != actor.office:
        return False
    steps = parts().catalogue.item(case.item, case.item_version).steps_from(case.state)
    return any(step.by.kind == "staff" and not step.automatic and actor.roles & step.by.roles for step in steps)


def _acted_just_now(actor: Actor, case: Case) -> bool:
    """What one's step led to is still one's own to see: for as long as a look covers further ones."""
    acted = select(CaseEvent.id).where(
        CaseEvent.case_id == case.id,
        CaseEvent.actor_kind == "staff",
        CaseEvent.actor_id == actor.id,
        CaseEvent.at > clock.now() - looks.COVERS,
    )
    return db.session.execute(acted.limit(1)).first() is not None


def refuse_own(actor: Actor, case: Case) -> None:
    """Raises OwnMatter where the case is the actor's own, a near relative's, or one in which they have a part."""
    applicant = citizen(case.citizen_id)
    why = recusal.why_apart(case.id, applicant.id_lookup, actor) if applicant is not None else None
    if why is not None:
        raise OwnMatter(why)


def holds(actor: Actor, case: Case) -> bool:
    """Whether the actor holds the case now."""
    return case.claimed_by == actor.id and case.claimed_until is not None and case.claimed_until > clock.protocol_now()


def held_by_colleague(actor: Actor, case: Case) -> bool:
    """Whether somebody else holds the case now."""
    return held_by_another(case.claimed_by, case.claimed_until, actor, clock.protocol_now())


def record_opening(actor: Actor, case: Case) -> None:
    """Record that the actor opens a case; the caller commits.

    Once in a quarter of an hour for whoever holds it, or gave a reason for it; each time for everybody else.
    """
    change = Change(clock.now())
    given = looks.reasons_for_opening(actor, case.citizen_id, case.id, change.at)
    if given - {looks.HANDLING} or (given and holds(actor, case)):
        return
    looks.note(change, actor, case.citizen_id, "opened", looks.HANDLING, role=role_of(actor), case_id=case.id)
    change.write()


def record_reason(actor: Actor, case: Case, reason: str, change: Change) -> None:
    """Add to a change that the actor opens a case that isn't in their hands, and why; counted against the day's number.

    Raises OwnMatter, EnoughForToday.
    """
    refuse_own(actor, case)
    count_look("opened", actor.id)
    looks.note(change, actor, case.citizen_id, "opened", reason, role=role_of(actor), case_id=case.id)


def record_listed(actor: Actor, case: Case, which: str) -> None:
    """Record that the actor opens a case from a list of their own work; the caller commits. It counts as no other does.

    ``which`` is the list in the words that the case's person reads.
    """
    change = Change(clock.now())
    looks.note(change, actor, case.citizen_id, "opened", which, role=role_of(actor), case_id=case.id)
    change.write()
