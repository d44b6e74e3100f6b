"""What the stories have in common: a person with a phone, officers at their desks, and what the outside was told.

Everything goes through the doors that people use; what is not the story's own matter (binding, registering) is walked
by the journey's client, and the phone is given its login.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import FilePayload, Locator, Page, expect

from citizen_services import journey
from tests.house import House
from tests.pages_kit import PagesBrowser, check_page
from tests.test_story import app_py, journey_of

__all__ = ["app_py"]

#: Cheap Android phones are 360 wide; the stories are told on the next common size.
PHONE = 375
CENTRE = "fw-clerk"


class Story:
    """One person's story: ``walk`` is the journey's client of the same person, ``phone`` their browser in WeChat."""

    def __init__(self, live: House, browser: PagesBrowser, seed: int) -> None:
        self.live, self.browser = live, browser
        self.walk = journey_of(live, seed)
        self.worker = self.walk.worker
        self.name = f"story-{seed}"
        self._desks: dict[str, Page] = {}
        self._phone: Page | None = None

    # -- the person

    def lives_here(self) -> None:
        """The person is known to every register, follows the account, is bound, and their address is registered."""
        self.walk.world()
        self.walk.follows_and_comes_in()
        self.walk.binds()
        self.walk.registers_the_address()

    @property
    def phone(self) -> Page:
        """The person's phone, logged in as the journey's client is."""
        if self._phone is None:
            self._phone = self.browser.phone(width=PHONE, base_url=self.live.web_url)
            for cookie in self.walk.phone.http.cookies:
                self._phone.context.add_cookies(
                    [{"name": cookie.name, "value": cookie.value or "", "url": f"{self.live.web_url}{cookie.path}"}]
                )
        return self._phone

    @property
    def case(self) -> str:
        """The path of the person's case on the phone."""
        return f"/h5/cases/{self.walk.identifiers['case_id']}"

    def note_case(self, page: Page) -> None:
        """Remember the case that a page of the phone shows."""
        main = page.locator("main")
        self.walk.identifiers["case_id"] = main.get_attribute("data-case-id")
        self.walk.identifiers["case_number"] = main.get_attribute("data-case-number")

    def told(self, words: str) -> list[dict[str, Any]]:
        """What WeChat carried to the person about this case with these words in it."""
        number = self.walk.identifiers["case_number"]
        return [t for t in self.walk.outside.told("wechat_api", self.worker.openid, number) if words in t["text"]]

    def told_once(self, words: str) -> dict[str, Any]:
        """Wait until the person was told these words; it must be exactly once."""
        told: list[dict[str, Any]] = self.walk.until(f"the person is told {words}", lambda: self.told(words))
        assert len(told) == 1, told
        return told[0]

    def link_of(self, notice: dict[str, Any]) -> str:
        """The address that a notice leads to; it names nobody."""
        address = str(notice["detail"]["url"])
        for personal in (self.worker.id_number, self.worker.phone, self.worker.openid, self.worker.name):
            assert personal not in address
        assert address.startswith(self.live.web_url), address
        return address

    def comes_in_again(self) -> None:
        """WeChat's authorize page, on which the phone stands, asks who is tapping and leads back."""
        assert "/connect/oauth2/authorize" in self.phone.url, self.phone.url
        self.phone.goto(f"{self.phone.url.partition('#')[0]}&_openid={self.worker.openid}")
        assert urlsplit(self.phone.url).netloc == urlsplit(self.live.web_url).netloc, self.phone.url

    # -- the staff

    def logged_in(self, login: str) -> Page:
        """The computer of a member of the staff, logged in."""
        if login not in self._desks:
            desk = self.browser.desktop(base_url=self.live.web_url)
            desk.goto("/console/login")
            member = next(s for s in self.walk.staff if s["login"] == login)
            desk.fill("[name=login]", member["login"])
            desk.fill("[name=password]", member["password"])
            desk.click("form[data-action=login] button")
            expect(desk.locator("form[data-action=logout]")).to_be_visible()
            self._desks[login] = desk
        return self._desks[login]

    def at_desk(self, login: str) -> Page:
        """The same, with the case open."""
        desk = self.logged_in(login)
        desk.goto(f"/console{self.case.removeprefix('/h5')}")
        return desk

    def clerk(self) -> str:
        """The login of a clerk of the station of the person's address."""
        return str(self.walk._staff(self.worker.station, "clerk")["login"])

    def approver(self) -> str:
        """The login of an officer of that station who approves, another than the clerk."""
        return str(self.walk._staff(self.worker.station, "approver", but=self.clerk())["login"])

    # -- the courier

    def parcels(self) -> list[dict[str, Any]]:
        """The orders that EMS took for this person, oldest first."""
        return [
            entry
            for entry in self.walk.outside.ledger("ems", self.walk.outside.seen)
            if entry["operation"] == "020003" and self.worker.name in (entry["to"] or "") + (entry["text"] or "")
        ]

    def courier(self, tracking: str, code: str, **more: str) -> None:
        """The courier reports an event."""
        self.live.control("POST", f"parcels/{tracking}", {"opCode": code} | more)

    # -- pages

    def see(self, page: Page, what: str) -> None:
        """Judge the page as it is shown, and keep its picture."""
        check_page(page, f"{self.name}-{what}")

    def until(self, what: str, probe: Callable[[], Any]) -> Any:
        """Ask until there is an answer."""
        return self.walk.until(what, probe)

    def in_state(self, page: Page, wanted: str) -> None:
        """Load the page until its case is in that state."""

        def there() -> bool:
            page.reload()
            return state(page) == wanted

        self.until(f"the page shows {wanted}", there)


def state(page: Page) -> str | None:
    """The state of the case that a page shows."""
    return page.locator("main").get_attribute("data-state")


def press(page: Page | Locator, text: str) -> None:
    """Press a button."""
    page.get_by_role("button", name=text, exact=True).click()


def tick(box: Locator) -> None:
    """Tick a box, or choose one of several, by its words as a thumb does."""
    name = box.get_attribute("id")
    box.page.locator(f'label[for="{name}"]').click()
    expect(box).to_be_checked()


def act(desk: Page, action: str, leads_to: str) -> None:
    """Take a step that needs nothing filled in, and see the case in its new state."""
    desk.click(f"form[data-action={action}] button")
    expect(desk.locator("main")).to_have_attribute("data-state", leads_to)


def by_key(page: Page, code: str) -> None:
    """A scanner: types into what has the focus, and ends with Enter."""
    expect(page.locator("input:focus")).to_have_count(1)
    page.keyboard.type(code)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def tracking_of(order: dict[str, Any]) -> str:
    """The courier's number in an order."""
    found = re.search(r"(?<!\d)\d{13}(?!\d)", str(order["text"]) + str(order["detail"]))
    assert found is not None, order
    return found.group()


def start(page: Page, item: str = journey.PERMIT) -> None:
    """Begin an application from its guide."""
    page.goto(f"/h5/items/{item}")
    press(page, "开始办理")
    page.wait_for_url("**/h5/drafts/**")


def fill_in(page: Page, answers: Mapping[str, str], seen: Callable[[str], None] | None = None) -> None:
    """Go through the pages of a form with these answers by name; what they don't name stays as it is."""
    for number in range(1, 9):
        form = page.locator('form[data-action="save"]')
        if not form.count():
            return
        if seen is not None:
            seen(f"step-{number}")
        for name, value in answers.items():
            given = form.locator(f'[name="{name}"]:not([type=hidden])')
            if not given.count():
                continue
            if given.first.get_attribute("type") in ("radio", "checkbox"):
                tick(form.locator(f'[name="{name}"][value="{value}"]'))
            else:
                given.first.fill(value)
        with page.expect_navigation():
            form.locator('button.btn-primary[type="submit"]').first.click()


def photo_of(name: str, buffer: bytes) -> FilePayload:
    """A photo as the phone hands it over."""
    kind = "image/heic" if name.lower().endswith(".heic") else "image/jpeg"
    return {"name": name, "mimeType": kind, "buffer": buffer}


def upload(page: Page, photo: FilePayload) -> list[str]:
    """Choose a photo and send it; what the page said of it on the way, each once."""
    page.set_input_files("input[type=file]", files=[photo])
    page.evaluate(
        """() => {
            window.__said = [];
            const form = document.querySelector('form[data-action="upload"]');
            new MutationObserver(() => window.__said.push(form.querySelector('[data-picked]').textContent))
                .observe(form.querySelector('[data-picked]'), {childList: true, characterData: true, subtree: true});
        }"""
    )
    before = page.locator(".mx-files li").count()
    press(page, "上传")
    expect(page.locator(".mx-files li")).to_have_count(before + 1)
    return list(dict.fromkeys(page.evaluate("window.__said")))


def submit(page: Page) -> None:
    """From the page that shows everything once more: promise and send."""
    tick(page.locator('input[name="commitment"]'))
    press(page, "确认提交")
    page.get_by_text("提交成功").wait_for()
