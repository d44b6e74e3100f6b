"""Whoever paid is told that their money goes back, that it came, or that it did not: of each once, by the ladder."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from citizen_services.cases import payments
from citizen_services.database import commit, db
from citizen_services.database.base import rollback
from citizen_services.fees import refunding, tasks
from notifications.models import Delivery, Notice
from tests import factories as make
from tests.fees.kit import FEE, Bank, acts, asked, history, later, order_of, payments_of, refunds_of, started
from tests.house import House


def told(case_id: UUID) -> dict[str, str]:
    """The refunds' notices of a case, by kind; every kind stands there once."""
    rollback()
    query = select(Notice).where(Notice.case_id == case_id, Notice.kind.startswith("refund_")).order_by(Notice.kind)
    notices = db.session.scalars(query).all()
    kinds = [notice.kind for notice in notices]
    assert len(kinds) == len(set(kinds)), "nobody is told twice"
    return {notice.kind: notice.text for notice in notices}


def paid(bank: Bank) -> UUID:
    case_id, order = asked()
    assert bank.paid(started(order)) == 204
    return case_id


def answer(bank: Bank, case_id: UUID, event: str, status: str) -> int:
    """The partner says what became of the refund."""
    (payment,), (refund,) = payments_of(case_id), refunds_of(case_id)
    content = bank.content(payment) | {
        "out_refund_no": refund.our_ref, "refund_id": "5030000000000000000000000001", "refund_status": status,
        "amount": {"total": FEE, "refund": FEE},
    }  # fmt: skip
    return bank.tell(content, event=f"REFUND.{event}")


def test_a_refund_is_told_when_it_is_asked_for_and_when_it_came(bank: Bank) -> None:
    case_id = paid(bank)
    assert told(case_id) == {}
    acts(case_id, "withdraw", "")
    number = order_of(case_id).number
    assert told(case_id) == {
        "refund_asked": f"您为“居住证补领”缴的20元（缴费单号{number}）正在退还：按原路退回微信支付，到账要几天。"
        "不用再申请，不用到场。原因：已撤回，退还费用。"
    }
    # The partner tells twice: the person hears it once.
    assert [answer(bank, case_id, "SUCCESS", "SUCCESS") for _ in range(2)] == [204, 204]
    assert order_of(case_id).state == "refunded"
    assert told(case_id)["refund_done"].startswith(
        f"您为“居住证补领”缴的20元（缴费单号{number}）已按原路退回微信支付。"
    )
    assert history(case_id)[-1] == "withdraw"


def test_a_refund_that_fails_is_told_once_however_often_it_fails_and_climbs_until_it_is_known(bank: Bank) -> None:
    case_id = paid(bank)
    acts(case_id, "withdraw", "")
    for _ in range(2):
        assert answer(bank, case_id, "ABNORMAL", "ABNORMAL") == 204
        (refund,) = refunds_of(case_id)
        assert refund.state == "failed"
        assert "没有退成，钱没有丢" in told(case_id)["refund_failed"]
        refunding.try_again(refund.id)
        commit()
    query = select(Delivery.must_be_known).join(Notice, Notice.id == Delivery.notice_id)
    assert db.session.scalars(query.where(Notice.case_id == case_id, Notice.kind == "refund_failed")).all() == [True]
    assert answer(bank, case_id, "SUCCESS", "SUCCESS") == 204
    assert list(told(case_id)) == ["refund_asked", "refund_done", "refund_failed"]


def test_money_that_was_paid_at_the_counter_is_told_of_as_it_comes_back(bank: Bank, outside: House) -> None:
    case_id, order = asked()
    cashier = make.staff("fw-cashier")
    payments.take_at_counter(order.id, "cash", "", FEE, cashier)
    acts(case_id, "withdraw", "")
    assert "正在退还：由收费窗口打电话联系您退还。" in told(case_id)["refund_asked"]
    later()
    tasks.send_refunds()
    (refund,) = refunds_of(case_id)
    refunding.settle_by_hand(refund.id, cashier, "转账到本人银行卡")
    commit()
    assert "已由收费窗口退还。" in told(case_id)["refund_done"]
    assert "银行卡" not in told(case_id)["refund_done"]
