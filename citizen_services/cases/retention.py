"""Removing what is kept no longer than rules/retention.py says: drafts, and register answers on which nothing rests.

What an open duty still needs is never removed: an open case, a correction, a running draft, a message under way. Case
files and documents are archives, whose years the bureau's administrators set: disposal.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from sqlalchemy import delete, select, update

from citizen_services import clock
from citizen_services.cases.disposal import remove_case_files
from citizen_services.cases.household_models import HouseholdMember
from citizen_services.cases.models import Case, Draft
from citizen_services.database import db
from citizen_services.exchange.models import RegisterAnswer
from citizen_services.rules.retention import period

BATCH = 200


def forget_drafts() -> Iterator[int]:
    """Remove drafts that were sent or thrown away long ago, and open ones that nobody touched for half a year."""
    now = clock.now()
    over = (Draft.ended_at < now - period("ended_drafts")) | (
        Draft.ended_at.is_(None) & (Draft.saved_at < now - period("drafts"))
    )
    # Photos that stand in it are swept by their own hook, once the draft is gone.
    ids = select(Draft.id).where(over).order_by(Draft.saved_at, Draft.id).limit(BATCH).with_for_update(skip_locked=True)
    while found := db.session.scalars(ids).all():
        # Of whoever sent it by themselves the draft alone says which case it became: their household goes on knowing.
        db.session.execute(
            update(HouseholdMember)
            .where(
                HouseholdMember.draft_id.in_(found),
                HouseholdMember.draft_id == Draft.id,
                HouseholdMember.case_id.is_(None),
                Draft.case_id.is_not(None),
            )
            .values(case_id=Draft.case_id)
            .execution_options(synchronize_session=False)
        )
        db.session.execute(delete(Draft).where(Draft.id.in_(found)).execution_options(synchronize_session=False))
        yield len(found)


def forget_answers() -> Iterator[int]:
    """Remove old register answers on which neither a case nor a draft of their person rests."""
    old = RegisterAnswer.at < clock.now() - period("answers")
    after = UUID(int=0)
    while people := _people_with_old_answers(after):
        removed = 0
        for citizen_id in people:
            needed = _rested_on(citizen_id)
            ids = select(RegisterAnswer.id).where(RegisterAnswer.citizen_id == citizen_id, old)
            over = [id_ for id_ in db.session.scalars(ids) if str(id_) not in needed]
            if over:
                gone = delete(RegisterAnswer).where(RegisterAnswer.id.in_(over))
                db.session.execute(gone.execution_options(synchronize_session=False))
            removed += len(over)
        after = people[-1]
        yield removed


def _people_with_old_answers(after: UUID) -> list[UUID]:
    old = RegisterAnswer.at < clock.now() - period("answers")
    query = select(RegisterAnswer.citizen_id).where(RegisterAnswer.citizen_id > after, old).distinct()
    return list(db.session.scalars(query.order_by(RegisterAnswer.citizen_id).limit(BATCH)))


def _rested_on(citizen_id: UUID) -> set[str]:
    """The ids of the register answers on which the person's cases and drafts rest."""
    held = [
        *db.session.scalars(select(Case.answers).where(Case.citizen_id == citizen_id)),
        *db.session.scalars(select(Draft.answers).where(Draft.citizen_id == citizen_id)),
    ]
    return {id_ for answers in held for id_ in answers.values()}


#: Drafts and case files before the answers on which they rest, so that both go in one run.
FORGETTING = (forget_drafts, remove_case_files, forget_answers)


def forget_what_is_over() -> Iterator[int]:
    """Remove everything whose time is over, some hundred rows at a time; the caller commits after each."""
    for forget in FORGETTING:
        yield from forget()
