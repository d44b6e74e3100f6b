"""Menus of the official account for everybody and for some (个性化菜单), and the tag that says who those are.

By 《自定义菜单创建接口》, 《个性化菜单接口》 and 《用户标签管理》. A rule names a tag and nothing else: WeChat took
all other conditions away. There is no change of a conditional menu: one is added, and the newest that fits is shown.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any, Protocol

from citizen_services.exchange.outcomes import Accepted, NotAccepted, Outcome, Uncertain, settle
from citizen_services.exchange.wechat_codes import NO_SUCH_TAG, PERSON, TAG_EXISTS, WeChatRefused

_MENU_NONE = 46003


class Operations(Protocol):
    """What of wechatpy's client is used here."""

    def get(self, url: str, **kwargs: Any) -> Any:
        """An operation by GET."""

    def post(self, url: str, **kwargs: Any) -> Any:
        """An operation by POST."""


@dataclass(frozen=True)
class ConditionalMenu:
    """A menu that only followers with a tag are shown: WeChat's name for it, the tag, the buttons."""

    id: str
    tag: int
    buttons: tuple[dict[str, Any], ...]


class Menus:
    """Publishing menus and tagging followers. Safe for threads."""

    def __init__(self, client: Operations) -> None:
        self._client = client
        self._tags: dict[str, int] = {}
        self._lock = threading.Lock()

    def conditional(self) -> tuple[ConditionalMenu, ...]:
        """The conditional menus as WeChat has them. Raises OutsideError."""
        try:
            answer = self._client.get("menu/get")
        except WeChatRefused as refused:
            if refused.errcode == _MENU_NONE:
                return ()
            raise
        found = answer.get("conditionalmenu") or []
        return tuple(
            ConditionalMenu(str(one["menuid"]), int(one["matchrule"].get("tag_id") or 0), tuple(one["button"]))
            for one in found
        )

    def publish_for(self, tag: str, buttons: list[dict[str, Any]]) -> str:
        """Show followers with a tag these buttons from now on; WeChat's name for the menu. Raises OutsideError.

        A menu for everybody must be there. Those that the tag had before go once the new one is in force.
        """
        with self._lock:
            # Somebody may have removed it at WeChat's own console since.
            self._tags.pop(tag, None)
        tag_id = self.tag(tag)
        before = [menu.id for menu in self.conditional() if menu.tag == tag_id]
        rule = {"tag_id": str(tag_id)}
        answer = self._client.post("menu/addconditional", data={"button": buttons, "matchrule": rule})
        if not answer.get("menuid"):
            raise Uncertain("wechat_api", "menu/addconditional", "an answer without a menuid")
        for menu_id in before:
            self._client.post("menu/delconditional", data={"menuid": menu_id})
        return str(answer["menuid"])

    def tag(self, name: str) -> int:
        """The tag of that name, which is made where there is none. Raises OutsideError."""
        with self._lock:
            if name not in self._tags:
                self._tags[name] = self._known(name) or self._made(name)
            return self._tags[name]

    def _known(self, name: str) -> int | None:
        tags = self._client.get("tags/get").get("tags") or []
        return next((int(one["id"]) for one in tags if one.get("name") == name), None)

    def _made(self, name: str) -> int:
        try:
            return int(self._client.post("tags/create", data={"tag": {"name": name}})["tag"]["id"])
        except WeChatRefused as refused:
            # Another process was faster.
            known = self._known(name) if refused.errcode == TAG_EXISTS else None
            if known is None:
                raise
            return known

    def put_tag(self, openid: str, name: str) -> Outcome:
        """Give a follower a tag. Repeating it changes nothing, nor is there anything to do for who doesn't follow."""
        return self._on_follower("tags/members/batchtagging", openid, name)

    def take_tag(self, openid: str, name: str) -> Outcome:
        """Take a tag from a follower. Repeating it changes nothing."""
        return self._on_follower("tags/members/batchuntagging", openid, name)

    def _on_follower(self, operation: str, openid: str, name: str) -> Outcome:
        def call() -> str:
            self._client.post(operation, data={"openid_list": [openid], "tagid": self.tag(name)})
            return ""

        return self._read(settle(call), name)

    def _read(self, outcome: Outcome, name: str) -> Outcome:
        match outcome:
            case NotAccepted(code=code) if code == str(NO_SUCH_TAG):
                # Somebody removed it at WeChat's own console: it is made anew at the next try.
                with self._lock:
                    self._tags.pop(name, None)
                return NotAccepted("now", code, outcome.words)
            case NotAccepted(code=code) if code in {str(one) for one in PERSON}:
                return Accepted("")
        return outcome
