"""A shop owner whom no register knows photographs the business licence; the officer reads it by the form."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from tests.materials import pictures
from tests.stories.kit import Story, act, fill_in, photo_of, press, start, state, submit, upload


def test_a_shop_owners_licence_is_photographed_seen_before_it_is_sent_and_read_beside_the_form(
    story: Callable[..., Story],
) -> None:
    s = story(43)
    s.walk.world()
    s.live.control("PUT", f"employment/{s.worker.id_number}", None)
    s.walk.follows_and_comes_in()
    s.walk.binds()
    s.walk.registers_the_address()
    phone = s.phone
    start(phone)
    fill_in(
        phone, {"ground": "employment", "portrait_correct": "yes", "employment_remark": "自己开小吃店"},
        lambda what: s.see(phone, what),
    )  # fmt: skip
    for words in ("没有查到您的信息", "营业执照", "还没有提交"):
        expect(phone.locator("main")).to_contain_text(words)
    s.see(phone, "papers-empty")
    press(phone, "上传")
    expect(phone.locator("main")).to_contain_text("请先拍一张或选一张照片")
    assert phone.locator("input[type=file]").get_attribute("accept")
    licence = photo_of("执照.jpg", pictures.jpeg(1600, 1200))
    phone.set_input_files("input[type=file]", files=[licence])
    phone.locator("[data-preview] img").wait_for()
    s.see(phone, "papers-preview")
    assert any("100" in words or "已经传完" in words for words in upload(phone, licence))
    # What an iPhone takes can't be shown by every browser, and is taken all the same.
    upload(phone, photo_of("IMG_0002.HEIC", pictures.heic()))
    expect(phone.locator(".mx-files img")).to_have_count(2)
    phone.wait_for_load_state("networkidle")
    for picture in phone.locator(".mx-files img").all():
        assert picture.evaluate("p => p.naturalWidth") > 0
    s.see(phone, "papers-there")
    phone.get_by_role("link", name="下一步，核对后提交").click()
    s.see(phone, "check")
    submit(phone)
    s.note_case(phone)
    s.see(phone, "sent")

    desk = s.at_desk(s.clerk())
    viewer, checks = desk.locator(".ws-viewer"), desk.locator("#f-items")
    for picture in viewer.locator("img").all():
        assert picture.evaluate("p => p.naturalWidth") > 0
    left, right = viewer.bounding_box(), checks.bounding_box()
    assert left is not None
    assert right is not None
    assert left["x"] + left["width"] <= right["x"], "photos and form stand side by side"
    expect(checks).to_contain_text("自己开小吃店")
    expect(desk.locator("main")).to_contain_text("没有查到")
    s.see(desk, "desk-case")
    desk.keyboard.press("]")
    expect(viewer.locator("[data-viewer-pos]")).to_contain_text("2")
    act(desk, "accept", "accepted")
    s.told_once("已受理")

    phone.goto(s.case)
    assert state(phone) == "accepted"
    phone.get_by_role("link", name="受理凭证").click()
    expect(phone.locator("main")).to_contain_text("照片2张")
    s.see(phone, "voucher")
