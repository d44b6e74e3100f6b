"""Tencent SMS: signing by the published example, sending, what can be asked and what can't, and reading reports."""

from __future__ import annotations

import json
import random
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from citizen_services.clock import SHANGHAI, protocol_now
from citizen_services.exchange.outcomes import Accepted, NotAccepted, Unknown
from citizen_services.exchange.sms import BadReport, Confirmation, SmsReport
from citizen_services.exchange.sms_tencent import SmsTencent, authorization, parse_reports
from citizen_services.exchange.sms_tencent_codes import kind_of, wait_s
from citizen_services.rules.phones import invent_mobile
from citizen_services.settings import Partner
from tests.exchange.wire import WirePartner, reply
from tests.house import House

RNG = random.Random(11)
#: In the order in which they stand in the template.
VALUES = {"state": "已受理", "number": "JZ20261109-000017"}
CREDENTIALS = {
    "secret_id": "ak",
    "secret_key": "sk-secret",
    "sdk_app_id": "1400000001",
    "sign_name": "奉化公安",
    "receipt_token": "token",
}


def test_the_published_example_is_signed_as_published() -> None:
    """The example of 《签名方法 v3》 (DescribeInstances)."""
    body = rb'{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}'
    made = authorization(
        "an-id",
        "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE",
        "cvm",
        "cvm.tencentcloudapi.com",
        "application/json; charset=utf-8",
        datetime.fromtimestamp(1551113065, UTC),
        body,
    )
    assert made == (
        "TC3-HMAC-SHA256 Credential=an-id/2019-02-25/cvm/tc3_request, SignedHeaders=content-type;host, "
        "Signature=72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168"
    )


def partner(outside: House) -> Partner:
    """The stand-in, with its credentials."""
    given = {name: outside.environ[f"SMS_TENCENT_{name.upper()}"] for name in CREDENTIALS}
    return Partner("sms_tencent", f"{outside.sandbox_url}/sms_tencent", given)


@pytest.fixture
def sms(outside: House) -> SmsTencent:
    """The client, with one template known to the gateway, whose reports do not bear our reference."""
    outside.control("PUT", "templates/sms_tencent/1001", {"text": "您的申请{1}，编号{2}，请查看。", "kind": "notice"})
    outside.control("PUT", "settings/sms_tencent", {"session_context": False})
    return SmsTencent(partner(outside), {"sms_tencent:progress": "1001"})


def arrived(outside: House, ref: str) -> list[dict[str, Any]]:
    return [entry for entry in outside.ledger("sms_tencent") if entry["our_ref"] == ref]


def reported(sms: SmsTencent, ref: str, phone: str, taken_as: str | None = None) -> Confirmation:
    """Ask until the carrier has reported."""
    until = time.monotonic() + 60
    while (found := sms.confirm(ref, phone, protocol_now(), taken_as)).delivered is None:
        assert time.monotonic() < until
        time.sleep(0.1)
    return found


def test_a_message_is_accepted_with_its_values_in_order_and_found_by_tencent_s_name(
    outside: House, sms: SmsTencent
) -> None:
    ref, phone = str(uuid4()), invent_mobile(RNG)
    outcome = sms.send(ref, phone, "progress", VALUES)
    assert isinstance(outcome, Accepted)
    (entry,) = arrived(outside, ref)
    assert (entry["to"], entry["operation"], entry["outcome"]) == (phone, "SendSms", "accepted")
    assert entry["text"] == "【奉化公安】您的申请已受理，编号JZ20261109-000017，请查看。"
    found = reported(sms, ref, phone, outcome.partner_ref)
    assert found == Confirmation("accepted", True, "DELIVRD", outcome.partner_ref)
    # By our reference alone nobody finds it, where reports don't bear it; and absence says nothing.
    assert sms.confirm(ref, phone, protocol_now()).verdict == "cannot_tell"
    assert sms.confirm(str(uuid4()), invent_mobile(RNG), protocol_now(), "5000:1").delivered is None
    outside.control("PUT", "settings/sms_tencent", {"session_context": True})
    assert sms.confirm(ref, phone, protocol_now()) == found


@pytest.mark.parametrize("fault", [{"mode": "accept_then_cut"}, {"mode": "http_500", "after": True}])
def test_a_lost_answer_is_unknown_and_settled_by_a_report_with_our_reference(
    outside: House, sms: SmsTencent, fault: dict[str, Any]
) -> None:
    ref, phone = str(uuid4()), invent_mobile(RNG)
    outside.control("PUT", "settings/sms_tencent", {"session_context": True})
    outside.control("PUT", "faults/sms_tencent", fault | {"times": 1})
    assert isinstance(sms.send(ref, phone, "progress", VALUES), Unknown)
    assert reported(sms, ref, phone).verdict == "accepted"
    assert len([entry for entry in arrived(outside, ref) if entry["operation"] == "SendSms"]) == 1


def test_wrong_keys_and_templates_wait_for_a_person_and_wrong_numbers_never_succeed(
    outside: House, sms: SmsTencent
) -> None:
    real = partner(outside)
    thief = SmsTencent(replace(real, credentials={**real.credentials, "secret_key": "x"}), {})
    stranger = SmsTencent(replace(real, credentials={**real.credentials, "sdk_app_id": "1400999999"}), {})
    ours = SmsTencent(real, {})
    for client, phone, template, values, kind, code in (
        (thief, invent_mobile(RNG), "1001", VALUES, "operator", "AuthFailure.SignatureFailure"),
        (stranger, invent_mobile(RNG), "1001", VALUES, "operator", "UnauthorizedOperation.SmsSdkAppIdVerifyFail"),
        (ours, invent_mobile(RNG), "404", VALUES, "operator", "FailedOperation.TemplateUnapprovedOrNotExist"),
        (ours, "12345", "1001", VALUES, "never", "InvalidParameterValue.IncorrectPhoneNumber"),
        (ours, invent_mobile(RNG), "1001", {"state": "已受理"}, "never", None),
        (ours, invent_mobile(RNG), "1001", VALUES | {"number": "见 www.example.org"}, "never", None),
    ):
        outcome = client.send(str(uuid4()), phone, template, values)
        assert isinstance(outcome, NotAccepted)
        assert outcome.kind == kind
        assert code in (None, outcome.code)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("InternalError.Timeout", "unknown"),
        ("InternalError.SendAndRecvFail", "unknown"),
        ("InternalError.SomethingNew", "unknown"),
        ("InternalError.OtherError", "now"),
        ("RequestLimitExceeded", "now"),
        ("LimitExceeded.PhoneNumberDailyLimit", "later"),
        ("InternalError.RequestTimeException", "operator"),
        ("AuthFailure.SignatureExpire", "operator"),
        ("UnauthorizedOperation.ServiceSuspendDueToArrears", "operator"),
        ("FailedOperation.InsufficientBalanceInSmsPackage", "operator"),
        ("FailedOperation.ContainSensitiveWord", "never"),
        ("InvalidParameterValue.ContentLengthLimit", "never"),
        ("MissingParameter", "never"),
        ("FailedOperation.SomethingNew", "never"),
    ],
)
@pytest.mark.parametrize("whole", [True, False])
def test_each_code_is_sorted_of_the_request_and_of_the_number(
    wire: WirePartner, code: str, expected: str, whole: bool
) -> None:
    error = {"Error": {"Code": code, "Message": "说明"}}
    status = {"SendStatusSet": [{"Code": code, "Message": "说明", "SerialNo": ""}]}
    wire.acts = [reply(200, {"Response": error if whole else status})]
    outcome = SmsTencent(Partner("sms_tencent", wire.url, CREDENTIALS), {}).send("ref-1", "13800138000", "T", {})
    assert (outcome.kind if isinstance(outcome, NotAccepted) else "unknown") == expected
    (request,) = wire.arrived
    assert request.line.startswith("POST /partner/ ")
    assert request.json()["PhoneNumberSet"] == ["+8613800138000"]
    assert request.json()["SessionContext"] == "ref-1"


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"Response": []},
        {"Response": {}},
        {"Response": {"SendStatusSet": []}},
        {"Response": {"SendStatusSet": None}},
        {"Response": {"SendStatusSet": [{"Code": "Ok"}, {"Code": "Ok"}]}},
        {"Response": {"SendStatusSet": [{"SerialNo": "1"}]}},
        {"Response": {"Error": {}}},
    ],
)
def test_an_answer_that_says_nothing_leaves_the_message_in_doubt(wire: WirePartner, answer: dict[str, Any]) -> None:
    wire.acts = [reply(200, answer)]
    sms = SmsTencent(Partner("sms_tencent", wire.url, CREDENTIALS), {})
    assert isinstance(sms.send("ref-1", "13800138000", "T", {}), Unknown)
    assert sms.confirm("ref-1", "13800138000", protocol_now()).verdict == "cannot_tell"


def test_limits_give_way_with_the_clock_of_shanghai() -> None:
    now = datetime(2026, 11, 9, 23, 58, 40, tzinfo=SHANGHAI).astimezone(UTC)
    assert wait_s("LimitExceeded.PhoneNumberThirtySecondLimit", now) == 30
    assert wait_s("LimitExceeded.PhoneNumberOneHourLimit", now) == 3600
    assert wait_s("LimitExceeded.PhoneNumberDailyLimit", now) == 81
    assert wait_s("AuthFailure", now) is None
    assert kind_of("FailedOperation.SomethingNew") is None


REPORT = {
    "user_receive_time": "2026-11-09 09:00:05",
    "nationcode": "86",
    "mobile": "13800138000",
    "report_status": "SUCCESS",
    "errmsg": "DELIVRD",
    "description": "用户短信送达成功",
    "sid": "5000:1045710669157053657849499619",
    "ext": "ref-1",
}


def test_reports_are_read() -> None:
    at = datetime(2026, 11, 9, 9, 0, 5, tzinfo=SHANGHAI)
    failed = {k: v for k, v in REPORT.items() if k != "ext"} | {"report_status": "FAIL", "errmsg": "UNDELIV"}
    sid = str(REPORT["sid"])
    assert parse_reports(json.dumps([REPORT, failed | {"user_receive_time": "soon"}]).encode()) == [
        SmsReport("ref-1", sid, "13800138000", True, "DELIVRD", at),
        SmsReport("", sid, "13800138000", False, "UNDELIV", None),
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[1]",
        b"[" * 2000,
        json.dumps([REPORT | {"report_status": "MAYBE"}]).encode(),
        json.dumps([REPORT | {"mobile": 138}]).encode(),
        json.dumps([REPORT | {"sid": ""}]).encode(),
        json.dumps([REPORT | {"ext": "\0"}]).encode(),
        json.dumps([REPORT | {"description": "\udfff"}]).encode(),
    ],
)
def test_what_is_no_report_is_refused_without_repeating_it(body: bytes) -> None:
    with pytest.raises(BadReport) as bad:
        parse_reports(body)
    assert "138" not in str(bad.value)
