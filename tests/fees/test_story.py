"""The story of a fee in a real browser: set, said, asked for, paid in WeChat, accepted, its receipt in hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select, update

from citizen_services import clock
from citizen_services.database import commit, db, new_id
from citizen_services.fees.models import FeeDifference, FeeOrder, Payment, Refund
from citizen_services.people.models import Session
from tests.fees.kit import ITEM
from tests.house import House
from tests.pages_kit import PagesBrowser, check_page, pages_browser
from tests.portal.conftest import Resident
from tests.portal.test_replacement import holder
from tests.test_story_in_browser import fill, press

OPENID = "o6_fee_story_follower"
#: WeChat's own dialogue, as the page meets it: the payer confirms, and it says so.
BRIDGE = """
window.WeixinJSBridge = {
  invoke: (name, request, done) => window.confirmPayment(name, request).then(done)
};
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[PagesBrowser]:
    with pages_browser() as pages:
        yield pages


def follow(page: Page, words: str) -> None:
    """Follow a link, and wait for what comes."""
    with page.expect_navigation():
        page.get_by_role("link", name=words).click()


def desk(browser: PagesBrowser, house: House, login: str, staff: dict[str, dict[str, str]]) -> Page:
    """Somebody of the staff, logged in at a screen of their own."""
    page = browser.desktop(base_url=house.web_url)
    page.goto("/console/login")
    fill(page, "login", login=login, password=staff[login]["password"])
    press(page, "login")
    return page


def test_a_replacement_that_costs_something_is_paid_on_the_phone_and_accepted(
    live: House,
    browser: PagesBrowser,
    resident: Callable[..., Resident],
    staff_logins: dict[str, dict[str, str]],
) -> None:
    person = holder(resident)
    with person.app.app_context():
        today = clock.today().isoformat()
        db.session.execute(update(Session).where(Session.citizen_id == person.id).values(openid=OPENID))
        commit()
    live.control("PUT", f"followers/{OPENID}", {"push": False})

    # Two administrators set the fee.
    one = desk(browser, live, "fw-system", staff_logins)
    one.goto("/console/admin/parameters")
    one.locator('[name="name"]').select_option(f"fee:{ITEM}:card")
    one.locator('[name="value"]').fill("2000")
    one.locator('[name="from_day"]').fill(today)
    press(one, "propose_parameter")
    other = desk(browser, live, "fw-security", staff_logins)
    other.goto("/console/admin/parameters")
    press(other, "approve_parameter")

    # The phone says it before anything is sent.
    phone = browser.phone(width=375, base_url=live.web_url)
    phone.context.add_cookies([{"name": "h5_session", "value": person.token, "url": f"{live.web_url}/h5/"}])
    phone.goto(f"/h5/items/{ITEM}")
    expect(phone.get_by_text("居住证补领工本费 20元").first).to_be_visible()
    press(phone, "start")
    fill(phone, "save", loss="lost")
    press(phone, "save")
    fill(phone, "save", portrait_correct="yes")
    press(phone, "save")
    press(phone, "save")
    expect(phone.get_by_text("核对通过后通知您缴费")).to_be_visible()
    check_page(phone, "fee-01-before-sending")
    fill(phone, "submit", commitment="yes")
    press(phone, "submit")
    case_id = UUID(urlsplit(phone.url).path.rpartition("/")[2])

    # The clerk has looked at it, and asks.
    clerk = desk(browser, live, "yl-clerk", staff_logins)
    clerk.goto(f"/console/cases/{case_id}")
    press(clerk, "ask_fee")
    clerk.goto(f"/console/cases/{case_id}")
    check_page(clerk, "fee-02-desk-waits")

    phone.goto(f"/h5/cases/{case_id}")
    check_page(phone, "fee-03-case")
    follow(phone, "去缴费")
    check_page(phone, "fee-04-pay")

    def confirm(name: str, request: dict[str, str]) -> dict[str, str]:
        """The payer types the password; the partner has the payment, and tells us by itself."""
        assert name == "getBrandWCPayRequest"
        assert request["signType"] == "RSA"
        placed = next(e for e in reversed(live.ledger("wechat_pay")) if e["operation"] == "jsapi")
        live.control("POST", f"payments/{placed['our_ref']}", {"event": "paid"})
        return {"err_msg": "get_brand_wcpay_request:ok"}

    phone.expose_function("confirmPayment", confirm)
    press(phone, "pay")
    # WeChat puts its bridge into a page when that is there; the button waits for it.
    phone.evaluate(BRIDGE)
    phone.locator("[data-pay]").click()
    phone.wait_for_url("**/result", timeout=60_000)
    phone.get_by_text("缴费成功").wait_for(timeout=60_000)
    check_page(phone, "fee-05-result")

    clerk.goto(f"/console/cases/{case_id}")
    press(clerk, "accept")
    phone.goto(f"/h5/cases/{case_id}")
    follow(phone, "缴费凭据（电子票据）")
    expect(phone.get_by_text("实收金额：20元")).to_be_visible()
    check_page(phone, "fee-06-receipt")

    cashier = desk(browser, live, "fw-cashier", staff_logins)
    with person.app.app_context():
        order = db.session.scalars(select(FeeOrder).where(FeeOrder.duty == f"case:{case_id}")).one()
        assert order.state == "paid"
    cashier.goto(f"/console/fees?number={order.number}")
    expect(cashier.get_by_text("微信支付").first).to_be_visible()
    check_page(cashier, "fee-07-cashier")

    # With a refund and a difference on it, the cashier's page is as it is on a bad day.
    with person.app.app_context():
        payment, at = db.session.scalars(select(Payment).where(Payment.order_id == order.id)).one(), clock.now()
        more = {"order_id": order.id, "payment_id": payment.id, "our_ref": new_id().hex, "made_at": at}
        db.session.add(
            Refund(amount_fen=2_000, reason="不予受理，退还费用", state="failed", trouble="ABNORMAL", tries=8, **more)
        )
        db.session.add(
            FeeDifference(
                partner="wechat_pay", day=clock.today(), kind="payment_missing_here", our_ref=new_id().hex,
                theirs_fen=2_000, found_at=at,
            )
        )  # fmt: skip
        commit()
    cashier.goto("/console/fees")
    expect(cashier.get_by_text("退款异常").first).to_be_visible()
    check_page(cashier, "fee-08-to-look-after")
