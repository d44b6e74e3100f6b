"""The outbox: due rows are claimed under a lease, and their beginning is noted before they are sent (rounds.py).

The row is the truth. ``sending`` is committed before the call, so that a crash leaves a trace; the result is written
only by whoever holds the lease, and only forward.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, LargeBinary, func, select, text, true, type_coerce, update
from sqlalchemy.orm import aliased

from citizen_services import clock
from citizen_services.database import commit, db, new_id
from notifications import daytime, drafts, ladder
from notifications.channels import channel
from notifications.channels.base import Channel
from notifications.claimed import Claimed
from notifications.models import ChannelHold, Delivery

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
    if name in ladder.NEXT:
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
        .order_by(Delivery.due_at, Delivery.id)
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
    Delivery.about, Delivery.gateway, Delivery.refused_by, Delivery.partner_ref,
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
        after = clock.now() + ladder.waits_in_doubt(ch.name)
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


# --- beginning ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Begun:
    """A row whose call is about to be made: when it was begun, how often it was tried and asked about, and where."""

    sent_at: datetime
    attempts: int
    checks: int
    gateway: str | None


def begin(rows: Sequence[Claimed], gateways: Mapping[UUID, str] | None = None) -> dict[UUID, Begun]:
    """Note that the calls of these rows are about to be made, by id; rows no longer ours are left out.

    ``gateways``: by which one each goes, where the channel has several. The caller commits, and makes no call before.
    """
    begun: dict[UUID, Begun] = {}
    by = gateways or {}
    for state, gateway in {(row.state, by.get(row.id)) for row in rows}:
        some = [row for row in rows if row.state == state and by.get(row.id) == gateway]
        given: dict[str, Any] = {"ids": [row.id for row in some], "leases": list({row.lease for row in some})}
        given |= {"state": state, "gateway": gateway}
        for id_, *noted in db.session.connection().execute(_BEGIN, {**given, "lasts": LEASE}):
            begun[id_] = Begun(*noted)
    return begun


_BEGIN = text(
    """
    UPDATE delivery
    SET state = 'sending', attempts = attempts + 1, sent_at = now(), leased_until = now() + :lasts,
        checks = CASE WHEN state = 'uncertain' THEN checks + 1 ELSE 0 END,
        gateway = coalesce(CAST(:gateway AS text), gateway)
    WHERE id = ANY(:ids) AND lease = ANY(:leases) AND state = :state AND leased_until > now()
    RETURNING id, sent_at, attempts, checks, gateway
    """
)
