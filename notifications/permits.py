"""The years of residence permits: their people hear when one may be endorsed, when few days are left, when it ran out.

And, once, when a fact has ended it.

A look costs what there is to tell: permits of which nobody is to hear today are not read (ix_residence_permit_remind).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Select, select, text, update
from sqlalchemy.exc import DBAPIError

from citizen_services import clock
from citizen_services.cases.models import Case
from citizen_services.catalogue.vocabulary import Notice
from citizen_services.database import Change, commit, db
from citizen_services.database.base import rollback
from citizen_services.people.models import Citizen
from citizen_services.registers.models import WHY_ENDED, ResidencePermit
from citizen_services.registers.operations import window_opens
from citizen_services.rules.dates import chinese_full_day
from notifications import rows, texts

log = logging.getLogger(__name__)

ENDORSEMENT = "residence-permit-endorse"
#: How long before the year ends its person is reminded again; ours.
_LAST_DAYS = timedelta(days=7)
#: Permits of one look; the next look goes on behind them.
BATCH = 500


def remind_of_years() -> int:
    """Tell whoever is to hear today of their permit's year, each in a transaction of its own; how many were told."""
    told = sum(_done(permit_id) for permit_id in due())
    # The look itself began a transaction.
    commit()
    return told


def due() -> list[UUID]:
    """The permits of which somebody is to hear, those that wait longest first."""
    return list(db.session.scalars(waiting()))


def waiting() -> Select[UUID]:
    """What a look asks: in the words of its index."""
    query = select(ResidencePermit.id).where(
        text("residence_permit.state = 'current'"), ResidencePermit.remind_on <= clock.today()
    )
    return query.order_by(ResidencePermit.remind_on, ResidencePermit.id).limit(BATCH)


def _done(permit_id: UUID) -> bool:
    try:
        told = _remind(permit_id)
        commit()
    except DBAPIError:
        # The database is away: the next one would fare no better.
        raise
    except Exception as fault:
        # Whatever is wrong with this one, those behind it are not to wait for it for ever.
        rollback()
        log.error("the reminder of permit %s failed: %s", permit_id, type(fault).__name__)
        return False
    return told


def _remind(permit_id: UUID) -> bool:
    """Tell of one permit what the day asks for, and note when to look again; False where there was nothing to tell."""
    permit = db.session.get(ResidencePermit, permit_id, with_for_update=True, populate_existing=True)
    if permit is None or permit.state != "current" or permit.remind_on is None or permit.remind_on > clock.today():
        return False
    declared, again = what_to_tell(permit.endorsed_until, clock.today())
    applies = declared is not None and _applies(permit.citizen_id)
    if applies:
        # What comes of it is not known yet: refused, lapsed or withdrawn, they are still to hear.
        again = clock.today() + timedelta(days=1)
    change = Change(clock.now())
    change.guard(update(ResidencePermit).where(ResidencePermit.id == permit.id).values(remind_on=again))
    if declared is None or applies:
        change.write()
        return False
    citizen = db.session.get_one(Citizen, permit.citizen_id)
    values = {"valid_until": chinese_full_day(permit.endorsed_until)}
    # Told once of each year.
    year = uuid5(permit.id, permit.endorsed_until.isoformat())
    rows.tell(change, declared, values, citizen, rows.About(None, year, f"/h5/items/{ENDORSEMENT}"), by_day=True)
    change.write()
    return True


def what_to_tell(endorsed_until: date, today: date) -> tuple[Notice | None, date | None]:
    """What a permit's person is to hear on a day, and when to look at it again."""
    opens, last_days = window_opens(endorsed_until), endorsed_until - _LAST_DAYS
    if today < opens:
        return None, opens
    if today > endorsed_until:
        return texts.PERMIT_SUSPENDED, None
    if today < last_days:
        return texts.PERMIT_WINDOW, last_days
    return texts.PERMIT_LAST_DAYS, endorsed_until + timedelta(days=1)


def tell_of_end(permit_id: UUID, *, permit: Mapping[str, Any], told: bool, change: Change) -> None:
    """A permit ended by a fact: its person is told why, unless a case of theirs tells; nobody where they died."""
    why = WHY_ENDED.get(permit["ended_reason"])
    if why is None or told:
        return
    citizen = db.session.get_one(Citizen, permit["citizen_id"])
    values = {"ended_on": chinese_full_day(permit["ended_on"]), "why_ended": why}
    rows.tell(change, texts.PERMIT_ENDED, values, citizen, rows.About(None, permit_id, "/h5/permit"), by_day=True)


def _applies(citizen_id: UUID) -> bool:
    """Whether somebody has applied for the endorsement already, and waits for it."""
    waiting = select(Case.id).where(Case.citizen_id == citizen_id, Case.item == ENDORSEMENT, Case.ended_at.is_(None))
    return db.session.execute(waiting.limit(1)).first() is not None
