"""Doing what a form asks for once, for every door: a repetition gets the first answer, and a race is won by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy.exc import IntegrityError

from citizen_services import clock
from citizen_services.cases.errors import CaseError
from citizen_services.database import Change, commit, violated_constraint
from citizen_services.database.base import rollback
from citizen_services.database.idempotency import CONSTRAINT, Once


def do_once(once: Once, act: Callable[[Once], Any], *, asked: bool = False) -> Any:
    """Do the act and commit, or give the answer that the first sending of the same form was given.

    ``act`` adds the idempotency row (``note``, or an operation's ``once=``) and returns the answer. Of two sendings at
    the same moment one is done; the other waits for it, is undone, and finds its answer. ``asked``: the caller has just
    found that there is no answer yet.
    """
    found = None if asked else once.answer()
    if found is not None:
        return found
    try:
        answer = act(once)
        commit()
    except (CaseError, IntegrityError) as fault:
        rollback()
        if isinstance(fault, IntegrityError) and violated_constraint(fault) != CONSTRAINT:
            raise
        found = once.answer()
        if found is None:
            raise
        return found
    return answer


def note(once: Once, answer: Any) -> Any:
    """Write the idempotency row of an act that has no change of its own; returns the answer."""
    change = Change(clock.now())
    once.remember(change, answer)
    change.write()
    return answer
