"""Tencent's stand-in: TC3 signatures, refusals of requests and of numbers, limits by its own clock, callbacks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from citizen_services.sandbox.config import SandboxConfig
from citizen_services.sandbox.signed import CHINA
from citizen_services.sandbox.tencent import TencentDesk, _taken
from citizen_services.sandbox.tencent_sign import ApiError, canonical_request, signature, verify
from citizen_services.sandbox.world import World

APP = "1400000001"
EVENING = datetime(2026, 11, 9, 23, 58, tzinfo=CHINA).timestamp()


def test_the_signature_agrees_with_the_published_example() -> None:
    body = rb'{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}'
    headers = {"content-type": "application/json; charset=utf-8", "host": "cvm.tencentcloudapi.com"}
    canonical = canonical_request("POST", "", headers, ["content-type", "host"], body)
    made = signature("Gu5t9xGARNpq86cd98joQYCN3EXAMPLE", "1551113065", "2019-02-25/cvm/tc3_request", canonical)
    assert made == "72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168"


def signed(body: bytes, at: float, **other: str) -> dict[str, str]:
    """Headers of a request; ``other`` overrides them (with ``_`` for ``-``)."""
    headers = {
        "content-type": "application/json",
        "host": "sms.tencentcloudapi.com",
        "x-tc-action": "SendSms",
        "x-tc-version": "2021-01-11",
        "x-tc-timestamp": str(int(at)),
    }
    day = datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%d")
    scope = f"{day}/sms/tc3_request"
    names = ["content-type", "host"]
    made = signature("key", str(int(at)), scope, canonical_request("POST", "", headers, names, body))
    headers["authorization"] = (
        f"TC3-HMAC-SHA256 Credential=id/{scope}, SignedHeaders=content-type;host, Signature={made}"
    )
    return headers | {name.replace("_", "-"): value for name, value in other.items()}


@pytest.mark.parametrize(
    ("spoilt", "code"),
    [
        ({}, ""),
        ({"authorization": "Bearer x"}, "AuthFailure.InvalidAuthorization"),
        ({"host": "elsewhere"}, "AuthFailure.SignatureFailure"),
        ({"x_tc_timestamp": str(int(EVENING) - 301)}, "AuthFailure.SignatureExpire"),
        ({"x_tc_timestamp": str(int(EVENING) - 299)}, "AuthFailure.SignatureFailure"),
        ({"x_tc_action": ""}, "MissingParameter"),
    ],
)
def test_only_what_is_signed_and_fresh_is_let_in(spoilt: dict[str, str], code: str) -> None:
    def let_in(body: bytes, key_id: str = "id", secret: str = "key") -> str:
        try:
            verify("POST", "", signed(b"{}", EVENING, **spoilt), body, key_id=key_id, secret=secret, now=EVENING)
        except ApiError as refused:
            return refused.code
        return ""

    assert let_in(b"{}") == code
    if not code:
        assert let_in(b"[]") == let_in(b"{}", secret="other") == "AuthFailure.SignatureFailure"
        assert let_in(b"{}", key_id="other") == "AuthFailure.SecretIdNotFound"


class _Played(World):
    """A world whose clock the test moves."""

    at = EVENING

    def now(self) -> float:  # type: ignore[override]
        return self.at


@pytest.fixture
def world(tmp_path: Path) -> Iterator[_Played]:
    """A world with one template; nothing that it would push leaves it."""
    made = _Played(SandboxConfig(tmp_path / "ledger.jsonl", tencent_sdk_app_id=APP, tencent_sign_name="奉化公安"))
    made.state.put("templates:sms_tencent", "1001", {"text": "申请{1}，编号{2}。", "kind": "notice"})
    yield made
    made.close()


def send(desk: TencentDesk, *values: str, phone: str = "+8613800138000", **other: Any) -> str:
    """Send one message; its Code."""
    fields = {
        "PhoneNumberSet": [phone], "SmsSdkAppId": APP, "SignName": "奉化公安", "TemplateId": "1001",
        "TemplateParamSet": list(values),
    }  # fmt: skip
    (status,) = desk.send(fields | other)
    return str(status["Code"])


def test_each_thing_that_tencent_refuses_is_refused(world: _Played) -> None:
    desk = TencentDesk(world)
    assert send(desk, "已受理", "A", SignName="别的") == "FailedOperation.SignatureIncorrectOrUnapproved"
    assert send(desk, "已受理", "A", TemplateId="9") == "FailedOperation.TemplateUnapprovedOrNotExist"
    assert send(desk, "已受理") == "FailedOperation.TemplateParamSetNotMatchApprovedTemplate"
    assert send(desk, "", "A") == send(desk, "长" * 36, "A") == "InvalidParameterValue.TemplateParameterLengthLimit"
    assert send(desk, "www.a", "A") == "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter"
    assert send(desk, "已受理", "A", phone="13800138000") == "InvalidParameterValue.IncorrectPhoneNumber"
    for other, code in (
        ({"SmsSdkAppId": "1"}, "UnauthorizedOperation.SmsSdkAppIdVerifyFail"),
        ({"TemplateParamSet": [1]}, "InvalidParameter"),
        ({"PhoneNumberSet": ["+8613800138000"] * 201}, "LimitExceeded.PhoneNumberCountLimit"),
        ({"SessionContext": "x" * 512}, "InvalidParameterValue"),
        ({"TemplateId": ""}, "MissingParameter"),
    ):
        with pytest.raises(ApiError) as refused:
            send(desk, "已受理", "A", **other)
        assert refused.value.code == code


def test_the_same_text_and_the_eleventh_of_a_calendar_day_wait(world: _Played) -> None:
    desk = TencentDesk(world)
    assert send(desk, "已受理", "A") == "Ok"
    assert send(desk, "已受理", "A") == "LimitExceeded.PhoneNumberThirtySecondLimit"
    assert [send(desk, "已受理", f"B{n}") for n in range(9)] == ["Ok"] * 9
    world.at += 60
    assert send(desk, "已受理", "A") == "LimitExceeded.PhoneNumberDailyLimit"
    assert send(desk, "已受理", "A", phone="+8613800138001") == "Ok"
    world.at += 61
    assert send(desk, "已受理", "A") == "Ok", "after midnight"


def test_statuses_exist_once_the_carrier_reported_and_bear_our_reference_only_where_it_was_asked_for(
    world: _Played,
) -> None:
    desk = TencentDesk(world)
    send(desk, "已受理", "A", SessionContext="ref-1")
    ask = {
        "BeginTime": int(EVENING) - 60, "Offset": 0, "Limit": 100, "PhoneNumber": "+8613800138000",
        "SmsSdkAppId": APP,
    }  # fmt: skip
    assert desk.pull(ask) == []
    world.at += 1
    (status,) = desk.pull(ask)
    assert (status["ReportStatus"], status["SessionContext"]) == ("SUCCESS", "")
    world.state.put("settings", "sms_tencent", {"session_context": True})
    assert desk.pull(ask)[0]["SessionContext"] == "ref-1"
    for other in ({"Limit": 101}, {"Offset": 1}, {"BeginTime": int(EVENING) - 8 * 86400}, {"PhoneNumber": "1"}):
        with pytest.raises(ApiError):
            desk.pull(ask | other)


def test_a_callback_is_taken_by_its_result_alone() -> None:
    def answered(status: int, body: bytes) -> requests.Response:
        answer = requests.Response()
        answer.status_code, answer._content = status, body
        return answer

    assert _taken(answered(200, b'{"result":0,"errmsg":"OK"}'))
    assert not any(map(_taken, (answered(500, b'{"result":0}'), answered(200, b"OK"), answered(200, b'{"result":1}'))))
