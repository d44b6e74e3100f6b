"""Programs that call the API: a bearer token each, a new Idempotency-Key a write."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from citizen_services.database import commit, db
from citizen_services.people.models import Staff
from citizen_services.people.sessions import open_session
from tests.portal.conftest import resident

__all__ = ["resident"]


@dataclass
class Program:
    """Something that calls the API with a token."""

    app: Flask
    token: str | None
    numbers: itertools.count[int] = field(default_factory=itertools.count)

    def get(self, path: str, **headers: str) -> TestResponse:
        """Read."""
        return self.app.test_client().get(f"/api/v1{path}", headers=self._headers() | headers)

    def post(self, path: str, body: Any = None, key: str | None = None, **more: Any) -> TestResponse:
        """Write, under a key of its own unless one is given."""
        key = key or f"{(self.token or 'nobody')[:6]}-{next(self.numbers):06d}"
        headers = self._headers() | {"Idempotency-Key": key}
        sent = more or {"json": {} if body is None else body}
        return self.app.test_client().post(f"/api/v1{path}", headers=headers, **sent)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}


@pytest.fixture
def application(_application: Flask, database: None) -> Flask:
    """The application without a context: each request has its own, as under a server."""
    return _application


@pytest.fixture
def program(_application: Flask, database: None) -> Callable[[str | None], Program]:
    """A maker of programs: of a token, or of nobody's."""
    return lambda token: Program(_application, token)


@pytest.fixture
def desk_program(_application: Flask, database: None) -> Callable[[str], Program]:
    """A maker of programs that call with the session of a member of the demo staff."""

    def make(login: str) -> Program:
        with _application.app_context():
            member = db.session.scalars(select(Staff).where(Staff.login == login)).one()
            token = open_session("staff", staff=member.id, epoch=member.epoch).token
            commit()
        return Program(_application, token)

    return make
