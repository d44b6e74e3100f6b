"""The registers' stand-ins, held to docs/partners."""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import json
import random
import re
import uuid
from datetime import date
from types import SimpleNamespace
from typing import Any, cast

import pytest
from flask import Flask
from PIL import Image

from citizen_services.rules.identity import invent
from citizen_services.sandbox.signed import PER_SECOND, Gate, RegisterError
from citizen_services.sandbox.world import World
from tests.sandbox.kit import CREDENTIALS, ROOT, Sandbox
from tests.sandbox.signing import register_call, register_headers

PERSON = "11010519491231002X"
NOBODY = invent(random.Random(3), "341202", date(1991, 5, 6), male=True)


def jpeg(side: int = 64, kind: str = "JPEG") -> str:
    out = io.BytesIO()
    Image.new("RGB", (side, side), "white").save(out, kind)
    return base64.b64encode(out.getvalue()).decode()


def data(sandbox: Sandbox, partner: str, operation: str, fields: dict[str, Any], ref: str = "") -> dict[str, Any]:
    answer = register_call(sandbox, partner, operation, fields, ref)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["code"] == "ok"
    assert body["ref"] == answer.headers["X-Request-Ref"]
    result: dict[str, Any] = body["data"]
    return result


def test_the_documents_example_is_signed_right() -> None:
    text = (ROOT / "docs/partners/signing.md").read_text()
    body = b'{"ref":"r-0001","id_number":"11010519491231002X"}'
    digest = hashlib.sha256(body).hexdigest()
    to_sign = "\n".join(["POST", "/population/v1/person", "1767225600", "n-3f9c2b7a51d04e68", "r-0001", digest])
    sign = hmac.new(b"test-key", to_sign.encode(), hashlib.sha256).hexdigest()
    assert re.search(r"`X-Body-SHA256: (\w{64})`", text)[1] == digest
    assert re.search(r"`X-Signature: (\w{64})`", text)[1] == sign


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"X-App-Id": "another"}, 401, "unknown_app"),
        ({"X-Signature": "0" * 64}, 401, "bad_signature"),
        ({"X-Body-SHA256": "0" * 64}, 401, "bad_signature"),
        ({"X-Timestamp": "1700000000"}, 401, "clock_skew"),
        ({"X-Nonce": "short"}, 400, "bad_request"),
        ({"X-Request-Ref": "another"}, 400, "bad_request"),
        ({"Content-Type": "text/plain"}, 415, "unsupported_media_type"),
    ],
)
def test_what_is_not_rightly_signed_is_not_let_in(
    sandbox: Sandbox, headers: dict[str, str], status: int, code: str
) -> None:
    answer = register_call(sandbox, "population", "person", {"id_number": PERSON}, "ref-1", **headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert "data" not in answer.json()


def test_a_nonce_serves_once_and_a_query_string_never(sandbox: Sandbox) -> None:
    nonce = uuid.uuid4().hex
    first = register_call(sandbox, "addresses", "address", {"code": "330213-0001"}, **{"X-Nonce": nonce})
    again = register_call(sandbox, "addresses", "address", {"code": "330213-0001"}, **{"X-Nonce": nonce})
    assert (first.status_code, again.status_code, again.json()["code"]) == (200, 401, "nonce_used")
    asked = sandbox.http.post(f"{sandbox.url}/addresses/v1/address?code=1", json={}, timeout=10)
    assert (asked.status_code, asked.json()["field"]) == (400, "query")
    assert register_call(sandbox, "addresses", "nothing", {}).json()["code"] == "unknown_operation"
    got = sandbox.http.get(f"{sandbox.url}/addresses/v1/address", timeout=10)
    assert (got.status_code, got.json()["code"]) == (405, "method_not_allowed")


def test_more_than_fifty_a_second_are_too_many() -> None:
    now, path = 1_794_187_800.0, "/social_insurance/v1/employment"
    keys = {"social_insurance": (CREDENTIALS["SOCIAL_INSURANCE_APP_ID"], CREDENTIALS["SOCIAL_INSURANCE_APP_KEY"])}
    # A second is as long as the test says: no machine is fast enough for fifty calls in a real one for certain.
    world = SimpleNamespace(config=SimpleNamespace(register_keys=keys), now=lambda: now)
    gate, site = Gate(cast(World, world), "social_insurance"), Flask("gate")

    def ask(number: int) -> None:
        ref = f"call-{number}"
        body = json.dumps({"ref": ref, "id_number": PERSON}).encode()
        headers = register_headers("social_insurance", path, body, ref, **{"X-Timestamp": str(int(now))})
        with site.test_request_context(path, method="POST", data=body, headers=headers):
            assert gate.check(10_000).text("id_number") == PERSON

    for number in range(PER_SECOND):
        ask(number)
        now += 0.01
    with pytest.raises(RegisterError) as refused:
        ask(50)
    assert (PER_SECOND, refused.value.status, refused.value.code) == (50, 429, "too_many_requests")
    now += 0.75
    ask(51)


def test_the_population_register_knows_whom_it_was_told(sandbox: Sandbox) -> None:
    person = {
        "name": "王小明",
        "phone": "13800000000",
        "hukou_code": "341202",
        "hukou_address": "安徽省阜阳市颍州区清河街道1号",
        "portrait": jpeg(),
        "face": "match",
    }
    sandbox.put(f"people/{PERSON}", person)
    asked = {"id_number": PERSON, "name": "王小明", "phone": "13800000000"}
    assert data(sandbox, "population", "verify", asked) == {"result": "match"}
    for wrong in ({"name": "王小名"}, {"phone": "13800000001"}, {"id_number": NOBODY}):
        assert data(sandbox, "population", "verify", asked | wrong) == {"result": "no_match"}
    assert data(sandbox, "population", "person", {"id_number": PERSON})["person"] == {
        "id_number": PERSON,
        "name": "王小明",
        "gender": "female",
        "nation": "汉",
        "birth_date": "1949-12-31",
        "hukou_code": "341202",
        "hukou_address": "安徽省阜阳市颍州区清河街道1号",
        "status": "normal",
    }
    assert data(sandbox, "population", "person", {"id_number": NOBODY}) == {"found": False}
    assert data(sandbox, "population", "portrait", {"id_number": PERSON})["portrait"] == person["portrait"]
    face = {"id_number": PERSON, "image": jpeg(600)}
    assert data(sandbox, "population", "face", face) == {"result": "match"}
    sandbox.put(f"people/{PERSON}", {"face": "no_match"})
    assert data(sandbox, "population", "face", face) == {"result": "no_match"}
    assert data(sandbox, "population", "face", face | {"id_number": NOBODY}) == {"result": "unavailable"}
    sandbox.put(f"people/{PERSON}", {"portrait": None})
    assert data(sandbox, "population", "face", face) == {"result": "unavailable"}
    assert data(sandbox, "population", "portrait", {"id_number": PERSON}) == {"found": False}
    png = register_call(sandbox, "population", "face", face | {"image": jpeg(kind="PNG")})
    assert (png.status_code, png.json()["field"]) == (400, "image")
    wrong_digit = register_call(sandbox, "population", "person", {"id_number": "110105194912310021"})
    assert (wrong_digit.status_code, wrong_digit.json()["field"]) == (400, "id_number")
    big = register_call(sandbox, "population", "person", {"id_number": PERSON, "more": "x" * 70_000})
    assert big.json()["code"] == "too_large"


def a_registration(**other: Any) -> dict[str, Any]:
    return {
        "id_number": PERSON,
        "name": "王小明",
        "phone": "13800000000",
        "hukou_code": "341202",
        "hukou_address": "安徽省阜阳市颍州区清河街道1号",
        "district": "330213",
        "address": "浙江省宁波市奉化区岳林街道中山路1号",
        "address_code": "330213-0001",
        "since": "2026-01-05",
        "employer": None,
    } | other


def test_a_registration_is_written_once_by_its_reference_and_ends_the_one_before(sandbox: Sandbox) -> None:
    earlier = {"address": "海曙区1号", "district": "330203", "since": "2025-03-01", "until": None}
    sandbox.put(f"migrants/{PERSON}", {"registrations": [earlier], "permits": []})
    ref = uuid.uuid4().hex
    first = data(sandbox, "migrants", "registrations", a_registration(), ref)
    again = data(sandbox, "migrants", "registrations", a_registration(), ref)
    assert (first["created"], again["created"]) == (True, False)
    assert again["register_number"] == first["register_number"]
    assert re.fullmatch(r"330213\d{8}\d{7}", first["register_number"])
    other = register_call(sandbox, "migrants", "registrations", a_registration(since="2026-01-06"), ref)
    assert (other.status_code, other.json()["code"]) == (409, "ref_conflict")
    known = data(sandbox, "migrants", "person", {"id_number": PERSON})["registrations"]
    assert [(row["district"], row["until"], row["written_ref"]) for row in known] == [
        ("330203", "2026-01-05", None),
        ("330213", None, ref),
    ]
    found = data(sandbox, "migrants", "refs", {"written_ref": ref})
    assert (found["kind"], found["register_number"]) == ("registration", first["register_number"])
    assert data(sandbox, "migrants", "refs", {"written_ref": "never"}) == {"found": False}


def test_permits_are_written_endorsed_and_replaced(sandbox: Sandbox) -> None:
    number = f"330213{uuid.uuid4().int % 10**9:09d}"
    sandbox.put(f"migrants/{PERSON}", {"registrations": [], "permits": []})
    permit = {
        "kind": "first",
        "id_number": PERSON,
        "name": "王小明",
        "number": number,
        "district": "330213",
        "address": "浙江省宁波市奉化区岳林街道中山路1号",
        "address_code": None,
        "issued": "2026-01-20",
        "endorsed_until": "2027-01-20",
    }

    def states() -> list[tuple[str, str, str]]:
        rows = data(sandbox, "migrants", "person", {"id_number": PERSON})["permits"]
        return [(row["number"], row["state"], row["endorsed_until"]) for row in rows]

    assert data(sandbox, "migrants", "permits", permit)["created"]
    endorsed = permit | {"kind": "endorse", "endorsed_until": "2028-01-20"}
    assert data(sandbox, "migrants", "permits", endorsed)["created"]
    assert states() == [(number, "valid", "2028-01-20")]
    new_card = permit | {"kind": "replace", "number": number + "A", "issued": "2026-02-01"}
    data(sandbox, "migrants", "permits", new_card)
    assert states() == [(number, "replaced", "2028-01-20"), (number + "A", "valid", "2027-01-20")]
    for wrong in (endorsed, permit | {"id_number": NOBODY}, permit | {"kind": "burn"}):
        assert register_call(sandbox, "migrants", "permits", wrong).status_code == 400


def test_addresses_are_found_by_all_parts_of_the_text_in_pages(sandbox: Sandbox) -> None:
    for number in range(1, 6):
        place = {"text": f"奉化区岳林街道桃源路{number}号", "station": "yuelin", "community": "桃源社区", "grid": "G7"}
        sandbox.put(f"addresses/330213-T{number}", place)
    page = data(sandbox, "addresses", "search", {"text": "岳林街道 桃源路", "page": 2, "size": 2})
    assert (page["total"], [item["code"] for item in page["items"]]) == (5, ["330213-T3", "330213-T4"])
    one = data(sandbox, "addresses", "address", {"code": "330213-T1"})["address"]
    assert (one["station"], one["community"], one["grid"]) == ("yuelin", "桃源社区", "G7")
    assert data(sandbox, "addresses", "address", {"code": "330213-T9"}) == {"found": False}
    for wrong in ({"text": "岳"}, {"text": "岳林", "size": 51}, {"text": "岳林", "page": 30, "size": 50}):
        assert register_call(sandbox, "addresses", "search", wrong).status_code == 400


def test_employment_is_told_taken_away_and_deleted(sandbox: Sandbox) -> None:
    job = {"employer": "宁波某服装有限公司", "credit_code": "91350100M000100Y43", "since": "2025-01-01", "until": None}
    for end in (None, {}):
        sandbox.put(f"employment/{PERSON}", job)
        found = data(sandbox, "social_insurance", "employment", {"id_number": PERSON})
        assert found == {"found": True, "employment": job}
        sandbox.put(f"employment/{PERSON}", end)
        assert data(sandbox, "social_insurance", "employment", {"id_number": PERSON}) == {"found": False}
    sandbox.put(f"employment/{PERSON}", job)
    assert sandbox.http.delete(f"{sandbox.url}/_control/employment/{PERSON}", timeout=10).status_code == 200
    assert data(sandbox, "social_insurance", "employment", {"id_number": PERSON}) == {"found": False}
