"""A payment's way from the phone, the partner or the counter to the case: recorded and taken in one transaction.

Between two transactions the partner is asked, never within one: what commits here says so.
"""

from __future__ import annotations

import logging
from uuid import UUID

from citizen_services.cases import charging
from citizen_services.cases.errors import CaseError, MovedOn
from citizen_services.cases.operations import perform
from citizen_services.database import commit, db
from citizen_services.database.base import rollback
from citizen_services.exchange.clients import wechat_pay
from citizen_services.exchange.outcomes import OutsideError, Refused, Uncertain
from citizen_services.exchange.payments import Paid
from citizen_services.fees import paying, tasks
from citizen_services.fees.errors import NotPayable, OtherWayOpen
from citizen_services.fees.models import FeeOrder, Payment
from citizen_services.fees.paying import Payer, Recorded, UnknownPayment
from citizen_services.parts import parts
from citizen_services.people.actors import Actor

log = logging.getLogger(__name__)

#: A try that the partner has not heard of when it was asked so often, over a minute: its request is lost.
_LOST_AFTER_LOOKS = 3


def take(report: Paid) -> Recorded:
    """Record a payment that the partner told of, and take the case's step. Raises UnknownPayment, MovedOn.

    The caller commits. What no case can take any more goes back.
    """
    return _taken(paying.record(report), Actor.system("wechat_pay"))


def _taken(recorded: Recorded, actor: Actor) -> Recorded:
    case_id = charging.case_of(recorded.order.duty) if recorded.kept else None
    if case_id is None:
        return recorded
    try:
        with db.session.begin_nested():
            perform(parts().catalogue, case_id, "fee_paid", actor, None)
    except MovedOn:
        # Somebody acts on the case at this moment: whoever told tells again, and finds out what became of it.
        raise
    except CaseError as fault:
        log.error("order %s is paid, but its case can't take it: %s", recorded.order.number, type(fault).__name__)
        paying.send_back(recorded.order, recorded.payment)
        return Recorded(recorded.order, recorded.payment, kept=False)
    return recorded


def take_at_counter(order_id: UUID, way: str, slip: str, fen: int, cashier: Actor) -> Recorded:
    """Take cash or a card at the counter. Raises FeeError, MovedOn. Commits.

    What stands at the partner is closed before, where it answers; paid there all the same, that payment goes back.
    """
    standing = paying.open_payment(order_id)
    if standing is not None:
        commit()
        try:
            settle(standing.id, close=True)
        except OutsideError as fault:
            log.warning("an open payment could not be closed before the counter took it: %s", fault)
    recorded = _taken(paying.take_at_counter(order_id, way, slip, fen, cashier), Actor.system("counter_payment"))
    commit()
    return recorded


def start(order_id: UUID, way: str, payer: Payer) -> Payment:
    """Let an order be paid by a way: what the payer's phone needs is in ``paying.parcel(…)["ready"]``. Commits.

    Raises NotPayable, OtherWayOpen, Refused, and Unreachable or Uncertain (asked again, it is the same payment).
    """
    payment, before = paying.reserve(order_id, way, payer)
    commit()
    if before is not None:
        settle(before.id, close=True)
        payment, before = paying.reserve(order_id, way, payer)
        commit()
    if payment is None or payment.usable_until is None:
        raise OtherWayOpen
    if payment.state == "open":
        return payment
    order = db.session.get_one(FeeOrder, order_id)
    sent = paying.parcel(payment)
    commit()
    try:
        prepay = wechat_pay().prepare(
            payment.way,
            payment.our_ref,
            description=f"{order.title}（{order.number}）",
            fen=payment.amount_fen,
            until=payment.usable_until,
            payer=sent["payer"],
            client_ip=sent["client_ip"],
        )
    except Refused:
        # Nobody can pay it: it does not stand there, or its answer was lost before, and with it what a phone needs.
        paying.closed(payment.id)
        commit()
        raise
    paying.ready(payment.id, prepay)
    commit()
    return db.session.get_one(Payment, payment.id)


def settle(payment_id: UUID, *, close: bool = False) -> None:
    """Ask the partner what became of a payment; ``close``: and let nobody pay it any more. Commits.

    Raises OutsideError, OtherWayOpen (somebody is paying just now), MovedOn.
    """
    payment = db.session.get_one(Payment, payment_id, populate_existing=True)
    state, our_ref, looks = payment.state, payment.our_ref, payment.looks
    commit()
    if state not in ("sending", "open"):
        return
    partner = wechat_pay()
    seen = partner.look(our_ref)
    if isinstance(seen, Paid):
        take(seen)
        commit()
        return
    if seen.state == "busy":
        if close:
            raise OtherWayOpen
        return
    if seen.state == "open" and close:
        try:
            partner.close(our_ref)
        except Refused as fault:
            if fault.code != "paid":
                raise
            # Paid between the question and the closing: the next question says so.
            again = partner.look(our_ref)
            if not isinstance(again, Paid):
                raise Uncertain(partner.name, "query", "paid and not paid") from None
            take(again)
            commit()
            return
    if close or seen.state == "closed" or (seen.state == "unknown" and looks >= _LOST_AFTER_LOOKS):
        paying.closed(payment_id)
        commit()


def look_at_payments() -> int:
    """Ask for what the partner may have told us in vain, and close there what nobody has to pay. Returns how many.

    Each is a transaction of its own, and one that can't be asked for holds up no other.
    """
    asked = 0
    for payment_id in paying.due_looks():
        payment = paying.claim_look(payment_id)
        close = payment is not None and paying.over(payment)
        commit()
        if payment is None:
            continue
        try:
            settle(payment_id, close=close)
            asked += 1
        except (OutsideError, OtherWayOpen, NotPayable, CaseError, UnknownPayment) as fault:
            rollback()
            log.info("a payment is asked for again later: %s", type(fault).__name__)
    return asked


def look_again(our_ref: str) -> bool:
    """Ask the partner for a payment that it has and we do not; True where money was recorded by it. Commits.

    Raises OutsideError, UnknownPayment, MovedOn.
    """
    seen = wechat_pay().look(our_ref)
    if not isinstance(seen, Paid):
        return False
    repeated = take(seen).repeated
    commit()
    return not repeated


def compare_bills() -> int:
    """Compare the partner's bills, and ask for each payment that we lack. Returns how many were found so."""
    found = 0
    for our_ref in tasks.compare_bills():
        try:
            found += look_again(our_ref)
        except (OutsideError, UnknownPayment, CaseError) as fault:
            rollback()
            log.error("a payment of the bill is none of ours, or can't be had: %s", type(fault).__name__)
    return found
