"""WeChat Pay API v3, the merchant's side: JSAPI in WeChat's browser, H5 in a phone's, Native (a QR code) elsewhere.

Signing, verifying and opening callbacks are the library's (wechatpayv3); what goes over the wire goes by our caller, so
that waits end and a partner that fails is left alone. What the library leaves open is closed here: a callback's age, a
serial number that would make it fetch certificates, and answers whose signature it would not look at.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from wechatpayv3 import WeChatPay, WeChatPayType
from wechatpayv3.core import Core
from wechatpayv3.type import RequestType
from wechatpayv3.utils import build_authorization

from citizen_services.exchange.http import PAGE, Caller, Reply, new_ref
from citizen_services.exchange.outcomes import Refused
from citizen_services.exchange.payments import BillLine, Paid, Returned, Unpaid
from citizen_services.settings import Partner

PARTNER = "wechat_pay"
SIGNATURE_TYPE = "WECHATPAY2-SHA256-RSA2048"
#: Older or newer than this, a callback is a replay.
FRESH = timedelta(minutes=5)
_KINDS = {
    "wechat_jsapi": WeChatPayType.JSAPI,
    "wechat_native": WeChatPayType.NATIVE,
    "wechat_h5": WeChatPayType.H5,
}
_PREPAY = {"wechat_jsapi": "prepay_id", "wechat_native": "code_url", "wechat_h5": "h5_url"}
_UNPAID = {"NOTPAY": "open", "PAYERROR": "open", "USERPAYING": "busy", "CLOSED": "closed", "REVOKED": "closed"}
_RETURNED = {"PROCESSING": "processing", "SUCCESS": "done", "CLOSED": "closed", "ABNORMAL": "failed"}
#: Errors after which the same may work soon; those that a person of ours has to mend; all others stay so.
_NOW = {"SYSTEM_ERROR", "FREQUENCY_LIMITED", "RATELIMIT_EXCEEDED", "TRADE_ERROR", "BANK_ERROR"}
_OPERATOR = {"SIGN_ERROR", "NO_AUTH", "MCH_NOT_EXISTS", "APPID_MCHID_NOT_MATCH", "NOT_ENOUGH"}
_REF = re.compile(r"[0-9a-f]{32}")


class _Core(Core):
    """The library's core, with our way over the wire and every answer's signature looked at."""

    def __init__(self, caller: Caller, base_url: str, **keys: Any) -> None:
        super().__init__(**keys)
        self._caller, self._gate_way = caller, base_url

    def _update_certificates(self) -> None:
        """Fetch nothing: whoever sends a serial number that we don't know is not WeChat."""
        self._certificates: list[object] = []

    def request(
        self,
        path: str,
        method: RequestType = RequestType.GET,
        data: Any = None,
        skip_verify: bool = False,
        **_more: Any,
    ) -> tuple[int, Reply]:
        """Make one signed request. Gives the status and the reply; Uncertain where its signature is not WeChat's."""
        body = None if data is None else json.dumps(data)
        given = data or {}
        found = _REF.search(path) or _REF.search(given.get("out_refund_no") or given.get("out_trade_no") or "")
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "Wechatpay-Serial": self._public_key_id,
            "Authorization": build_authorization(
                path, method.value, self._mchid, self._cert_serial_no, self._private_key, data=body
            ),
        }
        reply = self._caller.send(
            "GET" if method == RequestType.GET else "POST",
            # The base may have a path of its own, which is not signed at the real one: it has none.
            self._gate_way + path,
            operation=_operation(path),
            ref=found[0] if found else new_ref(),
            patience=PAGE,
            headers=headers,
            body=None if body is None else body.encode(),
            limit=16 * 1024 * 1024 if skip_verify else 1024 * 1024,
        )
        if reply.status >= 500:
            raise reply.uncertain(f"HTTP {reply.status}")
        if 200 <= reply.status < 300 and not skip_verify and not self.is_genuine(reply.headers, reply.body):
            raise reply.uncertain("an answer without WeChat's signature")
        return reply.status, reply

    def is_genuine(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Whether WeChat signed these; asks the library only for what it decides without a call."""
        if headers.get("Wechatpay-Serial") != self._public_key_id:
            return False
        if headers.get("Wechatpay-Signature-Type", SIGNATURE_TYPE) != SIGNATURE_TYPE:
            return False
        shown = {name: headers.get(name, "") for name in _SIGNED} | {"Wechatpay-Signature-Type": SIGNATURE_TYPE}
        try:
            return bool(self._verify_signature(shown, body.decode()))
        except ValueError:
            return False


_SIGNED = ("Wechatpay-Serial", "Wechatpay-Timestamp", "Wechatpay-Nonce", "Wechatpay-Signature")


def _operation(path: str) -> str:
    """The part of an address that names what is wanted: ``jsapi``, ``close``, ``refunds`` …"""
    parts = [part for part in urlsplit(path).path.split("/") if part and not _REF.fullmatch(part)]
    return parts[-1] if parts else "any"


class WeChatPayClient:
    """The merchant's side of WeChat Pay; one a process, safe for threads."""

    name = PARTNER

    def __init__(self, partner: Partner, app_id: str, notify_url: str) -> None:
        self._caller = Caller(partner.name)
        self._app_id, self._mch_id = app_id, partner["merchant_no"]
        keys = {
            "mchid": self._mch_id,
            "cert_serial_no": partner["serial_no"],
            "private_key": partner["private_key"],
            "apiv3_key": partner["api_v3_key"],
            "public_key": partner["public_key"],
            "public_key_id": partner["public_key_id"],
        }
        self._pay = WeChatPay(WeChatPayType.JSAPI, appid=app_id, notify_url=notify_url, **keys)
        self._core = self._pay._core = _Core(self._caller, partner.base_url, **keys)

    def prepare(
        self, way: str, our_ref: str, *, description: str, fen: int, until: datetime, payer: str, client_ip: str
    ) -> str:
        """Place the order: prepay id, code_url or h5_url. With the same parameters it is the same order."""
        more: dict[str, Any] = {}
        if way == "wechat_jsapi":
            more["payer"] = {"openid": payer}
        elif way == "wechat_h5":
            more["scene_info"] = {"payer_client_ip": client_ip, "h5_info": {"type": "Wap"}}
        answer = self._answer(
            self._pay.pay(
                description=description[:127],
                out_trade_no=our_ref,
                amount={"total": fen, "currency": "CNY"},
                time_expire=until.isoformat(timespec="seconds"),
                pay_type=_KINDS[way],
                **more,
            )
        )
        return str(answer[_PREPAY[way]])

    def bridge(self, prepay: str, at: datetime) -> dict[str, str]:
        """What WeixinJSBridge's ``getBrandWCPayRequest`` takes, signed for this prepay id."""
        package, stamp, nonce = f"prepay_id={prepay}", str(int(at.timestamp())), new_ref()
        sign = self._pay.sign([self._app_id, stamp, nonce, package])
        return {
            "appId": self._app_id,
            "timeStamp": stamp,
            "nonceStr": nonce,
            "package": package,
            "signType": "RSA",
            "paySign": sign,
        }

    def look(self, our_ref: str) -> Paid | Unpaid:
        """Ask for the order. ``unknown`` where WeChat has none of that number."""
        try:
            answer = self._answer(self._pay.query(out_trade_no=our_ref))
        except Refused as refused:
            if refused.code in ("ORDER_NOT_EXIST", "RESOURCE_NOT_EXISTS"):
                return Unpaid(our_ref, "unknown")
            raise
        return self._seen(answer)

    def _seen(self, answer: Mapping[str, Any]) -> Paid | Unpaid:
        our_ref, state = str(answer.get("out_trade_no", "")), str(answer.get("trade_state", ""))
        # What was given back was paid before.
        if state in ("SUCCESS", "REFUND"):
            return Paid(
                our_ref,
                str(answer["transaction_id"]),
                int(answer["amount"]["total"]),
                datetime.fromisoformat(answer["success_time"]),
            )
        return Unpaid(our_ref, _UNPAID.get(state, "busy"))

    def close(self, our_ref: str) -> None:
        """Close the order; one that is closed or unknown is closed."""
        try:
            self._answer(self._pay.close(our_ref))
        except Refused as refused:
            if refused.code == "ORDERPAID":
                raise Refused(PARTNER, "close", "paid", "never") from None
            if refused.code not in ("ORDER_CLOSED", "ORDERCLOSED", "ORDER_NOT_EXIST", "RESOURCE_NOT_EXISTS"):
                raise

    def refund(self, our_ref: str, *, payment_ref: str, fen: int, total_fen: int, reason: str) -> Returned:
        """Ask for a refund under our reference; asked again under the same one, it is the same refund."""
        amount = {"refund": fen, "total": total_fen, "currency": "CNY"}
        call = self._pay.refund(our_ref, amount, out_trade_no=payment_ref, reason=reason[:80])
        return self._refunded(self._answer(call), "status")

    def look_refund(self, our_ref: str) -> Returned | None:
        """Ask for a refund."""
        try:
            return self._refunded(self._answer(self._pay.query_refund(our_ref)), "status")
        except Refused as refused:
            if refused.code == "RESOURCE_NOT_EXISTS":
                return None
            raise

    @staticmethod
    def _refunded(answer: Mapping[str, Any], name: str) -> Returned:
        done = answer.get("success_time")
        return Returned(
            str(answer["out_refund_no"]),
            str(answer["refund_id"]),
            _RETURNED.get(str(answer[name]), "processing"),
            int(answer["amount"]["refund"]),
            datetime.fromisoformat(done) if done else None,
        )

    def bill(self, day: date) -> list[BillLine] | None:
        """The day's trade bill, checked by its hash; None while there is none."""
        try:
            answer = self._answer(self._pay.trade_bill(day.isoformat(), "ALL", tar_type="GZIP"))
        except Refused as refused:
            if refused.code == "NO_STATEMENT_EXIST":
                return []
            if refused.code == "STATEMENT_CREATING":
                return None
            raise
        status, reply = self._pay.download_bill(str(answer["download_url"]))
        if status != 200:
            self._answer((status, reply))
        text = _unpacked(reply)
        if hashlib.sha1(text, usedforsecurity=False).hexdigest() != answer["hash_value"]:
            raise reply.uncertain("a bill whose hash is another")
        return list(_lines(text.decode("utf-8-sig")))

    def told(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Paid | Returned | None:
        """What a callback says: WeChat's signature, fresh, about this merchant and account; None otherwise."""
        if not self._core.is_genuine(headers, body) or not _fresh(headers.get("Wechatpay-Timestamp", ""), now):
            return None
        shown = {name: headers.get(name, "") for name in _SIGNED} | {"Wechatpay-Signature-Type": SIGNATURE_TYPE}
        try:
            told = self._pay.callback(shown, body)
            content = told["resource"] if told else None
            if content is None or content.get("mchid") != self._mch_id:
                return None
            if str(told.get("event_type", "")).startswith("REFUND."):
                return self._refunded(content, "refund_status")
            if content.get("appid") != self._app_id or told.get("event_type") != "TRANSACTION.SUCCESS":
                return None
            seen = self._seen(content)
        except (KeyError, TypeError, ValueError):
            return None
        return seen if isinstance(seen, Paid) else None

    def _answer(self, answered: tuple[int, Reply]) -> dict[str, Any]:
        """The JSON of a success; Refused, by WeChat's code, for every other status below 500."""
        status, reply = answered
        if status == 204:
            return {}
        content = reply.json()
        if 200 <= status < 300:
            return content
        code = str(content.get("code", status))
        kind = "now" if code in _NOW else "operator" if code in _OPERATOR else "never"
        raise Refused(PARTNER, reply.operation, code, kind, str(content.get("message", "")))  # type: ignore[arg-type]


def _fresh(stamp: str, now: datetime) -> bool:
    return stamp.isdigit() and len(stamp) < 12 and abs(now.timestamp() - int(stamp)) <= FRESH.total_seconds()


def _unpacked(reply: Reply) -> bytes:
    try:
        return gzip.decompress(reply.body)
    except (OSError, EOFError):
        raise reply.uncertain("a bill that can't be unpacked") from None


def _lines(text: str) -> Iterator[BillLine]:
    """The bill's lines: each value behind a backquote; the last two lines are the sums."""
    rows = list(csv.reader(io.StringIO(text)))
    head = [name.strip() for name in rows[0]] if rows else []
    for row in rows[1:-2]:
        line = dict(zip(head, (value.lstrip("`") for value in row), strict=False))
        if line["交易状态"] == "REFUND":
            yield BillLine("refund", line["商户退款单号"], _fen(line["退款金额"]))
        else:
            yield BillLine("payment", line["商户订单号"], _fen(line["订单金额"]))


def _fen(yuan: str) -> int:
    whole, _, rest = yuan.partition(".")
    return int(whole) * 100 + int(f"{rest:0<2}"[:2])
