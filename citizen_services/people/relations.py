"""Near relatives of the staff (近亲属), declared by themselves: nobody works on a relative's case.

宁波市公安机关警务辅助人员管理规定 art 16; who counts as one: 公务员回避规定. Kept encrypted, found by keyed hash.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import Select, select, update

from citizen_services import clock
from citizen_services.database import Change, db, new_id
from citizen_services.people.actors import Actor
from citizen_services.people.models import StaffRelation
from citizen_services.rules.errors import RuleError
from citizen_services.rules.identity import parse_identity
from citizen_services.security import keyring

KINDS: Mapping[str, str] = {
    "spouse": "配偶",
    "parent": "父母",
    "child": "子女",
    "sibling": "兄弟姐妹",
    "grandparent": "祖父母、外祖父母",
    "grandchild": "孙子女、外孙子女",
    "in_law": "儿媳、女婿等近姻亲",
    "other": "其他须回避的亲属",
}


class OwnNumber(RuleError):
    """Somebody declared themselves."""

    def __init__(self) -> None:
        super().__init__("这是您本人的号码；本人的申请系统已经不让您办理，不用登记。")


class AlreadyDeclared(RuleError):
    """The relation stands already."""

    def __init__(self) -> None:
        super().__init__("这个号码您已经登记过了。")


def of(staff_id: UUID) -> Sequence[StaffRelation]:
    """The relations that somebody declared and that hold, oldest first."""
    query = select(StaffRelation).where(StaffRelation.staff_id == staff_id, StaffRelation.ended_at.is_(None))
    return db.session.scalars(query.order_by(StaffRelation.declared_at, StaffRelation.id)).all()


def declare(change: Change, actor: Actor, id_number: str, kind: str) -> None:
    """Add to a change that a person is a near relative of the actor's. Raises RuleError with what is wrong."""
    if kind not in KINDS:
        raise RuleError("请选择与您的关系。")
    number = parse_identity(id_number, clock.today()).number
    lookups = keyring().lookups("id_number", number)
    if actor.id_lookup is not None and actor.id_lookup in lookups:
        raise OwnNumber
    assert actor.id is not None  # noqa: S101 - staff always have an id
    known = select(StaffRelation.id).where(
        StaffRelation.staff_id == actor.id, StaffRelation.id_lookup.in_(lookups), StaffRelation.ended_at.is_(None)
    )
    if db.session.scalar(known) is not None:
        raise AlreadyDeclared
    change.add(
        StaffRelation,
        id=new_id(),
        staff_id=actor.id,
        id_number=number,
        id_lookup=keyring().lookup("id_number", number),
        kind=kind,
        declared_at=change.at,
        ended_at=None,
    )


def end(change: Change, actor: Actor, relation_id: UUID) -> None:
    """Add to a change that a relation of the actor's own holds no more; Conflict at writing where it is none."""
    change.guard(
        update(StaffRelation)
        .where(
            StaffRelation.id == relation_id, StaffRelation.staff_id == actor.id, StaffRelation.ended_at.is_(None)
        )
        .values(ended_at=change.at)
    )  # fmt: skip


def related(staff_id: UUID) -> Select[bytes]:
    """The keyed hashes of the numbers of somebody's relatives, as a query."""
    return select(StaffRelation.id_lookup).where(
        StaffRelation.staff_id == staff_id, StaffRelation.ended_at.is_(None)
    )  # fmt: skip
