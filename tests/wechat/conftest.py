"""The door on a real port, in this process, so that tests can take Redis, PostgreSQL or a mode away from it."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import create_engine
from werkzeug.serving import make_server

from citizen_services.database import db
from citizen_services.parts import EXTENSION
from citizen_services.redis import breaker, web_client
from deploy.embedded import free_port
from tests.wechat.kit import WeChatSide

#: Of the official account before its key was changed.
PREVIOUS_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"


@pytest.fixture(scope="session")
def _port(_application: Flask) -> Iterator[int]:
    server = make_server("127.0.0.1", 0, _application, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def change_parts(_application: Flask, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Give the running door other parts until the end of the test."""

    def change(**parts: Any) -> None:
        changed = dataclasses.replace(_application.extensions[EXTENSION], **parts)
        monkeypatch.setitem(_application.extensions, EXTENSION, changed)

    return change


@pytest.fixture
def account(_application: Flask, change_parts: Callable[..., None]) -> Callable[..., None]:
    """Change settings of the official account (``mode="plain"``) until the end of the test."""

    def change(**wechat: str) -> None:
        settings = _application.extensions[EXTENSION].settings
        changed = dataclasses.replace(settings.wechat, **wechat)
        change_parts(settings=dataclasses.replace(settings, wechat=changed))

    return change


@pytest.fixture
def wechat(_port: int, _application: Flask, app: Flask) -> WeChatSide:
    """WeChat's side of the door."""
    return WeChatSide(f"http://127.0.0.1:{_port}/wechat", _application.extensions[EXTENSION].settings.wechat)


@pytest.fixture
def no_redis(change_parts: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens where Redis was."""
    monkeypatch.setattr(breaker, "_open_until", 0.0)
    change_parts(redis=web_client(f"redis://127.0.0.1:{free_port()}/0"))


@pytest.fixture
def take_database(_application: Flask, app: Flask) -> Iterator[Callable[[], None]]:
    """Take PostgreSQL away from the door until the end of the test: nobody listens where it was."""
    engines = db._app_engines[_application]
    there = engines[None]

    def take() -> None:
        db.session.remove()
        engines[None] = create_engine(f"postgresql+psycopg://nobody:nothing@127.0.0.1:{free_port()}/nowhere")

    yield take
    engines[None] = there
