"""A parcel that nobody took finds its new address, at no cost and without a trip."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from tests.stories.kit import CENTRE, Story, by_key, press, state, tick, tracking_of

NEW_ADDRESS = "锦屏街道南山路26号2幢301室"


def test_a_parcel_refused_at_the_door_is_chosen_anew_on_the_phone_and_signed_for_elsewhere(
    story: Callable[..., Story],
) -> None:
    s = story(41)
    s.lives_here()
    s.walk.applies()
    s.walk.is_accepted_and_approved()
    s.walk.card_is_made_and_posted()
    first = s.walk.identifiers["tracking"]
    s.courier(first, "203")
    s.courier(first, "702")
    s.courier(first, "705", attemptDeliveryCode="7", push_codes="1")
    notice = s.told_once("快递显示拒收")
    phone = s.phone
    phone.goto(s.link_of(notice))
    assert state(phone) == "returning"
    expect(phone.get_by_role("button", name="选择取证方式")).to_be_visible()
    s.see(phone, "refused")
    # Whoever chooses to have it posted says where; nothing is sent without.
    tick(phone.get_by_role("radio", name="重新寄送"))
    phone.get_by_label("详细地址").fill("")
    press(phone, "选择取证方式")
    phone.locator("[data-error=postal_address]").wait_for()
    s.see(phone, "address-missing")
    phone.get_by_label("详细地址").fill(NEW_ADDRESS)
    press(phone, "选择取证方式")
    expect(phone.locator("[data-chosen]")).to_contain_text("您选了：EMS 重新寄送")
    s.told_once("取证方式已登记")
    s.see(phone, "chosen")
    s.courier(first, "708")
    s.courier(first, "711")
    s.in_state(phone, "returned")
    s.see(phone, "returned")
    # The card is back: its label is scanned, and it goes out again by itself.
    desk = s.at_desk(CENTRE)
    expect(desk.locator("[name=tracking]")).to_be_focused()
    s.see(desk, "desk-returned")
    desk.reload()
    by_key(desk, first)
    second = tracking_of(s.until("EMS takes a second order", lambda: s.parcels()[1:])[0])
    assert second != first
    assert NEW_ADDRESS in s.parcels()[1]["to"] + s.parcels()[1]["text"]

    def labelled() -> bool:
        desk.reload()
        return state(desk) == "made" and second in desk.inner_text("main")

    s.until("the second number is on the case", labelled)
    s.see(desk, "desk-post-again")
    desk.reload()
    by_key(desk, second)
    expect(desk.locator("main")).to_have_attribute("data-state", "posted")
    phone.reload()
    expect(phone.locator("[data-tracking]")).to_have_text(second)
    s.courier(second, "704", deliverCode="10")
    s.in_state(phone, "completed")
    assert phone.locator("main").get_attribute("data-visits") == "0"
    s.see(phone, "completed")
    s.told_once("已签收办结，全程跑动0次")
    assert len(s.parcels()) == 2, "sent twice, and not a third time"
