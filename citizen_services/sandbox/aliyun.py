"""Aliyun SMS (Dysmsapi 2017-05-25): SendSms, QuerySendDetails, and the SmsReport pushes.

Imitates help.aliyun.com 419273 (SendSms), 419277 (QuerySendDetails), 101867 (SmsReport), 101346 (error codes). A
business refusal is HTTP 200 with `Code`; only what concerns the signature has another status. No idempotency: the
same request again is a second SMS. A receipt that isn't taken within 700 ms comes again after 1, 5 and 10 minutes,
then never.
"""

from __future__ import annotations

import json
import secrets
import threading
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import requests
from flask import Blueprint, Response, request

from citizen_services.sandbox.aliyun_rules import SmsRefused, count_against_limits, parts_of, phones_of, text_of
from citizen_services.sandbox.aliyun_sign import CLOCK_S, SignatureError, verify
from citizen_services.sandbox.outgoing import Channel
from citizen_services.sandbox.signed import CHINA
from citizen_services.sandbox.world import Answer, Call, Voice, World

PARTNER = "sms_aliyun"
VERSION = "2017-05-25"
RECEIPT_WITHIN_S = 0.7
PAUSES_MIN = (1, 5, 10)
QUERY_DAYS = 30


def _json(body: dict[str, Any], status: int = 200) -> Response:
    return Response(json.dumps(body, ensure_ascii=False), status, content_type="application/json;charset=utf-8")


def _request_id() -> str:
    raw = secrets.token_hex(16).upper()
    return f"{raw[:8]}-{raw[8:12]}-{raw[12:16]}-{raw[16:20]}-{raw[20:]}"


def _taken(answer: requests.Response) -> bool:
    """A receipt counts as taken by HTTP 200 and a number in `code`; nothing else of the answer is read."""
    try:
        body = answer.json()
    except ValueError:
        return False
    return answer.status_code == 200 and isinstance(body, dict) and isinstance(body.get("code"), int)


class SmsDesk:
    """The SMS that were accepted, and their receipts."""

    def __init__(self, world: World) -> None:
        self._world = world
        config = world.config
        world.outgoing.register(
            Channel(
                partner=PARTNER,
                url=f"{config.public_base_url}/receipts/{PARTNER}/{config.sms_receipt_token}",
                prepare=lambda payload: (
                    json.dumps([payload["report"]], ensure_ascii=False).encode(),
                    {"Content-Type": "application/json;charset=utf-8"},
                ),
                accepted=_taken,
                pauses_s=tuple(minutes * 60 / config.speed for minutes in PAUSES_MIN),
                timeout_s=RECEIPT_WITHIN_S,
            )
        )

    def send(self, params: dict[str, str]) -> dict[str, Any]:
        """`SendSms`: accept and schedule the receipts, or raise SmsRefused. Returns the answer's body."""
        for name in ("PhoneNumbers", "SignName", "TemplateCode"):
            if not params.get(name):
                raise SignatureError(400, f"Missing{name}", f"{name} is mandatory for this action.")
        out_id = params.get("OutId", "")
        if len(out_id) > 255:
            raise SmsRefused("isv.INVALID_PARAMETERS", "OutId 超出长度限制")
        phones = phones_of(params["PhoneNumbers"])
        text = text_of(self._world, params["SignName"], params["TemplateCode"], params.get("TemplateParam", ""))
        count_against_limits(self._world, params["SignName"], params["TemplateCode"], phones)
        now = self._world.now()
        biz_id = f"{int(now * 1000)}{secrets.randbelow(10**5):05d}^0"
        for phone in phones:
            self._keep(phone, text, params["TemplateCode"], out_id, biz_id, now)
        return {"Code": "OK", "Message": "OK", "RequestId": _request_id(), "BizId": biz_id}

    def _keep(self, phone: str, text: str, template_code: str, out_id: str, biz_id: str, now: float) -> None:
        world = self._world
        fate = world.state.get("phones", phone) or {"report": "delivered", "err_code": ""}
        delivered = fate["report"] == "delivered"
        sms: dict[str, Any] = {
            "phone": phone,
            "text": text,
            "template": template_code,
            "out_id": out_id,
            "biz_id": biz_id,
            "at": now,
            "reported_at": None if fate["report"] == "none" else now + world.config.receipt_delay_s,
            "err_code": "DELIVERED" if delivered else fate["err_code"],
        }
        world.state.put("sms", str(world.state.next_number("sms")), sms)
        if sms["reported_at"] is None:
            return
        report = {
            "phone_number": phone,
            "send_time": _clock(now),
            "report_time": _clock(sms["reported_at"]),
            "success": delivered,
            "err_code": sms["err_code"],
            "err_msg": "用户接收成功" if delivered else "接收失败",
            "sms_size": str(parts_of(text)),
            "biz_id": biz_id,
            "out_id": out_id,
        }
        world.outgoing.schedule(PARTNER, phone, {"report": report}, world.config.receipt_delay_s)

    def query(self, params: dict[str, str]) -> dict[str, Any]:
        """`QuerySendDetails` of one number and day, newest first. What was just sent doesn't appear at once."""
        for name in ("PhoneNumber", "SendDate", "PageSize", "CurrentPage"):
            if not params.get(name):
                raise SignatureError(400, f"Missing{name}", f"{name} is mandatory for this action.")
        now = self._world.now()
        try:
            day = datetime.strptime(params["SendDate"], "%Y%m%d").replace(tzinfo=CHINA)
            size, page = int(params["PageSize"]), int(params["CurrentPage"])
            if not 1 <= size <= 50 or page < 1:
                raise ValueError("page")
            if not day <= datetime.fromtimestamp(now, CHINA) < day + timedelta(days=QUERY_DAYS + 1):
                raise ValueError("day")
        except ValueError:
            raise SmsRefused("isv.INVALID_PARAMETERS", "参数异常") from None
        (phone,) = phones_of(params["PhoneNumber"])
        begin, biz_id = day.timestamp(), params.get("BizId")
        found = [
            sms
            for sms in reversed(self._world.state.rows("sms").values())
            if sms["phone"] == phone
            and begin <= sms["at"] < begin + 86400
            and now - sms["at"] >= self._world.config.query_delay_s
            and (not biz_id or sms["biz_id"] == biz_id)
        ]
        shown = [self._detail(sms, now) for sms in found[(page - 1) * size : page * size]]
        return {
            "Code": "OK",
            "Message": "OK",
            "RequestId": _request_id(),
            "TotalCount": str(len(found)),
            "SmsSendDetailDTOs": {"SmsSendDetailDTO": shown},
        }

    @staticmethod
    def _detail(sms: dict[str, Any], now: float) -> dict[str, Any]:
        reported = sms["reported_at"] is not None and now >= sms["reported_at"]
        detail = {
            "PhoneNum": sms["phone"],
            "SendStatus": (3 if sms["err_code"] == "DELIVERED" else 2) if reported else 1,
            "ErrCode": sms["err_code"] if reported else "",
            "TemplateCode": sms["template"],
            "Content": sms["text"],
            "SendDate": _clock(sms["at"]),
            "OutId": sms["out_id"],
        }
        return detail | ({"ReceiveDate": _clock(sms["reported_at"])} if reported else {})


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, CHINA).strftime("%Y-%m-%d %H:%M:%S")


def blueprint(world: World) -> Blueprint:
    """`/sms_aliyun/`, the endpoint's `/`."""
    routes = Blueprint("sms_aliyun", __name__)
    desk = SmsDesk(world)
    nonces: dict[str, float] = {}
    nonce_lock = threading.Lock()

    def rejected(error: SignatureError) -> Answer:
        body = {
            "RequestId": _request_id(),
            "HostId": request.host,
            "Code": error.code,
            "Message": error.message,
            "Recommend": f"https://api.aliyun.com/troubleshoot?q={error.code}",
        }
        return Answer(_json(body, error.status), error.code)

    def refusal(code: str, message: str) -> Answer:
        return Answer(_json({"Code": code, "Message": message, "RequestId": _request_id()}), code)

    voice = Voice(
        lambda call, code: refusal(code or "isv.MOBILE_NUMBER_ILLEGAL", "非法手机号"),
        lambda call: rejected(
            SignatureError(400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.")
        ),
        lambda: _json(
            {"RequestId": _request_id(), "HostId": request.host, "Code": "ServiceUnavailable", "Message": ""}, 503
        ),
    )

    def let_in(raw_body: bytes) -> None:
        headers = {name.lower(): value for name, value in request.headers.items()}
        raw = str(request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI") or request.full_path)
        path, _, query = raw.partition("?")
        config, now = world.config, world.now()
        verify(
            method=request.method,
            path=path,
            query=query,
            headers=headers,
            body=raw_body,
            key_id=config.sms_access_key_id,
            secret=config.sms_access_key_secret,
            now=now,
        )
        nonce = headers["x-acs-signature-nonce"]
        with nonce_lock:
            for old in [text for text, at in nonces.items() if now - at > 2 * CLOCK_S]:
                del nonces[old]
            if nonce in nonces:
                raise SignatureError(400, "SignatureNonceUsed", "Specified signature nonce was used already.")
            nonces[nonce] = now
        if headers["x-acs-version"] != VERSION:
            raise SignatureError(404, "InvalidVersion", "Specified parameter Version is not valid.")

    @routes.route("/sms_aliyun", methods=["GET", "POST"], strict_slashes=False)
    @routes.route("/sms_aliyun/", methods=["GET", "POST"])
    def endpoint() -> Response:
        raw_body = request.get_data()
        params = request.args.to_dict()
        if request.mimetype == "application/x-www-form-urlencoded":
            params |= dict(parse_qsl(raw_body.decode("utf-8", "replace"), keep_blank_values=True))
        action = request.headers.get("x-acs-action", "")

        def act() -> Answer:
            try:
                let_in(raw_body)
                if action == "SendSms":
                    body = desk.send(params)
                    return Answer(
                        _json(body), "accepted", {"biz_id": body["BizId"], "template": params["TemplateCode"]}
                    )
                if action == "QuerySendDetails":
                    return Answer(_json(desk.query(params)), "ok")
                raise SignatureError(404, "InvalidAction.NotFound", "Specified api is not found.")
            except SignatureError as error:
                return rejected(error)
            except SmsRefused as error:
                return refusal(error.code, error.message)

        to = params.get("PhoneNumbers") or params.get("PhoneNumber") or ""
        return world.take(Call(PARTNER, action, params.get("OutId", ""), to, readable(params)), act, voice)

    def readable(params: dict[str, str]) -> str:
        try:
            return text_of(
                world, params.get("SignName", ""), params.get("TemplateCode", ""), params.get("TemplateParam", "")
            )
        except SmsRefused:
            return params.get("TemplateParam", "")

    return routes
