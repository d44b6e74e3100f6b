"""SMS by the gateway that is first, or by the other one where the first surely did not take a message.

Neither knows repetitions. Which gateway a try goes to is noted before the call, and asked is that one alone: Aliyun
tells what became of a reference, so that a lost answer is settled; Tencent hardly does, so that there it stays in
doubt. What is in doubt never goes to the other one.
"""

from __future__ import annotations

from dataclasses import dataclass

from citizen_services.exchange.outcomes import Accepted, NotAccepted, Outcome
from citizen_services.exchange.sms import SmsGateway
from citizen_services.exchange.sms_codes import NUMBER as ALIYUN_NUMBER
from citizen_services.exchange.sms_codes import TEMPLATE as ALIYUN_TEMPLATE
from citizen_services.exchange.sms_tencent_codes import NUMBER as TENCENT_NUMBER
from citizen_services.exchange.sms_tencent_codes import TEMPLATE as TENCENT_TEMPLATE
from citizen_services.parts import parts
from citizen_services.rules.templates import fit_sms_value
from notifications.channels.base import Answer, CannotTell, Found, NotFound, Order, Patience, Routed, TakenOver

#: Refusals that concern this number, or this template, at this gateway.
_OF_MESSAGE = ALIYUN_NUMBER | TENCENT_NUMBER | ALIYUN_TEMPLATE | TENCENT_TEMPLATE


@dataclass(frozen=True)
class _Message(Routed):
    phone: str
    template: str
    values: dict[str, str]


class SmsChannel:
    """Channel ``sms``. Payload: ``{phone, template, values, in_order?}``."""

    name = "sms"
    #: A record may take half a minute to appear at Aliyun; Tencent has none before the carrier reports.
    ask_after_s: tuple[float, ...] = (30.0, 120.0, 600.0)
    repeat_after_s: tuple[float, ...] = ()
    #: Reports are pushed for a quarter of an hour, then lost for good.
    silent_after_s: float | None = 1800.0
    template_codes = ALIYUN_TEMPLATE | TENCENT_TEMPLATE
    accepted_state = "sent"
    in_order = False
    hands = 24
    together = True
    patience = Patience()

    def prepare(self, order: Order) -> _Message:
        """The message, and the gateway to send it by, or to ask."""
        payload = order.payload
        values = dict(payload["values"])
        gateway = order.gateway or "sms_aliyun"
        if order.state == "pending":
            gateway = _route(order, in_order=bool(payload.get("in_order")))
        if gateway == "sms_tencent":
            most = parts().settings.sms_tencent_variable
            values = {name: fit_sms_value(value, most) for name, value in values.items()}
        return _Message(gateway, payload["phone"], payload["template"], values)

    def send(self, order: Order, ready: _Message) -> Outcome | TakenOver:
        """Send it; a partner_ref is the gateway's name for it. Refused in a way that another one need not share, it is
        the other one's."""
        client = _client(ready.gateway)
        if client is None:
            return NotAccepted("operator", "not_configured")
        outcome = client.send(order.ref, ready.phone, ready.template, ready.values)
        others = [name for name in _may_try(order, bool(order.payload.get("in_order"))) if name != ready.gateway]
        if isinstance(outcome, Accepted) and others:
            client.account.succeeded()
        if not isinstance(outcome, NotAccepted) or not others:
            return outcome
        if outcome.code in _OF_MESSAGE:
            return TakenOver(outcome, ready.gateway, of_message=True)
        if outcome.kind == "operator":
            client.account.failed()
            if any(not _rests(name) for name in others):
                return TakenOver(outcome, ready.gateway, of_message=False)
        return outcome

    def ask(self, order: Order, ready: _Message) -> Answer:
        """Ask the gateway that was called, of this number's messages."""
        if order.sent_at is None:
            return NotFound()
        client = _client(ready.gateway)
        if client is None:
            return CannotTell(f"{ready.gateway} is not configured any more")
        told = client.confirm(order.ref, ready.phone, order.sent_at, order.partner_ref)
        if told.verdict == "not_found":
            return NotFound()
        if told.verdict == "cannot_tell":
            return CannotTell(f"{ready.gateway} can't be asked")
        state = {None: "sent", True: "delivered", False: "failed"}[told.delivered]
        return Found(state, code=told.err_code or None, partner_ref=told.partner_ref or None)

    def accepted(self, order: Order, partner_ref: str) -> None:
        """Nothing more follows: the end is reported by the gateway."""


def _client(gateway: str) -> SmsGateway | None:
    """A gateway's client; None where the installation has none, or does not have it any more."""
    client: SmsGateway | None = parts().clients.get(gateway)
    return client


def _may_try(order: Order, in_order: bool) -> list[str]:
    """The gateways that may still take a message, the first one first. Those of an older release name no order of
    their variables, which Tencent needs."""
    configured = [name for name in parts().settings.sms_gateways if in_order or name != "sms_tencent"]
    left = [name for name in configured if name != order.refused_by]
    return left or configured or ["sms_aliyun"]


def _rests(gateway: str) -> bool:
    client = _client(gateway)
    return client is None or client.left_alone or client.account.open


def _route(order: Order, in_order: bool) -> str:
    """Where a message goes that no gateway has."""
    names = _may_try(order, in_order)
    if len(names) == 1:
        return names[0]
    return next((name for name in names if _may_go(name)), names[0])


def _may_go(gateway: str) -> bool:
    """Whether a gateway is sent to; one that fails, or whose account is refused, has one message that tries."""
    client = _client(gateway)
    if client is None or client.left_alone or (client.failing and not client.trials.may_call()):
        return False
    return client.account.may_call()
