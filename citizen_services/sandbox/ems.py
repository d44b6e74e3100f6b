"""China Post's interface for contract customers: 020003, 020006, 010004, 040001, and the push 040002.

Imitates 《中小电商企业接口规范 V2.7》 (api.ems.com.cn) as five public clients use it; its text needs a login. Success
is `retCode` 00000 with `retBody` a string of JSON. No other retCode is public: those below are ours, so that a client
may only tell success from the rest. What a repeated logisticsOrderNo does is not known either, hence a switch:
the same number (default), a refusal, or a second number.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import requests
from flask import Blueprint, Response, request

from citizen_services.rules.tracking import make_number
from citizen_services.sandbox.ems_crypto import CipherError, seal, unseal
from citizen_services.sandbox.ems_label import SIZES, label_pdf
from citizen_services.sandbox.outgoing import Channel
from citizen_services.sandbox.signed import CHINA
from citizen_services.sandbox.world import Answer, Call, Voice, World

PARTNER = "ems"
PUSH_WITHIN_S = 5.0
PAUSES_MIN = (1, 5, 10)
PRODUCTS = ("1", "2", "3", "9", "10", "11")
#: Names of the codes that a domestic parcel meets (OLTS mapping of api.ems.com.cn, 2026-05-13).
OP_NAMES = {
    "203": "收寄计费信息",
    "207": "收寄删除",
    "208": "收寄交接",
    "305": "封车",
    "389": "离开处理中心",
    "954": "到达处理中心",
    "516": "到达寄达地",
    "713": "到达投递机构",
    "702": "投递邮件下段",
    "742": "下段撤销",
    "704": "妥投",
    "743": "妥投撤销",
    "705": "未妥投",
    "744": "未妥投撤销",
    "708": "退件登记",
    "711": "退回妥投",
    "723": "转窗投",
    "747": "投递到智能柜",
    "748": "收件人已取走",
    "749": "揽投员从智能柜取回",
    "801": "撤单",
    "013": "邮件拦截",
    "987": "邮件丢失",
}
_COLLECTED, _COLLECTION_DELETED = "203", "207"


class EmsError(Exception):
    """A refusal: retCode and retMsg."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, CHINA).strftime("%Y-%m-%d %H:%M:%S")


def _needed(body: dict[str, Any], name: str, longest: int = 200) -> str:
    value = body.get(name)
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not 1 <= len(text) <= longest:
        raise EmsError("B00003", f"{name} 不能为空或超长")
    return text


def _party(body: dict[str, Any], role: str) -> dict[str, str]:
    party = body.get(role)
    if not isinstance(party, dict):
        raise EmsError("B00003", f"{role} 不能为空")
    known = {name: str(party.get(name) or "") for name in ("postCode", "phone", "mobile")}
    if not known["phone"] and not known["mobile"]:
        raise EmsError("B00003", f"{role}.mobile 不能为空")
    return known | {name: _needed(party, name, 100) for name in ("name", "prov", "city", "county", "address")}


class EmsDesk:
    """The parcels, and the events that are pushed to us."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._state = world.state
        self._config = world.config
        config = world.config

        def taken(answer: requests.Response) -> bool:
            try:
                body = answer.json()
            except ValueError:
                return False
            return answer.status_code == 200 and isinstance(body, dict) and body.get("code") == "00000"

        world.outgoing.register(
            Channel(
                partner=PARTNER,
                url=f"{config.public_base_url}/receipts/{PARTNER}/{config.ems_receipt_token}",
                prepare=self._envelope,
                accepted=taken,
                pauses_s=tuple(minutes * 60 / config.speed for minutes in PAUSES_MIN),
                timeout_s=PUSH_WITHIN_S,
            )
        )

    def _envelope(self, payload: dict[str, Any]) -> tuple[bytes, dict[str, str]]:
        """The body of a push: the event's serial number stays the same at each try."""
        body = {
            "method": "040002",
            "senderNo": self._config.ems_sender_no,
            "serialNo": payload["serial"],
            "timeStamp": _clock(self._world.now()),
            "msgType": "0",
            "version": "v1.0.0",
            "logitcsInterface": seal(json.dumps(payload["event"], ensure_ascii=False), self._config.ems_sign_key),
        }
        return json.dumps(body).encode(), {"Content-Type": "application/json;charset=UTF-8"}

    def open_call(self, form: dict[str, str]) -> Any:
        """Check who calls and decrypt what it wants; raises EmsError."""
        config = self._config
        if not config.ems_sender_no or form.get("senderNo") != config.ems_sender_no:
            raise EmsError("B00001", "协议客户号不存在")
        if not secrets.compare_digest(form.get("authorization", "").encode(), config.ems_authorization.encode()):
            raise EmsError("B00001", "授权码错误")
        if form.get("version") != "V1.0.0" or form.get("msgType") != "0":
            raise EmsError("B00003", "version 或 msgType 错误")
        if not re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", form.get("timeStamp", "")):
            raise EmsError("B00003", "timeStamp 格式错误")
        try:
            return json.loads(unseal(form.get("logitcsInterface", ""), config.ems_sign_key))
        except (CipherError, ValueError, binascii.Error) as error:
            raise EmsError("B00002", "签名校验失败") from error

    # -- operations; each returns retBody

    def order(self, body: Any) -> tuple[dict[str, Any], str]:
        """020003: an array with one order. Returns retBody and the ledger's outcome (`accepted` or `repeated`)."""
        if not isinstance(body, list) or len(body) != 1 or not isinstance(body[0], dict):
            raise EmsError("B00003", "报文应为只含一个订单的数组")
        order = body[0]
        reference = _needed(order, "logisticsOrderNo", 50)
        for name in ("createdTime", "ecommerceUserId", "senderNo"):
            _needed(order, name, 50)
        if _needed(order, "contentsAttribute") not in ("1", "3") or _needed(order, "bizProductNo") not in PRODUCTS:
            raise EmsError("B00003", "contentsAttribute 或 bizProductNo 错误")
        sender, receiver = _party(order, "sender"), _party(order, "receiver")
        earlier: list[str] = self._state.get("ems_orders", reference) or []
        repeat = (self._state.get("settings", "ems") or {"repeat": "same"})["repeat"]
        if earlier and repeat == "same":
            return {"waybillNo": earlier[0]}, "repeated"
        if earlier and repeat == "error":
            raise EmsError("B00004", "物流订单号重复")
        waybill = str(order.get("waybillNo") or "") or self._new_number()
        parcel = {
            "waybillNo": waybill,
            "logisticsOrderNo": reference,
            "bizProductNo": str(order["bizProductNo"]),
            "pickupType": str(order.get("pickupType") or "0"),
            "sender": sender,
            "receiver": receiver,
            "at": self._world.now(),
            "cancelled": False,
            "events": [],
        }
        self._state.put("parcels", waybill, parcel)
        self._state.put("ems_orders", reference, [*earlier, waybill])
        return {"waybillNo": waybill}, "accepted"

    def _new_number(self) -> str:
        start = self._state.get("settings", "waybill_start")
        if start is None:
            # Somewhere else in every installation, so that a number of another one isn't taken for ours.
            start = secrets.randbelow(10**8)
            self._state.put("settings", "waybill_start", start)
        return make_number((start + self._state.next_number("waybill")) % 10**8)

    def parcel(self, waybill: str) -> dict[str, Any]:
        """Return a parcel or raise EmsError."""
        found = self._state.get("parcels", waybill)
        if found is None:
            raise EmsError("B00005", "运单不存在")
        return dict(found)

    def cancel(self, body: Any) -> dict[str, Any]:
        """020006: only before the collection."""
        parcel = self.parcel(_needed(body, "waybillNo"))
        _needed(body, "cancelReason")
        if parcel["logisticsOrderNo"] != _needed(body, "logisticsOrderNo"):
            raise EmsError("B00005", "物流订单号与运单号不一致")
        codes = [event["opCode"] for event in parcel["events"]]
        if codes.count(_COLLECTED) > codes.count(_COLLECTION_DELETED):
            raise EmsError("B00006", "邮件已收寄，不能撤单")
        if not parcel["cancelled"]:
            parcel["cancelled"] = True
            self._state.put("parcels", parcel["waybillNo"], parcel)
            self.add_event(parcel["waybillNo"], {"opCode": "801"})
        return {"waybillNo": parcel["waybillNo"]}

    def label(self, body: Any) -> str:
        """010004: an address of the PDF, or the PDF in Base64."""
        parcel, kind = self.parcel(_needed(body, "waybillNo")), _needed(body, "type")
        if kind not in SIZES:
            raise EmsError("B00003", "type 错误")
        if str(body.get("getURL")) != "1":
            return base64.b64encode(label_pdf(parcel, kind)).decode()
        key = secrets.token_urlsafe(24)
        self._state.put("ems_labels", key, {"waybillNo": parcel["waybillNo"], "type": kind})
        return f"{self._config.base_url}/ems/labels/{key}.pdf"

    def track(self, body: Any) -> dict[str, Any]:
        """040001: all events, oldest first, with the codes of delivery that the push leaves out."""
        return {"responseItems": self.parcel(_needed(body, "waybillNo"))["events"]}

    def add_event(self, waybill: str, body: dict[str, Any]) -> dict[str, Any]:
        """Add an event to a parcel and push it. KeyError for an unknown parcel, ValueError for a code that isn't one.

        The push leaves `deliverCode` and `attemptDeliveryCode` out as the known clients see it; `push_codes: true`
        puts them in, `push: false` keeps it back.
        """
        state = self._state
        code = str(body.get("opCode") or "")
        if not re.fullmatch(r"[0-9A-Z_]{2,8}", code):
            raise ValueError("opCode is missing")
        with state.lock:
            if state.get("parcels", waybill) is None:
                raise KeyError(waybill)
            parcel = dict(state.get("parcels", waybill))
            events = list(parcel["events"])
            event = {
                "waybillNo": waybill,
                "opTime": str(body.get("opTime") or self._next_time(events)),
                "opCode": code,
                "opName": str(body.get("opName") or OP_NAMES.get(code, "其他")),
                "opDesc": str(body.get("opDesc") or OP_NAMES.get(code, "其他")),
                "opOrgProvName": str(body.get("opOrgProvName") or "浙江省"),
                "opOrgCity": str(body.get("opOrgCity") or "宁波市"),
                "opOrgCode": str(body.get("opOrgCode") or "31550000"),
                "opOrgName": str(body.get("opOrgName") or "奉化区邮政分公司"),
                "operatorNo": str(body.get("operatorNo") or "31550001"),
                "operatorName": str(body.get("operatorName") or "揽投员"),
                "deliverCode": str(body.get("deliverCode") or ""),
                "attemptDeliveryCode": str(body.get("attemptDeliveryCode") or ""),
                "productName": "特快专递" if parcel["bizProductNo"] == "1" else "快递包裹",
            }
            parcel["events"] = [*events, event]
            state.put("parcels", waybill, parcel)
        if body.get("push", True):
            told = dict(event) | {"orderNo": parcel["logisticsOrderNo"]}
            if not body.get("push_codes"):
                del told["deliverCode"], told["attemptDeliveryCode"]
            self._world.outgoing.schedule(PARTNER, waybill, {"event": told, "serial": secrets.token_hex(16).upper()})
        return event

    def _next_time(self, events: list[dict[str, Any]]) -> str:
        """Now, but at least a second after the last event: two events of one parcel never share code and time."""
        now = datetime.fromtimestamp(self._world.now(), CHINA).replace(microsecond=0)
        last = max(
            (datetime.strptime(e["opTime"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA) for e in events), default=None
        )
        return _clock((now if last is None or now > last else last + timedelta(seconds=1)).timestamp())


def blueprint(world: World) -> Blueprint:
    """`/ems`, the platform's one address (also under its own path), and the labels."""
    routes = Blueprint("ems", __name__, url_prefix="/ems")
    desk = EmsDesk(world)
    world.doors["ems"] = desk

    def said(code: str, message: str, body: Any = "", outcome: str = "", **more: Any) -> Answer:
        answer = {
            "retCode": code,
            "retMsg": message,
            "retBody": body if isinstance(body, str) else json.dumps(body, ensure_ascii=False),
            "retDate": _clock(world.now()),
            "serialNo": secrets.token_hex(16),
            "success": code == "00000",
        }
        response = Response(json.dumps(answer, ensure_ascii=False), content_type="application/json;charset=UTF-8")
        return Answer(response, outcome or code, **more)

    voice = Voice(
        lambda call, code: said(code or "B00007", "业务拒绝"),
        lambda call: said("B00001", "授权码已过期"),
        lambda: Response("<html><body>500 Internal Server Error</body></html>", 500, content_type="text/html"),
    )

    def order(body: Any) -> Answer:
        placed, outcome = desk.order(body)
        receiver = body[0]["receiver"]
        address = "".join(str(receiver.get(name) or "") for name in ("prov", "city", "county", "address"))
        phone = receiver.get("mobile") or receiver.get("phone")
        text = f"运单 {placed['waybillNo']} 寄给 {receiver['name']} {phone} {address}"
        return said("00000", "成功", placed, outcome, detail=dict(placed), text=text)

    def about(body: Any, answer: Any) -> Answer:
        waybill = str(body.get("waybillNo"))
        return said("00000", "成功", answer, "ok", detail={"waybillNo": waybill}, text=f"运单 {waybill}")

    operations: dict[str, Callable[[Any], Answer]] = {
        "020003": order,
        "020006": lambda body: about(body, desk.cancel(body)),
        "010004": lambda body: about(body, desk.label(body)),
        "040001": lambda body: about(body, desk.track(body)),
    }

    def concerns(body: Any) -> tuple[str, str]:
        """Return our reference and the addressee of a decrypted call, as far as it tells."""
        first = body[0] if isinstance(body, list) and body else body
        if not isinstance(first, dict):
            return "", ""
        receiver = first.get("receiver")
        name = receiver.get("name") if isinstance(receiver, dict) else first.get("waybillNo")
        return str(first.get("logisticsOrderNo") or ""), str(name or "")

    @routes.post("", strict_slashes=False)
    @routes.post("/")
    @routes.post("/amp-prod-api/f/amp/api/<any(open, test):_stage>")
    def endpoint(_stage: str = "open") -> Response:
        form = request.form.to_dict()
        api_code = form.get("apiCode", "")
        body: Any = None
        problem: EmsError | None = None
        try:
            body = desk.open_call(form)
        except EmsError as error:
            problem = error

        def act() -> Answer:
            try:
                if problem:
                    raise problem
                if api_code not in operations:
                    raise EmsError("B00008", "apiCode 不存在")
                if api_code != "020003" and not isinstance(body, dict):
                    raise EmsError("B00003", "报文应为对象")
                return operations[api_code](body)
            except EmsError as error:
                return said(error.code, error.message)

        our_ref, to = concerns(body)
        return world.take(Call(PARTNER, api_code, our_ref, to), act, voice)

    @routes.get("/labels/<key>.pdf")
    def label(key: str) -> Response:
        row = world.state.get("ems_labels", key)
        if row is None:
            return Response("not found", 404, content_type="text/plain")
        return Response(label_pdf(desk.parcel(row["waybillNo"]), row["type"]), content_type="application/pdf")

    return routes
