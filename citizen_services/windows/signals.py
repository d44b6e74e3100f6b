"""What booking tells others inside its own transaction. Receivers add rows to the same Change and never call out."""

from __future__ import annotations

from blinker import Namespace

_signals = Namespace()

#: Something was booked, moved, cancelled … Sender: what happened (a key of ``HAPPENED``); keywords: ``booked``
#: (Booked: what its person should read), ``change``.
appointment_moved = _signals.signal("appointment-moved")

#: ``booked``; ``moved`` by its person; ``moved_by_us`` (its window was closed); ``cancelled`` by its person;
#: ``closed`` (no equal slot: first on the waiting list); ``remind_day`` the day before, ``remind_morning``;
#: ``no_show`` (nothing follows yet), ``paused`` (booking is closed to them for a while).
HAPPENED = (
    "booked",
    "moved",
    "moved_by_us",
    "cancelled",
    "closed",
    "remind_day",
    "remind_morning",
    "no_show",
    "paused",
)

#: A freed slot is offered to whoever waits. Sender: the waiting entry's id; keywords: ``offer`` (Offer), ``change``.
slot_offered = _signals.signal("slot-offered")

#: An offer ends since its window closes; whoever had it waits first. Sender and keywords as of ``slot_offered``.
offer_withdrawn = _signals.signal("offer-withdrawn")
