"""A traffic office as tests need it: groups, slots, and people who book them."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from uuid import UUID

from sqlalchemy import select

from citizen_services import clock
from citizen_services.database import commit, db, new_id
from citizen_services.people.models import Office
from citizen_services.people.queries import forget_offices
from citizen_services.windows.models import ServiceGroup, Slot

OFFICE = "330213009900"
GROUP = "vehicle"
SERVICE = "counter-vehicle-certificate"
OTHER_SERVICE = "counter-violations"


def office(code: str = OFFICE, name: str = "奉化车管所二分所") -> str:
    """An office with a group for vehicles and one for violations, open whenever a slot says so; committed."""
    if db.session.get(Office, code) is None:
        kept = {"address": "宁波市奉化区东环路1号", "phone": "0574-88580199", "district": "330213", "kind": "traffic"}
        db.session.add(Office(code=code, name=name, serves="", **kept))
        commit()
        forget_offices()
    if db.session.get(ServiceGroup, (code, GROUP)) is None:
        groups = ((GROUP, "机动车业务", "A", [SERVICE]), ("violations", "违法处理", "B", [OTHER_SERVICE]))
        for place, (group, title, letter, services) in enumerate(groups):
            db.session.add(
                ServiceGroup(office_code=code, code=group, name=title, letter=letter, services=services, place=place)
            )
        commit()
    return code


def slot(
    capacity: int = 1, *, day: date | None = None, at: time = time(10), group: str = GROUP, walk_in: int = 0
) -> UUID:
    """An open slot of half an hour at the office, the day after tomorrow unless another day is named; committed."""
    code = office()
    starts = datetime.combine(day or clock.today() + timedelta(days=2), at, clock.SHANGHAI)
    slot_id = new_id()
    row = {"starts_at": starts, "ends_at": starts + timedelta(minutes=30), "released_at": clock.now()}
    db.session.add(Slot(id=slot_id, office_code=code, group_code=group, capacity=capacity, walk_in=walk_in, **row))
    commit()
    return slot_id


def taken(slot_id: UUID) -> tuple[int, int]:
    """How many places of a slot are taken, and how many it has."""
    found = db.session.execute(select(Slot.taken, Slot.capacity).where(Slot.id == slot_id)).one()
    commit()
    return found.taken, found.capacity
