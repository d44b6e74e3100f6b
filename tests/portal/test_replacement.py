"""A lost permit: void from the report on, the electronic one goes on, and the new card comes by EMS at no visit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from uuid import UUID

from flask import Flask
from sqlalchemy import select

from citizen_services import clock
from citizen_services.cases.models import Case, Document
from citizen_services.database import db
from citizen_services.registers.models import ResidencePermit
from citizen_services.registers.showing import shown_code
from citizen_services.rules.dates import chinese_full_day
from notifications import tasks
from notifications.models import Delivery
from tests.cases.engine_world import courier_reports, last_parcel
from tests.house import House
from tests.people.browser import Browser
from tests.portal.acting import staff_acts
from tests.portal.conftest import Resident
from tests.portal.permits import carded, issued

REPLACE = "residence-permit-replace"
NEW_CARD = "3302132026990001"


def permit_of(person: Resident) -> ResidencePermit:
    """The person's permit as the database has it."""
    with person.app.app_context():
        query = select(ResidencePermit).where(ResidencePermit.citizen_id == person.id)
        return db.session.scalars(query).one()


def replacements(person: Resident) -> list[Case]:
    """The person's applications for another card, oldest first."""
    found = [case for case in person.cases() if case.item == REPLACE]
    return sorted(found, key=lambda case: case.submitted_at)


def report_lost(person: Resident) -> UUID:
    """Report the card lost and ask for another one, as a person does on the phone; the case's id."""
    person.begin(REPLACE)
    person.browser.submit("save", loss="lost", loss_remark="昨天在菜场")
    person.browser.submit("save", portrait_correct="yes")
    person.browser.submit("save")
    person.browser.submit("submit", commitment="yes")
    return replacements(person)[-1].id


def holder(resident: Callable[..., Resident]) -> Resident:
    """Somebody who has signed for their permit and whose year is far from its end."""
    person = resident()
    case_id = carded(person)
    signed_for(person, case_id)
    issued(person, today_of(person))
    return person


def signed_for(person: Resident, case_id: UUID) -> None:
    """The card is posted and its person signs for it."""
    with person.app.app_context():
        parcel = last_parcel(case_id)
        assert parcel is not None
        courier_reports(parcel.id, "collected")
    with person.app.app_context():
        tracking = db.session.get_one(Case, case_id).results["tracking"]
    staff_acts(person, case_id, "post", "fw-clerk", {"tracking": tracking})
    with person.app.app_context():
        courier_reports(parcel.id, "signed")
        assert db.session.get_one(Case, case_id).state == "completed"


def today_of(person: Resident) -> date:
    with person.app.app_context():
        return clock.today()


def test_a_lost_card_is_void_at_once_and_the_new_one_comes_by_ems_without_a_visit(
    resident: Callable[..., Resident], outside: House, application: Flask, house: House
) -> None:
    person = holder(resident)
    before = permit_of(person)
    office = Browser(application, house.web_url)
    with person.app.app_context():
        path = f"/h5/v/{shown_code(before.id)}"
    office.open(path)
    assert "居住证有效" in office.words
    assert "挂失" not in office.words
    case_id = report_lost(person)
    # The very code that was shown before the report says so.
    office.open(path)
    void = f"原来的居住证卡片已于{chinese_full_day(today_of(person))}挂失作废"
    for words in ("居住证有效，原卡片已挂失", void, "请只认持证人手机上的电子居住证"):
        assert words in office.words, words
    person.browser.open("/h5/permit")
    assert void in person.browser.words
    assert person.browser.client.get("/h5/permit/qr.png", base_url=person.browser.base_url).status_code == 200
    # A second one can't be asked for meanwhile.
    person.browser.open(f"/h5/items/{REPLACE}")
    assert "start" not in person.browser.actions
    staff_acts(person, case_id, "accept", "yl-clerk")
    staff_acts(person, case_id, "approve", "yl-officer")
    with person.app.app_context():
        old = before.card_number
        voucher = db.session.scalars(
            select(Document).where(Document.case_id == case_id, Document.kind == "voucher")
        ).one()
        assert any("原居住证卡片自您提交申请之日起作废" in line for line in voucher.content["paragraphs"])
    staff_acts(person, case_id, "make", "fw-clerk", {"card_number": NEW_CARD})
    signed_for(person, case_id)
    after = permit_of(person)
    assert (after.card_number, after.card_lost_on, after.state) == (NEW_CARD, None, "current")
    assert after.card_number != old
    assert (after.id, after.issued_on, after.endorsed_until) == (before.id, before.issued_on, before.endorsed_until)
    assert replacements(person)[0].visits == 0
    office.open(path)
    assert "居住证有效" in office.words
    assert "挂失" not in office.words
    with person.app.app_context():
        for _ in range(3):
            tasks.send("registration")
        writes = [one.payload for one in db.session.scalars(select(Delivery).where(Delivery.channel == "registration"))]
    assert [one["number"] for one in writes if one.get("kind") == "replace"] == [NEW_CARD]
    told = outside.control("GET", "ledger?partner=migrants&after=0").json()["entries"]
    assert any(
        f"居住证 replace {person.name} {NEW_CARD}" in one["text"] and one["outcome"] in ("ok", "accepted")
        for one in told
    ), "the province knows"


def test_whoever_withdraws_does_not_make_the_lost_card_good_again(resident: Callable[..., Resident]) -> None:
    person = holder(resident)
    report_lost(person)
    person.browser.open(f"/h5/cases/{replacements(person)[0].id}")
    person.browser.submit("withdraw")
    assert replacements(person)[0].state == "withdrawn"
    assert permit_of(person).card_lost_on == today_of(person)
    report_lost(person)
    assert [case.state for case in replacements(person)] == ["withdrawn", "submitted"]


def test_a_card_that_its_person_has_not_got_yet_is_ours_to_find(resident: Callable[..., Resident]) -> None:
    person = resident()
    carded(person)
    person.begin(REPLACE)
    person.browser.submit("save", loss="lost", loss_remark="")
    person.browser.submit("save", portrait_correct="yes")
    person.browser.submit("save")
    person.browser.submit("submit", commitment="yes")
    assert "还在制作或寄送中" in person.browser.words
    assert replacements(person) == []
    assert permit_of(person).card_lost_on is None


def test_who_has_no_permit_of_ours_is_told_where_to_go(resident: Callable[..., Resident]) -> None:
    person = resident()
    person.browser.open(f"/h5/items/{REPLACE}")
    assert "请向签发地公安机关补领" in person.browser.words
    assert "start" not in person.browser.actions
