"""Parcels by EMS: orders, cancelling a second number. A lost order is repeated under its reference, at most twice."""

from __future__ import annotations

from dataclasses import dataclass

from citizen_services.exchange.ems import Contact, ParcelToOrder
from citizen_services.exchange.outcomes import Outcome
from citizen_services.parts import parts
from notifications import parcels
from notifications.channels.base import Answer, CannotTell, Order, Patience

#: Why an order is cancelled where nothing else is said.
_SECOND = "同一订单出现第二个运单号"


@dataclass(frozen=True)
class _Cancellation:
    order_ref: str
    tracking: str
    reason: str


class EmsChannel:
    """Channel ``ems``.

    Payload: ``{sender, receiver, contents, note, receiver_pays}``, or ``{cancel: tracking, order_ref, reason}``.
    """

    name = "ems"
    ask_after_s: tuple[float, ...] = ()
    #: What a repeated order number does is not documented; two repetitions, then a person reads the label.
    repeat_after_s: tuple[float, ...] = (10.0, 60.0)
    silent_after_s: float | None = None
    template_codes: frozenset[str] = frozenset()
    accepted_state = "sent"
    in_order = False
    hands = 4
    together = False
    patience = Patience()

    def prepare(self, order: Order) -> ParcelToOrder | _Cancellation:
        """The order, or what is to be cancelled."""
        payload = order.payload
        if "cancel" in payload:
            return _Cancellation(payload["order_ref"], payload["cancel"], payload.get("reason", _SECOND))
        return ParcelToOrder(
            sender=Contact(**payload["sender"]),
            receiver=Contact(**payload["receiver"]),
            contents=payload["contents"],
            note=payload["note"],
            receiver_pays=payload.get("receiver_pays", False),
        )

    def send(self, order: Order, ready: ParcelToOrder | _Cancellation) -> Outcome:
        """Order it (a partner_ref is the tracking number), or cancel it."""
        client = parts().clients["ems"]
        outcome: Outcome
        if isinstance(ready, _Cancellation):
            outcome = client.cancel(ready.order_ref, ready.tracking, ready.reason)
        else:
            outcome = client.order(order.ref, ready)
        return outcome

    def ask(self, order: Order, ready: ParcelToOrder | _Cancellation) -> Answer:
        """There is no query by our reference."""
        return CannotTell("EMS can't be asked for a reference")

    def accepted(self, order: Order, partner_ref: str) -> None:
        """Note the tracking number on the parcel and tell the case, or that it was cancelled; in one transaction."""
        if order.parcel_id is None:
            return
        if "cancel" in order.payload:
            parcels.cancelled(order.parcel_id, order.payload["cancel"])
        else:
            parcels.ordered(order.parcel_id, partner_ref)
