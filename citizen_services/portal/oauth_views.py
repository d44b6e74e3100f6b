"""The way to WeChat's authorize page and back: who the follower is whose WeChat shows our pages."""

from __future__ import annotations

import logging

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from citizen_services.database import commit
from citizen_services.exchange.outcomes import OutsideError
from citizen_services.exchange.wechat_oauth import CodeSpent, WeChatOAuth
from citizen_services.parts import parts
from citizen_services.people import operations, web
from citizen_services.portal.guards import HOME, current_session, in_wechat, next_path

log = logging.getLogger(__name__)

bp = Blueprint("portal_oauth", __name__, url_prefix="/h5")

#: One cookie for each way out, so that two tabs that set out together both come back.
_COOKIE = "oauth_"
_COOKIE_PATH = "/h5/oauth"


def _client() -> WeChatOAuth:
    client: WeChatOAuth = parts().clients["wechat_oauth"]
    return client


def _cookie(state: str) -> str:
    return _COOKIE + state[:12]


@bp.before_app_request
def know_follower() -> ResponseReturnValue | None:
    """At the front page a WeChat browser that we don't know yet is led to the authorize page, and back."""
    if request.path != HOME or request.method != "GET" or not in_wechat() or current_session() is not None:
        return None
    return redirect(url_for("portal_oauth.start", next=request.full_path.rstrip("?")), 303)


@bp.get("/oauth/start")
def start() -> ResponseReturnValue:
    """Lead the browser to WeChat's authorize page."""
    public = parts().settings.public_base_url
    next_ = next_path(request.args.get("next"))
    if f"{request.scheme}://{request.host}" != public and request.args.get("at") != "public":
        # WeChat leads back to the public address only, where a cookie of this one would not be seen.
        return redirect(public + url_for("portal_oauth.start", next=next_, at="public"), 303)
    out = operations.set_out(next_)
    commit()
    address = _client().authorize_url(public + url_for("portal_oauth.callback"), out.state)
    response = make_response(redirect(address, 303))
    response.set_cookie(
        _cookie(out.state),
        out.browser,
        max_age=operations.OAUTH_LIFETIME,
        path=_COOKIE_PATH,
        secure=web.secure_cookies(),
        httponly=True,
        samesite="Lax",
    )
    return response


@bp.get("/oauth/callback")
def callback() -> ResponseReturnValue:
    """Take the browser back from WeChat: only the one that set out, once; then on to a clean address."""
    state, code = request.args.get("state", ""), request.args.get("code", "")
    back = operations.come_back(state, request.cookies.get(_cookie(state), "")) if state else None
    commit()
    if back is None or not code:
        return _not_known("again", 400)
    if not back.first:
        # Reloading, or WeChat asking twice: the code is spent, but the first time may have been a success.
        session = current_session()
        if session is not None and session.openid is not None:
            return redirect(back.next_path, 303)
        return _not_known("again", 400)
    try:
        found = _client().exchange(code)
    except CodeSpent:
        return _not_known("again", 400)
    except OutsideError as fault:
        log.warning("%s", fault)
        return _not_known("away", 503)
    if found.snapshot:
        return _not_known("snapshot", 403)
    opened = operations.log_in_follower(found.openid, current_session())
    commit()
    response = web.log_in(make_response(redirect(back.next_path, 303)), opened)
    response.delete_cookie(_cookie(state), path=_COOKIE_PATH)
    return response


def _not_known(why: str, status: int) -> ResponseReturnValue:
    return render_template("h5/people/not_known.html", why=why), status
