"""Messages and events that WeChat pushes to our door, and how it reads our answers.

Imitates 《接收普通消息》, 《接收事件推送》, 《被动回复用户消息》 and 《消息加解密说明》: signature in the query, AES
in safe mode, 5 s for an answer, up to three deliveries of the same bytes, then the citizen reads that the account is
out of order.
"""

from __future__ import annotations

import re
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode
from xml.parsers.expat import ExpatError
from xml.sax.saxutils import escape

import requests
import xmltodict

from citizen_services.sandbox.outgoing import Channel
from citizen_services.sandbox.wechat_crypto import EnvelopeError, decrypt, encrypt, sha1_of_sorted
from citizen_services.sandbox.wechat_scenes import Scenes
from citizen_services.sandbox.world import World

PARTNER = "wechat_api"
ANSWER_WITHIN_S = 5.0
DELIVERIES = 3
PAUSE_S = 1.0
OUT_OF_ORDER = "该公众号提供的服务出现故障，请稍后再试"
REPLY_TYPES = ("text", "image", "voice", "video", "music", "news", "transfer_customer_service")
HEADERS = {"Content-Type": "text/xml", "User-Agent": "Mozilla/4.0"}

#: MsgType, then the fields taken from the control's body: (tag, name in the body, default).
_MESSAGES: dict[str, list[tuple[str, str, str]]] = {
    "text": [("Content", "content", "")],
    "image": [("PicUrl", "url", "http://mmbiz.qpic.cn/sandbox/0"), ("MediaId", "media_id", "sandbox-image")],
    "voice": [("MediaId", "media_id", "sandbox-voice"), ("Format", "format", "amr")],
    "video": [("MediaId", "media_id", "sandbox-video"), ("ThumbMediaId", "thumb_media_id", "sandbox-thumb")],
    "shortvideo": [("MediaId", "media_id", "sandbox-video"), ("ThumbMediaId", "thumb_media_id", "sandbox-thumb")],
    "location": [
        ("Location_X", "latitude", "29.65503"),
        ("Location_Y", "longitude", "121.40695"),
        ("Scale", "scale", "16"),
        ("Label", "label", "浙江省宁波市奉化区"),
    ],
    "link": [("Title", "title", ""), ("Description", "description", ""), ("Url", "url", "")],
    "file": [("Title", "title", ""), ("Description", "description", ""), ("FileKey", "file_key", "")],
}
#: Event, and the field of the control's body that becomes its EventKey.
_EVENTS = {
    "subscribe": ("subscribe", "key"),
    "unsubscribe": ("unsubscribe", "key"),
    "scan": ("SCAN", "key"),
    "click": ("CLICK", "key"),
    "view": ("VIEW", "url"),
    "scancode_push": ("scancode_push", "key"),
    "scancode_waitmsg": ("scancode_waitmsg", "key"),
}
KINDS = (*_MESSAGES, *_EVENTS)
#: Customer service messages that an act of the follower allows: how many, for how many seconds.
_WINDOWS = {"message": (5, 48 * 3600), "tap": (3, 60)}
_TAPS = ("click", "scancode_push", "scancode_waitmsg", "subscribe", "scan")


def cdata(text: str) -> str:
    """Return a CDATA section, also for text that contains its end."""
    return "<![CDATA[" + text.replace("]]>", "]]]]><![CDATA[>") + "]]>"


class PushDoor:
    """Speaks to our `/wechat` in WeChat's place."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._config = world.config
        world.outgoing.register(
            Channel(
                partner=PARTNER,
                url=f"{world.config.public_base_url}/wechat",
                prepare=lambda payload: (payload["body"].encode(), HEADERS),
                accepted=lambda answer: answer.status_code == 200,
                pauses_s=(PAUSE_S,) * (DELIVERIES - 1),
                timeout_s=ANSWER_WITHIN_S,
            )
        )

    # -- what WeChat builds

    def new_msg_id(self) -> int:
        """Return a 19-digit number as WeChat's MsgId are."""
        return (int(self._world.now() * 1000) << 20) | (self._world.state.next_number("msg_id") & 0xFFFFF)

    def envelope(self, openid: str, inner: str) -> dict[str, str]:
        """Return `{query, body}` of one push in the account's mode; the same bytes serve every delivery."""
        config = self._config
        timestamp, nonce = str(int(self._world.now())), str(secrets.randbelow(9 * 10**8) + 10**8)
        query = {
            "signature": sha1_of_sorted(config.wechat_token, timestamp, nonce),
            "timestamp": timestamp,
            "nonce": nonce,
            "openid": openid,
        }
        to_us = f"<ToUserName>{cdata(config.wechat_original_id)}</ToUserName>"
        if config.wechat_mode == "plain":
            return {"query": "?" + urlencode(query), "body": f"<xml>{to_us}{inner}</xml>"}
        if not re.fullmatch(r"[A-Za-z0-9]{43}", config.wechat_aes_key):
            raise ValueError("WECHAT_ENCODING_AES_KEY is not 43 letters and digits, so WeChat can't encrypt pushes")
        encrypted = encrypt(f"<xml>{to_us}{inner}</xml>", config.wechat_aes_key, config.wechat_app_id)
        query |= {
            "encrypt_type": "aes",
            "msg_signature": sha1_of_sorted(config.wechat_token, timestamp, nonce, encrypted),
        }
        visible = inner if config.wechat_mode == "compatible" else ""
        body = f"<xml>{to_us}{visible}<Encrypt>{cdata(encrypted)}</Encrypt></xml>"
        return {"query": "?" + urlencode(query), "body": body}

    def message(self, body: dict[str, Any]) -> str:
        """Return the XML fields of what a follower does, without ToUserName; raises ValueError if it can't be told."""
        raw = body.get("raw")
        if isinstance(raw, str):
            return raw
        openid, kind = str(body["openid"]), str(body.get("kind", "text"))
        created = int(body.get("create_time") or self._world.now())
        head = f"<FromUserName>{cdata(openid)}</FromUserName><CreateTime>{created}</CreateTime>"
        if kind in _MESSAGES:
            fields = "".join(
                f"<{tag}>{cdata(str(body.get(name, default)))}</{tag}>" for tag, name, default in _MESSAGES[kind]
            )
            msg_id = int(body.get("msg_id") or self.new_msg_id())
            return f"{head}<MsgType>{cdata(kind)}</MsgType>{fields}<MsgId>{msg_id}</MsgId>"
        if kind not in _EVENTS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}")
        event, source = _EVENTS[kind]
        key, extra = str(body.get(source) or body.get("key") or ""), ""
        if kind == "scan" and not self.follows(openid):
            event, key = "subscribe", f"qrscene_{key}"
        if key and kind in ("scan", "subscribe"):
            extra = f"<Ticket>{cdata(str(body.get('ticket', 'sandbox-ticket')))}</Ticket>"
        if kind == "view":
            extra = "<MenuId>400000001</MenuId>"
        if kind.startswith("scancode"):
            result = cdata(str(body.get("content", "")))
            extra = (
                f"<ScanCodeInfo><ScanType>{cdata('qrcode')}</ScanType><ScanResult>{result}</ScanResult></ScanCodeInfo>"
            )
        head += f"<MsgType>{cdata('event')}</MsgType>"
        return f"{head}<Event>{cdata(event)}</Event><EventKey>{cdata(key)}</EventKey>{extra}"

    def template_finished(self, openid: str, msgid: int, status: str) -> None:
        """Schedule TEMPLATESENDJOBFINISH; `status` is `success`, `failed:user block` or `failed: system failed`."""
        inner = (
            f"<FromUserName>{cdata(openid)}</FromUserName><CreateTime>{int(self._world.now())}</CreateTime>"
            f"<MsgType>{cdata('event')}</MsgType><Event>{cdata('TEMPLATESENDJOBFINISH')}</Event>"
            f"<MsgID>{msgid}</MsgID><Status>{cdata(escape(status))}</Status>"
        )
        payload = self.envelope(openid, inner)
        self._world.outgoing.schedule(PARTNER, openid, payload, self._config.receipt_delay_s)

    # -- who follows, and what may be said to them

    def follows(self, openid: str) -> bool:
        """Tell whether the openid follows the account."""
        row = self._world.state.get("followers", openid)
        return bool(row and row["subscribed"])

    def remember(self, openid: str, kind: str) -> None:
        """Change the follower as an act does, and open the window of customer service messages."""
        state, now = self._world.state, self._world.now()
        with state.lock:
            row = dict(state.get("followers", openid) or {"subscribed": False, "since": 0})
            if kind in ("subscribe", "scan") and not row["subscribed"]:
                row |= {"subscribed": True, "since": int(now)}
            if kind == "unsubscribe":
                row |= {"subscribed": False, "told": False, "tags": []}
            window = "message" if kind in _MESSAGES else "tap" if kind in _TAPS else ""
            if window:
                left, seconds = _WINDOWS[window]
                row[window] = {"left": left, "until": now + seconds}
            state.put("followers", openid, row)

    def say(self, openid: str, kind: str, **shown: Any) -> None:
        """Keep a line of the conversation for the page."""
        number = self._world.state.next_number("talk")
        self._world.state.put("talk", str(number), {"openid": openid, "kind": kind, "at": self._world.now(), **shown})

    # -- delivering what a follower does

    def push(self, body: dict[str, Any]) -> dict[str, Any]:
        """Let a follower say or tap something and return what we answered.

        `scan` with the `ticket` of a code that was made brings its scene. `copies` sends the same bytes several times
        at once (a replay). Raises ValueError for what can't happen on WeChat.
        """
        openid, kind = str(body.get("openid") or ""), str(body.get("kind", "text"))
        if not openid:
            raise ValueError("openid is missing")
        if kind == "scan" and "ticket" in body:
            body = body | {"key": Scenes(self._world).scanned(str(body["ticket"]))}
        if not self.follows(openid) and kind not in ("subscribe", "scan") and "raw" not in body:
            raise ValueError(f"{openid} does not follow the account, so WeChat sends nothing of theirs")
        inner = self.message(body)
        self.remember(openid, kind)
        shown = body.get("content") or body.get("label") or body.get("key") or body.get("url") or ""
        self.say(openid, "act", act=kind, text=str(shown))
        sent = self.envelope(openid, inner)
        copies = min(20, max(1, int(body.get("copies", 1))))
        with ThreadPoolExecutor(max_workers=copies) as pool:
            answers = list(pool.map(lambda _: self._deliver(sent, openid), range(copies)))
        first = answers[0]
        if first["reply"]:
            self.say(openid, "reply", **first["reply"])
        elif first["fault"]:
            self.say(openid, "fault", text=first["fault"])
        return {**first, "copies": answers[1:]}

    def _deliver(self, sent: dict[str, str], openid: str) -> dict[str, Any]:
        url = f"{self._config.public_base_url}/wechat{sent['query']}"
        deliveries: list[dict[str, Any]] = []
        for attempt in range(DELIVERIES):
            if attempt:
                time.sleep(PAUSE_S)
            begun = time.monotonic()
            try:
                with requests.Session() as session:
                    session.trust_env = False
                    got = session.post(
                        url,
                        data=sent["body"].encode(),
                        headers=HEADERS,
                        timeout=ANSWER_WITHIN_S,
                        allow_redirects=False,
                    )
            except requests.RequestException as error:
                deliveries.append({"status": None, "error": type(error).__name__})
                continue
            deliveries.append({"status": got.status_code, "elapsed_ms": round((time.monotonic() - begun) * 1000)})
            if got.status_code == 200:
                return {"deliveries": deliveries, **self._read(got.text, openid)}
        return {"deliveries": deliveries, "answer": None, "encrypted": False, "reply": None, "fault": OUT_OF_ORDER}

    def _read(self, text: str, openid: str) -> dict[str, Any]:
        """Read our answer as WeChat does: nothing, `success`, or a reply that keeps its rules."""
        if text in ("", "success"):
            return {"answer": text, "encrypted": False, "reply": None, "fault": None}
        encrypted = False
        try:
            outer = xmltodict.parse(text)["xml"]
            if "Encrypt" in outer:
                encrypted = True
                text = self._open(outer)
                outer = xmltodict.parse(text)["xml"]
            elif self._config.wechat_mode == "safe":
                raise EnvelopeError("in safe mode the reply must be encrypted")
            reply = self._reply(outer, openid)
        except (EnvelopeError, ExpatError, ValueError, KeyError, TypeError, AttributeError) as error:
            return {"answer": text, "encrypted": encrypted, "reply": None, "fault": OUT_OF_ORDER, "why": str(error)}
        return {"answer": text, "encrypted": encrypted, "reply": reply, "fault": None}

    def _open(self, outer: dict[str, Any]) -> str:
        config = self._config
        signature = sha1_of_sorted(
            config.wechat_token, str(outer["TimeStamp"]), str(outer["Nonce"]), str(outer["Encrypt"])
        )
        if not secrets.compare_digest(signature, str(outer["MsgSignature"])):
            raise EnvelopeError("the reply's MsgSignature is wrong")
        return decrypt(str(outer["Encrypt"]), config.wechat_aes_key, config.wechat_app_id)

    def _reply(self, fields: dict[str, Any], openid: str) -> dict[str, Any]:
        if fields["ToUserName"] != openid or fields["FromUserName"] != self._config.wechat_original_id:
            raise ValueError("the reply is addressed to somebody else")
        int(fields["CreateTime"])
        kind = fields["MsgType"]
        if kind not in REPLY_TYPES:
            raise ValueError(f"unknown MsgType {kind}")
        reply: dict[str, Any] = {"type": kind}
        if kind == "text":
            content = fields["Content"]
            if not content or len(content.encode()) > 2048:
                raise ValueError("a text has 1 to 2048 bytes")
            reply["content"] = content
        if kind == "news":
            items = fields["Articles"]["item"]
            if isinstance(items, list):
                raise ValueError("one article only")
            reply["articles"] = [{name: items.get(name) or "" for name in ("Title", "Description", "PicUrl", "Url")}]
        return reply
