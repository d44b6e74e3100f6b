"""Requests to registers: signature, envelope, limits and repeated writes.

Imitates our own docs/partners/signing.md, since no register's interface is public.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Any

from flask import Blueprint, Response, request

from citizen_services.rules.errors import RuleError
from citizen_services.rules.identity import parse_identity
from citizen_services.sandbox.world import Answer, Call, Voice, World

CHINA = timezone(timedelta(hours=8))
CLOCK_S = 300
NONCE_S = 600
PER_SECOND = 50
BODY_LIMIT = 64 * 1024
_NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}")
_REF = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class RegisterError(Exception):
    """An error in the registers' envelope; `field` names what is wrong in a body."""

    def __init__(self, status: int, code: str, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.field = field


def bad(field: str, message: str) -> RegisterError:
    """A field of the body is missing, too long or wrong."""
    return RegisterError(400, "bad_request", message, field)


class Body:
    """The JSON of a request, read field by field; each reader raises `bad_request` naming the field."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self.fields = fields

    def text(self, name: str, longest: int = 200, shortest: int = 1) -> str:
        """A text without control characters."""
        value = self.fields.get(name)
        if (
            not isinstance(value, str)
            or not shortest <= len(value.strip())
            or len(value) > longest
            or _CONTROL.search(value)
        ):
            raise bad(name, f"{name}: text of {shortest} to {longest} characters is needed")
        return value

    def text_or_none(self, name: str, longest: int = 200) -> str | None:
        """A text, or null or absent."""
        return None if self.fields.get(name) is None else self.text(name, longest)

    def matching(self, name: str, pattern: str) -> str:
        """A text of the given shape."""
        value = self.fields.get(name)
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise bad(name, f"{name} has a wrong form")
        return value

    def day(self, name: str) -> str:
        """An ISO date, given back as text."""
        value = self.fields.get(name)
        try:
            if not isinstance(value, str) or len(value) != 10:
                raise ValueError
            date.fromisoformat(value)
        except ValueError:
            raise bad(name, f"{name}: a date YYYY-MM-DD is needed") from None
        return value

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        """A whole number within bounds."""
        value = self.fields.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise bad(name, f"{name}: a whole number from {low} to {high} is needed")
        return value

    def identity(self, name: str = "id_number") -> str:
        """A valid identity number in its one written form."""
        value = self.fields.get(name)
        try:
            # Tomorrow in China has begun before it has anywhere to the west: births of today pass everywhere.
            if isinstance(value, str) and parse_identity(value, datetime.now(CHINA).date()).number == value:
                return value
        except RuleError:
            pass
        raise bad(name, f"{name}: not an identity number")


def taken_once(world: World, table: str, body: Body, kind: str, write: Callable[[str], str]) -> dict[str, Any]:
    """Do a write unless its reference is known in a table; `write` gets the reference and returns the number given."""
    ref = str(body.fields["ref"])
    content = hashlib.sha256(json.dumps([kind, body.fields], sort_keys=True).encode()).hexdigest()
    known = world.state.get(table, ref)
    created = known is None
    if known is None:
        written_at = datetime.fromtimestamp(world.now(), CHINA).isoformat(timespec="seconds")
        known = {"kind": kind, "register_number": write(ref), "written_at": written_at, "content": content}
        world.state.put(table, ref, known)
    elif known["content"] != content:
        raise RegisterError(409, "ref_conflict", "the reference was used for other content")
    return {"register_number": known["register_number"], "created": created, "written_at": known["written_at"]}


@dataclass(frozen=True)
class Operation:
    """One operation of a register: `act` gets the body and returns `data`; `to` and `text` are for the ledger."""

    name: str
    act: Callable[[Body], dict[str, Any]]
    to: str = "id_number"
    text: Callable[[dict[str, Any]], str] = lambda fields: ""
    writes: bool = False
    body_limit: int = BODY_LIMIT


def envelope(world: World, status: int, code: str, message: str = "", **more: Any) -> Response:
    """Build an answer in the registers' envelope."""
    body = {
        "code": code,
        "message": message,
        "ref": request.headers.get("X-Request-Ref", ""),
        "answered_at": datetime.fromtimestamp(world.now(), CHINA).isoformat(timespec="seconds"),
        **more,
    }
    response = Response(json.dumps(body, ensure_ascii=False), status, content_type="application/json")
    response.headers["X-Request-Ref"] = request.headers.get("X-Request-Ref", "")
    if status in (429, 503):
        response.headers["Retry-After"] = "1" if status == 429 else "30"
    return response


class Gate:
    """Lets a register's requests in: signature, clock, nonce, and 50 a second."""

    def __init__(self, world: World, partner: str) -> None:
        self._world = world
        self._app_id, self._key = world.config.register_keys.get(partner, ("", ""))
        self._lock = threading.Lock()
        self._nonces: dict[str, float] = {}
        self._recent: deque[float] = deque()

    def check(self, body_limit: int) -> Body:
        """Return the body of a request that may come in; raises RegisterError."""
        headers, raw = request.headers, request.get_data()
        if request.query_string:
            raise RegisterError(400, "bad_request", "no query string is allowed", "query")
        if (headers.get("Content-Type") or "").split(";")[0].strip().lower() != "application/json":
            raise RegisterError(415, "unsupported_media_type", "application/json is needed")
        if len(raw) > body_limit:
            raise RegisterError(413, "too_large", f"at most {body_limit} bytes")
        self._signature(raw)
        try:
            fields = json.loads(raw)
        except ValueError:
            raise RegisterError(400, "bad_request", "not JSON") from None
        if not isinstance(fields, dict) or fields.get("ref") != headers.get("X-Request-Ref"):
            raise bad("ref", "ref must be the text of X-Request-Ref")
        return Body(fields)

    def _signature(self, raw: bytes) -> None:
        headers = request.headers
        timestamp, nonce = headers.get("X-Timestamp", ""), headers.get("X-Nonce", "")
        ref, digest = headers.get("X-Request-Ref", ""), headers.get("X-Body-SHA256", "")
        if not self._app_id or headers.get("X-App-Id") != self._app_id:
            raise RegisterError(401, "unknown_app", "unknown application")
        if not _REF.fullmatch(ref):
            raise RegisterError(400, "bad_request", "X-Request-Ref has a wrong form", "X-Request-Ref")
        if not _NONCE.fullmatch(nonce):
            raise RegisterError(400, "bad_request", "X-Nonce has a wrong form", "X-Nonce")
        path = request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI") or request.path
        text = "\n".join(("POST", str(path), timestamp, nonce, ref, digest))
        right = hmac.new(self._key.encode(), text.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(right.encode(), headers.get("X-Signature", "").encode()) or not hmac.compare_digest(
            hashlib.sha256(raw).hexdigest().encode(), digest.encode()
        ):
            raise RegisterError(401, "bad_signature", "the signature is wrong")
        now = self._world.now()
        if not re.fullmatch(r"\d{10}", timestamp) or abs(now - int(timestamp)) > CLOCK_S:
            raise RegisterError(401, "clock_skew", f"the register's time is {int(now)}")
        with self._lock:
            self._nonces = {text: at for text, at in self._nonces.items() if now - at < NONCE_S}
            if nonce in self._nonces:
                raise RegisterError(401, "nonce_used", "the nonce was used before")
            self._nonces[nonce] = now
            while self._recent and now - self._recent[0] >= 1:
                self._recent.popleft()
            if len(self._recent) >= PER_SECOND:
                raise RegisterError(429, "too_many_requests", f"more than {PER_SECOND} requests a second")
            self._recent.append(now)


def register_blueprint(world: World, partner: str, operations: dict[str, Operation]) -> Blueprint:
    """The routes of one register: `/<partner>/v1/<operation>`, all POST."""
    routes = Blueprint(partner, __name__, url_prefix=f"/{partner}")
    gate = Gate(world, partner)

    def failed(error: RegisterError) -> Answer:
        more = {"field": error.field} if error.field else {}
        return Answer(envelope(world, error.status, error.code, error.message, **more), error.code)

    voice = Voice(
        lambda call, code: failed(RegisterError(403, code or "not_permitted", "refused")),
        lambda call: failed(RegisterError(401, "clock_skew", f"the register's time is {int(world.now())}")),
        lambda: envelope(world, 500, "internal", "the register failed"),
    )

    @routes.route("/v1/<path:name>", methods=["GET", "POST", "PUT", "DELETE", "PATCH"])
    def operation(name: str) -> Response:
        known = operations.get(name)
        told = request.get_json(force=True, silent=True)
        told = told if isinstance(told, dict) else {}

        def act() -> Answer:
            try:
                if known is None:
                    raise RegisterError(404, "unknown_operation", f"no operation {name}")
                if request.method != "POST":
                    raise RegisterError(405, "method_not_allowed", "POST only")
                data = known.act(gate.check(known.body_limit))
            except RegisterError as error:
                return failed(error)
            # A repeated write is no second one: only what was newly taken counts as accepted.
            outcome = ("accepted" if data["created"] else "repeated") if known.writes else "ok"
            detail = {"register_number": data["register_number"]} if known.writes else {}
            return Answer(envelope(world, 200, "ok", data=data), outcome, detail)

        to = str(told.get(known.to) or "") if known else ""
        text = known.text(told) if known else ""
        return world.take(
            Call(partner, known.name if known else name, str(told.get("ref") or ""), to, text), act, voice
        )

    return routes
