"""Deputies (请假代理): who stands in for a colleague of the same office, for set days, named by a supervisor.

A deputy has the absent one's roles there; never their standing, so what the law keeps for an officer stays with one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import select, update

from citizen_services import clock
from citizen_services.database import Change, db, new_id
from citizen_services.people.acting_models import Deputy
from citizen_services.people.actors import Actor
from citizen_services.people.errors import NoSuchDeputy
from citizen_services.people.models import Staff


def colleagues(offices: Collection[str]) -> Sequence[Staff]:
    """Who works at some offices, in the order of offices and logins."""
    query = select(Staff).where(Staff.office_code.in_(offices), Staff.active)
    return db.session.scalars(query.order_by(Staff.office_code, Staff.login)).all()


def name(
    change: Change,
    actor: Actor,
    offices: Collection[str],
    absent_id: UUID,
    deputy_id: UUID,
    from_day: date,
    until_day: date,
) -> None:
    """Add to a change that somebody of the offices stands in for a colleague; NoSuchDeputy where they can't."""
    there = {one.id: one.office_code for one in colleagues(offices)}
    absent_at = there.get(absent_id)
    if absent_at is None or there.get(deputy_id) != absent_at or deputy_id in (absent_id, actor.id):
        raise NoSuchDeputy
    change.add(
        Deputy,
        id=new_id(),
        office_code=absent_at,
        absent_id=absent_id,
        deputy_id=deputy_id,
        from_day=from_day,
        until_day=until_day,
        named_by=actor.id,
        named_at=change.at,
        ended_at=None,
        ended_by=None,
    )


def end(actor: Actor, offices: Collection[str], id: UUID) -> None:
    """End one of these offices from this moment. Raises NoSuchDeputy."""
    ended = db.session.execute(
        update(Deputy)
        .where(Deputy.id == id, Deputy.office_code.in_(offices), Deputy.ended_at.is_(None))
        .values(ended_at=clock.now(), ended_by=actor.id)
        .returning(Deputy.id)
        .execution_options(synchronize_session=False)
    )
    if ended.first() is None:
        raise NoSuchDeputy


def of_offices(offices: Collection[str]) -> Sequence[Deputy]:
    """Those of some offices that run or will begin, the nearest first."""
    query = select(Deputy).where(
        Deputy.office_code.in_(offices), Deputy.ended_at.is_(None), Deputy.until_day >= clock.today()
    )
    return db.session.scalars(query.order_by(Deputy.from_day, Deputy.id)).all()
