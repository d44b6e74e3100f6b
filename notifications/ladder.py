"""The ladder: WeChat, SMS, a call, a letter, a visit; and what a notice's state is, given all of its tries.

What must be known climbs to its end; anything else ends with the SMS. Each rung is left by a receipt, a failure or its
time-out, and the first success ends the climb: what no rung has begun by then is cancelled.

The letter is a rung only where law wants a paper and nobody consented to another way. It is posted from the beginning,
whatever else is tried, and goes on though its person knows by then, since law wants it; its turn comes after the call,
and only when it came to nothing as well somebody visits.
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
from notifications.models import BY_HAND, LETTER, NOT_SENT, Delivery, Notice

log = logging.getLogger(__name__)

#: The notice that asks for corrections, by the name that every declaration gives it.
CORRECTION = "correction"
#: Which channel takes over from which.
NEXT = {"wechat": "sms", "sms": "call", "call": "visit", LETTER: "visit"}
#: States of a letter's rung while it is under way.
_UNDER_WAY = ("pending", "sent")
#: Business time after which a message goes by SMS that WeChat has not taken, or whose fate there is unknown though it
#: must be known.
PASS_ON_AFTER = timedelta(minutes=10)
#: After so many calls in vain, or visits, the next rung has its turn.
MOST_CALLS, MOST_VISITS = 3, 3
#: What a try is called that succeeded after another one had: a person is told once.
TOLD_ALREADY = "told already"
#: What a visit that succeeded is called.
TOLD_AT_HOME = "told at home"


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
    WHERE notice_id = ANY(:ids) AND state = 'pending' AND channel <> 'letter'
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
    is given to no machine, its reason is logged, and people have it next. ``letter``: it is under way, and waited for.
    """
    following = NEXT.get(channel)
    before = db.session.execute(
        select(Delivery.must_be_known, Delivery.by_day).where(
            Delivery.notice_id == notice_id, Delivery.channel == channel
        )
    ).first()
    if following is None or before is None or (following in BY_HAND and not before.must_be_known):
        return None
    if following == "visit":
        if channel == "call" and _letter_under_way(notice_id):
            return LETTER
        if channel == LETTER and _climbs_below(notice_id):
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


def _letter_under_way(notice_id: UUID) -> bool:
    """Locks the letter's row: of a call and a letter that end at once, the second one sees how the first one ended."""
    query = select(Delivery.state).where(Delivery.notice_id == notice_id, Delivery.channel == LETTER)
    return db.session.execute(query.with_for_update()).scalar() in _UNDER_WAY


def _climbs_below(notice_id: UUID) -> bool:
    """Whether the person was told, or a rung below the letter has its turn: only after a call in vain it has not."""
    query = select(Notice.state, Delivery.state).join(Delivery, Delivery.notice_id == Notice.id)
    row = db.session.execute(query.where(Notice.id == notice_id, Delivery.channel == "call")).first()
    return row is None or row[0] == "delivered" or row[1] not in ("failed", "cancelled")


def withdraw(kind: str, about: UUID, why: str) -> None:
    """Cancel what waits of the notice of a thing that has ended meanwhile. The caller commits.

    One that is being sent at this moment can't be called back. ``why`` is kept with each try.
    """
    free = Delivery.leased_until.is_(None) | (Delivery.leased_until <= func.now())
    notices = select(Notice.id).where(Notice.kind == kind, Notice.about == about)
    cancelled = db.session.scalars(
        update(Delivery)
        .where(Delivery.notice_id.in_(notices), Delivery.state == "pending", free)
        .values(state="cancelled", due_at=None, pass_on_at=None, done_at=func.now(), reason=why)
        .returning(Delivery.notice_id)
        .execution_options(synchronize_session=False)
    ).all()
    # What was sent and not reported on is passed on to nobody.
    db.session.execute(
        update(Delivery)
        .where(Delivery.notice_id.in_(notices), Delivery.pass_on_at.is_not(None))
        .values(pass_on_at=None)
        .execution_options(synchronize_session=False)
    )
    refresh(cancelled)


def letter_posted(document_id: UUID) -> None:
    """A letter with the document went to the courier. The caller commits, here and below."""
    refresh(_move_letter(document_id, state="sent", sent_at=func.now(), attempts=Delivery.attempts + 1))


def letter_signed(document_id: UUID) -> None:
    """A person signed for the document: they know what its notice tells."""
    signed = {"state": success(), "reason": success_reason("signed for"), "done_at": func.now()}
    refresh(_move_letter(document_id, **signed))


def letter_in_vain(document_id: UUID) -> None:
    """No letter is tried any more: who was called in vain as well is visited."""
    for notice_id in _move_letter(document_id, state="failed", done_at=func.now(), reason="letters in vain"):
        pass_on(notice_id, LETTER)
        refresh([notice_id])


def _move_letter(document_id: UUID, **values: Any) -> list[UUID]:
    """Move a document's rung while it has not ended; its notice, of which there is one at most."""
    moved = db.session.scalars(
        update(Delivery)
        .where(Delivery.about == document_id, Delivery.channel == LETTER, Delivery.state.in_(_UNDER_WAY))
        .values(**values)
        .returning(Delivery.notice_id)
        .execution_options(synchronize_session=False)
    )
    return [notice_id for notice_id in moved if notice_id is not None]


def told_in_person(notice_id: UUID) -> None:
    """Somebody of ours handed over what a notice tells of: a visit that succeeded. The caller commits.

    Where the person knew before, nothing of the notice changes.
    """
    state = db.session.execute(select(Notice.state).where(Notice.id == notice_id).with_for_update()).scalar_one()
    if state == "delivered":
        return
    row = insert(Delivery).values(
        id=new_id(), notice_id=notice_id, channel="visit", payload={}, state="delivered", must_be_known=True,
        by_day=False, made_at=func.now(), sent_at=func.now(), done_at=func.now(), attempts=1, checks=0,
        reason=TOLD_AT_HOME,
    )  # fmt: skip
    names = ("state", "sent_at", "done_at", "reason")
    db.session.execute(
        row.on_conflict_do_update(
            index_elements=["notice_id", "channel"],
            set_={name: row.excluded[name] for name in names} | {"attempts": Delivery.attempts + 1},
            where=Delivery.state == "pending",
        )
    )
    refresh([notice_id])


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
        .order_by(Delivery.pass_on_at, Delivery.id)
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
    return got - NOT_SENT
