"""The province's one-window platform. A report is taken once by its reference, and can be asked about by it."""

from __future__ import annotations

from typing import Any

from citizen_services.exchange.clients import one_window
from citizen_services.exchange.outcomes import Outcome, OutsideError
from notifications.channels.base import Answer, CannotTell, Found, NotFound, Order, Patience


class OneWindowChannel:
    """Channel ``one_window``. Payload: ``{what: steps | ratings, …}``, the report as the platform wants it."""

    name = "one_window"
    #: Ten seconds after a report its absence is final.
    ask_after_s: tuple[float, ...] = (12.0,)
    repeat_after_s: tuple[float, ...] = ()
    silent_after_s: float | None = None
    template_codes: frozenset[str] = frozenset()
    accepted_state = "delivered"
    in_order = True
    hands = 4
    together = False
    #: The platform may be away for days; what it must know is never given up.
    patience = Patience(
        longest_wait_s=3600.0, give_up_after=None, give_up_later_after=None, ask_until=None, most_tries=None
    )

    def prepare(self, order: Order) -> dict[str, Any]:
        """What is to be reported."""
        return {name: value for name, value in order.payload.items() if name != "what"}

    def send(self, order: Order, ready: dict[str, Any]) -> Outcome:
        """Report it; a partner_ref is the platform's number."""
        return one_window().report(order.ref, order.payload["what"], ready)

    def ask(self, order: Order, ready: dict[str, Any]) -> Answer:
        """Ask what became of our reference."""
        try:
            number = one_window().by_reference(order.ref)
        except OutsideError as fault:
            return CannotTell(str(fault))
        return NotFound() if number is None else Found("delivered", partner_ref=number)

    def accepted(self, order: Order, partner_ref: str) -> None:
        """The outbox keeps the platform's number; nothing else follows."""
