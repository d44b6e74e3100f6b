"""Statements that the driver runs: what SQLAlchemy promises about types, transactions and faults holds for them too."""

from __future__ import annotations

import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
import redis
from flask import Flask
from psycopg.pq import TransactionStatus
from sqlalchemy import BigInteger, bindparam, func, insert, select, update
from sqlalchemy.exc import IntegrityError, OperationalError

from citizen_services import clock
from citizen_services.database import Base, Change, commit, db, violated_constraint
from citizen_services.database.base import rollback
from citizen_services.database.direct import Direct, columns_of, read_apart, remembered
from citizen_services.database.models import IdempotencyKey, Installation
from citizen_services.parts import parts
from citizen_services.people.models import Office, Session
from citizen_services.redis import _read, exchange
from tests.house import ROOT, House

_NOTE = Direct(insert(Installation).values(name=bindparam("name"), value=bindparam("value")))
_NOTED = Direct(select(Installation.value).where(Installation.name == bindparam("name")))
_LOCKED = Direct(select(Installation.value).where(Installation.name == bindparam("name")).with_for_update())
_LOCKED_WITHIN = Direct(
    select(select(Installation.value).where(Installation.name == bindparam("name")).with_for_update().subquery())
)
_NUMBERED = Direct(select(func.pg_advisory_xact_lock(bindparam("number", type_=BigInteger))))
_BY_NAME = Direct(select(*columns_of(Installation)).where(Installation.name == bindparam("name")))
_ANSWER = Direct(select(IdempotencyKey.answer, IdempotencyKey.key).where(IdempotencyKey.actor == "citizen:direct"))


def test_it_runs_in_the_sessions_own_transaction_and_leaves_with_it(app: Flask) -> None:
    assert _NOTE.run(name="direct", value={"a": ["二", None, "100%"]}) == 1
    assert db.session.get_one(Installation, "direct").value == {"a": ["二", None, "100%"]}
    rollback()
    assert _NOTED.first(name="direct") is None
    assert _NOTED.rows(name="direct") == []


def test_what_is_read_before_anything_is_written_begins_no_transaction(app: Flask) -> None:
    def status() -> TransactionStatus:
        driver = db.session.connection().connection.driver_connection
        return driver.info.transaction_status  # type: ignore[union-attr]

    assert _NOTED.first(name="direct") is None
    assert status() == TransactionStatus.IDLE
    for locks in (_LOCKED, _LOCKED_WITHIN):
        assert locks.first(name="direct") is None
        assert status() == TransactionStatus.INTRANS
        rollback()
    assert _NUMBERED.first(number=7) is not None
    assert status() == TransactionStatus.INTRANS
    rollback()
    assert _NOTED.rows(name="direct") == []
    _NOTE.run(name="direct", value=1)
    assert status() == TransactionStatus.INTRANS
    # Within it what was written is seen, and goes with it.
    assert _NOTED.first(name="direct") == [1]
    rollback()
    assert _NOTED.first(name="direct") is None
    # Whoever goes by the session begins one as ever.
    assert db.session.get(Installation, "direct") is None
    assert status() == TransactionStatus.INTRANS
    rollback()


def test_a_row_is_left_sealed_until_somebody_asks_and_an_object_apart_is_no_sessions(app: Flask) -> None:
    change = Change(clock.now())
    row = {"actor": "citizen:direct", "route": "r", "fingerprint": b"f", "at": clock.protocol_now()}
    change.add(IdempotencyKey, key="1", answer={"name": "韦小花"}, **row)
    change.write()
    sealed = _ANSWER.sealed()
    assert sealed is not None
    assert "韦小花".encode() not in bytes(sealed[0])
    assert _ANSWER.opened(sealed) == [{"name": "韦小花"}, "1"]
    kept = read_apart(Installation, ["direct", 7])
    assert (kept.name, kept.value) == ("direct", 7)
    assert kept not in db.session
    commit()
    assert _NOTED.first(name="direct") is None


def test_what_is_encrypted_is_sealed_on_its_way_in_and_opened_on_its_way_out(app: Flask) -> None:
    change = Change(clock.now())
    row = {"actor": "citizen:direct", "route": "r", "fingerprint": b"f", "at": clock.protocol_now()}
    change.add(IdempotencyKey, key="1", answer={"name": "韦小花"}, **row)
    change.add(IdempotencyKey, key="2", answer=None, **row)
    with pytest.raises(IntegrityError, match="answer"):
        change.write()
    rollback()
    change = Change(clock.now())
    change.add(IdempotencyKey, key="1", answer={"name": "韦小花"}, **row)
    change.add(IdempotencyKey, key="2", answer=[1], **row)
    change.write()
    commit()
    assert sorted(_ANSWER.rows(), key=str) == [[[1], "2"], [{"name": "韦小花"}, "1"]]
    with psycopg.connect(app.config["SQLALCHEMY_DATABASE_URI"].replace("+psycopg", "")) as other:
        stored = other.execute("SELECT answer FROM idempotency_key WHERE actor = 'citizen:direct'").fetchall()
    assert all("韦小花".encode() not in bytes(sealed) for (sealed,) in stored)


def test_a_violated_constraint_is_told_by_its_name_and_without_what_was_given(app: Flask) -> None:
    _NOTE.run(name="direct", value="13912345678")
    with pytest.raises(IntegrityError) as raised:
        _NOTE.run(name="direct", value="13912345678")
    assert violated_constraint(raised.value) == "pk_installation"
    assert "13912345678" not in str(raised.value)
    rollback()


def test_a_column_that_no_row_names_gets_its_default_as_by_the_orm(app: Flask) -> None:
    now = clock.protocol_now()
    change = Change(clock.now())
    change.add(
        Session, token=b"direct", kind="citizen", citizen_id=None, staff_id=None, openid="o", created_at=now,
        seen_at=now, expires_at=now,
    )  # fmt: skip
    change.write()
    row = db.session.scalars(select(Session).where(Session.token == b"direct")).one()
    assert row.epoch == 0
    assert row.id.version == 7
    rollback()


def test_a_row_read_directly_is_the_sessions_object_and_its_changes_are_written(app: Flask) -> None:
    _NOTE.run(name="direct", value=1)
    row = _BY_NAME.first(name="direct")
    assert row is not None
    one = remembered(Installation, row)
    assert one is db.session.get(Installation, "direct")
    one.value = 2
    db.session.flush()
    assert _NOTED.first(name="direct") == [2]
    # What another statement changed is seen as soon as the row is read again.
    Direct(update(Installation).where(Installation.name == "direct").values(value=bindparam("to"))).run(to=3)
    again = _BY_NAME.first(name="direct")
    assert again is not None
    assert remembered(Installation, again) is one
    assert one.value == 3
    rollback()


_FIRST = """
from citizen_services.database import db
from citizen_services.database.direct import remembered
from citizen_services.database.models import Installation
from flask import Flask

app = Flask("first")
app.config["SQLALCHEMY_DATABASE_URI"] = "postgresql+psycopg://nowhere/none"
db.init_app(app)
with app.app_context():
    print(remembered(Installation, ["first", {}]).name)
"""


def test_a_row_is_an_object_even_where_it_is_the_first_thing_that_a_process_reads() -> None:
    found = subprocess.run([sys.executable, "-c", _FIRST], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (found.stdout, found.returncode) == ("first\n", 0), found.stderr


def test_every_table_can_be_read_so(app: Flask) -> None:
    """The columns of a table and the attributes of its class are one list, whatever their names."""
    for mapper in Base.registry.mappers:
        Direct(select(*columns_of(mapper.class_)).limit(1)).rows()
    row = Direct(select(*columns_of(Office)).limit(1)).first()
    assert row is None or remembered(Office, row).code == row[0]


def test_a_connection_that_broke_in_the_midst_is_told_as_such_and_used_by_nobody_again(
    app: Flask, house: House
) -> None:
    _NOTED.first(name="direct")
    backend = db.session.connection().connection.driver_connection.info.backend_pid  # type: ignore[union-attr]
    with psycopg.connect(house.environ["DATABASE_URL"], autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (backend,))
    with pytest.raises(OperationalError) as raised:
        _NOTED.first(name="direct")
    assert raised.value.connection_invalidated
    rollback()
    assert _NOTED.first(name="direct") is None


def test_redis_is_asked_again_on_a_new_connection_where_it_closed_the_old_one(app: Flask) -> None:
    client = parts().redis
    set_once = (b"SET", b"direct", b"1", b"NX", b"GET", b"EX", b"60")
    assert exchange(client, (b"DEL", b"direct"), set_once)[1] is None
    client.client_kill_filter(_type="normal", skipme=True)
    assert exchange(client, set_once, (b"GET", b"direct")) == [b"1", b"1"]


def test_redis_answers_are_read_whole_in_whatever_pieces_they_come(app: Flask) -> None:
    client, long = parts().redis, b"\r\n$3\r\n" * 100_000
    key = (b"SET", b"direct", long)
    asked = [key, (b"GET", b"direct"), (b"GET", b"nobody"), (b"SET", b"direct", b""), (b"GET", b"direct")]
    assert exchange(client, *asked) == [b"OK", long, None, b"OK", b""]
    assert exchange(client, (b"DEL", b"direct"), (b"INCR", b"direct"), (b"GET", b"direct")) == [1, 1, b"1"]
    for refused, kind in (((b"HGET", b"direct", b"1"), "WRONGTYPE"), ((b"NOSUCH",), "unknown command")):
        with pytest.raises(redis.ResponseError, match=kind):
            exchange(client, (b"GET", b"direct"), refused, (b"GET", b"direct"))
        # What was still to come on that connection is nobody's answer.
        assert exchange(client, (b"INCR", b"counted"), (b"DEL", b"counted")) == [1, 1]
    with pytest.raises(redis.InvalidResponse):
        exchange(client, (b"KEYS", b"nobody*"))
    assert exchange(client, (b"DEL", b"direct")) == [1]


def test_the_same_answers_come_byte_by_byte() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sent = b"$5\r\nab\r\nc\r\n_\r\n$-1\r\n:-7\r\n+OK\r\n$0\r\n\r\n"

        def trickle() -> None:
            for place in range(len(sent)):
                theirs.sendall(sent[place : place + 1])

        with ThreadPoolExecutor() as pool:
            sending = pool.submit(trickle)
            assert _read(ours, 6) == [b"ab\r\nc", None, None, -7, b"OK", b""]
            sending.result()
        theirs.close()
        with pytest.raises(redis.ConnectionError):
            _read(ours, 1)
