"""Aliyun's stand-in: ACS3 signatures, business refusals, frequency, records and receipts."""

from __future__ import annotations

import json
import random
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from citizen_services.rules.phones import invent_mobile
from citizen_services.sandbox.aliyun_sign import canonical_request, signature
from tests.sandbox.kit import CREDENTIALS, OurSide, Sandbox, until
from tests.sandbox.signing import aliyun_call

RECEIPTS = f"/receipts/sms_aliyun/{CREDENTIALS['SMS_ALIYUN_RECEIPT_TOKEN']}"
CHINA = timedelta(hours=8)
rng = random.Random(7)


def send(sandbox: Sandbox, phone: str, **other: str) -> dict[str, Any]:
    sandbox.put("templates/sms_aliyun/SMS_1", {"text": "您申请的${item}已${state}，编号${number}。"})
    sandbox.put("templates/sms_aliyun/SMS_2", {"text": "验证码${code}，5分钟内有效。"})
    param = {"item": "居住证", "state": "受理", "number": "2026-0001"}
    params = {
        "PhoneNumbers": phone,
        "SignName": CREDENTIALS["SMS_ALIYUN_SIGN_NAME"],
        "TemplateCode": "SMS_1",
        "TemplateParam": json.dumps(param, ensure_ascii=False),
        "OutId": "notice-1",
    } | other
    answer = aliyun_call(sandbox, "SendSms", params)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def query(sandbox: Sandbox, phone: str, **other: str) -> dict[str, Any]:
    today = (datetime.now(UTC) + CHINA).strftime("%Y%m%d")
    params = {"PhoneNumber": phone, "SendDate": today, "PageSize": "10", "CurrentPage": "1"} | other
    body: dict[str, Any] = aliyun_call(sandbox, "QuerySendDetails", params).json()
    return body


def accepting(our_side: OurSide) -> None:
    our_side.answer = lambda arrived: (200, '{"code":0,"msg":"接收成功"}')


def test_the_signature_agrees_with_the_published_example() -> None:
    # 《V3 版本请求体&签名机制》: the fixed-parameter example of Aliyun's own page (RunInstances).
    headers = {
        "host": "ecs.cn-shanghai.aliyuncs.com",
        "x-acs-action": "RunInstances",
        "x-acs-content-sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "x-acs-date": "2023-10-26T10:22:32Z",
        "x-acs-signature-nonce": "3156853299f313e23d1673dc12e1703d",
        "x-acs-version": "2014-05-26",
    }
    query_string = "ImageId=win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd&RegionId=cn-shanghai"
    canonical = canonical_request("POST", "/", query_string, headers, sorted(headers))
    assert signature("YourAccessKeySecret", canonical) == (
        "06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
    )


def test_an_sms_is_accepted_read_and_reported(sandbox: Sandbox, our_side: OurSide) -> None:
    accepting(our_side)
    phone = invent_mobile(rng)
    sent = send(sandbox, phone)
    assert (sent["Code"], sent["Message"]) == ("OK", "OK")
    entry = sandbox.ledger("sms_aliyun")[-1]
    assert (entry["operation"], entry["our_ref"], entry["to"]) == ("SendSms", "notice-1", phone)
    assert (entry["text"], entry["outcome"]) == ("【奉化公安】您申请的居住证已受理，编号2026-0001。", "accepted")
    (report,) = json.loads(until(lambda: our_side.at(RECEIPTS))[0].body)
    assert (report["phone_number"], report["out_id"], report["biz_id"]) == (phone, "notice-1", sent["BizId"])
    assert (report["success"], report["err_code"], report["sms_size"]) == (True, "DELIVERED", "1")
    assert set(report) >= {"send_time", "report_time", "err_msg"}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"PhoneNumbers": "12345"}, "isv.MOBILE_NUMBER_ILLEGAL"),
        ({"PhoneNumbers": ",".join(["13800000000"] * 1001)}, "isv.MOBILE_COUNT_OVER_LIMIT"),
        ({"SignName": "别的单位"}, "isv.SMS_SIGNATURE_ILLEGAL"),
        ({"TemplateCode": "SMS_404"}, "isv.SMS_TEMPLATE_ILLEGAL"),
        ({"TemplateParam": '{"item": "居住证"}'}, "isv.TEMPLATE_MISSING_PARAMETERS"),
        ({"TemplateParam": '{"item": 1, "state": "a", "number": "b"}'}, "isv.INVALID_JSON_PARAM"),
        ({"TemplateParam": json.dumps({"item": "长" * 36, "state": "a", "number": "b"})}, "isv.PARAM_LENGTH_LIMIT"),
        ({"TemplateParam": '{"item": "http://a.b", "state": "a", "number": "b"}'}, "isv.PARAM_NOT_SUPPORT_URL"),
        ({"TemplateParam": '{"item": "【x】", "state": "a", "number": "b"}'}, "isv.SMS_CONTENT_ILLEGAL"),
    ],
)
def test_a_business_refusal_is_http_200_with_a_code(sandbox: Sandbox, change: dict[str, str], code: str) -> None:
    refused = send(sandbox, invent_mobile(rng), **change)
    assert refused["Code"] == code
    assert "BizId" not in refused
    assert sandbox.ledger("sms_aliyun")[-1]["outcome"] == code


def test_codes_are_limited_by_the_minute_and_notices_by_the_day(sandbox: Sandbox, our_side: OurSide) -> None:
    accepting(our_side)
    phone, code = invent_mobile(rng), {"TemplateCode": "SMS_2", "TemplateParam": '{"code": "123456"}'}
    # Two in a row may fall on both sides of a full minute, three may not.
    codes = [send(sandbox, phone, **code) for _ in range(3)]
    assert codes[0]["Code"] == "OK"
    assert codes[2]["Code"] == "isv.BUSINESS_LIMIT_CONTROL"
    assert codes[2]["Message"] == "触发分钟级流控Permits:1"
    sandbox.put(f"whitelist/sms_aliyun/{phone}", {})
    assert send(sandbox, phone, **code)["Code"] == "OK"
    other = invent_mobile(rng)
    notices = [send(sandbox, other)["Code"] for _ in range(51)]
    assert notices == ["OK"] * 50 + ["isv.BUSINESS_LIMIT_CONTROL"]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"secret": "wrong"}, 400, "SignatureDoesNotMatch"),
        ({"x_acs_date": "2020-01-01T00:00:00Z"}, 400, "InvalidTimeStamp.Expired"),
        ({"x_acs_date": "yesterday"}, 400, "InvalidTimeStamp.Format"),
        ({"x_acs_version": "2016-01-01"}, 404, "InvalidVersion"),
        ({"x_acs_content_sha256": "0" * 64}, 400, "ContentHashNotMatch"),
    ],
)
def test_what_is_not_rightly_signed_is_not_let_in(
    sandbox: Sandbox, change: dict[str, str], status: int, code: str
) -> None:
    answer = aliyun_call(sandbox, "SendSms", {"PhoneNumbers": "13800000000"}, **change)
    assert (answer.status_code, answer.json()["Code"]) == (status, code)
    assert set(answer.json()) >= {"Code", "Message", "RequestId", "HostId"}
    assert sandbox.ledger("sms_aliyun")[-1]["outcome"] == code


def test_a_nonce_serves_once(sandbox: Sandbox) -> None:
    params = {"PhoneNumber": "13800000000", "SendDate": "20000101", "PageSize": "1", "CurrentPage": "1"}
    first = aliyun_call(sandbox, "QuerySendDetails", params, x_acs_signature_nonce="nonce-of-this-test")
    again = aliyun_call(sandbox, "QuerySendDetails", params, x_acs_signature_nonce="nonce-of-this-test")
    assert first.json()["Code"] == "isv.INVALID_PARAMETERS", "only the last 30 days can be asked for"
    assert (again.status_code, again.json()["Code"]) == (400, "SignatureNonceUsed")
    assert aliyun_call(sandbox, "SendNothing", params).json()["Code"] == "InvalidAction.NotFound"


def test_records_appear_late_in_pages_with_our_reference(sandbox: Sandbox, our_side: OurSide) -> None:
    accepting(our_side)
    phone = invent_mobile(rng)
    for number in range(3):
        send(sandbox, phone, OutId=f"notice-{number}")
    assert query(sandbox, phone)["TotalCount"] == "0"
    until(lambda: query(sandbox, phone)["TotalCount"] == "3")
    pages = [query(sandbox, phone, PageSize="2", CurrentPage=str(page)) for page in (1, 2)]
    found = [one for page in pages for one in page["SmsSendDetailDTOs"]["SmsSendDetailDTO"]]
    assert [one["OutId"] for one in found] == ["notice-2", "notice-1", "notice-0"]
    assert {one["SendStatus"] for one in found} == {3}
    assert query(sandbox, phone, PageSize="51")["Code"] == "isv.INVALID_PARAMETERS"


def test_a_lost_answer_can_be_settled_by_asking(sandbox: Sandbox, our_side: OurSide) -> None:
    accepting(our_side)
    phone = invent_mobile(rng)
    sandbox.put("faults/sms_aliyun", {"mode": "accept_then_cut", "times": 1, "match_to": phone})
    with pytest.raises(OSError, match=r"abort|closed|reset|Remote"):
        send(sandbox, phone, OutId="lost")
    until(lambda: query(sandbox, phone)["TotalCount"] == "1")
    assert query(sandbox, phone)["SmsSendDetailDTOs"]["SmsSendDetailDTO"][0]["OutId"] == "lost"


def test_a_receipt_that_is_not_taken_comes_again_and_then_never(sandbox: Sandbox, our_side: OurSide) -> None:
    phone = invent_mobile(rng)
    our_side.answer = lambda arrived: (200, "thanks")
    send(sandbox, phone)
    until(lambda: len(our_side.at(RECEIPTS)) == 4)
    until(lambda: sandbox.http.get(f"{sandbox.url}/_control/outgoing").json()["waiting"] == 0)
    assert len(our_side.at(RECEIPTS)) == 4
    assert len({one.body for one in our_side.at(RECEIPTS)}) == 1


def test_receipts_can_come_twice_failed_and_in_reverse(sandbox: Sandbox, our_side: OurSide) -> None:
    accepting(our_side)

    def reports() -> list[dict[str, Any]]:
        return [json.loads(one.body)[0] for one in our_side.at(RECEIPTS)]

    sandbox.put("faults/sms_aliyun", {"mode": "duplicate_receipts", "times": 1})
    send(sandbox, invent_mobile(rng), OutId="twice")
    until(lambda: [one["out_id"] for one in reports()] == ["twice", "twice"])
    sandbox.put("faults/sms_aliyun", {"mode": "reorder_receipts", "times": 3, "delay_s": 0.4})
    our_side.arrived.clear()
    for name in ("first", "second", "third"):
        send(sandbox, invent_mobile(rng), OutId=name)
    until(lambda: [one["out_id"] for one in reports()] == ["third", "second", "first"])
    our_side.arrived.clear()
    dead = invent_mobile(rng)
    sandbox.put(f"phones/{dead}", {"report": "failed", "err_code": "UNDELIVERED"})
    send(sandbox, dead)
    report = until(reports)[0]
    assert (report["success"], report["err_code"]) == (False, "UNDELIVERED")


def test_a_receipt_that_was_not_delivered_yet_outlives_a_kill(
    own_pair: tuple[Callable[..., Sandbox], OurSide],
) -> None:
    make, side = own_pair
    box = make(SANDBOX_RECEIPT_DELAY_S="2")
    side.answer = lambda arrived: (200, '{"code":0,"msg":"接收成功"}')
    send(box, "13800000000", OutId="kept")
    box.stop(signal.SIGKILL)
    assert not side.at(RECEIPTS)
    box.start()
    (report,) = json.loads(until(lambda: side.at(RECEIPTS))[0].body)
    assert report["out_id"] == "kept"
    until(lambda: box.http.get(f"{box.url}/_control/outgoing").json()["waiting"] == 0)
