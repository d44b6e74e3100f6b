"""WeChat's web authorisation: the authorize page and the exchange of its code.

Imitates 《网页授权》 (developers.weixin.qq.com/doc/service, api_snsaccesstoken): the redirect host must be the
registered one, a code lives 5 minutes and serves once, `is_snapshotuser: 1` marks the virtual account of a snapshot
page.
"""

from __future__ import annotations

import re
import secrets
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from flask import Blueprint, Response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from citizen_services.sandbox.wechat_api import wechat_json
from citizen_services.sandbox.wechat_tokens import random_token
from citizen_services.sandbox.world import Answer, Call, Voice, World

PARTNER = "wechat_oauth"
CODE_LIFETIME_S = 300
SCOPES = ("snsapi_base", "snsapi_userinfo")
#: WeChat documents this order of the parameters and that another one is refused.
ORDER = ("appid", "redirect_uri", "response_type", "scope", "state")
STATE = re.compile(r"[a-zA-Z0-9]{0,128}")


def _plain(body: dict[str, Any], outcome: str = "") -> Answer:
    """The sns endpoints label their JSON as text."""
    response = wechat_json(body)
    response.headers["Content-Type"] = "text/plain"
    return Answer(response, outcome or (str(body["errcode"]) if body.get("errcode") else "ok"))


def authorize_error(world: World, args: dict[str, str], order: list[str]) -> str | None:
    """Return what WeChat's page would say instead of asking, or None."""
    if not world.config.wechat_app_id or args.get("appid") != world.config.wechat_app_id:
        return "AppID 参数错误（10013）"
    target, ours = urlsplit(args.get("redirect_uri", "")), urlsplit(world.config.public_base_url)
    if target.scheme not in ("http", "https") or target.netloc != ours.netloc:
        return "redirect_uri 域名与后台配置不一致（10003）"
    if args.get("response_type") != "code" or [name for name in order if name in ORDER] != list(ORDER):
        return "参数缺失或顺序错误（10014）"
    if args.get("scope") not in SCOPES:
        return "Scope 参数错误或没有 Scope 权限（10005）"
    if not STATE.fullmatch(args.get("state", "")):
        return "state 参数错误（10015）"
    return None


def with_code(redirect_uri: str, code: str, state: str) -> str:
    """Return the redirect address with `code` and `state` behind what its query already holds."""
    parts = urlsplit(redirect_uri)
    query = [*parse_qsl(parts.query, keep_blank_values=True), ("code", code), ("state", state)]
    return urlunsplit((parts.scheme, parts.netloc, parts.path, urlencode(query), ""))


def blueprint(world: World) -> Blueprint:
    """`/wechat_oauth/connect/oauth2/authorize` and `/wechat_api/sns/oauth2/access_token`."""
    routes = Blueprint("wechat_oauth", __name__)

    def refused(call: Call, code: str | None) -> Answer:
        return _plain({"errcode": int(code or 48001), "errmsg": "api unauthorized"})

    voice = Voice(
        refused,
        lambda call: _plain({"errcode": 42003, "errmsg": "code expired"}),
        lambda: Response("<html><body>502 Bad Gateway</body></html>", 502, content_type="text/html"),
    )

    def new_code(openid: str, scope: str, snapshot: bool) -> str:
        code = secrets.token_hex(16)
        row = {"openid": openid, "scope": scope, "snapshot": snapshot, "at": world.now(), "used": False}
        world.state.put("oauth_codes", code, row)
        return code

    @routes.get("/wechat_oauth/connect/oauth2/authorize")
    def authorize() -> BaseResponse | str:
        args = request.args.to_dict()
        error = authorize_error(world, args, [name for name, _ in parse_qsl(request.query_string.decode(), True)])
        if error:
            return Response(render_template("authorize.html", error=error, people=[]), 400)
        openid = args.get("_openid", "")
        if openid:
            code = new_code(openid, args["scope"], args.get("_snapshot") == "1")
            return redirect(with_code(args["redirect_uri"], code, args["state"]), 302)
        people = [
            {"openid": key, "name": row.get("name", ""), "link": request.full_path + "&" + urlencode({"_openid": key})}
            for key, row in world.state.rows("followers").items()
            if row["subscribed"]
        ]
        return render_template("authorize.html", error=None, people=people)

    def exchange(args: dict[str, str]) -> Answer:
        config = world.config
        if args.get("grant_type") != "authorization_code":
            return _plain({"errcode": 40002, "errmsg": "invalid grant_type"})
        if not config.wechat_app_id or args.get("appid") != config.wechat_app_id:
            return _plain({"errcode": 40013, "errmsg": "invalid appid"})
        if not secrets.compare_digest(args.get("secret", "").encode(), config.wechat_app_secret.encode()):
            return _plain({"errcode": 40125, "errmsg": "invalid appsecret"})
        if not args.get("code"):
            return _plain({"errcode": 41008, "errmsg": "missing code"})
        row = world.state.get("oauth_codes", args["code"])
        if row is None:
            return _plain({"errcode": 40029, "errmsg": "invalid code"})
        if row["used"]:
            return _plain({"errcode": 40163, "errmsg": "code been used"})
        if world.now() - row["at"] > CODE_LIFETIME_S:
            return _plain({"errcode": 42003, "errmsg": "code expired"})
        world.state.put("oauth_codes", args["code"], row | {"used": True})
        body = {
            "access_token": random_token(110),
            "expires_in": 7200,
            "refresh_token": random_token(110),
            "openid": row["openid"],
            "scope": row["scope"],
        }
        if row["snapshot"]:
            body["is_snapshotuser"] = 1
        return _plain(body)

    @routes.get("/wechat_api/sns/oauth2/access_token")
    def access_token() -> Response:
        args = request.args.to_dict()
        row = world.state.get("oauth_codes", args.get("code", "")) or {}
        call = Call(PARTNER, "sns/oauth2/access_token", to=row.get("openid", ""))
        return world.take(call, lambda: exchange(args), voice)

    return routes
