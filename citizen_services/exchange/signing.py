"""Requests to registers: signature, envelope and errors by docs/partners/signing.md."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

from citizen_services import clock
from citizen_services.exchange.http import ANSWER_LIMIT, PAGE, Caller, Patience, Reply, new_ref
from citizen_services.exchange.outcomes import Kind, Refused, Uncertain
from citizen_services.settings import Partner

T = TypeVar("T")

#: What a client does about a refusal, by its code.
_KINDS: Mapping[str, Kind] = {
    "bad_request": "never",
    "ref_conflict": "never",
    "too_large": "never",
    "unknown_app": "operator",
    "bad_signature": "operator",
    "clock_skew": "operator",
    "nonce_used": "now",
    "not_permitted": "operator",
    "unknown_operation": "operator",
    "method_not_allowed": "operator",
    "unsupported_media_type": "operator",
    "too_many_requests": "later",
    "unavailable": "later",
}


@dataclass(frozen=True)
class Answered(Generic[T]):
    """A register's answer with what makes it evidence: our reference, and the register's own time."""

    value: T
    ref: str
    answered_at: datetime


def signature(key: str, path: str, timestamp: str, nonce: str, ref: str, body_sha256: str) -> str:
    """The signature of a POST to ``path`` (with the base address's path): HMAC-SHA256, lower-case hex."""
    text = "\n".join(("POST", path, timestamp, nonce, ref, body_sha256))
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


def _understood(envelope: Mapping[str, Any], read: Callable[[Fields], T], ref: str) -> Answered[T] | Malformed:
    """The answer's value, or what is wrong with it: handed back, so that no exception has a value as its context."""
    try:
        content = Fields(envelope)
        return Answered(read(content.part("data")), ref, content.moment("answered_at"))
    except Malformed as malformed:
        return malformed


class Register:
    """One register's signed requests; the clients of the registers stand on it."""

    def __init__(self, partner: Partner, caller: Caller | None = None) -> None:
        self.name = partner.name
        self._partner = partner
        self._caller = caller or Caller(partner.name)
        self._path = urlsplit(partner.base_url).path

    def ask(
        self,
        operation: str,
        fields: Mapping[str, Any],
        read: Callable[[Fields], T],
        *,
        ref: str | None = None,
        patience: Patience = PAGE,
        limit: int = ANSWER_LIMIT,
    ) -> Answered[T]:
        """``POST /v1/<operation>``; ``read`` makes a value of the answer's ``data``. Raises OutsideError."""
        ref = ref or new_ref()
        body = json.dumps({"ref": ref, **fields}, ensure_ascii=False).encode()
        envelope = self._post(operation, ref, body, patience, limit)
        if envelope.get("code") == "nonce_used":
            # Somebody drew our nonce: nothing was done, and a new one is all that is missing.
            envelope = self._post(operation, ref, body, patience, limit)
        code = str(envelope.get("code"))
        if code != "ok":
            raise self._refusal(operation, code, envelope)
        if envelope.get("ref") != ref:
            raise Uncertain(self.name, operation, "the answer belongs to another request")
        answered = _understood(envelope, read, ref)
        if isinstance(answered, Malformed):
            raise Uncertain(self.name, operation, f"the answer's {answered.args[0]} is not as described")
        return answered

    def _post(self, operation: str, ref: str, body: bytes, patience: Patience, limit: int) -> dict[str, Any]:
        path = f"/v1/{operation}"
        digest = hashlib.sha256(body).hexdigest()
        timestamp, nonce = str(int(clock.protocol_now().timestamp())), secrets.token_urlsafe(24)
        reply = self._caller.send(
            "POST",
            self._partner.base_url + path,
            operation=operation,
            ref=ref,
            patience=patience,
            limit=limit,
            body=body,
            headers={
                "Content-Type": "application/json",
                "X-App-Id": self._partner["app_id"],
                "X-Timestamp": timestamp,
                "X-Nonce": nonce,
                "X-Body-SHA256": digest,
                "X-Signature": signature(self._partner["app_key"], self._path + path, timestamp, nonce, ref, digest),
            },
        )
        return self._envelope(reply)

    @staticmethod
    def _envelope(reply: Reply) -> dict[str, Any]:
        found = reply.json_or_none()
        # 503 is the one error of a server's own that says that nothing was done.
        if found is None or (reply.status >= 500 and found.get("code") != "unavailable"):
            return reply.json()
        waits = reply.headers.get("Retry-After", "")
        return found | {"retry_after": float(waits) if waits.isdigit() else None, "status": reply.status}

    def _refusal(self, operation: str, code: str, envelope: Mapping[str, Any]) -> Refused:
        kind = _KINDS.get(code, "operator")
        after = envelope.get("retry_after") if kind == "later" else None
        return Refused(self.name, operation, code, kind, str(envelope.get("message") or ""), after)


class Malformed(Exception):
    """A field of an answer is missing or of a wrong kind; its only argument is the field's name."""


class Fields:
    """An answer's JSON object, read field by field; each reader raises Malformed with the field's name."""

    def __init__(self, content: Any, name: str = "data") -> None:
        if not isinstance(content, dict):
            raise Malformed(name)
        self._content = content

    def text(self, name: str) -> str:
        """A text that isn't empty."""
        value = self._content.get(name)
        if not isinstance(value, str) or not value:
            raise Malformed(name)
        return value

    def text_or_none(self, name: str) -> str | None:
        """A text, or null."""
        return None if self._content.get(name) is None else self.text(name)

    def text_or_empty(self, name: str) -> str:
        """A text that may be empty."""
        value = self._content.get(name)
        if not isinstance(value, str):
            raise Malformed(name)
        return value

    def one_of(self, name: str, *allowed: str) -> str:
        """One of the allowed words."""
        value = self.text(name)
        if value not in allowed:
            raise Malformed(name)
        return value

    def flag(self, name: str) -> bool:
        """True or false."""
        value = self._content.get(name)
        if not isinstance(value, bool):
            raise Malformed(name)
        return value

    def whole(self, name: str) -> int:
        """A whole number."""
        value = self._content.get(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise Malformed(name)
        return value

    def day(self, name: str) -> date:
        """A date."""
        try:
            return date.fromisoformat(self.text(name))
        except ValueError:
            raise Malformed(name) from None

    def day_or_none(self, name: str) -> date | None:
        """A date, or null."""
        return None if self._content.get(name) is None else self.day(name)

    def moment(self, name: str) -> datetime:
        """A time with its offset."""
        try:
            moment = datetime.fromisoformat(self.text(name))
        except ValueError:
            raise Malformed(name) from None
        if moment.tzinfo is None:
            raise Malformed(name)
        return moment

    def part(self, name: str) -> Fields:
        """An object within."""
        return Fields(self._content.get(name), name)

    def parts(self, name: str) -> list[Fields]:
        """A list of objects within."""
        value = self._content.get(name)
        if not isinstance(value, list):
            raise Malformed(name)
        return [Fields(item, name) for item in value]
