"""Passwords of staff: how strong they must be, changing one's own, and drawing one anew by two pairs of eyes."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import delete, select
from zxcvbn import zxcvbn
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from citizen_services import clock
from citizen_services.clock import protocol_now
from citizen_services.database import db, new_id
from citizen_services.parts import parts
from citizen_services.people import limits, second_factor, sessions
from citizen_services.people.actors import Actor
from citizen_services.people.administration_record import record
from citizen_services.people.credential_models import CredentialRequest
from citizen_services.people.errors import PeopleError
from citizen_services.people.limits import Try
from citizen_services.people.models import Session, Staff
from citizen_services.security import hash_password, password_matches

#: Characters of a password; more are hashed by nobody.
SHORTEST, LONGEST = 10, 128
#: Of zxcvbn's five grades (0–4) the least that is taken: some hundred million guesses.
_LEAST_SCORE = 3
#: zxcvbn's own limit: what comes after makes a password no weaker.
_JUDGED = 72
_GUESSED = "这个密码容易被猜到：不要用键盘上相邻的键、重复、日期和常用词，可以把几个不相干的词连在一起。"
_COMMON = frozenset(FREQUENCY_LISTS["passwords"])


class BadPassword(PeopleError):
    """A password was not taken; ``field`` is the form's input that is wrong."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


def check_strength(password: str, staff: Staff) -> None:
    """Raise BadPassword where a password is short, common, easily guessed, or made of the person's own names."""
    if not SHORTEST <= len(password) <= LONGEST or "\0" in password:
        raise BadPassword("new", f"新密码须有 {SHORTEST} 至 {LONGEST} 个字符。")
    own = [staff.login, *staff.login.replace(".", "-").split("-"), staff.name, parts().settings.bureau]
    plain = password.casefold()
    if plain in _COMMON or plain.rstrip("0123456789!@#.") in _COMMON:
        raise BadPassword("new", "这是常见的密码，容易被猜到，请换一个。")
    if staff.login.casefold() in plain or staff.name in password:
        raise BadPassword("new", "密码里不要有登录名或姓名。")
    if zxcvbn(password[:_JUDGED], user_inputs=own)["score"] < _LEAST_SCORE:
        raise BadPassword("new", _GUESSED)


def reserve_change(staff: Staff) -> Try:
    """Count a try at changing a password before the old one is looked at; the caller commits. Raises TooMany."""
    return limits.reserve("own_password", {"staff": str(staff.id)})


def no_guess(one: Try) -> None:
    """The old password was right, whatever was wrong with the new one. The caller commits."""
    limits.succeeded(one)


def change_own(one: Try, staff: Staff, session: Session, old: str, new: str, again: str) -> sessions.Opened:
    """Change one's own password: every session of the person ends, and this browser gets a new one.

    Raises BadPassword. The caller commits.
    """
    locked = db.session.get_one(Staff, staff.id, with_for_update=True, populate_existing=True)
    if len(old) > LONGEST or not password_matches(locked.password_hash, old):
        raise BadPassword("old", "现在的密码不对。")
    if new != again:
        raise BadPassword("again", "两次填写的新密码不一样。")
    if new == old:
        raise BadPassword("new", "新密码不能和现在的一样。")
    check_strength(new, locked)
    limits.succeeded(one)
    _set(locked, new, must_change=False)
    record(sessions.staff_actor(locked, frozenset()), "password_changed", locked.login, {}, {"密码": "本人修改"})
    return sessions.open_session("staff", staff=locked.id, epoch=locked.epoch, instead_of=session)


def draw() -> str:
    """A password for somebody's first login."""
    return secrets.token_urlsafe(12)


def _set(staff: Staff, password: str, *, must_change: bool) -> None:
    staff.password_hash = hash_password(password)
    staff.password_changed_at = protocol_now()
    staff.must_change_password = must_change
    staff.epoch += 1
    db.session.flush()
    db.session.execute(delete(Session).where(Session.staff_id == staff.id))


# --- Anew, by four eyes -------------------------------------------------------------------------------------------

WHAT = {"password": "重置密码", "second_factor": "解除动态验证码"}


def open_requests() -> Sequence[CredentialRequest]:
    """The resets that wait for a decision, oldest first."""
    query = select(CredentialRequest).where(CredentialRequest.state == "open")
    return db.session.scalars(query.order_by(CredentialRequest.asked_at, CredentialRequest.id)).all()


def ask_reset(actor: Actor, staff_id: UUID, what: str) -> None:
    """Ask that somebody's password be drawn anew, or their second factor be removed. Raises PeopleError.

    The caller commits.
    """
    staff = _active(staff_id)
    if what not in WHAT:
        raise PeopleError("请选择要重置什么。")
    if what == "second_factor" and not second_factor.enrolled(staff.id):
        raise PeopleError("这位同事没有启用动态验证码。")
    waiting = select(CredentialRequest.id).where(
        CredentialRequest.staff_id == staff.id, CredentialRequest.what == what, CredentialRequest.state == "open"
    )
    if db.session.execute(waiting).first() is not None:
        raise PeopleError("已经申请过，正等安全管理员决定。")
    db.session.add(
        CredentialRequest(
            id=new_id(), staff_id=staff.id, what=what, asked_by=actor.id, asked_at=clock.now(), state="open"
        )
    )
    db.session.flush()
    record(actor, "reset_asked", staff.login, {}, {"申请": WHAT[what]})


def decide_reset(actor: Actor, request_id: UUID, *, approve: bool) -> tuple[Staff, str] | None:
    """Decide a reset that another one asked for, and not one's own.

    Returns, of an approved password, whose it is and the password, which is shown once and must be changed at the first
    login; their sessions end. Raises PeopleError. The caller commits.
    """
    wish = db.session.get(CredentialRequest, request_id, with_for_update=True, populate_existing=True)
    if wish is None or wish.state != "open":
        raise PeopleError("这项申请已经由同事决定了。")
    if actor.id in (wish.asked_by, wish.staff_id):
        raise PeopleError("须由另一位安全管理员决定：申请人和当事人不能自己批准。")
    staff = _active(wish.staff_id)
    wish.state, wish.decided_by, wish.decided_at = ("approved" if approve else "rejected"), actor.id, clock.now()
    db.session.flush()
    record(actor, "reset_approved" if approve else "reset_rejected", staff.login, {}, {"申请": WHAT[wish.what]})
    if not approve:
        return None
    if wish.what == "second_factor":
        second_factor.remove(staff.id)
        staff.epoch += 1
        db.session.flush()
        db.session.execute(delete(Session).where(Session.staff_id == staff.id))
        return None
    password = draw()
    _set(staff, password, must_change=True)
    return staff, password


def withdraw_requests(staff_id: UUID) -> None:
    """Forget what waits for somebody who left. The caller commits."""
    mine = (CredentialRequest.staff_id == staff_id, CredentialRequest.state == "open")
    db.session.execute(delete(CredentialRequest).where(*mine))


def _active(staff_id: UUID) -> Staff:
    staff = db.session.get(Staff, staff_id, with_for_update=True, populate_existing=True)
    if staff is None or not staff.active:
        raise PeopleError("没有这位在岗人员。")
    return staff
