"""A process that dies while the partner has the request: whoever comes next does the rest, and nothing twice."""

from __future__ import annotations

import sys
import time
from typing import Any
from uuid import UUID

from citizen_services.cases import payments
from citizen_services.database import commit
from citizen_services.fees import tasks
from tests.fees.kit import FEE, Bank, acts, asked, later, order_of, payments_of, refunds_of, started
from tests.house import House

_BEGIN = """
from app import create_app
from uuid import UUID
from citizen_services.cases import payments
from citizen_services.fees.paying import Payer
with create_app(process="command").app_context():
    payments.start(UUID("{order}"), "wechat_native", Payer(client_ip="127.0.0.1"))
"""
_REFUND = """
from app import create_app
from citizen_services.fees import tasks
with create_app(process="command").app_context():
    tasks.send_refunds()
"""


def told(outside: House, operation: str, our_ref: str) -> list[dict[str, Any]]:
    """What the partner has taken under a reference."""
    entries = outside.ledger("wechat_pay")
    return [one for one in entries if one["operation"] == operation and our_ref in ("", one["our_ref"])]


def new_since(outside: House, program: str, operation: str) -> str:
    """Kill a program at its next such operation; the reference under which the partner took it."""
    before = {one["our_ref"] for one in told(outside, operation, "")}
    outside.control("PUT", "faults/wechat_pay", {"mode": "slow", "delay_s": 300, "times": 1})
    process = outside.start("killed", [sys.executable, "-c", program])
    try:
        while not (found := [one for one in told(outside, operation, "") if one["our_ref"] not in before]):
            assert process.popen.poll() is None, process.log.read_text()[-2000:]
            time.sleep(0.05)
    finally:
        process.kill()
    return str(found[0]["our_ref"])


def test_a_process_that_dies_while_an_order_is_placed_leaves_one_that_is_gone_on_with(
    bank: Bank, outside: House
) -> None:
    case_id, order = asked()
    ref = new_since(outside, _BEGIN.format(order=order.id), "native")
    (payment,) = payments_of(case_id)
    assert (payment.our_ref, payment.state) == (ref, "sending")
    again = started(order_of(case_id))
    assert (again.our_ref, again.state) == (ref, "open")
    assert bank.paid(again) == 204
    assert order_of(case_id).state == "paid"


def test_a_process_that_dies_while_money_goes_back_sends_it_back_once(bank: Bank, outside: House) -> None:
    case_id, order = asked()
    payment = started(order)
    outside.control("POST", f"payments/{payment.our_ref}", {"event": "silent"})
    later()
    payments.look_at_payments()
    acts(case_id, "withdraw", "")
    (refund,) = refunds_of(case_id)
    assert isinstance(refund.id, UUID)
    ref = new_since(outside, _REFUND, "refunds")
    assert (ref, refunds_of(case_id)[0].state) == (refund.our_ref, "sending")
    later()
    assert tasks.send_refunds() == 1
    commit()
    (refund,) = refunds_of(case_id)
    assert (refund.our_ref, refund.amount_fen) == (ref, FEE)
    assert refund.state in ("processing", "done")
    assert [one["outcome"] for one in told(outside, "refunds", ref)] == ["accepted", "accepted"]
