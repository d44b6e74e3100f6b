"""Requests to registers are signed by docs/partners/signing.md, and each of its errors is sorted as it says."""

from __future__ import annotations

import hashlib
import json
import re
import socket
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from citizen_services.exchange.migrants import Migrants, RegistrationToWrite
from citizen_services.exchange.outcomes import Accepted, NotAccepted, Refused, Uncertain, Unknown
from citizen_services.exchange.population import Population
from citizen_services.exchange.signing import signature
from citizen_services.settings import Partner
from tests.exchange.test_caller import everything_of
from tests.exchange.wire import Act, Arrived, WirePartner, reply

DOCUMENT = Path(__file__).parents[2] / "docs/partners/signing.md"
NUMBER = "11010519491231002X"
PERSON = {
    "id_number": NUMBER,
    "name": "王小明",
    "gender": "female",
    "nation": "汉",
    "birth_date": "1949-12-31",
    "hukou_code": "110105",
    "hukou_address": "北京市朝阳区",
    "status": "normal",
}


def client(wire: WirePartner) -> Population:
    return Population(Partner("population", wire.url, {"app_id": "app-1", "app_key": "test-key"}))


def answer(data: Any = None, status: int = 200, code: str = "ok", **more: Any) -> Act:
    """Answer in the registers' envelope, with the reference that came."""

    def act(connection: socket.socket, arrived: Arrived) -> None:
        envelope = {"code": code, "message": "说明", "ref": arrived.headers["x-request-ref"]}
        envelope |= {"answered_at": "2026-01-01T08:00:00+08:00"} | ({"data": data} if data is not None else {}) | more
        headers = {"Retry_After": "7"} if status in (429, 503) else {}
        reply(status, envelope, **headers)(connection, arrived)

    return act


def test_the_documents_example_is_signed_as_it_says() -> None:
    text = DOCUMENT.read_text()
    body = b'{"ref":"r-0001","id_number":"11010519491231002X"}'
    digest = hashlib.sha256(body).hexdigest()
    sign = signature("test-key", "/population/v1/person", "1767225600", "n-3f9c2b7a51d04e68", "r-0001", digest)
    assert re.search(r"`X-Signature: (\w{64})`", text)[1] == sign  # type: ignore[index]


def test_nothing_personal_stands_in_an_address_and_the_body_carries_the_reference(wire: WirePartner) -> None:
    wire.acts = [answer({"found": True, "person": PERSON})]
    answered = client(wire).person(NUMBER, ref="ref-7")
    (arrived,) = wire.arrived
    assert arrived.line == "POST /partner/v1/person HTTP/1.1"
    assert arrived.json() == {"ref": "ref-7", "id_number": NUMBER}
    headers = arrived.headers
    assert headers["x-request-ref"] == "ref-7"
    assert headers["x-signature"] == signature(
        "test-key", "/partner/v1/person", headers["x-timestamp"], headers["x-nonce"], "ref-7", headers["x-body-sha256"]
    )
    assert answered.ref == "ref-7"
    assert answered.answered_at.isoformat() == "2026-01-01T08:00:00+08:00"
    assert answered.value is not None
    assert answered.value.birth_date == date(1949, 12, 31)


@pytest.mark.parametrize(
    ("status", "code", "kind", "after_s"),
    [
        (400, "bad_request", "never", None),
        (401, "unknown_app", "operator", None),
        (401, "bad_signature", "operator", None),
        (401, "clock_skew", "operator", None),
        (403, "not_permitted", "operator", None),
        (404, "unknown_operation", "operator", None),
        (405, "method_not_allowed", "operator", None),
        (409, "ref_conflict", "never", None),
        (413, "too_large", "never", None),
        (415, "unsupported_media_type", "operator", None),
        (429, "too_many_requests", "later", 7.0),
        (503, "unavailable", "later", 7.0),
        (418, "something_new", "operator", None),
    ],
)
def test_each_refusal_is_sorted(wire: WirePartner, status: int, code: str, kind: str, after_s: float | None) -> None:
    wire.acts = [answer(status=status, code=code)]
    with pytest.raises(Refused) as refused:
        client(wire).person(NUMBER)
    assert (refused.value.code, refused.value.kind, refused.value.after_s) == (code, kind, after_s)
    assert len(wire.arrived) == 1


def test_every_code_of_the_document_is_in_the_table_above() -> None:
    rows = re.findall(r"^\| \d{3} \| (.+?) \|", DOCUMENT.read_text(), re.MULTILINE)
    codes = {code for row in rows for code in re.findall(r"`(\w+)`", row)}
    marks = test_each_refusal_is_sorted.pytestmark[0].args[1]
    assert codes - {code for _, code, _, _ in marks} == {"nonce_used", "internal"}


def test_a_used_nonce_is_replaced_once(wire: WirePartner) -> None:
    wire.acts = [answer(status=401, code="nonce_used"), answer({"found": False})]
    assert client(wire).person(NUMBER, ref="ref-7").value is None
    first, second = wire.arrived
    assert first.headers["x-nonce"] != second.headers["x-nonce"]
    assert first.body == second.body
    wire.acts = [answer(status=401, code="nonce_used")]
    with pytest.raises(Refused):
        client(wire).person(NUMBER)
    assert len(wire.arrived) == 4


BROKEN: dict[str, Act] = {
    "a failure of its own": answer(status=500, code="internal"),
    "another's answer": answer({"found": False}, ref="another"),
    "no time": answer({"found": False}, answered_at=None),
    "no data": answer(),
    "a wrong date": answer({"found": True, "person": PERSON | {"birth_date": "1949-31-12"}}),
    "a wrong word": answer({"found": True, "person": PERSON | {"status": "asleep"}}),
    "a missing field": answer({"found": True, "person": {"name": "王小明"}}),
    "a word instead of yes or no": answer({"found": "yes"}),
    "a page": reply(200, "<html>"),
}


@pytest.mark.parametrize("act", BROKEN.values(), ids=BROKEN.keys())
def test_an_answer_that_is_not_as_described_is_uncertain_and_is_not_repeated_to_anybody(
    wire: WirePartner, act: Act
) -> None:
    wire.acts = [act]
    with pytest.raises(Uncertain) as error:
        client(wire).person(NUMBER)
    told = everything_of(error.value)
    assert not [secret for secret in ("王小明", "1949-31-12", "asleep", NUMBER, "test-key") if secret in told]


def registration() -> RegistrationToWrite:
    since = date(2026, 1, 1)
    return RegistrationToWrite(
        NUMBER, "王小明", "13800138000", "110105", "北京市", "330213", "岳林街道1号", None, since, None
    )


def test_a_write_says_how_it_ended_and_dates_go_as_the_document_writes_them(wire: WirePartner) -> None:
    register = Migrants(Partner("migrants", wire.url, {"app_id": "app-1", "app_key": "test-key"}))
    written = {"register_number": "330213202601010000017", "created": True, "written_at": "2026-01-01T08:00:00+08:00"}
    wire.acts = [answer(written)]
    assert register.write_registration("ref-1", registration()) == Accepted("330213202601010000017")
    assert json.loads(wire.arrived[0].body)["since"] == "2026-01-01"
    wire.acts = [answer(status=409, code="ref_conflict")]
    assert register.write_registration("ref-1", registration()) == NotAccepted("never", "ref_conflict", "说明")
    wire.acts = [answer(status=500, code="internal")]
    assert register.write_registration("ref-1", registration()) == Unknown("HTTP 500")
