"""Which cases somebody of the staff may open, and the record of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, cast
from uuid import UUID

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from citizen_services import clock
from citizen_services.cases.errors import NoSuchCase
from citizen_services.cases.models import Case
from citizen_services.cases.permission import held_by_another
from citizen_services.cases.queries import case_for_staff, concerns_office
from citizen_services.console.guards import current_actor, staff_required
from citizen_services.database import Change, commit
from citizen_services.database.idempotency import KeyReused
from citizen_services.pages import render_error
from citizen_services.parts import parts
from citizen_services.people import looks
from citizen_services.people.actors import Actor
from citizen_services.people.queries import citizen

_P = ParamSpec("_P")

#: Sees cases without a step of their own.
_SEEING = frozenset({"supervisor"})


class ReasonWanted(Exception):
    """There is no such case at this office: whoever needs it all the same says why first."""


class OwnMatter(Exception):
    """The case is the officer's own: it is followed as a citizen, not from behind the counter."""


def case_roles() -> frozenset[str]:
    """The roles that have to do with cases: those that any declared step names, and who supervises."""
    named = (step.by.roles for item in parts().catalogue.items() for step in item.steps if step.by.kind == "staff")
    return frozenset().union(*named) | _SEEING


def role_of(actor: Actor) -> str:
    """The role in which somebody sees cases, for the record."""
    return min(actor.roles & case_roles(), default=min(actor.roles, default=""))


def case_staff(view: Callable[_P, ResponseReturnValue]) -> Callable[_P, ResponseReturnValue]:
    """Let only staff into a view whose roles have to do with cases; 403 with a word to all others."""

    @wraps(view)
    @staff_required()
    def guarded(*args: _P.args, **kwargs: _P.kwargs) -> ResponseReturnValue:
        if not current_actor().roles & case_roles():
            return render_template("console/no_cases.html"), 403
        return view(*args, **kwargs)

    return cast(Callable[_P, ResponseReturnValue], guarded)


def visible_case(actor: Actor, case_id: UUID) -> Case:
    """A case that the actor may see now: their office's, or one for which they gave a reason a moment ago.

    Raises ReasonWanted for every other id, whether there is such a case or not, and OwnMatter.
    """
    try:
        case = case_for_staff(actor, case_id)
    except NoSuchCase:
        raise ReasonWanted from None
    _refuse_own(actor, case)
    if concerns_office(case, actor.office or ""):
        return case
    if looks.reasons_for_opening(actor, case.citizen_id, case.id, clock.now()) - {looks.HANDLING}:
        return case
    raise ReasonWanted


def _refuse_own(actor: Actor, case: Case) -> None:
    applicant = citizen(case.citizen_id)
    if actor.id_lookup is not None and applicant is not None and applicant.id_lookup == actor.id_lookup:
        raise OwnMatter


def holds(actor: Actor, case: Case) -> bool:
    """Whether the actor holds the case now."""
    return case.claimed_by == actor.id and case.claimed_until is not None and case.claimed_until > clock.protocol_now()


def held_by_colleague(actor: Actor, case: Case) -> bool:
    """Whether somebody else holds the case now."""
    return held_by_another(case.claimed_by, case.claimed_until, actor, clock.protocol_now())


def record_opening(actor: Actor, case: Case) -> None:
    """Record that the actor opens a case; commits.

    Once in a quarter of an hour for whoever holds it, or gave a reason for it; each time for everybody else.
    """
    change = Change(clock.now())
    given = looks.reasons_for_opening(actor, case.citizen_id, case.id, change.at)
    if given - {looks.HANDLING} or (given and holds(actor, case)):
        return
    looks.note(change, actor, case.citizen_id, "opened", looks.HANDLING, role=role_of(actor), case_id=case.id)
    change.write()
    commit()


def record_reason(actor: Actor, case: Case, reason: str, change: Change) -> None:
    """Add to a change that the actor opens a case of another office, and why; raises OwnMatter."""
    _refuse_own(actor, case)
    looks.note(change, actor, case.citizen_id, "opened", reason, role=role_of(actor), case_id=case.id)


def _no_such_case(fault: NoSuchCase) -> ResponseReturnValue:
    return render_error(404)


def _own_matter(fault: OwnMatter) -> ResponseReturnValue:
    return render_error(
        403,
        title="这是您本人的办件",
        text="本人的办件不能在工作台上查看和办理，须由其他同事办理。",
        advice="请在微信公众号“我的办件”里查看进度。",
    )


def _key_reused(fault: KeyReused) -> ResponseReturnValue:
    return render_error(422, text=fault.sentence)


def tell_refusals(blueprint: Blueprint) -> None:
    """Have a blueprint answer what can't be seen or done with a page that says why."""
    blueprint.register_error_handler(NoSuchCase, _no_such_case)
    blueprint.register_error_handler(OwnMatter, _own_matter)
    blueprint.register_error_handler(KeyReused, _key_reused)
