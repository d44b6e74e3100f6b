"""The ladder: WeChat, SMS, a call, a visit; and what a notice's state is, given all of its tries.

What must be known climbs to its end; anything else ends with the SMS. Each rung is left by a receipt, a failure or its
time-out, and the first success ends the climb: what no rung has begun by then is cancelled.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, case, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased

from citizen_services import clock
from citizen_services.cases import corrections
from citizen_services.database import db, new_id
from citizen_services.people import parameters
from citizen_services.people.models import Citizen
from notifications import daytime
from notifications.models import BY_HAND, Delivery, Notice

log = logging.getLogger(__name__)

#: The notice that asks for corrections, by the name that every declaration gives it.
CORRECTION = "correction"
#: Which channel takes over from which.
NEXT = {"wechat": "sms", "sms": "call", "call": "visit"}
#: Business time after which a message goes by SMS that WeChat has not taken, or whose fate there is unknown though it
#: must be known.
PASS_ON_AFTER = timedelta(minutes=10)
#: After so many calls in vain, or visits, the next rung has its turn.
MOST_CALLS, MOST_VISITS = 3, 3
#: What a try is called that succeeded after another one had: a person is told once.
TOLD_ALREADY = "told already"


def waits(channel: str) -> timedelta | None:
    """How long a rung may hold what was just given to it; None where its own patience ends it."""
    return {"wechat": PASS_ON_AFTER, "call": timedelta(days=parameters.number("tell_call_days"))}.get(channel)


def waits_in_doubt(channel: str) -> timedelta:
    """How long one of unknown fate is waited for, though it must be known."""
    return PASS_ON_AFTER if channel == "wechat" else receipt_wait(channel)


def receipt_wait(channel: str) -> timedelta:
    """How long a receipt is waited for of what was taken and must be known."""
    name = "tell_wechat_wait_minutes" if channel == "wechat" else "tell_sms_wait_minutes"
    return timedelta(minutes=parameters.number(name))


def success() -> ColumnElement[str]:
    """The state of a try that succeeded: the first one of its notice is ``delivered``, any later one ``cancelled``."""
    other = aliased(Delivery)
    before = select(other.id).where(other.notice_id == Delivery.notice_id, other.state == "delivered")
    first = ~before.correlate(Delivery).exists()
    return case((or_(Delivery.notice_id.is_(None), first), "delivered"), else_="cancelled")


def success_reason(reason: str | None = None) -> ColumnElement[str]:
    """What is noted with ``success``."""
    return case((success() == "delivered", reason), else_=TOLD_ALREADY)


_LOCK_NOTICES = text("SELECT id, state FROM notice WHERE id = ANY(:ids) ORDER BY id FOR UPDATE")
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
            ELSE 'cancelled' END AS state, bool_or(state = 'pending') AS waits
        FROM delivery WHERE notice_id = ANY(:ids) GROUP BY notice_id
    ) AS told
    WHERE notice.id = told.notice_id AND notice.state <> told.state
      AND notice.state NOT IN ('delivered', 'failed', 'expired', 'cancelled')
    RETURNING notice.id, notice.kind, notice.case_id, notice.at, notice.state, told.waits
    """
)
#: Nobody is called of what they know by now. One that is being begun finds that it waits no more.
_NOT_NEEDED = text(
    """
    UPDATE delivery SET state = 'cancelled', due_at = NULL, pass_on_at = NULL, done_at = now(),
        reason = 'told by another channel'
    WHERE notice_id = ANY(:ids) AND state = 'pending'
    """
)


def refresh(notices: Iterable[UUID | None]) -> None:
    """Compute the state of notices from their tries, in the transaction that changed one of these."""
    ids = sorted({id_ for id_ in notices if id_ is not None})
    if ids:
        # Two tries of one notice may end at once: whoever comes second must see what the first wrote.
        connection = db.session.connection()
        before = connection.execute(_LOCK_NOTICES, {"ids": ids}).all()
        moved = connection.execute(_STATE_OF_NOTICE, {"ids": ids}).all()
        # Also where they knew before: a late failure of another rung has led to the next one.
        needless = [notice.id for notice in before if notice.state == "delivered"]
        needless += [told.id for told in moved if told.state == "delivered" and told.waits]
        if needless:
            connection.execute(_NOT_NEEDED, {"ids": needless})
        for told in moved:
            if told.kind == CORRECTION and told.state == "delivered" and told.case_id is not None:
                # Without a receipt nothing lapses; a late one is of the request that it tells of.
                corrections.note_reached(told.case_id, clock.now(), asked_at=told.at)


def sms_payload(notice: Notice, phone: str) -> dict[str, Any]:
    """What the SMS channel needs of a notice; ``notice.values["sms"]`` was filled when the fact happened."""
    return {"phone": phone, **notice.values["sms"]}


def phone_of(notice: Notice) -> str:
    """Where a notice's person is reached: the number that it names (an earlier one, on purpose), or their own."""
    named: str | None = notice.values.get("phone")
    if named is not None:
        return named
    if notice.citizen_id is None:
        raise ValueError("the notice names neither a person nor a phone")
    return db.session.get_one(Citizen, notice.citizen_id).phone


def pass_on(notice_id: UUID, channel: str) -> str | None:
    """Give a notice to the next channel; returns its name, None where there is none or it had its turn.

    In the caller's transaction. Only what must be known goes to people who call and visit. A notice that can't be read
    is given to no machine, its reason is logged, and people have it next.
    """
    following = NEXT.get(channel)
    before = db.session.execute(
        select(Delivery.must_be_known, Delivery.by_day).where(
            Delivery.notice_id == notice_id, Delivery.channel == channel
        )
    ).first()
    if following is None or before is None or (following in BY_HAND and not before.must_be_known):
        return None
    payload: dict[str, Any] = {}
    if following not in BY_HAND:
        try:
            notice = db.session.get_one(Notice, notice_id, populate_existing=True)
            payload = sms_payload(notice, phone_of(notice))
        except Exception as fault:
            log.error("notice %s can't be passed on to %s: %s", notice_id, following, type(fault).__name__)
            if not before.must_be_known:
                return None
            following, payload = "call", {}
    wait = waits(following)
    row = insert(Delivery).values(
        id=new_id(),
        notice_id=notice_id,
        channel=following,
        payload=payload,
        state="pending",
        must_be_known=before.must_be_known,
        by_day=before.by_day,
        made_at=func.now(),
        due_at=None if following in BY_HAND else func.now(),
        expires_at=select(Notice.expires_at).where(Notice.id == notice_id).scalar_subquery(),
        pass_on_at=None if wait is None else clock.now() + wait,
        attempts=0,
        checks=0,
    )
    made = db.session.execute(
        row.on_conflict_do_nothing(index_elements=["notice_id", "channel"]).returning(Delivery.id)
    )
    return following if made.first() is not None else None


def pass_on_overdue(limit: int = 100) -> set[str]:
    """Pass on what has waited too long on its channel; returns the channels that got work. The caller commits."""
    # A receipt is awaited by the machine's time as well: it can't come sooner because business time was moved.
    awaited = or_(
        *(
            (Delivery.channel == channel) & (Delivery.sent_at > func.now() - receipt_wait(channel))
            for channel in ("wechat", "sms")
        )
    )
    overdue = db.session.execute(
        select(Delivery.id, Delivery.notice_id, Delivery.channel, Delivery.state)
        .where(
            Delivery.pass_on_at <= clock.now(),
            daytime.may_go(),
            Delivery.state.in_(("pending", "uncertain", "sent")),
            (Delivery.leased_until.is_(None)) | (Delivery.leased_until <= func.now()),
            or_(Delivery.state != "sent", ~awaited),
        )
        .order_by(Delivery.pass_on_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    got: set[str] = set()
    for row in overdue:
        following = pass_on(row.notice_id, row.channel)
        # A pending one was surely not taken and must not be sent as well; of any other a report may still come, but it
        # is asked for no more, lest it be sent again.
        values: dict[str, Any] = {"pass_on_at": None}
        if following and row.state == "pending":
            values |= {"state": "cancelled", "due_at": None, "done_at": func.now()}
            values |= {"reason": func.concat("passed on to ", following, "; ", func.coalesce(Delivery.reason, ""))}
        elif following and row.state == "uncertain":
            values |= {"due_at": None}
        db.session.execute(update(Delivery).where(Delivery.id == row.id).values(**values))
        if following:
            got.add(following)
    refresh(row.notice_id for row in overdue)
    return got - BY_HAND
