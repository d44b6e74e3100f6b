"""What the official account's door tells others inside its own transaction."""

from __future__ import annotations

from blinker import Namespace

_signals = Namespace()

#: WeChat says what became of a template message. Sender: ``"wechat"``; keywords: ``msgid`` (int, as template/send gave
#: it), ``openid``, ``status`` (as WeChat writes it: ``success``, ``failed:user block``, ``failed: system failed``),
#: ``template`` (our key, where it was a subscription message, whose msgid nobody knew before; not given otherwise),
#: ``change`` (a ``database.Change`` to add to, written and committed with the push's row: a repetition isn't told
#: again).
template_finished = _signals.signal("wechat-template-finished")

#: Somebody follows the account who is bound to a person already. Sender: the openid; keyword: ``change``.
bound_follower_came = _signals.signal("bound-follower-came")
