"""The outbox: due rows are claimed under a lease, sent outside of any transaction, and what came of it is written back.

The row is the truth. ``sending`` is committed before the call, so that a crash leaves a trace; the result is written only by whoever
holds the lease, and only forward.
"""

from __future__ import annotations

import logging
import random
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import LargeBinary, Row, delete, func, select, type_coerce, update
from sqlalchemy.dialects.postgresql import insert

from citizen_services import clock
from citizen_services.database import db, new_id
from citizen_services.exchange.outcomes import Accepted, NotAccepted, Outcome, Unknown
from notifications import ladder
from notifications.channels import channel
from notifications.channels.base import Answer, CannotTell, Channel, Found, NotFound, Order
from notifications.models import ChannelHold, Delivery

log = logging.getLogger(__name__)

BATCH = 200
#: Longer than a batch is worked on and a call may last, together.
LEASE = timedelta(seconds=45)
#: Waits after ``now`` double from two seconds up to this; after so long in vain a row has failed.
LONGEST_WAIT_S = 900.0
GIVE_UP_AFTER = timedelta(hours=24)
GIVE_UP_LATER_AFTER = timedelta(days=3)
#: After ``later`` without a time, and where only one template waits for an operator.
LATER_S = 600.0
#: How long a channel that waits for an operator rests before one row may try again.
HOLD = timedelta(seconds=60)
#: A row whose own content crashes its handler is set aside after so many tries; one that the partner never has, after so many.
MOST_CRASHES = 3
MOST_TRIES_NOT_FOUND = 4
#: How often a partner that can't be asked just now is asked again, in seconds, and until when.
ASK_AGAIN_S = 600.0
ASK_UNTIL = timedelta(hours=24)

_payload = type_coerce(Delivery.__table__.c.payload, LargeBinary).label("sealed")
_lease_is_free = Delivery.leased_until.is_(None) | (Delivery.leased_until <= func.now())


@dataclass(frozen=True)
class Claimed:
    """A row under our lease; its payload is still sealed, since opening it is what may fail."""

    id: UUID
    channel: str
    state: str
    lease: UUID
    notice_id: UUID | None
    parcel_id: UUID | None
    sealed: bytes
    made_at: datetime
    sent_at: datetime | None
    expires_at: datetime | None
    attempts: int
    checks: int
    must_be_known: bool
    #: Whether it is the one row that tries whether a held channel works again.
    probe: bool

    def open(self) -> Order:
        """The row as its channel sees it; raises where the payload can't be read."""
        payload = Delivery.__table__.c.payload.type.process_result_value(self.sealed, None)
        return Order(
            self.id, self.notice_id, self.parcel_id, payload, self.made_at, self.sent_at, self.attempts, self.checks
        )


# --- taking ------------------------------------------------------------------------------------------------------


def claim(name: str, limit: int = BATCH) -> list[Claimed]:
    """Take what is due on a channel under one lease, oldest first; commits. Nothing while the channel is held."""
    probing = False
    held_until = db.session.execute(
        select(ChannelHold.until > func.now()).where(ChannelHold.channel == name)
    ).scalar_one_or_none()
    if held_until is not None:
        probing, limit = True, 1
    if held_until:
        db.session.rollback()
        return []
    _end_lost_leases(channel(name))
    _expire(name)
    lease = new_id()
    due = (
        select(Delivery.id)
        .where(
            Delivery.channel == name,
            Delivery.state.in_(("pending", "uncertain", "sent")),
            Delivery.due_at <= func.now(),
            _lease_is_free,
        )
        .order_by(Delivery.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    taken = (
        update(Delivery)
        .where(Delivery.id == due.c.id)
        .values(lease=lease, leased_until=func.now() + LEASE)
        .returning(*_CLAIMED_COLUMNS)
    )
    rows = db.session.execute(taken).all()
    db.session.commit()
    return [_claimed(row, lease, probing) for row in rows]


_CLAIMED_COLUMNS = (
    Delivery.id, Delivery.channel, Delivery.state, Delivery.notice_id, Delivery.parcel_id, _payload, Delivery.made_at,
    Delivery.sent_at, Delivery.expires_at, Delivery.attempts, Delivery.checks, Delivery.must_be_known,
)  # fmt: skip


def _claimed(row: Row[Any], lease: UUID, probe: bool) -> Claimed:
    values: Mapping[str, Any] = row._mapping
    return Claimed(**{**values, "sealed": bytes(values["sealed"])}, lease=lease, probe=probe)


def _end_lost_leases(ch: Channel) -> None:
    """Whoever was sending these has ended, or is stuck: nobody knows whether the partner took them."""
    first = (ch.repeat_after_s or ch.ask_after_s or (None,))[0]
    wait = None if first is None else timedelta(seconds=first)
    lost = db.session.execute(
        update(Delivery)
        # The lease's name is kept: whoever was only slow may still write what it learned.
        .where(Delivery.channel == ch.name, Delivery.state == "sending", Delivery.leased_until <= func.now())
        .values(
            state="uncertain",
            leased_until=None,
            reason="the process that was sending it ended",
            due_at=None if wait is None else Delivery.sent_at + wait,
            pass_on_at=None,
        )
        .returning(Delivery.id, Delivery.notice_id, Delivery.must_be_known)
    ).all()
    known = [row.id for row in lost if row.must_be_known and ch.name in ladder.NEXT]
    if known:
        after = clock.now() + ladder.PASS_ON_AFTER
        db.session.execute(update(Delivery).where(Delivery.id.in_(known)).values(pass_on_at=after))
    ladder.refresh(row.notice_id for row in lost)


def _expire(name: str) -> None:
    """Nobody needs yesterday's login code."""
    rows = db.session.execute(
        update(Delivery)
        .where(
            Delivery.channel == name,
            Delivery.state == "pending",
            Delivery.due_at.is_not(None),
            Delivery.expires_at <= func.now(),
            _lease_is_free,
        )
        .values(state="expired", due_at=None, done_at=func.now(), reason="expired before it could be sent")
        .returning(Delivery.notice_id)
    ).all()
    ladder.refresh(row.notice_id for row in rows)


def release(rows: list[Claimed]) -> None:
    """Give back rows that were not begun; commits."""
    if rows:
        db.session.execute(
            update(Delivery)
            .where(
                Delivery.id.in_([row.id for row in rows]),
                Delivery.lease == rows[0].lease,
                Delivery.state.in_(("pending", "uncertain", "sent")),
            )
            .values(lease=None, leased_until=None)
        )
        db.session.commit()


# --- one row -----------------------------------------------------------------------------------------------------


def work(row: Claimed) -> bool:
    """Send one row, or ask about it, and write down what came of it. False where the channel must rest from now on."""
    ch = channel(row.channel)
    try:
        order = row.open()
        ready = ch.prepare(order)
    except Exception as fault:
        _crashed(row, fault)
        db.session.commit()
        return True
    repeat = row.state == "uncertain" and bool(ch.repeat_after_s)
    if row.state != "pending" and not repeat:
        answer = _guarded_ask(ch, order, ready)
        answered(row, ch, order, answer)
        db.session.commit()
        return True
    begun = _begin(row)
    if begun is None:
        return True
    order = Order(**{**vars(order), "sent_at": begun.sent_at, "attempts": begun.attempts, "checks": begun.checks})
    try:
        outcome = ch.send(order, ready)
    except Exception as fault:
        # The call may have been made before it crashed.
        log.error("delivery %s crashed its channel %s: %s", row.id, row.channel, _place(fault))
        outcome = Unknown(f"crashed: {_place(fault)}")
    goes_on = finished(row, ch, order, outcome)
    db.session.commit()
    return goes_on


def _begin(row: Claimed) -> Row[Any] | None:
    """Commit that the call is about to be made; None where the row is no longer ours."""
    repeated = row.state == "uncertain"
    begun = db.session.execute(
        update(Delivery)
        .where(
            Delivery.id == row.id,
            Delivery.lease == row.lease,
            Delivery.state == row.state,
            Delivery.leased_until > func.now(),
        )
        .values(
            state="sending",
            attempts=Delivery.attempts + 1,
            checks=Delivery.checks + 1 if repeated else 0,
            sent_at=func.now(),
            leased_until=func.now() + LEASE,
        )
        .returning(Delivery.sent_at, Delivery.attempts, Delivery.checks)
    ).first()
    db.session.commit()
    return begun


def _guarded_ask(ch: Channel, order: Order, ready: Any) -> Answer:
    try:
        return ch.ask(order, ready)
    except Exception as fault:
        log.error("asking about delivery %s crashed: %s", order.id, _place(fault))
        return CannotTell(f"crashed: {_place(fault)}")


def _place(fault: BaseException) -> str:
    """Which exception, and where; never its text, which may quote a person's data."""
    frames = traceback.extract_tb(fault.__traceback__)
    where = f" at {frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else ""
    return f"{type(fault).__name__}{where}"


def _crashed(row: Claimed, fault: Exception) -> None:
    """The row itself is broken: it is tried a few times, then set aside; its neighbours go on."""
    log.error("delivery %s can't be prepared: %s", row.id, _place(fault))
    reason, tries = f"crashed: {_place(fault)}", row.attempts + 1
    if row.state != "pending":
        _write(row, reason=reason, due_at=None)
    elif tries < MOST_CRASHES:
        _write(row, reason=reason, attempts=tries, due_at=_in(2.0**tries))
    else:
        _fail(row, f"set aside: {_place(fault)}", attempts=tries)


# --- what came of it ---------------------------------------------------------------------------------------------


def finished(row: Claimed, ch: Channel, order: Order, outcome: Outcome) -> bool:
    """Write down how a call ended, in the caller's transaction. False where the channel must rest."""
    repeated = row.state == "uncertain"
    held = isinstance(outcome, NotAccepted) and outcome.kind == "operator" and outcome.code not in ch.template_codes
    if held:
        assert isinstance(outcome, NotAccepted)  # noqa: S101 - narrows the type of what was just tested
        _hold(row.channel, outcome.code)
    elif row.probe:
        db.session.execute(delete(ChannelHold).where(ChannelHold.channel == row.channel))
    match outcome:
        case Accepted(partner_ref):
            _accepted(row, ch, order, partner_ref)
        case Unknown(why):
            _unknown(row, ch, order, why)
        case NotAccepted() if repeated:
            _repeat_refused(row, order, outcome)
        case NotAccepted():
            _not_accepted(row, order, outcome)
    return not held


def _accepted(row: Claimed, ch: Channel, order: Order, partner_ref: str) -> None:
    silent = None if ch.silent_after_s is None else _in(ch.silent_after_s)
    ours = _write(
        row, state="sent", partner_ref=partner_ref or None, reason=None, due_at=silent, pass_on_at=None, checks=0
    )
    if ours:
        ladder.refresh([row.notice_id])
        ch.accepted(order, partner_ref)
    else:
        # A receipt was faster; the partner's name for it is still worth knowing.
        db.session.execute(
            update(Delivery)
            .where(Delivery.id == row.id, Delivery.partner_ref.is_(None))
            .values(partner_ref=partner_ref or None)
        )


def _unknown(row: Claimed, ch: Channel, order: Order, why: str) -> None:
    """The partner may have it: from now on it is asked for, or repeated under the same reference, or left alone."""
    plan = ch.repeat_after_s or ch.ask_after_s
    after = plan[order.checks] if order.checks < len(plan) else None
    pass_on_at = clock.now() + ladder.PASS_ON_AFTER if row.must_be_known and row.channel in ladder.NEXT else None
    due_at = None if after is None else _in(after)
    if _write(row, state="uncertain", reason=why, due_at=due_at, pass_on_at=pass_on_at):
        ladder.refresh([row.notice_id])


def _repeat_refused(row: Claimed, order: Order, outcome: NotAccepted) -> None:
    """A repetition was refused. For good: perhaps because the first was taken, so that a person has to look at it."""
    if outcome.kind == "never":
        _write(row, state="uncertain", due_at=None, reason=f"repeated and refused: {outcome.code}")
    else:
        # This repetition was surely not taken: it doesn't count.
        wait = outcome.after_s or LATER_S
        _write(row, state="uncertain", due_at=_in(wait), reason=_why(outcome), checks=order.checks - 1)


def _not_accepted(row: Claimed, order: Order, outcome: NotAccepted) -> None:
    age = clock.protocol_now() - row.made_at
    match outcome.kind:
        case "never":
            _fail(row, _why(outcome))
        case "now" if age < GIVE_UP_AFTER:
            wait = min(2.0**order.attempts, LONGEST_WAIT_S) * random.uniform(0.5, 1.5)
            _write(row, state="pending", due_at=_in(wait), reason=_why(outcome))
        case "later" if age < GIVE_UP_LATER_AFTER:
            # A quota or a window is nobody's failure: it is not counted as a try.
            wait = outcome.after_s or LATER_S
            _write(row, state="pending", due_at=_in(wait), reason=_why(outcome), attempts=order.attempts - 1)
        case "operator":
            wait = HOLD.total_seconds() if row.probe else LATER_S / 2
            _write(row, state="pending", due_at=_in(wait), reason=_why(outcome), attempts=order.attempts - 1)
        case _:
            _fail(row, f"given up after {age.total_seconds() / 3600:.0f} h: {_why(outcome)}")


def answered(row: Claimed, ch: Channel, order: Order, answer: Answer) -> None:
    """Write down what the partner said about a try whose fate was unknown, or that was never reported on."""
    match answer:
        case Found(state, partner_ref, code):
            silent = _in(ASK_AGAIN_S * 6) if state == "sent" and _young(row) else None
            done = {} if state == "sent" else {"done_at": func.now()}
            if state == "failed":
                _fail(row, f"reported failed: {code}")
            elif _write(row, state=state, reason=None, due_at=silent, pass_on_at=None, **done):
                ladder.refresh([row.notice_id])
        case CannotTell(why):
            _write(row, due_at=_in(ASK_AGAIN_S) if _young(row) else None, reason=f"{why}; fate unknown")
        case NotFound() if row.state == "sent":
            _write(row, due_at=None)
        case NotFound() if order.checks + 1 < len(ch.ask_after_s):
            due = Delivery.sent_at + timedelta(seconds=ch.ask_after_s[order.checks + 1])
            _write(row, due_at=due, checks=order.checks + 1)
        case NotFound():
            _not_there(row, order)


def _not_there(row: Claimed, order: Order) -> None:
    """Asked often enough: the partner surely does not have it. Sent again under the same reference."""
    if row.expires_at and row.expires_at <= clock.protocol_now():
        _write(row, state="expired", due_at=None, done_at=func.now(), reason="expired; never arrived at the partner")
    elif order.attempts >= MOST_TRIES_NOT_FOUND:
        _fail(row, f"never arrived at the partner in {order.attempts} tries")
        return
    else:
        _write(row, state="pending", due_at=func.now(), checks=0, reason="not found at the partner: sent again")
    ladder.refresh([row.notice_id])


def _young(row: Claimed) -> bool:
    return row.sent_at is None or clock.protocol_now() - row.sent_at < ASK_UNTIL


def _fail(row: Claimed, reason: str, **more: Any) -> None:
    """Ended on this channel; the next one takes over, if there is one."""
    if _write(row, state="failed", reason=reason, due_at=None, done_at=func.now(), pass_on_at=None, **more):
        if row.notice_id is not None:
            ladder.pass_on(row.notice_id, row.channel)
        ladder.refresh([row.notice_id])


def _write(row: Claimed, **values: Any) -> bool:
    """The guarded write-back: only while the row is under our lease and not ended, and only once."""
    written = db.session.execute(
        update(Delivery)
        .where(
            Delivery.id == row.id,
            Delivery.lease == row.lease,
            Delivery.state.in_(("pending", "sending", "uncertain", "sent")),
        )
        .values(lease=None, leased_until=None, **values)
        .returning(Delivery.id)
    ).first()
    return written is not None


def _hold(name: str, code: str) -> None:
    log.error("channel %s is held: its partner refuses with %s; an operator must act", name, code)
    row = insert(ChannelHold).values(channel=name, reason=code, since=func.now(), until=func.now() + HOLD)
    db.session.execute(
        row.on_conflict_do_update(
            index_elements=["channel"], set_={"reason": row.excluded.reason, "until": row.excluded.until}
        )
    )


def _in(seconds: float) -> Any:
    return func.now() + timedelta(seconds=seconds)


def _why(outcome: NotAccepted) -> str:
    return f"{outcome.kind}: {outcome.code}"
