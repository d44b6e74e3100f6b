"""What the doors may change here: a number typed from a label, a channel that was mended, what is to be tried again."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import delete, func, select, update

from citizen_services import clock
from citizen_services.database import Change, db, new_id
from citizen_services.database.base import after_commit
from citizen_services.rules.tracking import check_tracking
from citizen_services.security import CannotDecrypt
from notifications import ladder, parcels, platform, queue, reports, rows, writeback
from notifications.errors import AlreadyNumbered, NotInDoubt, NotRequeueable
from notifications.models import LETTER, ChannelHold, Delivery, Notice, Parcel


def number_from_label(parcel_id: UUID, typed: str) -> str | None:
    """Note the tracking number that a clerk reads from the label, where the courier's answer was lost.

    The caller commits. Returns the warning to show (a check digit that doesn't fit), None where there is none. Raises
    RuleError for what is no number, AlreadyNumbered where the parcel has another.
    """
    tracking = check_tracking(typed)
    orders = select(Delivery.id).where(
        Delivery.parcel_id == parcel_id,
        Delivery.channel == "ems",
        Delivery.state.in_(("pending", "sending", "uncertain")),
    )
    ids = db.session.scalars(orders.with_for_update()).all()
    parcel: Parcel = parcels.lock(parcel_id)
    if parcel.tracking not in (None, tracking.number):
        raise AlreadyNumbered
    parcels.ordered(parcel_id, tracking.number)
    # Whatever became of the order, it must not be repeated any more.
    db.session.execute(
        update(Delivery)
        .where(Delivery.id.in_(ids))
        .values(
            state="sent", partner_ref=tracking.number, due_at=None, lease=None, leased_until=None, reason="from label"
        )
    )
    return tracking.warning


def try_again(channel: str) -> None:
    """An operator mended a channel: what waits is due at once. The caller commits."""
    db.session.execute(delete(ChannelHold).where(ChannelHold.channel == channel))
    db.session.execute(
        update(Delivery)
        .where(Delivery.channel == channel, Delivery.state == "pending", Delivery.reason.startswith("operator:"))
        .values(due_at=func.now())
    )
    after_commit(queue.waking(queue.sending_queue(channel)))


def told_by_phone(delivery_id: UUID) -> None:
    """A person heard on the telephone what may not have reached them. The caller commits; raises NotInDoubt."""
    told = db.session.execute(
        update(Delivery)
        .where(
            Delivery.id == delivery_id,
            Delivery.notice_id.is_not(None),
            Delivery.state == "uncertain",
            Delivery.due_at.is_(None),
        )
        .values(
            state=ladder.success(),
            reason=ladder.success_reason("told on the telephone"),
            pass_on_at=None,
            done_at=func.now(),
        )
        .returning(Delivery.notice_id)
    ).scalar_one_or_none()
    if told is None:
        raise NotInDoubt
    ladder.refresh([told])


_WITHOUT_CONTENT = select(
    Delivery.notice_id, Delivery.parcel_id, Delivery.about, Delivery.person, Delivery.channel, Delivery.state,
    Delivery.requeued_as, Delivery.must_be_known, Delivery.by_day, Delivery.expires_at,
)  # fmt: skip


def requeue(delivery_id: UUID) -> UUID:
    """Try once more what ended in vain, under a new reference. The caller commits; returns the new try's id.

    What has ended stays as it ended: a notice is told by one that says the same, a parcel ordered anew, a register row
    written as it is now. Raises NotRequeueable (nothing ended in vain, it was requeued already, its time has passed,
    its content can't be read), NotCurrent.
    """
    row = db.session.execute(_WITHOUT_CONTENT.where(Delivery.id == delivery_id).with_for_update()).one_or_none()
    if row is None or row.state not in ("failed", "expired") or row.requeued_as is not None or row.channel == LETTER:
        raise NotRequeueable
    if row.expires_at is not None and row.expires_at <= clock.protocol_now():
        raise NotRequeueable
    change = Change(clock.now())
    try:
        payload = db.session.execute(select(Delivery.payload).where(Delivery.id == delivery_id)).scalar_one()
        notice_id = None if row.notice_id is None else _say_again(row.notice_id, row.channel, change)
    except CannotDecrypt as fault:
        raise NotRequeueable from fault
    if row.channel == writeback.CHANNEL:
        payload = writeback.anew(row.about, payload)
    if row.channel == reports.CHANNEL:
        payload = reports.anew(row.about, payload)
    if row.channel == platform.CHANNEL:
        payload = platform.anew(row.about, payload)
    if row.parcel_id is not None and "cancel" not in payload:
        parcel = parcels.lock(row.parcel_id)
        if parcel.tracking is not None or parcel.unwanted_at is not None:
            raise NotRequeueable
    new = rows.add_delivery(
        change,
        row.channel,
        payload=payload,
        notice_id=notice_id,
        parcel_id=row.parcel_id,
        about=row.about,
        person=row.person,
        must_be_known=row.must_be_known,
        by_day=row.by_day,
        pass_on_at=None if (wait := ladder.waits(row.channel)) is None else change.at + wait,
    )
    change.guard(
        update(Delivery).where(Delivery.id == delivery_id, Delivery.requeued_as.is_(None)).values(requeued_as=new),
        otherwise=NotRequeueable,
    )
    change.write()
    return new


def write_again(delivery_id: UUID) -> UUID:
    """Write to the province's register what it rejected, as our register has it now; as ``requeue``."""
    return _requeue_on(writeback.CHANNEL, delivery_id)


def report_again(delivery_id: UUID) -> UUID:
    """Report to the one-window platform what it rejected, as item and office are called now; as ``requeue``."""
    return _requeue_on(reports.CHANNEL, delivery_id)


def hand_over_again(delivery_id: UUID) -> UUID:
    """Hand over to the national platform what it rejected, with its person as known now; as ``requeue``."""
    return _requeue_on(platform.CHANNEL, delivery_id)


def _requeue_on(channel: str, delivery_id: UUID) -> UUID:
    found = db.session.execute(select(Delivery.channel).where(Delivery.id == delivery_id)).scalar_one_or_none()
    if found != channel:
        raise NotRequeueable
    return requeue(delivery_id)


def _say_again(notice_id: UUID, channel: str, change: Change) -> UUID:
    """A notice that says what one said that reached nobody; its id."""
    old = db.session.get(Notice, notice_id, with_for_update=True, populate_existing=True)
    # After the last rung nothing more is tried, though of an earlier one a receipt may still come.
    climbed = old is not None and channel == "visit" and old.state != "delivered"
    if old is None or not (climbed or old.state in ("failed", "expired")) or old.requeued_as is not None:
        raise NotRequeueable
    again = new_id()
    change.add(
        Notice,
        id=again,
        kind=old.kind,
        citizen_id=old.citizen_id,
        case_id=old.case_id,
        about=None,
        values=old.values,
        text=old.text,
        state="pending",
        at=old.at,
        expires_at=old.expires_at,
    )
    change.guard(
        update(Notice).where(Notice.id == notice_id, Notice.requeued_as.is_(None)).values(requeued_as=again),
        otherwise=NotRequeueable,
    )
    return again
