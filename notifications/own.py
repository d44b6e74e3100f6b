"""What messages have to do with a person's own data: telling that a request is answered, and forgetting."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import delete, select

from citizen_services import clock
from citizen_services.database import commit, db
from citizen_services.people.models import Citizen
from citizen_services.rules.retention import period
from notifications import rows, texts
from notifications.models import Delivery, Notice

BATCH = 500
_OVER = ("sent", "delivered", "failed", "expired", "cancelled")


def tell_answer(request_id: UUID, *, citizen: Citizen, kind: str, change: Any) -> None:
    """What a person asked of their own data was answered."""
    rows.tell(change, texts.DATA_ANSWERED, {"kind": kind}, citizen, rows.About(None, request_id, "/h5/me/requests"))


def forget_old() -> None:
    """Remove notices of no case that ended long ago, with their tries; each batch in a transaction of its own."""
    old = (
        select(Notice.id)
        .where(
            Notice.case_id.is_(None),
            Notice.state.in_(_OVER),
            Notice.at < clock.now() - period("notices"),
            # Something of it may still be asked about, or be on somebody's list.
            ~select(Delivery.id)
            .where(Delivery.notice_id == Notice.id, Delivery.state.in_(("pending", "sending", "uncertain")))
            .exists(),
        )
        .order_by(Notice.at, Notice.id)
        .limit(BATCH)
    )
    while ids := list(db.session.scalars(old)):
        db.session.execute(delete(Delivery).where(Delivery.notice_id.in_(ids)))
        db.session.execute(delete(Notice).where(Notice.id.in_(ids)))
        commit()
    commit()
