"""What the doors may change here: a tracking number typed from a label, a channel that was mended."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import delete, func, select, update

from citizen_services.database import db
from citizen_services.database.base import after_commit
from citizen_services.rules.tracking import check_tracking
from notifications import parcels, queue
from notifications.errors import AlreadyNumbered
from notifications.models import ChannelHold, Delivery, Parcel


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
