"""Residents: bound people whom every register knows, each with a browser of their own that is logged in."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from PIL import Image, ImageDraw
from sqlalchemy import select

from citizen_services import clock
from citizen_services.cases.models import Case, Draft
from citizen_services.database import commit, db
from citizen_services.people.sessions import open_session
from tests import factories
from tests.house import House
from tests.people.browser import Browser

#: Two dwellings of the register; the second belongs to another station.
ADDRESS = "330213001000000001"
OTHER_ADDRESS = "330213002000000007"
EMPLOYER = "奉化区宏达机械有限公司"


def portrait() -> bytes:
    """A drawn face of the size that cards take."""
    picture = Image.new("RGB", (358, 441), "#f4f6f8")
    draw = ImageDraw.Draw(picture)
    draw.ellipse((75, 20, 283, 230), fill="#3b2f2a")
    draw.ellipse((85, 60, 273, 300), fill="#e6b894")
    draw.rectangle((40, 330, 318, 441), fill="#2b4a77")
    written = io.BytesIO()
    picture.save(written, "JPEG", quality=80)
    return written.getvalue()


@dataclass
class Resident:
    """A bound person: who they are, and their browser."""

    app: Flask
    id: UUID
    name: str
    id_number: str
    phone: str
    browser: Browser
    token: str
    path: str = field(default="")

    def cases(self) -> list[Case]:
        """The person's cases, as the database has them, the oldest first."""
        query = select(Case).where(Case.citizen_id == self.id).order_by(Case.submitted_at, Case.id)
        with self.app.app_context():
            return list(db.session.scalars(query))

    def draft(self) -> Draft:
        """The person's newest draft, as the database has it."""
        query = (
            select(Draft).where(Draft.citizen_id == self.id).order_by(Draft.started_at.desc(), Draft.id.desc()).limit(1)
        )
        with self.app.app_context():
            return db.session.scalars(query).one()

    def begin(self, item: str) -> str:
        """Start an application; returns the draft's path."""
        self.browser.open(f"/h5/items/{item}")
        self.browser.submit("start")
        self.path = f"/h5/drafts/{self.draft().id}"
        return self.path

    def fill_permit(self) -> None:
        """Fill in a permit's pages up to the check page."""
        self.begin("residence-permit-first")
        self.browser.submit("save", ground="employment")
        self.browser.submit("save", employment_correct="yes", employment_remark="")
        self.browser.submit("save", portrait_correct="yes")
        self.browser.submit("save")

    def apply(self) -> UUID:
        """Send a permit; returns the case's id."""
        self.fill_permit()
        self.browser.submit("submit", commitment="yes")
        return self.cases()[-1].id


@pytest.fixture
def resident(_application: Flask, database: None, outside: House, house: House) -> Callable[..., Resident]:
    """A maker of residents, registered with us for ``months`` (0 = not at all) and employed since last year."""
    for code, station, text in (
        (ADDRESS, "330213001000", "浙江省宁波市奉化区岳林街道金钟社区金钟路18号3幢502室"),
        (OTHER_ADDRESS, "330213002000", "浙江省宁波市奉化区锦屏街道大成社区大成路88号锦绣家园12幢301室"),
    ):
        row = {"text": text, "station": station, "community": text[13:17], "grid": f"{code[:12]}-03"}
        outside.control("PUT", f"addresses/{code}", row)

    def make(name: str = "韦小花", months: int = 8, employed: bool = True, **more: Any) -> Resident:
        with _application.app_context():
            person = factories.citizen(name)
            if months:
                factories.registered(person, months)
            opened = open_session("citizen", citizen=person.id, phone=person.phone)
            commit()
            today = clock.today()
        about = {"name": name, "phone": person.phone, "hukou_code": "522601", "hukou_address": "贵州省凯里市三棵树镇"}
        picture = base64.b64encode(portrait()).decode()
        outside.control("PUT", f"people/{person.id_number}", about | {"portrait": picture} | more)
        since = (today - timedelta(days=400)).isoformat()
        job = {"employer": EMPLOYER, "credit_code": "91330283MA2AXXXX0X", "since": since, "until": None}
        outside.control("PUT", f"employment/{person.id_number}", job if employed else None)
        outside.control("PUT", f"migrants/{person.id_number}", {"registrations": [], "permits": []})
        browser = Browser(_application, house.web_url)
        log_in(browser, opened.token)
        return Resident(_application, person.id, name, person.id_number, person.phone, browser, opened.token)

    return make


def log_in(browser: Browser, token: str) -> None:
    """Give a browser the cookie of a session."""
    browser.client.set_cookie("h5_session", token, domain="127.0.0.1", path="/h5")


@pytest.fixture
def application(_application: Flask, database: None) -> Flask:
    """The application without a context: each request has its own, as under a server."""
    return _application
