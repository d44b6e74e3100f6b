"""Requests about one's own data: each is answered in writing within fifteen working days (ours; the law says 及时)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from citizen_services.database import Change, db, new_id, violated_constraint
from citizen_services.people.actors import Actor
from citizen_services.people.data_models import DataRequest
from citizen_services.people.errors import PeopleError
from citizen_services.people.models import Citizen, Office, RoleGrant, Staff
from citizen_services.people.signals import data_answered

KINDS = {"correction": "更正", "deletion": "删除"}
#: The role of whoever reads and answers them (个人信息保护负责人); nobody else does.
OFFICER = "data_officer"
#: Working days within which it is answered; ours.
DAYS = 15
MOST = 200


class AlreadyAsked(PeopleError):
    """One of that kind waits for its answer."""

    sentence = "您已经提出过同样的请求，正在办理，请等答复。"


class NoSuchRequest(PeopleError):
    """Somebody answered it already, or there is none."""

    sentence = "这项请求已经由同事答复。"


def ask(citizen: Citizen, kind: str, words: str, due: datetime, change: Change) -> UUID:
    """Add a request to a change; AlreadyAsked where one of the kind waits."""
    waiting = select(DataRequest.id).where(
        DataRequest.citizen_id == citizen.id, DataRequest.kind == kind, DataRequest.answered_at.is_(None)
    )
    if db.session.execute(waiting).first() is not None:
        raise AlreadyAsked
    id_ = new_id()
    change.add(DataRequest, id=id_, citizen_id=citizen.id, kind=kind, words=words, at=change.at, due=due)
    return id_


def asked_at_once(fault: IntegrityError) -> bool:
    """Whether the database refused a request because another of its kind was made at the same moment."""
    return violated_constraint(fault) == "uq_data_request_open"


def of_person(citizen_id: UUID) -> Sequence[DataRequest]:
    """What a person asked, newest first."""
    query = select(DataRequest).where(DataRequest.citizen_id == citizen_id)
    return db.session.scalars(query.order_by(DataRequest.at.desc(), DataRequest.id)).all()


def open_ones() -> Sequence[tuple[DataRequest, Citizen]]:
    """What waits for an answer, with whose it is; the one that is due first on top."""
    query = select(DataRequest, Citizen).join(Citizen, Citizen.id == DataRequest.citizen_id)
    query = query.where(DataRequest.answered_at.is_(None)).order_by(DataRequest.due, DataRequest.id).limit(MOST)
    return [(row[0], row[1]) for row in db.session.execute(query)]


@dataclass(frozen=True)
class Waiting:
    """What a supervisor is told of requests: how many wait (at most MOST), and by when the first one is answered."""

    count: int
    first_due: datetime | None


def waiting() -> Waiting:
    """How many requests wait, and the nearest date; nothing of whose they are."""
    open_ = select(DataRequest.due).where(DataRequest.answered_at.is_(None))
    dues = db.session.scalars(open_.order_by(DataRequest.due, DataRequest.id).limit(MOST)).all()
    return Waiting(len(dues), dues[0] if dues else None)


def officers(district: str) -> Sequence[str]:
    """The names of a district's people who read and answer requests (个人信息保护法 art 52); empty: name one."""
    query = (
        select(Staff.name)
        .join(RoleGrant, RoleGrant.staff_id == Staff.id)
        .join(Office, Office.code == Staff.office_code)
        .where(RoleGrant.role == OFFICER, Staff.active, Office.district == district)
    )
    return db.session.scalars(query.order_by(Staff.login)).all()


def answer(actor: Actor, request_id: UUID, words: str, change: Change) -> Citizen:
    """Add the answer to a change, and have the person told; whose it is. NoSuchRequest where it is answered."""
    found = db.session.get(DataRequest, request_id, populate_existing=True)
    if found is None or found.answered_at is not None:
        raise NoSuchRequest
    change.guard(
        update(DataRequest)
        .where(DataRequest.id == request_id, DataRequest.answered_at.is_(None))
        .values(answered_at=change.at, answered_by=actor.id, answer=words),
        NoSuchRequest,
    )
    citizen = db.session.get_one(Citizen, found.citizen_id)
    data_answered.send(request_id, citizen=citizen, kind=KINDS[found.kind], change=change)
    return citizen
