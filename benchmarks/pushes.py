"""``wechat-read`` and ``wechat-write``: encrypted pushes, each with its own nonce and message, as WeChat sends."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import secrets
import time
from collections.abc import Callable
from urllib.parse import urlencode

import xmltodict
from sqlalchemy import func, select
from wechatpy.crypto import WeChatCrypto

from benchmarks.ground import SERVE_SHOWN, BenchFailed, Ground
from benchmarks.report import Row, in_turn, row
from citizen_services.database import db
from citizen_services.wechat.models import Follower, Push

_ACCOUNT = "gh_0123456789ab"
_numbers = itertools.count(7_300_000_000_000_000_000)


def _openid() -> str:
    return f"oBench{secrets.token_hex(11)}"


def asking_for_help() -> str:
    """A text that changes nothing."""
    return (
        f"<xml><ToUserName><![CDATA[{_ACCOUNT}]]></ToUserName><FromUserName><![CDATA[{_openid()}]]></FromUserName>"
        f"<CreateTime>{int(time.time())}</CreateTime><MsgType><![CDATA[text]]></MsgType>"
        f"<Content><![CDATA[帮助]]></Content><MsgId>{next(_numbers)}</MsgId></xml>"
    )


def following() -> str:
    """An event that is written down: somebody new follows."""
    return (
        f"<xml><ToUserName><![CDATA[{_ACCOUNT}]]></ToUserName><FromUserName><![CDATA[{_openid()}]]></FromUserName>"
        f"<CreateTime>{int(time.time())}</CreateTime><MsgType><![CDATA[event]]></MsgType>"
        f"<Event><![CDATA[subscribe]]></Event><EventKey><![CDATA[]]></EventKey></xml>"
    )


class Sealer:
    """Makes whole HTTP requests of pushes, in safe mode."""

    def __init__(self, token: str, key: str, app_id: str) -> None:
        self._token = token
        self._crypto = WeChatCrypto(token, key, app_id)

    def request(self, xml: str) -> str:
        """The request that delivers this push now."""
        timestamp, nonce = str(int(time.time())), str(secrets.randbelow(10**10))
        sealed = xmltodict.parse(self._crypto.encrypt_message(xml, nonce, timestamp))["xml"]["Encrypt"]
        query = urlencode(
            {
                "signature": self._signature(timestamp, nonce),
                "timestamp": timestamp,
                "nonce": nonce,
                "encrypt_type": "aes",
                "msg_signature": self._signature(timestamp, nonce, sealed),
            }
        )
        body = f"<xml><ToUserName><![CDATA[{_ACCOUNT}]]></ToUserName><Encrypt><![CDATA[{sealed}]]></Encrypt></xml>"
        return (
            f"POST /wechat?{query} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/xml\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        )

    def _signature(self, *parts: str) -> str:
        return hashlib.sha1("".join(sorted((self._token, *parts))).encode(), usedforsecurity=False).hexdigest()


def _measure(ground: Ground, name: str, push: Callable[[], str], floor: str, floor_is: str) -> Row:
    """Both sides get pushes of the same kind, none of them twice."""
    env, size = ground.environ, ground.size
    sealer = Sealer(env["WECHAT_TOKEN"], env["WECHAT_ENCODING_AES_KEY"], env["WECHAT_APP_ID"])

    def run(port: int, count: int) -> float:
        return ground.load(port, [sealer.request(push()) for _ in range(count)], 200).rate

    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(ground.served(f"{name}-ours", "app:web()"))
        bare = stack.enter_context(ground.served(f"{name}-floor", f"benchmarks.floors.{floor}:app"))
        for port in (ours, bare):
            run(port, max(20, size.requests // 4))
        runs = in_turn(size.runs, lambda _: run(ours, size.requests), lambda _: run(bare, size.requests))
    return row(
        name,
        "pushes/s",
        runs,
        floor_is=floor_is,
        floor_file=f"benchmarks/floors/{floor}.py",
        command=SERVE_SHOWN,
        processes=size.processes,
        threads=size.threads,
    )


def wechat_read(ground: Ground) -> Row:
    """Pushes that change nothing."""
    return _measure(ground, "wechat-read", asking_for_help, "wechat_echo", "Flask + wechatpy echo, safe mode")


def wechat_write(ground: Ground) -> Row:
    """Pushes that are written down; BenchFailed where one of them was not."""
    before = _written()
    made = _measure(
        ground, "wechat-write", following, "wechat_insert", "Flask + wechatpy echo, safe mode, one committed insert"
    )
    size = ground.size
    sent = max(20, size.requests // 4) + size.runs * size.requests
    if _written() != (before[0] + sent, before[1] + sent):
        raise BenchFailed(f"{sent} follows were answered, but pushes and followers went from {before} to {_written()}")
    return made


def _written() -> tuple[int, int]:
    counts = tuple(db.session.scalar(select(func.count()).select_from(table)) or 0 for table in (Push, Follower))
    db.session.rollback()
    return counts[0], counts[1]
