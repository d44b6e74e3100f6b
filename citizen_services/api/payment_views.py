"""The payment partner's door: ``/receipts/wechat_pay/<token>``. Verified, recorded and taken in one transaction.

WeChat looks at the status alone: 204 is taken, everything else comes again. So nothing is answered before it stands in
the database, and what can't be WeChat's own word is refused without saying why.
"""

from __future__ import annotations

import logging

from flask import Blueprint, Response, abort, jsonify, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import SQLAlchemyError

from citizen_services import clock
from citizen_services.cases import payments
from citizen_services.cases.errors import CaseError
from citizen_services.database import commit
from citizen_services.database.base import rollback
from citizen_services.exchange.clients import wechat_pay
from citizen_services.exchange.payments import Paid
from citizen_services.fees import refunding
from citizen_services.fees.paying import UnknownPayment
from citizen_services.parts import parts
from citizen_services.security import equal

log = logging.getLogger(__name__)

bp = Blueprint("payment_receipts", __name__, url_prefix="/receipts")

#: A notification has about two kilobytes.
LARGEST_BODY = 64 * 1024


def _failed(status: int) -> ResponseReturnValue:
    return jsonify(code="FAIL", message="失败"), status


@bp.post("/wechat_pay/<token>")
def told(token: str) -> ResponseReturnValue:
    """A payment or a refund as WeChat tells of it."""
    known = parts().settings.partners
    if "wechat_pay" not in known or not equal(token, known["wechat_pay"]["receipt_token"]):
        abort(404)
    request.max_content_length = LARGEST_BODY
    report = wechat_pay().told(dict(request.headers), request.get_data(cache=False), clock.protocol_now())
    if report is None:
        log.warning("a notification to /receipts/wechat_pay is refused: not WeChat's, not fresh, or not for us")
        return _failed(401)
    try:
        if isinstance(report, Paid):
            payments.take(report)
        else:
            refunding.returned(report)
        commit()
    except UnknownPayment:
        rollback()
        log.error("a payment of another reference than ours is told")
        return _failed(404)
    except (CaseError, SQLAlchemyError) as fault:
        rollback()
        log.warning("a notification of a payment has to come again: %s", type(fault).__name__)
        return _failed(503)
    return Response(status=204)
