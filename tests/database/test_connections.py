"""Connections that are handed out live, though nobody asks the server each time."""

from __future__ import annotations

import psycopg
import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DisconnectionError

from citizen_services.database import base, db
from citizen_services.database.base import commit
from tests.house import House


def _backend() -> int:
    """The server's process behind the connection of this transaction; the transaction is ended."""
    pid = int(db.session.execute(text("SELECT pg_backend_pid()")).scalar_one())
    commit()
    return pid


def test_a_connection_that_the_server_ended_is_replaced_before_it_is_used(app: Flask, house: House) -> None:
    before = _backend()
    with psycopg.connect(house.environ["DATABASE_URL"], autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (before,))
    assert _backend() != before


def test_only_a_connection_that_lay_unused_is_asked_whether_it_lives(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(base, "_ping", asked.append)
    # Begin with an empty pool: of several connections the next one would be another.
    db.session.remove()
    db.engine.dispose()
    before = _backend()
    assert _backend() == before
    assert asked == []
    monkeypatch.setattr(base, "_SURELY_ALIVE_S", -1.0)
    assert _backend() == before
    assert len(asked) == 1


def test_a_connection_that_is_dead_as_soon_as_it_is_made_is_an_error_of_the_database(app: Flask, house: House) -> None:
    class Record:
        def __init__(self, **info: float) -> None:
            self.info = info

    with psycopg.connect(house.environ["DATABASE_URL"]) as connection:
        connection.close()
        with pytest.raises(DisconnectionError):
            base._look_at(connection, Record(idle_since=0.0), None)  # type: ignore[arg-type]
        with pytest.raises(base.DATABASE_AWAY):
            base._look_at(connection, Record(), None)  # type: ignore[arg-type]


def test_a_transaction_whose_connection_broke_is_undone_without_another_error(app: Flask, house: House) -> None:
    before = int(db.session.execute(text("SELECT pg_backend_pid()")).scalar_one())
    with psycopg.connect(house.environ["DATABASE_URL"], autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (before,))
    base.rollback()
    assert _backend() != before


def test_an_answer_stands_though_the_connection_broke_after_it_was_made(app: Flask, house: House) -> None:
    with app.app_context():
        before = int(db.session.execute(text("SELECT pg_backend_pid()")).scalar_one())
        with psycopg.connect(house.environ["DATABASE_URL"], autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", (before,))
    with app.app_context():
        assert _backend() != before
