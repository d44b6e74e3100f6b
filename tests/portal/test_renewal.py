"""A damaged permit: the new card comes by EMS, the courier takes the old one back, and nobody makes a trip."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select

from citizen_services.cases.errors import GuardFailed
from citizen_services.cases.models import Case
from citizen_services.database import db
from notifications import tasks
from notifications.models import Delivery, Parcel
from tests.house import House
from tests.portal.acting import staff_acts
from tests.portal.conftest import Resident
from tests.portal.test_replacement import holder, permit_of, report_lost, signed_for

RENEW = "residence-permit-renew"
NEW_CARD = "3302132026990002"


def renew(person: Resident) -> None:
    """Ask for another card for a damaged one, as a person does on the phone."""
    person.begin(RENEW)
    person.browser.submit("save", damage="unreadable", damage_remark="洗衣服时洗坏了")
    person.browser.submit("save", portrait_correct="yes")
    person.browser.submit("save")
    person.browser.submit("submit", commitment="yes")


def renewals(person: Resident) -> list[Case]:
    """The person's applications for another card instead of a damaged one."""
    return [case for case in person.cases() if case.item == RENEW]


def test_a_damaged_card_is_renewed_and_the_courier_takes_the_old_one_back(
    resident: Callable[..., Resident], outside: House
) -> None:
    person = holder(resident)
    before = permit_of(person)
    renew(person)
    case_id = renewals(person)[0].id
    staff_acts(person, case_id, "accept", "yl-clerk")
    staff_acts(person, case_id, "approve", "yl-officer")
    # Until the new card is made, the old one counts.
    assert (permit_of(person).card_number, permit_of(person).card_lost_on) == (before.card_number, None)
    staff_acts(person, case_id, "make", "fw-clerk", {"card_number": NEW_CARD})
    signed_for(person, case_id)
    after = permit_of(person)
    assert (after.card_number, after.card_lost_on, after.state) == (NEW_CARD, None, "current")
    assert after.card_number != before.card_number
    kept = ("id", "issued_on", "counted_from", "endorsed_until", "address", "ground")
    assert [getattr(after, name) for name in kept] == [getattr(before, name) for name in kept]
    assert (renewals(person)[0].state, renewals(person)[0].visits) == ("completed", 0)
    with person.app.app_context():
        ways = db.session.scalars(
            select(Parcel.direction).where(Parcel.case_id == case_id).order_by(Parcel.direction)
        ).all()
        assert ways == ["back", "out"]
        fetched = db.session.scalars(select(Parcel).where(Parcel.case_id == case_id, Parcel.direction == "back")).one()
        order = db.session.scalars(select(Delivery).where(Delivery.parcel_id == fetched.id)).one()
        # From the person's own door to the service centre.
        assert order.payload["sender"]["name"] == person.name
        assert order.payload["receiver"] == fetched.receiver
        assert fetched.receiver["name"] != person.name
        for _ in range(3):
            tasks.send("registration")
        writes = [one.payload for one in db.session.scalars(select(Delivery).where(Delivery.channel == "registration"))]
    assert [one["number"] for one in writes if one.get("kind") == "renew"] == [NEW_CARD]
    told = outside.control("GET", "ledger?partner=migrants&after=0").json()["entries"]
    assert any(
        f"居住证 renew {person.name} {NEW_CARD}" in one["text"] and one["outcome"] in ("ok", "accepted") for one in told
    ), "the province knows"


def test_one_card_at_a_time_is_made(resident: Callable[..., Resident]) -> None:
    person = holder(resident)
    renew(person)
    renewal = renewals(person)[0].id
    replacement = report_lost(person)
    staff_acts(person, replacement, "accept", "yl-clerk")
    staff_acts(person, replacement, "approve", "yl-officer")
    staff_acts(person, renewal, "accept", "yl-clerk")
    with pytest.raises(GuardFailed):
        staff_acts(person, renewal, "approve", "yl-officer")


def test_a_card_that_was_reported_lost_is_replaced_and_not_renewed(resident: Callable[..., Resident]) -> None:
    person = holder(resident)
    report_lost(person)
    renew(person)
    assert "已经挂失，请办理补领" in person.browser.words
    assert renewals(person) == []
