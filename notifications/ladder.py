"""The ladder: WeChat first, then SMS; and what a notice's state is, given all of its tries."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from citizen_services import clock
from citizen_services.cases import corrections
from citizen_services.database import db, new_id
from citizen_services.people.models import Citizen
from notifications import daytime
from notifications.models import Delivery, Notice

log = logging.getLogger(__name__)

#: The notice that asks for corrections, by the name that every declaration gives it.
CORRECTION = "correction"
#: Which channel takes over from which.
NEXT = {"wechat": "sms"}
#: Business time after which a message goes by SMS that WeChat has not taken, or whose fate there is unknown though it
#: must be known.
PASS_ON_AFTER = timedelta(minutes=10)

_LOCK_NOTICES = text("SELECT id FROM notice WHERE id = ANY(:ids) ORDER BY id FOR UPDATE")
_STATE_OF_NOTICE = text(
    """
    UPDATE notice SET state = told.state
    FROM (
        SELECT notice_id, CASE
            WHEN bool_or(state = 'delivered') THEN 'delivered'
            WHEN bool_or(state = 'sent') THEN 'sent'
            WHEN bool_or(state = 'sending') THEN 'sending'
            WHEN bool_or(state = 'pending') THEN 'pending'
            WHEN bool_or(state = 'uncertain') THEN 'uncertain'
            WHEN bool_or(state = 'expired') THEN 'expired'
            WHEN bool_or(state = 'failed') THEN 'failed'
            ELSE 'cancelled' END AS state
        FROM delivery WHERE notice_id = ANY(:ids) GROUP BY notice_id
    ) AS told
    WHERE notice.id = told.notice_id AND notice.state <> told.state
      AND notice.state NOT IN ('delivered', 'failed', 'expired', 'cancelled')
    RETURNING notice.kind, notice.case_id, notice.at, notice.state
    """
)


def refresh(notices: Iterable[UUID | None]) -> None:
    """Compute the state of notices from their tries, in the transaction that changed one of these."""
    ids = sorted({id_ for id_ in notices if id_ is not None})
    if ids:
        # Two tries of one notice may end at once: whoever comes second must see what the first wrote.
        connection = db.session.connection()
        connection.execute(_LOCK_NOTICES, {"ids": ids})
        for told in connection.execute(_STATE_OF_NOTICE, {"ids": ids}).all():
            if told.kind == CORRECTION and told.state == "delivered" and told.case_id is not None:
                # Without a receipt nothing lapses; a late one is of the request that it tells of.
                corrections.note_reached(told.case_id, clock.now(), asked_at=told.at)


def sms_payload(notice: Notice, phone: str) -> dict[str, Any]:
    """What the SMS channel needs of a notice; ``notice.values["sms"]`` was filled when the fact happened."""
    return {"phone": phone, **notice.values["sms"]}


def pass_on(notice_id: UUID, channel: str) -> str | None:
    """Give a notice to the next channel; returns its name, None where there is none or it had its turn.

    In the caller's transaction. A notice that can't be read stays where it is, and its reason is logged.
    """
    following = NEXT.get(channel)
    if following is None:
        return None
    try:
        notice = db.session.get_one(Notice, notice_id, populate_existing=True)
        citizen = db.session.get(Citizen, notice.citizen_id) if notice.citizen_id else None
        phone = citizen.phone if citizen else notice.values["phone"]
        payload = sms_payload(notice, phone)
    except Exception as fault:
        log.error("notice %s can't be passed on to %s: %s", notice_id, following, type(fault).__name__)
        return None
    before = select(Delivery.by_day).where(Delivery.notice_id == notice_id, Delivery.channel == channel)
    row = insert(Delivery).values(
        id=new_id(),
        notice_id=notice_id,
        channel=following,
        payload=payload,
        state="pending",
        must_be_known=True,
        by_day=before.scalar_subquery(),
        made_at=func.now(),
        due_at=func.now(),
        expires_at=notice.expires_at,
        attempts=0,
        checks=0,
    )
    made = db.session.execute(
        row.on_conflict_do_nothing(index_elements=["notice_id", "channel"]).returning(Delivery.id)
    )
    return following if made.first() is not None else None


def pass_on_overdue(limit: int = 100) -> set[str]:
    """Pass on what has waited too long on its channel; returns the channels that got work. The caller commits."""
    overdue = db.session.execute(
        select(Delivery.id, Delivery.notice_id, Delivery.channel, Delivery.state)
        .where(
            Delivery.pass_on_at <= clock.now(),
            daytime.may_go(),
            Delivery.state.in_(("pending", "uncertain")),
            (Delivery.leased_until.is_(None)) | (Delivery.leased_until <= func.now()),
        )
        .order_by(Delivery.pass_on_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    got: set[str] = set()
    for row in overdue:
        following = pass_on(row.notice_id, row.channel)
        # A pending one was surely not taken and must not be sent as well; an uncertain one may still be reported on.
        values: dict[str, Any] = {"pass_on_at": None}
        if following and row.state == "pending":
            values |= {"state": "cancelled", "due_at": None, "done_at": func.now()}
            values |= {"reason": func.concat("passed on to ", following, "; ", func.coalesce(Delivery.reason, ""))}
        db.session.execute(update(Delivery).where(Delivery.id == row.id).values(**values))
        if following:
            got.add(following)
    refresh(row.notice_id for row in overdue)
    return got
