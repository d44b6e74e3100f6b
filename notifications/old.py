"""Documents that are to come back: old ones fetched or brought, new ones called back. No case waits for them.

The courier's word ends such a duty, and reopens it where he takes it back; else a clerk of the service centre says what
became of it. Its person is reminded on the days that the declaration names, and once more the list is the staff's.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from sqlalchemy import ColumnElement, Row, select, update
from sqlalchemy.exc import DBAPIError

from citizen_services import clock
from citizen_services.cases.models import Case
from citizen_services.catalogue.vocabulary import OldDocument
from citizen_services.database import Change, commit, db, new_id
from citizen_services.database.base import rollback
from citizen_services.parts import parts
from citizen_services.people.models import Citizen
from notifications import rows, texts
from notifications.errors import NotDue
from notifications.models import Delivery, Parcel
from notifications.old_models import DocumentDue

log = logging.getLogger(__name__)

PAGE = 100
#: Reminders of one round; the next one goes on behind them.
BATCH = 500
#: Courses of a parcel to us that brings nothing any more, and of one that still may.
FAILED = frozenset({"refused", "returned", "back", "lost"})
_CAME = {"old": {"signed": "came", "other": "came"}, "called_back": {"returned": "came", "cancelled": "cancelled"}}
#: Why a parcel is cancelled with the courier.
UNWANTED, NOT_FETCHED = "证件不再寄送", "旧证已另行交回"


# --- The duty begins ----------------------------------------------------------------------------------------------


def expect(case_id: UUID, *, old: OldDocument, change: Change, parcel_id: UUID | None = None) -> None:
    """A document is to be given back, in that parcel or by its person's own way."""
    change.add(
        DocumentDue,
        **_row(case_id, "old", old.name, parcel_id, change.at),
        remind_at=_next(change.at, old.remind_days, 0),
        remind_days=list(old.remind_days),
    )


def call_back(case_id: UUID, *, what: str, change: Change) -> None:
    """What is on its way to a person is not to reach them: cancelled where nobody collected it, else asked back.

    The courier's interface cancels before the collection only (020006); after it staff ask 11183 for it.
    """
    last = select(Parcel).where(Parcel.case_id == case_id, Parcel.direction == "out").order_by(Parcel.id.desc())
    parcel = db.session.scalars(last.limit(1).execution_options(populate_existing=True)).first()
    if parcel is None or parcel.unwanted_at is not None or parcel.course == "returned":
        return
    change.guard(
        update(Parcel)
        .where(
            Parcel.id == parcel.id,
            Parcel.unwanted_at.is_(None),
            Parcel.state == parcel.state,
            # A number that comes at this moment would never be cancelled.
            Parcel.tracking.is_not_distinct_from(parcel.tracking),
        )
        .values(unwanted_at=change.at)
        .execution_options(synchronize_session=False)
    )
    change.add(
        DocumentDue,
        **_row(case_id, "called_back", what, parcel.id, change.at),
        remind_at=None,
        remind_days=[],
    )
    if parcel.tracking is not None and parcel.state == "ordered":
        cancel(change, parcel.id, parcel.tracking, UNWANTED)


def _row(case_id: UUID, kind: str, name: str, parcel_id: UUID | None, at: datetime) -> dict[str, object]:
    nothing = dict.fromkeys(("ended_at", "ended_as", "ended_by", "note"))
    due = {"id": new_id(), "case_id": case_id, "kind": kind, "name": name, "parcel_id": parcel_id, "since": at}
    return {**due, "reminded": 0, **nothing}


def _next(since: datetime, days: Sequence[int], reminded: int) -> datetime | None:
    return since + timedelta(days=days[reminded]) if reminded < len(days) else None


def cancel(change: Change, parcel_id: UUID, tracking: str, reason: str) -> None:
    """Have the number that counts cancelled with the courier, which he takes before the collection only."""
    first = select(Delivery.id).where(Delivery.parcel_id == parcel_id).order_by(Delivery.id).limit(1)
    order_ref = db.session.execute(first).scalar_one()
    payload = {"cancel": tracking, "order_ref": str(order_ref), "reason": reason}
    rows.add_delivery(change, "ems", parcel_id=parcel_id, payload=payload)


# --- What becomes of it -------------------------------------------------------------------------------------------


def follow(parcel: Parcel) -> None:
    """Bring the duty of a locked parcel up to its course; what staff said of it stays."""
    due = db.session.scalars(
        select(DocumentDue)
        .where(DocumentDue.parcel_id == parcel.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()
    if due is None or due.ended_by is not None:
        return
    came = _CAME[due.kind].get(parcel.course)
    if came != due.ended_as:
        due.ended_as, due.ended_at = came, clock.now() if came else None
        due.remind_at = None if came else _next(due.since, due.remind_days, due.reminded)
    parcel.closed_at = due.ended_at
    db.session.flush()


def received(due_id: UUID, by: UUID) -> None:
    """It lies before a clerk. The caller commits; raises NotDue where it is not waited for any more."""
    _end(due_id, "received", by, None)


def write_off(due_id: UUID, by: UUID, note: str) -> None:
    """It will not come, for the reason noted. The caller commits; raises NotDue."""
    _end(due_id, "written_off", by, note)


def _end(due_id: UUID, how: str, by: UUID, note: str | None) -> None:
    due = _locked(due_id)
    change = Change(clock.now())
    change.guard(
        update(DocumentDue)
        .where(DocumentDue.id == due.id, DocumentDue.ended_at.is_(None))
        .values(ended_at=change.at, ended_as=how, ended_by=by, note=note, remind_at=None)
        .execution_options(synchronize_session=False),
        otherwise=NotDue,
    )
    if due.kind == "old" and due.parcel_id is not None:
        _send_courier_home(change, due.parcel_id)
    change.write()


def fetch_again(due_id: UUID) -> None:
    """Order another courier to where the first one was to fetch it. The caller commits.

    Raises NotDue where it is not waited for, or is on its way.
    """
    due = _locked(due_id)
    before = db.session.get(Parcel, due.parcel_id, populate_existing=True) if due.parcel_id else None
    if due.kind != "old" or before is None or not may_fetch_again(before):
        raise NotDue
    order = select(Delivery.payload).where(Delivery.parcel_id == before.id).order_by(Delivery.id).limit(1)
    payload = db.session.execute(order).scalar_one()
    change = Change(clock.now())
    parcel_id = new_id()
    change.guard(
        update(DocumentDue)
        .where(DocumentDue.id == due.id, DocumentDue.ended_at.is_(None), DocumentDue.parcel_id == before.id)
        .values(parcel_id=parcel_id)
        .execution_options(synchronize_session=False),
        otherwise=NotDue,
    )
    _send_courier_home(change, before.id)
    db.session.add(
        Parcel(
            id=parcel_id, case_id=due.case_id, direction="back", receiver=before.receiver, tracking=None,
            state="ordered", at=change.at,
        )
    )  # fmt: skip
    # The duty names it in an UPDATE, which goes before all rows.
    db.session.flush()
    rows.add_delivery(change, "ems", parcel_id=parcel_id, payload=payload)
    change.write()


def may_fetch_again(parcel: Parcel) -> bool:
    """Whether the courier has not got it, or brings it no more: then another one may be sent."""
    return parcel.state in ("ordered", "cancelled") or parcel.course in FAILED


def _locked(due_id: UUID) -> DocumentDue:
    due = db.session.get(DocumentDue, due_id, with_for_update=True, populate_existing=True)
    if due is None or due.ended_at is not None:
        raise NotDue
    return due


def _send_courier_home(change: Change, parcel_id: UUID) -> None:
    """Cancel a parcel to us that nobody collected yet; one without a number is cancelled when it has one."""
    parcel = db.session.get(Parcel, parcel_id, with_for_update=True, populate_existing=True)
    if parcel is None or parcel.state != "ordered" or parcel.unwanted_at is not None:
        return
    parcel.unwanted_at = change.at
    db.session.flush()
    if parcel.tracking is not None:
        cancel(change, parcel.id, parcel.tracking, NOT_FETCHED)


# --- Reminding and listing ----------------------------------------------------------------------------------------


def remind() -> int:
    """Remind whoever is to be today, each in a transaction of its own; how many were."""
    query = select(DocumentDue.id).where(DocumentDue.remind_at <= clock.now())
    due = db.session.scalars(query.order_by(DocumentDue.remind_at, DocumentDue.id).limit(BATCH)).all()
    commit()
    return sum(_done(due_id) for due_id in due)


def _done(due_id: UUID) -> bool:
    try:
        told = _remind(due_id)
        commit()
    except DBAPIError:
        # The database is away: the next one would fare no better.
        raise
    except Exception as fault:
        # Whatever is wrong with this one, those behind it are not to wait for it for ever.
        rollback()
        log.error("the reminder of document %s failed: %s", due_id, type(fault).__name__)
        return False
    return told


def _remind(due_id: UUID) -> bool:
    due = db.session.get(DocumentDue, due_id, with_for_update=True, populate_existing=True)
    if due is None or due.remind_at is None or due.remind_at > clock.now():
        return False
    case = db.session.get_one(Case, due.case_id, populate_existing=True)
    change = Change(clock.now())
    change.guard(
        update(DocumentDue)
        .where(DocumentDue.id == due.id)
        .values(reminded=due.reminded + 1, remind_at=_next(due.since, due.remind_days, due.reminded + 1))
        .execution_options(synchronize_session=False)
    )
    item = parts().catalogue.item(case.item, case.item_version)
    values = {"document": due.name, "number": case.number, "item": item.name}
    about = rows.About(case.id, uuid5(due.id, str(due.reminded)), f"/h5/cases/{case.id}")
    citizen = db.session.get_one(Citizen, case.citizen_id)
    rows.tell(change, texts.OLD_DOCUMENT, values, citizen, about, by_day=True)
    change.write()
    return True


def waiting(within: ColumnElement[bool], limit: int = PAGE) -> Sequence[Row[DocumentDue, Case, Parcel | None]]:
    """What is to come back and has not, the oldest first, each with its case and parcel."""
    query = (
        select(DocumentDue, Case, Parcel)
        .join(Case, Case.id == DocumentDue.case_id)
        .outerjoin(Parcel, Parcel.id == DocumentDue.parcel_id)
        .where(DocumentDue.ended_at.is_(None), within)
        .order_by(DocumentDue.since, DocumentDue.id)
    )
    return db.session.execute(query.limit(limit)).all()


def one(due_id: UUID, within: ColumnElement[bool]) -> DocumentDue | None:
    """A duty of a case that one sees; None where there is none such."""
    query = select(DocumentDue).join(Case, Case.id == DocumentDue.case_id).where(DocumentDue.id == due_id, within)
    return db.session.scalars(query).first()


def of_case(case_id: UUID) -> Sequence[DocumentDue]:
    """The duties of a case, the old document's first."""
    query = select(DocumentDue).where(DocumentDue.case_id == case_id).order_by(DocumentDue.kind.desc(), DocumentDue.id)
    return db.session.scalars(query).all()
