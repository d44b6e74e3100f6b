"""Which cases somebody of the staff may see, by whichever door, and the record of it."""

from __future__ import annotations

from uuid import UUID

from citizen_services import clock
from citizen_services.cases import recusal
from citizen_services.cases.errors import NoSuchCase
from citizen_services.cases.models import Case
from citizen_services.cases.permission import held_by_another
from citizen_services.cases.queries import case_for_staff, concerns_office
from citizen_services.database import Change
from citizen_services.parts import parts
from citizen_services.people import looks
from citizen_services.people.actors import Actor
from citizen_services.people.look_limits import count_look
from citizen_services.people.queries import citizen

#: Sees cases without a step of their own.
_SEEING = frozenset({"supervisor"})


class ReasonWanted(Exception):
    """There is no such case at this office: whoever needs it all the same says why first."""


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
    """A case that the actor may see now: their office's, or one for which they gave a reason a moment ago.

    Raises ReasonWanted for every other id, whether there is such a case or not, and OwnMatter.
    """
    try:
        case = case_for_staff(actor, case_id)
    except NoSuchCase:
        raise ReasonWanted from None
    refuse_own(actor, case)
    if concerns_office(case, actor.office or ""):
        return case
    if looks.reasons_for_opening(actor, case.citizen_id, case.id, clock.now()) - {looks.HANDLING}:
        return case
    raise ReasonWanted


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
    """Add to a change that the actor opens a case of another office, and why; raises OwnMatter, EnoughForToday."""
    refuse_own(actor, case)
    count_look("opened", actor.id)
    looks.note(change, actor, case.citizen_id, "opened", reason, role=role_of(actor), case_id=case.id)
