"""Messages in WeChat: by a consent to a subscription message, where there is one, else as template messages.

WeChat can't be asked about either, so none is ever sent twice: which of both ways a try goes is noted before the call,
and the other one is only tried where the first surely was refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from citizen_services import clock
from citizen_services.exchange.outcomes import NotAccepted, Outcome
from citizen_services.exchange.wechat_api import WeChatApi
from citizen_services.parts import parts
from citizen_services.wechat import consents
from notifications.channels.base import Answer, CannotTell, Order, Patience, Routed, TakenOver

SUBSCRIPTION, TEMPLATE = "subscription", "template"
#: The person has no consent left.
_NO_CONSENT = "43101"


@dataclass(frozen=True)
class _Message(Routed):
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
        """The message and its way; its link is made here, so that it bears the address of today."""
        payload, path = order.payload, order.payload.get("path")
        url = f"{parts().settings.public_base_url}{path}" if path else None
        openid, template = payload["openid"], payload["template"]
        way = TEMPLATE
        if order.state == "pending" and order.refused_by is None and consents.consented(openid, template):
            way = SUBSCRIPTION
        return _Message(way, openid, template, dict(payload["fields"]), url)

    def send(self, order: Order, ready: _Message) -> Outcome | TakenOver:
        """Send it; a partner_ref is WeChat's msgid. Without a consent that counts it is a template message's turn."""
        client: WeChatApi = parts().clients["wechat_api"]
        if ready.gateway == TEMPLATE:
            return client.send_template(order.ref, ready.openid, ready.template, ready.fields, ready.url)
        known = consents.subscriptions()[ready.template]
        outcome = client.send_subscription(order.ref, ready.openid, known.template_id, ready.fields, ready.url)
        if isinstance(outcome, NotAccepted) and outcome.kind != "now":
            learn = partial(consents.none_left, ready.openid, ready.template, clock.protocol_now())
            return TakenOver(
                outcome, SUBSCRIPTION, of_message=True, learn=learn if outcome.code == _NO_CONSENT else None
            )
        return outcome

    def ask(self, order: Order, ready: _Message) -> Answer:
        """WeChat has no such question."""
        return CannotTell("WeChat can't be asked")

    def accepted(self, order: Order, partner_ref: str) -> None:
        """A one-time consent is used; the end is reported by an event."""
        if order.gateway == SUBSCRIPTION:
            consents.used(order.payload["openid"], order.payload["template"])
