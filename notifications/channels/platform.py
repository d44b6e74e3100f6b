"""The national platform of traffic. An application is taken once by its reference, and can be asked about by it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from citizen_services.exchange.clients import platform
from citizen_services.exchange.outcomes import NotAccepted, Outcome, OutsideError
from notifications import platform as handed
from notifications.channels.base import Answer, CannotTell, Found, NotFound, Order, Patience


class PlatformChannel:
    """Channel ``platform``.

    Payload: ``{what: application, application: {…}}``, or ``{what: withdrawal, case_id}``.
    """

    name = "platform"
    #: Ten seconds after a hand-over its absence is final.
    ask_after_s: tuple[float, ...] = (12.0,)
    repeat_after_s: tuple[float, ...] = ()
    silent_after_s: float | None = None
    template_codes: frozenset[str] = frozenset()
    accepted_state = "delivered"
    in_order = True
    hands = 4
    together = False
    #: The platform may be away for days; an application is never given up.
    patience = Patience(
        longest_wait_s=3600.0, give_up_after=None, give_up_later_after=None, ask_until=None, most_tries=None
    )

    def prepare(self, order: Order) -> dict[str, Any] | str:
        """The application, or our reference of the one that is taken back (empty where none was taken)."""
        if order.payload["what"] == "withdrawal":
            return handed.ref_of(UUID(order.payload["case_id"])) or ""
        application: dict[str, Any] = dict(order.payload["application"])
        return application

    def send(self, order: Order, ready: dict[str, Any] | str) -> Outcome:
        """Hand it over, or take it back; a partner_ref is the serial number."""
        if not isinstance(ready, str):
            return platform().hand_over(order.ref, ready)
        if not ready:
            return NotAccepted("never", "not_taken", "nothing was handed over that could be taken back")
        return platform().withdraw(order.ref, ready)

    def ask(self, order: Order, ready: dict[str, Any] | str) -> Answer:
        """Ask what became of our reference."""
        try:
            serial = platform().by_reference(order.ref)
        except OutsideError as fault:
            return CannotTell(str(fault))
        return NotFound() if serial is None else Found("delivered", partner_ref=serial)

    def accepted(self, order: Order, partner_ref: str) -> None:
        """Keep the serial number, and tell the case that it is accepted, in one transaction."""
        if order.payload["what"] == "application" and order.about is not None:
            handed.taken(order.id, order.about, partner_ref)
