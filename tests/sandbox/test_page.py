"""The sandbox's page: a phone that works without script, and passes what our own pages pass."""

from __future__ import annotations

import json
import uuid

from tests.pages_kit import check_page, pages_browser
from tests.sandbox.kit import OurSide, Sandbox
from tests.sandbox.signing import ems_call, register_call
from tests.sandbox.test_ems import an_order
from tests.sandbox.test_wechat import answer_with, api, new_follower, send

PERSON = "11010519491231002X"
MENU = {
    "button": [
        {"name": "办事", "sub_button": [{"type": "click", "name": "居住证", "key": "permit"}]},
        {"type": "view", "name": "我的", "url": "https://example.org/h5"},
    ]
}


def test_the_phone_shows_and_says_without_script_and_the_ledger_hides_numbers(
    sandbox: Sandbox, our_side: OurSide
) -> None:
    openid = new_follower(sandbox, name="王小明", phone="13800000000")
    api(sandbox, "menu/create", MENU)
    send(sandbox, openid, url="https://example.org/h5/cases/1")
    register_call(sandbox, "population", "person", {"id_number": PERSON})
    our_side.answer = answer_with("您的申请已受理。")
    with pages_browser() as browser:
        page = browser.desktop(script=False)
        page.goto(f"{sandbox.url}/?who={openid}")
        page.get_by_label("发消息").fill("进度")
        page.get_by_role("button", name="发送").click()
        talk = page.locator("#talk")
        assert "进度" in talk.inner_text()
        assert "您的申请已受理。" in talk.inner_text()
        page.get_by_text("办事", exact=True).click()
        page.get_by_role("button", name="居住证", exact=True).click()
        assert "点击了菜单「permit」" in talk.inner_text()
        assert talk.get_by_role("link", name="查看详情").get_attribute("href") == "https://example.org/h5/cases/1"
        ledger = page.locator("#ledger").inner_text()
        assert "查询人员" in ledger
        assert PERSON not in ledger


def test_the_courier_and_the_faults_are_played_from_the_page(sandbox: Sandbox, our_side: OurSide) -> None:
    number = json.loads(ems_call(sandbox, "020003", an_order(uuid.uuid4().hex))["retBody"])["waybillNo"]
    with pages_browser() as browser:
        page = browser.desktop(script=False)
        page.goto(sandbox.url)
        page.locator("#parcels form").first.get_by_role("button", name="本人签收").click()
        event = sandbox.http.get(f"{sandbox.url}/_control/parcels/{number}", timeout=10).json()["events"][-1]
        assert (event["opCode"], event["deliverCode"]) == ("704", "10")
        page.get_by_label("哪个系统").select_option("ems")
        page.get_by_label("什么故障").select_option("refuse")
        page.get_by_role("button", name="设置").click()
        assert "中国邮政：业务拒绝" in page.content()
        assert not ems_call(sandbox, "020003", an_order("any"))["success"]


def test_the_page_keeps_the_policy_that_our_own_pages_keep(sandbox: Sandbox, our_side: OurSide) -> None:
    openid = new_follower(sandbox, name="王小明")
    api(sandbox, "menu/create", MENU)
    send(sandbox, openid, url="https://example.org/h5/cases/1")
    ems_call(sandbox, "020003", an_order(uuid.uuid4().hex))
    with pages_browser() as browser:
        page = browser.desktop()
        page.goto(f"{sandbox.url}/?who={openid}")
        check_page(page, "sandbox")
        send(sandbox, openid, url="https://example.org/h5/cases/2")
        page.locator("#talk").get_by_role("link").nth(1).wait_for()
        narrow = browser.phone()
        narrow.goto(f"{sandbox.url}/?who={openid}")
        check_page(narrow, "sandbox-narrow", least=24)


def test_a_foreign_page_cannot_act_in_the_phone(sandbox: Sandbox) -> None:
    form = {"kind": "subscribe", "who": "o-foreign-page"}
    answer = sandbox.http.post(f"{sandbox.url}/act", data=form, headers={"Origin": "https://evil.example"}, timeout=10)
    assert answer.status_code == 403
    assert sandbox.http.get(f"{sandbox.url}/", headers={"Host": "evil.example"}, timeout=10).status_code == 403
    assert sandbox.http.get(f"{sandbox.url}/_control/followers/o-foreign-page", timeout=10).status_code == 404
