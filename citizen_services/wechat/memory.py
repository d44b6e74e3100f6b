"""What the door remembers of pushes: which nonce came with what, what was answered and offered.

One round trip to Redis; while Redis is away, rows in PostgreSQL in its place; while both are away, nothing, since what
is remembered here belongs to pushes that change nothing: those that change something have rows of their own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import redis
from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from citizen_services import clock
from citizen_services.database import db
from citizen_services.database.base import rollback
from citizen_services.parts import parts
from citizen_services.redis import breaker, exchange
from citizen_services.security import CannotDecrypt, equal, keyring
from citizen_services.wechat.envelope import FRESH_S, Delivery, Refused
from citizen_services.wechat.errors import DATABASE_AWAY
from citizen_services.wechat.models import Push, PushMemory

#: A push may be dated FRESH_S ahead and is fresh until FRESH_S after its date; a minute more for slow machines.
KEPT_S = 2 * FRESH_S + 60
#: How long a choice may be answered after it was offered.
CHOICE_S = 600
#: How long the rows of pushes that changed something are kept.
KEPT_ROWS = timedelta(days=31)
_BOUND_TO = "redis.push"

Answer = dict[str, str]


def remember(delivery: Delivery, answer: Answer | None = None, offers: Sequence[str] = ()) -> Answer | None:
    """Remember a delivery's nonce, and with ``answer`` what is answered to its push unless it was answered before.

    ``offers`` are the codes that the answer lets its follower choose among (see ``offered``).
    A nonce may come again with the same words only, as in WeChat's own retry; Refused (403) where they are others.
    Returns the answer given before, None where there is none. The caller commits, since PostgreSQL may stand in.
    """
    names = {"nonce": f"nonce:{delivery.nonce}", "push": f"push:{_hash(delivery.received.key)}"}
    choice = {_choice(delivery.received.sender): list(offers)} if offers else {}
    found = breaker.ask(lambda: _in_redis(parts().redis, names, delivery.received.digest, answer, choice), None)
    if found is None:
        found = _in_postgres(names, delivery.received.digest, answer, choice)
    digest, before = found
    if digest is not None and not equal(digest, delivery.received.digest):
        raise Refused(403, "nonce used before")
    return before


def offered(openid: str) -> list[str]:
    """The codes that a follower was offered last, in their order; empty where that is too long ago, or nobody knows."""
    name = _choice(openid)
    asked = breaker.ask(lambda: exchange(parts().redis, (b"GET", f"wechat:{name}".encode())), None)
    if asked is None:
        query = select(PushMemory.value).where(PushMemory.key == name, PushMemory.until > clock.protocol_now())
        return list(db.session.scalar(query) or [])
    return list(_opened(asked[0]) or [])


def _choice(openid: str) -> str:
    return f"choice:{_hash(openid)}"


def _hash(key: str) -> str:
    return hashlib.blake2b(key.encode(), digest_size=16).hexdigest()


_Found = tuple[str | None, Answer | None]
_Choice = dict[str, list[str]]


def _in_redis(
    client: redis.Redis, names: dict[str, str], digest: str, answer: Answer | None, choice: _Choice
) -> _Found:
    """What stood there before, under both names."""
    commands = [_set(names["nonce"], digest.encode())]
    if answer is not None:
        commands.append(_set(names["push"], _sealed(answer)))
    for name, codes in choice.items():
        commands.append((b"SETEX", f"wechat:{name}".encode(), b"%d" % CHOICE_S, _sealed(codes)))
    nonce, *push = exchange(client, *commands)
    return (nonce.decode() if nonce else None), _opened(push[0] if push else None)


def _set(name: str, value: bytes) -> tuple[bytes, ...]:
    """Keep a value unless there is one; the answer is the earlier one."""
    return (b"SET", f"wechat:{name}".encode(), value, b"NX", b"GET", b"EX", b"%d" % KEPT_S)


def _sealed(value: object) -> bytes:
    return keyring().encrypt(json.dumps(value, ensure_ascii=False).encode(), _BOUND_TO)


def _opened(sealed: bytes | None) -> Any:
    if not sealed:
        return None
    try:
        return json.loads(keyring().decrypt(sealed, _BOUND_TO))
    except CannotDecrypt:
        # The keys were changed meanwhile: the push is answered anew.
        return None


def _in_postgres(names: dict[str, str], digest: str, answer: Answer | None, choice: _Choice) -> _Found:
    """The same while Redis is away. A push that changes nothing is answered though PostgreSQL be away as well."""
    values: dict[str, Any] = {names["nonce"]: digest}
    if answer is not None:
        values[names["push"]] = answer
    until = clock.protocol_now() + timedelta(seconds=KEPT_S)
    rows = [{"key": key, "value": value, "until": until} for key, value in values.items()]
    try:
        db.session.execute(insert(PushMemory).on_conflict_do_nothing(), rows)
        for key, codes in choice.items():
            chosen_until = clock.protocol_now() + timedelta(seconds=CHOICE_S)
            offer = insert(PushMemory).values(key=key, value=codes, until=chosen_until)
            latest = {"value": offer.excluded.value, "until": offer.excluded.until}
            db.session.execute(offer.on_conflict_do_update(index_elements=["key"], set_=latest))
        query = select(PushMemory.key, PushMemory.value).where(PushMemory.key.in_(names.values()))
        kept = {row.key: row.value for row in db.session.execute(query)}
    except DATABASE_AWAY:
        if answer is None:
            raise
        rollback()
        return None, None
    return kept.get(names["nonce"]), kept.get(names["push"])


def forget_old() -> int:
    """Remove rows that nobody can ask for any more; how many. Called by the scheduler, which commits."""
    now = clock.protocol_now()
    gone = db.session.connection().execute(delete(PushMemory).where(PushMemory.until < now)).rowcount
    return gone + db.session.connection().execute(delete(Push).where(Push.at < now - KEPT_ROWS)).rowcount
