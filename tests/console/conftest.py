"""Officers at their desks: browsers logged in as members of the demo staff."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.house import House
from tests.people.browser import Browser


class Desk(Browser):
    """An officer's browser. Each request runs in a context of its own, as in a server, whatever the test has open."""

    def open(self, *args: Any, **more: Any) -> TestResponse:
        """As a browser does."""
        return contextvars.Context().run(super().open, *args, **more)


@pytest.fixture
def desk(app: Flask, house: House, staff_logins: dict[str, dict[str, Any]]) -> Callable[[str], Desk]:
    """A maker of browsers in which that member of the staff is logged in."""

    def sit_down(login: str) -> Desk:
        browser = Desk(app, house.web_url)
        browser.open("/console/login")
        browser.submit("login", login=login, password=staff_logins[login]["password"])
        assert "退出" in browser.page.text, browser.page.text
        return browser

    return sit_down
