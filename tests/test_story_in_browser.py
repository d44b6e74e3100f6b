"""The story in a real browser: the worker on a phone and the officers at their desks, every page judged on the way."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page

from citizen_services import journey
from tests.house import House
from tests.pages_kit import PagesBrowser, check_page, faults_of, pages_browser
from tests.test_story import journey_of


@pytest.fixture(scope="module")
def browser() -> Iterator[PagesBrowser]:
    with pages_browser() as pages:
        yield pages


def press(page: Page, action: str) -> None:
    """Press the button that sends the form of a ``data-action``, and wait for what comes."""
    form = page.locator(f'form[data-action="{action}"]')
    with page.expect_navigation():
        primary = form.locator('button.btn-primary[type="submit"]')
        (primary if primary.count() else form.locator('button[type="submit"]')).first.click()


def fill(page: Page, action: str, **values: str) -> None:
    """Fill a form in as a person does: boxes are ticked by their labels, the rest is typed."""
    form = page.locator(f'form[data-action="{action}"]')
    for name, value in values.items():
        box = form.locator(f'input[name="{name}"][value="{value}"]')
        if box.count() and box.first.get_attribute("type") in ("radio", "checkbox"):
            box.first.check(force=True)
        else:
            form.locator(f'[name="{name}"]').first.fill(value)


def come_in(phone: Page, house: House, openid: str) -> None:
    """From the account's menu through WeChat's authorize page, which asks who is tapping."""

    phone.goto(f"{house.web_url}/h5/")
    assert "/connect/oauth2/authorize" in phone.url
    phone.goto(f"{phone.url.partition('#')[0]}&_openid={openid}")
    assert urlsplit(phone.url).path == "/h5/"


def test_worker_and_officers_walk_the_story_on_pages_without_a_fault(live: House, browser: PagesBrowser) -> None:
    story = journey_of(live, 21)
    worker = story.worker
    story.world()
    live.control("PUT", f"followers/{worker.openid}", {})
    phone = browser.phone(base_url=live.web_url)
    come_in(phone, live, worker.openid)
    check_page(phone, "story-01-home")
    phone.goto(f"/h5/items/{journey.PERMIT}")
    check_page(phone, "story-02-guide")

    phone.goto("/h5/bind")
    check_page(phone, "story-03-bind")
    fill(
        phone,
        "send_code",
        **{
            n: getattr(worker, n)
            for n in ("name", "id_number", "phone")
            if phone.locator(f'form[data-action="send_code"] [name="{n}"]').count()
        },
    )
    press(phone, "send_code")
    code = story.until("the code arrives", lambda: story._code_to(worker.phone))
    for name in ("name", "id_number", "phone"):
        fill(phone, "bind", **{name: getattr(worker, name)})
    fill(phone, "bind", code=code)
    for box in phone.locator('form[data-action="bind"] input[type="checkbox"]').all():
        box.check(force=True)
    press(phone, "bind")
    check_page(phone, "story-04-face")
    photo = base64.b64decode("".join(journey.PORTRAIT.split()))
    phone.locator('form[data-action="face"] input[type="file"]').first.set_input_files(
        {"name": "photo.jpg", "mimeType": "image/jpeg", "buffer": photo}
    )
    phone.locator('input[name="consent_face"]').check(force=True)
    press(phone, "face")
    check_page(phone, "story-05-bound")

    phone.goto(f"/h5/items/{journey.REGISTRATION}")
    press(phone, "start")
    check_page(phone, "story-06-address")
    phone.goto(f"{phone.url.split('?')[0]}?q={worker.address[:18]}")
    fill(phone, "save", address_code=worker.address_code, residence_kind="rented")
    check_page(phone, "story-07-address-found")
    press(phone, "save")
    check_page(phone, "story-08-check")
    phone.locator('input[name="commitment"]').check(force=True)
    press(phone, "submit")
    assert phone.locator("main").get_attribute("data-state") == "completed"
    check_page(phone, "story-09-registered")

    phone.goto(f"/h5/items/{journey.PERMIT}")
    check_page(phone, "story-10-conditions-met")
    press(phone, "start")
    answers = {"ground": "employment", "employment_correct": "yes", "portrait_correct": "yes"}
    for number in range(1, 6):
        if not phone.locator('form[data-action="save"]').count():
            break
        check_page(phone, f"story-11-step-{number}")
        for name, value in answers.items():
            if phone.locator(f'form[data-action="save"] input[name="{name}"]').count():
                fill(phone, "save", **{name: value})
        press(phone, "save")
    check_page(phone, "story-12-check")
    phone.locator('input[name="commitment"]').check(force=True)
    press(phone, "submit")
    case_id = phone.locator("main").get_attribute("data-case-id")
    check_page(phone, "story-13-submitted")

    def at_desk(login: str, password: str) -> Page:
        desk = browser.desktop(base_url=live.web_url)
        desk.goto("/console/login")
        fill(desk, "login", login=login, password=password)
        press(desk, "login")
        return desk

    clerk = story._staff(worker.station, "clerk")
    desk = at_desk(clerk["login"], clerk["password"])
    check_page(desk, "story-20-desk")
    desk.goto(f"/console/cases/{case_id}")
    check_page(desk, "story-21-case")
    press(desk, "claim")
    press(desk, "accept")
    assert desk.locator("main").get_attribute("data-state") == "accepted"
    phone.reload()
    assert phone.locator("main").get_attribute("data-state") == "accepted"
    check_page(phone, "story-22-accepted")
    approver = story._staff(worker.station, "approver", but=clerk["login"])
    other = at_desk(approver["login"], approver["password"])
    other.goto(f"/console/cases/{case_id}")
    press(other, "approve")
    check_page(other, "story-23-approved")
    stations = {s["office"] for s in story.staff if "approver" in s["roles"]}
    maker = next(s for s in story.staff if "clerk" in s["roles"] and s["office"] not in stations)
    centre = at_desk(maker["login"], maker["password"])
    centre.goto(f"/console/cases/{case_id}")
    fill(centre, "make", card_number="33021300000021")
    check_page(centre, "story-24-make")
    press(centre, "make")
    tracking = story.until("EMS takes the order", story._parcel_order)

    def with_number() -> bool:
        centre.reload()
        return tracking in centre.inner_text("main")

    story.until("the number is on the page", with_number)
    fill(centre, "post", tracking=tracking)
    press(centre, "post")
    assert centre.locator("main").get_attribute("data-state") == "posted"
    live.control("POST", f"parcels/{tracking}", {"opCode": "704", "deliverCode": "10"})

    def signed() -> bool:
        phone.reload()
        return phone.locator("main").get_attribute("data-state") == "completed"

    story.until("the case is completed", signed)
    assert phone.locator("main").get_attribute("data-visits") == "0"
    check_page(phone, "story-30-completed")


def test_a_fault_planted_in_a_page_of_ours_is_caught(live: House, browser: PagesBrowser) -> None:
    page = browser.desktop(base_url=live.web_url)
    page.goto("/console/login")
    assert faults_of(page) == []
    page.evaluate("document.querySelector('label').remove()")
    assert any("label" in fault for fault in faults_of(page))


def test_the_worker_applies_with_script_switched_off(live: House, browser: PagesBrowser) -> None:
    """The journey walks the whole without script; here a real browser does so."""
    context = browser.browser.new_context(java_script_enabled=False, base_url=live.web_url, locale="zh-CN")
    page = context.new_page()
    try:
        page.goto("/h5/items/residence-permit-first")
        assert "居住证首次申领" in page.inner_text("main")
        page.goto("/h5/login")
        fill(page, "send_code", phone="13800138000")
        press(page, "send_code")
        assert "验证码" in page.inner_text("main")
    finally:
        context.close()
