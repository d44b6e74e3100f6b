"""The second factor of staff: a code of a program of theirs (TOTP, RFC 6238), or a recovery code that opens once."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import pyotp
from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from citizen_services.clock import protocol_now
from citizen_services.database import db, new_id
from citizen_services.parts import parts
from citizen_services.people import limits, sessions
from citizen_services.people.administration_record import record
from citizen_services.people.credential_models import RecoveryCode, SecondFactor
from citizen_services.people.errors import PeopleError
from citizen_services.people.limits import Try
from citizen_services.people.models import Session, Staff
from citizen_services.rules.text import compact
from citizen_services.security import equal, keyring

#: Codes of so many half minutes before and after now are taken: phones' clocks differ.
_WINDOW = 1
_STEP_S = 30
#: Recovery codes, and their letters: none that are taken for one another.
CODES = 8
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
_LENGTH = 10


class WrongFactor(PeopleError):
    """The code is not the one that the program shows now, was taken already, or is no recovery code."""

    sentence = "验证码不对或已经用过，请等程序显示下一个验证码后再填。"


def enrolled(staff_id: UUID) -> bool:
    """Whether somebody logs in with a second factor."""
    query = select(SecondFactor.staff_id).where(
        SecondFactor.staff_id == staff_id, SecondFactor.confirmed_at.is_not(None)
    )
    return db.session.execute(query).first() is not None


def demanded(roles: Collection[str]) -> bool:
    """Whether somebody of these roles must have a second factor (SECOND_FACTOR_ROLES)."""
    return bool(parts().settings.second_factor_roles & set(roles))


def begin(staff: Staff) -> str:
    """Draw a secret that is not in force before a first code is right; returns the address that the program reads.

    Raises PeopleError where one is in force. The caller commits.
    """
    if enrolled(staff.id):
        raise PeopleError("已经启用了动态验证码。")
    fresh = {"secret": pyotp.random_base32(), "confirmed_at": None, "last_step": 0}
    write = insert(SecondFactor).values(staff_id=staff.id, **fresh)
    # One that another page puts in force at this moment is left alone.
    done = db.session.execute(
        write.on_conflict_do_update(
            index_elements=["staff_id"], set_=fresh, where=SecondFactor.confirmed_at.is_(None)
        ).returning(SecondFactor.staff_id)
    ).first()
    if done is None:
        raise PeopleError("已经启用了动态验证码。")
    return _address(staff, str(fresh["secret"]))


def beginning(staff: Staff) -> tuple[str, str] | None:
    """The secret that is being set up and the address of it; None where none is."""
    row = db.session.get(SecondFactor, staff.id, populate_existing=True)
    if row is None or row.confirmed_at is not None:
        return None
    return row.secret, _address(staff, row.secret)


def _address(staff: Staff, secret: str) -> str:
    return pyotp.TOTP(secret).provisioning_uri(name=staff.login, issuer_name=parts().settings.bureau)


def reserve(staff_id: UUID) -> Try:
    """Count a try at a code before it is looked at; the caller commits. Raises TooMany."""
    return limits.reserve("second_factor", {"staff": str(staff_id)})


def confirm(one: Try, staff: Staff, code: str, session: Session) -> list[str]:
    """Put the drawn secret in force by its first right code; returns the recovery codes, shown once.

    Every other session of the person ends: the password alone opened it.

    Raises WrongFactor. The caller commits.
    """
    row = db.session.get(SecondFactor, staff.id, with_for_update=True, populate_existing=True)
    if row is None or row.confirmed_at is not None:
        raise PeopleError("请重新开始启用。")
    _take(row, code)
    limits.succeeded(one)
    row.confirmed_at = protocol_now()
    db.session.flush()
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.staff_id == staff.id))
    db.session.execute(delete(Session).where(Session.staff_id == staff.id, Session.id != session.id))
    codes = ["".join(secrets.choice(_LETTERS) for _ in range(_LENGTH)) for _ in range(CODES)]
    db.session.add_all(RecoveryCode(id=new_id(), staff_id=staff.id, code_hash=_hash(code)) for code in codes)
    db.session.flush()
    record(sessions.staff_actor(staff, frozenset()), "factor_enrolled", staff.login, {}, {"动态验证码": "启用"})
    return codes


def log_in(one: Try, session: Session, code: str) -> sessions.Opened:
    """Open the session of somebody whose password was right, by a code of their program or a recovery code.

    Raises WrongFactor. The caller commits.
    """
    staff = db.session.get(Staff, session.staff_id)
    if staff is None or not staff.active or staff.epoch != session.epoch:
        raise WrongFactor
    check(staff, code)
    limits.succeeded(one)
    return sessions.open_session("staff", staff=staff.id, epoch=staff.epoch, instead_of=session)


def succeeded(one: Try) -> None:
    """A reserved try was right."""
    limits.succeeded(one)


def check(staff: Staff, code: str) -> None:
    """Take a code once. Raises WrongFactor."""
    row = db.session.get(SecondFactor, staff.id, with_for_update=True, populate_existing=True)
    if row is None or row.confirmed_at is None:
        raise WrongFactor
    typed = compact(code).casefold()
    if len(typed) != _LENGTH:
        _take(row, typed)
        return
    used = db.session.execute(
        update(RecoveryCode)
        .where(
            RecoveryCode.staff_id == staff.id,
            RecoveryCode.code_hash.in_(keyring().lookups("recovery_code", typed)),
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=protocol_now())
        .returning(RecoveryCode.id)
    ).first()
    if used is None:
        raise WrongFactor
    left = {"剩余恢复码": str(codes_left(staff.id))}
    record(sessions.staff_actor(staff, frozenset()), "recovery_code_used", staff.login, {}, left)


def codes_left(staff_id: UUID) -> int:
    """How many recovery codes still open."""
    query = select(func.count()).where(RecoveryCode.staff_id == staff_id, RecoveryCode.used_at.is_(None))
    return int(db.session.scalar(query) or 0)


def remove(staff_id: UUID) -> None:
    """Remove somebody's second factor. The caller commits."""
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.staff_id == staff_id))
    db.session.execute(delete(SecondFactor).where(SecondFactor.staff_id == staff_id))


def _hash(code: str) -> bytes:
    return keyring().lookup("recovery_code", code)


def _take(row: SecondFactor, code: str) -> None:
    """Take a code of the program that is right now and newer than every one taken before."""
    typed = compact(code)
    totp = pyotp.TOTP(row.secret)
    now: datetime = protocol_now()
    newest = int(now.timestamp()) // _STEP_S + _WINDOW
    steps = range(max(newest - 2 * _WINDOW, row.last_step + 1), newest + 1)
    right = [step for step in steps if equal(totp.generate_otp(step), typed)]
    if not right:
        raise WrongFactor
    row.last_step = right[-1]
    db.session.flush()
