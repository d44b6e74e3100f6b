"""The national platform: applications handed over to it, and its answers entered in the cases.

The row to be sent is added in the transaction of the fact, and a case's rows go in the order of its facts. An answer is
kept first, newest by its number, then entered by ``perform`` under the actor ``platform``: what the case can't take yet
(its fee is not paid, somebody else is writing) is tried again. Answers come by push; whoever heard nothing asks.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, text, update

from citizen_services import clock
from citizen_services.cases.errors import CaseError, MovedOn
from citizen_services.cases.handing_over import ACTOR
from citizen_services.cases.models import Case
from citizen_services.cases.operations import perform
from citizen_services.catalogue.vocabulary import Step
from citizen_services.database import Change, commit, db, new_id
from citizen_services.database.base import rollback
from citizen_services.exchange.clients import platform
from citizen_services.exchange.outcomes import OutsideError
from citizen_services.exchange.platform import MOST_ASKED, PlatformAnswer
from citizen_services.parts import parts
from citizen_services.people.actors import Actor
from citizen_services.people.models import Citizen
from notifications import rows
from notifications.errors import NotRequeueable
from notifications.models import Delivery
from notifications.platform_models import LOOKED_AT, PlatformApplication

log = logging.getLogger(__name__)

CHANNEL = "platform"
#: What an answer means to the case.
ACTIONS: Mapping[str, str] = {"accepted": "approve", "refused": "refuse", "on_site": "require_presence"}
#: How often the platform is asked about an application of which nothing was heard.
ASK_EVERY = timedelta(minutes=30)
#: After a case could not take something: doubling from the first to the last.
_AGAIN_FIRST_S, _AGAIN_LAST_S = 60.0, 3600.0
#: After so many, half an hour and more, staff see that a case does not take an answer.
_LOOKS_IN_VAIN = 5
#: What an answer is called.
WORDS: Mapping[str, str] = {"accepted": "同意", "refused": "不同意", "on_site": "转现场办理"}
#: How often an act is decided anew when somebody else was faster on the same case.
_DECISIONS = 6


# --- handing over ----------------------------------------------------------------------------------------------------


def hand_over(case_id: UUID, *, application: Mapping[str, Any], change: Change) -> None:
    """An application is to be handed over: one a case."""
    payload = {"what": "application", "application": dict(application)}
    rows.add_delivery(change, CHANNEL, about=case_id, person=case_id, payload=payload)
    change.add(
        PlatformApplication,
        id=new_id(),
        case_id=case_id,
        our_ref=None,
        serial_number=None,
        handed_at=change.at,
        taken_at=None,
        answer=None,
        answer_number=0,
        reason=None,
        officer_name=None,
        officer_number=None,
        answered_at=None,
        accept_entered=False,
        entered_number=0,
        look_at=None,
        refusals=0,
    )


def take_back(case_id: UUID, *, change: Change) -> None:
    """Nobody wants the application any more: it is taken back behind the hand-over, where nobody answered it yet."""
    handed = select(PlatformApplication.id).where(PlatformApplication.case_id == case_id)
    unanswered = handed.where(PlatformApplication.answer.is_(None))
    if db.session.execute(unanswered).first() is not None:
        payload = {"what": "withdrawal", "case_id": str(case_id)}
        rows.add_delivery(change, CHANNEL, about=case_id, person=case_id, payload=payload)


def anew(case_id: UUID | None, before: Mapping[str, Any]) -> dict[str, Any]:
    """An application that the platform rejected, with its person as we know them now; what was filled in stays.

    Raises NotRequeueable where there is no such case, or it has ended.
    """
    case = db.session.get(Case, case_id, populate_existing=True)
    if case is None or case.ended_at is not None or before["what"] != "application":
        raise NotRequeueable
    citizen = db.session.get_one(Citizen, case.citizen_id, populate_existing=True)
    person = {"id_number": citizen.id_number, "name": citizen.name, "phone": citizen.phone}
    return {**before, "application": {**before["application"], **person}}


def ref_of(case_id: UUID) -> str | None:
    """Our reference of the application that the platform took of a case; None where it has none."""
    query = select(PlatformApplication.our_ref).where(PlatformApplication.case_id == case_id)
    ref = db.session.execute(query).scalar_one_or_none()
    return None if ref is None else str(ref)


def taken(delivery_id: UUID, case_id: UUID, serial_number: str) -> None:
    """The platform took an application: its serial number is kept, and the case is told that it is accepted."""
    application = _lock(case_id)
    if application is None:
        return
    _note_taken(application, delivery_id, serial_number)
    enter(application)


def _note_taken(application: PlatformApplication, delivery_id: UUID, serial_number: str) -> None:
    if application.serial_number is None:
        application.our_ref, application.serial_number = delivery_id, serial_number
        application.taken_at = clock.now()
        application.look_at = clock.protocol_now() + ASK_EVERY
        db.session.flush()


def _lock(case_id: UUID) -> PlatformApplication | None:
    query = select(PlatformApplication).where(PlatformApplication.case_id == case_id)
    return db.session.scalars(query.with_for_update().execution_options(populate_existing=True)).one_or_none()


# --- answers ---------------------------------------------------------------------------------------------------------


def record(case_id: UUID, delivery_id: UUID, told: PlatformAnswer) -> bool:
    """Keep an answer where it is newer than what is known, and tell the case. In the caller's transaction.

    False where the case has no application, or it went under another reference.
    """
    application = _lock(case_id)
    if application is None or application.our_ref not in (None, delivery_id):
        return False
    # The answer may be here before the answer to the hand-over is.
    _note_taken(application, delivery_id, told.serial_number)
    if told.answer is not None and told.number > application.answer_number:
        said_before = told.answer == application.answer and application.entered_number == application.answer_number
        application.answer, application.answer_number = told.answer, told.number
        if said_before:
            # The same once more: the case knows.
            application.entered_number = told.number
        application.reason, application.answered_at = told.reason, told.at
        application.officer_name, application.officer_number = told.officer_name, told.officer_number
        application.refusals = 0
        db.session.flush()
    enter(application)
    return True


def enter(application: PlatformApplication) -> None:
    """Bring the case of a locked application up to what the platform said; what it can't take is left for later."""
    known = _enter_accepted(application) and _enter_answer(application)
    if known:
        application.refusals = 0
        # An application turned to the counter is answered once more.
        waits = application.answer in (None, "on_site")
        application.look_at = clock.protocol_now() + ASK_EVERY if waits and _is_open(application.case_id) else None
    else:
        wait = min(_AGAIN_FIRST_S * 2.0**application.refusals, _AGAIN_LAST_S)
        application.refusals += 1
        application.look_at = clock.protocol_now() + timedelta(seconds=wait)
    db.session.flush()


def _enter_accepted(application: PlatformApplication) -> bool:
    if not application.accept_entered:
        application.accept_entered = _act(application, "accept")
    return application.accept_entered


def _enter_answer(application: PlatformApplication) -> bool:
    if application.answer is not None and application.entered_number < application.answer_number:
        if not _act(application, ACTIONS[application.answer]):
            return False
        application.entered_number = application.answer_number
    return True


def _is_open(case_id: UUID) -> bool:
    return db.session.execute(select(Case.ended_at).where(Case.id == case_id)).scalar_one_or_none() is None


def _act(application: PlatformApplication, action: str) -> bool:
    """Take the platform's step within a savepoint; False where the case can't take it now."""
    given = {
        "serial_number": application.serial_number,
        "officer_name": application.officer_name or "",
        "officer_number": application.officer_number or "",
        "reason": application.reason or "",
        "answered_at": application.answered_at.isoformat() if application.answered_at else "",
    }
    for decision in range(_DECISIONS):
        case = db.session.get(Case, application.case_id, populate_existing=True)
        if case is None:
            return False
        item = parts().catalogue.item(case.item, case.item_version)
        ways = [step for step in item.steps if step.action == action]
        if case.ended_at is not None or _is_there(case.state, ways) or not ways:
            # Nothing is left to be told: it has ended, stands there already, or knows no such turn.
            return True
        try:
            with db.session.begin_nested():
                perform(parts().catalogue, application.case_id, action, Actor.system(ACTOR), None, given)
            return True
        except MovedOn:
            time.sleep(random.uniform(0.005, 0.02) * 2**decision)
        except CaseError as refusal:
            log.info("case %s does not take %s now: %s", application.case_id, action, type(refusal).__name__)
            return False
    return False


def _is_there(state: str, ways: Sequence[Step]) -> bool:
    """Whether the case stands where the step leads, and no way leads on by it from there."""
    return any(step.end == state for step in ways) and not any(step.start == state for step in ways)


def unentered(*, within: ColumnElement[bool], limit: int = 50) -> Sequence[PlatformApplication]:
    """Answers that their cases have not taken in some looks, oldest first: somebody is to see what hinders them."""
    query = (
        select(PlatformApplication)
        .join(Case, Case.id == PlatformApplication.case_id)
        .where(text(LOOKED_AT), PlatformApplication.refusals >= _LOOKS_IN_VAIN, within)
        .where(PlatformApplication.entered_number < PlatformApplication.answer_number)
    )
    return db.session.scalars(query.order_by(PlatformApplication.id).limit(limit)).all()


# --- rounds ----------------------------------------------------------------------------------------------------------


def look() -> int:
    """Ask the platform about applications that are due, and enter what their cases could not take; how many.

    Commits for itself.
    """
    due = db.session.execute(
        select(PlatformApplication.case_id, PlatformApplication.our_ref)
        .where(text(LOOKED_AT), PlatformApplication.look_at <= func.now())
        .order_by(PlatformApplication.look_at, PlatformApplication.id)
        .limit(MOST_ASKED)
    ).all()
    commit()
    if not due:
        return 0
    by_ref = {str(row.our_ref): row.case_id for row in due}
    told = _ask(list(by_ref))
    for ref, case_id in by_ref.items():
        _look_at_one(case_id, UUID(ref), told.get(ref))
    return len(due)


def _ask(refs: Sequence[str]) -> Mapping[str, PlatformAnswer]:
    """What was answered, by our reference; nothing where the platform is away, so that all are asked about again."""
    try:
        return {answer.our_ref: answer for answer in platform().answers(refs)}
    except OutsideError as away:
        log.warning("%s", away)
        return {}


def _look_at_one(case_id: UUID, ref: UUID, told: PlatformAnswer | None) -> None:
    try:
        if told is not None:
            record(case_id, ref, told)
        else:
            application = _lock(case_id)
            if application is not None:
                enter(application)
        commit()
    except Exception as fault:
        # Whatever is wrong with this one, those behind it are not to wait for it for ever.
        rollback()
        log.error("the application of case %s could not be followed up: %s", case_id, type(fault).__name__)
        again = clock.protocol_now() + ASK_EVERY
        db.session.execute(
            update(PlatformApplication).where(PlatformApplication.case_id == case_id).values(look_at=again)
        )
        commit()


def case_of_ref(ref: str) -> UUID | None:
    """The case of which an application went to the platform under a reference of ours."""
    try:
        delivery_id = UUID(ref)
    except ValueError:
        return None
    query = select(Delivery.about).where(Delivery.id == delivery_id, Delivery.channel == CHANNEL)
    return db.session.execute(query).scalar_one_or_none()
