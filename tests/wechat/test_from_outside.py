"""The stand-in of WeChat's side speaks to the running installation: two implementations of one protocol agree."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

import requests
from flask import Flask

from citizen_services.exchange.clients import wechat_api
from citizen_services.wechat import scenes
from citizen_services.wechat.conversation import CLICKS
from tests.factories import STATION
from tests.house import House

OPENID = "oOutside_0123456789abcdefghi"


def push(live: House, kind: str, **said: Any) -> dict[str, Any]:
    """What a follower does, and what WeChat makes of our answer."""
    told: dict[str, Any] = live.control("POST", "push", {"openid": OPENID, "kind": kind} | said).json()
    assert told["fault"] is None, told
    return told


def test_a_follower_is_welcomed_answered_and_let_go(live: House) -> None:
    welcome = push(live, "subscribe")
    assert welcome["encrypted"]
    assert "欢迎" in welcome["reply"]["content"]
    assert "绑定" in push(live, "text", content="进度")["reply"]["content"]
    assert "【居住登记】" in push(live, "text", content="居住登记")["reply"]["content"]
    for kind in ("image", "voice", "video", "location", "link", "file"):
        assert push(live, kind)["reply"]["content"]
    assert "【居住证首次申领】" in push(live, "scan", key="residence-permit-first")["reply"]["content"]
    assert "您可以发送" in push(live, "click", key="help")["reply"]["content"]
    assert push(live, "view", url=f"{live.web_url}/h5/")["answer"] == "success"
    assert push(live, "unsubscribe")["answer"] == "success"


def test_copies_of_one_push_get_one_answer(live: House) -> None:
    push(live, "subscribe")
    told = push(live, "text", content="帮助", copies=3)
    assert len(told["copies"]) == 2
    assert {copy["answer"] for copy in told["copies"]} == {told["answer"]}
    assert [len(copy["deliveries"]) for copy in told["copies"]] == [1, 1], "each was answered at once"


def test_a_code_that_was_made_is_scanned_and_one_that_is_over_is_not(live: House, app: Flask) -> None:
    openid = f"o{uuid4().hex[:27]}"
    for_stand = scenes.code_for("item:residence-registration", frozenset(CLICKS))
    for_today = scenes.code_for(f"office:{STATION}", frozenset(CLICKS), days=1)
    assert (for_stand.lasts_s, for_today.lasts_s) == (None, 86_400)
    for code, words in ((for_stand, "【居住登记】"), (for_today, "【岳林派出所】")):
        told = live.control("POST", "push", {"openid": openid, "kind": "scan", "ticket": code.ticket}).json()
        assert words in told["reply"]["content"]
    brief = wechat_api().create_scene("help", 1)
    until = time.monotonic() + 60
    while scanned(live, openid, brief.ticket).status_code == 200:
        assert time.monotonic() < until, "a code that is over still leads somewhere"
    assert "二维码已过期" in scanned(live, openid, brief.ticket).json()["error"]


def scanned(live: House, openid: str, ticket: str) -> requests.Response:
    """What comes of scanning a code, be it refused."""
    body = {"openid": openid, "kind": "scan", "ticket": ticket}
    return requests.post(f"{live.sandbox_url}/_control/push", json=body, timeout=20)
