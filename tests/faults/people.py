"""Invented citizens who apply whatever the registers say: what isn't known they bring as photos of papers."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

import requests

from citizen_services.journey import PERMIT, PORTRAIT, TIMEOUT_S, WECHAT_BROWSER, Broken, Browser, Form, Page

PHOTO = base64.b64decode("".join(PORTRAIT.split()))
_CHINESE = re.compile(r"[\u4e00-\u9fff]")
#: What a person writes where a question is open.
_TYPED = {
    "postal_address": "岳林街道金钟路18号3幢502室",
    "employment_remark": "在宏达机械上班，去年十月入职",
}


def says_it_in_chinese(page: Page) -> bool:
    """Whether a page speaks to a person, and no machine's words stand on it."""
    machine = re.search(r"Traceback|Internal Server Error|Service Unavailable|OperationalError|psycopg", page.text)
    return len(_CHINESE.findall(page.text)) > 20 and machine is None


@dataclass
class Applicant:
    """A bound person with a browser; ``waited`` is the longest that a page let them wait, in seconds."""

    web: str
    name: str
    id_number: str
    phone: str
    openid: str
    token: str
    browser: _Patient = field(init=False)
    waited: float = 0.0
    brought_papers: bool = False

    def __post_init__(self) -> None:
        self.browser = self.new_browser()

    @classmethod
    def of(cls, web: str, person: Mapping[str, Any]) -> Applicant:
        """The person as ``app.py demo`` invented them."""
        return cls(web, **{key: person[key] for key in ("name", "id_number", "phone", "openid", "token")})

    def new_browser(self) -> _Patient:
        """A browser of theirs that is logged in; one for each thread."""
        browser = _Patient(self)
        browser.http.cookies.set("h5_session", self.token, domain="127.0.0.1", path="/h5")
        return browser

    def start(self, item: str = PERMIT) -> Page:
        """Begin an application, or go on with it."""
        page = self.browser.open(f"/h5/items/{item}")
        return self.browser.send(page, "start") if any(f.action == "start" for f in page.forms) else page

    def fill(self, ground: str = "employment") -> Page:
        """Answer everything up to the check page, which is returned; raises Broken where a page leads nowhere."""
        page = self.start()
        draft = page.url.partition("?")[0]
        for _ in range(12):
            actions = [form.action for form in page.forms]
            if "submit" in actions:
                return page
            if "save" in actions:
                page = self.browser.send(page, "save", answers(page.form("save"), ground))
            elif "upload" in actions:
                self.brought_papers = True
                for form in [form for form in page.forms if form.action == "upload"]:
                    self.browser.upload(form, PHOTO)
                page = self.browser.open(f"{draft}?step=check")
            else:
                break
        raise Broken(f"{page.url} leads nowhere: {page.text[:400]}")

    def sending(self, page: Page) -> tuple[str, dict[str, str]]:
        """Where the check page's form is sent, and what: the same each time."""
        form = page.form("submit")
        return form.url, form.fields | {"commitment": "yes"}


def answers(form: Form, ground: str) -> dict[str, str]:
    """What a person of good will answers to a group of questions; ``ground`` is why they apply."""
    given = {"ground": ground} if "ground" in form.choices else {}
    for name, choices in form.choices.items():
        if name not in given and name not in form.fields:
            given[name] = "yes" if "yes" in choices else choices[0]
    for name, words in _TYPED.items():
        if name in form.fields and not form.fields[name]:
            given[name] = words
    return given


class _Patient(Browser):
    """A browser that notes how long its person waits."""

    def __init__(self, whose: Applicant) -> None:
        super().__init__(whose.web, WECHAT_BROWSER)
        self._whose = whose

    def open(self, path: str, *, expect: int = 200) -> Page:
        """Open a page."""
        began = time.monotonic()
        try:
            return super().open(path, expect=expect)
        finally:
            self._note(began)

    def send(
        self, page: Page, action: str, values: Mapping[str, str] | None = None, files: Mapping[str, Any] | None = None
    ) -> Page:
        """Send a form."""
        began = time.monotonic()
        try:
            return super().send(page, action, values, files)
        finally:
            self._note(began)

    def upload(self, form: Form, photo: bytes) -> Page:
        """Send a photo by one of several upload forms."""
        files = {"file": ("photo.jpg", photo, "image/jpeg")}
        answer = self.http.post(form.url, data=form.fields, files=files, timeout=TIMEOUT_S)
        page = Page(answer)
        if answer.status_code != 200 or page.errors:
            raise Broken(f"a photo was refused with {answer.status_code}: {page.errors} {page.text[:300]}")
        return page

    def _note(self, began: float) -> None:
        self._whose.waited = max(self._whose.waited, time.monotonic() - began)


def post(browser: Browser, url: str, data: Mapping[str, str]) -> requests.Response:
    """Send a form's fields without following where it leads."""
    return browser.http.post(urljoin(browser.web, url), data=data, allow_redirects=False, timeout=60)


class Desk(Browser):
    """A member of the staff at the console."""

    @classmethod
    def of(cls, web: str, staff: Iterable[Mapping[str, Any]], office: str, role: str) -> Desk:
        """Log in somebody of that role at an office; an approver must be an officer."""
        for member in staff:
            fits = role in member["roles"] and member["office"] == office
            if fits and (role != "approver" or member["standing"] == "officer"):
                return cls(web).logs_in(member)
        raise Broken(f"there is no {role} at {office}")

    def logs_in(self, member: Mapping[str, Any]) -> Desk:
        """Log in."""
        self.send(self.open("/console/login"), "login", {key: member[key] for key in ("login", "password")})
        return self

    def acts(self, case_id: object, action: str, values: Mapping[str, str] | None = None) -> Page:
        """Take a step on a case, claimed first where nobody holds it; the case's page as it is then."""
        page = self.open(f"/console/cases/{case_id}")
        if "claim" in [form.action for form in page.forms]:
            page = self.send(page, "claim")
        if action not in [form.action for form in page.forms]:
            page = self.open(f"/console/cases/{case_id}/actions/{action}")
        return self.send(page, action, values)

    def tries_again(self) -> int:
        """Have everything sent once more that the page of what was not told lists as ended in vain; how many."""
        return self._presses("/tries/")

    def writes_again(self) -> int:
        """The same of what the province's register rejected."""
        return self._presses("/writes/")

    def _presses(self, path: str) -> int:
        page = self.open("/console/telling")
        waiting = [form for form in page.forms if path in form.url]
        for form in waiting:
            answer = self.http.post(form.url, data=form.fields, timeout=TIMEOUT_S)
            # Somebody was faster: it lies in its queue already.
            if answer.status_code not in (200, 404, 409):
                raise Broken(f"a try could not be repeated: {answer.status_code} {Page(answer).text[:300]}")
        return len(waiting)
