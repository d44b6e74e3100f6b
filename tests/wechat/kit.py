"""WeChat's side of the door: builds pushes with wechatpy's own crypto and reads our answers as WeChat does."""

from __future__ import annotations

import hashlib
import itertools
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

import requests
import xmltodict
from wechatpy.crypto import WeChatCrypto

from citizen_services.settings import WeChat

ACCOUNT = "gh_0123456789ab"
ALICE = "oAlice_-0123456789abcdefghij"
_numbers = itertools.count(7_300_000_000_000_000_000)


def sha1(*parts: str) -> str:
    """WeChat's signature over some parts."""
    return hashlib.sha1("".join(sorted(parts)).encode()).hexdigest()


def message(kind: str = "text", sender: str = ALICE, created: int | None = None, **fields: Any) -> str:
    """A message's XML, with a number of its own."""
    return _xml(sender, kind, created, {"MsgId": next(_numbers)} | fields)


def event(name: str, sender: str = ALICE, created: int | None = None, **fields: Any) -> str:
    """An event's XML."""
    return _xml(sender, "event", created, {"Event": name, "EventKey": ""} | fields)


def _xml(sender: str, kind: str, created: int | None, fields: dict[str, Any]) -> str:
    said = "".join(f"<{name}><![CDATA[{value}]]></{name}>" for name, value in fields.items())
    return (
        f"<xml><ToUserName><![CDATA[{ACCOUNT}]]></ToUserName><FromUserName><![CDATA[{sender}]]></FromUserName>"
        f"<CreateTime>{created or int(time.time())}</CreateTime><MsgType><![CDATA[{kind}]]></MsgType>{said}</xml>"
    )


@dataclass(frozen=True)
class Sent:
    """One push as it stands on the wire: the same bytes can be sent again."""

    query: dict[str, str]
    body: bytes

    def but(self, body: bytes | None = None, **query: str | None) -> Sent:
        """The same with something else; None takes a parameter away."""
        changed = {name: value for name, value in (self.query | query).items() if value is not None}
        return Sent(changed, self.body if body is None else body)


@dataclass
class WeChatSide:
    """What stands at the other end of the wire."""

    url: str
    wechat: WeChat
    http: requests.Session = field(default_factory=requests.Session)

    def crypto(self, key: str = "", app_id: str = "") -> WeChatCrypto:
        """Encryption under a key (the account's own unless another is given)."""
        return WeChatCrypto(self.wechat.token, key or self.wechat.encoding_aes_key, app_id or self.wechat.app_id)

    def query(self, ago_s: int = 0) -> dict[str, str]:
        """A signed query."""
        timestamp, nonce = str(int(time.time()) - ago_s), str(secrets.randbelow(10**10))
        return {
            "signature": sha1(self.wechat.token, timestamp, nonce),
            "timestamp": timestamp,
            "nonce": nonce,
            "openid": ALICE,
        }

    def plain(self, xml: str | bytes, ago_s: int = 0) -> Sent:
        """A push as plain mode sends it."""
        return Sent(self.query(ago_s), xml if isinstance(xml, bytes) else xml.encode())

    def safe(self, xml: str, *, key: str = "", app_id: str = "", ago_s: int = 0, beside: str = "") -> Sent:
        """A push as safe mode sends it; ``beside`` = the fields that compatible mode shows as well."""
        query = self.query(ago_s)
        crypto = self.crypto(key, app_id)
        sealed = xmltodict.parse(crypto.encrypt_message(xml, query["nonce"], query["timestamp"]))["xml"]["Encrypt"]
        return self.sealed(sealed, query, beside)

    def sealed(self, sealed: str, query: dict[str, str] | None = None, beside: str = "") -> Sent:
        """A push with any text in Encrypt, signed rightly."""
        query = query or self.query()
        signature = sha1(self.wechat.token, query["timestamp"], query["nonce"], sealed)
        body = f"<xml><ToUserName>{ACCOUNT}</ToUserName>{beside}<Encrypt><![CDATA[{sealed}]]></Encrypt></xml>"
        return Sent(query | {"encrypt_type": "aes", "msg_signature": signature}, body.encode())

    def deliver(self, sent: Sent) -> requests.Response:
        """Send it, once."""
        headers = {"Content-Type": "text/xml", "Connection": "close"}
        return requests.post(self.url, params=sent.query, data=sent.body, headers=headers, timeout=30)

    def read(self, answer: requests.Response, key: str = "") -> str:
        """The text that the follower reads, empty for silence; fails on what WeChat would not take."""
        assert answer.status_code == 200, (answer.status_code, answer.text)
        if answer.text == "success":
            return ""
        fields = xmltodict.parse(answer.text)["xml"]
        if "Encrypt" in fields:
            assert fields["MsgSignature"] == sha1(
                self.wechat.token, fields["TimeStamp"], fields["Nonce"], fields["Encrypt"]
            )
            opened = self.crypto(key).decrypt_message(
                answer.text, fields["MsgSignature"], fields["TimeStamp"], fields["Nonce"]
            )
            fields = xmltodict.parse(opened)["xml"]
        assert set(fields) == {"MsgType", "FromUserName", "ToUserName", "CreateTime", "Content"}
        assert fields["MsgType"] == "text"
        assert fields["FromUserName"] == ACCOUNT
        assert 0 < len(fields["Content"].encode()) <= 2048
        return str(fields["Content"])

    def say(self, words: str, sender: str = ALICE) -> str:
        """What is answered to a text."""
        return self.read(self.deliver(self.safe(message(Content=words, sender=sender))))

    def tap(self, name: str, sender: str = ALICE, **fields: Any) -> str:
        """What is answered to an event."""
        return self.read(self.deliver(self.safe(event(name, sender=sender, **fields))))
