"""Expiry reminders that people asked for: refreshed from the platform in batches, told by the ladder, once an expiry.

A look costs what there is to do: watches that are neither due for a question nor for a reminder are not read
(ix_watch_check_at, ix_watch_remind_on). What is told was asked about within a day: a licence that was renewed last week
is not reminded of.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID, uuid5

from sqlalchemy import Select, func, select, text, update
from sqlalchemy.exc import DBAPIError

from citizen_services import clock
from citizen_services.database import Change, commit, db
from citizen_services.database.base import rollback
from citizen_services.exchange.clients import platform
from citizen_services.exchange.outcomes import OutsideError
from citizen_services.exchange.platform import MOST_ASKED, Subject
from citizen_services.people.models import Citizen
from citizen_services.people.watches import WORDS
from citizen_services.registers.watch_models import TO_TELL, WATCHED, Watch
from citizen_services.rules.dates import chinese_full_day
from notifications import rows, texts

log = logging.getLogger(__name__)

#: How long before it runs out its person hears of it; ours. A licence may be renewed from 90 days before on, an
#: inspection made from three months before on (order 164 art 54).
LEAD: Mapping[str, timedelta] = {
    "licence": timedelta(days=60),
    "inspection": timedelta(days=30),
    "medical": timedelta(days=30),
}
#: How often the platform is asked about each, and how old its answer may be when somebody is told.
CHECK_EVERY = timedelta(days=7)
FRESH = timedelta(days=1)
#: After the platform was away.
ASK_AGAIN = timedelta(minutes=30)
#: Questions of one look, each about MOST_ASKED; and reminders of one look.
CALLS, BATCH = 20, 500


def refresh() -> int:
    """Ask the platform about whatever is due for it; how many were asked about. Commits for itself."""
    asked = 0
    for _ in range(CALLS):
        done = _refresh_some()
        asked += done
        if done < MOST_ASKED:
            break
    return asked


def to_check() -> Select[Watch]:
    """What a look asks for: in the words of its index."""
    query = select(Watch).where(text(f"watch.{WATCHED}"), Watch.check_at <= func.now())
    return query.order_by(Watch.check_at, Watch.id).limit(MOST_ASKED)


def _refresh_some() -> int:
    watches = db.session.scalars(to_check().execution_options(populate_existing=True)).all()
    numbers = _numbers([watch.citizen_id for watch in watches])
    subjects = [_subject(watch, numbers[watch.citizen_id]) for watch in watches]
    ids = [(watch.id, watch.kind) for watch in watches]
    # No call within a transaction.
    commit()
    if not ids:
        return 0
    try:
        told = platform().expiries(subjects)
    except OutsideError as away:
        log.warning("%s", away)
        again = clock.protocol_now() + ASK_AGAIN
        db.session.execute(update(Watch).where(Watch.id.in_([id_ for id_, _ in ids])).values(check_at=again))
        commit()
        return 0
    for (watch_id, kind), until in zip(ids, told, strict=True):
        _note(watch_id, kind, until)
    commit()
    return len(ids)


def _numbers(citizens: Sequence[UUID]) -> Mapping[UUID, str]:
    query = select(Citizen.id, Citizen.id_number).where(Citizen.id.in_(citizens))
    return {row.id: row.id_number for row in db.session.execute(query)}


def _subject(watch: Watch, id_number: str) -> Subject:
    if watch.kind == "inspection":
        return Subject("inspection", id_number, watch.plate_kind, watch.plate)
    return Subject("licence" if watch.kind == "licence" else "medical", id_number)


def _note(watch_id: UUID, kind: str, until: date | None) -> None:
    """What the platform said now, and on which day its person hears of it: not of an expiry of which they heard."""
    now = clock.protocol_now()
    watch = db.session.get(Watch, watch_id, with_for_update=True, populate_existing=True)
    if watch is None:
        return
    watch.until, watch.checked_at, watch.check_at = until, now, now + CHECK_EVERY
    watch.remind_on = None if until is None or until == watch.told_until else until - LEAD[kind]


def remind() -> int:
    """Tell whoever is to hear today, each in a transaction of its own; how many were told."""
    told = sum(_done(watch_id) for watch_id in db.session.scalars(to_tell()).all())
    # The look itself began a transaction.
    commit()
    return told


def to_tell() -> Select[UUID]:
    """What a look for reminders asks for: in the words of its index."""
    query = select(Watch.id).where(
        text(TO_TELL.replace("ended_at", "watch.ended_at")), Watch.remind_on <= clock.today()
    )
    return query.order_by(Watch.remind_on, Watch.id).limit(BATCH)


def _done(watch_id: UUID) -> bool:
    try:
        told = _remind(watch_id)
        commit()
    except DBAPIError:
        # The database is away: the next one would fare no better.
        raise
    except Exception as fault:
        # Whatever is wrong with this one, those behind it are not to wait for it for ever.
        rollback()
        log.error("the reminder of watch %s failed: %s", watch_id, type(fault).__name__)
        return False
    return told


def _remind(watch_id: UUID) -> bool:
    """Tell of one expiry and note that it was told; False where there is nothing to tell, or it must be asked first."""
    watch = db.session.get(Watch, watch_id, with_for_update=True, populate_existing=True)
    if watch is None or watch.ended_at is not None or watch.until is None or watch.remind_on is None:
        return False
    if not _fresh(watch.checked_at):
        watch.check_at = clock.protocol_now()
        return False
    change = Change(clock.now())
    change.guard(
        update(Watch)
        .where(Watch.id == watch.id, Watch.ended_at.is_(None), Watch.remind_on == watch.remind_on)
        .values(remind_on=None, told_until=watch.until)
    )
    citizen = db.session.get_one(Citizen, watch.citizen_id)
    values = {"watched": WORDS[watch.kind], "valid_until": chinese_full_day(watch.until)}
    # Told once of each expiry.
    expiry = uuid5(watch.id, watch.until.isoformat())
    rows.tell(change, texts.RUNS_OUT, values, citizen, rows.About(None, expiry, "/h5/watches"), by_day=True)
    change.write()
    return True


def _fresh(checked_at: datetime | None) -> bool:
    return checked_at is not None and checked_at > clock.protocol_now() - FRESH
