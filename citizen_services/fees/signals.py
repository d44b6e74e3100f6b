"""What fees tell others inside their own transaction. Receivers add rows to the same Change and never call out."""

from __future__ import annotations

from blinker import Namespace

_signals = Namespace()

#: Money goes back, and its payer should hear of it. Sender: what happened (``asked``, ``done``, ``failed``: somebody
#: has to look after it, maybe again after another try); keywords: ``order``, ``refund_id``, ``fen``, ``reason``,
#: ``by_partner`` (False: over the counter), ``change``.
refund_moved = _signals.signal("refund-moved")
