"""The envelope of a push: its signature, freshness, mode and encryption, and the same around our answer.

Sources: WeChat's 《接入指南》, 《消息加解密说明》, 《被动回复用户消息》. The mode that is set decides
alone what is let in; what a push says of itself (``encrypt_type``) counts in ``compatible`` mode only.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from xml.parsers.expat import ExpatError, ParserCreate

from wechatpy.crypto import PrpCrypto, WeChatCrypto
from wechatpy.exceptions import InvalidAppIdException

from citizen_services import clock
from citizen_services.rules.text import clip_bytes
from citizen_services.security import equal
from citizen_services.settings import WeChat

#: How far a push's time may lie from the machine's, in seconds.
FRESH_S = 300
#: The largest body that is read; WeChat's own stay far below.
LARGEST_BODY = 64 * 1024
#: The most that a text answer may have, in bytes of UTF-8.
LARGEST_TEXT = 2048
#: The answer that says nothing.
NOTHING = "success"

#: What is let out on hostile bodies. binascii.Error and UnicodeDecodeError are ValueErrors.
_MALFORMED = (ExpatError, KeyError, TypeError, AttributeError, ValueError, IndexError, struct.error, RecursionError)
_TIMESTAMP = re.compile(r"[0-9]{1,12}", re.ASCII)
_NONCE = re.compile(r"[!-~]{1,128}")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NUMBER = re.compile(r"[0-9]{1,20}", re.ASCII)
# What XML 1.0 can't carry, and what would only be seen as a box.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


class Refused(Exception):
    """A push that is not let in: the HTTP ``status``, and why in words for the log that tell nothing of the sender."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


@dataclass(frozen=True)
class Received:
    """What a push says, checked: who, to which account, when (Unix seconds), what kind; other fields as they came."""

    account: str
    sender: str
    created: int
    #: ``text``, ``image`` … or ``event``; lower case.
    kind: str
    #: ``subscribe``, ``subscribe_scan``, ``click`` …, lower case; empty for a message.
    event: str
    fields: Mapping[str, Any] = field(repr=False)
    #: Hash of the whole, as it was before it was encrypted.
    digest: str

    def text(self, name: str) -> str:
        """A field's text; empty where it is missing, or isn't a text."""
        value = self.fields.get(name)
        return value if isinstance(value, str) else ""

    @property
    def key(self) -> str:
        """The name under which this push is known: the same for each delivery of it, and for no other.

        Two events of one person in one second differ by event and key; finished jobs also by their MsgID.
        """
        if self.kind != "event":
            return f"message:{self.sender}:{self.text('MsgId') or self.digest}"
        # Of subscription messages all that tells two events apart stands in lists within.
        number = self.digest if self.event.startswith("subscribe_msg_") else self.text("MsgID")
        parts = [str(self.created), self.event, _short(self.text("EventKey")), number]
        return f"event:{self.sender}:" + ":".join(parts).removesuffix(":")


def _short(text: str) -> str:
    return text if len(text) <= 64 else _hash(text)


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


class _Cipher(PrpCrypto):
    """wechatpy's cipher with random bytes from the system, which is also the quicker way to get them."""

    def get_random_string(self) -> str:
        """The 16 characters that go before each message."""
        return secrets.token_hex(8)


class _Crypto(WeChatCrypto):
    """wechatpy's crypto with its cipher made once for the key and not for each message. Safe for threads."""

    def __init__(self, token: str, encoding_aes_key: str, app_id: str) -> None:
        super().__init__(token, encoding_aes_key, app_id)
        self._cipher = _Cipher(self.key)

    def opened(self, sealed: str) -> str:
        """What was encrypted; its signature was checked before."""
        xml: str = self._cipher.decrypt(sealed, self.app_id)
        return xml

    def encrypt_message(self, msg: str, nonce: str, timestamp: str) -> str:
        """The whole answer: encrypted, signed, in XML."""
        whole: str = self._encrypt_message(msg, nonce, timestamp, lambda _key: self._cipher)
        return whole


@dataclass(frozen=True)
class Delivery:
    """One delivery of a push that was let in, and how its answer is sealed."""

    received: Received
    #: Name of the nonce that it came with.
    nonce: str
    #: ``plain``, or which key: the answer goes under the key that opened the push.
    seal: str
    crypto: _Crypto | None = field(repr=False)

    def answer(self, text: str) -> dict[str, str]:
        """The answer of that text (empty = say nothing) as it is kept, to be given again: ``{xml, seal, body}``."""
        xml = text_reply(self.received, text)
        return {"xml": xml, "seal": self.seal, "body": self._sealed(xml)}

    def body_of(self, answer: Mapping[str, str]) -> str:
        """What is sent for a kept answer: the same bytes again, unless this delivery came under another key."""
        return answer["body"] if answer["seal"] == self.seal else self._sealed(answer["xml"])

    def _sealed(self, xml: str) -> str:
        if not xml:
            return NOTHING
        if self.crypto is None:
            return xml
        now = str(int(clock.protocol_now().timestamp()))
        return self.crypto.encrypt_message(xml, secrets.token_hex(8), now)


def text_reply(received: Received, text: str) -> str:
    """A text answer's XML, empty for an empty text: cleaned, at most 2048 bytes, its CDATA closed by nothing in it."""
    shown = clip_bytes(_UNPRINTABLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip(), LARGEST_TEXT)
    if not shown:
        return ""
    closed_by_nothing = shown.replace("]]>", "]]]]><![CDATA[>")
    # Both names were let in only as letters and digits.
    return (
        f"<xml><ToUserName><![CDATA[{received.sender}]]></ToUserName>"
        f"<FromUserName><![CDATA[{received.account}]]></FromUserName>"
        f"<CreateTime>{int(clock.protocol_now().timestamp())}</CreateTime><MsgType><![CDATA[text]]></MsgType>"
        f"<Content><![CDATA[{closed_by_nothing}]]></Content></xml>"
    )


def signature_of(*parts: str) -> str:
    """WeChat's signature: SHA-1 over the sorted and joined parts, lower-case hex."""
    return hashlib.sha1("".join(sorted(parts)).encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class Signed:
    """The query of a request that came from somebody who knows our token, just now."""

    timestamp: str
    nonce: str
    encrypt_type: str
    msg_signature: str


class Envelope:
    """Opens pushes by the official account's token, mode and keys."""

    def __init__(self, wechat: WeChat) -> None:
        self._token = wechat.token
        self._mode = wechat.mode
        self._cryptos = {
            _short_name(key): _Crypto(wechat.token, key, wechat.app_id)
            for key in (wechat.encoding_aes_key, wechat.encoding_aes_key_previous)
            if key and wechat.mode != "plain"
        }

    def signed(self, query: Mapping[str, str]) -> Signed:
        """Check signature and freshness; Refused (403) unless both hold."""
        timestamp, nonce = query.get("timestamp", ""), query.get("nonce", "")
        if not _TIMESTAMP.fullmatch(timestamp) or not _NONCE.fullmatch(nonce):
            raise Refused(403, "no timestamp or nonce")
        if not equal(signature_of(self._token, timestamp, nonce), query.get("signature", "")):
            raise Refused(403, "wrong signature")
        if abs(clock.protocol_now().timestamp() - int(timestamp)) > FRESH_S:
            raise Refused(403, "stale")
        return Signed(timestamp, nonce, query.get("encrypt_type", ""), query.get("msg_signature", ""))

    def open(self, signed: Signed, body: bytes) -> Delivery:
        """Open a push's body; Refused: 403 for the wrong mode, signature or account, 400 for what can't be read."""
        try:
            text = body.decode()
            outer = read_xml(text)
            sealed = outer.get("Encrypt")
        except _MALFORMED as fault:
            raise Refused(400, f"unreadable: {type(fault).__name__}") from None
        if self._is_encrypted(signed, sealed is not None):
            seal, inner = self._decrypted(signed, sealed)
        else:
            seal, inner = "plain", text
        nonce = _hash(f"{signed.timestamp} {signed.nonce}")
        return Delivery(received(inner), nonce, seal, self._cryptos.get(seal))

    def _is_encrypted(self, signed: Signed, has_sealed_part: bool) -> bool:
        """Whether to decrypt: the mode decides, in ``compatible`` the push."""
        says_so = signed.encrypt_type == "aes"
        if not says_so and signed.encrypt_type not in ("", "raw"):
            raise Refused(403, "unknown encrypt_type")
        if self._mode == "safe" and not says_so:
            raise Refused(403, "unencrypted push in safe mode")
        if self._mode == "plain" and (says_so or has_sealed_part):
            raise Refused(403, "encrypted push in plain mode")
        return says_so

    def _decrypted(self, signed: Signed, sealed: Any) -> tuple[str, str]:
        """Which key opens it, and what is in it."""
        if not isinstance(sealed, str):
            raise Refused(400, "no Encrypt")
        # Compared here, since wechatpy compares without care for time.
        expected = signature_of(self._token, signed.timestamp, signed.nonce, sealed)
        if not equal(expected, signed.msg_signature):
            raise Refused(403, "wrong msg_signature")
        other_account = False
        for seal, crypto in self._cryptos.items():
            try:
                return seal, crypto.opened(sealed)
            except InvalidAppIdException:
                other_account = True
            except _MALFORMED:
                # Under the wrong key anything can come out: the next one is tried.
                continue
        raise Refused(403, "another account's push") if other_account else Refused(400, "can't be decrypted")


def _short_name(key: str) -> str:
    return hashlib.blake2b(key.encode(), digest_size=4).hexdigest()


@lru_cache(maxsize=4)
def envelope_of(wechat: WeChat) -> Envelope:
    """The envelope of an account's settings."""
    return Envelope(wechat)


def read_xml(xml: str) -> dict[str, Any]:
    """What stands in ``<xml>``: texts by name, None for empty ones, a dict for what has elements of its own.

    An element that comes twice gives a list. Raises ExpatError for what isn't XML, ValueError for what WeChat never
    sends: a document type (and with it entities), attributes, another root.
    """
    levels: list[dict[str, Any]] = [{}]
    texts: list[str] = []

    def start(name: str, attributes: list[str]) -> None:
        if attributes:
            raise ValueError("attributes")
        levels.append({})
        texts.clear()

    def end(name: str) -> None:
        value: Any = levels.pop() or "".join(texts).strip() or None
        texts.clear()
        beside = levels[-1]
        if name in beside:
            value = [*(beside[name] if isinstance(beside[name], list) else [beside[name]]), value]
        beside[name] = value

    parser = ParserCreate("utf-8")
    parser.buffer_text = parser.ordered_attributes = True
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = texts.append
    parser.StartDoctypeDeclHandler = _no_document_type
    parser.Parse(xml.encode(), True)
    found = levels[0].get("xml")
    if not isinstance(found, dict):
        raise ValueError("no <xml> with something in it")
    return found


def _no_document_type(*_: object) -> None:
    raise ValueError("a document type")


def _event_of(fields: dict[str, Any]) -> str:
    """An event's name in lower case; a follow by a code is one of its own, its key the code's scene, as in wechatpy."""
    event: str = fields["Event"].lower()
    key = fields.get("EventKey")
    if event == "subscribe" and key:
        if key.startswith(("scanbarcode|", "scanimage|")):
            return "subscribe_scan_product"
        if key.startswith("qrscene_"):
            fields["EventKey"] = key.removeprefix("qrscene_")
            return "subscribe_scan"
    return event


def received(xml: str) -> Received:
    """Read a push's XML; Refused (400) where it isn't one that WeChat could have sent."""
    try:
        fields = read_xml(xml)
        account, sender, created = fields["ToUserName"], fields["FromUserName"], fields["CreateTime"]
        kind = fields["MsgType"].lower()
        event = _event_of(fields) if "Event" in fields else ""
        well_formed = (
            _NAME.fullmatch(account)
            and _NAME.fullmatch(sender)
            and _TIMESTAMP.fullmatch(created)
            and all(_NUMBER.fullmatch(fields[name]) for name in ("MsgId", "MsgID") if name in fields)
            and len(event) <= 64
        )
    except _MALFORMED as fault:
        raise Refused(400, f"unreadable: {type(fault).__name__}") from None
    if not well_formed:
        raise Refused(400, "impossible sender, time or number")
    return Received(account, sender, int(created), kind, event, fields, _hash(xml))
