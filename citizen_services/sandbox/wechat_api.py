"""WeChat's server API for an official account: `/wechat_api/cgi-bin/…` and `/wechat_api/sns/…`.

Imitates developers.weixin.qq.com/doc/service: 《发送模板消息》 (template/send), 《发送客服消息》 (custom/send),
《自定义菜单》, 《获取用户基本信息》; codes and page tickets in wechat_scenes.py; errcodes by 《全局返回码》. Errors
come as HTTP 200 with `errcode`; every errmsg carries a `rid`.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, request

from citizen_services.sandbox.wechat_menus import Menus
from citizen_services.sandbox.wechat_push import PARTNER, PushDoor
from citizen_services.sandbox.wechat_scenes import Scenes
from citizen_services.sandbox.wechat_subscriptions import TEMPLATES, Subscriptions
from citizen_services.sandbox.wechat_tokens import QUOTAS, Tokens
from citizen_services.sandbox.wechat_values import data_error, menu_error, rendered
from citizen_services.sandbox.world import Answer, Call, Voice, World

TEXT_LIMIT = 2048
SAME_ID_S = 600
Handler = Callable[["WeChatApi", Any], dict[str, Any]]


class WeChatError(Exception):
    """An errcode with its errmsg."""

    def __init__(self, errcode: int, errmsg: str) -> None:
        super().__init__(errmsg)
        self.errcode = errcode
        self.errmsg = errmsg


def wechat_json(body: dict[str, Any]) -> Response:
    """Answer as api.weixin.qq.com does: UTF-8 JSON, HTTP 200 also for errors."""
    if body.get("errcode"):
        body = body | {
            "errmsg": f"{body['errmsg']} rid: {secrets.token_hex(4)}-{secrets.token_hex(4)}-{secrets.token_hex(4)}"
        }
    response = Response(json.dumps(body, ensure_ascii=False))
    response.headers["Content-Type"] = "application/json; encoding=utf-8"
    return response


def errcode_answer(errcode: int, errmsg: str) -> Answer:
    """An errcode as answer and, as text, as the ledger's outcome."""
    return Answer(wechat_json({"errcode": errcode, "errmsg": errmsg}), str(errcode))


class WeChatApi:
    """The operations that need an access_token. Each returns the JSON body of success or raises WeChatError."""

    def __init__(self, world: World, door: PushDoor, tokens: Tokens) -> None:
        self.world = world
        self.door = door
        self.tokens = tokens
        self.scenes = Scenes(world)
        self.menus = Menus(world)
        self.subscriptions = Subscriptions(world, door)

    def _addressee(self, body: dict[str, Any]) -> dict[str, Any]:
        openid = body.get("touser")
        row = self.world.state.get("followers", openid) if isinstance(openid, str) else None
        if row is None:
            raise WeChatError(40003, "invalid openid")
        return dict(row)

    def send_template(self, body: dict[str, Any]) -> dict[str, Any]:
        """`message/template/send`. A repeated client_msg_id within 10 minutes sends nothing.

        Its errcode is undocumented; 40249 is what is told of it, so a client must not rely on it.
        """
        template_id = body.get("template_id")
        if not isinstance(template_id, str) or not template_id:
            raise WeChatError(40036, "invalid template_id size")
        follower = self._addressee(body)
        template = self.world.state.get("templates:wechat_api", template_id)
        if template is None:
            raise WeChatError(40037, "invalid template_id")
        if not follower["subscribed"]:
            raise WeChatError(43004, "require subscribe")
        error = data_error(template["content"], body.get("data"))
        if error:
            raise WeChatError(47003, error)
        openid, own_id = body["touser"], body.get("client_msg_id")
        if own_id is not None:
            if not isinstance(own_id, str) or not 1 <= len(own_id) <= 32:
                raise WeChatError(47003, "argument invalid! client_msg_id")
            seen = self.world.state.get("client_msg_ids", f"{openid} {own_id}")
            if seen and self.world.now() - seen < SAME_ID_S:
                raise WeChatError(40249, "duplicate client_msg_id")
            self.world.state.put("client_msg_ids", f"{openid} {own_id}", self.world.now())
        msgid = self.door.new_msg_id()
        self.door.template_finished(openid, msgid, "failed:user block" if follower.get("blocked") else "success")
        if not follower.get("blocked"):
            self.door.say(
                openid,
                "template",
                title=template["title"],
                text=rendered(template["content"], body["data"]),
                url=body.get("url") or "",
            )
        return {"errcode": 0, "errmsg": "ok", "msgid": msgid}

    def send_subscription(self, body: dict[str, Any]) -> dict[str, Any]:
        """`message/subscribe/bizsend`."""
        return _or_raise(self.subscriptions.send(body))

    def send_custom(self, body: dict[str, Any]) -> dict[str, Any]:
        """`message/custom/send`: only after an act of the follower, so many times, so long."""
        openid, follower = body.get("touser"), self._addressee(body)
        kind = body.get("msgtype")
        part = body.get(str(kind))
        if kind not in ("text", "image", "news", "msgmenu", "voice", "video", "music", "miniprogrampage"):
            raise WeChatError(40008, "invalid message type")
        if not isinstance(part, dict):
            raise WeChatError(44004, "empty content")
        content = str(part.get("content", "")) if kind == "text" else ""
        if kind == "text" and not content:
            raise WeChatError(44004, "empty content")
        if len(content.encode()) > TEXT_LIMIT:
            raise WeChatError(45002, "content size out of limit")
        articles = part.get("articles", [])
        if kind == "news" and len(articles) != 1:
            raise WeChatError(45008, "article size out of limit")
        now = self.world.now()
        windows = {
            name: follower[name] for name in ("message", "tap") if name in follower and follower[name]["until"] > now
        }
        if not follower["subscribed"] or not windows:
            raise WeChatError(45015, "response out of time limit or subscription is canceled")
        name = next((name for name, window in windows.items() if window["left"] > 0), None)
        if name is None:
            raise WeChatError(45047, "out of response count limit")
        follower[name] = windows[name] | {"left": windows[name]["left"] - 1}
        self.world.state.put("followers", str(openid), follower)
        shown = content or "\n".join(str(article.get("title", "")) for article in articles) or f"[{kind}]"
        self.door.say(str(openid), "reply", type=kind, content=shown)
        return {"errcode": 0, "errmsg": "ok"}

    def create_menu(self, body: Any) -> dict[str, Any]:
        """`menu/create`. WeChat keeps `\\uXXXX` as six characters, so it refuses it as 40033."""
        if re.search(rb"\\u[0-9a-fA-F]{4}", request.get_data()):
            raise WeChatError(40033, "invalid charset. please check your request, if include \\uxxxx will create fail!")
        error = menu_error(body)
        if error:
            raise WeChatError(*error)
        self.world.state.put("menu", "menu", body)
        return {"errcode": 0, "errmsg": "ok"}

    def get_menu(self, _: Any) -> dict[str, Any]:
        """`menu/get`."""
        menu = self.world.state.get("menu", "menu")
        if menu is None:
            raise WeChatError(46003, "menu no exist")
        conditional = self.menus.all()
        return {"menu": menu} | ({"conditionalmenu": conditional} if conditional else {})

    def delete_menu(self, _: Any) -> dict[str, Any]:
        """`menu/delete`."""
        self.world.state.delete("menu", "menu")
        self.menus.remove_all()
        return {"errcode": 0, "errmsg": "ok"}

    def user_info(self, _: Any) -> dict[str, Any]:
        """`user/info`: since 2021-12-27 names and pictures come empty; of a non-follower only that he is none."""
        openid = request.args.get("openid", "")
        row = self.world.state.get("followers", openid)
        if row is None:
            raise WeChatError(40003, "invalid openid")
        if not row["subscribed"]:
            return {"subscribe": 0, "openid": openid}
        return {
            "subscribe": 1,
            "openid": openid,
            "nickname": "",
            "sex": 0,
            "language": "zh_CN",
            "city": "",
            "province": "",
            "country": "",
            "headimgurl": "",
            "subscribe_time": row["since"],
            "remark": "",
            "groupid": 0,
            "tagid_list": row.get("tags", []),
            "subscribe_scene": "ADD_SCENE_QR_CODE" if row.get("scene") else "ADD_SCENE_SEARCH",
            "qr_scene": 0,
            "qr_scene_str": row.get("scene", ""),
        }

    def create_qr(self, body: dict[str, Any]) -> dict[str, Any]:
        """`qrcode/create`."""
        return _or_raise(self.scenes.create(body))

    def get_ticket(self, _: Any) -> dict[str, Any]:
        """`ticket/getticket`."""
        return _or_raise(self.scenes.page_ticket(request.args.get("type", "")))

    def add_conditional_menu(self, body: Any) -> dict[str, Any]:
        """`menu/addconditional`."""
        return _or_raise(self.menus.add(body))

    def remove_conditional_menu(self, body: Any) -> dict[str, Any]:
        """`menu/delconditional`."""
        return _or_raise(self.menus.remove(body))

    def match_menu(self, body: Any) -> dict[str, Any]:
        """`menu/trymatch`."""
        return _or_raise(self.menus.match(body))

    def create_tag(self, body: Any) -> dict[str, Any]:
        """`tags/create`."""
        return _or_raise(self.menus.create_tag(body))

    def get_tags(self, _: Any) -> dict[str, Any]:
        """`tags/get`."""
        return self.menus.tags()

    def tag_followers(self, body: Any) -> dict[str, Any]:
        """`tags/members/batchtagging`."""
        return _or_raise(self.menus.put_tag(body, on=True))

    def untag_followers(self, body: Any) -> dict[str, Any]:
        """`tags/members/batchuntagging`."""
        return _or_raise(self.menus.put_tag(body, on=False))


def _or_raise(found: dict[str, Any] | tuple[int, str]) -> dict[str, Any]:
    if isinstance(found, tuple):
        raise WeChatError(*found)
    return found


_OPERATIONS: dict[tuple[str, str], Handler] = {
    ("POST", "message/template/send"): WeChatApi.send_template,
    ("POST", "message/custom/send"): WeChatApi.send_custom,
    ("POST", "message/subscribe/bizsend"): WeChatApi.send_subscription,
    ("POST", "menu/create"): WeChatApi.create_menu,
    ("GET", "menu/get"): WeChatApi.get_menu,
    ("GET", "menu/delete"): WeChatApi.delete_menu,
    ("POST", "menu/addconditional"): WeChatApi.add_conditional_menu,
    ("POST", "menu/delconditional"): WeChatApi.remove_conditional_menu,
    ("POST", "menu/trymatch"): WeChatApi.match_menu,
    ("POST", "tags/create"): WeChatApi.create_tag,
    ("GET", "tags/get"): WeChatApi.get_tags,
    ("POST", "tags/members/batchtagging"): WeChatApi.tag_followers,
    ("POST", "tags/members/batchuntagging"): WeChatApi.untag_followers,
    ("GET", "user/info"): WeChatApi.user_info,
    ("POST", "qrcode/create"): WeChatApi.create_qr,
    ("GET", "ticket/getticket"): WeChatApi.get_ticket,
}


def _text_of(world: World, operation: str, body: Any) -> str:
    """Return what a person would read of a call, for the ledger."""
    if not isinstance(body, dict):
        return ""
    if operation in ("message/template/send", "message/subscribe/bizsend"):
        table = "templates:wechat_api" if "template" in operation else TEMPLATES
        template = world.state.get(table, str(body.get("template_id")))
        data = body.get("data")
        data = {k: v for k, v in data.items() if isinstance(v, dict)} if isinstance(data, dict) else {}
        if template:
            return f"{template['title']}\n{rendered(template['content'], data)}"
        return "\n".join(f"{key}: {value.get('value')}" for key, value in data.items())
    if operation == "message/custom/send":
        part = body.get(str(body.get("msgtype")))
        return (
            json.dumps(part, ensure_ascii=False) if body.get("msgtype") != "text" else str((part or {}).get("content"))
        )
    if operation == "qrcode/create":
        info = body.get("action_info")
        return f"{body.get('action_name')} {json.dumps(info, ensure_ascii=False)}"
    if operation in ("menu/create", "menu/addconditional"):
        return "、".join(str(button.get("name")) for button in body.get("button", []) if isinstance(button, dict))
    return ""


def blueprint(world: World) -> Blueprint:
    """The routes of `cgi-bin`; the doors to our `/wechat` are kept in `world` for the control and the page."""
    routes = Blueprint("wechat_api", __name__, url_prefix="/wechat_api")
    tokens, door = Tokens(world), PushDoor(world)
    api = WeChatApi(world, door, tokens)
    world.doors["wechat"] = door
    world.doors["wechat_subscriptions"] = api.subscriptions

    def refused(call: Call, code: str | None) -> Answer:
        default = "43004" if call.operation.startswith("message/") else "48001"
        default = "43101" if call.operation == "message/subscribe/bizsend" else default
        errmsg = {"43004": "require subscribe", "48001": "api unauthorized"}.get(code or default, "refused")
        return errcode_answer(int(code or default), errmsg)

    def expired(call: Call) -> Answer:
        tokens.expire(request.args.get("access_token", ""))
        return errcode_answer(42001, "access_token expired")

    def broken() -> Response:
        return Response("<html><body>502 Bad Gateway</body></html>", 502, content_type="text/html")

    voice = Voice(refused, expired, broken)

    def credentials_error(app_id: Any, secret: Any) -> tuple[int, str] | None:
        if not app_id:
            return 41002, "appid missing"
        if not secret:
            return 41004, "appsecret missing"
        if not world.config.wechat_app_id or app_id != world.config.wechat_app_id:
            return 40013, "invalid appid"
        if not secrets.compare_digest(str(secret).encode(), world.config.wechat_app_secret.encode()):
            return 40125, "invalid appsecret"
        return None

    def token_answer(app_id: Any, secret: Any, grant: Any, get: Callable[[], dict[str, Any]]) -> Answer:
        error = (40002, "invalid grant_type") if grant != "client_credential" else credentials_error(app_id, secret)
        if error:
            return errcode_answer(*error)
        body = get()
        return Answer(wechat_json(body), str(body["errcode"]) if "errcode" in body else "ok")

    @routes.get("/cgi-bin/token")
    def token() -> Response:
        args = request.args

        def act() -> Answer:
            return token_answer(args.get("appid"), args.get("secret"), args.get("grant_type"), tokens.classic)

        return world.take(Call(PARTNER, "token", for_token=True), act, voice)

    @routes.post("/cgi-bin/stable_token")
    def stable_token() -> Response:
        body = request.get_json(force=True, silent=True)

        def act() -> Answer:
            if not isinstance(body, dict):
                return errcode_answer(47001, "data format error")
            force = body.get("force_refresh") is True
            return token_answer(
                body.get("appid"), body.get("secret"), body.get("grant_type"), lambda: tokens.stable(force=force)
            )

        return world.take(Call(PARTNER, "stable_token", for_token=True), act, voice)

    @routes.route("/cgi-bin/<path:operation>", methods=["GET", "POST"])
    def operation(operation: str) -> Response:
        handler = _OPERATIONS.get((request.method, operation))
        body = request.get_json(force=True, silent=True) if request.method == "POST" else {}
        told = body if isinstance(body, dict) else {}

        def act() -> Answer:
            error = tokens.error(request.args.get("access_token", ""))
            if error:
                return errcode_answer(*error)
            if handler is None:
                known = any(path == operation for _, path in _OPERATIONS)
                method = "require POST method" if request.method == "GET" else "require GET method"
                return errcode_answer(
                    *((43002 if request.method == "GET" else 43001, method) if known else (40066, "invalid url"))
                )
            if not isinstance(body, dict):
                return errcode_answer(47001, "data format error")
            if not tokens.spend(operation, QUOTAS[operation]):
                return errcode_answer(45009, "reach max api daily quota limit")
            try:
                result = handler(api, body)
            except WeChatError as error_:
                return errcode_answer(error_.errcode, error_.errmsg)
            sent = operation.startswith("message/")
            detail = {key: result[key] for key in ("msgid",) if key in result} | (
                {"template_id": told["template_id"], "url": told.get("url") or told.get("page")}
                if "template_id" in told
                else {}
            )
            return Answer(wechat_json(result), "accepted" if sent else "ok", detail)

        several = told.get("openid_list")
        to = (
            told.get("touser")
            or (several[0] if isinstance(several, list) and several else "")
            or request.args.get("openid")
            or ""
        )
        call = Call(PARTNER, operation, str(told.get("client_msg_id") or ""), str(to), _text_of(world, operation, body))
        return world.take(call, act, voice)

    return routes
