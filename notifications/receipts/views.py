"""The partners' doors: ``/receipts/<partner>/<token>``. Stored, committed, answered; acted on afterwards.

Neither partner signs what it pushes. A wrong token is 404; a report moves only what we sent, and never sends anything.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from flask import Blueprint, Response, abort, jsonify, request
from sqlalchemy import func, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError

from citizen_services.clock import protocol_now
from citizen_services.database import commit, db, new_id
from citizen_services.database.base import after_commit, rollback
from citizen_services.exchange import platform as platform_push
from citizen_services.exchange import sms_aliyun as aliyun
from citizen_services.exchange import sms_tencent as tencent
from citizen_services.exchange.ems import BadPush, Ems
from citizen_services.exchange.platform import Platform
from citizen_services.exchange.sms import BadReport, SmsReport
from citizen_services.parts import parts
from citizen_services.security import equal, keyring
from notifications import queue
from notifications.models import Receipt

log = logging.getLogger(__name__)

bp = Blueprint("receipts", __name__, url_prefix="/receipts")

#: A full batch of reports has some tens of kilobytes.
LARGEST_BODY = 256 * 1024
#: Partners wait 700 ms; the rest is for the way.
STORE_WITHIN_MS = 400


class DatabaseAway(Exception):
    """Nothing could be stored: the partner is to push again."""


@bp.errorhandler(DatabaseAway)
def database_away(_: DatabaseAway) -> tuple[Response, int]:
    """503, which every partner takes as: once more, later."""
    return jsonify(error="try again later"), 503


def _body(partner: str, token: str) -> bytes:
    """The body of a push that knows the token; 404 for any other, 413 for one that is too large."""
    settings = parts().settings
    expected = settings.partners[partner]["receipt_token"] if partner in settings.partners else ""
    if not expected or not equal(token, expected):
        abort(404)
    request.max_content_length = LARGEST_BODY
    return request.get_data(cache=False)


def store(partner: str, reports: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    """Keep reports, each once by what makes it the same, and commit; then wake whoever settles them."""
    rows = {
        keyring().lookup("receipt", f"{partner}\0{same}").hex(): {"partner": partner, "body": dict(body)}
        for same, body in reports
    }
    if not rows:
        return
    now = protocol_now()
    try:
        db.session.execute(text(f"SET LOCAL statement_timeout = {STORE_WITHIN_MS}"))
        db.session.execute(
            insert(Receipt)
            .values(
                [
                    {"id": new_id(), "same": same, "received_at": now, "due_at": func.now(), "tries": 0, **row}
                    for same, row in rows.items()
                ]
            )
            .on_conflict_do_nothing(index_elements=["same"])
        )
        after_commit(queue.waking(queue.RECEIPTS))
        commit()
    except SQLAlchemyError as fault:
        rollback()
        log.warning("a receipt of %s could not be stored: %s", partner, type(fault).__name__)
        raise DatabaseAway from None


def _report(report: SmsReport) -> tuple[str, Mapping[str, Any]]:
    same = "\0".join((report.out_id, report.biz_id, report.phone, str(report.delivered), report.err_code))
    return same, vars(report)


@bp.post("/sms_aliyun/<token>")
def sms_aliyun(token: str) -> Response | tuple[Response, int]:
    """SmsReport: a JSON array of reports; Aliyun looks at the status and for a number in ``code``."""
    body = _body("sms_aliyun", token)
    try:
        _store_sms("sms_aliyun", body, aliyun.parse_reports(body))
    except BadReport as fault:
        log.warning("a push to /receipts/sms_aliyun is refused: %s", fault)
        return jsonify(code=400, msg="格式错误"), 400
    return jsonify(code=0, msg="接收成功")


@bp.post("/sms_tencent/<token>")
def sms_tencent(token: str) -> Response | tuple[Response, int]:
    """A callback of statuses: a JSON array; Tencent looks at ``result``."""
    body = _body("sms_tencent", token)
    try:
        _store_sms("sms_tencent", body, tencent.parse_reports(body))
    except BadReport as fault:
        log.warning("a push to /receipts/sms_tencent is refused: %s", fault)
        return jsonify(result=400, errmsg="format"), 400
    return jsonify(result=0, errmsg="OK")


def _store_sms(partner: str, body: bytes, reports: Sequence[SmsReport]) -> None:
    raw = json.loads(body)
    store(partner, [(s, {**b, "raw": entry}) for (s, b), entry in zip(map(_report, reports), raw, strict=True)])


@bp.post("/ems/<token>")
def ems(token: str) -> Response | tuple[Response, int]:
    """040002: one event of a parcel, sealed under our contract's key."""
    body = _body("ems", token)
    client: Ems = parts().clients["ems"]
    try:
        push = client.parse_push(body)
    except BadPush as fault:
        log.warning("a push to /receipts/ems is refused: %s", fault)
        return jsonify(client.push_answer("", taken=False)), 400
    event = push.event
    same = "\0".join(
        (event.tracking, event.op_code, event.op_time.isoformat(), event.deliver_code or "", event.attempt_code or "")
    )
    try:
        store("ems", [(same, {**vars(event), "serial": push.serial})])
    except DatabaseAway:
        return jsonify(client.push_answer(push.serial, taken=False)), 503
    return jsonify(client.push_answer(push.serial, taken=True))


@bp.post("/platform/<token>")
def platform(token: str) -> Response | tuple[Response, int]:
    """An officer of the national platform answered an application of ours, signed with our key."""
    body = _body("platform", token)
    client: Platform = parts().clients["platform"]
    try:
        told = client.parse_push(body, request.headers.get("X-Signature", ""))
    except platform_push.BadPush as fault:
        log.warning("a push to /receipts/platform is refused: %s", fault)
        return jsonify(code="bad_request"), 400
    store("platform", [(f"{told.our_ref}\0{told.number}", vars(told))])
    return jsonify(code="ok")
