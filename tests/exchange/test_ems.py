"""China Post's interface: the cipher by its standard's vector, orders, labels, tracking, pushes, states."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode
from uuid import uuid4

import pytest

from citizen_services.clock import SHANGHAI
from citizen_services.exchange.ems import BadPush, Contact, Ems, ParcelToOrder, TrackEvent, seal, unseal
from citizen_services.exchange.ems_codes import needs_tracking, parcel_state
from citizen_services.exchange.outcomes import Accepted, NotAccepted, Refused, Uncertain, Unknown
from citizen_services.rules.tracking import check_tracking
from citizen_services.settings import Partner
from tests.exchange.wire import Act, WirePartner, reply
from tests.house import House

KEY = base64.b64encode(bytes.fromhex("0123456789abcdeffedcba9876543210")).decode()
OTHER_KEY = base64.b64encode(b"another key 16 b").decode()
CREDENTIALS = {"sender_no": "1100000000001", "authorization": "auth", "sign_key": KEY}
SENDER = Contact("奉化区公安局办证中心", "0574-88888888", "浙江省", "宁波市", "奉化区", "南山路1号")
RECEIVER = Contact("李雷", "13800138000", "浙江省", "宁波市", "奉化区", "岳林街道学士路1号")
PARCEL = ParcelToOrder(SENDER, RECEIVER, "浙江省居住证")


def test_the_cipher_is_sm4_of_the_standard() -> None:
    """GB/T 32907-2016, appendix A.1: key and plain text 0123456789abcdeffedcba9876543210."""
    from citizen_services.exchange.ems import _cipher

    plain = bytes.fromhex("0123456789abcdeffedcba9876543210")
    assert _cipher(KEY).encryptor().update(plain).hex() == "681edf34d206965e86b3e94f536e4246"


def test_what_is_sealed_opens_again_with_and_without_the_keys_text_behind_it() -> None:
    text = json.dumps({"name": "李雷"}, ensure_ascii=False)
    sealed = seal(text, KEY)
    assert sealed.startswith("|$4|")
    assert unseal(sealed, KEY) == text
    assert unseal(sealed.removeprefix("|$4|"), KEY) == text
    assert unseal(without_suffix(text), KEY) == text


def without_suffix(text: str) -> str:
    from cryptography.hazmat.primitives.padding import PKCS7

    from citizen_services.exchange.ems import _cipher

    padder = PKCS7(128).padder()
    encryptor = _cipher(KEY).encryptor()
    padded = padder.update(text.encode()) + padder.finalize()
    return "|$4|" + base64.b64encode(encryptor.update(padded) + encryptor.finalize()).decode()


@pytest.fixture
def ems(outside: House) -> Ems:
    """The client of a carrier that gives the same number for a repeated reference."""
    outside.control("PUT", "settings/ems", {"repeat": "same"})
    return Ems(outside.settings.partner("ems"))


def ordered(outside: House, ref: str) -> list[dict[str, Any]]:
    return [e for e in outside.ledger("ems") if e["our_ref"] == ref and e["operation"] == "020003"]


def test_a_parcel_is_ordered_labelled_tracked_and_signed_for(outside: House, ems: Ems) -> None:
    ref = str(uuid4())
    outcome = ems.order(ref, PARCEL)
    assert isinstance(outcome, Accepted)
    tracking = outcome.partner_ref
    assert check_tracking(tracking).warning is None
    (entry,) = ordered(outside, ref)
    assert (entry["to"], entry["outcome"], entry["request_ref"]) == ("李雷", "accepted", ref)
    assert "岳林街道学士路1号" in entry["text"]
    assert ems.label(tracking).startswith(b"%PDF")
    assert ems.track(tracking) == []
    for event in ({"opCode": "203"}, {"opCode": "702"}, {"opCode": "704", "deliverCode": "10"}):
        outside.control("POST", f"parcels/{tracking}", event | {"push": False})
    events = ems.track(tracking)
    assert [(e.op_code, e.deliver_code) for e in events] == [("203", None), ("702", None), ("704", "10")]
    assert parcel_state(events) == "signed"


@pytest.mark.parametrize("repeat", ["same", "error", "second"])
def test_a_lost_answer_is_repeated_under_the_same_reference_whatever_the_carrier_makes_of_it(
    outside: House, ems: Ems, repeat: str
) -> None:
    outside.control("PUT", "settings/ems", {"repeat": repeat})
    ref = str(uuid4())
    outside.control("PUT", "faults/ems", {"mode": "accept_then_cut", "times": 1})
    assert isinstance(ems.order(ref, PARCEL), Unknown)
    again = ems.order(ref, PARCEL)
    first = ordered(outside, ref)[0]["detail"]["waybillNo"]
    if repeat == "error":
        assert isinstance(again, NotAccepted)
        assert again.kind == "never"
    else:
        assert isinstance(again, Accepted)
        assert (again.partner_ref == first) is (repeat == "same")
    if repeat == "second":
        assert ems.cancel(ref, first, "重复下单") == Accepted(first)
        assert [event.op_code for event in ems.track(first)] == ["801"]


def test_a_collected_parcel_can_not_be_cancelled(outside: House, ems: Ems) -> None:
    ref = str(uuid4())
    outcome = ems.order(ref, PARCEL)
    assert isinstance(outcome, Accepted)
    outside.control("POST", f"parcels/{outcome.partner_ref}", {"opCode": "203", "push": False})
    refused = ems.cancel(ref, outcome.partner_ref, "地址有误")
    assert isinstance(refused, NotAccepted)
    with pytest.raises(Refused):
        ems.track("1119044791429")


def test_the_order_goes_as_a_form_whose_content_only_the_key_opens(wire: WirePartner) -> None:
    wire.acts = [answered({"waybillNo": "1119044791429"})]
    outcome = Ems(Partner("ems", wire.url, CREDENTIALS)).order("ref-1", PARCEL)
    assert outcome == Accepted("1119044791429")
    (arrived,) = wire.arrived
    form = dict(parse_qsl(arrived.body.decode()))
    assert (form["apiCode"], form["senderNo"], form["msgType"]) == ("020003", "1100000000001", "0")
    assert "李雷" not in arrived.body.decode()
    assert "13800138000" not in arrived.body.decode()
    (order,) = json.loads(unseal(form["logitcsInterface"], KEY))
    assert order["logisticsOrderNo"] == "ref-1"
    assert order["sender"]["phone"] == "0574-88888888"
    assert order["receiver"]["mobile"] == "13800138000"
    assert (order["contentsAttribute"], order["pickupType"]) == ("1", "1")


def answered(body: Any, code: str = "00000", status: int = 200) -> Act:
    text = body if isinstance(body, str) else json.dumps(body)
    return reply(status, {"retCode": code, "retMsg": "说明", "retBody": text, "success": code == "00000"})


UNREADABLE: dict[str, Act] = {
    "no number": answered({}),
    "a number that is none": answered({"waybillNo": "12"}),
    "no JSON within": answered("ok"),
    "nesting without end": answered("[" * 2000),
    "no retCode": reply(200, {"success": True}),
    "a page": reply(500, "<html>"),
}


@pytest.mark.parametrize("act", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_an_answer_without_a_number_is_unknown(wire: WirePartner, act: Act) -> None:
    wire.acts = [act]
    assert isinstance(Ems(Partner("ems", wire.url, CREDENTIALS)).order("ref-1", PARCEL), Unknown)


def test_a_refusal_keeps_its_code_and_words_out_of_the_log(wire: WirePartner, caplog: pytest.LogCaptureFixture) -> None:
    wire.acts = [answered("", "B00003")]
    outcome = Ems(Partner("ems", wire.url, CREDENTIALS)).order("ref-1", PARCEL)
    assert outcome == NotAccepted("never", "B00003", "说明")
    assert "B00003" in caplog.text
    assert "说明" not in caplog.text


def test_a_label_that_is_no_pdf_is_uncertain(wire: WirePartner) -> None:
    wire.acts = [answered(base64.b64encode(b"<html>").decode())]
    with pytest.raises(Uncertain):
        Ems(Partner("ems", wire.url, CREDENTIALS)).label("1119044791429")


# --- Pushes -------------------------------------------------------------------------------------------------------

PUSHED = {"waybillNo": "1119044791429", "orderNo": "ref-1", "opTime": "2026-11-09 10:00:00", "opCode": "704"}
OURS = Ems(Partner("ems", "http://127.0.0.1:1/ems", CREDENTIALS))


def pushed(event: Any, seal_it: Any = None, **more: Any) -> dict[str, Any]:
    sealed = (seal_it or (lambda text: seal(text, KEY)))(json.dumps(event))
    return {"method": "040002", "serialNo": "C3E7", "logitcsInterface": sealed} | more


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(pushed(PUSHED)).encode(),
        json.dumps(pushed(PUSHED, without_suffix)).encode(),
        urlencode(pushed(PUSHED)).encode(),
    ],
    ids=["with the key's text", "without it", "as a form"],
)
def test_a_push_is_read_in_each_of_its_shapes(body: bytes) -> None:
    push = OURS.parse_push(body)
    assert push.serial == "C3E7"
    at = datetime(2026, 11, 9, 10, tzinfo=SHANGHAI)
    assert push.event == TrackEvent("1119044791429", "ref-1", "704", at, None, None, "", "")
    assert needs_tracking([push.event])
    assert OURS.push_answer("C3E7", taken=True)["code"] == "00000"
    assert OURS.push_answer("C3E7", taken=False) == {
        "serialNo": "C3E7", "code": "S00001", "codeMessage": "", "senderNo": "1100000000001"
    }  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"{",
        json.dumps(pushed(PUSHED, lambda text: seal(text, OTHER_KEY))).encode(),
        json.dumps(pushed(PUSHED, lambda text: "|$4|AAAA")).encode(),
        json.dumps(pushed(PUSHED, method="040001")).encode(),
        json.dumps(pushed(PUSHED | {"opTime": "yesterday"})).encode(),
        json.dumps(pushed(PUSHED | {"opCode": "'; DROP"})).encode(),
        json.dumps(pushed([1])).encode(),
        json.dumps(pushed(PUSHED | {"opDesc": "\ud800"})).encode(),
        json.dumps(pushed(PUSHED, serialNo="\0")).encode(),
        json.dumps(pushed(PUSHED, serialNo=None)).encode(),
    ],
)
def test_a_push_that_is_not_china_posts_is_refused_without_repeating_it(body: bytes) -> None:
    with pytest.raises(BadPush) as bad:
        OURS.parse_push(body)
    assert not [piece for piece in ("yesterday", "DROP", "1119044791429", KEY) if piece in str(bad.value)]


# --- States -------------------------------------------------------------------------------------------------------


@dataclass
class Event:
    """An event by its codes."""

    op_code: str
    op_time: datetime
    deliver_code: str | None = None
    attempt_code: str | None = None


def events(*codes: str) -> list[Event]:
    """``704/10`` is a delivery with its deliverCode, ``705/7`` a failed one; a minute lies between two."""
    made = []
    for minute, text in enumerate(codes):
        code, _, sub = text.partition("/")
        event = Event(code, datetime(2026, 11, 9, 9, tzinfo=SHANGHAI) + timedelta(minutes=minute))
        if sub:
            event.deliver_code, event.attempt_code = (sub, None) if code == "704" else (None, sub)
        made.append(event)
    return made


@pytest.mark.parametrize(
    ("codes", "state"),
    [
        ((), "ordered"),
        (("203",), "collected"),
        (("203", "207"), "ordered"),
        (("203", "305", "360", "954"), "in_transit"),
        (("203", "713", "702"), "delivering"),
        (("203", "702", "742"), "collected"),
        (("203", "702", "704/10"), "signed"),
        (("203", "702", "704/20"), "signed_by_other"),
        (("203", "702", "704"), "delivering"),
        (("203", "702", "704/10", "743"), "delivering"),
        (("203", "702", "704/20", "743", "704/10"), "signed"),
        (("203", "702", "705/4"), "delivering"),
        (("203", "702", "705/7"), "refused"),
        (("203", "702", "705/7", "744"), "delivering"),
        (("203", "702", "705/7", "708", "305"), "refused"),
        (("203", "702", "705/7", "708", "305", "711"), "returned"),
        (("203", "702", "705/5", "708"), "in_transit"),
        (("203", "747", "748"), "signed_by_other"),
        (("203", "747", "749"), "delivering"),
        (("203", "987"), "lost"),
        (("203", "705/13"), "lost"),
        (("203", "999"), "collected"),
        (("743", "203"), "collected"),
    ],
)
def test_a_parcels_state_comes_from_all_of_its_events_in_any_order(codes: tuple[str, ...], state: str) -> None:
    happened = events(*codes)
    assert parcel_state(happened) == state
    assert parcel_state(happened[::-1]) == state


def test_only_a_delivery_that_still_stands_is_asked_about() -> None:
    assert needs_tracking(events("203", "704"))
    assert needs_tracking(events("203", "705"))
    assert not needs_tracking(events("203", "704", "743"))
    assert not needs_tracking(events("203", "704/10", "705/7"))
