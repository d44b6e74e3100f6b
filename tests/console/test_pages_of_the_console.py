"""The console as an officer sees it: at the desk, at a zoom of 200 %, in the dark; by keyboard; without script."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from tests.console.applications import case_now, due, move, permit
from tests.pages_kit import PagesBrowser, check_page, pages_browser, serving


@pytest.fixture(scope="module")
def chromium() -> Iterator[PagesBrowser]:
    with pages_browser() as browser:
        yield browser


@pytest.fixture
def site(app: Flask) -> Iterator[str]:
    with serving(app) as address:
        yield address


class Officers:
    """Officers' computers, each logged in."""

    def __init__(self, chromium: PagesBrowser, site: str, logins: dict[str, dict[str, Any]]) -> None:
        self.chromium, self.site, self.logins = chromium, site, logins

    def sit_down(self, login: str, **look: Any) -> Page:
        """A page of the console in which that member of staff is logged in."""
        page = self.chromium.desktop(base_url=self.site, **look)
        page.goto("/console/login")
        page.fill("[name=login]", login)
        page.fill("[name=password]", self.logins[login]["password"])
        page.click("form[data-action=login] button")
        expect(page.locator("form[data-action=logout]")).to_be_visible()
        return page


@pytest.fixture
def officers(chromium: PagesBrowser, site: str, staff_logins: dict[str, dict[str, Any]]) -> Iterator[Officers]:
    yield Officers(chromium, site, staff_logins)
    chromium.close()


#: A page asks every five seconds.
POLL_MS = 15_000
LOOKS: dict[str, dict[str, Any]] = {
    "light": {},
    "dark": {"dark": True},
    "zoomed": {"width": 683, "height": 384},
    "zoomed-dark": {"width": 683, "height": 384, "dark": True},
}


@pytest.mark.parametrize("look", LOOKS)
def test_every_page_of_the_console_can_be_seen_and_used_by_everybody(officers: Officers, look: str) -> None:
    late, _ = permit("阿卜杜拉·买买提", correct="no")
    due(late, -2)
    today, _ = permit("韦小花", registers="unavailable")
    due(today, 0)
    permit("王大明")
    made, _ = permit("欧阳娜娜", done=("accept", "approve", "make", "parcel_ordered"))
    elsewhere = officers.sit_down("jp-clerk", **LOOKS[look])
    elsewhere.goto(f"/console/cases/{late}")
    check_page(elsewhere, f"console-real-reason-{look}", least=24)
    page = officers.sit_down("yl-clerk", **LOOKS[look])
    check_page(page, f"console-real-desk-{look}", least=24)
    page.goto("/console/cases/mine")
    check_page(page, f"console-real-mine-{look}", least=24)
    page.goto(f"/console/cases/{late}")
    check_page(page, f"console-real-case-{look}", least=24)
    page.click("button[value='applicant.id_number']")
    expect(page.locator("[data-error=reason]")).to_be_visible()
    check_page(page, f"console-real-reveal-refused-{look}", least=24)
    page.fill("[name=reason]", "核对申请人身份")
    page.click("button[value='applicant.id_number']")
    expect(page.locator("[data-shown='applicant.id_number']")).to_be_visible()
    check_page(page, f"console-real-revealed-{look}", least=24)
    move(late, "accept")
    page.click("form[data-action=accept] button")
    expect(page.locator("[data-error=version]")).to_be_visible()
    check_page(page, f"console-real-moved-on-{look}", least=24)
    page.goto("/console/search")
    page.fill("main [name=q]", "JZ20261109-999999")
    page.click("main form[data-action=search] button")
    check_page(page, f"console-real-search-none-{look}", least=24)
    page.fill("main [name=q]", "韦小花")
    page.click("main form[data-action=search] button")
    expect(page.locator("tr[data-row]")).to_have_count(1)
    check_page(page, f"console-real-search-{look}", least=24)
    centre = officers.sit_down("fw-clerk", **LOOKS[look])
    centre.goto(f"/console/cases/{made}")
    check_page(centre, f"console-real-post-{look}", least=24)
    centre.fill("[name=tracking]", "9999")
    centre.keyboard.press("Enter")
    expect(centre.locator("[data-error=form]")).to_be_visible()
    check_page(centre, f"console-real-post-refused-{look}", least=24)
    planner = officers.sit_down("fw-planner", **LOOKS[look])
    check_page(planner, f"console-real-no-cases-{look}", least=24)


@pytest.mark.parametrize("look", ["light", "zoomed-dark"])
def test_whoever_keeps_away_from_a_case_sees_what_that_means_before_and_after(officers: Officers, look: str) -> None:
    case_id, person = permit("韦小花")
    page = officers.sit_down("yl-clerk", **LOOKS[look])
    page.goto("/console/relations")
    check_page(page, f"console-real-relations-none-{look}", least=24)
    page.check("[name=kind][value=sibling]")
    page.fill("[name=id_number]", "11010119900101123")
    page.click("form[data-action=declare] button")
    expect(page.locator("[data-error=id_number]")).to_be_visible()
    expect(page.locator("[name=kind][value=sibling]")).to_be_checked()
    check_page(page, f"console-real-relations-refused-{look}", least=24)
    page.fill("[name=id_number]", person.id_number)
    page.click("form[data-action=declare] button")
    expect(page.locator("tr[data-row]")).to_have_count(1)
    check_page(page, f"console-real-relations-{look}", least=24)
    page.goto("/console/cases")
    expect(page.locator("tr[data-row]")).to_contain_text("您须回避")
    check_page(page, f"console-real-desk-apart-{look}", least=24)
    colleague = officers.sit_down("yl-both", **LOOKS[look])
    colleague.goto(f"/console/cases/{case_id}")
    colleague.click(f"a[href='/console/cases/{case_id}/recuse']")
    check_page(colleague, f"console-real-recuse-{look}", least=24)
    colleague.fill("[name=reason]", "申请人是我的房客")
    colleague.click("form[data-action=recuse] button")
    expect(colleague.locator("tr[data-row]")).to_contain_text("您须回避")
    check_page(colleague, f"console-real-recused-{look}", least=24)


def test_a_new_case_appears_by_itself_and_the_focus_stays_where_it_was(officers: Officers) -> None:
    first, _ = permit("王大明")
    page = officers.sit_down("yl-clerk")
    expect(page.locator("tr[data-row]")).to_have_count(1)
    page.keyboard.press("j")
    expect(page.locator(f"#r-{first}")).to_be_focused()
    second, _ = permit("韦小花")
    expect(page.locator("tr[data-row]")).to_have_count(2, timeout=POLL_MS)
    expect(page.locator("#figures .fg-v").first).to_have_text("2")
    expect(page.locator(f"#r-{first}")).to_be_focused()
    page.keyboard.press("j")
    expect(page.locator(f"#r-{second}")).to_be_focused()
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_have_attribute("data-case-id", str(first))
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    expect(page.locator("form[data-action=accept] button")).to_be_focused()
    assert case_now(first).state == "submitted"
    move(first, "accept")
    expect(page.locator("#news")).to_contain_text("陈静（岳林派出所）", timeout=POLL_MS)
    page.keyboard.press("Enter")
    expect(page.locator("[data-error=version]")).to_contain_text("办理了“受理”")


def test_a_scanner_that_types_and_ends_with_enter_posts_the_card(officers: Officers) -> None:
    case_id, _ = permit(done=("accept", "approve"))
    page = officers.sit_down("fw-clerk")
    page.goto(f"/console/cases/{case_id}")
    expect(page.locator("[name=card_number]")).to_be_focused()
    page.keyboard.type("33021320260099")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_have_attribute("data-state", "made")
    move(case_id, "parcel_ordered")
    page.reload()
    expect(page.locator("[name=tracking]")).to_be_focused()
    page.keyboard.type("1234567890129")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_have_attribute("data-state", "posted")


def test_two_officers_side_by_side_and_a_double_press(officers: Officers) -> None:
    case_id, _ = permit("王大明")
    first, second = officers.sit_down("yl-clerk"), officers.sit_down("yl-both")
    for page in (first, second):
        page.goto(f"/console/cases/{case_id}")
    first.dblclick("form[data-action=accept] button")
    expect(first.locator("main")).to_have_attribute("data-state", "accepted")
    second.locator("form[data-action=accept] button").click()
    expect(second.locator("[data-error=version]")).to_contain_text("陈静（岳林派出所）")
    second.click("text=打开最新内容")
    expect(second.locator("main")).to_have_attribute("data-version", "2")
    expect(second.locator("form[data-action=approve]")).to_be_visible()


def test_everything_can_be_done_without_script(officers: Officers) -> None:
    case_id, person = permit("阿卜杜拉·买买提")
    page = officers.sit_down("yl-clerk", script=False)
    page.select_option("[name=state]", "submitted")
    page.click("text=筛选")
    page.click(f"#r-{case_id}")
    page.fill("[name=reason]", "电话联系申请人")
    page.click("button[value='applicant.phone']")
    expect(page.locator("[data-shown='applicant.phone']")).to_have_text(person.phone)
    page.click("form[data-action=claim] button")
    expect(page.locator("form[data-action=release]")).to_be_visible()
    page.click("form[data-action=accept] button")
    expect(page.locator("main")).to_have_attribute("data-state", "accepted")
    page.fill("#q", person.id_number)
    page.press("#q", "Enter")
    expect(page.locator("tr[data-row]")).to_have_count(1)
    assert person.id_number not in page.url
