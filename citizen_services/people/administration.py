"""Administration of offices, staff and roles. Each change is written to the record; roles and keys take four eyes.

Who administers the system asks for a role, who answers for security decides; nobody has both roles, nor either of them
with that of whoever reads the record (三权分立, GB/T 22239-2019 8.1.4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select

from citizen_services import clock
from citizen_services.database import db, new_id
from citizen_services.parts import parts
from citizen_services.people import api_keys, passwords, second_factor
from citizen_services.people.actors import Actor
from citizen_services.people.administration_models import RoleRequest
from citizen_services.people.administration_record import changed, record
from citizen_services.people.errors import PeopleError
from citizen_services.people.models import ApiKey, Office, RoleGrant, Session, Staff
from citizen_services.people.queries import forget_offices, offices, staff_name
from citizen_services.rules.identity import parse_identity
from citizen_services.rules.text import compact
from citizen_services.security import hash_password, keyring

STANDINGS = ("officer", "auxiliary", "civilian")
KINDS = {"station": "派出所", "service_centre": "行政服务中心"}
#: Every role that can be granted.
ROLES = (
    "clerk", "approver", "supervisor", "planner", "cashier", "editor", "reception", "community_officer",
    "data_officer", "system_admin", "security_admin", "audit_admin",
)  # fmt: skip
#: Of these nobody has two.
APART = frozenset({"system_admin", "security_admin", "audit_admin"})


class CannotAdminister(PeopleError):
    """What was asked for can't be so; ``field`` is the form's input that is wrong."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


# --- Offices ------------------------------------------------------------------------------------------------------


def _office_words(office: Office | None) -> dict[str, str]:
    if office is None:
        return {}
    return {
        "名称": office.name,
        "类别": KINDS[office.kind],
        "地址": office.address,
        "电话": office.phone,
        "服务范围": office.serves,
    }


def save_office(actor: Actor | None, given: Mapping[str, str]) -> None:
    """Add or change an office: ``{code, name, kind, address, phone, serves}``. The caller commits.

    Raises CannotAdminister: a second service centre, the kind of an office that has people or cases.
    """
    known = db.session.get(Office, given["code"])
    before = _office_words(known)
    if known is not None and known.kind != given["kind"]:
        raise CannotAdminister("kind", "已有单位的类别不能修改。")
    if known is None and given["kind"] == "service_centre":
        here = select(Office.code).where(Office.kind == "service_centre", Office.district == parts().settings.district)
        if db.session.execute(here).first() is not None:
            raise CannotAdminister("kind", "本区已有行政服务中心，只能有一个。")
    office = known or Office(code=given["code"], kind=given["kind"], district=parts().settings.district)
    for name in ("name", "address", "phone", "serves"):
        setattr(office, name, given[name])
    db.session.add(office)
    db.session.flush()
    record(actor, "office_changed" if known else "office_added", office.code, *changed(before, _office_words(office)))
    forget_offices()


# --- Staff --------------------------------------------------------------------------------------------------------


def people() -> Sequence[Staff]:
    """Everybody of the staff, those who left included, by login."""
    return db.session.scalars(select(Staff).order_by(Staff.login)).all()


def granted() -> Mapping[UUID, list[str]]:
    """The roles of everybody, in order."""
    found: dict[UUID, list[str]] = {}
    for staff_id, role in db.session.execute(select(RoleGrant.staff_id, RoleGrant.role).order_by(RoleGrant.role)):
        found.setdefault(staff_id, []).append(role)
    return found


def _roles_of(staff_id: UUID) -> frozenset[str]:
    """The roles that somebody was granted: what they do for an absent colleague is none of their own."""
    return frozenset(db.session.scalars(select(RoleGrant.role).where(RoleGrant.staff_id == staff_id)))


def _staff_words(one: Staff | None) -> dict[str, str]:
    if one is None:
        return {}
    return {
        "姓名": one.name,
        "身份": {"officer": "民警", "auxiliary": "辅警", "civilian": "文职"}[one.standing],
        "带领民警": staff_name(one.under_id) if one.under_id else "",
        "单位": offices()[one.office_code].name,
        "在岗": "在岗" if one.active else "离岗",
    }


def _check(given: Mapping[str, str]) -> UUID | None:
    """The id of the officer under whom an auxiliary works; raises CannotAdminister."""
    if given["office"] not in offices():
        raise CannotAdminister("office", "请选择单位。")
    if given["standing"] not in STANDINGS:
        raise CannotAdminister("standing", "请选择身份。")
    if given["standing"] != "auxiliary":
        return None
    under = db.session.scalar(
        select(Staff.id).where(Staff.login == given["under"], Staff.standing == "officer", Staff.active)
    )
    if under is None:
        raise CannotAdminister("under", "辅警须在一名在岗民警带领下工作，请填写该民警的登录名。")
    return under


def add_staff(actor: Actor | None, given: Mapping[str, str]) -> tuple[Staff, str]:
    """Add somebody: ``{login, name, standing, office, under, id_number}``; returns them and the password, shown once.

    Without a role they can do nothing. The identity number, where given, keeps them from their own matters. Raises
    CannotAdminister, RuleError. The caller commits.
    """
    under = _check(given)
    if db.session.scalar(select(Staff.id).where(Staff.login == given["login"])) is not None:
        raise CannotAdminister("login", "这个登录名已有人使用，离岗人员的登录名也不再给别人。")
    password = passwords.draw()
    one = Staff(
        id=new_id(),
        login=given["login"],
        name=given["name"],
        standing=given["standing"],
        office_code=given["office"],
        under_id=under,
        password_hash=hash_password(password),
        must_change_password=True,
        active=True,
        epoch=0,
    )
    number = compact(given.get("id_number", ""))
    if number:
        number = parse_identity(number, clock.today()).number
        # By two accounts one person would be two pairs of eyes.
        same = select(Staff.login).where(Staff.id_lookup.in_(keyring().lookups("id_number", number)), Staff.active)
        if db.session.scalar(same) is not None:
            raise CannotAdminister("id_number", "这个人已有在岗的账号，一个人只能有一个。")
        one.id_lookup = keyring().lookup("id_number", number)
    db.session.add(one)
    db.session.flush()
    record(actor, "staff_added", one.login, *changed({}, _staff_words(one)))
    return one, password


def change_staff(actor: Actor, staff_id: UUID, given: Mapping[str, str]) -> None:
    """Move somebody to another office or standing: ``{standing, office, under}``; they log in again to act there.

    What they hold lies on its desk again when its lease ends. Raises CannotAdminister. The caller commits.
    """
    one = _one(staff_id)
    before = _staff_words(one)
    under = _check({**given})
    if under == one.id:
        raise CannotAdminister("under", "不能由本人带领本人。")
    if one.standing == "officer" and given["standing"] != "officer":
        led = select(func.count()).where(Staff.under_id == one.id, Staff.active)
        if db.session.execute(led).scalar_one():
            raise CannotAdminister("standing", "还有辅警由这位民警带领，请先调整。")
    one.standing, one.office_code, one.under_id = given["standing"], given["office"], under
    _end_sessions(one)
    record(actor, "staff_changed", one.login, *changed(before, _staff_words(one)))


def leave(actor: Actor, staff_id: UUID) -> None:
    """Somebody left: their sessions end at once, their roles and keys end with them. The caller commits.

    Raises CannotAdminister for oneself, and while auxiliaries work under them.
    """
    one = _one(staff_id)
    if one.id == actor.id:
        raise CannotAdminister("leave", "不能为本人办理离岗。")
    led = select(func.count()).where(Staff.under_id == one.id, Staff.active)
    if db.session.execute(led).scalar_one():
        raise CannotAdminister("leave", "还有辅警由这位民警带领，请先调整。")
    before = _staff_words(one) | {"岗位": "、".join(sorted(_roles_of(one.id)))}
    one.active = False
    _end_sessions(one)
    db.session.execute(delete(RoleGrant).where(RoleGrant.staff_id == one.id))
    # Nobody could decide them any more, and they would wait on the list for ever; that they were asked is on record.
    db.session.execute(delete(RoleRequest).where(RoleRequest.staff_id == one.id, RoleRequest.state == "open"))
    passwords.withdraw_requests(one.id)
    second_factor.remove(one.id)
    for key_id in db.session.scalars(select(ApiKey.id).where(ApiKey.staff_id == one.id)):
        api_keys.revoke(key_id)
    record(actor, "staff_left", one.login, *changed(before, _staff_words(one) | {"岗位": ""}))


def _one(staff_id: UUID) -> Staff:
    one = db.session.get(Staff, staff_id, with_for_update=True, populate_existing=True)
    if one is None or not one.active:
        raise CannotAdminister("leave", "没有这位在岗人员。")
    return one


def _end_sessions(one: Staff) -> None:
    one.epoch += 1
    db.session.flush()
    db.session.execute(delete(Session).where(Session.staff_id == one.id))


# --- Roles by four eyes -------------------------------------------------------------------------------------------


def open_requests() -> Sequence[RoleRequest]:
    """The roles that wait for a decision, oldest first."""
    return db.session.scalars(
        select(RoleRequest).where(RoleRequest.state == "open").order_by(RoleRequest.asked_at, RoleRequest.id)
    ).all()


def ask_role(actor: Actor, staff_id: UUID, role: str, *, grant: bool) -> None:
    """Ask that a role be granted to somebody, or taken away. Raises CannotAdminister. The caller commits."""
    one = _one(staff_id)
    _check_role(one, role, grant=grant)
    waiting = select(RoleRequest.id).where(
        RoleRequest.staff_id == one.id, RoleRequest.role == role, RoleRequest.state == "open"
    )
    if db.session.execute(waiting).first() is not None:
        raise CannotAdminister("role", "这项岗位调整已经申请过，正等安全管理员决定。")
    assert actor.id is not None  # noqa: S101 - staff always have an id
    row: dict[str, Any] = {"staff_id": one.id, "role": role, "grant": grant, "asked_by": actor.id}
    db.session.add(RoleRequest(id=new_id(), asked_at=clock.now(), state="open", **row))
    db.session.flush()
    record(actor, "role_asked", one.login, {}, {"岗位": role, "调整": "授予" if grant else "收回"})


def _check_role(one: Staff, role: str, *, grant: bool) -> None:
    has = _roles_of(one.id)
    if role not in ROLES:
        raise CannotAdminister("role", "请选择岗位。")
    if grant == (role in has):
        raise CannotAdminister("role", "这位同事已有这个岗位。" if grant else "这位同事没有这个岗位。")
    if grant and role in APART and has & APART:
        raise CannotAdminister("role", "系统管理员、安全管理员、审计管理员须由不同的人担任。")


def decide_role(actor: Actor, request_id: UUID, *, approve: bool) -> None:
    """Approve or reject a role that another one asked for, and not one's own. The caller commits.

    Whoever gains or loses a role logs in again. Raises CannotAdminister.
    """
    wish = db.session.get(RoleRequest, request_id, with_for_update=True, populate_existing=True)
    if wish is None or wish.state != "open":
        raise CannotAdminister("request", "这项申请已经由同事决定了。")
    if actor.id in (wish.asked_by, wish.staff_id):
        raise CannotAdminister("request", "须由另一位安全管理员决定：申请人和当事人不能自己批准。")
    one = _one(wish.staff_id)
    before = {"岗位": "、".join(sorted(_roles_of(one.id)))}
    wish.state, wish.decided_by, wish.decided_at = ("approved" if approve else "rejected"), actor.id, clock.now()
    if approve:
        _check_role(one, wish.role, grant=wish.grant)
        if wish.grant:
            db.session.add(RoleGrant(staff_id=one.id, role=wish.role))
        else:
            db.session.execute(delete(RoleGrant).where(RoleGrant.staff_id == one.id, RoleGrant.role == wish.role))
        _end_sessions(one)
    db.session.flush()
    after = {"岗位": "、".join(sorted(_roles_of(one.id))), "申请": wish.role}
    record(actor, "role_approved" if approve else "role_rejected", one.login, before, after)


# --- Keys of the machine door by four eyes ------------------------------------------------------------------------


def keys() -> Sequence[ApiKey]:
    """Every key that isn't revoked, newest first."""
    return db.session.scalars(
        select(ApiKey).where(ApiKey.revoked_at.is_(None)).order_by(ApiKey.created_at.desc(), ApiKey.id)
    ).all()


def ask_key(actor: Actor, name: str, login: str, scopes: Sequence[str], days: int, per_minute: int) -> str:
    """Ask for a key in the name of an account; returns the key, which is shown once. The caller commits.

    Raises CannotAdminister, InvalidKeyWish.
    """
    staff_id = db.session.scalar(select(Staff.id).where(Staff.login == login, Staff.active))
    if staff_id is None:
        raise CannotAdminister("login", "没有这个登录名的在岗人员。")
    assert actor.id is not None  # noqa: S101 - staff always have an id
    asked = api_keys.ask(name, staff_id, scopes, by=actor.id, days=days, per_minute=per_minute)
    record(actor, "key_asked", name, {}, {"账号": login, "权限": "、".join(sorted(scopes)), "天数": str(days)})
    return asked.token


def approve_key(actor: Actor, key_id: UUID) -> None:
    """Let a key open what it was asked for. Raises CannotApprove. The caller commits."""
    assert actor.id is not None  # noqa: S101 - staff always have an id
    api_keys.approve(key_id, by=actor.id)
    record(actor, "key_approved", _key_name(key_id), {}, {"状态": "已批准"})


def revoke_key(actor: Actor, key_id: UUID) -> None:
    """End a key at once. The caller commits."""
    api_keys.revoke(key_id)
    record(actor, "key_revoked", _key_name(key_id), {}, {"状态": "已停用"})


def _key_name(key_id: UUID) -> str:
    return db.session.scalar(select(ApiKey.name).where(ApiKey.id == key_id)) or str(key_id)


# --- The first ones -----------------------------------------------------------------------------------------------


def first_admin(role: str, given: Mapping[str, str]) -> str:
    """Make the first system or security administrator from the command line; returns the password, shown once.

    Raises CannotAdminister where somebody of that role is there already: they go on from the console. The caller
    commits.
    """
    if role not in ("system_admin", "security_admin"):
        raise CannotAdminister("role", "the first ones are a system_admin and a security_admin")
    there = (
        select(RoleGrant.role).join(Staff, Staff.id == RoleGrant.staff_id).where(RoleGrant.role == role, Staff.active)
    )
    if db.session.execute(there).first() is not None:
        raise CannotAdminister("role", f"there is a {role} already: further ones are made on the console")
    one, password = add_staff(None, given)
    db.session.add(RoleGrant(staff_id=one.id, role=role))
    db.session.flush()
    record(None, "first_admin", one.login, {}, {"岗位": role})
    return password
