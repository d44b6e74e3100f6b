"""A machine of payments: whatever order the world chooses, no money is lost and nothing is done twice.

Orders, callbacks told once or often or late, the counter, withdrawals, refusals, lapses, refunds that fail and are
tried again: after each step the books must balance.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import select

from citizen_services import clock
from citizen_services.cases import payments
from citizen_services.cases.automatic import lapse_unpaid
from citizen_services.cases.models import CaseEvent
from citizen_services.database import commit, db
from citizen_services.database.base import rollback
from citizen_services.exchange.outcomes import Refused, Uncertain
from citizen_services.exchange.payments import BillLine, Paid, Returned, Unpaid
from citizen_services.fees import refunding, tasks
from citizen_services.fees.errors import FeeError
from citizen_services.fees.models import COUNTER, FeeOrder, Payment, Refund
from tests import factories as make
from tests.cases.engine_world import REASONS
from tests.fees.kit import FEE, NOBODY, acts, asked, case_of, charge, later, overdue


class Till:
    """The partner inside this process: what it holds is what the books are compared with."""

    name = "wechat_pay"

    def __init__(self) -> None:
        self.orders: dict[str, dict[str, Any]] = {}
        self.refunds: dict[str, dict[str, Any]] = {}
        self.fault = ""

    def _spoil(self, *, taken: bool) -> None:
        fault, self.fault = self.fault, ""
        if fault and (fault == "cut") is taken:
            raise Uncertain(self.name, "any", "no answer")
        self.fault = fault if fault and not taken else ""

    def prepare(self, way: str, our_ref: str, **sent: Any) -> str:
        """Place an order."""
        self._spoil(taken=False)
        if our_ref in self.orders and self.orders[our_ref]["state"] != "open":
            raise Refused(self.name, "prepare", "ORDER_CLOSED", "never")
        self.orders.setdefault(our_ref, {"state": "open", "fen": sent["fen"]})
        self._spoil(taken=True)
        return "wx" + our_ref

    def look(self, our_ref: str) -> Paid | Unpaid:
        """Ask for one."""
        self._spoil(taken=False)
        order = self.orders.get(our_ref)
        if order is None:
            return Unpaid(our_ref, "unknown")
        return self.paid(our_ref) if order["state"] == "paid" else Unpaid(our_ref, order["state"])

    def paid(self, our_ref: str) -> Paid:
        """What is told of a paid one."""
        return Paid(our_ref, f"42{our_ref}", self.orders[our_ref]["fen"], clock.protocol_now())

    def close(self, our_ref: str) -> None:
        """Close one."""
        self._spoil(taken=False)
        if self.orders.get(our_ref, {}).get("state") == "paid":
            raise Refused(self.name, "close", "paid", "never")
        if our_ref in self.orders:
            self.orders[our_ref]["state"] = "closed"
        self._spoil(taken=True)

    def refund(self, our_ref: str, *, payment_ref: str, fen: int, total_fen: int, reason: str) -> Returned:
        """Give back."""
        self._spoil(taken=False)
        if our_ref not in self.refunds:
            back = sum(r["fen"] for r in self.refunds.values() if r["of"] == payment_ref and r["state"] != "closed")
            if back + fen > self.orders[payment_ref]["fen"]:
                raise Refused(self.name, "refund", "INVALID_REQUEST", "never")
            self.refunds[our_ref] = {"of": payment_ref, "fen": fen, "state": "processing"}
        self._spoil(taken=True)
        return self.look_refund(our_ref)

    def look_refund(self, our_ref: str) -> Returned:
        """Ask for one."""
        row = self.refunds[our_ref]
        return Returned(our_ref, f"50{our_ref}", row["state"], row["fen"], None)

    def bill(self, day: Any) -> list[BillLine]:
        """Nothing is billed here."""
        return []


class Payments(RuleBasedStateMachine):
    """One case, one partner, one counter."""

    till: Till

    def __init__(self) -> None:
        super().__init__()
        rollback()
        self.till = Till()
        type(self).current = self.till
        self.case_id, order = asked()
        self.order_id: UUID = order.id
        self.taken = 0
        self.handed_out = 0
        commit()

    current: Till

    def _open(self) -> list[str]:
        return [ref for ref, order in self.till.orders.items() if order["state"] == "open"]

    @rule(way=st.sampled_from(("wechat_native", "wechat_h5")), fault=st.sampled_from(("", "", "cut", "away")))
    def begin(self, way: str, fault: str) -> None:
        self.till.fault = fault
        try:
            payments.start(self.order_id, way, NOBODY)
        except (FeeError, Uncertain, Refused):
            rollback()
        self.till.fault = ""

    @precondition(lambda self: self._open())
    @rule(pick=st.integers(0, 9), told=st.integers(0, 3))
    def pay(self, pick: int, told: int) -> None:
        ref = self._open()[pick % len(self._open())]
        self.till.orders[ref]["state"] = "paid"
        for _ in range(told):
            payments.take(self.till.paid(ref))
            commit()

    @precondition(lambda self: any(o["state"] == "paid" for o in self.till.orders.values()))
    @rule(pick=st.integers(0, 9))
    def tell_again(self, pick: int) -> None:
        paid = [ref for ref, order in self.till.orders.items() if order["state"] == "paid"]
        payments.take(self.till.paid(paid[pick % len(paid)]))
        commit()

    @rule(fault=st.sampled_from(("", "", "away")))
    def look(self, fault: str) -> None:
        later()
        self.till.fault = fault
        payments.look_at_payments()
        self.till.fault = ""

    @rule(fault=st.sampled_from(("", "away")))
    def counter(self, fault: str) -> None:
        self.till.fault = fault
        try:
            payments.take_at_counter(self.order_id, "cash", "", FEE, make.staff("fw-cashier"))
            self.taken += FEE
        except FeeError:
            rollback()
        self.till.fault = ""

    @rule()
    def withdraw(self) -> None:
        if case_of(self.case_id).state in ("paying", "submitted", "accepted"):
            acts(self.case_id, "withdraw", "")

    @rule()
    def decline(self) -> None:
        if case_of(self.case_id).state == "submitted":
            acts(self.case_id, "decline", "yl-both", REASONS)

    @rule()
    def lapse(self) -> None:
        if case_of(self.case_id).state == "paying":
            overdue(self.case_id)
            lapse_unpaid()

    @rule(fault=st.sampled_from(("", "", "cut", "away")), end=st.sampled_from(("done", "done", "failed", "closed")))
    def refund(self, fault: str, end: str) -> None:
        later()
        self.till.fault = fault
        tasks.send_refunds()
        self.till.fault = ""
        for ref, row in self.till.refunds.items():
            if row["state"] == "processing":
                row["state"] = end
                refunding.returned(self.till.look_refund(ref))
                commit()

    @rule()
    def cashier_tries_again(self) -> None:
        rollback()
        for refund in db.session.scalars(select(Refund).where(Refund.state == "failed").order_by(Refund.id)).all():
            if refund.trouble == "ABNORMAL":
                # The person's account takes it now; the partner goes on with the same refund.
                self.till.refunds[refund.our_ref]["state"] = "processing"
            refunding.try_again(refund.id)
        for refund in db.session.scalars(select(Refund).where(Refund.state == "at_counter").order_by(Refund.id)).all():
            refunding.settle_by_hand(refund.id, make.staff("fw-cashier"), "已当面退还现金")
            self.handed_out += refund.amount_fen
        commit()

    @invariant()
    def the_books_balance(self) -> None:
        rollback()
        db.session.expire_all()
        order = db.session.get_one(FeeOrder, self.order_id)
        mine = db.session.scalars(select(Payment).where(Payment.order_id == self.order_id)).all()
        back = {r.payment_id: r for r in db.session.scalars(select(Refund).where(Refund.order_id == self.order_id))}
        paid = [one for one in mine if one.state == "paid"]
        # Whatever arrived is kept, or on its way back: once.
        assert all(one.kept is not (one.id in back) for one in paid)
        assert (order.state == "paid") is (sum(one.kept for one in paid) == 1)
        assert all(back[one.id].amount_fen == one.paid_fen for one in paid if one.id in back)
        # The partner and the till have what the books say.
        assert {one.our_ref for one in paid if one.way not in COUNTER} <= {
            ref for ref, row in self.till.orders.items() if row["state"] == "paid"
        }
        assert sum(one.paid_fen or 0 for one in paid if one.way in COUNTER) == self.taken
        for ref in self.till.orders:
            given = sum(r["fen"] for r in self.till.refunds.values() if r["of"] == ref and r["state"] == "done")
            assert given <= self.till.orders[ref]["fen"], "money goes back once"
        # The case says what the order says.
        steps = list(db.session.scalars(select(CaseEvent.action).where(CaseEvent.case_id == self.case_id)))
        assert steps.count("fee_paid") <= 1
        state = case_of(self.case_id).state
        assert (state == "paying") is (order.state in ("due", "ordered"))
        assert state != "submitted" or order.state == "paid"

    def teardown(self) -> None:
        """Left alone for long enough, everything comes to its end: each fen is kept or given back."""
        for _ in range(8):
            later()
            payments.look_at_payments()
            tasks.send_refunds()
            for ref, row in self.till.refunds.items():
                if row["state"] == "processing":
                    row["state"] = "done"
                    refunding.returned(self.till.look_refund(ref))
            commit()
            self.cashier_tries_again()
        rollback()
        db.session.expire_all()
        held = self.taken - self.handed_out
        held += sum(row["fen"] for row in self.till.orders.values() if row["state"] == "paid")
        held -= sum(row["fen"] for row in self.till.refunds.values() if row["state"] == "done")
        order = db.session.get_one(FeeOrder, self.order_id)
        assert held == (FEE if order.state == "paid" else 0), (held, order.state)
        assert order.state in ("due", "ordered", "paid", "expired", "cancelled", "refunded")


def test_no_order_of_the_world_loses_money_or_does_anything_twice(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    charge()
    for room in (payments, tasks):
        monkeypatch.setattr(room, "wechat_pay", lambda: Payments.current)
    run_state_machine_as_test(Payments, settings=settings(max_examples=14, stateful_step_count=12))
