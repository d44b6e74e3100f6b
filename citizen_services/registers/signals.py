"""What the registers tell others inside the transaction of the fact. Receivers add rows to the same Change."""

from __future__ import annotations

from blinker import Namespace

_signals = Namespace()

#: A person's residence was registered. Sender: the registration's id; keywords: ``row`` (its columns, as they are
#: written), ``change``.
residence_registered = _signals.signal("residence-registered")

#: A permit was endorsed. Sender: the permit's id; keywords: ``permit`` (its columns, as they are from now on),
#: ``change``.
permit_endorsed = _signals.signal("permit-endorsed")

#: A permit ended by a fact. Sender: the permit's id; keywords: ``permit`` (its columns, as they are from now on),
#: ``told`` (whether its person hears of it otherwise), ``change``.
permit_ended = _signals.signal("permit-ended")

#: Another address or ground stands on a permit. Sender: the permit's id; keywords: ``permit`` (its columns, as they are
#: from now on), ``change``.
permit_changed = _signals.signal("permit-changed")

#: A permit has a card, and so a number. Sender: the permit's id; keywords: ``permit`` (the row), ``card_number``,
#: ``kind`` (``first``; ``replace`` where the card before was lost, ``renew`` where it was damaged), ``change``.
permit_carded = _signals.signal("permit-carded")
