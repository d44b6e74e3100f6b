"""What people tells others inside its own transaction: receivers add rows to the same Change and never call out."""

from __future__ import annotations

from blinker import Namespace

_signals = Namespace()

#: A six-digit code is to be sent to a phone. Sender: its purpose (``login``, ``bind``); keywords: ``phone`` (digits),
#: ``code``, ``expires_at`` (machine time, after which sending it has no use), ``change``.
code_wanted = _signals.signal("code-wanted")

#: An employer reported that somebody began to work there. Sender: the report's id; keywords: ``organisation`` (its
#: name), ``citizen`` (who it is, None where nobody of that number is bound), ``phone`` (digits, as reported),
#: ``change``.
worker_joined = _signals.signal("worker-joined")

#: A person's account was taken from where it was until now, by somebody who showed a face or a card: whoever held it
#: must hear of it. Sender: the citizen's id; keywords: ``openid`` (the earlier follower, None without WeChat),
#: ``phone`` (the earlier phone, digits), ``change``.
binding_moved = _signals.signal("binding-moved")

#: A person ended the binding of their WeChat themselves: the earlier ways hear of it. Sender: the citizen's id;
#: keywords as of ``binding-moved``.
account_unbound = _signals.signal("account-unbound")

#: A WeChat follower was bound to a person, or is not any more. Sender: the openid; keyword: ``change``.
follower_bound = _signals.signal("follower-bound")

#: What a person asked of their own data was answered. Sender: the request's id; keywords: ``citizen``, ``kind`` (更正,
#: 删除), ``change``.
data_answered = _signals.signal("data-answered")
