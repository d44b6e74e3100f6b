"""What the system does by itself when a day has come: each under its own name, so that the record says who acted."""

from __future__ import annotations

import logging

from citizen_services import clock
from citizen_services.cases import corrections, drafts
from citizen_services.cases.errors import CaseError
from citizen_services.cases.operations import perform
from citizen_services.database import commit
from citizen_services.database.base import rollback
from citizen_services.parts import parts
from citizen_services.people.actors import Actor

log = logging.getLogger(__name__)


def lapse_overdue() -> int:
    """Let corrections lapse whose date has passed, where a receipt or a call showed that the person knew.

    Returns how many.

    Where nobody knows whether the person was reached the case stands on the list of people to call. Each case is a
    transaction of its own: one that somebody is just acting on does not hold up the others.
    """
    lapsed = 0
    for correction in corrections.overdue(clock.now()):
        if correction.reached_at is None:
            continue
        try:
            perform(parts().catalogue, correction.case_id, "lapse", Actor.system("correction_due"), None)
            commit()
            lapsed += 1
        except CaseError as fault:
            rollback()
            log.info("correction of case %s did not lapse: %s", correction.case_id, type(fault).__name__)
    return lapsed


def remind_of_drafts() -> int:
    """Remind whoever began an application days ago and has not sent it: once a draft. Returns how many.

    Each draft is a transaction of its own. One that is saved at this moment is reminded of another day.
    """
    reminded = 0
    for draft in drafts.due_reminders(clock.now()):
        try:
            drafts.remind(parts().catalogue, draft)
            commit()
            reminded += 1
        except CaseError as fault:
            rollback()
            log.info("nobody was reminded of draft %s: %s", draft.id, type(fault).__name__)
    return reminded
