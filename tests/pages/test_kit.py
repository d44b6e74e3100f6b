"""The page kit in a real browser: every part, in every light, and the faults that must not pass."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.pages.showcase import create_showcase
from tests.pages_kit import PagesBrowser, check_page, enlarge, faults_of, pages_browser, serving

CITIZEN_PAGES = {
    "home": "/h5/",
    "login": "/h5/login",
    "bind": "/h5/bind",
    "guide": "/h5/items/residence-permit-first",
    "address": "/h5/drafts/address",
    "form": "/h5/drafts/form",
    "error": "/h5/drafts/error",
    "registers": "/h5/drafts/registers",
    "papers": "/h5/drafts/papers",
    "check": "/h5/drafts/check",
    "submitted": "/h5/cases/submitted",
    "case": "/h5/cases/1",
    "states": "/h5/states",
    "not-found": "/h5/nothing-here",
}
STAFF_PAGES = {
    "login": "/console/login",
    "cases": "/console/cases",
    "case": "/console/cases/1",
    "not-found": "/console/nothing-here",
}


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with serving(create_showcase()) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[PagesBrowser]:
    with pages_browser() as pages:
        yield pages


@pytest.mark.parametrize("look", ["light", "dark", "care", "care-dark", "narrow"])
def test_a_citizens_page_is_sound_in_every_light(browser: PagesBrowser, site: str, look: str) -> None:
    page = browser.phone(
        width=320 if look == "narrow" else 360,
        dark="dark" in look,
        care="care" in look or look == "narrow",
        base_url=site,
    )
    failures = []
    for name, path in CITIZEN_PAGES.items():
        page.goto(path)
        try:
            check_page(page, f"h5-{name}-{look}")
        except AssertionError as failure:
            failures.append(str(failure))
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize("look", ["light", "dark", "zoomed"])
def test_a_page_of_the_console_is_sound_in_every_light(browser: PagesBrowser, site: str, look: str) -> None:
    # 683 x 384 is a desk's 1366 x 768 at a zoom of 200 %.
    width, height = (683, 384) if look == "zoomed" else (1366, 768)
    page = browser.desktop(width=width, height=height, dark=look == "dark", base_url=site)
    failures = []
    for name, path in STAFF_PAGES.items():
        page.goto(path)
        try:
            check_page(page, f"console-{name}-{look}", least=24)
        except AssertionError as failure:
            failures.append(str(failure))
    assert not failures, "\n".join(failures)


def test_a_page_grows_with_the_readers_type_size(browser: PagesBrowser, site: str) -> None:
    page = browser.phone(base_url=site)
    for path in CITIZEN_PAGES.values():
        page.goto(path)
        enlarge(page)
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0, path


def test_a_planted_fault_of_each_kind_is_found(browser: PagesBrowser, site: str) -> None:
    page = browser.phone(base_url=site)
    page.goto("/planted")
    faults = "\n".join(faults_of(page))
    for sign in (
        "content policy: style-src-attr",
        "content policy: script-src-attr",
        "content policy: script-src-elem",
        "axe label",
        "axe color-contrast",
        "wider than the screen",
        "small target",
        "focus can't be seen: BUTTON",
    ):
        assert sign in faults, f"{sign} was not found in:\n{faults}"
    assert page.evaluate("window.evil") is None


def test_a_script_error_and_a_missing_picture_are_found(browser: PagesBrowser, site: str) -> None:
    page = browser.phone(base_url=site)
    page.route("**/favicon.svg*", lambda route: route.fulfill(status=404))
    page.route("**/img/qr", lambda route: route.fulfill(status=404))
    page.route("**/js/h5.js*", lambda route: route.fulfill(body="nothing.here()", content_type="text/javascript"))
    page.goto("/h5/cases/submitted")
    faults = "\n".join(faults_of(page))
    assert "script error: nothing is not defined" in faults
    assert "/img/qr" in faults


def test_errors_stand_at_their_fields_and_the_summary_leads_there(browser: PagesBrowser, site: str) -> None:
    page = browser.phone(base_url=site)
    page.goto("/h5/drafts/error")
    assert page.title().startswith("错误：")
    expect(page.locator("#errsum")).to_be_focused()
    expect(page.locator("#errsum h2")).to_have_text("有 3 处需要修改")
    expect(page.locator('[data-error="phone"]')).to_contain_text("手机号少了 2 位")
    page.locator("#errsum a", has_text="手机号").click()
    expect(page.locator("#f-phone")).to_be_focused()
    assert page.locator("label[for=f-phone]").bounding_box()["y"] >= 0  # type: ignore[index]
    assert page.locator("#f-phone").get_attribute("aria-describedby") == "e-phone"
    page.locator("#errsum a", has_text="申领理由").click()
    expect(page.locator("#f-ground-1")).to_be_focused()


def test_three_fast_taps_send_a_form_once_and_back_makes_it_ready_again(browser: PagesBrowser, site: str) -> None:
    page = browser.phone(base_url=site)
    posts: list[str] = []
    page.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)
    # An answer without a page keeps the browser where it is, as while a slow network lets it wait.
    page.route(
        "**/h5/drafts/form",
        lambda route: route.fulfill(status=204) if route.request.method == "POST" else route.continue_(),
    )
    page.goto("/h5/drafts/form")
    button = page.locator("form[data-action=save] button.weui-btn_primary")
    for _ in range(3):
        button.click(force=True)
    expect(button).to_have_text("正在保存…")
    assert len(posts) == 1
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    expect(button).to_have_text("保存并继续")
    button.click()
    expect(button).to_have_text("正在保存…")
    assert len(posts) == 2


def test_a_live_page_is_fetched_anew_after_back(browser: PagesBrowser, site: str) -> None:
    page = browser.phone(base_url=site)
    page.goto("/h5/cases/1")
    page.evaluate("window.marker = 1")
    with page.expect_event("load"):
        page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    assert page.evaluate("window.marker") is None
    page.goto("/h5/")
    page.go_back(wait_until="commit")
    page.wait_for_function("document.readyState === 'complete' && window.marker === undefined")


def test_large_type_is_switched_without_script_and_remembered(browser: PagesBrowser, site: str) -> None:
    page = browser.phone(script=False, base_url=site)
    page.goto("/h5/drafts/form?step=2")
    page.get_by_role("button", name="长辈版").click()
    assert page.url.endswith("/h5/drafts/form?step=2")
    expect(page.locator("body")).to_have_attribute("data-weui-mode", "care")
    page.goto("/h5/")
    page.get_by_role("button", name="标准版").click()
    expect(page.locator("body")).not_to_have_attribute("data-weui-mode", "care")


def test_forms_work_without_script(browser: PagesBrowser, site: str) -> None:
    page = browser.phone(script=False, base_url=site)
    page.goto("/h5/drafts/form")
    page.get_by_text("合法稳定住所").click()
    page.get_by_role("button", name="保存并继续").click()
    assert page.url.endswith("/h5/drafts/registers")


def test_keys_move_through_the_list_rest_while_typing_and_can_be_switched_off(browser: PagesBrowser, site: str) -> None:
    page = browser.desktop(base_url=site)
    page.goto("/console/cases")
    page.keyboard.press("j")
    expect(page.locator("tr[data-row] a").nth(0)).to_be_focused()
    page.keyboard.press("j")
    expect(page.locator("tr[data-row] a").nth(1)).to_be_focused()
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.type("jk")
    expect(page.locator("#q")).to_have_value("jk")
    page.keyboard.press("Escape")
    expect(page.locator("#q")).not_to_be_focused()
    with page.expect_navigation():
        page.get_by_role("button", name="快捷键：开").click()
    page.keyboard.press("j")
    expect(page.locator("tr[data-row] a").nth(0)).not_to_be_focused()
    page.goto("/console/cases/1")
    with page.expect_navigation():
        page.get_by_role("button", name="快捷键：关").click()
    page.keyboard.press("a")
    expect(page.get_by_role("button", name="受理 A")).to_be_focused()
    page.keyboard.press("]")
    expect(page.locator("[data-viewer-pos]")).to_have_text("2 / 2")
