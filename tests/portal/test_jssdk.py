"""WeChat's scanner on our pages: signed for our own addresses alone, and gone where WeChat's script is not."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from citizen_services.database import db
from citizen_services.exchange.clients import wechat_api
from citizen_services.exchange.http import Caller
from citizen_services.exchange.models import PartnerToken
from citizen_services.exchange.wechat_api import WeChatApi, sign_page
from citizen_services.exchange.wechat_token import SharedToken
from citizen_services.parts import EXTENSION, parts
from tests.house import House
from tests.pages_kit import PagesBrowser, check_page, pages_browser, serving
from tests.portal.conftest import Resident

#: What WeChat's app puts into its pages, as far as its script asks: it says yes, and a scan finds what the test says.
BRIDGE = """
window.asked = [];
window.WeixinJSBridge = {
  invoke: function (name, given, answer) {
    window.asked.push([name, given]);
    if (name === 'scanQRCode') { answer({ err_msg: 'scanQRCode:ok', resultStr: window.scanned }); return; }
    answer({ err_msg: name + ':ok' });
  },
  on: function () {}, call: function () {}
};
"""


@pytest.fixture(autouse=True)
def account(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client of the account that remembers nothing of earlier tests."""
    had = app.extensions[EXTENSION]
    partner, caller = had.settings.partner("wechat_api"), Caller("wechat_api")
    token = SharedToken(partner, had.settings.wechat, caller, db.engine)
    fresh = WeChatApi(partner, had.settings.wechat, {}, caller, token)
    monkeypatch.setitem(
        app.extensions, EXTENSION, dataclasses.replace(had, clients={**had.clients, "wechat_api": fresh})
    )


def ticket_in_force() -> str:
    """The ticket as WeChat has given it out."""
    found = wechat_api().client.get("ticket/getticket", params={"type": "jsapi"})["ticket"]
    return str(found)


def test_the_signature_is_the_one_of_wechats_own_example() -> None:
    ticket = "sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy_90u5h9nbSlYy3-Sl-HhTdfl2fzFy1AOcHKP7qg"
    signed = sign_page(ticket, "Wm3WZYTPz0wzccnW", 1414587457, "http://mp.weixin.qq.com?params=value")
    assert signed == "0f9de62fce790f9a083d5c99e95740ceb90c27ed"


def test_our_own_pages_are_signed_byte_for_byte_and_nobody_elses(
    app: Flask, client: FlaskClient, outside: House
) -> None:
    base = parts().settings.public_base_url
    before = len([e for e in outside.ledger("wechat_api") if e["operation"] == "ticket/getticket"])
    for page in (f"{base}/h5/", f"{base}/h5/cases?from=singlemessage&isappinstalled=0", f"{base}/d/7f3a?x=%E5%B1%85"):
        answer = client.get("/h5/jssdk-config", query_string={"url": f"{page}#wechat_redirect"})
        assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
        said = answer.get_json()
        assert set(said) == {"appId", "timestamp", "nonceStr", "signature"}
        assert said["appId"] == parts().settings.wechat.app_id
        assert said["signature"] == sign_page(ticket_in_force(), said["nonceStr"], said["timestamp"], page)
    asked = [e for e in outside.ledger("wechat_api") if e["operation"] == "ticket/getticket"]
    assert len(asked) - before == 4, "three times by this test, once by the pages: the ticket is kept"
    kept = db.session.scalars(select(PartnerToken.partner).where(PartnerToken.generation == 1)).all()
    assert sorted(kept) == ["wechat_api", "wechat_jsapi"]
    host = base.partition("://")[2]
    for foreign in (
        "",
        "/h5/",
        base,
        f"{base}.evil.test/h5/",
        f"{base}@evil.test/h5/",
        f"https://evil.test/?{base}/h5/",
        f"ftp://{host}/h5/",
        f"{base}/console/cases",
        f"{base}/h5/\n",
        f"{base}/h5/{'x' * 3000}",
    ):
        assert client.get("/h5/jssdk-config", query_string={"url": foreign}).status_code == 400, foreign


def test_where_wechat_gives_no_ticket_the_page_is_told_at_once(app: Flask, client: FlaskClient, outside: House) -> None:
    outside.control("PUT", "faults/wechat_api", {"mode": "refuse"})
    answer = client.get("/h5/jssdk-config", query_string={"url": f"{parts().settings.public_base_url}/h5/"})
    assert answer.status_code == 503


@pytest.fixture(scope="module")
def chromium() -> Iterator[PagesBrowser]:
    """One Chromium for this module."""
    with pages_browser() as browser:
        yield browser


def test_the_scanner_opens_our_codes_and_no_others_and_is_not_there_outside_wechat(
    chromium: PagesBrowser,
    app: Flask,
    outside: House,
    resident: Callable[..., Resident],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serving(app) as site:
        settings = dataclasses.replace(app.extensions[EXTENSION].settings, public_base_url=site)
        changed = dataclasses.replace(app.extensions[EXTENSION], settings=settings)
        monkeypatch.setitem(app.extensions, EXTENSION, changed)
        page = chromium.phone(width=375, base_url=site)
        page.context.add_cookies([{"name": "h5_session", "value": resident().token, "url": f"{site}/h5/"}])
        page.add_init_script(BRIDGE)
        page.goto("/h5/?from=singlemessage#top")
        button = page.get_by_role("button", name="扫凭证或门牌上的码")
        button.wait_for()
        check_page(page, "citizen-scan-light")
        given = page.evaluate("window.asked.find(([name]) => name === 'preVerifyJSAPI')[1]")
        assert given["verifyJsApiList"] == ["scanQRCode"]
        with app.app_context():
            expected = sign_page(
                ticket_in_force(),
                given["verifyNonceStr"],
                int(given["verifyTimestamp"]),
                f"{site}/h5/?from=singlemessage",
            )
        assert given["verifySignature"] == expected
        for text, words in (
            ("https://evil.test/h5/", "为了安全没有打开"),
            (f"{site}.evil.test/h5/", "为了安全没有打开"),
            ("javascript:alert(1)", "为了安全没有打开"),
            ("http://weixin.qq.com/q/02abc", "微信首页的“扫一扫”"),
        ):
            page.evaluate("text => { window.scanned = text; }", text)
            button.click()
            page.get_by_text(words).wait_for()
        page.evaluate("text => { window.scanned = text; }", f"{site}/h5/items/residence-permit-first")
        button.click()
        page.wait_for_url("**/h5/items/residence-permit-first")
        # WeChat says no (another account's domain): the page stays whole, without the button.
        page.add_init_script(
            "window.WeixinJSBridge.invoke = (name, given, answer) => answer({ err_msg: name + ':fail' });"
        )
        page.goto("/h5/")
        page.wait_for_load_state("networkidle")
        assert not button.is_visible()
        browser = chromium.desktop(base_url=site)
        browser.goto("/h5/")
        assert "扫凭证" not in browser.content()
        assert "jweixin" not in browser.content()


def test_the_button_for_subscription_messages_is_wechats_own_and_everything_stays_without_it(
    chromium: PagesBrowser,
    app: Flask,
    outside: House,
    resident: Callable[..., Resident],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serving(app) as site:
        known = {"subscribe:case_progress": "sub_once", "subscribe:draft_waits": "sub_draft"}
        settings = dataclasses.replace(app.extensions[EXTENSION].settings, public_base_url=site, templates=known)
        changed = dataclasses.replace(app.extensions[EXTENSION], settings=settings)
        monkeypatch.setitem(app.extensions, EXTENSION, changed)
        page = chromium.phone(width=375, base_url=site)
        person = resident()
        page.context.add_cookies([{"name": "h5_session", "value": person.token, "url": f"{site}/h5/"}])
        page.add_init_script(BRIDGE)
        # Right after sending is when people want to hear of it; the case's page as it is later does not ask.
        case_id = person.apply()
        page.goto(f"/h5/cases/{case_id}?sent=1")
        page.locator("wx-open-subscribe").wait_for(state="attached")
        check_page(page, "citizen-subscribe-sent")
        page.goto(f"/h5/cases/{case_id}")
        assert page.locator("[data-subscribe]").count() == 0
        page.goto("/h5/telling")
        tag = page.locator("wx-open-subscribe")
        tag.wait_for(state="attached")
        assert tag.get_attribute("template") == "sub_once,sub_draft"
        assert "同意接收订阅消息" in tag.inner_html()
        section = page.locator("[data-subscribe]")
        assert section.is_visible()
        check_page(page, "citizen-subscribe")
        for answer, words in (("accept", "会发到微信的“服务通知”"), ("reject", "没有同意。进展照常")):
            page.evaluate(
                """status => document.querySelector('wx-open-subscribe').dispatchEvent(new CustomEvent('success', {
                    detail: { subscribeDetails: JSON.stringify({ sub_once: JSON.stringify({ status: status }) }) }
                }))""",
                answer,
            )
            page.get_by_text(words).wait_for()
        page.evaluate("document.querySelector('wx-open-subscribe').dispatchEvent(new CustomEvent('error'))")
        assert not section.is_visible()
        # Nothing is set, or another browser: the choices are there as before.
        monkeypatch.setitem(
            app.extensions,
            EXTENSION,
            dataclasses.replace(changed, settings=dataclasses.replace(settings, templates={})),
        )
        page.goto("/h5/telling")
        assert page.locator("[data-subscribe]").count() == 0
        page.get_by_role("button", name="保存").wait_for()
