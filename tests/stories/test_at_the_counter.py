"""Somebody without WeChat shows a card at the counter, is heard there, told by SMS, and asked once how it went."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

from citizen_services import journey
from tests.stories.kit import CENTRE, Story, act, by_key, fill_in, press, state, tick, tracking_of

CARD = "33021300000045"


def texts_to(s: Story, words: str) -> list[dict[str, Any]]:
    """The SMS that went to the person with these words in them."""
    return s.walk.outside.told("sms_aliyun", s.worker.phone, words)


def texted_once(s: Story, words: str) -> None:
    """Wait until the person got these words by SMS; it must be exactly once."""
    s.until(f"an SMS says {words}", lambda: texts_to(s, words))
    assert len(texts_to(s, words)) == 1, texts_to(s, words)
    assert "http" not in texts_to(s, words)[0]["text"]


def begin(desk: Page, item: str) -> None:
    """Begin an application for the person who is here."""
    with desk.expect_navigation():
        desk.locator("#items form", has=desk.locator(f'[value="{item}"]')).locator("button").click()


def send(s: Story, desk: Page, what: str) -> None:
    """Read everything back, have it signed, and send it; without either it is not sent."""
    s.see(desk, f"{what}-check")
    press(desk, "确认提交")
    desk.locator("[data-error=read_back]").first.wait_for()
    for box in ("read_back", "commitment"):
        tick(desk.locator(f'input[name="{box}"]'))
    press(desk, "确认提交")
    desk.locator("main[data-case-id]").wait_for()
    s.note_case(desk)


def test_a_person_without_wechat_is_served_at_the_counter_in_one_visit(story: Callable[..., Story]) -> None:
    s = story(45)
    s.walk.world()
    who = s.worker
    desk = s.logged_in(s.clerk())
    desk.goto("/console/counter")
    expect(desk.locator("[name=scan]")).to_be_focused()
    by_key(desk, who.id_number)
    desk.locator("[data-error=scan]").wait_for()
    s.see(desk, "scan-unknown")
    desk.get_by_role("link", name="首次来办事，或换了手机号").click()
    s.see(desk, "new")
    for name, value in (("name", who.name), ("id_number", who.id_number), ("phone", who.phone)):
        desk.fill(f"[name={name}]", value)
    for box in ("card_shown", "notice_read"):
        tick(desk.locator(f'input[name="{box}"]'))
    press(desk, "核对并登记")
    desk.wait_for_url("**/console/counter/people/**")
    expect(desk.locator("main")).to_contain_text("短信（没有绑定微信）")
    assert who.id_number not in desk.content()
    s.see(desk, "person")
    here = desk.url

    begin(desk, journey.REGISTRATION)
    desk.locator('main [name="q"]').fill(who.address[:18])
    press(desk, "查找")
    desk.get_by_text(who.address).first.wait_for()
    fill_in(
        desk, {"address_code": who.address_code, "residence_kind": "rented"}, lambda what: s.see(desk, f"home-{what}")
    )
    send(s, desk, "home")
    expect(desk.locator("main")).to_have_attribute("data-state", "completed")
    texted_once(s, "居住登记")

    desk.goto(here)
    begin(desk, journey.PERMIT)
    fill_in(
        desk,
        {"ground": "employment", "employment_correct": "yes", "portrait_correct": "yes"},
        lambda what: s.see(desk, f"permit-{what}"),
    )
    send(s, desk, "permit")
    assert state(desk) == "submitted"
    texted_once(s, "已提交")
    act(desk, "accept", "accepted")
    texted_once(s, "已受理")
    # One scan was one visit, for both matters; another scan of the same card counts nothing.
    desk.goto("/console/counter")
    by_key(desk, s.walk.identifiers["case_number"])
    expect(desk.locator("body")).to_contain_text("不重复计数")
    s.see(desk, "person-with-case")

    act(s.at_desk(s.approver()), "approve", "approved")
    centre = s.at_desk(CENTRE)
    by_key(centre, CARD)
    expect(centre.locator("main")).to_have_attribute("data-state", "made")
    tracking = tracking_of(s.until("EMS takes the order", s.parcels)[0])

    def labelled() -> bool:
        centre.reload()
        return tracking in centre.inner_text("main")

    s.until("the number is on the case", labelled)
    by_key(centre, tracking)
    expect(centre.locator("main")).to_have_attribute("data-state", "posted")
    s.courier(tracking, "704", deliverCode="10")
    texted_once(s, "已签收")
    assert s.walk.outside.told("wechat_api", who.openid) == []

    # At home, in a browser of any kind: logged in by a code, asked once, and left alone afterwards.
    phone = s.browser.desktop(width=375, height=740, base_url=s.live.web_url)
    phone.goto(f"/h5/login?next={s.case}")
    phone.locator('form[data-action="send_code"] [name="phone"]').fill(who.phone)
    press(phone, "获取验证码")
    (text,) = s.until("the code arrives", lambda: texts_to(s, "验证码"))
    code = re.search(r"(?<!\d)\d{6}(?!\d)", text["text"])
    assert code is not None
    phone.fill('[name="code"]', code.group())
    press(phone, "登录")
    expect(phone.locator("main")).to_have_attribute("data-state", "completed")
    assert phone.locator("main").get_attribute("data-visits") == "1"
    s.see(phone, "completed")
    phone.get_by_role("link", name="去评价").click()
    s.see(phone, "rating")
    press(phone, "提交评价")
    phone.locator("[data-error=grade]").wait_for()
    tick(phone.locator('input[name="grade"]').first)
    press(phone, "提交评价")
    expect(phone.locator("#rating")).to_contain_text("您的评价")
    expect(phone.get_by_role("link", name="去评价")).to_have_count(0)
    phone.goto(f"{s.case}/rating")
    assert phone.url.endswith(s.case)
    s.see(phone, "rated")
