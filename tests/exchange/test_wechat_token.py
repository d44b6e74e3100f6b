"""One access token for all processes: fetched once, renewed early, and never put back to an older one."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text, update

from citizen_services.clock import protocol_now
from citizen_services.database import db
from citizen_services.exchange.http import Caller
from citizen_services.exchange.models import PartnerToken
from citizen_services.exchange.outcomes import OutsideError, Refused, Uncertain
from citizen_services.exchange.wechat_token import SharedToken
from citizen_services.settings import Partner
from tests.exchange.test_caller import everything_of
from tests.exchange.wire import Act, Arrived, WirePartner, reply
from tests.house import ROOT, House


def shared(app: Flask, url: str) -> SharedToken:
    settings = app.extensions["citizen_services"].settings
    return SharedToken(Partner("wechat_api", url), settings.wechat, Caller("wechat_api"), db.engine)


def numbered(lasts_s: int = 7200, held: threading.Event | None = None) -> Act:
    """Give token-1, token-2 … at each call, once it is let go."""
    count = iter(range(1, 1000))
    lock = threading.Lock()

    def act(connection: socket.socket, arrived: Arrived) -> None:
        with lock:
            n = next(count)
        if held is not None:
            held.wait(60)
        reply(200, {"access_token": f"token-{n}", "expires_in": lasts_s})(connection, arrived)

    return act


def row() -> dict[str, Any]:
    with db.engine.connect() as connection:
        return dict(connection.execute(select(PartnerToken.__table__)).mappings().one())


def wait_for_calls(wire: WirePartner, count: int) -> None:
    until = time.monotonic() + 60
    while len(wire.arrived) < count:
        assert time.monotonic() < until, "nobody called"
        time.sleep(0.01)


def age(**values: Any) -> None:
    with db.engine.begin() as connection:
        connection.execute(update(PartnerToken).values(**values))


@pytest.fixture
def racers(outside: House, app: Flask) -> Iterator[list[subprocess.Popen[str]]]:
    """Two processes that stand at the line."""
    env = os.environ | outside.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.exchange.token_racer"]
    started = [
        subprocess.Popen(command, cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    yield started
    for process in started:
        process.kill()
        process.communicate()


def test_two_processes_of_eight_threads_fetch_one_token(racers: list[subprocess.Popen[str]], outside: House) -> None:
    before = len(outside.ledger("wechat_api"))
    outside.control("PUT", "faults/wechat_api", {"mode": "slow", "delay_s": 0.5})
    for process in racers:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in racers:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    got = [tuple(pair) for process in racers for pair in json.loads(process.communicate(timeout=30)[0])]
    fetched = [entry for entry in outside.ledger("wechat_api")[before:] if entry["operation"] == "stable_token"]
    assert len(got) == 16
    assert len(set(got)) == 1
    assert len(fetched) == 1


def test_a_token_is_renewed_early_while_others_still_use_the_old_one(app: Flask, wire: WirePartner) -> None:
    wire.acts = [numbered()]
    token = shared(app, wire.url)
    assert token.get().value == "token-1"
    assert token.get().value == "token-1"
    age(expires_at=protocol_now() + timedelta(seconds=150))
    late = shared(app, wire.url)
    answer = threading.Event()
    wire.acts = [numbered(held=answer)]
    with ThreadPoolExecutor(1) as pool:
        renewed = pool.submit(late.get)
        wait_for_calls(wire, 2)
        # Another process meanwhile: it neither waits nor asks, since nothing is answered before it has its token.
        other = shared(app, wire.url).get()
        answer.set()
        assert (other.value, other.generation) == ("token-1", 1)
        assert renewed.result(60).generation == 2
    assert len(wire.arrived) == 2


def test_a_refused_token_is_replaced_once_for_all_who_saw_it_refused(app: Flask, wire: WirePartner) -> None:
    wire.acts = [numbered()]
    one, other = shared(app, wire.url), shared(app, wire.url)
    failed = one.get()
    assert other.get() == failed
    with ThreadPoolExecutor(8) as pool:
        after = list(pool.map(lambda token: token.after(failed), [one, other] * 4))
    assert {(token.value, token.generation) for token in after} == {("token-2", 2)}
    assert len(wire.arrived) == 2


def test_an_old_token_never_overwrites_a_newer_one(app: Flask, wire: WirePartner) -> None:
    slow = shared(app, wire.url)
    answer = threading.Event()
    wire.acts = [numbered(held=answer)]
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(slow.get)
        wait_for_calls(wire, 1)
        # Its lease ran out while it waited, and somebody else went on to generation 5.
        age(token="newer", generation=5, expires_at=protocol_now() + timedelta(hours=2), leased_until=None)
        answer.set()
        assert (asked.result(60).value, asked.result().generation) == ("newer", 5)
    assert (row()["token"], row()["generation"]) == ("newer", 5)


def test_whoever_died_while_asking_is_succeeded_when_the_lease_is_over(app: Flask, wire: WirePartner) -> None:
    wire.acts = [numbered()]
    shared(app, wire.url).get()
    over = protocol_now() + timedelta(seconds=1)
    age(expires_at=protocol_now(), leased_until=over)
    assert shared(app, wire.url).get().generation == 2
    assert over <= protocol_now() < over + timedelta(seconds=30)


def test_a_failed_renewal_leaves_the_living_token_in_use_and_the_lease_free(app: Flask, wire: WirePartner) -> None:
    wire.acts = [numbered()]
    shared(app, wire.url).get()
    age(expires_at=protocol_now() + timedelta(seconds=100))
    wire.acts = [reply(502, "<html>")]
    assert shared(app, wire.url).get().value == "token-1"
    assert row()["leased_until"] is None
    age(expires_at=protocol_now() + timedelta(seconds=5))
    with pytest.raises(Uncertain):
        shared(app, wire.url).get()


@pytest.mark.parametrize(
    ("errcode", "kind"), [(40001, "operator"), (40013, "operator"), (40164, "operator"), (-1, "now"), (45009, "later")]
)
def test_a_refused_token_call_needs_a_person_unless_waiting_helps_and_tells_no_secret(
    app: Flask, wire: WirePartner, errcode: int, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    secret = app.extensions["citizen_services"].settings.wechat.app_secret
    wire.acts = [reply(200, {"errcode": errcode, "errmsg": "invalid ip 192.0.2.7, not in whitelist"})]
    with pytest.raises(Refused) as refused:
        shared(app, wire.url).get()
    assert (refused.value.kind, refused.value.code) == (kind, str(errcode))
    # An operator needs WeChat's own words: they name the address that it does not know.
    assert "192.0.2.7" in refused.value.words
    assert (refused.value.after_s is not None) == (kind == "later")
    assert "192.0.2.7" not in str(refused.value)
    assert secret.encode() in wire.arrived[0].body
    assert secret not in everything_of(refused.value) + caplog.text + wire.arrived[0].line


def test_threads_that_waited_for_a_failure_share_it(app: Flask, wire: WirePartner) -> None:
    def failing(connection: socket.socket, arrived: Arrived) -> None:
        time.sleep(0.5)
        reply(502, "<html>")(connection, arrived)

    wire.acts = [failing]
    token = shared(app, wire.url)
    together = threading.Barrier(8)

    def want(_: int) -> str:
        together.wait()
        with pytest.raises(OutsideError) as error:
            token.get()
        return error.value.why

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(want, range(8))) == {"HTTP 502"}
    assert len(wire.arrived) == 1


def test_the_token_lies_encrypted_in_the_database_and_no_transaction_is_open_while_asking(
    app: Flask, wire: WirePartner
) -> None:
    open_meanwhile: list[int] = []
    fetch = numbered()

    def watched(connection: socket.socket, arrived: Arrived) -> None:
        with app.app_context(), db.engine.connect() as own:
            query = (
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE state LIKE 'idle in transaction%' AND datname = current_database()"
            )
            open_meanwhile.append(own.scalar(text(query)) or 0)
        fetch(connection, arrived)

    wire.acts = [watched]
    shared(app, wire.url).get()
    assert open_meanwhile == [0]
    with db.engine.connect() as connection:
        stored = bytes(connection.scalar(text("SELECT token FROM partner_token")))
    assert b"token-1" not in stored
    assert isinstance(row()["expires_at"], datetime)
