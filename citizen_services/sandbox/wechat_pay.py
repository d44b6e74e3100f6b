"""WeChat Pay API v3, the merchant's direct mode: JSAPI, Native and H5 orders, query, close, refunds, bills, callbacks.

Imitates 《微信支付 APIv3》 (JSAPI下单, 查询订单, 关闭订单, 支付成功回调通知, 退款申请, 查询单笔退款, 退款结果回调通知,
申请交易账单, 下载账单). Where the documents leave it open the stricter reading is taken: a closed order refuses to be
closed again, an order placed again with other parameters is refused.
"""

from __future__ import annotations

import gzip
import json
import secrets
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, render_template, request

from citizen_services.sandbox.wechat_pay_sign import authorised, signed_headers
from citizen_services.sandbox.wechat_pay_till import BILLS, ORDERS, PARTNER, PayError, Till, wrong
from citizen_services.sandbox.world import Answer, Call, Voice, World


def blueprint(world: World) -> Blueprint:
    """`/wechat_pay/v3/…`, and the page to which H5 leads."""
    routes = Blueprint(PARTNER, __name__, url_prefix=f"/{PARTNER}")
    till = Till(world)
    world.doors[PARTNER] = till
    config = world.config

    def said(status: int, content: dict[str, Any] | None, outcome: str) -> Answer:
        body = b"" if content is None else json.dumps(content, ensure_ascii=False).encode()
        response = Response(body, status, content_type="application/json; charset=utf-8")
        if config.pay_own_key:
            response.headers.update(signed_headers(config.pay_own_key, config.pay_own_key_id, body, world.now()))
        response.headers["Request-ID"] = secrets.token_hex(12)
        return Answer(response, outcome)

    def refused(error: PayError) -> Answer:
        return said(error.status, {"code": error.code, "message": error.message}, error.code)

    voice = Voice(
        lambda call, code: refused(PayError(400, code or "INVALID_REQUEST", "无效请求")),
        lambda call: refused(PayError(401, "SIGN_ERROR", "签名错误")),
        lambda: Response('{"code":"SYSTEM_ERROR","message":"系统错误"}', 500, content_type="application/json"),
    )

    def genuine(raw: bytes) -> bool:
        target = request.full_path if request.query_string else request.path
        return bool(config.pay_merchant_key) and authorised(
            request.headers.get("Authorization", ""),
            merchant_no=config.pay_merchant_no,
            serial_no=config.pay_serial_no,
            key=config.pay_merchant_key,
            method=request.method,
            target=target.removeprefix(f"/{PARTNER}"),
            body=raw,
            now=world.now(),
        )

    def take(operation: str, our_ref: str, act: Callable[[dict[str, Any]], dict[str, Any] | None]) -> Response:
        raw = request.get_data()
        try:
            body = json.loads(raw) if raw else {}
        except ValueError:
            body = None
        reference = our_ref
        if isinstance(body, dict):
            reference = our_ref or str(body.get("out_refund_no") or body.get("out_trade_no") or "")

        def answer() -> Answer:
            try:
                if not genuine(raw):
                    raise PayError(401, "SIGN_ERROR", "签名错误")
                if not isinstance(body, dict):
                    raise wrong("请求体不是 JSON 对象")
                content = act(body)
            except PayError as error:
                return refused(error)
            return said(204 if content is None else 200, content, "accepted" if request.method == "POST" else "ok")

        return world.take(Call(PARTNER, operation, reference, reference), answer, voice)

    @routes.post("/v3/pay/transactions/<any(jsapi, native, h5):kind>")
    def place(kind: str) -> Response:
        return take(kind, "", lambda body: till.place(kind, body))

    @routes.get("/v3/pay/transactions/out-trade-no/<number>")
    def query(number: str) -> Response:
        return take("query", number, lambda _: till.transaction(till.order(number)))

    @routes.post("/v3/pay/transactions/out-trade-no/<number>/close")
    def close(number: str) -> Response:
        return take("close", number, lambda body: till.close(number, body))

    @routes.post("/v3/refund/domestic/refunds")
    def refund() -> Response:
        return take("refunds", "", till.refund)

    @routes.get("/v3/refund/domestic/refunds/<number>")
    def query_refund(number: str) -> Response:
        return take("query_refund", number, lambda _: till.query_refund(number))

    @routes.get("/v3/bill/tradebill")
    def tradebill() -> Response:
        day, kind = request.args.get("bill_date", ""), request.args.get("bill_type", "")
        return take("tradebill", "", lambda _: till.make_bill(day, kind))

    @routes.get("/v3/billdownload/file")
    def download() -> Response:
        content: str | None = world.state.get(BILLS, request.args.get("token", ""))
        if content is None or not genuine(b""):
            return refused(PayError(401, "SIGN_ERROR", "签名错误")).response
        return Response(gzip.compress(content.encode()), content_type="application/x-gzip")

    @routes.get("/mweb")
    def cashier() -> Response:
        order = _by_prepay(world, request.args.get("prepay_id", ""))
        return Response(
            render_template("pay.html", order=order, back=_back(config.public_base_url), done=False),
            200 if order else 404,
        )

    @routes.post("/mweb")
    def pay() -> Response:
        order = _by_prepay(world, request.args.get("prepay_id", ""))
        if order is None:
            return Response("not found", 404, content_type="text/plain")
        try:
            with world.state.lock:
                till.pay(order["out_trade_no"], {"event": "paid"})
        except ValueError as fault:
            return Response(str(fault), 409, content_type="text/plain")
        return Response(render_template("pay.html", order=order, back=_back(config.public_base_url), done=True))

    return routes


def _by_prepay(world: World, prepay: str) -> dict[str, Any] | None:
    return next((row for row in world.state.rows(ORDERS).values() if row["prepay"] == prepay), None)


def _back(public: str) -> str:
    """Where the payer goes back to: only to the merchant's own site, as WeChat's list of domains has it."""
    wanted = request.args.get("redirect_url", "")
    return wanted if wanted.startswith(f"{public}/") else f"{public}/h5/"
