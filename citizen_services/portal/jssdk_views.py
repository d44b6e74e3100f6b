"""What WeChat's script is told on our pages, so that it lets them scan: a signature for one of our own addresses.

Asked for by the page's script when it runs, never while a page is made: no page waits for WeChat.
"""

from __future__ import annotations

import logging
import re
from typing import Any

from flask import Blueprint, Response, jsonify, request
from sqlalchemy.exc import SQLAlchemyError

from citizen_services.exchange.clients import wechat_api
from citizen_services.exchange.outcomes import OutsideError
from citizen_services.parts import parts

bp = Blueprint("portal_jssdk", __name__, url_prefix="/h5")
log = logging.getLogger(__name__)

#: What may follow our own beginning: a page of the citizens' or a door plate, and its query byte for byte.
_PATH = re.compile(r"/(?:h5|d)/[!-~]{0,1900}", re.ASCII)


@bp.get("/jssdk-config")
def config() -> tuple[Response, int]:
    """``{appId, timestamp, nonceStr, signature}`` for the page at ``?url=``; 400 for an address that isn't ours."""
    url = own_page(request.args.get("url", ""))
    if url is None:
        return _said({"error": "not a page of this site"}, 400)
    try:
        signed = wechat_api().page_signature(url)
    except (OutsideError, SQLAlchemyError) as fault:
        log.warning("a page can't be signed: %s", fault if isinstance(fault, OutsideError) else type(fault).__name__)
        return _said({"error": "not now"}, 503)
    return _said(signed, 200)


def _said(document: dict[str, Any], status: int) -> tuple[Response, int]:
    answer = jsonify(document)
    answer.headers["Cache-Control"] = "no-store"
    return answer, status


def own_page(url: str) -> str | None:
    """An absolute address as it is signed, without its fragment; None unless it begins as PUBLIC_BASE_URL says."""
    base, page = parts().settings.public_base_url, url.partition("#")[0]
    return page if page.startswith(f"{base}/") and _PATH.fullmatch(page[len(base) :]) else None
