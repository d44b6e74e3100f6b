"""Every fate of a payment, driven by hand: no money is lost, nothing is done twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from flask import Flask
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from citizen_services import clock
from citizen_services.cases import operations, payments
from citizen_services.cases.automatic import lapse_unpaid
from citizen_services.cases.errors import GuardFailed, MovedOn
from citizen_services.cases.models import Document
from citizen_services.database import commit, db, new_id
from citizen_services.database.base import rollback
from citizen_services.exchange.outcomes import Refused, Uncertain
from citizen_services.exchange.payments import Paid
from citizen_services.fees import refunding, tasks
from citizen_services.fees.errors import NotPayable, SlipUsed, WrongAmount
from citizen_services.fees.models import FeeOrder, Payment, Refund
from citizen_services.parts import parts
from citizen_services.people.models import Citizen
from deploy.devsettings import key_pair
from tests import factories as make
from tests.cases.engine_world import REASONS
from tests.fees.kit import (
    FEE,
    Bank,
    acts,
    applied,
    asked,
    case_of,
    charge,
    history,
    later,
    order_of,
    overdue,
    payments_of,
    refunds_of,
    started,
)
from tests.house import House


def test_a_fee_is_asked_for_paid_once_and_only_then_accepted(bank: Bank) -> None:
    case_id = applied()
    with pytest.raises(GuardFailed, match="还没有缴费"):
        acts(case_id, "accept")
    acts(case_id, "ask_fee")
    order = order_of(case_id)
    assert (order.state, order.amount_fen, order.title) == ("due", FEE, "居住证补领")
    assert case_of(case_id).statutory_due is None, "no statutory clock runs on an unpaid case"
    payment = started(order)
    assert order_of(case_id).state == "ordered"
    # Begun again on another page, it is the same payment and nothing new at the partner.
    assert started(order).our_ref == payment.our_ref
    assert bank.paid(payment) == 204
    assert (order_of(case_id).state, case_of(case_id).state) == ("paid", "submitted")
    # The partner tells again, and again.
    assert [bank.paid(payment) for _ in range(3)] == [204, 204, 204]
    assert history(case_id).count("fee_paid") == 1
    assert refunds_of(case_id) == []
    rollback()
    receipts = db.session.scalars(select(Document).where(Document.kind == "fee_receipt")).all()
    assert len(receipts) == 1
    text = "".join(receipts[0].content["paragraphs"])
    assert "实收金额：20元" in text
    assert payment.our_ref in text
    acts(case_id, "accept")
    assert case_of(case_id).state == "accepted"
    with pytest.raises(NotPayable):
        started(order)


def test_told_by_many_at_one_moment_it_is_taken_once(app: Flask, bank: Bank) -> None:
    case_id, order = asked()
    payment = started(order)
    content = bank.content(payment)
    report = Paid(payment.our_ref, content["transaction_id"], FEE, clock.protocol_now())
    rollback()

    def tell(_: int) -> bool:
        with app.app_context():
            kept = payments.take(report).kept
            commit()
        return kept

    with ThreadPoolExecutor(6) as pool:
        kept = list(pool.map(tell, range(6)))
    assert sorted(kept) == [False] * 5 + [True]
    assert (order_of(case_id).state, history(case_id).count("fee_paid")) == ("paid", 1)
    assert refunds_of(case_id) == []


def test_what_costs_nothing_goes_its_way_as_before(bank: Bank) -> None:
    charge(0)
    case_id = applied()
    with pytest.raises(GuardFailed, match="不用缴费"):
        acts(case_id, "ask_fee")
    acts(case_id, "accept")
    assert case_of(case_id).state == "accepted"


def test_forged_old_and_foreign_messages_move_nothing(bank: Bank) -> None:
    case_id, order = asked()
    payment = started(order)
    content = bank.content(payment)
    stranger, _ = key_pair()
    assert bank.tell(content, key=stranger) == 401, "signed by somebody else"
    assert bank.tell(content, age_s=301) == 401, "replayed after five minutes"
    assert bank.tell(content, age_s=-360) == 401, "from the future, even if this takes a minute"
    assert bank.tell(content, headers={"Wechatpay-Serial": "7F3A"}) == 401, "a certificate that we don't know"
    assert bank.tell(content, headers={"Wechatpay-Signature-Type": "WECHATPAY2-SM2"}) == 401
    assert bank.tell(content, headers={"Wechatpay-Signature": "WECHATPAY/SIGNTEST/abcd"}) == 401, "WeChat's own probe"
    assert bank.tell(content | {"mchid": "1900000000"}) == 401, "another merchant's"
    assert bank.tell(content | {"appid": "wx0000000000000000"}) == 401, "another account's"
    assert bank.tell(content | {"trade_state": "NOTPAY"}) == 401
    assert bank.tell(content, token="0" * 32) == 404, "who does not know the address"
    assert bank.tell(content | {"out_trade_no": "0" * 32}) == 404, "a payment that is none of ours"
    assert (order_of(case_id).state, case_of(case_id).state) == ("ordered", "paying")


def test_a_wrong_amount_is_not_taken_and_goes_back(bank: Bank) -> None:
    case_id, order = asked()
    payment = started(order)
    assert bank.paid(payment, fen=FEE - 1) == 204
    assert (order_of(case_id).state, case_of(case_id).state) == ("due", "paying")
    assert [refund.amount_fen for refund in refunds_of(case_id)] == [FEE - 1]
    assert bank.paid(payment, fen=FEE - 1) == 204
    assert len(refunds_of(case_id)) == 1
    # The order can still be paid, by a new try.
    second = started(order_of(case_id))
    assert second.our_ref != payment.our_ref
    assert bank.paid(second) == 204
    assert case_of(case_id).state == "submitted"


def test_money_after_the_withdrawal_goes_back_by_itself(bank: Bank, outside: House) -> None:
    case_id, order = asked()
    payment = started(order)
    acts(case_id, "withdraw", "")
    assert (order_of(case_id).state, case_of(case_id).state) == ("cancelled", "withdrawn")
    with pytest.raises(NotPayable):
        started(order)
    outside.control("POST", f"payments/{payment.our_ref}", {"event": "silent"})
    later()
    # What stands at the partner is closed; it turns out to be paid.
    assert payments.look_at_payments() == 1
    assert order_of(case_id).state == "refunding"
    assert [(r.state, r.amount_fen) for r in refunds_of(case_id)] == [("due", FEE)]
    later()
    tasks.send_refunds()
    assert refunds_of(case_id)[0].state == "processing"
    refund = refunds_of(case_id)[0]
    content = bank.content(payment) | {
        "out_refund_no": refund.our_ref, "refund_id": refund.partner_ref, "refund_status": "SUCCESS",
        "amount": {"total": FEE, "refund": FEE, "payer_total": FEE, "payer_refund": FEE},
    }  # fmt: skip
    assert bank.tell(content, event="REFUND.SUCCESS") == 204
    assert bank.tell(content, event="REFUND.SUCCESS") == 204
    assert (order_of(case_id).state, refunds_of(case_id)[0].state) == ("refunded", "done")
    assert history(case_id)[-1] == "withdraw"


def test_nobody_pays_what_was_withdrawn_once_the_partner_has_closed_it(bank: Bank, outside: House) -> None:
    case_id, order = asked()
    payment = started(order)
    acts(case_id, "withdraw", "")
    later()
    payments.look_at_payments()
    assert payments_of(case_id)[0].state == "closed"
    with pytest.raises(requests.HTTPError, match="409"):
        outside.control("POST", f"payments/{payment.our_ref}", {"event": "paid"})


def test_a_late_callback_of_a_payment_in_time_counts_and_nothing_lapses_while_the_partner_is_away(
    bank: Bank, outside: House
) -> None:
    case_id, order = asked()
    payment = started(order)
    outside.control("POST", f"payments/{payment.our_ref}", {"event": "silent"})
    overdue(case_id)
    outside.control("PUT", "faults/wechat_pay", {"mode": "http_500", "times": 1})
    assert lapse_unpaid() == 0
    assert case_of(case_id).state == "paying"
    assert lapse_unpaid() == 0, "it was paid"
    assert (order_of(case_id).state, case_of(case_id).state) == ("paid", "submitted")
    assert bank.paid(payment, transaction_id=payments_of(case_id)[0].partner_ref) == 204
    assert history(case_id).count("fee_paid") == 1


def test_unpaid_at_its_last_day_the_case_lapses_and_later_money_goes_back(bank: Bank, outside: House) -> None:
    case_id, order = asked()
    assert lapse_unpaid() == 0
    payment = started(order)
    overdue(case_id)
    assert lapse_unpaid() == 1
    assert (order_of(case_id).state, case_of(case_id).state) == ("expired", "lapsed")
    assert payments_of(case_id)[0].state == "closed"
    assert bank.paid(payment) == 204
    assert order_of(case_id).state == "refunding"
    assert [r.amount_fen for r in refunds_of(case_id)] == [FEE]
    assert case_of(case_id).state == "lapsed"


def test_paid_and_then_declined_the_money_goes_back_by_itself(bank: Bank) -> None:
    case_id, order = asked()
    assert bank.paid(started(order)) == 204
    acts(case_id, "decline", "yl-both", REASONS)
    assert case_of(case_id).state == "declined"
    assert order_of(case_id).state == "refunding"
    assert [(r.state, r.reason) for r in refunds_of(case_id)] == [("due", "不予受理，退还费用")]


def test_paid_twice_by_two_ways_one_of_them_goes_back(bank: Bank, outside: House) -> None:
    case_id, order = asked()
    payment = started(order)
    # The partner does not answer while the cashier takes cash.
    outside.control("PUT", "faults/wechat_pay", {"mode": "http_500", "times": 1})
    cashier = make.staff("fw-cashier")
    payments.take_at_counter(order.id, "cash", "", FEE, cashier)
    assert (order_of(case_id).state, case_of(case_id).state) == ("paid", "submitted")
    assert bank.paid(payment) == 204
    assert order_of(case_id).state == "paid"
    assert [p.kept for p in payments_of(case_id)] == [False, True]
    assert [(r.state, r.payment_id) for r in refunds_of(case_id)] == [("due", payment.id)]
    with pytest.raises(NotPayable):
        payments.take_at_counter(order.id, "pos", "123456", FEE, cashier)


def test_a_card_s_slip_pays_once_and_the_cashier_is_told(bank: Bank) -> None:
    (_, first), (case_id, second) = asked(), asked()
    cashier = make.staff("fw-cashier")
    payments.take_at_counter(first.id, "pos", "000123", FEE, cashier)
    with pytest.raises(SlipUsed, match="凭条号已经登记过"):
        payments.take_at_counter(second.id, "pos", "000123", FEE, cashier)
    rollback()
    assert order_of(case_id).state == "due"
    payments.take_at_counter(second.id, "pos", "1126-000123", FEE, cashier)
    assert order_of(case_id).state == "paid"


def test_the_counter_takes_the_exact_amount_and_gives_it_back_by_hand(bank: Bank) -> None:
    case_id, order = asked()
    cashier = make.staff("fw-cashier")
    with pytest.raises(WrongAmount):
        payments.take_at_counter(order.id, "cash", "", FEE + 1, cashier)
    rollback()
    payments.take_at_counter(order.id, "pos", "POS-000123", FEE, cashier)
    acts(case_id, "withdraw", "")
    (refund,) = refunds_of(case_id)
    assert refund.state == "at_counter"
    later()
    assert tasks.send_refunds() == 0
    refunding.settle_by_hand(refund.id, cashier, "已当面退还现金，本人签收")
    db.session.commit()
    assert (order_of(case_id).state, refunds_of(case_id)[0].state) == ("refunded", "done")


def test_a_prepay_is_closed_at_the_partner_before_another_way_begins(bank: Bank, outside: House) -> None:
    case_id, order = asked()
    first = started(order)
    outside.control("PUT", "faults/wechat_pay", {"mode": "http_500", "times": 1})
    with pytest.raises(Uncertain):
        started(order, "wechat_h5")
    assert len(payments_of(case_id)) == 1, "while nobody knows whether the first can be paid there is no second"
    second = started(order_of(case_id), "wechat_h5")
    assert [(p.way, p.state) for p in payments_of(case_id)] == [("wechat_native", "closed"), ("wechat_h5", "open")]
    assert outside.ledger("wechat_pay")[-2]["operation"] == "close"
    assert first.our_ref != second.our_ref


def test_a_lost_answer_of_the_order_is_asked_again_under_the_same_reference(bank: Bank, outside: House) -> None:
    case_id, order = asked()
    outside.control("PUT", "faults/wechat_pay", {"mode": "accept_then_cut", "times": 1})
    with pytest.raises(Uncertain):
        started(order)
    assert payments_of(case_id)[0].state == "sending"
    payment = started(order_of(case_id))
    assert payment.state == "open"
    assert len(payments_of(case_id)) == 1


def test_an_order_that_the_partner_refuses_leaves_the_fee_as_it_was(bank: Bank, outside: House) -> None:
    case_id, order = asked()
    outside.control("PUT", "faults/wechat_pay", {"mode": "refuse", "times": 1})
    with pytest.raises(Refused):
        started(order)
    assert (order_of(case_id).state, payments_of(case_id)[0].state) == ("due", "closed")
    assert started(order_of(case_id)).state == "open"


@pytest.mark.parametrize(("event", "trouble"), [("refund_abnormal", "ABNORMAL"), ("refund_closed", "CLOSED")])
def test_a_refund_that_fails_is_put_before_the_cashier_and_done_once(
    bank: Bank, outside: House, event: str, trouble: str
) -> None:
    case_id, order = asked()
    payment = started(order)
    outside.control("POST", f"payments/{payment.our_ref}", {"event": "silent"})
    outside.control("POST", f"payments/{payment.our_ref}", {"event": event})
    later()
    payments.look_at_payments()
    acts(case_id, "withdraw", "")
    later()
    tasks.send_refunds()
    (refund,) = refunds_of(case_id)
    content = bank.content(payment) | {
        "out_refund_no": refund.our_ref, "refund_id": refund.partner_ref, "refund_status": trouble,
        "amount": {"total": FEE, "refund": FEE},
    }  # fmt: skip
    assert bank.tell(content, event=f"REFUND.{trouble}") == 204
    (refund,) = refunds_of(case_id)
    assert (refund.state, refund.trouble, order_of(case_id).state) == ("failed", trouble, "disputed")
    first = refund.our_ref
    refunding.try_again(refund.id)
    db.session.commit()
    (refund,) = refunds_of(case_id)
    assert (refund.state, order_of(case_id).state) == ("due", "refunding")
    assert (refund.our_ref == first) is (trouble != "CLOSED"), "another reference only where the first is closed"


def test_a_refund_whose_answer_is_lost_is_made_once(bank: Bank, outside: House) -> None:
    case_id, order = asked()
    payment = started(order)
    outside.control("POST", f"payments/{payment.our_ref}", {"event": "silent"})
    later()
    payments.look_at_payments()
    acts(case_id, "withdraw", "")
    outside.control("PUT", "faults/wechat_pay", {"mode": "accept_then_cut", "times": 2})
    for _ in range(3):
        later()
        tasks.send_refunds()
    (refund,) = refunds_of(case_id)
    assert refund.state in ("processing", "done")
    told = [entry["operation"] for entry in outside.ledger("wechat_pay") if entry["our_ref"] == refund.our_ref]
    assert told == ["refunds", "refunds", "refunds"]


def test_money_that_the_merchant_lacks_is_tried_again_and_then_shown(bank: Bank, outside: House) -> None:
    case_id, order = asked()
    payment = started(order)
    outside.control("POST", f"payments/{payment.our_ref}", {"event": "silent"})
    later()
    payments.look_at_payments()
    acts(case_id, "withdraw", "")
    outside.control("POST", f"payments/{payment.our_ref}", {"event": "no_money"})
    try:
        for _ in range(8):
            later()
            tasks.send_refunds()
    finally:
        outside.control("POST", f"payments/{payment.our_ref}", {"event": "money"})
    (refund,) = refunds_of(case_id)
    assert (refund.state, refund.trouble, refund.tries) == ("failed", "NOT_ENOUGH", 8)
    refunding.try_again(refund.id)
    db.session.commit()
    tasks.send_refunds()
    assert refunds_of(case_id)[0].state == "processing"


def test_an_act_that_comes_between_is_told_and_loses_nothing(bank: Bank) -> None:
    case_id, order = asked()
    payment = started(order)
    version = case_of(case_id).version
    assert bank.paid(payment) == 204
    person = make.applicant(db.session.get_one(Citizen, case_of(case_id).citizen_id))
    with pytest.raises(MovedOn):
        operations.perform(parts().catalogue, case_id, "withdraw", person, version, {})
    rollback()
    assert order_of(case_id).state == "paid"


def test_the_database_itself_lets_no_amount_change_and_no_money_go_back_twice(bank: Bank) -> None:
    case_id, order = asked()
    assert bank.paid(started(order)) == 204
    (payment,) = payments_of(case_id)
    for table, where, values in (
        (FeeOrder, FeeOrder.id == order.id, {"amount_fen": 1}),
        (FeeOrder, FeeOrder.id == order.id, {"state": "due"}),
        (Payment, Payment.id == payment.id, {"state": "open", "paid_fen": None, "kept": False}),
        (Payment, Payment.id == payment.id, {"paid_fen": 1}),
    ):
        with pytest.raises(IntegrityError):
            db.session.execute(update(table).where(where).values(**values))
        rollback()
    acts(case_id, "withdraw", "")
    (refund,) = refunds_of(case_id)
    again = {column.name: getattr(refund, column.name) for column in Refund.__table__.columns}
    with pytest.raises(IntegrityError):
        db.session.execute(insert(Refund).values(again | {"id": new_id(), "our_ref": new_id().hex}))
    rollback()
