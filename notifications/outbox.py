"""The outbox: due rows are claimed under a lease, sent outside of any transaction, and what came of it is written back.

The row is the truth. ``sending`` is committed before the call, so that a crash leaves a trace; the result is written
only by whoever holds the lease, and only forward.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, LargeBinary, bindparam, func, select, text, true, type_coerce, update
from sqlalchemy.orm import aliased
from sqlalchemy.sql.dml import ReturningUpdate

from citizen_services import clock
from citizen_services.database import commit, db, new_id
from citizen_services.exchange.outcomes import Outcome, Unknown
from notifications import daytime, drafts, ladder, results
from notifications.channels import channel
from notifications.channels.base import Answer, CannotTell, Channel, Order
from notifications.claimed import Claimed, place
from notifications.models import ChannelHold, Delivery

log = logging.getLogger(__name__)

BATCH = 200
#: Longer than a batch is worked on and a call may last, together.
LEASE = timedelta(seconds=45)

_DELIVERY = db.metadata.tables[Delivery.__tablename__]
_payload = type_coerce(_DELIVERY.c.payload, LargeBinary).label("sealed")
_lease_is_free = Delivery.leased_until.is_(None) | (Delivery.leased_until <= func.now())


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
    if name in ladder.NEXT or name in ladder.NEXT.values():
        drafts.forget_sent(name)
    lease = new_id()
    due = (
        select(Delivery.id)
        .where(
            Delivery.channel == name,
            Delivery.state.in_(("pending", "uncertain", "sent")),
            Delivery.due_at <= func.now(),
            _lease_is_free,
            daytime.may_go(),
            _in_turn(channel(name)),
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
    commit()
    return [_claimed(row, lease, probing) for row in rows]


def _in_turn(ch: Channel) -> ColumnElement[bool]:
    """Where rows of one person go one after another: those before which no older one waits."""
    if not ch.in_order:
        return true()
    older = aliased(Delivery)
    waiting = select(older.id).where(
        older.person == Delivery.person,
        older.channel == Delivery.channel,
        older.state.in_(("pending", "sending", "uncertain")),
        older.id < Delivery.id,
    )
    return ~waiting.exists()


_CLAIMED_COLUMNS = (
    Delivery.id, Delivery.channel, Delivery.state, Delivery.notice_id, Delivery.parcel_id, _payload, Delivery.made_at,
    Delivery.sent_at, Delivery.expires_at, Delivery.attempts, Delivery.checks, Delivery.must_be_known,
    Delivery.about,
)  # fmt: skip


def _claimed(row: Any, lease: UUID, probe: bool) -> Claimed:
    values: dict[str, Any] = dict(row._mapping)
    values["sealed"] = bytes(values["sealed"])
    return Claimed(**values, lease=lease, probe=probe)


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
            # In the words of the index: a backlog of what never expires is not looked through.
            text("delivery.state = 'pending' AND delivery.expires_at IS NOT NULL"),
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
        commit()


# --- one row -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Begun:
    """A row whose call is about to be made, and what the call needs."""

    row: Claimed
    channel: Channel
    order: Order
    ready: Any


def work_through(take: Callable[[], Claimed | None]) -> bool:
    """Send rows, or ask about them, one after another until there is none; False where the channel must rest.

    What came of one row and that the next is about to be sent are one commit: before each call its own beginning is
    committed, and no call is made while anything is left to commit.
    """
    begun = _begin_next(take)
    commit()
    while begun is not None:
        outcome = _call(begun)
        goes_on, begun = _note_and_go_on(begun, outcome, take)
        if not goes_on:
            return False
    return True


def _call(begun: _Begun) -> Outcome:
    try:
        return begun.channel.send(begun.order, begun.ready)
    except Exception as fault:
        # The call may have been made before it crashed.
        log.error("delivery %s crashed its channel %s: %s", begun.row.id, begun.row.channel, place(fault))
        return Unknown(f"crashed: {place(fault)}")


def _note_and_go_on(begun: _Begun, outcome: Outcome, take: Callable[[], Claimed | None]) -> tuple[bool, _Begun | None]:
    """Write down what came of a row, begin the next, commit both."""
    try:
        goes_on = results.finished(begun.row, begun.channel, begun.order, outcome)
        following = _begin_next(take) if goes_on else None
        commit()
        return goes_on, following
    except Exception as fault:
        # Whatever the next row did, this one's result is not lost with it; that one's lease ends by itself.
        db.session.rollback()
        log.error("after delivery %s: %s", begun.row.id, place(fault))
    goes_on = results.finished(begun.row, begun.channel, begun.order, outcome)
    commit()
    following = _begin_next(take) if goes_on else None
    commit()
    return goes_on, following


def _begin_next(take: Callable[[], Claimed | None]) -> _Begun | None:
    """Note that the next row is about to be sent; the caller commits. Rows to be asked about are asked on the way."""
    while (row := take()) is not None:
        ch = channel(row.channel)
        try:
            order = row.open()
            ready = ch.prepare(order)
        except Exception as fault:
            results.crashed(row, fault)
            continue
        if row.state != "pending" and not (row.state == "uncertain" and ch.repeat_after_s):
            # Nobody is asked while a result waits to be committed.
            commit()
            answer = _guarded_ask(ch, order, ready)
            results.answered(row, ch, order, answer)
            commit()
            continue
        begun = begin(row)
        if begun is not None:
            tried = {"sent_at": begun.sent_at, "attempts": begun.attempts, "checks": begun.checks}
            return _Begun(row, ch, Order(**{**vars(order), **tried}), ready)
    return None


def begin(row: Claimed) -> Any | None:
    """Note that the call is about to be made; None where the row is no longer ours. The caller commits."""
    statement = _BEGIN_AGAIN if row.state == "uncertain" else _BEGIN
    ours = {"our_id": row.id, "our_lease": row.lease, "our_state": row.state}
    return db.session.connection().execute(statement, ours).first()


def _beginning(checks: Any) -> ReturningUpdate[Any]:
    table = _DELIVERY.c
    return (
        update(_DELIVERY)
        .where(
            table.id == bindparam("our_id"),
            table.lease == bindparam("our_lease"),
            table.state == bindparam("our_state"),
            table.leased_until > func.now(),
        )
        .values(
            state="sending",
            attempts=table.attempts + 1,
            checks=checks,
            sent_at=func.now(),
            leased_until=func.now() + LEASE,
        )
        .returning(table.sent_at, table.attempts, table.checks)
    )


# Made once: this one is run for every message, and making a statement costs more than running it.
_BEGIN, _BEGIN_AGAIN = _beginning(0), _beginning(_DELIVERY.c.checks + 1)


def _guarded_ask(ch: Channel, order: Order, ready: Any) -> Answer:
    try:
        return ch.ask(order, ready)
    except Exception as fault:
        log.error("asking about delivery %s crashed: %s", order.id, place(fault))
        return CannotTell(f"crashed: {place(fault)}")
