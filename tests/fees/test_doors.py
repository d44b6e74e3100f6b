"""A fee at every door: on the phone in WeChat and elsewhere, at the counter, on the case's page, by a program."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import delete, select, update

from citizen_services import clock
from citizen_services.cases.models import Case
from citizen_services.database import commit, db
from citizen_services.exchange.payments import BillLine
from citizen_services.fees import reconciling, tasks
from citizen_services.fees.models import BillDay, FeeDifference, FeeOrder, Payment
from citizen_services.people.models import Session
from citizen_services.sandbox.signed import CHINA
from tests.api.conftest import Program
from tests.console.conftest import Desk
from tests.fees.kit import ITEM, Bank, charge, started
from tests.fees.kit import asked as plain_asked
from tests.house import House
from tests.people.browser import WECHAT, Browser
from tests.portal.acting import staff_acts
from tests.portal.conftest import Resident, log_in
from tests.portal.test_replacement import holder, report_lost

PHONE = "Mozilla/5.0 (Linux; Android 13) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Mobile Safari/537.36"


@pytest.fixture
def payer(resident: Callable[..., Resident]) -> Resident:
    """Somebody who lost their card, where another one costs 20 yuan."""
    person = holder(resident)
    with person.app.app_context():
        charge()
    return person


def order_of(person: Resident, case_id: UUID) -> FeeOrder:
    with person.app.app_context():
        return db.session.scalars(select(FeeOrder).where(FeeOrder.duty == f"case:{case_id}")).one()


def payment_of(person: Resident) -> Payment:
    with person.app.app_context():
        return db.session.scalars(select(Payment).order_by(Payment.our_ref.desc()).limit(1)).one()


def asked(person: Resident) -> tuple[UUID, FeeOrder]:
    """The fee is asked for; the case and the order."""
    case_id = report_lost(person)
    staff_acts(person, case_id, "ask_fee", "yl-clerk")
    return case_id, order_of(person, case_id)


def paid_at_the_partner(person: Resident, outside: House) -> None:
    outside.control("POST", f"payments/{payment_of(person).our_ref}", {"event": "silent"})


def test_the_fee_is_said_before_and_paid_on_the_phone_without_a_visit(payer: Resident, outside: House) -> None:
    browser = payer.browser
    browser.agent = PHONE
    browser.open(f"/h5/items/{ITEM}")
    assert "居住证补领工本费 20元" in browser.words
    payer.begin(ITEM)
    browser.submit("save", loss="lost", loss_remark="")
    browser.submit("save", portrait_correct="yes")
    browser.submit("save")
    for words in ("居住证补领工本费 20元", "核对通过后通知您缴费", "EMS 寄送，邮费由公安机关承担，您不用付。"):
        assert words in browser.words, words
    browser.submit("submit", commitment="yes")
    case_id = next(case.id for case in payer.cases() if case.item == ITEM)
    staff_acts(payer, case_id, "ask_fee", "yl-clerk")
    order = order_of(payer, case_id)
    browser.open(f"/h5/cases/{case_id}")
    assert "待缴费" in browser.words
    assert f"/h5/pay/{order.id}" in browser.page.text
    browser.open(f"/h5/pay/{order.id}")
    assert "应缴金额 20元" in browser.words
    browser.submit("pay")
    assert f"{outside.sandbox_url}/wechat_pay/mweb?prepay_id=" in browser.page.text
    browser.open(f"/h5/pay/{order.id}/result")
    assert "正在确认" in browser.words
    browser.submit("check")
    assert "正在确认" in browser.words, "nothing is paid yet, whatever the phone says"
    paid_at_the_partner(payer, outside)
    browser.submit("check")
    assert "缴费成功" in browser.words
    browser.open(f"/h5/cases/{case_id}")
    assert "缴费凭据（电子票据）" in browser.words
    assert "已缴费" in browser.words
    staff_acts(payer, case_id, "accept", "yl-clerk")
    assert [case.visits for case in payer.cases() if case.id == case_id] == [0]


def test_in_wechat_its_own_bridge_pays_for_the_follower(payer: Resident, outside: House, house: House) -> None:
    openid = "o6_pay_follower_0001"
    outside.control("PUT", f"followers/{openid}", {"push": False})
    case_id, order = asked(payer)
    with payer.app.app_context():
        db.session.execute(update(Session).where(Session.citizen_id == payer.id).values(openid=openid))
        commit()
    browser = Browser(payer.app, house.web_url, WECHAT)
    log_in(browser, payer.token)
    browser.open(f"/h5/pay/{order.id}")
    browser.submit("pay")
    assert "data-bridge" in browser.page.text
    assert "prepay_id=wx" in browser.page.text
    assert payment_of(payer).way == "wechat_jsapi"
    # The same person on another screen: what stands at the partner is closed before a code is shown.
    payer.browser.open(f"/h5/pay/{order.id}")
    payer.browser.submit("pay")
    with payer.app.app_context():
        states = [(one.way, one.state) for one in db.session.scalars(select(Payment).order_by(Payment.our_ref))]
    assert states == [("wechat_jsapi", "closed"), ("wechat_native", "open")]
    picture = payer.browser.client.get(f"/h5/pay/{order.id}/qr.png", base_url=house.web_url)
    assert picture.data.startswith(b"\x89PNG")
    assert case_id is not None


def test_a_program_reads_what_the_page_says(
    payer: Resident, resident: Callable[..., Resident], program: Callable[[str | None], Program], outside: House
) -> None:
    case_id, order = asked(payer)
    mine = program(payer.token)
    assert mine.get(f"/cases/{case_id}").get_json()["fees"] == [str(order.id)]
    said = mine.get(f"/fees/{order.id}").get_json()
    assert (said["number"], said["state"], said["amount_fen"], said["case"]) == (
        order.number,
        "due",
        2_000,
        str(case_id),
    )
    assert said["lines"] == [{"label": "居住证补领工本费", "fen": 2_000}]
    assert said["pay"].endswith(f"/h5/pay/{order.id}")
    assert program(resident("陌生人").token).get(f"/fees/{order.id}").status_code == 404
    assert program(None).get(f"/fees/{order.id}").status_code == 401


def test_nobody_else_sees_or_pays_an_order(payer: Resident, resident: Callable[..., Resident], outside: House) -> None:
    _case_id, order = asked(payer)
    stranger = resident("陌生人")
    for path in (f"/h5/pay/{order.id}", f"/h5/pay/{order.id}/result", f"/h5/pay/{order.id}/qr.png"):
        assert stranger.browser.open(path).status_code == 404, path


def test_while_the_partner_is_away_the_page_says_so_and_nothing_is_lost(payer: Resident, outside: House) -> None:
    _case_id, order = asked(payer)
    outside.control("PUT", "faults/wechat_pay", {"mode": "http_500", "times": 1})
    payer.browser.open(f"/h5/pay/{order.id}")
    assert payer.browser.submit("pay").status_code == 503
    assert "支付机构暂时没有答复" in payer.browser.words
    payer.browser.open(f"/h5/pay/{order.id}")
    payer.browser.submit("pay")
    assert "用微信扫一扫付款" in payer.browser.words


def test_the_cashier_takes_money_and_never_accepts(
    payer: Resident, desk: Callable[[str], Desk], outside: House
) -> None:
    case_id, order = asked(payer)
    cashier = desk("fw-cashier")
    cashier.open("/console/fees")
    assert "没有要处理的退款" in cashier.words
    cashier.open(f"/console/fees?number={order.number.lower()}")
    assert "应缴 20元" in cashier.words
    assert payer.name not in cashier.words, "names are masked"
    cashier.submit("take", way="cash", amount="19")
    assert "金额与应缴金额不一致" in cashier.words
    cashier.submit("take", way="pos", amount="20")
    assert "请填写凭条号" in cashier.words
    cashier.submit("take", way="cash", amount="20.00")
    assert "已收款" in cashier.words
    assert "窗口现金" in cashier.words
    with payer.app.app_context():
        assert db.session.get_one(Case, case_id).state == "submitted"
    assert cashier.open(f"/console/cases/{case_id}").status_code == 403
    for login in ("yl-clerk", "yl-officer", "fw-supervisor"):
        assert desk(login).open("/console/fees").status_code == 403, login
    # Withdrawn now, the cash is handed back by hand, with a word on it.
    payer.browser.open(f"/h5/cases/{case_id}")
    payer.browser.submit("withdraw")
    assert "请本人带身份证件到收费窗口领取" in payer.browser.words
    cashier.open("/console/fees")
    cashier.submit("settle", how="已退")
    assert "请用 4 到 200 个字" in cashier.words
    cashier.submit("settle", how="已当面退还现金20元，本人签收")
    assert "没有要处理的退款" in cashier.words


def test_every_difference_of_the_bank_s_bill_is_shown_until_it_is_settled(
    payer: Resident, desk: Callable[[str], Desk], outside: House
) -> None:
    _case_id, order = asked(payer)
    payer.browser.open(f"/h5/pay/{order.id}")
    payer.browser.submit("pay")
    payment = payment_of(payer)
    # Three days ago, so that the bank has made the bill whatever the hour is.
    when = clock.protocol_now().astimezone(CHINA) - timedelta(days=3)
    outside.control("POST", f"payments/{payment.our_ref}", {"event": "silent", "at": when.isoformat()})
    with payer.app.app_context():
        assert payment.our_ref in tasks.compare_bill(when.date())
        assert reconciling.missing([when.date()]) == []
        ours = db.session.scalars(select(FeeDifference).where(FeeDifference.our_ref == payment.our_ref)).one()
        assert (ours.kind, ours.ours_fen, ours.theirs_fen) == ("payment_missing_here", None, 2_000)
        # Others of this day are payments of other tests, which this database has never had.
        db.session.execute(delete(FeeDifference).where(FeeDifference.our_ref != payment.our_ref))
        commit()
    cashier = desk("fw-cashier")
    cashier.open("/console/fees")
    assert "对方有付款，我方没有" in cashier.words
    cashier.submit("ask")
    assert "已补记这笔付款" in cashier.words
    cashier.submit("settle_difference", how="通知没有到，已查询补记")
    assert "没有未处理的差异" in cashier.words
    with payer.app.app_context():
        # Compared once more, the two agree.
        db.session.execute(delete(BillDay))
        db.session.execute(delete(FeeDifference))
        commit()
        assert payment.our_ref not in tasks.compare_bill(when.date())


def test_what_only_we_have_and_what_differs_is_shown_too(app: Flask, outside: House) -> None:
    charge()
    bank = Bank(app, outside)
    case_id, order = plain_asked()
    payment = started(order)
    at = clock.protocol_now().astimezone(CHINA)
    # At that moment, so that both are of one day even where it ends just now.
    assert bank.paid(payment, success_time=at.isoformat(timespec="seconds")) == 204
    assert case_id is not None
    found = reconciling.compare(at.date(), [])
    assert [(one["kind"], one["ours_fen"]) for one in found] == [("payment_missing_there", 2_000)]
    db.session.rollback()
    found = reconciling.compare(at.date(), [BillLine("payment", payment.our_ref, 1_999)])
    assert [(one["kind"], one["theirs_fen"]) for one in found] == [("payment_amount", 1_999)]
    db.session.rollback()
    assert reconciling.compare(at.date(), [BillLine("payment", payment.our_ref, 2_000)]) == []
    found = reconciling.compare(
        at.date(), [BillLine("refund", "0" * 32, 5), BillLine("payment", payment.our_ref, 2_000)]
    )
    assert [one["kind"] for one in found] == ["refund_missing_here"]
