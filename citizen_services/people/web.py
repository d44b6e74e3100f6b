"""Who is behind a request: a cookie for each of the two doors that people use, tokens against forged forms, one origin.

The cookies reach their own door only (``/h5``, ``/console``), so no other address can act for who is logged in.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Request, Response, abort, current_app, g, request, session
from flask.sessions import NullSession, SecureCookieSession, SecureCookieSessionInterface
from flask_wtf.csrf import CSRFProtect
from itsdangerous import URLSafeTimedSerializer

from citizen_services.database import commit
from citizen_services.parts import parts
from citizen_services.people.limits import address_subject
from citizen_services.people.sessions import LIFETIMES, Kind, LoggedIn, Opened, close_session, load_session, touch

_csrf = CSRFProtect()


@dataclass(frozen=True)
class Door:
    """One of the two doors: whom it is for, its path, its cookie."""

    kind: Kind
    path: str
    cookie: str


CITIZENS = Door("citizen", "/h5", "h5_session")
STAFF = Door("staff", "/console", "console_session")
DOORS: tuple[Door, ...] = (CITIZENS, STAFF)


class DoorSessions(SecureCookieSessionInterface):
    """Flask's own session (forms' tokens, sentences for the next page), for people only: machines' doors have none."""

    def __init__(self, machines: tuple[str, ...]) -> None:
        self._machines = machines
        self._none = NullSession()
        self._made: tuple[Any, Any] = (None, None)

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        """What signs the cookie: made once for a key, and not at each request and each answer."""
        if self._made[0] != app.secret_key:
            self._made = (app.secret_key, super().get_signing_serializer(app))
        made: URLSafeTimedSerializer | None = self._made[1]
        return made

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """The session of a request; of a machine's one in which nothing can be kept."""
        return self._none if request.path.startswith(self._machines) else super().open_session(app, request)


def init_people(app: Flask) -> None:
    """Load the person of each request to the two doors, and refuse forged forms there. Safe to call twice."""
    if "people" in app.extensions:
        return
    app.extensions["people"] = True
    # The token lives as long as the session that it is made from, so a form left open over lunch can still be sent.
    app.config.update(WTF_CSRF_CHECK_DEFAULT=False, WTF_CSRF_TIME_LIMIT=None, WTF_CSRF_SSL_STRICT=False)
    _csrf.init_app(app)
    app.before_request(load_person)


def door_of(path: str) -> Door | None:
    """The door that a path belongs to, None for every other address."""
    return next((door for door in DOORS if path == door.path or path.startswith(f"{door.path}/")), None)


def load_person() -> None:
    """Find out who is behind the request, before any view."""
    g.logged_in = None
    door = door_of(request.path)
    if door is None:
        return
    _refuse_other_origins()
    token = request.cookies.get(door.cookie, "")
    person = load_session(token, door.kind) if token else None
    if person is not None:
        # What a page asks for by itself is nobody's act: whoever has left the desk is logged out all the same.
        if not _asked_by_page() and touch(person.session):
            commit()
        _tie_forms_to(token)
    g.logged_in = person
    # What doesn't exist changes nothing: it is "not found", with or without a token.
    if request.endpoint is not None:
        _csrf.protect()


def logged_in() -> LoggedIn | None:
    """Whoever is logged in at this request's door."""
    found: LoggedIn | None = g.get("logged_in")
    return found


def forget_person() -> None:
    """Show the rest of this request to nobody in particular: what is known of its person can't be read any more."""
    g.logged_in = None


def _asked_by_page() -> bool:
    """Whether a page looks for news by itself, as lists and cases of the console do every few seconds."""
    return request.method == "GET" and request.headers.get("HX-Request") == "true"


def _refuse_other_origins() -> None:
    """Refuse what a page of another site sends: browsers name the origin of every form that they post."""
    origin = request.headers.get("Origin")
    if request.method in ("GET", "HEAD", "OPTIONS") or origin is None:
        return
    ours = {request.host, urlsplit(parts().settings.public_base_url).netloc}
    if urlsplit(origin).netloc not in ours:
        abort(400)


def _tie_forms_to(token: str) -> None:
    """Make the secret behind the forms' tokens follow from the session: with the session, every form of it is void."""
    key = str(current_app.secret_key).encode()
    secret = hmac.new(key, b"forms\0" + token.encode(), hashlib.sha256).hexdigest()
    if session.get("csrf_token") != secret:
        session["csrf_token"] = secret


def begin_forms(opened: Opened) -> None:
    """Make the forms of a page rendered from here on those of a session that this very answer opens (log_in)."""
    _tie_forms_to(opened.token)


def client_address() -> str:
    """The subject under which tries from this request's network address are counted."""
    return address_subject(request.remote_addr)


def secure_cookies() -> bool:
    """Whether cookies go over https only: wherever the public address is https."""
    return parts().settings.public_base_url.startswith("https:")


def log_in(response: Response, opened: Opened) -> Response:
    """Hand the browser the token of a session just opened; what the anonymous browser carried until now is dropped."""
    door = next(door for door in DOORS if door.kind == opened.kind)
    session.pop("csrf_token", None)
    response.set_cookie(
        door.cookie,
        opened.token,
        path=door.path,
        secure=secure_cookies(),
        httponly=True,
        samesite="Lax",
        # WeChat forgets a cookie without an age whenever its window closes; a desk's browser should forget.
        max_age=LIFETIMES[opened.kind].whole if opened.kind == "citizen" else None,
    )
    return response


def log_out(response: Response) -> Response:
    """End the session of this request's door and take its cookie back; the caller commits."""
    door = door_of(request.path)
    person = logged_in()
    if person is not None:
        close_session(person.session.id)
    session.clear()
    if door is not None:
        response.delete_cookie(door.cookie, path=door.path, secure=secure_cookies(), httponly=True, samesite="Lax")
    return response
