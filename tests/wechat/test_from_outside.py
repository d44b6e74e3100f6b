"""The stand-in of WeChat's side speaks to the running installation: two implementations of one protocol agree."""

from __future__ import annotations

from typing import Any

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
