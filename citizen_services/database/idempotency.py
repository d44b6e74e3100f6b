"""Doing a write once: whoever repeats a request with the same key gets the first answer again.

And nothing is done twice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, delete, select

from citizen_services.clock import protocol_now
from citizen_services.database.base import db
from citizen_services.database.change import Change
from citizen_services.database.direct import Direct
from citizen_services.database.models import IdempotencyKey
from citizen_services.security import keyring

#: For so long a form sent again finds its first answer; by then the page that held it has long been left.
KEPT = timedelta(days=31)
#: The constraint that a second, simultaneous request with the same key runs into.
CONSTRAINT = "pk_idempotency_key"


_GIVEN = Direct(
    select(IdempotencyKey.fingerprint, IdempotencyKey.answer).where(
        IdempotencyKey.actor == bindparam("actor"),
        IdempotencyKey.route == bindparam("route"),
        IdempotencyKey.key == bindparam("key"),
    )
)


class KeyReused(Exception):
    """The key was used with another body."""

    sentence = "这个页面已经提交过其他内容，请返回重新打开页面后再试。"


@dataclass(frozen=True)
class Once:
    """One write's identity: who, which route, which key, and the fingerprint of what was sent."""

    actor: str
    route: str
    key: str
    fingerprint: bytes

    @classmethod
    def of(cls, actor: str, route: str, key: str, body: Mapping[str, Any]) -> Once:
        """Of a request's parsed body; fields that differ at each rendering (tokens) must not be in it."""
        text = json.dumps(body, sort_keys=True, ensure_ascii=False, default=str)
        # Keyed: a body may hold an identity number, and those can be tried out one by one against a plain hash.
        return cls(actor, route, key, keyring().lookup("fingerprint", text))

    def answer(self) -> Any | None:
        """The answer already given under this key, None where there is none; KeyReused for another body."""
        row = _GIVEN.first(actor=self.actor, route=self.route, key=self.key)
        if row is None:
            return None
        fingerprint, answer = row
        if fingerprint != self.fingerprint:
            raise KeyReused
        return answer

    def remember(self, change: Change, answer: Any) -> None:
        """Add to the change the row that makes a repetition find ``answer``."""
        change.add(
            IdempotencyKey,
            actor=self.actor,
            route=self.route,
            key=self.key,
            fingerprint=self.fingerprint,
            answer=answer,
            at=protocol_now(),
        )


def forget_old() -> int:
    """Remove the keys of forms that nobody sends again; how many. The caller commits."""
    old = delete(IdempotencyKey).where(IdempotencyKey.at < protocol_now() - KEPT)
    return db.session.connection().execute(old).rowcount
