"""Browsers, invented people in the register, and the codes as their phones receive them."""

from __future__ import annotations

import base64
import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from citizen_services.database import commit, db
from citizen_services.people.signals import binding_moved, code_wanted
from citizen_services.rules.phones import invent_mobile
from tests import factories
from tests.house import House
from tests.people.browser import Browser, photo

#: Other people than the factories invent, the same in every run.
_seeds = itertools.count(500_000)


@dataclass
class Phones:
    """What phones receive: codes by phone, newest last, and who is told that an account was taken from them."""

    codes: dict[str, list[str]] = field(default_factory=dict)
    told: list[dict[str, Any]] = field(default_factory=list)

    def last(self, phone: str) -> str:
        """The newest code that a phone received."""
        return self.codes[phone][-1]

    def _take_code(self, purpose: str, *, phone: str, code: str, **_: Any) -> None:
        self.codes.setdefault(phone, []).append(code)

    def _take_move(self, citizen_id: Any, **more: Any) -> None:
        self.told.append({"citizen_id": citizen_id, "openid": more["openid"], "phone": more["phone"]})


@pytest.fixture
def phones() -> Iterator[Phones]:
    """The phones of this test's people."""
    received = Phones()
    take_code, take_move = received._take_code, received._take_move
    code_wanted.connect(take_code, weak=False)
    binding_moved.connect(take_move, weak=False)
    yield received
    code_wanted.disconnect(take_code)
    binding_moved.disconnect(take_move)


@pytest.fixture
def application(_application: Flask, database: None) -> Flask:
    """The application without a context: each request of a browser has its own, as under a server."""
    return _application


@pytest.fixture
def browser(application: Flask, house: House) -> Callable[[], Browser]:
    """A maker of browsers, each with cookies of its own."""
    return lambda: Browser(application, house.web_url)


@dataclass
class Invented:
    """Somebody whom the register knows."""

    name: str
    id_number: str
    phone: str
    openid: str


@pytest.fixture
def invented(outside: House) -> Callable[..., Invented]:
    """A maker of people whom the population register and WeChat know."""

    def make(name: str = "韦小花", face: str = "match", born: date = date(1994, 5, 23), **more: Any) -> Invented:
        rng = random.Random(next(_seeds))
        number = factories.new_number(rng, "522601", born, male=False)
        person = Invented(name, number, invent_mobile(rng), f"o{rng.getrandbits(100):027x}")
        portrait = base64.b64encode(photo(358, 441)).decode()
        row = {
            "portrait": portrait,
            "name": name,
            "phone": person.phone,
            "hukou_code": "522601",
            "hukou_address": "贵州省凯里市三棵树镇",
            "face": face,
        }
        outside.control("PUT", f"people/{person.id_number}", row | more)
        outside.control("PUT", f"followers/{person.openid}", {"push": False})
        return person

    return make


@pytest.fixture
def later(application: Flask) -> Callable[[timedelta], None]:
    """Let machine time go by, as far as what is stored can tell: moves every stored machine time back."""

    def move(by: timedelta) -> None:
        columns = {
            "attempt": ("at",),
            "phone_code": ("at", "expires_at"),
            "session": ("created_at", "seen_at", "expires_at"),
            "oauth_state": ("expires_at", "used_at"),
            "binding_request": ("expires_at",),
        }
        with application.app_context():
            for table, names in columns.items():
                changes = ", ".join(f"{name} = {name} - :by" for name in names)
                db.session.execute(text(f"UPDATE {table} SET {changes}"), {"by": by})
            commit()

    return move
