"""The official account's server API: wechatpy's client with our transport, our token and our reading of errors.

wechatpy 1.8.18 gives the operations (``menu.create``, ``user.get`` …). What it lacks is replaced here: its token code
fetches without end or lock and from a fixed address, its requests have no time-out, its exceptions contain secrets.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from wechatpy import WeChatClient

from citizen_services.clock import protocol_now
from citizen_services.exchange.http import WORK, Caller, Patience, new_ref
from citizen_services.exchange.outcomes import NotAccepted, Outcome, Uncertain, Unknown, settle
from citizen_services.exchange.wechat_codes import SENT_BEFORE, TOKEN, is_listed, refusal
from citizen_services.exchange.wechat_menus import Menus
from citizen_services.exchange.wechat_token import BRIEF, SharedTicket, SharedToken
from citizen_services.settings import Partner, WeChat

log = logging.getLogger(__name__)


#: Tokens that one operation is tried with; where all are refused a person has to look.
_MOST_TOKENS = 3


class _Client(WeChatClient):
    """wechatpy's operations over our transport."""

    def __init__(self, partner: Partner, wechat: WeChat, caller: Caller, token: SharedToken) -> None:
        self._base = f"{partner.base_url}/cgi-bin/"
        self._caller = caller
        self._token = token
        super().__init__(wechat.app_id, "", timeout=WORK.read_s, auto_retry=False)

    @property
    def access_token(self) -> str:
        """The shared token's value."""
        return self._token.get().value

    def fetch_access_token(self) -> None:
        """Never asked for: tokens are shared by all processes and are renewed by SharedToken alone."""
        raise NotImplementedError

    def _request(self, method: str, url_or_endpoint: str, **kwargs: Any) -> Any:
        """One operation; on a refused token again with a new one, and with another. Raises OutsideError."""
        # Some modules of the library name another host, and would send it our token.
        if url_or_endpoint.startswith(("http://", "https://")) or "api_base_url" in kwargs:
            raise NotImplementedError(f"{url_or_endpoint.partition('?')[0]} is outside the configured address")
        unknown = set(kwargs) - {"params", "data", "ref", "patience", "result_processor"}
        if unknown:
            raise NotImplementedError(f"{url_or_endpoint}: {', '.join(sorted(unknown))}")
        token = self._token.get()
        answer = self._once(method, url_or_endpoint, token.value, kwargs)
        error = refusal(url_or_endpoint, answer)
        for _ in range(_MOST_TOKENS - 1):
            refused = token
            if error is None or error.errcode not in TOKEN:
                break
            # One that ended in this very moment may have a successor that did so too; the channel need not rest for it.
            token = self._token.after(refused)
            if token.value == refused.value:
                break
            answer = self._once(method, url_or_endpoint, token.value, kwargs)
            error = refusal(url_or_endpoint, answer)
        if error is not None:
            if not is_listed(error.errcode) and error.errcode != SENT_BEFORE:
                log.error("%s: an error code that nobody has sorted yet", error)
            raise error
        processor: Callable[[dict[str, Any]], Any] | None = kwargs.get("result_processor")
        return processor(answer) if processor else answer

    def _once(self, method: str, endpoint: str, token: str, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        params = {name: str(value) for name, value in (kwargs.get("params") or {}).items()}
        # Not ASCII: WeChat would keep \uXXXX as it stands.
        data = kwargs.get("data")
        body = None if data is None else json.dumps(data, ensure_ascii=False).encode()
        return self._caller.send(
            cast(Literal["GET", "POST"], method.upper()),
            self._base + endpoint,
            operation=endpoint,
            ref=kwargs.get("ref") or new_ref(),
            patience=kwargs.get("patience") or WORK,
            params=params | {"access_token": token},
            body=body,
            headers={"Content-Type": "application/json; charset=utf-8"} if body is not None else None,
        ).json()


@dataclass(frozen=True)
class Follower:
    """What WeChat tells of an openid: whether it follows, and by which QR code's scene it came."""

    openid: str
    subscribed: bool
    unionid: str | None
    scene: str


#: What WeChat bears in a scene's name, and for how long a temporary one serves (《生成带参数的二维码》).
_SCENE = re.compile(r"(?!qrscene_)[A-Za-z0-9_-]{1,64}", re.ASCII)
LONGEST_SCENE_S = 2_592_000


@dataclass(frozen=True)
class SceneCode:
    """A QR code of the account: its ticket, the address to be drawn, how long it serves (None: for good)."""

    ticket: str
    url: str
    lasts_s: int | None


class WeChatApi:
    """What we do at the official account. Safe for threads."""

    def __init__(
        self, partner: Partner, wechat: WeChat, templates: Mapping[str, str], caller: Caller, token: SharedToken
    ) -> None:
        self.client = _Client(partner, wechat, caller, token)
        #: Conditional menus, and the tags that they are shown by.
        self.menus = Menus(self.client)
        self._templates = templates
        self._app_id = wechat.app_id
        self._ticket = SharedTicket(token, self._ask_ticket)

    def send_template(
        self, ref: str, openid: str, template: str, fields: Mapping[str, str], url: str | None = None
    ) -> Outcome:
        """Send a template message: its key, its typed fields (``thing1``), where it leads. Accepted gives the msgid.

        ``ref`` (a UUID's text) goes along as ``client_msg_id`` without its dashes, since that has 32 characters.
        Whoever got Unknown must not send again on this channel: WeChat can't be asked.
        """
        message: dict[str, Any] = {
            "touser": openid,
            "template_id": self._templates.get(f"wechat:{template}", template),
            "client_msg_id": ref.replace("-", ""),
            "data": {name: {"value": value} for name, value in fields.items()},
        }
        if url:
            message["url"] = url

        def call() -> str:
            answer = self.client.post("message/template/send", data=message, ref=ref)
            return str(answer.get("msgid") or "")

        return _told(settle(call))

    def send_subscription(
        self, ref: str, openid: str, template_id: str, fields: Mapping[str, str], url: str | None = None
    ) -> Outcome:
        """Send a subscription message by WeChat's id of its template. Accepted gives no msgid, its event does.

        No id of ours goes along, so that whoever got Unknown must not send again. 43101: no consent is left.
        """
        message: dict[str, Any] = {
            "touser": openid,
            "template_id": template_id,
            "data": {name: {"value": value} for name, value in fields.items()},
        }
        if url:
            message["page"] = url

        def call() -> str:
            self.client.post("message/subscribe/bizsend", data=message, ref=ref)
            return ""

        return settle(call)

    def create_menu(self, buttons: list[dict[str, Any]]) -> None:
        """Set the account's menu. Raises OutsideError."""
        self.client.menu.create({"button": buttons})

    def menu(self) -> list[dict[str, Any]]:
        """The menu as WeChat has it, empty where none is set. Raises OutsideError."""
        answer = self.client.menu.get()
        return list(answer["menu"]["button"]) if answer else []

    def follower(self, openid: str, *, patience: Patience = WORK) -> Follower:
        """What WeChat knows of an openid. Raises OutsideError (40003: not an openid of ours)."""
        answer = self.client.get("user/info", params={"openid": openid, "lang": "zh_CN"}, patience=patience)
        return Follower(
            openid=openid,
            subscribed=answer.get("subscribe") == 1,
            unionid=answer.get("unionid") or None,
            scene=str(answer.get("qr_scene_str") or ""),
        )

    def create_scene(self, scene: str, lasts_s: int | None = None) -> SceneCode:
        """Make a QR code whose scan is pushed to us with ``scene``; for good unless ``lasts_s`` seconds are said.

        ValueError for what WeChat can't bear. Raises OutsideError (40053 also where all 100,000 lasting ones are used).
        """
        if not _SCENE.fullmatch(scene):
            raise ValueError("a scene has 1 to 64 letters, digits, - and _, and does not begin with qrscene_")
        if lasts_s is not None and not 1 <= lasts_s <= LONGEST_SCENE_S:
            raise ValueError(f"a temporary code serves 1 to {LONGEST_SCENE_S} seconds")
        asked: dict[str, Any] = {"action_info": {"scene": {"scene_str": scene}}}
        if lasts_s is None:
            asked["action_name"] = "QR_LIMIT_STR_SCENE"
        else:
            asked |= {"action_name": "QR_STR_SCENE", "expire_seconds": lasts_s}
        answer = self.client.post("qrcode/create", data=asked)
        ticket, url = answer.get("ticket"), answer.get("url")
        if not isinstance(ticket, str) or not isinstance(url, str) or not url.startswith(("http://", "https://")):
            raise Uncertain("wechat_api", "qrcode/create", "an answer without a ticket")
        return SceneCode(ticket, url, int(answer.get("expire_seconds") or lasts_s or 0) or None)

    def page_signature(self, url: str) -> dict[str, Any]:
        """What ``wx.config`` is given on the page of that address (without its fragment). Raises OutsideError.

        The caller has made sure that the address is ours: whoever holds a signature acts as the account there.
        """
        nonce, timestamp = secrets.token_hex(8), int(protocol_now().timestamp())
        signature = sign_page(self._ticket.get().value, nonce, timestamp, url.partition("#")[0])
        return {"appId": self._app_id, "timestamp": timestamp, "nonceStr": nonce, "signature": signature}

    def _ask_ticket(self) -> tuple[str, int]:
        answer = self.client.get("ticket/getticket", params={"type": "jsapi"}, patience=BRIEF)
        ticket, lasts_s = answer.get("ticket"), answer.get("expires_in")
        if not isinstance(ticket, str) or not ticket or not isinstance(lasts_s, int) or lasts_s <= 0:
            raise Uncertain("wechat_api", "ticket/getticket", "an answer without a ticket")
        return ticket, lasts_s


def sign_page(ticket: str, nonce: str, timestamp: int, url: str) -> str:
    """JS-SDK's signature: SHA-1 over the four in this order, values as they are (《JS-SDK 说明》, 附录1)."""
    text = f"jsapi_ticket={ticket}&noncestr={nonce}&timestamp={timestamp}&url={url}"
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def _told(outcome: Outcome) -> Outcome:
    """A second message under one id means that the first was taken, or not: nobody has documented it."""
    if isinstance(outcome, NotAccepted) and outcome.code == str(SENT_BEFORE):
        return Unknown("sent before under the same id")
    return outcome
