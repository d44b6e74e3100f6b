"""What the system does by itself when a day has come: each under its own name, so that the record says who acted.

Each act is a transaction of its own: one that somebody else is just doing, or that can't be done, holds up no other.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from sqlalchemy.exc import DBAPIError

from citizen_services import clock
from citizen_services.cases import charging, corrections, drafts, payments
from citizen_services.cases.errors import CaseError
from citizen_services.cases.operations import perform
from citizen_services.database import commit
from citizen_services.database.base import rollback
from citizen_services.exchange.outcomes import OutsideError
from citizen_services.fees import paying
from citizen_services.fees import queries as fees
from citizen_services.fees.errors import FeeError
from citizen_services.parts import parts
from citizen_services.people.actors import Actor

log = logging.getLogger(__name__)


def lapse_overdue() -> int:
    """Let corrections lapse whose date has passed, where a receipt or a call showed that the person knew.

    Returns how many.
    """
    system = Actor.system("correction_due")
    return sum(
        _done(f"the correction of case {case_id}", partial(perform, parts().catalogue, case_id, "lapse", system, None))
        for case_id in [correction.case_id for correction in corrections.overdue(clock.now())]
    )


def lapse_unpaid() -> int:
    """Let cases lapse whose fee was not paid by the order's last day. Returns how many.

    What stands at the payment partner is asked for and closed before: what was paid in time counts, and while the
    partner is away nothing lapses.
    """
    system = Actor.system("fee_unpaid")
    lapsed = 0
    for order in fees.overdue(clock.now()):
        case_id, standing = charging.case_of(order.duty), paying.open_payment(order.id)
        commit()
        if standing is not None:
            try:
                payments.settle(standing.id, close=True)
            except (OutsideError, FeeError, CaseError) as fault:
                rollback()
                log.info("order %s had to wait: %s", order.number, type(fault).__name__)
                continue
        if case_id is not None and fees.is_payable(order.id):
            lapsed += _done(
                f"order {order.number}", partial(perform, parts().catalogue, case_id, "lapse", system, None)
            )
    return lapsed


def remind_of_drafts() -> int:
    """Remind whoever began an application days ago and has not sent it: once a draft. Returns how many.

    One that is saved at this moment is reminded of another day.
    """
    return sum(
        _done(f"the reminder of draft {draft.id}", partial(drafts.remind, parts().catalogue, draft))
        for draft in drafts.due_reminders(clock.now())
    )


def _done(what: str, act: Callable[[], Any]) -> bool:
    """Do one act and commit it; False where it was not to be."""
    try:
        act()
        commit()
    except CaseError as fault:
        rollback()
        log.info("%s had to wait: %s", what, type(fault).__name__)
        return False
    except DBAPIError:
        # The database is away: the next one would fare no better.
        raise
    except Exception as fault:
        # Whatever is wrong with this one, those behind it are not to wait for it for ever.
        rollback()
        log.error("%s failed: %s", what, type(fault).__name__)
        return False
    return True
