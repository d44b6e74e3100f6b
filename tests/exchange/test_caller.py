"""The common caller sorts every failure by what the partner may have got, and tells nobody a secret."""

from __future__ import annotations

import logging
import socket
import ssl
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from citizen_services.exchange import breaker
from citizen_services.exchange.breaker import Breaker
from citizen_services.exchange.http import Caller, Patience, Reply
from citizen_services.exchange.outcomes import (
    Accepted,
    NotAccepted,
    OutsideError,
    Refused,
    Uncertain,
    Unknown,
    Unreachable,
    settle,
)
from tests.exchange.wire import Act, Arrived, WirePartner, raw, reply, wire_partner
from tests.guards.waiting import until

#: For partners whose answer is to be given up, and for those that answer, however busy the machine is.
SHORT, LONG = Patience(0.5, 0.3, 0.8), Patience(20, 20, 30)
SECRET = "s3cret-that-nobody-may-read"


def call(url: str, caller: Caller | None = None, *, limit: int = 1024, patience: Patience = LONG) -> Reply:
    return (caller or Caller("partner")).send(
        "POST",
        url,
        operation="op",
        ref="ref-1",
        patience=patience,
        params={"access_token": SECRET},
        headers={"Authorization": SECRET},
        body=b"phone=13800138000",
        limit=limit,
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def closed(connection: socket.socket, _: Arrived) -> None:
    connection.shutdown(socket.SHUT_RDWR)


def silent(connection: socket.socket, _: Arrived) -> None:
    connection.recv(1)


def trickling(connection: socket.socket, _: Arrived) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
    for _i in range(500):
        connection.sendall(b"x")
        time.sleep(0.05)


LOST: dict[str, Act] = {
    "the connection is cut after the request was taken": closed,
    "the connection is cut within the answer": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"),
    "nothing comes": silent,
    "the answer comes byte by byte": trickling,
    "the answer is huge": reply(body=b"x" * 2000),
    "what comes is not HTTP": raw(b"220 mail ready\r\n"),
    "chunks are broken": raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n"),
}
NOT_JSON: dict[str, Act] = {
    "a page of a gateway": reply(502, "<html>Bad Gateway</html>"),
    "an error of its own in JSON": reply(500, {"code": "internal"}),
    "a page of HTML": reply(200, "<html>hello</html>"),
    "half a JSON": reply(200, '{"code": "ok"'),
    "a JSON list": reply(200, "[1]"),
    "no UTF-8": reply(200, b'{"a": "\xff"}'),
    "endless nesting": reply(200, b"[" * 1000),
}


@pytest.mark.parametrize("act", LOST.values(), ids=LOST.keys())
def test_a_request_whose_answer_is_lost_is_uncertain_and_is_sent_once(wire: WirePartner, act: Act) -> None:
    wire.acts = [act]
    began = time.monotonic()
    with pytest.raises(Uncertain):
        call(wire.url, patience=SHORT)
    # The slowest of them would go on for 25 seconds.
    assert time.monotonic() - began < 15
    until(lambda: bool(wire.arrived), "the request to arrive")
    assert len(wire.arrived) == 1


@pytest.mark.parametrize("act", NOT_JSON.values(), ids=NOT_JSON.keys())
def test_an_answer_that_cannot_be_read_is_uncertain(wire: WirePartner, act: Act) -> None:
    wire.acts = [act]
    with pytest.raises(Uncertain):
        call(wire.url).json()


def test_where_nobody_listens_the_partner_surely_has_not_got_it() -> None:
    with pytest.raises(Unreachable):
        call(f"http://127.0.0.1:{free_port()}/x")


def test_a_name_that_nobody_knows_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(Unreachable):
        call("http://partner.invalid/x")


def self_signed(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(
            name, name, key.public_key(), x509.random_serial_number(), now - timedelta(1), now + timedelta(1)
        )
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "both.pem").write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "both.pem")
    return context


def test_a_partner_without_a_trusted_certificate_gets_nothing(tmp_path: Path) -> None:
    with wire_partner(self_signed(tmp_path)) as partner:
        with pytest.raises(Unreachable, match="certificate"):
            call(partner.url)
        assert not partner.arrived


def test_a_redirect_is_not_followed(wire: WirePartner) -> None:
    wire.acts = [reply(307, Location=f"{wire.url}/elsewhere")]
    assert call(wire.url).status == 307
    assert len(wire.arrived) == 1


def test_connections_are_kept_and_cookies_are_not(wire: WirePartner) -> None:
    wire.acts = [reply(Set_Cookie="session=1; Path=/")]
    caller = Caller("partner")
    for _ in range(3):
        call(wire.url, caller)
    assert {arrived.connection for arrived in wire.arrived} == {1}
    assert all("cookie" not in arrived.headers for arrived in wire.arrived)
    assert all(arrived.headers["x-request-ref"] == "ref-1" for arrived in wire.arrived)


def test_proxies_of_the_environment_are_not_used(wire: WirePartner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    assert call(wire.url).status == 200


def everything_of(error: BaseException | None) -> str:
    seen: list[str] = []
    while error is not None:
        seen += [str(error), repr(error), str(vars(error)), *traceback.format_exception(error)]
        error = error.__cause__ or error.__context__
    return "\n".join(seen)


@pytest.mark.parametrize("act", LOST.values(), ids=LOST.keys())
def test_no_secret_stands_in_an_exception_or_a_log(
    wire: WirePartner, act: Act, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    wire.acts = [act]
    with pytest.raises(OutsideError) as lost:
        call(wire.url, patience=SHORT)
    with pytest.raises(OutsideError) as unreachable:
        call(f"http://127.0.0.1:{free_port()}/x")
    call_well(wire)
    told = everything_of(lost.value) + everything_of(unreachable.value) + caplog.text
    assert "partner op" in told
    assert SECRET not in told
    assert "13800138000" not in told
    # The proof that a leak would be seen: the library's own exception has the address in it.
    assert SECRET in everything_of(leak(f"http://127.0.0.1:{free_port()}/x?access_token={SECRET}"))


def call_well(wire: WirePartner) -> None:
    wire.acts = [reply()]
    assert call(wire.url).status == 200


def leak(url: str) -> BaseException:
    with pytest.raises(requests.ConnectionError) as failed:
        requests.get(url, timeout=1)
    return failed.value


def test_a_partner_that_keeps_failing_is_left_alone_and_tried_again_by_one(
    wire: WirePartner, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(breaker, "time", SimpleNamespace(monotonic=lambda: now))
    caller = Caller("partner", Breaker(threshold=3, rest_s=60))
    wire.acts = [reply(503, {"code": "unavailable"})]
    for _ in range(3):
        assert call(wire.url, caller).status == 503
    with pytest.raises(Unreachable, match="left alone"):
        call(wire.url, caller)
    assert len(wire.arrived) == 3
    now += 61
    assert call(wire.url, caller).status == 503
    with pytest.raises(Unreachable, match="left alone"):
        call(wire.url, caller)
    now += 61
    wire.acts = [reply()]
    for _ in range(5):
        assert call(wire.url, caller).status == 200


def test_a_refusal_is_no_failure_of_the_partner(wire: WirePartner) -> None:
    caller = Caller("partner", Breaker(threshold=2, rest_s=60))
    wire.acts = [reply(400)]
    assert [call(wire.url, caller).status for _ in range(5)] == [400] * 5


@pytest.mark.parametrize("ref", ["", "a b", "x" * 65, "line\r\nX-Evil: 1", "名"])
def test_a_reference_that_could_carry_anything_else_is_refused(wire: WirePartner, ref: str) -> None:
    with pytest.raises(ValueError, match="reference"):
        Caller("partner").send("GET", wire.url, operation="op", ref=ref)
    assert not wire.arrived


def raising(error: OutsideError) -> Callable[[], str]:
    def call() -> str:
        raise error

    return call


def test_senders_say_how_a_call_ended_instead_of_raising() -> None:
    assert settle(lambda: "biz-1") == Accepted("biz-1")
    refused = Refused("p", "o", "limit", "later", "words", 60.0)
    assert settle(raising(refused)) == NotAccepted("later", "limit", "words", 60.0)
    assert settle(raising(Unreachable("p", "o", "no connection"))) == NotAccepted("now", "unreachable", "no connection")
    assert settle(raising(Uncertain("p", "o", "HTTP 502"))) == Unknown("HTTP 502")
