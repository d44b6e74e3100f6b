"""The payment stand-in is never kinder than the partner: signatures, limits, states, and its own errors."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from citizen_services.exchange.outcomes import Refused
from citizen_services.exchange.payments import Unpaid
from citizen_services.exchange.wechat_pay import WeChatPayClient
from citizen_services.settings import Partner
from deploy.devsettings import key_pair
from tests.house import House

MORE: dict[str, Any] = {"description": "居住证补领", "fen": 2_000, "payer": "", "client_ip": "127.0.0.1"}


def client_of(house: House, **other: str) -> WeChatPayClient:
    """A merchant's client with this installation's keys, or others."""
    env = house.environ
    names = (
        "merchant_no", "serial_no", "private_key", "api_v3_key", "public_key", "public_key_id", "receipt_token",
    )  # fmt: skip
    keys = {name: env[f"WECHAT_PAY_{name.upper()}"] for name in names} | other
    notify = f"{house.web_url}/receipts/wechat_pay/{keys['receipt_token']}"
    return WeChatPayClient(Partner("wechat_pay", env["WECHAT_PAY_BASE_URL"], keys), env["WECHAT_APP_ID"], notify)


def until() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)


def refused(act: Any) -> str:
    """The partner's own code of what it refuses."""
    with pytest.raises(Refused) as caught:
        act()
    return caught.value.code


def test_who_does_not_sign_as_the_merchant_is_refused(outside: House) -> None:
    stranger, _ = key_pair()
    ref = uuid.uuid4().hex
    for other in ({"private_key": stranger}, {"serial_no": "0" * 40}, {"merchant_no": "1900000000"}):
        assert refused(lambda other=other: client_of(outside, **other).look(ref)) == "SIGN_ERROR"
    # And an answer that is not signed by the partner is no answer.
    _, foreign = key_pair()
    with pytest.raises(Exception, match="without WeChat's signature"):
        client_of(outside, public_key=foreign).prepare("wechat_native", ref, until=until(), **MORE)


def test_an_order_is_placed_once_closed_once_and_paid_only_while_it_is_open(outside: House) -> None:
    client, ref, end = client_of(outside), uuid.uuid4().hex, until()
    assert client.look(ref) == Unpaid(ref, "unknown")
    assert refused(lambda: client.prepare("wechat_jsapi", ref, until=end, **MORE | {"payer": "o6_nobody"})) == (
        "PARAM_ERROR"
    )
    soon = datetime.now(UTC) + timedelta(seconds=30)
    assert refused(lambda: client.prepare("wechat_native", ref, until=soon, **MORE)) == "PARAM_ERROR"
    first = client.prepare("wechat_native", ref, until=end, **MORE)
    assert client.prepare("wechat_native", ref, until=end, **MORE) == first
    assert refused(lambda: client.prepare("wechat_native", ref, until=end, **MORE | {"fen": 1})) == "OUT_TRADE_NO_USED"
    assert refused(lambda: client.refund(ref, payment_ref=ref, fen=1, total_fen=2_000, reason="退")) == (
        "RESOURCE_NOT_EXISTS"
    )
    client.close(ref)
    assert client.look(ref) == Unpaid(ref, "closed")
    assert refused(lambda: client.prepare("wechat_native", ref, until=end, **MORE)) == "ORDER_CLOSED"


def test_no_more_goes_back_than_was_paid_and_each_reference_once(outside: House) -> None:
    client, ref = client_of(outside), uuid.uuid4().hex
    client.prepare("wechat_native", ref, until=until(), **MORE)
    outside.control("POST", f"payments/{ref}", {"event": "silent"})
    one, other = uuid.uuid4().hex, uuid.uuid4().hex
    assert refused(lambda: client.close(ref)) == "paid"
    first = client.refund(one, payment_ref=ref, fen=2_000, total_fen=2_000, reason="退")
    again = client.refund(one, payment_ref=ref, fen=2_000, total_fen=2_000, reason="退")
    assert (first.partner_ref, first.fen) == (again.partner_ref, again.fen)
    assert refused(lambda: client.refund(other, payment_ref=ref, fen=1, total_fen=2_000, reason="退")) == (
        "INVALID_REQUEST"
    )
    assert client.look_refund(other) is None


def test_a_bill_is_of_days_that_are_over(outside: House) -> None:
    client = client_of(outside)
    tomorrow = (datetime.now(UTC) + timedelta(days=2)).date()
    assert refused(lambda: client.bill(tomorrow)) == "PARAM_ERROR"
    assert client.bill(tomorrow - timedelta(days=400)) == []
