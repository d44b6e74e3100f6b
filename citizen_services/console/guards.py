"""Who of the staff is behind a request of the console, and what they may open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import ParamSpec, cast

from flask import Response, abort, redirect, request, url_for
from flask.typing import ResponseReturnValue

from citizen_services.pages import local_path
from citizen_services.people import second_factor, sessions
from citizen_services.people.actors import Actor
from citizen_services.people.models import Session, Staff
from citizen_services.people.web import logged_in

_P = ParamSpec("_P")
HOME = "/console/"


def current_staff() -> Staff | None:
    """Whoever of the staff is logged in."""
    person = logged_in()
    return person.staff if person is not None else None


def current_actor() -> Actor:
    """Who acts: with office, roles and standing. In views guarded by staff_required; ends with 401 elsewhere."""
    person = logged_in()
    if person is None or person.staff is None:
        abort(401)
    return sessions.staff_actor(person.staff, person.roles)


def next_path(candidate: str | None) -> str:
    """A path of this door to go on to; the door itself for everything else."""
    path = local_path(candidate, HOME)
    return path if path.startswith("/console/") else HOME


def _to_login() -> ResponseReturnValue:
    reading = request.method in ("GET", "HEAD")
    address = url_for("console_login.page", next=request.full_path.rstrip("?") if reading else None)
    if request.headers.get("HX-Request") == "true":
        # A part of a page was asked for: the whole page goes to the login, not the part.
        return Response(status=401, headers={"HX-Redirect": url_for("console_login.page")})
    return redirect(address, 303)


@dataclass(frozen=True)
class Member:
    """Whoever of the staff is logged in, with the session and the roles."""

    staff: Staff
    session: Session
    roles: frozenset[str]


def current_member() -> Member:
    """Who is logged in, in views guarded by staff_required; ends with 401 elsewhere."""
    person = logged_in()
    if person is None or person.staff is None:
        abort(401)
    return Member(person.staff, person.session, person.roles)


def _unready(person: sessions.LoggedIn) -> bool:
    """Whether the account has to be seen to first: a password drawn by others, a second factor that the role asks."""
    staff = person.staff
    if staff is None:
        return False
    return staff.must_change_password or (second_factor.demanded(person.roles) and not second_factor.enrolled(staff.id))


def staff_required(
    *roles: str,
    unready: bool = False,
) -> Callable[[Callable[_P, ResponseReturnValue]], Callable[_P, ResponseReturnValue]]:
    """Let only staff into a view, and of them only those with one of these roles where any is named (else 403).

    Whoever has to change a drawn password or set up a second factor first is led there, but for ``unready`` views.
    """

    def guard(view: Callable[_P, ResponseReturnValue]) -> Callable[_P, ResponseReturnValue]:
        @wraps(view)
        def guarded(*args: _P.args, **kwargs: _P.kwargs) -> ResponseReturnValue:
            person = logged_in()
            if person is None or person.staff is None:
                return _to_login()
            if not unready and _unready(person):
                return redirect(url_for("console_account.page"), 303)
            if roles and not person.roles & set(roles):
                abort(403)
            return view(*args, **kwargs)

        return cast(Callable[_P, ResponseReturnValue], guarded)

    return guard
