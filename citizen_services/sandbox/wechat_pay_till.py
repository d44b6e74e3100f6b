"""The till of the payment stand-in: orders, refunds, bills, and the notifications that are sent to us.

What it imitates stands in wechat_pay.py.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from datetime import date, datetime, timedelta
from typing import Any

from citizen_services.sandbox.outgoing import Channel
from citizen_services.sandbox.signed import CHINA
from citizen_services.sandbox.wechat_pay_bill import bill
from citizen_services.sandbox.wechat_pay_sign import sealed, signed_headers
from citizen_services.sandbox.world import World

PARTNER = "wechat_pay"
ORDERS, REFUNDS, BILLS = "pay_orders", "pay_refunds", "pay_bills"
#: 通知频率: 15s/15s/30s/3m/10m/20m/30m/30m/30m/60m/3h/3h/3h/6h/6h.
PAUSES_S = (15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10800, 10800, 10800, 21600, 21600)
TAKEN_WITHIN_S = 5.0
EVENTS = ("paid", "silent", "forged", "replayed", "paying", "refund_abnormal", "refund_closed", "no_money", "money")
#: The same by the names of the partner's own messages.
_BY_THEIR_NAME = {
    "TRANSACTION.SUCCESS": "paid",
    "REFUND.ABNORMAL": "refund_abnormal",
    "REFUND.CLOSED": "refund_closed",
}
_TRADE_NO = re.compile(r"[0-9A-Za-z_\-|*]{6,32}")
_REFUND_NO = re.compile(r"[0-9A-Za-z_\-|*@]{1,64}")
_TYPES = {"jsapi": "JSAPI", "native": "NATIVE", "h5": "MWEB"}


class PayError(Exception):
    """A refusal: status, code and message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def wrong(what: str) -> PayError:
    """A parameter that is missing or wrong."""
    return PayError(400, "PARAM_ERROR", what)


def _whole(value: Any, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise wrong(f"{what} 须为正整数")
    return value


class Till:
    """The orders and refunds, and the notifications that are sent to us."""

    def __init__(self, world: World) -> None:
        self._world, self._state, self._config = world, world.state, world.config
        config = world.config
        self.notify_url = f"{config.public_base_url}/receipts/{PARTNER}/{config.pay_receipt_token}"
        world.outgoing.register(
            Channel(
                partner=PARTNER,
                url=self.notify_url,
                prepare=self._envelope,
                # 状态码 200 或 204 才算收到; what stands in the body doesn't count.
                accepted=lambda answer: answer.status_code in (200, 204),
                pauses_s=tuple(pause / config.speed for pause in PAUSES_S),
                timeout_s=TAKEN_WITHIN_S,
            )
        )

    def _envelope(self, payload: dict[str, Any]) -> tuple[bytes, dict[str, str]]:
        config, now = self._config, self._world.now()
        body = json.dumps(
            {
                "id": payload["id"],
                "create_time": datetime.fromtimestamp(now, CHINA).isoformat(timespec="seconds"),
                "resource_type": "encrypt-resource",
                "event_type": payload["event_type"],
                "summary": payload["summary"],
                "resource": sealed(config.pay_api_v3_key, payload["type"], payload["content"]),
            },
            ensure_ascii=False,
        ).encode()
        stamp = now - payload.get("age_s", 0)
        signed = b"another body" if payload.get("forged") else body
        headers = signed_headers(config.pay_own_key, config.pay_own_key_id, signed, stamp)
        return body, headers | {"Content-Type": "application/json"}

    def _tell(self, to: str, kind: str, event: str, content: dict[str, Any], **more: Any) -> None:
        delay = more.pop("delay_s", self._config.receipt_delay_s)
        payload = {
            "id": f"EV-{secrets.token_hex(12)}",
            "event_type": event,
            "summary": "支付成功" if kind == "transaction" else "退款结果",
            "type": kind,
            "content": content,
            **more,
        }
        self._world.outgoing.schedule(PARTNER, to, payload, delay)

    # -- orders

    def _time(self, at: float | None = None) -> str:
        return datetime.fromtimestamp(self._world.now() if at is None else at, CHINA).isoformat(timespec="seconds")

    def place(self, kind: str, body: dict[str, Any]) -> dict[str, Any]:
        """下单. The answer's one field."""
        config = self._config
        if body.get("appid") != config.wechat_app_id or body.get("mchid") != config.pay_merchant_no:
            raise PayError(400, "APPID_MCHID_NOT_MATCH", "appid和mch_id不匹配")
        number, description = body.get("out_trade_no"), body.get("description")
        if not isinstance(number, str) or not _TRADE_NO.fullmatch(number):
            raise wrong("out_trade_no 格式错误")
        if not isinstance(description, str) or not 1 <= len(description) <= 127:
            raise wrong("description 须为 1 到 127 个字符")
        if body.get("notify_url") != self.notify_url:
            raise wrong("notify_url 须为商户已配置的地址，不带参数")
        amount = body.get("amount")
        if not isinstance(amount, dict) or amount.get("currency", "CNY") != "CNY":
            raise wrong("amount 错误")
        total = _whole(amount.get("total"), "amount.total")
        openid = self._payer(kind, body)
        ends = self._expiry(body.get("time_expire"))
        wanted = {
            "trade_type": _TYPES[kind], "description": description, "total": total, "openid": openid,
            "time_expire": body.get("time_expire"),
        }  # fmt: skip
        earlier = self._state.get(ORDERS, number)
        if earlier is not None:
            if earlier["state"] == "SUCCESS":
                raise PayError(400, "ORDERPAID", "该订单已支付")
            if self.state_of(earlier) == "CLOSED":
                raise PayError(400, "ORDER_CLOSED", "订单已关闭")
            if {name: earlier[name] for name in wanted} != wanted:
                raise PayError(403, "OUT_TRADE_NO_USED", "商户订单号重复")
            return dict(earlier["answer"])
        prepay = f"wx{datetime.fromtimestamp(self._world.now(), CHINA):%d%H%M%S}{secrets.token_hex(12)}"
        answers = {
            "jsapi": {"prepay_id": prepay},
            "native": {"code_url": f"weixin://wxpay/bizpayurl?pr={prepay[-9:]}"},
            "h5": {"h5_url": f"{config.base_url}/{PARTNER}/mweb?prepay_id={prepay}"},
        }
        row = wanted | {
            "out_trade_no": number, "appid": config.wechat_app_id, "mchid": config.pay_merchant_no, "state": "NOTPAY",
            "prepay": prepay, "answer": answers[kind], "ends": ends,
        }  # fmt: skip
        self._state.put(ORDERS, number, row)
        return dict(answers[kind])

    def _payer(self, kind: str, body: dict[str, Any]) -> str:
        if kind == "jsapi":
            payer = body.get("payer")
            openid = payer.get("openid") if isinstance(payer, dict) else None
            if not isinstance(openid, str) or self._state.get("followers", openid) is None:
                raise wrong("无效的openid")
            return openid
        if kind == "h5":
            scene = body.get("scene_info")
            if not isinstance(scene, dict) or not scene.get("payer_client_ip") or not scene.get("h5_info"):
                raise wrong("scene_info 不能为空")
        return ""

    def _expiry(self, text: Any) -> float:
        if text is None:
            return self._world.now() + 7 * 86_400
        try:
            ends = datetime.fromisoformat(str(text))
        except ValueError:
            raise wrong("time_expire 格式错误") from None
        if ends.tzinfo is None or ends.timestamp() < self._world.now() + 60:
            raise wrong("time_expire 距当前时间须大于1分钟")
        return ends.timestamp()

    def state_of(self, order: dict[str, Any]) -> str:
        """The trade state now: what nobody paid by its end is closed."""
        if order["state"] in ("NOTPAY", "USERPAYING") and order["ends"] <= self._world.now():
            return "CLOSED"
        return str(order["state"])

    def order(self, number: str) -> dict[str, Any]:
        """An order by our number; PayError where there is none."""
        found = self._state.get(ORDERS, number)
        if found is None:
            raise PayError(404, "ORDER_NOT_EXIST", "订单不存在")
        return dict(found)

    def transaction(self, order: dict[str, Any], *, fen: int | None = None) -> dict[str, Any]:
        """What a query and a notification say of an order."""
        state = self.state_of(order)
        said = {
            "appid": order["appid"],
            "mchid": order["mchid"],
            "out_trade_no": order["out_trade_no"],
            "trade_state": state,
            "trade_state_desc": {"SUCCESS": "支付成功", "REFUND": "转入退款"}.get(state, "未支付"),
            "amount": {"total": order["total"], "currency": "CNY"},
        }
        if order.get("transaction_id"):
            paid = order["paid_fen"] if fen is None else fen
            said |= {
                "transaction_id": order["transaction_id"],
                "trade_type": order["trade_type"],
                "bank_type": "OTHERS",
                "attach": "",
                "success_time": order["success_time"],
                "payer": {"openid": order["openid"]},
                "amount": {"total": paid, "payer_total": paid, "currency": "CNY", "payer_currency": "CNY"},
            }
        return said

    def close(self, number: str, body: dict[str, Any]) -> None:
        """关闭订单."""
        order = self.order(number)
        if body.get("mchid") != order["mchid"]:
            raise wrong("mchid 错误")
        if order["state"] in ("SUCCESS", "REFUND"):
            raise PayError(400, "ORDERPAID", "该订单已支付")
        if self.state_of(order) == "CLOSED":
            raise PayError(400, "ORDER_CLOSED", "订单已关闭")
        self._state.put(ORDERS, number, order | {"state": "CLOSED"})

    def pay(self, number: str, body: dict[str, Any]) -> dict[str, Any]:
        """What the control makes happen to a payment; KeyError for an unknown one, ValueError for what can't be.

        `paid`: somebody pays, we are told `times` times (of another amount with `amount_fen`); `silent`: paid, and we
        are told nothing; `forged`, `replayed`: we are told of a payment that is none, or by an old message; `paying`:
        somebody is typing the password; `refund_abnormal`, `refund_closed`: how its refunds will end; `no_money`,
        `money`: whether the merchant's account has enough for refunds. `at`: when, ISO; `force`: though it is closed.
        """
        event = str(body.get("event") or "paid")
        event = _BY_THEIR_NAME.get(event, event)
        if event not in EVENTS:
            raise ValueError(f"event must be one of {', '.join(EVENTS)}")
        if event in ("no_money", "money"):
            self._state.put("settings", "pay_account", {"empty": event == "no_money"})
            return {"event": event}
        found = self._state.get(ORDERS, number)
        if found is None:
            raise KeyError(number)
        order = dict(found)
        if event.startswith("refund_"):
            order["refunds_end"] = event.removeprefix("refund_").upper()
        elif event == "paying":
            order["state"] = "USERPAYING"
        elif event in ("paid", "silent"):
            order = self._pay(order, body)
        self._state.put(ORDERS, number, order)
        if event in ("paid", "forged", "replayed"):
            self._tell_paid(order, event, body)
        return self.transaction(order)

    def _pay(self, order: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
        if order.get("transaction_id"):
            return order
        if self.state_of(order) == "CLOSED" and not body.get("force"):
            raise ValueError("the order is closed: nobody can pay it")
        at = datetime.fromisoformat(body["at"]).timestamp() if body.get("at") else self._world.now()
        return order | {
            "state": "SUCCESS",
            "transaction_id": f"4200{self._state.next_number('transaction'):024d}",
            "success_time": self._time(at),
            "paid_fen": order["total"],
        }

    def _tell_paid(self, order: dict[str, Any], event: str, body: dict[str, Any]) -> None:
        shown = order
        if not order.get("transaction_id"):
            made_up = {"transaction_id": "4200" + "0" * 24, "success_time": self._time(), "paid_fen": order["total"]}
            shown = order | made_up | {"state": "SUCCESS"}
        fen = body.get("amount_fen")
        content = self.transaction(shown, fen=None if fen is None else _whole(fen, "amount_fen"))
        more: dict[str, Any] = {"forged": event == "forged"}
        if event == "replayed":
            more["age_s"] = 3600
        for _ in range(_whole(body.get("times", 1), "times")):
            self._tell(order["out_trade_no"], "transaction", "TRANSACTION.SUCCESS", content, **more)

    # -- refunds

    def refund(self, body: dict[str, Any]) -> dict[str, Any]:
        """退款申请: taken is not done."""
        number, payment = body.get("out_refund_no"), body.get("out_trade_no")
        if not isinstance(number, str) or not _REFUND_NO.fullmatch(number) or not isinstance(payment, str):
            raise wrong("out_refund_no 或 out_trade_no 错误")
        if len(str(body.get("reason") or "")) > 80:
            raise wrong("reason 超长")
        order = self._state.get(ORDERS, payment)
        if order is None or not order.get("transaction_id"):
            raise PayError(404, "RESOURCE_NOT_EXISTS", "订单号不存在或未支付")
        amount = body.get("amount")
        if not isinstance(amount, dict):
            raise wrong("amount 错误")
        fen, total = _whole(amount.get("refund"), "refund"), _whole(amount.get("total"), "total")
        if total != order["paid_fen"]:
            raise PayError(400, "INVALID_REQUEST", "订单总金额与支付时不一致")
        earlier = self._state.get(REFUNDS, number)
        if earlier is not None:
            if (earlier["fen"], earlier["out_trade_no"]) != (fen, payment):
                raise PayError(400, "INVALID_REQUEST", "退款单号已用于其他退款")
            return self.refund_said(earlier)
        back = sum(
            row["fen"]
            for row in self._state.rows(REFUNDS).values()
            if row["out_trade_no"] == payment and self.refund_state(row) != "CLOSED"
        )
        if back + fen > order["paid_fen"]:
            raise PayError(400, "INVALID_REQUEST", "退款金额大于可退金额")
        if (self._state.get("settings", "pay_account") or {"empty": False})["empty"]:
            raise PayError(403, "NOT_ENOUGH", "基本账户余额不足")
        done = self._world.now() + self._config.receipt_delay_s
        end = order.get("refunds_end", "SUCCESS")
        row = {
            "out_refund_no": number, "out_trade_no": payment, "fen": fen, "total": total, "end": end, "done": done,
            "refund_id": f"5030{self._state.next_number('refund'):024d}", "made": self._time(),
            "success_time": self._time(done) if end == "SUCCESS" else None,
        }  # fmt: skip
        self._state.put(REFUNDS, number, row)
        content = self.refund_said(row | {"done": 0.0})
        content |= {"mchid": order["mchid"], "refund_status": content.pop("status")}
        self._tell(number, "refund", f"REFUND.{end}", content)
        return self.refund_said(row)

    def refund_state(self, row: dict[str, Any]) -> str:
        """The refund's state now."""
        return str(row["end"]) if row["done"] <= self._world.now() else "PROCESSING"

    def refund_said(self, row: dict[str, Any]) -> dict[str, Any]:
        """What a query says of a refund."""
        state = self.refund_state(row)
        order = self.order(row["out_trade_no"])
        said = {
            "refund_id": row["refund_id"],
            "out_refund_no": row["out_refund_no"],
            "transaction_id": order["transaction_id"],
            "out_trade_no": row["out_trade_no"],
            "channel": "ORIGINAL",
            "user_received_account": "支付用户零钱",
            "create_time": row["made"],
            "status": state,
            "amount": {
                "total": row["total"], "refund": row["fen"], "payer_total": row["total"], "payer_refund": row["fen"],
                "currency": "CNY",
            },
        }  # fmt: skip
        return said | ({"success_time": row["success_time"]} if state == "SUCCESS" else {})

    def query_refund(self, number: str) -> dict[str, Any]:
        """查询单笔退款."""
        row = self._state.get(REFUNDS, number)
        if row is None:
            raise PayError(404, "RESOURCE_NOT_EXISTS", "退款单不存在")
        return self.refund_said(row)

    # -- bills

    def make_bill(self, day_text: str, kind: str) -> dict[str, Any]:
        """申请交易账单: of days that are over, from ten o'clock of the next one on."""
        try:
            day = date.fromisoformat(day_text)
        except ValueError:
            raise wrong("bill_date 格式错误") from None
        now = datetime.fromtimestamp(self._world.now(), CHINA)
        if kind not in ("ALL", ""):
            raise wrong("bill_type 错误")
        if day >= now.date():
            raise wrong("bill_date 只能是今天以前")
        if day == now.date() - timedelta(days=1) and now.hour < 10:
            raise PayError(400, "STATEMENT_CREATING", "账单生成中")
        orders = [row for row in self._state.rows(ORDERS).values() if row.get("transaction_id")]
        refunds = [row for row in self._state.rows(REFUNDS).values() if self.refund_state(row) == "SUCCESS"]
        content = bill(day, orders, refunds)
        if content is None:
            raise PayError(400, "NO_STATEMENT_EXIST", "账单文件不存在")
        token = secrets.token_urlsafe(24)
        self._state.put(BILLS, token, content.decode("utf-8"))
        url = f"{self._config.base_url}/{PARTNER}/v3/billdownload/file?token={token}"
        hashed = hashlib.sha1(content, usedforsecurity=False).hexdigest()
        return {"hash_type": "SHA1", "hash_value": hashed, "download_url": url}
