"""The day's trade bill as WeChat Pay makes it (《申请交易账单》): CSV whose values stand behind a backquote."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from citizen_services.sandbox.signed import CHINA

_HEAD = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,"
    "应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,"
    "手续费,费率,订单金额,申请退款金额,费率备注"
)
_SUMS = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"


def yuan(fen: int) -> str:
    """``20.00``."""
    return f"{fen // 100}.{fen % 100:02d}"


def _line(order: dict[str, Any], refund: dict[str, Any] | None) -> str:
    at = datetime.fromisoformat(refund["success_time"] if refund else order["success_time"]).astimezone(CHINA)
    paid, back = yuan(order["paid_fen"]), yuan(refund["fen"]) if refund else "0.00"
    values = [
        f"{at:%Y-%m-%d %H:%M:%S}", order["appid"], order["mchid"], "0", "", order["transaction_id"],
        order["out_trade_no"], order.get("openid", ""), order["trade_type"], "REFUND" if refund else "SUCCESS",
        "OTHERS", "CNY", "0.00" if refund else paid, "0.00", refund["refund_id"] if refund else "0",
        refund["out_refund_no"] if refund else "0", back, "0.00", "ORIGINAL" if refund else "",
        "SUCCESS" if refund else "", order["description"], "", "0.00000", "0.00%", "0.00" if refund else paid,
        back, "",
    ]  # fmt: skip
    return ",".join(f"`{str(value).replace(',', ' ')}" for value in values)


def bill(day: date, orders: Sequence[dict[str, Any]], refunds: Sequence[dict[str, Any]]) -> bytes | None:
    """The bill of a day; None where nothing happened. `refunds` are those that are done."""

    def of_day(row: dict[str, Any]) -> bool:
        done = row.get("success_time")
        return bool(done) and datetime.fromisoformat(str(done)).astimezone(CHINA).date() == day

    by_number = {order["out_trade_no"]: order for order in orders}
    paid = [order for order in orders if of_day(order)]
    back = [refund for refund in refunds if of_day(refund)]
    if not paid and not back:
        return None
    lines = [_line(order, None) for order in paid]
    lines += [_line(by_number[refund["out_trade_no"]], refund) for refund in back]
    total, returned = sum(order["paid_fen"] for order in paid), sum(refund["fen"] for refund in back)
    sums = [str(len(lines)), yuan(total), yuan(returned), "0.00", "0.00000", yuan(total), yuan(returned)]
    text = "\r\n".join((_HEAD, *lines, _SUMS, ",".join(f"`{value}" for value in sums), ""))
    return b"\xef\xbb\xbf" + text.encode()
