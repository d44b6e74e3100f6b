"""Aliyun SMS: signing by the published example, sending, settling a lost answer, and reading reports."""

from __future__ import annotations

import json
import random
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from citizen_services.clock import SHANGHAI, protocol_now
from citizen_services.exchange.outcomes import Accepted, NotAccepted, Unknown
from citizen_services.exchange.sms import BadReport, Confirmation, SmsReport
from citizen_services.exchange.sms_aliyun import SmsAliyun, authorization, canonical_query, parse_reports
from citizen_services.exchange.sms_codes import kind_of, wait_s
from citizen_services.rules.phones import invent_mobile
from citizen_services.settings import Partner
from tests.exchange.wire import WirePartner, reply
from tests.house import House

RNG = random.Random(7)
VALUES = {"number": "330213-2026-000017", "state": "已受理 ~*+/&="}
CREDENTIALS = {"access_key_id": "ak", "access_key_secret": "sk-secret", "sign_name": "奉化公安"}


def test_the_published_example_is_signed_as_published() -> None:
    """The fixed example of help.aliyun.com's description of the version 3 signature (RunInstances)."""
    query = canonical_query(
        {"RegionId": "cn-shanghai", "ImageId": "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd"}
    )
    headers = {
        "host": "ecs.cn-shanghai.aliyuncs.com",
        "x-acs-action": "RunInstances",
        "x-acs-content-sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "x-acs-date": "2023-10-26T10:22:32Z",
        "x-acs-signature-nonce": "3156853299f313e23d1673dc12e1703d",
        "x-acs-version": "2014-05-26",
    }
    made = authorization("YourAccessKeyId", "YourAccessKeySecret", "/", query, headers)
    assert made.endswith("Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0")
    assert made.startswith("ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;")


@pytest.fixture
def sms(outside: House) -> SmsAliyun:
    """The client, with one template known to the gateway."""
    body = {"text": "您的${number}${state}，请查看。", "kind": "notice"}
    outside.control("PUT", "templates/sms_aliyun/SMS_1", body)
    return SmsAliyun(outside.settings.partner("sms_aliyun"), {"sms:progress": "SMS_1"})


def arrived(outside: House, ref: str) -> list[dict[str, Any]]:
    return [entry for entry in outside.ledger("sms_aliyun") if entry["our_ref"] == ref]


def test_a_message_is_accepted_with_its_chinese_values_and_found_by_its_reference(
    outside: House, sms: SmsAliyun
) -> None:
    ref, phone = str(uuid4()), invent_mobile(RNG)
    before = protocol_now()
    outcome = sms.send(ref, phone, "progress", VALUES)
    assert isinstance(outcome, Accepted)
    assert outcome.partner_ref
    (entry,) = arrived(outside, ref)
    assert (entry["to"], entry["operation"], entry["outcome"]) == (phone, "SendSms", "accepted")
    assert VALUES["state"] in entry["text"]
    confirmation = once_known(sms, ref, phone, before)
    assert confirmation == Confirmation("accepted", True, "DELIVERED")
    assert sms.confirm(str(uuid4()), phone, before).verdict == "not_found"


def once_known(sms: SmsAliyun, ref: str, phone: str, sent_at: datetime) -> Confirmation:
    """Ask until the record appears, which takes the gateway some seconds."""
    until = time.monotonic() + 60
    while (found := sms.confirm(ref, phone, sent_at)).verdict == "not_found":
        assert time.monotonic() < until
        time.sleep(0.3)
    return found


@pytest.mark.parametrize("fault", [{"mode": "accept_then_cut"}, {"mode": "http_500", "after": True}])
def test_a_lost_answer_is_unknown_until_the_gateway_is_asked(
    outside: House, sms: SmsAliyun, fault: dict[str, Any]
) -> None:
    ref, phone = str(uuid4()), invent_mobile(RNG)
    outside.control("PUT", "faults/sms_aliyun", fault | {"times": 1})
    assert isinstance(sms.send(ref, phone, "progress", VALUES), Unknown)
    assert once_known(sms, ref, phone, protocol_now()).verdict == "accepted"
    assert len([entry for entry in arrived(outside, ref) if entry["operation"] == "SendSms"]) == 1


def test_a_message_that_never_was_taken_is_not_found_and_a_silent_gateway_cannot_tell(
    outside: House, sms: SmsAliyun
) -> None:
    ref, phone = str(uuid4()), invent_mobile(RNG)
    outside.control("PUT", "faults/sms_aliyun", {"mode": "http_500", "times": 1})
    assert isinstance(sms.send(ref, phone, "progress", VALUES), Unknown)
    assert sms.confirm(ref, phone, protocol_now()).verdict == "not_found"
    outside.control("PUT", "faults/sms_aliyun", {"mode": "http_500", "times": 1})
    assert sms.confirm(ref, phone, protocol_now()).verdict == "cannot_tell"


def test_wrong_keys_and_templates_wait_for_a_person_and_wrong_numbers_never_succeed(outside: House) -> None:
    partner = outside.settings.partner("sms_aliyun")
    outside.control("PUT", "templates/sms_aliyun/SMS_1", {"text": "您的${number}${state}。"})
    thief = SmsAliyun(Partner("sms_aliyun", partner.base_url, {**partner.credentials, "access_key_secret": "x"}), {})
    for client, phone, template, kind, code in (
        (thief, invent_mobile(RNG), "SMS_1", "operator", "SignatureDoesNotMatch"),
        (SmsAliyun(partner, {}), invent_mobile(RNG), "SMS_404", "operator", "isv.SMS_TEMPLATE_ILLEGAL"),
        (SmsAliyun(partner, {}), "12345", "SMS_1", "never", "isv.MOBILE_NUMBER_ILLEGAL"),
    ):
        outcome = client.send(str(uuid4()), phone, template, VALUES)
        assert isinstance(outcome, NotAccepted)
        assert (outcome.kind, outcome.code) == (kind, code)


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (200, "isp.SYSTEM_ERROR", "unknown"),
        (200, "isp.GATEWAY_ERROR", "unknown"),
        (503, "ServiceUnavailable", "unknown"),
        (400, "Throttling.User", "now"),
        (400, "SignatureNonceUsed", "now"),
        (200, "isv.BUSINESS_LIMIT_CONTROL", "later"),
        (200, "isv.AMOUNT_NOT_ENOUGH", "operator"),
        (400, "InvalidTimeStamp.Expired", "operator"),
        (404, "InvalidAccessKeyId.NotFound", "operator"),
        (200, "isv.PARAM_LENGTH_LIMIT", "never"),
        (200, "isv.SOMETHING_NEW", "never"),
    ],
)
def test_each_code_is_sorted(wire: WirePartner, status: int, code: str, expected: str) -> None:
    wire.acts = [reply(status, {"Code": code, "Message": "触发分钟级流控Permits:1", "RequestId": "r"})]
    outcome = SmsAliyun(Partner("sms_aliyun", wire.url, CREDENTIALS), {}).send("ref-1", "13800138000", "T", {})
    assert (outcome.kind if isinstance(outcome, NotAccepted) else "unknown") == expected
    assert len(wire.arrived) == 1
    assert wire.arrived[0].line.startswith("POST /partner/?OutId=ref-1&PhoneNumbers=13800138000&")


def test_the_phone_in_the_address_stands_in_no_log(wire: WirePartner, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    wire.acts = [reply(502, "<html>")]
    sms = SmsAliyun(Partner("sms_aliyun", wire.url, CREDENTIALS), {})
    assert isinstance(sms.send("ref-1", "13800138000", "T", {"name": "李雷"}), Unknown)
    assert sms.confirm("ref-1", "13800138000", protocol_now()).verdict == "cannot_tell"
    assert "ref-1" in caplog.text
    assert not [secret for secret in ("13800138000", "李雷", "sk-secret") if secret in caplog.text]


def test_limits_give_way_with_the_clock_of_shanghai() -> None:
    now = datetime(2026, 11, 9, 9, 58, 40, tzinfo=SHANGHAI).astimezone(UTC)
    limit = "isv.BUSINESS_LIMIT_CONTROL"
    assert wait_s(limit, "触发分钟级流控Permits:1", now) == 21
    assert wait_s(limit, "触发小时级流控Permits:5", now) == 81
    assert wait_s(limit, "触发天级流控Permits:50", now) == 86400
    assert wait_s("isv.DAY_LIMIT_CONTROL", "", now) == 86400
    assert wait_s("isv.AMOUNT_NOT_ENOUGH", "", now) is None
    assert kind_of("isv.SOMETHING_NEW") is None


def details(*refs: str) -> dict[str, Any]:
    listed = [{"OutId": ref, "SendStatus": 1, "PhoneNum": "13800138000"} for ref in refs]
    return {"Code": "OK", "TotalCount": str(len(refs)), "SmsSendDetailDTOs": {"SmsSendDetailDTO": listed}}


def test_every_page_of_both_days_is_asked_near_midnight(wire: WirePartner) -> None:
    sms = SmsAliyun(Partner("sms_aliyun", wire.url, CREDENTIALS), {})
    midnight = datetime(2026, 11, 10, 0, 3, tzinfo=SHANGHAI)
    wire.acts = [reply(200, details(*["other"] * 50)), reply(200, details("other")), reply(200, details("ref-1"))]
    assert sms.confirm("ref-1", "13800138000", midnight) == Confirmation("accepted", None)
    asked = [dict(pair.split("=") for pair in a.line.split("?")[1].split(" ")[0].split("&")) for a in wire.arrived]
    assert [(one["SendDate"], one["CurrentPage"]) for one in asked] == [
        ("20261110", "1"),
        ("20261110", "2"),
        ("20261109", "1"),
    ]
    wire.arrived.clear()
    wire.acts = [reply(200, details())]
    assert sms.confirm("ref-1", "13800138000", midnight + timedelta(hours=9)).verdict == "not_found"
    assert len(wire.arrived) == 1


REPORT = {
    "phone_number": "13800138000",
    "send_time": "2026-11-09 09:00:00",
    "report_time": "2026-11-09 09:00:05",
    "success": True,
    "err_code": "DELIVERED",
    "err_msg": "用户接收成功",
    "sms_size": "1",
    "biz_id": "12345",
    "out_id": "ref-1",
}


def test_a_backslash_is_a_character_like_any_other() -> None:
    told = parse_reports(json.dumps([REPORT | {"err_code": "a\\u0000"}]).encode())
    assert told[0].err_code == "a\\u0000"


def test_reports_are_read() -> None:
    at = datetime(2026, 11, 9, 9, 0, 5, tzinfo=SHANGHAI)
    failed = REPORT | {"success": False, "err_code": "MK:0001", "report_time": "soon", "out_id": None}
    assert parse_reports(json.dumps([REPORT, failed]).encode()) == [
        SmsReport("ref-1", "12345", "13800138000", True, "DELIVERED", at),
        SmsReport("", "12345", "13800138000", False, "MK:0001", None),
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[1]",
        b"\xff",
        b"[" * 2000,
        json.dumps([REPORT | {"success": "yes"}]).encode(),
        json.dumps([REPORT | {"phone_number": 138}]).encode(),
        json.dumps([REPORT | {"biz_id": None, "out_id": None}]).encode(),
        # No database holds NUL, nor half a character; neither in what we read nor in what we only keep.
        json.dumps([REPORT | {"biz_id": "\0"}]).encode(),
        json.dumps([REPORT | {"phone_number": "138\ud800"}]).encode(),
        json.dumps([REPORT | {"err_msg": "\udfff"}]).encode(),
    ],
)
def test_what_is_no_report_is_refused_without_repeating_it(body: bytes) -> None:
    with pytest.raises(BadReport) as bad:
        parse_reports(body)
    assert "138" not in str(bad.value)
