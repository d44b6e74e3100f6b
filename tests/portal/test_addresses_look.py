"""The pages of addresses by hand and of excuses in a browser: on a phone, and at the community officer's desk."""

from __future__ import annotations

from collections.abc import Callable

from tests.console.conftest import Desk, desk
from tests.pages_kit import PagesBrowser, check_page
from tests.portal.conftest import Resident
from tests.portal.test_papers import folder
from tests.portal.test_papers_look import chromium, site

__all__ = ["chromium", "desk", "folder", "site"]


def test_an_address_is_typed_on_the_phone_looked_for_at_the_desk_and_mended_on_the_phone(
    chromium: PagesBrowser, site: str, resident: Callable[..., Resident], desk: Callable[[str], Desk]
) -> None:
    person = resident(months=0)
    person.begin("residence-registration")
    page = chromium.phone(width=375, base_url=site)
    page.context.add_cookies([{"name": "h5_session", "value": person.token, "url": f"{site}/h5"}])
    page.goto(f"{person.path}?step=address&q=上宋村")
    page.get_by_text("列表里没有我的住址，自己填写").click()
    page.get_by_text("租住房屋").click()
    check_page(page, "address-search")
    page.get_by_role("button", name="保存并继续").click(force=True)
    page.get_by_text("岳林街道、江口街道").click()
    page.get_by_label("村或社区").fill("上宋村")
    page.get_by_label("详细地址").fill("机耕路桥头北侧第二间")
    check_page(page, "address-by-hand")
    page.get_by_role("button", name="保存并继续").click(force=True)
    check_page(page, "address-landlord")
    page.get_by_role("button", name="保存并继续").click(force=True)
    check_page(page, "address-check")
    page.locator("input[name=commitment]").check(force=True)
    page.get_by_role("button", name="确认登记").or_(page.get_by_role("button", name="确认提交")).first.click(force=True)
    page.get_by_text("待核实").first.wait_for()
    check_page(page, "address-verifying")
    case = person.cases()[-1].id
    officer = desk("yl-community")
    token = officer.cookie("console_session", "/console")
    assert token is not None
    board = chromium.desktop(base_url=site)
    board.context.add_cookies([{"name": "console_session", "value": token, "url": f"{site}/console"}])
    board.goto("/console/checks")
    check_page(board, "address-checks")
    officer.open(f"/console/cases/{case}")
    officer.submit("not_found", why="机耕路桥头北侧没有找到住人的房子，请写明房东和楼层")
    page.goto(f"/h5/cases/{case}?q=金钟路")
    check_page(page, "address-correction")
    page.get_by_text("金钟路18号3幢502室").click()
    page.get_by_role("button", name="提交补正").click(force=True)
    page.get_by_text("已办结").first.wait_for()


def test_whoever_is_exempt_from_the_half_year_says_so_on_the_guide(
    chromium: PagesBrowser, site: str, resident: Callable[..., Resident]
) -> None:
    person = resident(months=1)
    page = chromium.phone(width=375, base_url=site)
    page.context.add_cookies([{"name": "h5_session", "value": person.token, "url": f"{site}/h5"}])
    page.goto("/h5/items/residence-permit-first")
    check_page(page, "exempt-guide")
    page.get_by_text("引进人才", exact=True).click()
    page.get_by_role("button", name="按这个理由办理").click(force=True)
    page.get_by_label("证书或文件的名称和编号").wait_for()
    check_page(page, "exempt-form")
