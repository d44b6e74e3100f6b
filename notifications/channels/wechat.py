"""Template messages of the official account. WeChat can't be asked about a message, so none is ever sent twice."""

from __future__ import annotations

from dataclasses import dataclass

from citizen_services.exchange.outcomes import Outcome
from citizen_services.parts import parts
from notifications.channels.base import Answer, CannotTell, Order, Patience


@dataclass(frozen=True)
class _Message:
    openid: str
    template: str
    fields: dict[str, str]
    url: str | None


class WeChatChannel:
    """Channel ``wechat``. Payload: ``{openid, template, fields: {thing1: …}, path}``."""

    name = "wechat"
    ask_after_s: tuple[float, ...] = ()
    repeat_after_s: tuple[float, ...] = ()
    silent_after_s: float | None = None
    template_codes: frozenset[str] = frozenset()
    accepted_state = "sent"
    in_order = False
    hands = 8
    together = True
    patience = Patience()

    def prepare(self, order: Order) -> _Message:
        """The message; its link is made here, so that it bears the address of today."""
        payload, path = order.payload, order.payload.get("path")
        url = f"{parts().settings.public_base_url}{path}" if path else None
        return _Message(payload["openid"], payload["template"], dict(payload["fields"]), url)

    def send(self, order: Order, ready: _Message) -> Outcome:
        """Send it; a partner_ref is WeChat's msgid."""
        outcome: Outcome = (
            parts()
            .clients["wechat_api"]
            .send_template(order.ref, ready.openid, ready.template, ready.fields, ready.url)
        )
        return outcome

    def ask(self, order: Order, ready: _Message) -> Answer:
        """WeChat has no such question."""
        return CannotTell("WeChat can't be asked")

    def accepted(self, order: Order, partner_ref: str) -> None:
        """Nothing more follows: the end is reported by TEMPLATESENDJOBFINISH."""
