"""What others ask about people: offices, names of staff, who a citizen or a follower is."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, null, select, union_all
from sqlalchemy.orm import aliased

from citizen_services import clock
from citizen_services.database import db
from citizen_services.database.direct import Direct
from citizen_services.people.acting_models import Deputy
from citizen_services.people.models import Citizen, Office, RoleGrant, Staff, WeChatBinding
from citizen_services.rules.names import name_key
from citizen_services.security import keyring

#: Offices change a few times a year and are asked for at every step of a case; machine seconds.
_OFFICES_LIFETIME_S = 60.0


class NoSuchOffice(LookupError):
    """No office has that code, or the district has no service centre: the installation's offices are not loaded."""


class _Offices:
    """The offices of this process, by code. They belong to no database session: nobody can change or expire them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_code: dict[str, Office] = {}
        self._read_at = float("-inf")

    def get(self) -> Mapping[str, Office]:
        with self._lock:
            if not self._by_code or time.monotonic() - self._read_at > _OFFICES_LIFETIME_S:
                columns = Office.__table__.columns
                rows = db.session.execute(select(*columns)).mappings()
                self._by_code = {row["code"]: Office(**row) for row in rows}
                self._read_at = time.monotonic()
            return self._by_code

    def forget(self) -> None:
        with self._lock:
            self._by_code = {}


_offices = _Offices()


def forget_offices() -> None:
    """Read the offices again at the next use: one was added or changed."""
    _offices.forget()


def offices() -> Mapping[str, Office]:
    """Every office, by code."""
    return _offices.get()


def office(code: str) -> Office:
    """The office of that code; NoSuchOffice where there is none."""
    found = _offices.get().get(code)
    if found is None:
        raise NoSuchOffice(f"no office has the code {code}")
    return found


def service_centre(district: str) -> Office:
    """The service centre of a district (GB/T 2260); NoSuchOffice where it has none."""
    for candidate in _offices.get().values():
        if candidate.kind == "service_centre" and candidate.district == district:
            return candidate
    raise NoSuchOffice(f"district {district} has no service centre")


def staff_name(id: UUID) -> str:
    """The name of somebody of the staff as colleagues see it; 已离岗人员 for an id that we don't know."""
    name = db.session.scalar(select(Staff.name).where(Staff.id == id))
    return name if name is not None else "已离岗人员"


def staff_names(ids: Collection[UUID]) -> Mapping[UUID, str]:
    """The names of several at once, for lists."""
    if not ids:
        return {}
    rows = db.session.execute(select(Staff.id, Staff.name).where(Staff.id.in_(ids)))
    return {row.id: row.name for row in rows}


def citizen(id: UUID) -> Citizen | None:
    """The citizen of that id."""
    return db.session.get(Citizen, id)


def citizen_by_id_number(id_number: str) -> Citizen | None:
    """The citizen of a normalised identity number, found by its keyed hash."""
    return db.session.scalar(select(Citizen).where(Citizen.id_lookup.in_(keyring().lookups("id_number", id_number))))


def citizens_by_phone(phone: str) -> list[Citizen]:
    """The citizens whose proved phone is this one (digits), most recently proved first: a phone may be a family's."""
    return list(
        db.session.scalars(
            select(Citizen)
            .where(Citizen.phone_lookup.in_(keyring().lookups("phone", phone)))
            .order_by(Citizen.proved_at.desc(), Citizen.id.desc())
        )
    )


def citizens_by_name(name: str) -> list[Citizen]:
    """The citizens of exactly that full name."""
    query = select(Citizen).where(Citizen.name_lookup.in_(keyring().lookups("name", name_key(name))))
    return list(db.session.scalars(query.order_by(Citizen.id)))


def citizen_of_openid(openid: str) -> Citizen | None:
    """The citizen to whom a follower's openid is bound now."""
    return db.session.scalar(
        select(Citizen)
        .join(WeChatBinding, WeChatBinding.citizen_id == Citizen.id)
        .where(WeChatBinding.openid == openid, WeChatBinding.ended_at.is_(None))
    )


def is_bound(openid: str) -> bool:
    """Whether a follower's openid is bound to anybody now: nothing of the person is read."""
    return _IS_BOUND.first(openid=openid) is not None


def is_bound_to_wechat(citizen_id: UUID) -> bool:
    """Whether a citizen has a WeChat account bound now: else their notices go by SMS."""
    found = select(WeChatBinding.id).where(WeChatBinding.citizen_id == citizen_id, WeChatBinding.ended_at.is_(None))
    return db.session.execute(found).first() is not None


_IS_BOUND = Direct(
    select(WeChatBinding.id).where(WeChatBinding.openid == bindparam("openid"), WeChatBinding.ended_at.is_(None))
)


class Roles(frozenset[str]):
    """The roles that somebody of the staff has; ``lent`` says for which absent colleague they have those not their own.

    ``{role: id of the colleague}``.
    """

    lent: Mapping[str, UUID] = {}


#: What nobody does for another.
NEVER_LENT = ("system_admin", "security_admin", "audit_admin", "data_officer")


def roles_of(staff_id: UUID) -> Roles:
    """The roles granted to somebody of the staff, and those of colleagues for whom they stand in today."""
    today = clock.today()
    own = select(RoleGrant.role, null().label("absent_id")).where(RoleGrant.staff_id == staff_id)
    deputy, absent = aliased(Staff), aliased(Staff)
    lent = (
        select(RoleGrant.role, Deputy.absent_id)
        .join(Deputy, Deputy.absent_id == RoleGrant.staff_id)
        .join(deputy, deputy.id == Deputy.deputy_id)
        .join(absent, absent.id == Deputy.absent_id)
        .where(
            Deputy.deputy_id == staff_id,
            Deputy.ended_at.is_(None),
            Deputy.from_day <= today,
            Deputy.until_day >= today,
            # Whoever moved to another office, or left, neither lends nor is lent anything there.
            deputy.office_code == Deputy.office_code,
            absent.office_code == Deputy.office_code,
            absent.active,
            RoleGrant.role.not_in(NEVER_LENT),
        )
    )
    rows: Sequence[Any] = db.session.execute(union_all(own, lent)).all()
    granted = {row.role for row in rows if row.absent_id is None}
    found = Roles(row.role for row in rows)
    found.lent = {row.role: row.absent_id for row in rows if row.role not in granted}
    return found


def staff_for_page(staff: Staff, roles: Collection[str]) -> dict[str, Any]:
    """What the console's frame shows of who is logged in: ``{name, office, roles, standing}``."""
    return {
        "name": staff.name,
        "office": office(staff.office_code).name,
        "roles": sorted(roles),
        "standing": staff.standing,
    }
