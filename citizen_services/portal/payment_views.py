"""Paying a fee: one page an order, in WeChat by its own bridge, on other phones by WeChat's page, elsewhere by a code.

What a phone says of a payment is no proof: the partner is asked. Below one path, since WeChat allows payment for it.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from citizen_services import clock
from citizen_services.cases import charging, fee_cards, payments
from citizen_services.cases.errors import MovedOn, NoSuchCase
from citizen_services.cases.models import Case
from citizen_services.database.base import rollback
from citizen_services.exchange.clients import wechat_pay
from citizen_services.exchange.outcomes import OutsideError
from citizen_services.fees import paying, queries
from citizen_services.fees.errors import FeeError, OtherWayOpen
from citizen_services.fees.models import FeeOrder, Payment
from citizen_services.parts import parts
from citizen_services.portal.acting import acted_case
from citizen_services.portal.guards import citizen_required, current_session, in_wechat
from citizen_services.portal.home_views import tell_refusals
from citizen_services.rules import qr
from citizen_services.security import new_token

bp = Blueprint("portal_payments", __name__, url_prefix="/h5/pay")
tell_refusals(bp)

_AWAY = "支付机构暂时没有答复，请过一会儿再试。没有扣款的，不会重复扣款。"
_WAYS = {"wechat_jsapi": "微信支付", "wechat_h5": "微信支付", "wechat_native": "微信扫码支付"}
#: How often the page of the result asks by itself before it leaves that to a button.
_MOST_ASKED = 10


def _mine(order_id: UUID) -> tuple[FeeOrder, Case]:
    """An order of the visitor's own case, or of one on which they act for somebody; NoSuchCase for any other."""
    order = queries.order(order_id)
    case_id = charging.case_of(order.duty) if order is not None else None
    if order is None or case_id is None:
        raise NoSuchCase
    return order, acted_case(case_id)


def _way() -> tuple[str, str]:
    """By which way this browser pays, and the follower's openid where it is WeChat's own."""
    session = current_session()
    if in_wechat() and session is not None and session.openid:
        return "wechat_jsapi", session.openid
    return ("wechat_h5" if "Mobile" in request.user_agent.string else "wechat_native"), ""


@bp.get("/<uuid:order_id>")
@citizen_required
def page(order_id: UUID) -> ResponseReturnValue:
    """What is owed, for what and until when, and the way to pay."""
    order, case = _mine(order_id)
    return _page(order, case)


def _page(order: FeeOrder, case: Case, status: int = 200, error: str = "") -> ResponseReturnValue:
    way, openid = _way()
    standing = paying.open_payment(order.id)
    ready = standing is not None and standing.way == way and paying.parcel(standing).get("payer", "") == openid
    shown = render_template(
        "h5/pay.html",
        card=fee_cards.card_of(order),
        case=case,
        item=parts().catalogue.item(case.item, case.item_version),
        online="wechat_pay" in parts().settings.partners,
        way=_WAYS[way],
        ready=_ready(order, standing) if ready and standing is not None else None,
        error=error,
        form_token=new_token(16),
        back=url_for("portal_cases.show", case_id=case.id),
        live=True,
    )
    return shown, status


def _ready(order: FeeOrder, payment: Payment) -> dict[str, Any] | None:
    """What this browser needs to pay what stands at the partner; None while it does not."""
    prepay = paying.parcel(payment).get("ready")
    if payment.state != "open" or not prepay or payment.usable_until is None:
        return None
    if payment.usable_until <= clock.protocol_now():
        return None
    result = url_for(".result", order_id=order.id)
    if payment.way == "wechat_jsapi":
        return {"kind": "bridge", "request": json.dumps(wechat_pay().bridge(prepay, clock.protocol_now()))}
    if payment.way == "wechat_h5":
        back = urlencode({"redirect_url": parts().settings.public_base_url + result})
        return {"kind": "link", "href": f"{prepay}&{back}"}
    return {"kind": "code", "src": url_for(".code", order_id=order.id)}


@bp.post("/<uuid:order_id>")
@citizen_required
def start(order_id: UUID) -> ResponseReturnValue:
    """Have the order stand at the partner, once, for this browser's way to pay."""
    order, case = _mine(order_id)
    way, openid = _way()
    try:
        payments.start(order.id, way, paying.Payer(openid, request.remote_addr or ""))
    except OtherWayOpen as fault:
        rollback()
        return _page(order, case, 409, fault.sentence)
    except FeeError as fault:
        rollback()
        flash(fault.sentence, "warn")
    except (OutsideError, MovedOn):
        rollback()
        return _page(order, case, 503, _AWAY)
    return redirect(url_for(".page", order_id=order_id), 303)


@bp.get("/<uuid:order_id>/qr.png")
@citizen_required
def code(order_id: UUID) -> ResponseReturnValue:
    """The code that WeChat's scanner pays by."""
    order, _case = _mine(order_id)
    standing = paying.open_payment(order.id)
    prepay = paying.parcel(standing).get("ready") if standing is not None else None
    if standing is None or standing.way != "wechat_native" or not prepay:
        abort(404)
    answer = Response(qr.png(prepay), mimetype="image/png")
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


@bp.get("/<uuid:order_id>/result")
@citizen_required
def result(order_id: UUID) -> ResponseReturnValue:
    """Where the payer comes back to: paid, being confirmed, or not paid."""
    order, case = _mine(order_id)
    return _result(order, case)


def _result(order: FeeOrder, case: Case, asked: int = 0, error: str = "") -> ResponseReturnValue:
    standing = paying.open_payment(order.id)
    return render_template(
        "h5/pay_result.html",
        card=fee_cards.card_of(order),
        case=case,
        item=parts().catalogue.item(case.item, case.item_version),
        confirming=standing is not None,
        asked=asked,
        by_itself=standing is not None and asked < _MOST_ASKED,
        error=error,
        form_token=new_token(16),
        back=url_for("portal_cases.show", case_id=case.id),
        live=True,
    )


@bp.post("/<uuid:order_id>/result")
@citizen_required
def check(order_id: UUID) -> ResponseReturnValue:
    """Ask the partner now."""
    order, case = _mine(order_id)
    given = request.form.get("asked", "")
    asked = min(int(given) + 1, _MOST_ASKED) if given.isdigit() and len(given) < 4 else _MOST_ASKED
    standing = paying.open_payment(order.id)
    error = ""
    if standing is not None:
        try:
            payments.settle(standing.id)
        except (OutsideError, FeeError, MovedOn):
            rollback()
            error = _AWAY
        order, case = _mine(order_id)
    return _result(order, case, asked, error)
