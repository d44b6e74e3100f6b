"""A clerk who books for others means ill: places of another hall, and people whom they looked at without a word."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select

from citizen_services import clock
from citizen_services.cases.models import Visit
from citizen_services.database import commit, db, new_id
from citizen_services.people.models import Look
from citizen_services.windows.models import Slot
from tests import factories
from tests.cases.engine_world import Hands
from tests.windows import hall
from tests.windows.test_counter_booking import Desks, bookings, clerk, found, hands, slot

__all__ = ["clerk", "hands"]

ELSEWHERE = "330213000100"


def slot_elsewhere(hour: int) -> str:
    """A slot of the same services at another office."""
    hall.office(ELSEWHERE, "另一个大厅")
    moved = slot(hour, 1, "violations")
    one = db.session.get_one(Slot, UUID(moved))
    one.office_code = ELSEWHERE
    commit()
    return moved


def test_no_clerk_gives_the_places_of_another_hall_away(clerk: Any) -> None:
    here, there = slot(9, 1, "violations"), slot_elsewhere(10)
    slot(11, 1, "violations")
    page = found(clerk, factories.citizen("王一"))
    address = f"{page}/book/{hall.OTHER_SERVICE}"
    clerk.open(address)
    clerk.open(address, "POST", data=clerk.form("book").inputs | {"slot_id": there})
    assert clerk.page.status_code == 422
    assert "别的单位" in clerk.words
    assert (bookings(), hall.taken(UUID(there))) == ([], (0, 1))
    clerk.submit("book", slot_id=here)
    shown = clerk.at
    clerk.open(f"{shown}/move")
    clerk.open(f"{shown}/move", "POST", data=clerk.form("move").inputs | {"slot_id": there})
    assert clerk.page.status_code == 422
    assert "别的单位" in clerk.words
    assert [str(one.slot_id) for one in bookings()] == [here]
    assert hall.taken(UUID(there)) == (0, 1)


def test_numbers_and_names_are_not_tried_out_and_who_is_found_counts_for_nothing(clerk: Any, hands: Hands) -> None:
    slot(9)
    who = factories.citizen("王一")
    for _ in range(12):
        found(clerk, who)
    clerk.open("/console/bookings")
    for _ in range(10):
        clerk.submit("find", id_number=who.id_number, name="王二", how="call")
        assert (clerk.page.status_code, clerk.errors) == (422, {"name"})
    clerk.submit("find", id_number=who.id_number, name="王一", how="call")
    assert (clerk.page.status_code, clerk.errors) == (429, {"id_number"})
    assert "操作太频繁" in clerk.words
    hands.at += timedelta(minutes=16)
    found(clerk, who)


def test_whoever_is_looked_at_because_a_colleague_noted_them_reads_that_too(
    clerk: Any, hands: Hands, desk: Desks
) -> None:
    slot(9)
    who, colleague = factories.citizen("王一"), factories.staff("cg-planner")
    db.session.add(
        Visit(
            id=new_id(), citizen_id=who.id, office_code=hall.OFFICE, at=clock.now(), known_by="id_number",
            noted_by=colleague.id,
        )
    )  # fmt: skip
    commit()
    for _ in range(2):
        assert clerk.open(f"/console/bookings/people/{who.id}").status_code == 200
    looks = db.session.execute(select(Look.what, Look.role, Look.reason).where(Look.citizen_id == who.id)).all()
    assert [tuple(row) for row in looks] == [("opened", "clerk", "本人到窗口预约、改期或取消")]
