"""Parcels: their tracking number, their events, and what both mean for the case. All in the caller's transaction."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from citizen_services import clock
from citizen_services.database import Change, db, new_id
from citizen_services.database.base import after_commit
from citizen_services.exchange.ems import TrackEvent
from citizen_services.exchange.ems_codes import CANCELLED, REVOKES, needs_tracking, parcel_state
from notifications import courses, letters, old, queue
from notifications.models import Delivery, Parcel, ParcelEvent

log = logging.getLogger(__name__)


def lock(parcel_id: UUID) -> Parcel:
    """The parcel, ours until the transaction ends."""
    return db.session.execute(
        select(Parcel).where(Parcel.id == parcel_id).with_for_update().execution_options(populate_existing=True)
    ).scalar_one()


def ordered(parcel_id: UUID, tracking: str) -> None:
    """The courier gave a tracking number. A second number for the same parcel is cancelled, whichever came later."""
    parcel = lock(parcel_id)
    if parcel.tracking is None:
        parcel.tracking = tracking
        db.session.flush()
        tell_case_of_order(parcel)
        if parcel.unwanted_at is not None:
            # Nobody wanted it any more before it had a number to be cancelled by.
            change = Change(clock.now())
            old.cancel(change, parcel.id, tracking, old.UNWANTED)
            change.write()
    elif parcel.tracking != tracking:
        cancel_second(parcel, tracking)


def cancel_second(parcel: Parcel, tracking: str) -> None:
    """Have a number cancelled that the courier gave besides the one that counts; once a number."""
    known = select(Delivery.id).where(Delivery.parcel_id == parcel.id, Delivery.partner_ref == tracking)
    if tracking == parcel.tracking or db.session.execute(known).first() is not None:
        return
    first = select(Delivery.id).where(Delivery.parcel_id == parcel.id).order_by(Delivery.id).limit(1)
    order_ref = db.session.execute(first).scalar_one()
    log.warning("parcel %s has a second tracking number, which is cancelled", parcel.id)
    db.session.execute(
        insert(Delivery).values(
            id=new_id(),
            parcel_id=parcel.id,
            channel="ems",
            payload={"cancel": tracking, "order_ref": str(order_ref)},
            partner_ref=tracking,
            state="pending",
            must_be_known=False,
            made_at=func.now(),
            due_at=func.now(),
            attempts=0,
            checks=0,
        )
    )
    after_commit(queue.waking(queue.sending_queue("ems")))


def cancelled(parcel_id: UUID, tracking: str) -> None:
    """The courier took an order back. Where it is the number that counts, the parcel goes nowhere any more."""
    parcel = lock(parcel_id)
    if parcel.tracking == tracking and parcel.unwanted_at is not None and parcel.state == "ordered":
        parcel.state = parcel.course = parcel.told = "cancelled"
        db.session.flush()
        old.follow(parcel)


def record(parcel: Parcel, events: Iterable[TrackEvent]) -> bool:
    """Add events to a locked parcel, compute its state from all of them, and tell the case and its person of the turn.

    True where the courier must be asked for the sub-code of a delivery.
    """
    rows = [
        {
            "id": new_id(),
            "parcel_id": parcel.id,
            "op_code": event.op_code,
            "op_time": event.op_time,
            "deliver_code": event.deliver_code,
            "attempt_code": event.attempt_code,
            "description": event.description or event.name,
            "received_at": clock.protocol_now(),
        }
        # One statement can't touch a row twice; the entry that tells more stands last.
        for event in _distinct(events)
    ]
    if rows:
        added = insert(ParcelEvent).values(rows)
        kept = db.session.scalars(
            added.on_conflict_do_update(
                index_elements=["parcel_id", "op_code", "op_time"],
                # A push leaves the sub-codes out; what is known is never forgotten.
                set_={
                    "deliver_code": func.coalesce(added.excluded.deliver_code, ParcelEvent.deliver_code),
                    "attempt_code": func.coalesce(added.excluded.attempt_code, ParcelEvent.attempt_code),
                },
            ).returning(ParcelEvent.id)
        ).all()
        if not {row["id"] for row in rows}.isdisjoint(kept):
            parcel.heard_at = clock.now()
    known = events_of(parcel.id)
    parcel.state = _state(parcel, known)
    parcel.course = courses.course(parcel.state, known)
    db.session.flush()
    courses.follow(parcel)
    courses.tell_of_attempt(parcel, known)
    if parcel.direction == "letter":
        letters.follow(parcel, known)
    if parcel.direction == "back" or parcel.unwanted_at is not None:
        old.follow(parcel)
    return needs_tracking(known)


def _state(parcel: Parcel, known: Sequence[ParcelEvent]) -> str:
    """As its events say; one that nobody wanted and the courier never had is cancelled."""
    state = parcel_state(known)
    taken_back = parcel.state == "cancelled" or any(event.op_code == CANCELLED for event in known)
    return "cancelled" if state == "ordered" and parcel.unwanted_at is not None and taken_back else state


def _distinct(events: Iterable[TrackEvent]) -> list[TrackEvent]:
    ranked = sorted(events, key=lambda e: (e.deliver_code is not None, e.attempt_code is not None))
    return list({(event.op_code, event.op_time): event for event in ranked}.values())


def events_of(parcel_id: UUID) -> Sequence[ParcelEvent]:
    """A parcel's events as they happened; of one second, what takes back comes after what it takes back."""
    rows = db.session.scalars(
        select(ParcelEvent).where(ParcelEvent.parcel_id == parcel_id).execution_options(populate_existing=True)
    ).all()
    return sorted(rows, key=lambda event: (event.op_time, event.op_code in REVOKES, event.op_code))


# --- what it means for the case ----------------------------------------------------------------------------------


def tell_case_of_order(parcel: Parcel) -> None:
    """The case learns the tracking number (``parcel_ordered``); where it can't now, the sweep tries again."""
    if parcel.direction != "out" or parcel.noted_at is not None:
        return
    unwanted = parcel.unwanted_at is not None
    if unwanted or courses.act(parcel.case_id, "parcel_ordered", "ems_order", {"tracking": parcel.tracking}):
        parcel.noted_at = clock.now()
        db.session.flush()


def touch_asked(parcel_id: UUID) -> None:
    """Note that the courier was asked just now."""
    db.session.execute(update(Parcel).where(Parcel.id == parcel_id).values(asked_at=func.now()))
