"""Who a citizen's page is for, and where somebody goes who has to be known first."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, cast

from flask import abort, redirect, request, url_for
from flask.typing import ResponseReturnValue

from citizen_services.pages import local_path
from citizen_services.people import sessions
from citizen_services.people.actors import Actor
from citizen_services.people.models import Citizen, Session
from citizen_services.people.queries import citizens_by_phone
from citizen_services.people.web import logged_in

_P = ParamSpec("_P")
HOME = "/h5/"


def current_session() -> Session | None:
    """The session of this browser, whether or not a citizen is bound."""
    person = logged_in()
    return person.session if person is not None else None


def current_citizen() -> Citizen | None:
    """The citizen of this request, None where nobody is logged in or bound yet."""
    person = logged_in()
    return person.citizen if person is not None else None


def the_citizen() -> Citizen:
    """The citizen of a view that is guarded by citizen_required; ends with 401 elsewhere."""
    citizen = current_citizen()
    if citizen is None:
        abort(401)
    return citizen


def citizen_actor() -> Actor:
    """The citizen as the actor of an operation, in a view that is guarded by citizen_required."""
    return sessions.citizen_actor(the_citizen())


def in_wechat() -> bool:
    """Whether the browser is WeChat's own, where the follower can be known without asking."""
    return "micromessenger" in request.user_agent.string.lower()


def next_path(candidate: str | None) -> str:
    """A path of this door to go on to; the front page for everything else, other sites first of all."""
    path = local_path(candidate, HOME)
    return path if path.startswith((HOME, "/d/")) else HOME


def _here() -> str:
    """Where to come back to: this page, or, after a form, the page of that address if it has one."""
    if request.method in ("GET", "HEAD"):
        return request.full_path.rstrip("?")
    rule = request.url_rule
    return request.path if rule is not None and rule.methods and "GET" in rule.methods else HOME


def to_be_known(next_: str) -> ResponseReturnValue:
    """Lead somebody who isn't known yet to where they get known, and back to ``next_`` afterwards."""
    session = current_session()
    if session is None:
        endpoint = "portal_oauth.start" if in_wechat() else "portal_login.page"
    elif session.openid is None and session.phone is not None and len(citizens_by_phone(session.phone)) > 1:
        endpoint = "portal_login.who"
    else:
        endpoint = "portal_bind.page"
    return redirect(url_for(endpoint, next=next_), 303)


def citizen_required(view: Callable[_P, ResponseReturnValue]) -> Callable[_P, ResponseReturnValue]:
    """Let only a bound citizen into a view; everybody else is led to login or binding first, and then back."""

    @wraps(view)
    def guarded(*args: _P.args, **kwargs: _P.kwargs) -> ResponseReturnValue:
        if current_citizen() is None:
            return to_be_known(_here())
        return view(*args, **kwargs)

    return cast(Callable[_P, ResponseReturnValue], guarded)
