"""The control, the faults, and the ledger that no kill may shorten."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable

import pytest
import requests

from tests.sandbox.kit import OurSide, Sandbox
from tests.sandbox.signing import register_call

PERSON = "11010519491231002X"
OTHER = "440524188001010014"


def a_person(sandbox: Sandbox, number: str = PERSON) -> None:
    sandbox.put(f"people/{number}", {"name": "王小明", "phone": "13800000000", "hukou_address": "安徽省阜阳市颍州区"})


def test_the_ledger_and_the_people_outlive_a_kill(own_pair: tuple[Callable[..., Sandbox], OurSide]) -> None:
    make, _ = own_pair
    box = make()
    a_person(box)
    for number in range(5):
        register_call(box, "population", "person", {"id_number": PERSON}, ref=f"before-{number}")
    before = box.ledger()
    assert [entry["seq"] for entry in before] == [1, 2, 3, 4, 5]
    box.stop(signal.SIGKILL)
    kept = box.ledger_path.read_bytes()
    # What a kill leaves of a write that was not finished.
    with box.ledger_path.open("ab") as torn:
        torn.write(b'{"seq": 6, "partner": "popu')
    box.start()
    assert box.ledger() == before
    answer = register_call(box, "population", "person", {"id_number": PERSON}, ref="after")
    assert answer.json()["data"]["person"]["name"] == "王小明"
    assert [entry["seq"] for entry in box.ledger()] == [1, 2, 3, 4, 5, 6]
    assert box.ledger_path.read_bytes().startswith(kept)
    assert box.stop(signal.SIGTERM) == 0
    box.start()
    assert [entry["our_ref"] for entry in box.ledger()][-1] == "after"


def test_the_ledger_tells_partner_reference_person_and_outcome(sandbox: Sandbox) -> None:
    a_person(sandbox)
    last = (sandbox.ledger() or [{"seq": 0}])[-1]["seq"]
    register_call(
        sandbox, "population", "verify", {"id_number": PERSON, "name": "王小明", "phone": "13800000000"}, ref="r.1"
    )
    (entry,) = sandbox.ledger("population", after=last)
    assert entry["seq"] == last + 1
    assert (entry["partner"], entry["operation"], entry["our_ref"]) == ("population", "verify", "r.1")
    assert (entry["to"], entry["text"], entry["outcome"]) == (PERSON, "王小明", "ok")
    assert sandbox.ledger("ems", after=last) == []


@pytest.mark.parametrize(
    ("path", "body", "why"),
    [
        ("people/110105194912310021", {"name": "王小明"}, "校验"),
        (f"people/{PERSON}", {"face": "maybe", "name": "王小明"}, "face must be"),
        (f"people/{PERSON}", {"portrait": "bm8gaW1hZ2U=", "name": "王小明"}, "not an image"),
        ("addresses/1", {"text": "x", "station": "s", "community": "c", "grid": "g"}, "code"),
        ("addresses/330213-0001", {"text": "x"}, "station is missing"),
        ("faults/population", {"mode": "explode"}, "mode must be"),
        ("faults/nobody", {"mode": "slow"}, "partner must be"),
        ("templates/wechat_api/t1", {"title": "办件进度", "content": "没有关键词"}, "keys"),
        (f"migrants/{PERSON}", {"registrations": [{"district": "330213", "since": "2025-13-01"}]}, "address"),
    ],
)
def test_the_control_says_what_it_cannot_do(sandbox: Sandbox, path: str, body: dict[str, object], why: str) -> None:
    answer = sandbox.http.put(f"{sandbox.url}/_control/{path}", json=body, timeout=10)
    assert answer.status_code in (400, 404)
    assert why in answer.json()["error"]


def test_no_foreign_page_can_use_the_control(sandbox: Sandbox) -> None:
    url = f"{sandbox.url}/_control/people/{OTHER}"
    named = sandbox.http.put(url, json={"name": "某人"}, headers={"Host": "evil.example"}, timeout=10)
    assert named.status_code == 403
    formed = sandbox.http.put(url, data='{"name": "某人"}', headers={"Content-Type": "text/plain"}, timeout=10)
    assert formed.status_code == 415
    assert sandbox.http.get(url, timeout=10).status_code == 404


def test_faults_spoil_as_many_calls_as_planted_and_only_the_matching_ones(sandbox: Sandbox) -> None:
    a_person(sandbox)
    a_person(sandbox, OTHER)
    ask = {"id_number": PERSON}
    sandbox.put("faults/population", {"mode": "http_500", "times": 2, "match_to": PERSON})
    assert register_call(sandbox, "population", "person", {"id_number": OTHER}).status_code == 200
    assert register_call(sandbox, "population", "person", ask).status_code == 500
    assert register_call(sandbox, "population", "person", ask).status_code == 500
    assert register_call(sandbox, "population", "person", ask).status_code == 200
    sandbox.put("faults/population", {"mode": "refuse", "times": 1})
    assert register_call(sandbox, "population", "person", ask).json()["code"] == "not_permitted"
    sandbox.put("faults/population", {"mode": "slow", "delay_s": 0.4, "times": 1})
    begun = time.monotonic()
    assert register_call(sandbox, "population", "person", ask).status_code == 200
    assert time.monotonic() - begun >= 0.4
    assert [entry["outcome"] for entry in sandbox.ledger("population")[-5:]] == [
        "http_500",
        "http_500",
        "ok",
        "not_permitted",
        "ok",
    ]


def test_an_answer_can_be_lost_after_the_call_was_taken(sandbox: Sandbox) -> None:
    write = {
        "id_number": OTHER,
        "name": "李四",
        "phone": "13900000000",
        "hukou_code": "341202",
        "hukou_address": "安徽省阜阳市颍州区",
        "district": "330213",
        "address": "岳林街道中山路1号",
        "address_code": None,
        "since": "2026-01-05",
        "employer": None,
    }
    sandbox.put("faults/migrants", {"mode": "accept_then_cut", "times": 1})
    with pytest.raises(requests.ConnectionError):
        register_call(sandbox, "migrants", "registrations", write, ref="lost-1")
    assert sandbox.ledger("migrants")[-1]["outcome"] == "accepted"
    asked = register_call(sandbox, "migrants", "refs", {"written_ref": "lost-1"}).json()["data"]
    again = register_call(sandbox, "migrants", "registrations", write, ref="lost-1").json()["data"]
    assert asked["found"]
    assert again["register_number"] == asked["register_number"]
    assert not again["created"]
    assert sandbox.ledger("migrants")[-1]["outcome"] == "repeated"


def test_no_query_string_or_number_is_logged(sandbox: Sandbox) -> None:
    a_person(sandbox)
    register_call(sandbox, "population", "person", {"id_number": PERSON})
    sandbox.http.get(f"{sandbox.url}/sms_aliyun/?PhoneNumbers=13800000000", timeout=10)
    assert sandbox.ledger_path.with_suffix(".log").read_text().strip() == ""
    assert json.loads(sandbox.ledger_path.read_text().splitlines()[-1])["partner"] == "sms_aliyun"
