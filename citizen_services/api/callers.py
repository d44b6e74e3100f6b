"""Who calls: the bearer of a session (a citizen's, or one of the staff's) or of a key; what they may, and how often."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import wraps
from typing import ParamSpec, TypeVar, cast
from uuid import UUID

from flask import Response, g, request

from citizen_services.api.problems import Problem
from citizen_services.cases import standing
from citizen_services.cases.errors import NoSuchCase
from citizen_services.cases.standing import Standing
from citizen_services.clock import protocol_now
from citizen_services.database import commit
from citizen_services.parts import parts
from citizen_services.people import api_keys, second_factor
from citizen_services.people.actors import Actor
from citizen_services.people.models import Citizen
from citizen_services.people.sessions import LoggedIn, load_bearer, load_session, staff_actor, touch, touch_seen
from citizen_services.redis import breaker, exchange
from citizen_services.security import digest

_P = ParamSpec("_P")
_T = TypeVar("_T")

#: Requests a minute of whoever is logged in as a person; a key brings its own number.
PER_MINUTE = 240
_WINDOW_S = 60
#: Names the person in whose name a citizen's program acts.
ON_BEHALF_OF = "On-Behalf-Of"
_NO_RIGHT = "没有替这个人办理的委托，或者委托已经结束。"


@dataclass(frozen=True)
class Caller:
    """Somebody who showed valid credentials. ``scopes`` None: everything that the person may do."""

    actor: Actor
    #: In whose name: a citizen's id, and how to read more of them.
    citizen_id: UUID | None
    read: Callable[[], Citizen] | None
    scopes: frozenset[str] | None
    #: Whose requests are counted together: never the token itself.
    subject: str
    per_minute: int
    #: By what right the caller acts for ``citizen``, who is somebody else then; None where they act for themselves.
    standing: Standing | None = None

    @property
    def citizen(self) -> Citizen | None:
        """The citizen in whose name the caller acts; None for the staff."""
        return None if self.read is None else self.read()

    def refuse_beyond(self, item: str, ended_at: datetime | None = None) -> None:
        """Raise NoSuchCase where the right by which the caller acts for another doesn't reach that far."""
        if self.standing is not None and not self.standing.covers(item, ended_at):
            raise NoSuchCase


def caller() -> Caller:
    """The caller of a view that is guarded by ``needs``."""
    return cast(Caller, g.api_caller)


def the_citizen() -> Citizen:
    """The citizen of a view that is guarded by ``needs("citizen")``: in whose name the caller acts."""
    citizen = caller().citizen
    if citizen is None:
        raise _not_allowed()
    return citizen


def the_citizens_id() -> UUID:
    """Their id, where no more of them is needed."""
    citizen_id = caller().citizen_id
    if citizen_id is None:
        raise _not_allowed()
    return citizen_id


def needs(
    *kinds: str, scope: str | None = None, for_others: bool = False
) -> Callable[[Callable[_P, _T]], Callable[_P, _T]]:
    """Let only callers of these kinds (``citizen``, ``staff``) into a view; a key needs ``scope`` besides.

    ``for_others``: a citizen may name there in whose name they act (``On-Behalf-Of``); elsewhere that is refused.

    401 without valid credentials, 403 for others, 429 beyond the rate.
    """

    def guard(view: Callable[_P, _T]) -> Callable[_P, _T]:
        @wraps(view)
        def guarded(*args: _P.args, **kwargs: _P.kwargs) -> _T:
            found = _bearer()
            g.api_caller = found
            _count(found.subject, found.per_minute)
            if found.actor.kind not in kinds or (found.scopes is not None and scope not in found.scopes):
                raise _not_allowed()
            g.api_caller = _acting_for(found, for_others)
            return view(*args, **kwargs)

        return guarded

    return guard


def _acting_for(found: Caller, accepted: bool) -> Caller:
    """The caller as who they act for by the header; NoSuchCase where by no right."""
    given = request.headers.get(ON_BEHALF_OF, "").strip()
    if not given:
        return found
    citizen = found.citizen if accepted else None
    if citizen is None:
        raise _not_allowed()
    try:
        principal = UUID(given)
    except ValueError:
        raise NoSuchCase(_NO_RIGHT) from None
    if principal == citizen.id:
        return found
    try:
        by = standing.of(citizen, principal)
    except NoSuchCase:
        raise NoSuchCase(_NO_RIGHT) from None
    return replace(found, actor=by.actor, citizen_id=by.principal.id, read=lambda: by.principal, standing=by)


def _bearer() -> Caller:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    token = token.strip()
    if kind.lower() != "bearer" or not token or len(token) > 200:
        raise _unauthorised()
    if token.startswith(api_keys.PREFIX):
        opened = api_keys.load(token)
        if opened is None:
            raise _unauthorised()
        scopes = frozenset(opened.key.scopes)
        actor = replace(staff_actor(opened.staff, opened.roles), api_key=opened.key.id)
        return Caller(actor, None, None, scopes, f"key:{opened.key.id}", opened.key.per_minute)
    bearer = load_bearer(token)
    if bearer is not None:
        if touch_seen(bearer.session_id, bearer.seen_at):
            commit()
        subject = f"session:{bearer.session_id}"
        return Caller(bearer.actor, bearer.citizen_id, lambda: bearer.citizen, None, subject, PER_MINUTE)
    person = load_session(token, "staff") or load_session(token, "citizen")
    if person is None:
        raise _unauthorised()
    if touch(person.session):
        commit()
    return _of_session(person)


def _of_session(person: LoggedIn) -> Caller:
    subject = f"session:{person.session.id}"
    if person.session.factor_pending:
        raise _unauthorised()
    if person.staff is not None:
        if person.staff.must_change_password:
            detail = "现在的密码是别人设的。请先登录工作台修改密码，再使用接口。"
            raise Problem("password-to-change", 403, "The password must be changed first", detail)
        if second_factor.demanded(person.roles) and not second_factor.enrolled(person.staff.id):
            detail = "您的岗位要求使用动态验证码。请先登录工作台，在“我的账号”里启用，再使用接口。"
            raise Problem("second-factor-wanted", 403, "A second factor must be set up first", detail)
        return Caller(staff_actor(person.staff, person.roles), None, None, None, subject, PER_MINUTE)
    detail = "这个令牌还没有核验身份。请先在公众号里绑定身份，再使用接口。"
    raise Problem("not-bound", 403, "Nobody is bound yet", detail)


def _unauthorised() -> Problem:
    detail = "请在 Authorization 头里带上有效的 Bearer 令牌。"
    return Problem("unauthorised", 401, "No valid credentials", detail, headers={"WWW-Authenticate": "Bearer"})


def _not_allowed() -> Problem:
    return Problem("not-allowed", 403, "Not allowed", "这个令牌没有做这件事的权限。")


# --- How often ----------------------------------------------------------------------------------------------------


#: So many requests of somebody a process counts before it says so to the others, unless the minute's rate is half used
#: up by then. Somebody may so get at most one less a process beyond the rate.
_AHEAD = 8


class _Counted:
    """Requests of this process by subject and minute: the number known of all processes, and how many it keeps yet."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._window = 0
        self._numbers: dict[str, tuple[int, int]] = {}

    def add(self, subject: str, window: int, most: int, tell: Callable[[int], int]) -> int:
        """Count one, and have ``tell`` say how many to the others where that is due; how many there are.

        ``tell`` gives the number of all processes, 0 where Redis is away: then each counts for itself.
        """
        with self._lock:
            if window != self._window:
                self._window, self._numbers = window, {}
            known, kept = self._numbers.get(subject, (0, 0))
            kept += 1
            if kept < _AHEAD and known + kept <= most // 2:
                self._numbers[subject] = (known, kept)
                return known + kept
            self._numbers[subject] = (known + kept, 0)
        number = max(tell(kept), known + kept)
        with self._lock:
            if window == self._window:
                known_now, kept_now = self._numbers.get(subject, (0, 0))
                self._numbers[subject] = (max(number, known_now), kept_now)
        return number


_counted = _Counted()


def _count(subject: str, most: int) -> None:
    """Count one request in this minute; 429 beyond the rate. While Redis is away each process counts for itself."""
    now = protocol_now().timestamp()
    window = int(now // _WINDOW_S)

    def tell(count: int) -> int:
        name = b"api:%b:%d" % (digest(subject).hex()[:24].encode(), window)
        said = ((b"INCRBY", name, b"%d" % count), (b"EXPIRE", name, b"%d" % (2 * _WINDOW_S)))
        return breaker.ask(lambda: int(exchange(parts().redis, *said)[0]), 0)

    number = _counted.add(subject, window, most, tell)
    left = _WINDOW_S - int(now % _WINDOW_S)
    g.api_rate = (most, max(0, most - number), left)
    if number > most:
        detail = f"这个令牌每分钟最多 {most} 次请求，请 {left} 秒后再试。"
        raise Problem("too-many", 429, "Too many requests", detail, headers={"Retry-After": str(left)})


def tell_rate(answer: Response) -> Response:
    """Tell every caller how much of the minute's rate is left."""
    rate = g.get("api_rate")
    if rate is not None:
        for name, value in zip(("Limit", "Remaining", "Reset"), rate, strict=True):
            answer.headers[f"RateLimit-{name}"] = str(value)
    return answer


def conditional(answer: Response) -> Response:
    """Give what was read an ETag, and answer 304 to whoever has it already; nothing of it is kept by caches between."""
    if request.method in ("GET", "HEAD") and answer.status_code == 200 and answer.is_json:
        answer.add_etag(weak=True)
        answer.headers["Cache-Control"] = "private, no-cache"
        answer.headers["Vary"] = "Authorization"
        answer.make_conditional(request)
    else:
        answer.headers.setdefault("Cache-Control", "no-store")
    return answer
