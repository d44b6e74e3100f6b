"""What becomes of a parcel, and what that means for its case and its person. All in the caller's transaction.

The course is computed from all events, since couriers revoke some. Each turn of it is a step of the case, told once; a
delivery that failed is told once an event, with what the person can do.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select

from citizen_services import clock
from citizen_services.cases.errors import CaseError, GuardFailed, MovedOn
from citizen_services.cases.models import Case
from citizen_services.cases.operations import perform
from citizen_services.catalogue.vocabulary import Notice as DeclaredNotice
from citizen_services.database import Change, db
from citizen_services.exchange.ems_codes import NOT_DELIVERED, standing
from citizen_services.parts import parts
from citizen_services.people.actors import Actor
from citizen_services.people.models import Citizen
from citizen_services.people.queries import service_centre
from citizen_services.rules.dates import chinese_moment
from notifications import rows, texts
from notifications.models import Notice, Parcel, ParcelEvent

log = logging.getLogger(__name__)

#: How often an act is decided anew when somebody else was faster on the same case.
_DECISIONS = 6
#: 退件登记: from here on the parcel is on its way back, until another delivery is tried.
_RETURN_REGISTERED = "708"
_TRIES = frozenset({"702", "704", "723", "747", "749"})
_BY_STATE = {
    "signed": "signed",
    "signed_by_other": "other",
    "refused": "refused",
    "returned": "returned",
    "lost": "lost",
    "cancelled": "cancelled",
}
#: What the case is told at each turn; a declaration has a step of that name wherever it can happen.
ACTIONS = {
    "moving": "parcel_moves",
    "refused": "parcel_refused",
    "back": "parcel_returning",
    "returned": "parcel_returned",
    "lost": "parcel_lost",
    "other": "parcel_signed_by_other",
    "signed": "complete",
}
#: Why a delivery failed, by what the person can do: another address; another time. Refusals and losses are turns of
#: the course; whatever else there is a clerk looks into.
WRONG_ADDRESS = frozenset({"1", "2", "3", "5", "11", "12"})
ABSENT = frozenset({"4", "6", "8", "9"})


def course(state: str, events: Sequence[ParcelEvent]) -> str:
    """The course that a parcel takes: ``moving, refused, back, returned, lost, other, signed, cancelled``.

    ``back``: on its way back without having been refused; ``other``: signed for by somebody else; ``cancelled``: nobody
    wanted it any more, and the courier never had it.
    """
    if state in _BY_STATE:
        return _BY_STATE[state]
    left = standing(events)
    returns = [at for at, event in enumerate(left) if event.op_code == _RETURN_REGISTERED]
    tries = [at for at, event in enumerate(left) if event.op_code in _TRIES]
    return "back" if returns and returns[-1] > max(tries, default=-1) else "moving"


def is_current(parcel: Parcel) -> bool:
    """Whether it is the case's last parcel: what is still heard of an earlier one moves nothing."""
    last = select(Parcel.id).where(Parcel.case_id == parcel.case_id, Parcel.direction == parcel.direction)
    return db.session.scalars(last.order_by(Parcel.id.desc()).limit(1)).one() == parcel.id


def follow(parcel: Parcel) -> None:
    """Bring the case of a locked parcel up to its course; where it can't go there yet, the sweep tries again."""
    if parcel.direction != "out" or parcel.told == parcel.course:
        return
    if is_current(parcel) and not _bring_up(parcel):
        return
    parcel.told = parcel.course
    if parcel.course == "signed":
        parcel.closed_at = clock.now()
    db.session.flush()


def _bring_up(parcel: Parcel) -> bool:
    case = db.session.get(Case, parcel.case_id, populate_existing=True)
    if case is None:
        return False
    if case.ended_at is not None:
        return True
    action = ACTIONS[parcel.course]
    item = parts().catalogue.item(case.item, case.item_version)
    known = {step.end for step in item.steps if step.action == action}
    if item.step(case.state, action) is None and case.state in known:
        # A clerk was faster than the courier's report: the parcel was seen, or its person asked.
        return True
    return act(parcel.case_id, action, "ems_receipt", {})


def act(case_id: UUID, action: str, because: str, data: Mapping[str, Any]) -> bool:
    """Take the system's step within a savepoint: a refusal undoes nothing else. Anew where somebody was faster."""
    for decision in range(_DECISIONS):
        try:
            with db.session.begin_nested():
                perform(parts().catalogue, case_id, action, Actor.system(because), None, dict(data))
            return True
        except MovedOn:
            time.sleep(random.uniform(0.005, 0.02) * 2**decision)
        except GuardFailed:
            # What the step would tell the case, the case knows.
            return True
        except CaseError as refusal:
            log.info("case %s does not take %s now: %s", case_id, action, type(refusal).__name__)
            return False
    return False


def tell_of_attempt(parcel: Parcel, events: Sequence[ParcelEvent]) -> None:
    """Tell the person of a delivery that failed and what they can do: once an event, and only of the last one."""
    declared, event = _failure(events)
    if declared is None or event is None or parcel.direction != "out" or not is_current(parcel):
        return
    told = select(Notice.id).where(Notice.kind == declared.code, Notice.about == event.id)
    case = db.session.get(Case, parcel.case_id, populate_existing=True)
    if case is None or case.ended_at is not None or db.session.scalars(told).first() is not None:
        return
    citizen = db.session.get_one(Citizen, case.citizen_id)
    change = Change(clock.now())
    values = {
        "number": case.number,
        "tracking": parcel.tracking or "",
        "at": chinese_moment(event.op_time),
        "phone": service_centre(case.district).phone,
    }
    rows.tell(change, declared, values, citizen, rows.About(case.id, event.id, f"/h5/cases/{case.id}"))
    change.write()


def _failure(events: Sequence[ParcelEvent]) -> tuple[DeclaredNotice | None, ParcelEvent | None]:
    left = standing(events)
    last = left[-1] if left else None
    if not isinstance(last, ParcelEvent) or last.op_code != NOT_DELIVERED:
        return None, None
    if last.attempt_code in WRONG_ADDRESS:
        return texts.PARCEL_ADDRESS, last
    if last.attempt_code in ABSENT:
        return texts.PARCEL_ABSENT, last
    return None, None
