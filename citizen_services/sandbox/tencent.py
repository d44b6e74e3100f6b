"""Tencent SMS (v20210111): SendSms, PullSmsSendStatusByPhoneNumber, and the callback of statuses.

Imitates cloud.tencent.com 382/55981 (SendSms), 382/55976 (statuses by number), 382/59178 (callback), 382/59177 (codes),
382/39023 (templates). A refusal is HTTP 200: of the request as ``Response.Error``, of one number as its ``Code``. No
idempotency: the same request again is a second SMS. Statuses exist once the carrier has reported, and bear our
``SessionContext`` only where that was switched on (``PUT settings/sms_tencent``); by default it is empty. A callback
that isn't taken comes twice more, then never.
"""

from __future__ import annotations

import json
import re
import secrets
from datetime import datetime
from typing import Any

import requests
from flask import Blueprint, Response, request

from citizen_services.sandbox.outgoing import Channel
from citizen_services.sandbox.signed import CHINA
from citizen_services.sandbox.tencent_sign import ApiError, verify
from citizen_services.sandbox.world import Answer, Call, Voice, World

PARTNER = "sms_tencent"
VERSION = "2021-01-11"
REGIONS = ("ap-beijing", "ap-guangzhou", "ap-nanjing")
CALLBACK_WITHIN_S = 5.0
#: Twice more; how long Tencent waits is not documented.
PAUSES_MIN = (1, 5)
PULL_DAYS = 7
MOST_NUMBERS, MOST_CONTENT, MOST_CONTEXT = 200, 500, 512
#: What an enterprise's account may be given instead of the six characters that it begins with.
MOST_VARIABLE = 35
PER_DAY, APART_S = 10, 30
TABLE = "tencent_sms"
_PHONE = re.compile(r"\+86(1[3-9]\d{9})")
_VARIABLE = re.compile(r"\{([1-9]\d?)\}")
_URL = re.compile(r"https?://|www\.", re.IGNORECASE)


class NumberRefused(Exception):
    """One number is refused: its ``Code`` and ``Message``."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def _json(response: dict[str, Any], status: int = 200) -> Response:
    # Without a charset, as Tencent does: its own SDK reads errors in no other answer.
    body = json.dumps({"Response": {**response, "RequestId": secrets.token_hex(16)}}, ensure_ascii=False)
    return Response(body, status, content_type="application/json")


def _taken(answer: requests.Response) -> bool:
    """A callback counts as taken by ``result`` 0."""
    try:
        body = answer.json()
    except ValueError:
        return False
    return answer.status_code == 200 and isinstance(body, dict) and body.get("result") == 0


def _texts(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ApiError("InvalidParameter", "Each value must be a string.")
    return value


class TencentDesk:
    """The SMS that were accepted, and their statuses."""

    def __init__(self, world: World) -> None:
        self._world = world
        config = world.config
        world.outgoing.register(
            Channel(
                partner=PARTNER,
                url=f"{config.public_base_url}/receipts/{PARTNER}/{config.tencent_receipt_token}",
                prepare=lambda payload: (
                    json.dumps([payload["status"]], ensure_ascii=False).encode(),
                    {"Content-Type": "application/json"},
                ),
                accepted=_taken,
                pauses_s=tuple(minutes * 60 / config.speed for minutes in PAUSES_MIN),
                timeout_s=CALLBACK_WITHIN_S,
            )
        )

    def send(self, fields: dict[str, Any]) -> list[dict[str, Any]]:
        """``SendSms``: the SendStatusSet, an entry for each number; raises ApiError."""
        for name in ("PhoneNumberSet", "SmsSdkAppId", "TemplateId"):
            if not fields.get(name):
                raise ApiError("MissingParameter", f"The request is missing a required parameter `{name}`.")
        phones, values = _texts(fields["PhoneNumberSet"]), _texts(fields.get("TemplateParamSet", []))
        context = fields.get("SessionContext", "")
        if not isinstance(context, str) or len(context.encode()) >= MOST_CONTEXT:
            raise ApiError("InvalidParameterValue", "SessionContext must have less than 512 bytes.")
        if fields["SmsSdkAppId"] != self._world.config.tencent_sdk_app_id:
            raise ApiError("UnauthorizedOperation.SmsSdkAppIdVerifyFail", "SmsSdkAppId 校验失败")
        if len(phones) > MOST_NUMBERS:
            raise ApiError("LimitExceeded.PhoneNumberCountLimit", "群发单次最多200个手机号")
        sign, template = fields.get("SignName", ""), fields["TemplateId"]
        return [self._send_one(phone, sign, template, values, context) for phone in phones]

    def _send_one(self, phone: str, sign: Any, template: Any, values: list[str], context: str) -> dict[str, Any]:
        status = {"PhoneNumber": phone, "SessionContext": context, "IsoCode": "CN", "SerialNo": "", "Fee": 0}
        try:
            number = _PHONE.fullmatch(phone)
            if number is None:
                raise NumberRefused("InvalidParameterValue.IncorrectPhoneNumber", "手机号格式错误")
            text = self.text_of(sign, template, values)
            self._count(number[1], text)
        except NumberRefused as refused:
            return {**status, "Code": refused.code, "Message": refused.message}
        serial = self._keep(number[1], text, template, context)
        return {**status, "SerialNo": serial, "Fee": 1, "Code": "Ok", "Message": "send success"}

    def text_of(self, sign: Any, template: Any, values: list[str]) -> str:
        """The SMS as the citizen reads it (【signature】content); raises NumberRefused."""
        if not sign or sign != self._world.config.tencent_sign_name:
            raise NumberRefused("FailedOperation.SignatureIncorrectOrUnapproved", "签名未审批或格式错误")
        known = self._world.state.get(f"templates:{PARTNER}", str(template))
        if known is None:
            raise NumberRefused("FailedOperation.TemplateUnapprovedOrNotExist", "模板未审批或不存在")
        if len(_VARIABLE.findall(known["text"])) != len(values):
            raise NumberRefused(
                "FailedOperation.TemplateParamSetNotMatchApprovedTemplate", "请求内容与审核通过的模板内容不匹配"
            )
        for value in values:
            if not 1 <= len(value) <= MOST_VARIABLE:
                raise NumberRefused("InvalidParameterValue.TemplateParameterLengthLimit", "模板变量超过规定的长度限制")
            if _URL.search(value):
                raise NumberRefused(
                    "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter", "模板变量中不允许使用 URL"
                )
        content = _VARIABLE.sub(lambda match: values[int(match[1]) - 1], known["text"])
        text = f"【{sign}】{content}"
        if len(text) > MOST_CONTENT:
            raise NumberRefused("InvalidParameterValue.ContentLengthLimit", "短信内容过长")
        return text

    def _count(self, phone: str, text: str) -> None:
        """One number: the same text once in thirty seconds, ten a calendar day."""
        now = self._world.now()
        midnight = datetime.fromtimestamp(now, CHINA).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
        sent = [sms for sms in self._world.state.rows(TABLE).values() if sms["phone"] == phone]
        if any(sms["text"] == text and now - sms["at"] < APART_S for sms in sent):
            raise NumberRefused("LimitExceeded.PhoneNumberThirtySecondLimit", "30秒内相同内容下发条数超过上限")
        if sum(sms["at"] >= midnight for sms in sent) >= PER_DAY:
            raise NumberRefused("LimitExceeded.PhoneNumberDailyLimit", "单个手机号日下发短信条数超过设定的上限")

    def _keep(self, phone: str, text: str, template: Any, context: str) -> str:
        world, now = self._world, self._world.now()
        fate = world.state.get("phones", phone) or {"report": "delivered", "err_code": ""}
        delivered = fate["report"] == "delivered"
        serial = f"5000:{secrets.randbelow(10**18):018d}{int(now)}"
        reported_at = None if fate["report"] == "none" else now + world.config.receipt_delay_s
        sms = {
            "phone": phone, "text": text, "template": template, "context": context, "serial": serial, "at": now,
            "reported_at": reported_at, "delivered": delivered,
            "errmsg": "DELIVRD" if delivered else fate["err_code"],
        }  # fmt: skip
        world.state.put(TABLE, str(world.state.next_number(TABLE)), sms)
        if reported_at is not None:
            status = {
                "user_receive_time": datetime.fromtimestamp(reported_at, CHINA).strftime("%Y-%m-%d %H:%M:%S"),
                "nationcode": "86",
                "mobile": phone,
                "report_status": "SUCCESS" if delivered else "FAIL",
                "errmsg": sms["errmsg"],
                "description": "用户短信送达成功" if delivered else "用户短信接收失败",
                "sid": serial,
            } | ({"ext": context} if self._tells_context() else {})
            world.outgoing.schedule(PARTNER, phone, {"status": status}, world.config.receipt_delay_s)
        return serial

    def _tells_context(self) -> bool:
        return bool((self._world.state.get("settings", PARTNER) or {}).get("session_context"))

    def pull(self, fields: dict[str, Any]) -> list[dict[str, Any]]:
        """``PullSmsSendStatusByPhoneNumber``: what carriers reported of one number, newest first; raises ApiError."""
        for name in ("BeginTime", "Offset", "Limit", "PhoneNumber", "SmsSdkAppId"):
            if fields.get(name) is None:
                raise ApiError("MissingParameter", f"The request is missing a required parameter `{name}`.")
        begin, end, now = fields["BeginTime"], fields.get("EndTime", self._world.now()), self._world.now()
        if fields["SmsSdkAppId"] != self._world.config.tencent_sdk_app_id:
            raise ApiError("UnauthorizedOperation.SmsSdkAppIdVerifyFail", "SmsSdkAppId 校验失败")
        whole = all(isinstance(fields[name], int) for name in ("BeginTime", "Offset", "Limit"))
        if not whole or fields["Offset"] != 0 or not 1 <= fields["Limit"] <= 100:
            raise ApiError("InvalidParameterValue", "Offset must be 0, Limit 1 to 100.")
        if now - begin > PULL_DAYS * 86400:
            raise ApiError("InvalidParameterValue.BeginTimeVerifyFail", "拉取起始时间最早为7天前")
        number = _PHONE.fullmatch(str(fields["PhoneNumber"]))
        if number is None:
            raise ApiError("InvalidParameterValue.IncorrectPhoneNumber", "手机号格式错误")
        return [
            {
                "UserReceiveTime": int(sms["reported_at"]),
                "CountryCode": "86",
                "SubscriberNumber": sms["phone"],
                "PhoneNumber": f"+86{sms['phone']}",
                "SerialNo": sms["serial"],
                "ReportStatus": "SUCCESS" if sms["delivered"] else "FAIL",
                "Description": sms["errmsg"],
                "SessionContext": sms["context"] if self._tells_context() else "",
            }
            for sms in reversed(self._world.state.rows(TABLE).values())
            if sms["phone"] == number[1]
            and begin <= sms["at"] <= end
            and sms["reported_at"] is not None
            and sms["reported_at"] <= now
        ][: fields["Limit"]]


def blueprint(world: World) -> Blueprint:
    """``/sms_tencent/``, the endpoint's ``/``."""
    routes = Blueprint("sms_tencent", __name__)
    desk = TencentDesk(world)

    def error(code: str, message: str) -> Answer:
        return Answer(_json({"Error": {"Code": code, "Message": message}}), code)

    def refused(call: Call, code: str | None) -> Answer:
        code = code or "InvalidParameterValue.IncorrectPhoneNumber"
        if call.operation != "SendSms" or code.startswith(("AuthFailure", "UnauthorizedOperation", "RequestLimit")):
            return error(code, "请求被拒绝")
        status = {"PhoneNumber": f"+86{call.to}", "SerialNo": "", "Fee": 0, "SessionContext": call.our_ref}
        return Answer(_json({"SendStatusSet": [{**status, "Code": code, "Message": "", "IsoCode": "CN"}]}), code)

    voice = Voice(
        refused,
        lambda call: error("AuthFailure.SignatureExpire", "The provided credentials have expired."),
        lambda: Response("<html>Internal Server Error</html>", 500, content_type="text/html"),
    )

    def let_in(raw: bytes) -> dict[str, Any]:
        headers = {name.lower(): value for name, value in request.headers.items()}
        config = world.config
        verify(
            request.method, request.query_string.decode("latin-1"), headers, raw,
            key_id=config.tencent_secret_id, secret=config.tencent_secret_key, now=world.now(),
        )  # fmt: skip
        if headers["x-tc-version"] != VERSION:
            raise ApiError("NoSuchVersion", "The requested version does not exist.")
        if headers.get("x-tc-region") not in REGIONS:
            raise ApiError("UnsupportedRegion", "API does not support the requested region.")
        fields = readable(raw)
        if not fields:
            raise ApiError("InvalidParameter", "The body is not a JSON object.")
        return fields

    def readable(raw: bytes) -> dict[str, Any]:
        try:
            fields = json.loads(raw)
        except ValueError:
            return {}
        return fields if isinstance(fields, dict) else {}

    @routes.route("/sms_tencent/", methods=["GET", "POST"])
    def endpoint() -> Response:
        raw = request.get_data()
        action = request.headers.get("X-TC-Action", "")

        def act() -> Answer:
            try:
                fields = let_in(raw)
                if action == "SendSms":
                    statuses = desk.send(fields)
                    codes = {status["Code"] for status in statuses}
                    outcome = "accepted" if codes == {"Ok"} else ",".join(sorted(codes))
                    detail = {"serial": statuses[0]["SerialNo"], "template": fields["TemplateId"]}
                    return Answer(_json({"SendStatusSet": statuses}), outcome, detail)
                if action == "PullSmsSendStatusByPhoneNumber":
                    return Answer(_json({"PullSmsSendStatusSet": desk.pull(fields)}), "ok")
                if action == "PullSmsSendStatus":
                    raise ApiError("UnauthorizedOperation", "拉取短信状态需联系腾讯云开通后使用")
                raise ApiError("InvalidAction", "The request Action is invalid.")
            except ApiError as fault:
                return error(fault.code, fault.message)

        fields = readable(raw)
        numbers = fields.get("PhoneNumberSet") or [fields.get("PhoneNumber")]
        to = str(numbers[0] or "").removeprefix("+86") if isinstance(numbers, list) else ""
        return world.take(Call(PARTNER, action, str(fields.get("SessionContext") or ""), to, words(fields)), act, voice)

    def words(fields: dict[str, Any]) -> str:
        try:
            return desk.text_of(
                fields.get("SignName"), fields.get("TemplateId"), _texts(fields.get("TemplateParamSet", []))
            )
        except (NumberRefused, ApiError):
            return ""

    return routes
