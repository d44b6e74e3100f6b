"""What all processes share of the account: its access token, and the ticket that signs pages.

Each is kept in a row, fetched anew by whoever comes first, never put back to an old one.

The stable token (POST cgi-bin/stable_token) stays the same until its last five minutes, when a new one is given out
while both work; so it is renewed within these. Who renews holds a lease, not a lock, since nobody calls
out inside a transaction.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from citizen_services.clock import protocol_now
from citizen_services.exchange.http import Caller, Patience, new_ref
from citizen_services.exchange.models import PartnerToken
from citizen_services.exchange.outcomes import Kind, OutsideError, Refused, Unreachable
from citizen_services.exchange.wechat_codes import refusal
from citizen_services.settings import Partner, WeChat

log = logging.getLogger(__name__)

_PARTNER = "wechat_api"
#: Renewed when so little of its life is left; WeChat gives a new one in the last 300 s.
_EARLY = timedelta(seconds=200)
#: With less than this left a token isn't used any more: it would die on its way.
_MARGIN = timedelta(seconds=10)
#: Everybody waits for the one who asks, so it asks briefly.
BRIEF = Patience(2.0, 5.0, 6.0)
#: A lease outlives the longest call, so that two never ask at once; who dies is succeeded after it.
_LEASE_S = 15.0
_POLL_S = 0.05
#: WeChat makes a new token against the rules of its life 20 times a day; each process wishes so once in so long.
_FORCE_EVERY_S = 7200.0
#: The table itself: a cached statement compares mapped attributes, which an encrypted column forbids.
_TABLE = PartnerToken.__table__


@dataclass(frozen=True)
class Token:
    """A token and which one it is: whoever sees generation n fail asks for n + 1."""

    value: str
    generation: int
    expires_at: datetime

    def lives(self, margin: timedelta = _MARGIN) -> bool:
        """Whether it lives for longer than ``margin`` from now."""
        return bool(self.value) and self.expires_at - protocol_now() > margin


class _Shared(ABC):
    """Something of the account that ends by itself. Safe for threads; every process has one over the same row."""

    #: The row, and what is asked of WeChat.
    name: str
    operation: str

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._lock = threading.Lock()
        self._seen: Token | None = None
        self._failure: tuple[float, OutsideError] | None = None

    def get(self) -> Token:
        """The current token, renewed where it is about to end. Raises OutsideError where there is none to be had."""
        seen = self._seen
        if seen is not None and seen.lives(_EARLY):
            return seen
        return self._newer_than(None)

    def after(self, failed: Token) -> Token:
        """The token that follows one which WeChat refused: the one that somebody else got meanwhile, or a new one."""
        return self._newer_than(failed)

    def _newer_than(self, failed: Token | None) -> Token:
        began = time.monotonic()
        # One thread a process asks; the others find what it found, be it a failure.
        with self._lock:
            if self._failure is not None and self._failure[0] >= began:
                raise self._failure[1]
            seen = self._seen
            if seen is not None and seen.lives(_EARLY) and (failed is None or seen.generation > failed.generation):
                return seen
            try:
                self._seen = self._renewed(failed)
            except OutsideError as error:
                self._failure = (time.monotonic(), error)
                raise
            return self._seen

    def _renewed(self, failed: Token | None) -> Token:
        give_up = time.monotonic() + _LEASE_S
        while True:
            row = self._row()
            good = row is not None and (failed is None or row.generation > failed.generation)
            if row is not None and good and row.lives(_EARLY):
                return row
            generation = row.generation if row is not None else 0
            if self._lease(generation):
                try:
                    return self._fetch(generation, failed)
                except OutsideError as error:
                    if row is not None and good and row.lives():
                        log.warning("the token is renewed later, the old one still lives: %s", error)
                        return row
                    raise
            if row is not None and good and row.lives():
                # Somebody is renewing it; until then the old one works.
                return row
            if time.monotonic() > give_up:
                raise Unreachable(_PARTNER, self.operation, "another process renews the token and does not end")
            time.sleep(_POLL_S)

    def _row(self) -> Token | None:
        with self.engine.connect() as connection:
            row = connection.execute(
                select(_TABLE.c.token, _TABLE.c.generation, _TABLE.c.expires_at).where(_TABLE.c.partner == self.name)
            ).one_or_none()
        return None if row is None else Token(row.token, row.generation, row.expires_at)

    def _lease(self, generation: int) -> bool:
        """Become the one who renews the token of that generation; False where somebody else is, or was faster."""
        now = protocol_now()
        until = func.now() + literal(timedelta(seconds=_LEASE_S))
        with self.engine.begin() as connection:
            if generation == 0:
                first: dict[str, Any] = {"partner": self.name, "token": "", "generation": 0}
                first |= {"refreshed_at": now, "expires_at": now}
                connection.execute(insert(PartnerToken).values(first).on_conflict_do_nothing())
            taken = connection.execute(
                update(PartnerToken)
                .where(
                    PartnerToken.partner == self.name,
                    PartnerToken.generation == generation,
                    or_(PartnerToken.leased_until.is_(None), PartnerToken.leased_until < func.now()),
                )
                .values(leased_until=until)
            )
            return taken.rowcount == 1

    def _fetch(self, generation: int, failed: Token | None) -> Token:
        try:
            given = self._ask()
            if failed is not None and given[0] == failed.value:
                given = self._ask_other(given)
        except OutsideError:
            self._end_lease(generation)
            raise
        value, lasts_s = given
        now = protocol_now()
        token = Token(value, generation + 1, now + timedelta(seconds=lasts_s))
        with self.engine.begin() as connection:
            written = connection.execute(
                update(PartnerToken)
                .where(PartnerToken.partner == self.name, PartnerToken.generation == generation)
                .values(
                    token=value,
                    generation=generation + 1,
                    refreshed_at=now,
                    expires_at=token.expires_at,
                    leased_until=None,
                )
            )
        if written.rowcount == 1:
            return token
        # Our lease had run out and somebody went on: theirs is the newer one.
        newer = self._row()
        if newer is None:
            raise Unreachable(_PARTNER, self.operation, "the token's row was taken away")
        return newer

    def _end_lease(self, generation: int) -> None:
        with self.engine.begin() as connection:
            connection.execute(
                update(PartnerToken)
                .where(PartnerToken.partner == self.name, PartnerToken.generation == generation)
                .values(leased_until=None)
            )

    @abstractmethod
    def _ask(self) -> tuple[str, int]:
        """A value and how many seconds it lasts; raises OutsideError."""

    def _ask_other(self, given: tuple[str, int]) -> tuple[str, int]:
        """Another value where the one given is the one that was refused; the same where there is none to be had."""
        return given


class SharedTicket(_Shared):
    """The account's ``jsapi_ticket``, with which pages are signed; ``ask`` fetches one with the shared token."""

    name, operation = "wechat_jsapi", "ticket/getticket"

    def __init__(self, token: SharedToken, ask: Callable[[], tuple[str, int]]) -> None:
        super().__init__(token.engine)
        self._ask_wechat = ask

    def _ask(self) -> tuple[str, int]:
        return self._ask_wechat()


class SharedToken(_Shared):
    """The official account's access token."""

    name, operation = _PARTNER, "stable_token"

    def __init__(self, partner: Partner, wechat: WeChat, caller: Caller, engine: Engine) -> None:
        super().__init__(engine)
        self._partner = partner
        self._wechat = wechat
        self._caller = caller
        self._forced_at = float("-inf")

    def _ask(self) -> tuple[str, int]:
        return self._stable_token(force=False)

    def _ask_other(self, given: tuple[str, int]) -> tuple[str, int]:
        if time.monotonic() - self._forced_at < _FORCE_EVERY_S:
            return given
        self._forced_at = time.monotonic()
        try:
            return self._stable_token(force=True)
        except OutsideError as error:
            log.error("WeChat refuses the token that it gives out, and makes no other: %s", error)
            return given

    def _stable_token(self, *, force: bool) -> tuple[str, int]:
        body = {
            "grant_type": "client_credential",
            "appid": self._wechat.app_id,
            "secret": self._wechat.app_secret,
            "force_refresh": force,
        }
        reply = self._caller.send(
            "POST",
            f"{self._partner.base_url}/cgi-bin/stable_token",
            operation="stable_token",
            ref=new_ref(),
            patience=BRIEF,
            body=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        answer = reply.json()
        error = refusal("stable_token", answer)
        if error is not None:
            # On this address "invalid credential" is about the secret, which only a person can set right.
            kind: Kind = "operator" if error.kind == "never" else error.kind
            raise Refused(_PARTNER, "stable_token", error.code, kind, error.words, error.after_s)
        token, lasts_s = answer.get("access_token"), answer.get("expires_in")
        if not isinstance(token, str) or not token or not isinstance(lasts_s, int) or lasts_s <= 0:
            raise reply.uncertain("an answer without a token")
        return token, lasts_s
