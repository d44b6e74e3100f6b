"""What WeChat's server knocks at, ``/wechat``. It never answers 500: what can't be done now may come again."""

from __future__ import annotations

import logging

from flask import Blueprint, Response, request
from werkzeug.exceptions import HTTPException

from citizen_services.database import commit
from citizen_services.database.base import rollback
from citizen_services.database.patience import at_most
from citizen_services.parts import parts
from citizen_services.wechat import operations
from citizen_services.wechat.envelope import LARGEST_BODY, Refused, envelope_of
from citizen_services.wechat.errors import DATABASE_AWAY

log = logging.getLogger(__name__)

bp = Blueprint("wechat", __name__)

_PLAIN = "text/plain; charset=utf-8"
#: How long PostgreSQL may take over one answer, in seconds; WeChat hangs up after five in all.
PATIENCE_S = 0.8


@bp.get("/wechat")
def verify() -> Response:
    """The account's console asks whether this address is ours: the echo, as it came."""
    try:
        envelope_of(parts().settings.wechat).signed(request.args)
    except Refused as refused:
        return _refusal(refused)
    return Response(request.args.get("echostr", ""), content_type=_PLAIN)


@bp.post("/wechat")
def receive() -> Response:
    """A push: verified, opened, answered."""
    try:
        envelope = envelope_of(parts().settings.wechat)
        signed = envelope.signed(request.args)
        # Only who knows the token gets a body read, and not a long one.
        request.max_content_length = LARGEST_BODY
        delivery = envelope.open(signed, request.get_data(cache=False))
        # A database that is frozen keeps nobody waiting: what needs it comes again.
        with at_most(PATIENCE_S):
            body = operations.take(delivery)
            commit()
    except Refused as refused:
        rollback()
        return _refusal(refused)
    except HTTPException as fault:
        # Too large, or cut off while it was being read.
        return Response("", fault.code or 400, content_type=_PLAIN)
    except DATABASE_AWAY as fault:
        rollback()
        log.warning("a push waits for its next delivery: %s", type(fault).__name__)
        return _come_again()
    except Exception:
        rollback()
        log.exception("a push can't be taken")
        return _come_again()
    return Response(body, content_type="text/xml; charset=utf-8" if body.startswith("<") else _PLAIN)


def _refusal(refused: Refused) -> Response:
    log.info("a push was refused: %s", refused.why)
    return Response("", refused.status, content_type=_PLAIN)


def _come_again() -> Response:
    """WeChat delivers again what isn't answered by 200."""
    return Response("", 503, content_type=_PLAIN, headers={"Retry-After": "1"})
