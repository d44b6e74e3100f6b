"""Sessions in PostgreSQL: the cookie carries an unguessable token, the row its SHA-256 and what it stands for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import bindparam, delete, insert, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, outerjoin

from citizen_services.clock import protocol_now
from citizen_services.database import db, new_id
from citizen_services.database.direct import Direct, columns_of, remembered
from citizen_services.people.actors import Actor
from citizen_services.people.models import Attempt as AttemptRow
from citizen_services.people.models import BindingRequest, Citizen, OAuthState, PhoneCode, Session, Staff
from citizen_services.people.queries import office, roles_of
from citizen_services.rules import retention
from citizen_services.security import digest, new_token

Kind = Literal["citizen", "staff"]


@dataclass(frozen=True)
class Lifetime:
    """How long a session lasts without a request, and at all."""

    idle: timedelta
    whole: timedelta


#: 等保: staff are logged out after half an hour; a citizen may have to look for papers in between.
LIFETIMES: Mapping[str, Lifetime] = {
    "staff": Lifetime(timedelta(minutes=30), timedelta(hours=12)),
    "citizen": Lifetime(timedelta(hours=4), timedelta(days=2)),
}

#: ``seen_at`` is written at most this often, so that reading pages doesn't write.
_TOUCH = timedelta(minutes=1)


@dataclass(frozen=True)
class LoggedIn:
    """A live session and whom it stands for: a citizen, somebody of the staff, or a follower or phone not bound yet."""

    session: Session
    citizen: Citizen | None
    staff: Staff | None
    roles: frozenset[str]

    def actor(self) -> Actor | None:
        """The actor of this session; None where nobody is bound yet."""
        if self.staff is not None:
            return staff_actor(self.staff, self.roles)
        return citizen_actor(self.citizen) if self.citizen is not None else None


def citizen_actor(citizen: Citizen) -> Actor:
    """A citizen as an actor."""
    return Actor("citizen", id=citizen.id, id_lookup=citizen.id_lookup)


def staff_actor(staff: Staff, roles: frozenset[str]) -> Actor:
    """Somebody of the staff as an actor."""
    place = office(staff.office_code)
    return Actor(
        "staff",
        id=staff.id,
        name=staff.login,
        office=place.code,
        office_kind=place.kind,
        district=place.district,
        roles=roles,
        standing=staff.standing,
        id_lookup=staff.id_lookup,
    )


def load_session(token: str, kind: Kind) -> LoggedIn | None:
    """The live session of a cookie's token: not expired, not idle for too long, its person's epoch unchanged."""
    now = protocol_now()
    row = _LIVE[kind].first(token=digest(token), now=now, idle_since=now - LIFETIMES[kind].idle)
    if row is None:
        return None
    session = remembered(Session, row[:_SESSION_WIDTH])
    # Of a person that nobody is bound to yet every column is empty, the key as well.
    theirs = row[_SESSION_WIDTH:] if row[_SESSION_WIDTH] is not None else None
    citizen = remembered(Citizen, theirs) if theirs is not None and kind == "citizen" else None
    staff = remembered(Staff, theirs) if theirs is not None and kind == "staff" else None
    person = citizen or staff
    if person is not None and person.epoch != session.epoch:
        return None
    if staff is not None and not staff.active:
        return None
    if session.factor_pending:
        # The password alone makes nobody of the staff: no door lets this session in.
        return LoggedIn(session, None, None, frozenset())
    return LoggedIn(session, citizen, staff, roles_of(staff.id) if staff else frozenset())


_SESSION_WIDTH = len(columns_of(Session))


class Bearer:
    """A bound citizen's live session, of whom no more is read than who they are until somebody asks for more."""

    def __init__(self, row: Sequence[Any]) -> None:
        self._row = row
        self.session_id: UUID = row[_ID]
        self.seen_at: datetime = row[_SEEN_AT]
        self.citizen_id: UUID = row[_CITIZEN_ID]
        self.actor = Actor("citizen", id=self.citizen_id, id_lookup=row[_ID_LOOKUP])

    @cached_property
    def citizen(self) -> Citizen:
        """The person, as the session's object."""
        return remembered(Citizen, _LIVE["citizen"].opened(self._row)[_SESSION_WIDTH:])


def load_bearer(token: str) -> Bearer | None:
    """The live session of a bound citizen by its token, as ``load_session``; None for every other."""
    now = protocol_now()
    row = _LIVE["citizen"].sealed(token=digest(token), now=now, idle_since=now - LIFETIMES["citizen"].idle)
    if row is None or row[_CITIZEN_ID] is None or row[_EPOCH] != row[_CITIZENS_EPOCH] or row[_FACTOR_PENDING]:
        return None
    return Bearer(row)


def _places(kind: type[Session] | type[Citizen], *names: str) -> list[int]:
    keys = [column.key for column in columns_of(kind)]
    return [keys.index(name) for name in names]


_ID, _EPOCH, _FACTOR_PENDING, _SEEN_AT = _places(Session, "id", "epoch", "factor_pending", "seen_at")
_CITIZEN_ID, _ID_LOOKUP, _CITIZENS_EPOCH = (
    _SESSION_WIDTH + place for place in _places(Citizen, "id", "id_lookup", "epoch")
)


def _live(person: type[Citizen] | type[Staff], id: InstrumentedAttribute[UUID | None], kind: Kind) -> Direct:
    """A live session of that kind and its person, in one row."""
    return Direct(
        select(*columns_of(Session), *columns_of(person))
        .select_from(outerjoin(Session, person, person.id == id))
        .where(
            Session.token == bindparam("token"),
            Session.kind == kind,
            Session.expires_at > bindparam("now"),
            Session.seen_at > bindparam("idle_since"),
        )
    )


_LIVE: Mapping[str, Direct] = {
    "citizen": _live(Citizen, Session.citizen_id, "citizen"),
    "staff": _live(Staff, Session.staff_id, "staff"),
}


def touch(session: Session) -> bool:
    """Note that the session is in use; True where that wrote something, which the caller commits."""
    return touch_seen(session.id, session.seen_at)


def touch_seen(session_id: UUID, seen_at: datetime) -> bool:
    """The same of a session by its id, last seen then."""
    now = protocol_now()
    if now - seen_at < _TOUCH:
        return False
    db.session.execute(update(Session).where(Session.id == session_id).values(seen_at=now))
    return True


@dataclass(frozen=True)
class Opened:
    """A session just opened: its row's id, and the token that goes into the cookie and nowhere else."""

    id: UUID
    token: str
    kind: Kind
    factor_pending: bool = False


def open_session(
    kind: Kind,
    *,
    citizen: UUID | None = None,
    staff: UUID | None = None,
    epoch: int = 0,
    openid: str | None = None,
    phone: str | None = None,
    instead_of: Session | None = None,
    factor_pending: bool = False,
) -> Opened:
    """Open a session under a new token; the browser's earlier one (``instead_of``) ends.

    A binding under way goes along where it is the same follower's or phone's. ``factor_pending``: of somebody of the
    staff whose second factor is still to be shown.
    """
    now = protocol_now()
    opened = Opened(new_id(), new_token(), kind, factor_pending)
    db.session.execute(
        insert(Session).values(
            id=opened.id,
            token=digest(opened.token),
            kind=kind,
            citizen_id=citizen,
            staff_id=staff,
            openid=openid,
            phone=phone,
            epoch=epoch,
            factor_pending=factor_pending,
            created_at=now,
            seen_at=now,
            expires_at=now + LIFETIMES[kind].whole,
        )
    )
    if instead_of is not None:
        if instead_of.openid == openid and instead_of.phone in (None, phone):
            db.session.execute(
                update(BindingRequest).where(BindingRequest.session_id == instead_of.id).values(session_id=opened.id)
            )
        close_session(instead_of.id)
    return opened


def close_session(id: UUID) -> None:
    """End a session: its row goes, so that its token stands for nothing."""
    db.session.execute(delete(Session).where(Session.id == id))


def prove_phone(session: Session, phone: str) -> None:
    """Note that a code proved this phone in this session."""
    session.phone = phone


def remove_old() -> int:
    """Remove what has no use any more: sessions, codes, states, bindings long over, tries older than half a year.

    Returns how many rows went; safe to run at any time, twice at once.
    """
    now = protocol_now()
    day_ago = now - retention.period("unfinished")
    gone = [
        delete(BindingRequest).where(BindingRequest.expires_at < day_ago),
        delete(Session).where(
            or_(
                Session.expires_at < now,
                *((Session.kind == kind) & (Session.seen_at < now - life.idle) for kind, life in LIFETIMES.items()),
            )
        ),
        delete(PhoneCode).where(PhoneCode.expires_at < day_ago),
        delete(OAuthState).where(OAuthState.expires_at < day_ago),
        delete(AttemptRow).where(AttemptRow.at < now - retention.period("tries")),
    ]
    return sum(db.session.execute(statement).rowcount for statement in gone)  # type: ignore[attr-defined]
