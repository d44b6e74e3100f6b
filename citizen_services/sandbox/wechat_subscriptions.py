"""Subscription messages (订阅通知): templates, consents by a tap, and `message/subscribe/bizsend`.

Imitates developers.weixin.qq.com/doc/service/Subscription_Messages (intro, `message/subscribe/bizsend`) and its events
subscribe_msg_popup_event, subscribe_msg_change_event and subscribe_msg_sent_event. A one-time consent serves one
message; without one 43101. A template that isn't a subscription's is none here (40037).
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from citizen_services.sandbox.wechat_push import PARTNER, PushDoor, cdata
from citizen_services.sandbox.wechat_values import data_error, keywords, rendered
from citizen_services.sandbox.world import World

TEMPLATES = "templates:wechat_subscribe"
CONSENTS = "wechat_consents"
_FEWEST, _MOST = 2, 5


class Subscriptions:
    """What followers agreed to, and the messages that it lets through."""

    def __init__(self, world: World, door: PushDoor) -> None:
        self._world = world
        self._door = door

    @staticmethod
    def template(body: dict[str, Any]) -> dict[str, Any]:
        """A template from the control's JSON; ValueError where WeChat would not have it."""
        content = str(body.get("content", ""))
        if not _FEWEST <= len(keywords(content)) <= _MOST:
            raise ValueError("a subscription's template has two to five keys such as {{thing1.DATA}}")
        return {"title": str(body["title"]), "content": content, "lasting": bool(body.get("lasting"))}

    def tap(self, openid: str, answers: dict[str, str], scene: str = "1") -> None:
        """A person answers the pop-up of a page: each template ``accept`` or ``reject``; it is pushed to us."""
        if not answers or set(answers.values()) - {"accept", "reject"}:
            raise ValueError("answers are accept or reject, by template")
        if len({bool((self._world.state.get(TEMPLATES, one) or {}).get("lasting")) for one in answers}) > 1:
            raise ValueError("one-time and lasting templates can't be asked for in one tap")
        for template_id, answer in answers.items():
            if self._world.state.get(TEMPLATES, template_id) is None:
                raise ValueError(f"{template_id} is no subscription's template")
            if answer == "accept":
                key = f"{openid} {template_id}"
                self._world.state.put(CONSENTS, key, int(self._world.state.get(CONSENTS, key) or 0) + 1)
        self._push(openid, "subscribe_msg_popup_event", "SubscribeMsgPopupEvent", [
            {"TemplateId": one, "SubscribeStatusString": answer, "PopupScene": scene}
            for one, answer in answers.items()
        ])  # fmt: skip

    def withdraw(self, openid: str, template_ids: list[str]) -> None:
        """A person switches templates off in their settings; it is pushed to us."""
        for one in template_ids:
            self._world.state.delete(CONSENTS, f"{openid} {one}")
        self._push(openid, "subscribe_msg_change_event", "SubscribeMsgChangeEvent", [
            {"TemplateId": one, "SubscribeStatusString": "reject"} for one in template_ids
        ])  # fmt: skip

    def forget(self, openid: str, template_id: str) -> None:
        """A consent that is gone without a push: used by another system of the account's."""
        self._world.state.delete(CONSENTS, f"{openid} {template_id}")

    def send(self, body: dict[str, Any]) -> dict[str, Any] | tuple[int, str]:
        """`message/subscribe/bizsend`. Its answer names no msgid; the event that follows does."""
        openid, template_id = body.get("touser"), body.get("template_id")
        if not isinstance(openid, str) or self._world.state.get("followers", openid) is None:
            return 40003, "invalid openid"
        template = self._world.state.get(TEMPLATES, template_id) if isinstance(template_id, str) else None
        if template is None:
            return 40037, "invalid template_id"
        page = body.get("page")
        if page is not None and urlsplit(str(page)).scheme not in ("http", "https"):
            return 41030, "invalid page"
        key = f"{openid} {template_id}"
        left = int(self._world.state.get(CONSENTS, key) or 0)
        if left < 1:
            return 43101, "user refuse to accept the msg"
        error = data_error(template["content"], body.get("data"))
        if error:
            return 47003, error
        if not template.get("lasting"):
            self._world.state.put(CONSENTS, key, left - 1)
        status: dict[str, str] = {"TemplateId": str(template_id), "MsgID": str(self._door.new_msg_id())}
        self._push(openid, "subscribe_msg_sent_event", "SubscribeMsgSentEvent", [
            {**status, "ErrorCode": "0", "ErrorStatus": "success"}
        ])  # fmt: skip
        self._door.say(
            openid, "template", title=template["title"], text=rendered(template["content"], body["data"]),
            url=page or "",
        )  # fmt: skip
        return {"errcode": 0, "errmsg": "ok"}

    def _push(self, openid: str, event: str, tag: str, entries: list[dict[str, str]]) -> None:
        listed = "".join(
            "<List>" + "".join(f"<{name}>{cdata(value)}</{name}>" for name, value in entry.items()) + "</List>"
            for entry in entries
        )
        inner = (
            f"<FromUserName>{cdata(openid)}</FromUserName><CreateTime>{int(self._world.now())}</CreateTime>"
            f"<MsgType>{cdata('event')}</MsgType><Event>{cdata(event)}</Event><{tag}>{listed}</{tag}>"
        )
        payload = self._door.envelope(openid, inner)
        self._world.outgoing.schedule(PARTNER, openid, payload, self._world.config.receipt_delay_s)
