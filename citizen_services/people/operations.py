"""What changes who is logged in: staff by password, citizens by phone, followers by WeChat's web authorisation."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

from sqlalchemy import insert, select, update

from citizen_services.clock import protocol_now
from citizen_services.database import db
from citizen_services.people import limits, second_factor, sessions
from citizen_services.people.errors import NotYourPhone, WrongLogin
from citizen_services.people.limits import Try
from citizen_services.people.models import Citizen, OAuthState, Session, Staff
from citizen_services.people.queries import citizen_of_openid, citizens_by_phone
from citizen_services.rules.text import compact
from citizen_services.security import digest, equal, hash_password, new_token, password_matches

OAUTH_LIFETIME = timedelta(minutes=10)
#: The largest password that is hashed: more is nobody's password, only work for us.
LONGEST_PASSWORD = 256


@cache
def _nobodys_hash() -> str:
    """A hash that no password matches, made like every other: an unknown login takes as long as a known one."""
    return hash_password(new_token())


def reserve_staff_login(login: str, address: str) -> Try:
    """Count a try at a login before the password is looked at; the caller commits. Raises TooMany."""
    return limits.reserve("staff_login", {"login": login.casefold(), "address": address})


def log_in_staff(one: Try, login: str, password: str, instead_of: Session | None) -> sessions.Opened:
    """Open a session for whoever's login and password these are; raises WrongLogin, the same for every reason.

    Of somebody with a second factor it stands for nobody before second_factor.log_in.
    """
    # No login holds NUL, which the database does not take even to look for.
    known = "\0" not in login
    staff = db.session.scalar(select(Staff).where(Staff.login == login, Staff.active)) if known else None
    stored = staff.password_hash if staff is not None else _nobodys_hash()
    matches = password_matches(stored, password[:LONGEST_PASSWORD])
    if staff is None or not matches or len(password) > LONGEST_PASSWORD:
        raise WrongLogin
    limits.succeeded(one)
    pending = second_factor.enrolled(staff.id)
    return sessions.open_session(
        "staff", staff=staff.id, epoch=staff.epoch, instead_of=instead_of, factor_pending=pending
    )


def log_in_by_phone(phone: str, instead_of: Session | None) -> tuple[sessions.Opened, list[Citizen]]:
    """Open a session for a phone that a code just proved: its citizen's where it is one person's, else nobody's yet.

    Returns the citizens of that phone as well: none (to be bound), one, or several, whom choose_citizen tells apart.
    """
    citizens = citizens_by_phone(phone)
    only = citizens[0] if len(citizens) == 1 else None
    opened = sessions.open_session(
        "citizen",
        citizen=only.id if only else None,
        epoch=only.epoch if only else 0,
        phone=phone,
        instead_of=instead_of,
    )
    return opened, citizens


def reserve_choice(phone: str) -> Try:
    """Count a try at telling which of several persons of one phone it is; the caller commits. Raises TooMany."""
    return limits.reserve("whose_phone", {"phone": phone})


def choose_citizen(one: Try, session: Session, tail: str) -> sessions.Opened:
    """Log in the one of those who share the session's proved phone whose number ends so; raises NotYourPhone."""
    typed = compact(tail)
    if session.phone is None or len(typed) != 6:
        raise NotYourPhone
    found = [who for who in citizens_by_phone(session.phone) if equal(who.id_number[-6:], typed)]
    if len(found) != 1:
        raise NotYourPhone
    limits.succeeded(one)
    return sessions.open_session(
        "citizen", citizen=found[0].id, epoch=found[0].epoch, phone=session.phone, instead_of=session
    )


@dataclass(frozen=True)
class SettingOut:
    """A browser on its way to the authorize page: ``state`` goes along in the address, ``browser`` into a cookie."""

    state: str
    browser: str


def set_out(next_path: str) -> SettingOut:
    """Note that a browser leaves for WeChat's authorize page and where it wants to go afterwards (a path of ours)."""
    # WeChat takes letters and digits only.
    out = SettingOut(secrets.token_hex(24), new_token())
    db.session.execute(
        insert(OAuthState).values(
            state=digest(out.state),
            browser=digest(out.browser),
            next_path=next_path,
            expires_at=protocol_now() + OAUTH_LIFETIME,
        )
    )
    return out


@dataclass(frozen=True)
class CameBack:
    """A browser that set out from here; ``first`` is False where it had come back before."""

    next_path: str
    first: bool


def come_back(state: str, browser: str) -> CameBack | None:
    """Whether this browser set out with that state within the last minutes; a state opens once. The caller commits."""
    opened = db.session.scalar(
        update(OAuthState)
        .where(
            OAuthState.state == digest(state),
            OAuthState.browser == digest(browser),
            OAuthState.used_at.is_(None),
            OAuthState.expires_at > protocol_now(),
        )
        .values(used_at=protocol_now())
        .returning(OAuthState.next_path)
    )
    if opened is not None:
        return CameBack(opened, True)
    again = db.session.scalar(
        select(OAuthState.next_path).where(
            OAuthState.state == digest(state),
            OAuthState.browser == digest(browser),
            OAuthState.used_at.is_not(None),
            OAuthState.expires_at > protocol_now(),
        )
    )
    return CameBack(again, False) if again is not None else None


def log_in_follower(openid: str, instead_of: Session | None) -> sessions.Opened:
    """Open a session for a follower whom WeChat named: of the citizen bound to that openid, or of nobody yet."""
    citizen = citizen_of_openid(openid)
    return sessions.open_session(
        "citizen",
        citizen=citizen.id if citizen else None,
        epoch=citizen.epoch if citizen else 0,
        openid=openid,
        phone=instead_of.phone if instead_of is not None and instead_of.openid == openid else None,
        instead_of=instead_of,
    )


def choose_type(citizen: Citizen, *, large: bool) -> None:
    """Remember whether a person wishes pages in large type (长辈版), for every browser that they log in with."""
    citizen.large_type = large


def log_in_bound(citizen: Citizen, session: Session) -> sessions.Opened:
    """Open a session for a person who was just bound, instead of the one in which the binding began."""
    return sessions.open_session(
        "citizen",
        citizen=citizen.id,
        epoch=citizen.epoch,
        openid=session.openid,
        phone=session.phone,
        instead_of=session,
    )
