"""A browser without a screen for tests of the doors: it keeps cookies, reads forms as a client does, and sends them."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from flask import Flask
from PIL import Image
from werkzeug.test import TestResponse

DESKTOP = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36"
WECHAT = "Mozilla/5.0 (Linux; Android 13) AppleWebKit/537.36 Mobile Safari/537.36 MicroMessenger/8.0.48 NetType/WIFI"


@dataclass
class Form:
    """A form of a page: where it goes, what its inputs hold."""

    action: str
    url: str
    inputs: dict[str, str] = field(default_factory=dict)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.errors: set[str] = set()
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(given.get("data-action", ""), given.get("action", "")))
        elif tag in ("input", "textarea", "select") and self.forms and given.get("type") not in ("checkbox", "file"):
            self.forms[-1].inputs[given.get("name", "")] = given.get("value", "")
        if "data-error" in given:
            self.errors.add(given["data-error"])

    def handle_data(self, data: str) -> None:
        self.words.append(data.strip())


class Browser:
    """One person's browser; ``page`` is the answer that it shows, ``agent`` what it says to be."""

    def __init__(self, application: Flask, base_url: str, agent: str = DESKTOP) -> None:
        self.client = application.test_client()
        self.base_url = base_url
        self.agent = agent
        self.page: TestResponse

    def open(self, path: str, method: str = "GET", *, follow: bool = True, **more: Any) -> TestResponse:
        """Go to a path of ours and follow redirects within our site."""
        headers = {"User-Agent": self.agent, **more.pop("headers", {})}
        self.page = self.client.open(path, method=method, base_url=self.base_url, headers=headers, **more)
        while follow and self.page.status_code in (302, 303) and self.is_ours(self.page.headers["Location"]):
            target = urlsplit(urljoin(self.base_url, self.page.headers["Location"]))
            self.at = target.path
            self.page = self.client.get(
                f"{target.path}?{target.query}", base_url=self.base_url, headers={"User-Agent": self.agent}
            )
        return self.page

    def is_ours(self, location: str) -> bool:
        """Whether an address stays on our site."""
        return urlsplit(urljoin(self.base_url, location)).netloc == urlsplit(self.base_url).netloc

    def _read(self) -> _Reader:
        reader = _Reader()
        reader.feed(self.page.text)
        return reader

    def form(self, action: str) -> Form:
        """The page's first form with that ``data-action``; KeyError where it has none."""
        for form in self._read().forms:
            if form.action == action:
                return form
        raise KeyError(f"no form {action} on {self.page.request.path}: {[form.action for form in self._read().forms]}")

    @property
    def actions(self) -> list[str]:
        """The page's forms by ``data-action``, without those of the frame."""
        return [
            form.action for form in self._read().forms if form.action not in ("care", "logout", "preferences", "search")
        ]

    @property
    def errors(self) -> set[str]:
        """The fields at which the page shows an error."""
        return self._read().errors

    @property
    def words(self) -> str:
        """What the page says, without whatever differs at each rendering."""
        return re.sub(r"\s+", " ", " ".join(word for word in self._read().words if word))

    def submit(
        self, action: str, *, follow: bool = True, headers: dict[str, str] | None = None, **fields: Any
    ) -> TestResponse:
        """Fill in a form of the page and send it; a value of None leaves a field out."""
        form = self.form(action)
        data = {name: value for name, value in (form.inputs | fields).items() if value is not None}
        return self.open(form.url or self.page.request.path, "POST", follow=follow, data=data, headers=headers or {})

    def cookie(self, name: str, path: str) -> str | None:
        """The value of a cookie as it would be sent to a path."""
        found = self.client.get_cookie(name, domain=urlsplit(self.base_url).hostname or "", path=path)
        return found.value if found else None

    def authorize(self, openid: str, **more: str) -> str:
        """Let WeChat's authorize page send the follower back at once; returns the path with code and state."""
        address = self.page.headers["Location"].split("#")[0]
        answer = requests.get(address, params={"_openid": openid, **more}, allow_redirects=False, timeout=10)
        assert answer.status_code == 302, answer.text
        back = urlsplit(answer.headers["Location"])
        return f"{back.path}?{back.query}"

    def enter_by_wechat(self, openid: str, path: str = "/h5/") -> TestResponse:
        """Open a page inside WeChat as that follower, by way of the authorize page."""
        self.agent = WECHAT
        self.open(path)
        return self.open(self.authorize(openid))


def photo(width: int = 900, height: int = 1200, kind: str = "JPEG") -> bytes:
    """A photograph's worth of pixels."""
    written = io.BytesIO()
    Image.effect_noise((width // 4, height // 4), 60).convert("RGB").resize((width, height)).save(written, kind)
    return written.getvalue()


def upload(content: bytes, name: str = "face.jpg") -> tuple[io.BytesIO, str]:
    """A file as a form sends it."""
    return io.BytesIO(content), name
