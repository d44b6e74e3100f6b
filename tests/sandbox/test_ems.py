"""China Post's stand-in: the SM4 envelope, orders and their repeats, events and their pushes."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
import requests

from citizen_services.rules.tracking import check_tracking
from citizen_services.sandbox.ems_crypto import CipherError, seal, unseal
from tests.sandbox.kit import CREDENTIALS, OurSide, Sandbox, until
from tests.sandbox.signing import ems_call, sm4

PUSHES = f"/receipts/ems/{CREDENTIALS['EMS_RECEIPT_TOKEN']}"
KEY = CREDENTIALS["EMS_SIGN_KEY"]


def an_order(reference: str, **other: Any) -> list[dict[str, Any]]:
    party = {"mobile": "13800000000", "prov": "浙江省", "city": "宁波市", "county": "奉化区", "address": "中山路1号"}
    return [
        {
            "createdTime": "2026-01-05 09:30:00",
            "ecommerceUserId": "district",
            "logisticsOrderNo": reference,
            "senderNo": CREDENTIALS["EMS_SENDER_NO"],
            "contentsAttribute": "1",
            "bizProductNo": "1",
            "pickupType": "1",
            "sender": party | {"name": "奉化分局办证中心"},
            "receiver": party | {"name": "王小明"},
            "cargos": [{"cargoName": "居住证"}],
            **other,
        }
    ]


def number_of(answer: dict[str, Any]) -> str:
    assert (answer["retCode"], answer["success"]) == ("00000", True), answer
    assert isinstance(answer["retBody"], str)
    return str(json.loads(answer["retBody"])["waybillNo"])


def events_of(our_side: OurSide) -> list[dict[str, Any]]:
    """The events that were pushed to us, decrypted with a cipher of the tests' own."""
    events = []
    for one in our_side.at(PUSHES):
        body = json.loads(one.body)
        assert (body["method"], body["senderNo"]) == ("040002", CREDENTIALS["EMS_SENDER_NO"])
        plain = sm4(
            base64.b64decode(body["logitcsInterface"].removeprefix("|$4|")), base64.b64decode(KEY), decrypt=True
        )
        events.append(json.loads(plain[: -plain[-1]].decode().removesuffix(KEY)) | {"serialNo": body["serialNo"]})
    return events


@pytest.fixture
def taking(our_side: OurSide) -> OurSide:
    """Our side, taking every push."""
    our_side.answer = lambda arrived: (
        200,
        json.dumps(
            {"serialNo": json.loads(arrived.body)["serialNo"], "code": "00000", "codeMessage": "", "senderNo": ""}
        ),
    )
    return our_side


def test_sm4_agrees_with_the_standards_vector() -> None:
    key = bytes.fromhex("0123456789abcdeffedcba9876543210")
    assert sm4(key, key).hex() == "681edf34d206965e86b3e94f536e4246"
    sealed = seal('{"a":1}', base64.b64encode(key).decode())
    assert unseal(sealed, base64.b64encode(key).decode()) == '{"a":1}'
    with pytest.raises(CipherError):
        unseal(sealed, KEY)


def test_an_order_gives_a_number_that_passes_its_check_digit(sandbox: Sandbox) -> None:
    number = number_of(ems_call(sandbox, "020003", an_order("out-1")))
    assert check_tracking(number).warning is None
    entry = sandbox.ledger("ems")[-1]
    assert (entry["operation"], entry["our_ref"], entry["to"]) == ("020003", "out-1", "王小明")
    assert entry["outcome"] == "accepted"
    assert number in entry["text"]


def test_a_repeated_order_does_what_the_switch_says(sandbox: Sandbox) -> None:
    first = number_of(ems_call(sandbox, "020003", an_order("out-2")))
    assert number_of(ems_call(sandbox, "020003", an_order("out-2"))) == first
    assert [entry["outcome"] for entry in sandbox.ledger("ems")[-2:]] == ["accepted", "repeated"]
    try:
        sandbox.put("settings/ems", {"repeat": "error"})
        refused = ems_call(sandbox, "020003", an_order("out-2"))
        assert (refused["success"], refused["retBody"]) == (False, "")
        sandbox.put("settings/ems", {"repeat": "second"})
        second = number_of(ems_call(sandbox, "020003", an_order("out-2")))
        assert second != first
    finally:
        sandbox.put("settings/ems", {"repeat": "same"})
    cancel = {"logisticsOrderNo": "out-2", "waybillNo": second, "cancelReason": "重复取号"}
    assert ems_call(sandbox, "020006", cancel)["success"]
    assert not ems_call(sandbox, "020006", cancel | {"logisticsOrderNo": "out-3"})["success"]


@pytest.mark.parametrize(
    ("form", "body"),
    [
        ({"authorization": "wrong"}, an_order("bad")),
        ({"senderNo": "1100000000000"}, an_order("bad")),
        ({"sign_key": base64.b64encode(b"another key 16 b").decode()}, an_order("bad")),
        ({"suffix": ""}, an_order("bad")),
        ({"timeStamp": "2026/01/05"}, an_order("bad")),
        ({}, an_order("bad")[0]),
        ({}, an_order("bad", bizProductNo="7")),
        ({}, an_order("bad", receiver={"name": "王小明", "mobile": "13800000000"})),
    ],
)
def test_what_the_platform_cannot_read_gets_no_number(sandbox: Sandbox, form: dict[str, str], body: Any) -> None:
    answer = ems_call(sandbox, "020003", body, **form)
    assert (answer["success"], answer["retBody"]) == (False, "")
    assert answer["retCode"] != "00000"
    assert sandbox.ledger("ems")[-1]["outcome"] == answer["retCode"]


def test_events_are_pushed_encrypted_without_the_codes_that_only_the_query_tells(
    sandbox: Sandbox, taking: OurSide
) -> None:
    number = number_of(ems_call(sandbox, "020003", an_order("out-4")))
    for code in ("203", "702"):
        sandbox.post(f"parcels/{number}", {"opCode": code})
    sandbox.post(f"parcels/{number}", {"opCode": "704", "deliverCode": "10"})

    def pushed() -> list[dict[str, Any]]:
        return [event for event in events_of(taking) if event["waybillNo"] == number]

    events = until(lambda: found if len(found := pushed()) == 3 else None)
    assert {event["opCode"] for event in events} == {"203", "702", "704"}
    assert {(event["waybillNo"], event["orderNo"]) for event in events} == {(number, "out-4")}
    assert not any("deliverCode" in event for event in events)
    items = json.loads(ems_call(sandbox, "040001", {"waybillNo": number, "direction": "0"})["retBody"])["responseItems"]
    assert [item["opCode"] for item in items] == ["203", "702", "704"]
    assert items[-1]["deliverCode"] == "10"
    assert len({item["opTime"] for item in items}) == 3
    assert not ems_call(sandbox, "020006", {"logisticsOrderNo": "out-4", "waybillNo": number, "cancelReason": "晚了"})[
        "success"
    ], "collected mail can't be cancelled"
    assert sandbox.http.post(f"{sandbox.url}/_control/parcels/1100000000000", json={"opCode": "203"}).status_code == 404


def test_a_push_that_we_refuse_comes_again_under_the_same_serial_number(sandbox: Sandbox, our_side: OurSide) -> None:
    number = number_of(ems_call(sandbox, "020003", an_order("out-5")))
    our_side.answer = lambda arrived: (200, '{"code": "S00001"}')

    def pushed() -> list[dict[str, Any]]:
        return [event for event in events_of(our_side) if event["waybillNo"] == number]

    sandbox.post(f"parcels/{number}", {"opCode": "203", "push_codes": True})
    events = until(lambda: found if len(found := pushed()) == 4 else None)
    assert len({event["serialNo"] for event in events}) == 1
    assert events[0]["deliverCode"] == ""


def test_a_label_comes_as_an_address_or_as_the_document(sandbox: Sandbox) -> None:
    number = number_of(ems_call(sandbox, "020003", an_order("out-6")))
    ask = {"waybillNo": number, "type": "149", "isReturn": "0"}
    document = base64.b64decode(ems_call(sandbox, "010004", ask)["retBody"])
    assert document.startswith(b"%PDF-1.4")
    address = ems_call(sandbox, "010004", ask | {"getURL": "1"})["retBody"]
    assert sandbox.http.get(address, timeout=10).content == document
    assert not ems_call(sandbox, "010004", ask | {"type": "1"})["success"]


def test_an_order_whose_answer_was_lost_is_found_by_repeating_it(sandbox: Sandbox) -> None:
    sandbox.put("faults/ems", {"mode": "accept_then_cut", "times": 1, "match_to": "王小明"})
    with pytest.raises(requests.ConnectionError):
        ems_call(sandbox, "020003", an_order("out-7"))
    number = number_of(ems_call(sandbox, "020003", an_order("out-7")))
    lost, found = sandbox.ledger("ems")[-2:]
    assert (lost["outcome"], found["outcome"]) == ("accepted", "repeated")
    assert lost["detail"]["waybillNo"] == found["detail"]["waybillNo"] == number
