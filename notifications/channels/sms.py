"""SMS by Aliyun. It knows no repetitions, but tells what became of a reference: a lost answer is settled by asking."""

from __future__ import annotations

from dataclasses import dataclass

from citizen_services.exchange.outcomes import Outcome
from citizen_services.parts import parts
from notifications.channels.base import Answer, CannotTell, Found, NotFound, Order, Patience


@dataclass(frozen=True)
class _Message:
    phone: str
    template: str
    values: dict[str, str]


class SmsChannel:
    """Channel ``sms``. Payload: ``{phone, template, values}``."""

    name = "sms"
    #: A record may take half a minute to appear at Aliyun.
    ask_after_s: tuple[float, ...] = (30.0, 120.0, 600.0)
    repeat_after_s: tuple[float, ...] = ()
    #: Reports are pushed for a quarter of an hour, then lost for good.
    silent_after_s: float | None = 1800.0
    template_codes = frozenset({"isv.SMS_TEMPLATE_ILLEGAL"})
    accepted_state = "sent"
    in_order = False
    hands = 24
    together = True
    patience = Patience()

    def prepare(self, order: Order) -> _Message:
        """The message."""
        payload = order.payload
        return _Message(payload["phone"], payload["template"], dict(payload["values"]))

    def send(self, order: Order, ready: _Message) -> Outcome:
        """Send it; a partner_ref is Aliyun's BizId."""
        outcome: Outcome = parts().clients["sms_aliyun"].send(order.ref, ready.phone, ready.template, ready.values)
        return outcome

    def ask(self, order: Order, ready: _Message) -> Answer:
        """Search the day's messages of that number for our reference."""
        if order.sent_at is None:
            return NotFound()
        told = parts().clients["sms_aliyun"].confirm(order.ref, ready.phone, order.sent_at)
        if told.verdict == "not_found":
            return NotFound()
        if told.verdict == "cannot_tell":
            return CannotTell("Aliyun can't be asked")
        state = {None: "sent", True: "delivered", False: "failed"}[told.delivered]
        return Found(state, code=told.err_code or None)

    def accepted(self, order: Order, partner_ref: str) -> None:
        """Nothing more follows: the end is reported by SmsReport."""
