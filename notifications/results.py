"""What came of tries, written back: by whoever holds the rows' leases, only forward, in the caller's transaction.

All that any number of acceptances need is one statement, and two for their notices. Refusals are sorted by what can be
done about them; a lost answer makes the row ``uncertain`` until the partner was asked, the call repeated under the same
reference, or a receipt came.
"""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ClauseElement, Interval, bindparam, delete, func, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql.dml import ReturningUpdate

from citizen_services import clock
from citizen_services.database import db
from citizen_services.database.base import after_commit
from citizen_services.exchange.outcomes import Accepted, NotAccepted, Outcome, Unknown
from notifications import ladder, queue
from notifications.channels.base import Answer, CannotTell, Channel, Found, NotFound, Order, Patience, TakenOver
from notifications.claimed import Claimed, place
from notifications.models import NOT_SENT, ChannelHold, Delivery

log = logging.getLogger(__name__)

#: After ``later`` without a time, and where only one template waits for an operator.
LATER_S = 600.0
#: How long a channel that waits for an operator rests before one row may try again.
HOLD = timedelta(seconds=60)
#: Tries after which a row is set aside whose own content crashes its handler.
MOST_CRASHES = 3
#: How often a partner that can't be asked just now is asked again, in seconds.
ASK_AGAIN_S = 600.0


@dataclass(frozen=True)
class Done:
    """A row that was sent or asked about, and what the partner said."""

    row: Claimed
    channel: Channel
    order: Order
    said: Outcome | TakenOver | Answer


def note(done: Sequence[Done]) -> bool:
    """Write down what came of rows of one channel, in the caller's transaction. False where the channel must rest."""
    touched: set[UUID | None] = set()
    taken: list[Done] = []
    rests = False
    for one in done:
        row, ch, order, said = one.row, one.channel, one.order, one.said
        match said:
            case Accepted():
                taken.append(one)
                _ends_hold(row)
            case Unknown(why):
                _ends_hold(row)
                _unknown(row, ch, order, why, touched)
            case TakenOver():
                _ends_hold(row)
                _taken_over(row, order, said)
            case NotAccepted():
                rests |= _refused(row, ch, order, said, touched)
            case _:
                _answered(row, ch, order, said, touched)
    if taken:
        _accepted(taken, touched)
    # Of all of them at once: two transactions that lock notices one by one would wait for one another.
    ladder.refresh(touched)
    return not rests


def _ends_hold(row: Claimed) -> None:
    if row.probe:
        db.session.execute(delete(ChannelHold).where(ChannelHold.channel == row.channel))


def _refused(row: Claimed, ch: Channel, order: Order, said: NotAccepted, touched: set[UUID | None]) -> bool:
    """True where the channel must rest."""
    held = said.kind == "operator" and said.code not in ch.template_codes
    if held:
        _hold(row.channel, said.code)
    else:
        _ends_hold(row)
    if row.state == "uncertain":
        _repeat_refused(row, order, said)
    else:
        _not_accepted(row, ch, order, said, touched)
    return held


def _taken_over(row: Claimed, order: Order, said: TakenOver) -> None:
    """Another gateway's turn, at once. A refused account of the first is an alarm, though the channel goes on."""
    refused_by = {"refused_by": said.gateway} if said.of_message else {}
    if not said.of_message:
        _hold(said.gateway, said.refusal.code)
    if said.learn is not None:
        said.learn()
    why = f"taken over from {said.gateway}: {said.refusal.code}"
    _write(row, state="pending", due_at=_in(0), reason=why, attempts=order.attempts - 1, **refused_by)


_ACCEPTED = text(
    """
    UPDATE delivery
    SET state = :state, partner_ref = given.ref, reason = NULL, checks = 0,
        pass_on_at = CASE WHEN delivery.must_be_known AND :state = 'sent' THEN CAST(:pass_on_at AS timestamptz) END,
        lease = NULL, leased_until = NULL, due_at = now() + CAST(:silent AS interval),
        done_at = CASE WHEN :state = 'sent' THEN delivery.done_at ELSE now() END
    FROM jsonb_to_recordset(CAST(:given AS jsonb)) AS given (id uuid, lease uuid, ref text)
    WHERE delivery.id = given.id AND delivery.lease = given.lease
      AND delivery.state IN ('pending', 'sending', 'uncertain', 'sent')
    RETURNING delivery.id
    """
)
_NAME_LATER = text(
    """
    UPDATE delivery SET partner_ref = given.ref
    FROM jsonb_to_recordset(CAST(:given AS jsonb)) AS given (id uuid, ref text)
    WHERE delivery.id = given.id AND delivery.partner_ref IS NULL AND given.ref IS NOT NULL
    """
)
#: A gateway that takes something has an account again.
_MENDED = text("DELETE FROM channel_hold WHERE channel = ANY(:gateways)")


def _accepted(taken: Sequence[Done], touched: set[UUID | None]) -> None:
    ch = taken[0].channel
    connection = db.session.connection()
    # One text: the driver looks at each element of an array.
    given = json.dumps([{"id": one.order.ref, "lease": str(one.row.lease), "ref": _ref(one) or None} for one in taken])
    silent = None if ch.silent_after_s is None else timedelta(seconds=ch.silent_after_s)
    # Taken is not told: what must be known waits for its receipt, for a time.
    until = clock.now() + ladder.receipt_wait(ch.name) if ch.name in ladder.NEXT else None
    values = {"given": given, "state": ch.accepted_state, "silent": silent, "pass_on_at": until}
    ours = {row.id for row in connection.execute(_ACCEPTED, values)}
    if mended := {one.order.gateway for one in taken} - {None}:
        connection.execute(_MENDED, {"gateways": list(mended)})
    if len(ours) < len(taken):
        # A receipt was faster; the partner's name for it is still worth knowing.
        connection.execute(_NAME_LATER, {"given": given})
    for one in taken:
        if one.row.id in ours:
            touched.add(one.row.notice_id)
            ch.accepted(one.order, _ref(one))


def _ref(one: Done) -> str:
    return one.said.partner_ref if isinstance(one.said, Accepted) else ""


def _unknown(row: Claimed, ch: Channel, order: Order, why: str, touched: set[UUID | None]) -> None:
    """The partner may have it: from now on it is asked for, or repeated under the same reference, or left alone."""
    plan = ch.repeat_after_s or ch.ask_after_s
    after = plan[order.checks] if order.checks < len(plan) else None
    must = row.must_be_known and row.channel in ladder.NEXT
    pass_on_at = clock.now() + ladder.waits_in_doubt(row.channel) if must else None
    due_at = None if after is None else _in(after)
    if _write(row, state="uncertain", reason=why, due_at=due_at, pass_on_at=pass_on_at):
        touched.add(row.notice_id)


def _repeat_refused(row: Claimed, order: Order, outcome: NotAccepted) -> None:
    """A repetition was refused. For good: perhaps because the first was taken, so that a person has to look at it."""
    if outcome.kind == "never":
        _write(row, state="uncertain", due_at=None, reason=f"repeated and refused: {outcome.code}")
    else:
        # This repetition was surely not taken: it doesn't count.
        wait = outcome.after_s or LATER_S
        _write(row, state="uncertain", due_at=_in(wait), reason=_why(outcome), checks=order.checks - 1)


def _not_accepted(row: Claimed, ch: Channel, order: Order, outcome: NotAccepted, touched: set[UUID | None]) -> None:
    age, patience = clock.protocol_now() - row.made_at, ch.patience
    match outcome.kind:
        case "never":
            _fail(row, _why(outcome), touched, words=outcome.words or None)
        case "now" if patience.give_up_after is None or age < patience.give_up_after:
            wait = _wait(order.attempts, patience)
            _write(row, state="pending", due_at=_in(wait), reason=_why(outcome))
        case "later" if patience.give_up_later_after is None or age < patience.give_up_later_after:
            # A quota or a window is nobody's failure: it is not counted as a try.
            wait = outcome.after_s or LATER_S
            _write(row, state="pending", due_at=_in(wait), reason=_why(outcome), attempts=order.attempts - 1)
        case "operator":
            wait = HOLD.total_seconds() if row.probe else LATER_S / 2
            _write(row, state="pending", due_at=_in(wait), reason=_why(outcome), attempts=order.attempts - 1)
        case _:
            _fail(row, f"given up after {age.total_seconds() / 3600:.0f} h: {_why(outcome)}", touched)


def _answered(row: Claimed, ch: Channel, order: Order, answer: Answer, touched: set[UUID | None]) -> None:
    """Write down what the partner said about a try whose fate was unknown, or that was never reported on."""
    match answer:
        case Found("failed", code):
            _fail(row, f"reported failed: {code}", touched)
        case Found(state, _, partner_ref):
            silent = _in(ASK_AGAIN_S * 6) if state == "sent" and _young(row, ch) else None
            known: dict[str, Any] = {"state": "sent", "reason": None}
            if state != "sent":
                known = {"state": ladder.success(), "reason": ladder.success_reason(), "pass_on_at": None}
                known |= {"done_at": func.now()}
            known |= {"partner_ref": partner_ref} if partner_ref else {}
            if _write(row, due_at=silent, **known):
                touched.add(row.notice_id)
                if partner_ref:
                    ch.accepted(order, partner_ref)
        case CannotTell(why):
            _write(row, due_at=_in(ASK_AGAIN_S) if _young(row, ch) else None, reason=f"{why}; fate unknown")
        case NotFound() if row.state == "sent":
            _write(row, due_at=None)
        case NotFound() if order.checks + 1 < len(ch.ask_after_s):
            due = Delivery.sent_at + timedelta(seconds=ch.ask_after_s[order.checks + 1])
            _write(row, due_at=due, checks=order.checks + 1)
        case NotFound():
            _not_there(row, ch, order, touched)


def _not_there(row: Claimed, ch: Channel, order: Order, touched: set[UUID | None]) -> None:
    """Asked often enough: the partner surely does not have it. Sent again under the same reference."""
    if row.expires_at and row.expires_at <= clock.protocol_now():
        _write(row, state="expired", due_at=None, done_at=func.now(), reason="expired; never arrived at the partner")
    elif ch.patience.most_tries is not None and order.attempts >= ch.patience.most_tries:
        _fail(row, f"never arrived at the partner in {order.attempts} tries", touched)
        return
    else:
        # At once the first time; a partner that loses what it is sent is given ever more time.
        again = func.now() if order.attempts < 2 else _in(_wait(order.attempts, ch.patience))
        _write(row, state="pending", due_at=again, checks=0, reason="not found at the partner: sent again")
    touched.add(row.notice_id)


def _young(row: Claimed, ch: Channel) -> bool:
    until = ch.patience.ask_until
    return until is None or row.sent_at is None or clock.protocol_now() - row.sent_at < until


def _wait(attempts: int, patience: Patience) -> float:
    # 2.0**attempts overflows for a row that was tried for weeks.
    return min(2.0 ** min(attempts, 30), patience.longest_wait_s) * random.uniform(0.5, 1.5)


def _fail(row: Claimed, reason: str, touched: set[UUID | None], **more: Any) -> None:
    """Ended on this channel; the next one takes over, if there is one."""
    if _write(row, state="failed", reason=reason, due_at=None, done_at=func.now(), pass_on_at=None, **more):
        following = ladder.pass_on(row.notice_id, row.channel) if row.notice_id is not None else None
        if following and following not in NOT_SENT:
            after_commit(queue.waking(queue.sending_queue(following)))
        touched.add(row.notice_id)


def _write(row: Claimed, **values: Any) -> bool:
    """The guarded write-back: only while the row is under our lease and not ended, and only once."""
    made = {name: value for name, value in values.items() if isinstance(value, ClauseElement)}
    later = tuple(sorted(name for name, value in values.items() if isinstance(value, _Later)))
    plain = tuple(sorted(values.keys() - made.keys() - set(later)))
    given = {f"new_{name}": values[name] for name in plain}
    given |= {f"new_{name}": timedelta(seconds=values[name].seconds) for name in later}
    statement = _writing(plain, later)
    if made:
        statement = statement.values(**made)
    written = db.session.connection().execute(statement, given | {"our_id": row.id, "our_lease": row.lease}).first()
    return written is not None


@cache
def _writing(plain: tuple[str, ...], later: tuple[str, ...]) -> ReturningUpdate[Any]:
    """The write-back of these columns: there are a dozen of them, and making one costs more than running it."""
    table = db.metadata.tables[Delivery.__tablename__]
    values: dict[str, Any] = {name: bindparam(f"new_{name}", type_=table.c[name].type) for name in plain}
    values |= {name: func.now() + bindparam(f"new_{name}", type_=Interval()) for name in later}
    return (
        update(table)
        .where(
            table.c.id == bindparam("our_id"),
            table.c.lease == bindparam("our_lease"),
            table.c.state.in_(("pending", "sending", "uncertain", "sent")),
        )
        .values(lease=None, leased_until=None, **values)
        .returning(table.c.id)
    )


def _hold(name: str, code: str) -> None:
    log.error("channel %s is held: its partner refuses with %s; an operator must act", name, code)
    row = insert(ChannelHold).values(channel=name, reason=code, since=func.now(), until=func.now() + HOLD)
    db.session.execute(
        row.on_conflict_do_update(
            index_elements=["channel"], set_={"reason": row.excluded.reason, "until": row.excluded.until}
        )
    )


@dataclass(frozen=True)
class _Later:
    """So many seconds from now, by the database's clock."""

    seconds: float


def _in(seconds: float) -> _Later:
    return _Later(seconds)


def _why(outcome: NotAccepted) -> str:
    return f"{outcome.kind}: {outcome.code}"


def crashed(row: Claimed, fault: Exception) -> None:
    """The row itself is broken: it is tried a few times, then set aside; its neighbours go on."""
    log.error("delivery %s can't be prepared: %s", row.id, place(fault))
    reason, tries = f"crashed: {place(fault)}", row.attempts + 1
    if row.state != "pending":
        _write(row, reason=reason, due_at=None)
    elif tries < MOST_CRASHES:
        _write(row, reason=reason, attempts=tries, due_at=_in(2.0**tries))
    else:
        touched: set[UUID | None] = set()
        _fail(row, f"set aside: {place(fault)}", touched, attempts=tries)
        ladder.refresh(touched)
