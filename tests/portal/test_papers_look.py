"""The pages of papers in a browser: seen before they are sent, one at a time, on a phone and at the desk."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from tests.console.conftest import Desk, desk
from tests.house import House
from tests.materials import pictures
from tests.pages_kit import PagesBrowser, artefacts, check_page, pages_browser, serving
from tests.portal.acting import staff_acts
from tests.portal.conftest import Resident
from tests.portal.test_papers import PROOF, done, folder, pieces, send, to_papers

__all__ = ["desk", "folder"]


@pytest.fixture(scope="module")
def chromium() -> Iterator[PagesBrowser]:
    """One browser for all looks."""
    with pages_browser() as browser:
        yield browser


@pytest.fixture
def site(_application: Flask) -> Iterator[str]:
    """The application on loopback."""
    with serving(_application) as url:
        yield url


@pytest.mark.parametrize(("width", "script"), [(360, True), (320, True), (360, False), (1366, True)])
def test_a_photo_is_seen_sent_and_taken_out_with_and_without_script(
    chromium: PagesBrowser, site: str, resident: Callable[..., Resident], width: int, script: bool
) -> None:
    person = resident(employed=False)
    to_papers(person)
    name = f"{width}{'' if script else '-plain'}"
    page = chromium.phone(width=width, script=script, base_url=site)
    page.context.add_cookies([{"name": "h5_session", "value": person.token, "url": f"{site}/h5"}])
    page.goto(f"{person.path}?step=papers")
    if script:
        check_page(page, f"papers-empty-{name}")
    photo = {"name": "合同.jpg", "mimeType": "image/jpeg", "buffer": pictures.jpeg()}
    page.set_input_files("input[type=file]", files=[photo])  # type: ignore[list-item]
    if script:
        page.locator("[data-preview] img").wait_for()
        check_page(page, f"papers-preview-{name}")
    page.get_by_role("button", name="上传", exact=True).click(force=True)
    page.get_by_text("第 1 张").first.wait_for()
    assert len(pieces(person)) == 1
    if script:
        check_page(page, f"papers-there-{name}")
    page.set_input_files("input[type=file]", files=[photo | {"buffer": b"%PDF-1.7"}])  # type: ignore[list-item]
    page.get_by_role("button", name="上传", exact=True).click(force=True)
    page.locator(f"[data-error={PROOF}]").wait_for()
    page.screenshot(path=str(artefacts() / f"papers-refused-{name}.png"), full_page=True)
    page.get_by_role("button", name="删除").click(force=True)
    page.get_by_text("待上传").wait_for()
    assert pieces(person) == []


def test_a_correction_and_the_desk_show_photos(
    chromium: PagesBrowser, site: str, resident: Callable[..., Resident], desk: Callable[[str], Desk], house: House
) -> None:
    person = resident(employed=False)
    to_papers(person)
    send(person)
    case = done(person)
    officer = desk("yl-clerk")
    token = officer.cookie("console_session", "/console")
    assert token is not None
    page = chromium.desktop(base_url=site)
    page.context.add_cookies([{"name": "console_session", "value": token, "url": f"{site}/console"}])
    page.goto(f"/console/cases/{case}")
    page.wait_for_load_state("load")
    assert page.locator(".ws-viewer img").evaluate("picture => picture.naturalWidth") > 0
    check_page(page, "papers-desk")
    items = [{"code": PROOF, "why": "签名那一页没有拍到"}, {"code": "delivery.receiver_phone", "why": "打不通"}]
    staff_acts(person, case, "request_correction", "yl-clerk", {"items": items})
    phone = chromium.phone(base_url=site)
    phone.context.add_cookies([{"name": "h5_session", "value": person.token, "url": f"{site}/h5"}])
    phone.goto(f"/h5/cases/{case}")
    phone.get_by_label("收件人手机号码").fill("13900139000")
    photo = {"name": "合同.jpg", "mimeType": "image/jpeg", "buffer": pictures.jpeg(800)}
    phone.set_input_files("input[type=file]", files=[photo])  # type: ignore[list-item]
    phone.get_by_role("button", name="上传", exact=True).click(force=True)
    phone.get_by_text("第 1 张").first.wait_for()
    assert phone.get_by_label("收件人手机号码").input_value() == "13900139000", "what was typed is still there"
    check_page(phone, "papers-correction")
    phone.get_by_role("button", name="提交补正").click(force=True)
    phone.get_by_text("补正已经收到").wait_for()
    phone.get_by_text("我上传的材料").click()
    check_page(phone, "papers-case")
