"""Keys of the machine door: asked for by one, approved by another, shown once, and never more than their account."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select, update

from citizen_services.clock import protocol_now
from citizen_services.database import db, new_id
from citizen_services.people.errors import PeopleError
from citizen_services.people.models import ApiKey, Staff
from citizen_services.people.queries import roles_of
from citizen_services.security import digest, new_token

#: What a key may be allowed, and what that means, as whoever approves it reads it.
SCOPES: Mapping[str, str] = {
    "cases:read": "查看本单位的办件、经过和文书（每次查看都有记录）",
    "cases:act": "以该账号的岗位办理本单位的办件",
}
#: A key can be told from every other secret in a log or a leak.
PREFIX = "csk_"
LONGEST = timedelta(days=366)


class CannotApprove(PeopleError):
    """Whoever asked for a key doesn't approve it; and a key is approved once."""

    sentence = "密钥须由另一位安全管理员批准，且只能批准一次。"


class InvalidKeyWish(PeopleError):
    """A key was asked for that can't be: nothing allowed, unknown scopes, too long."""

    sentence = "请至少选一项权限，并写明用途；有效期不超过一年，每分钟 1 至 6000 次。"


@dataclass(frozen=True)
class Asked:
    """A key just asked for: its row's id and the key, which is shown now and never again."""

    id: UUID
    token: str


def ask(
    name: str, staff_id: UUID, scopes: Collection[str], *, by: UUID, per_minute: int = 120, days: int = 366
) -> Asked:
    """Ask for a key in the name of a member of the staff; opens nothing until another one approves. Raises
    InvalidKeyWish. The caller commits."""
    sound = name.strip() and scopes and set(scopes) <= SCOPES.keys()
    if not sound or not 1 <= days <= LONGEST.days or not 1 <= per_minute <= 6000:
        raise InvalidKeyWish
    asked = Asked(new_id(), PREFIX + new_token(32))
    now = protocol_now()
    db.session.add(
        ApiKey(
            id=asked.id,
            name=name.strip(),
            token=digest(asked.token),
            staff_id=staff_id,
            scopes=sorted(scopes),
            per_minute=per_minute,
            asked_by=by,
            created_at=now,
            expires_at=now + timedelta(days=days),
        )
    )
    db.session.flush()
    return asked


def approve(key_id: UUID, *, by: UUID) -> None:
    """Let a key open what it was asked for; raises CannotApprove. The caller commits."""
    done = db.session.execute(
        update(ApiKey)
        .where(ApiKey.id == key_id, ApiKey.approved_by.is_(None), ApiKey.revoked_at.is_(None), ApiKey.asked_by != by)
        .values(approved_by=by)
        .execution_options(synchronize_session=False)
    )
    if done.rowcount != 1:  # type: ignore[attr-defined]
        raise CannotApprove


def revoke(key_id: UUID) -> None:
    """End a key at once, approved or not. The caller commits."""
    db.session.execute(
        update(ApiKey).where(ApiKey.id == key_id, ApiKey.revoked_at.is_(None)).values(revoked_at=protocol_now())
    )


@dataclass(frozen=True)
class Opened:
    """A live key, the member of the staff in whose name it acts, and their own roles: none that a colleague lends."""

    key: ApiKey
    staff: Staff
    roles: frozenset[str]


def load(token: str) -> Opened | None:
    """The live key of a token: approved, not expired, not revoked, its account still active."""
    row = db.session.execute(
        select(ApiKey, Staff)
        .join(Staff, Staff.id == ApiKey.staff_id)
        .where(
            ApiKey.token == digest(token),
            ApiKey.approved_by.is_not(None),
            ApiKey.revoked_at.is_(None),
            ApiKey.expires_at > protocol_now(),
            Staff.active,
        )
    ).first()
    if row is None:
        return None
    roles = roles_of(row[1].id)
    return Opened(row[0], row[1], frozenset(roles - roles.lent.keys()))
