"""A permit's year: its person is told in time, endorses it on the phone, and knows until when it is good."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select, text

from citizen_services import clock
from citizen_services.cases import operations
from citizen_services.cases.errors import NotAllowed
from citizen_services.cases.models import Case, Document
from citizen_services.database import Change, commit, db
from citizen_services.parts import parts
from citizen_services.people.models import Citizen
from citizen_services.registers.models import ResidencePermit
from citizen_services.registers.operations import endorse_permit
from citizen_services.rules.dates import add_months, chinese_full_day
from notifications import permits, tasks
from notifications.models import Delivery, Notice
from tests import factories
from tests.cases.engine_drafts import endorsement as drafted
from tests.house import House
from tests.notifications.conftest import business_time
from tests.pages_kit import check_page, pages_browser, serving
from tests.portal.acting import staff_acts
from tests.portal.conftest import Resident
from tests.portal.permits import carded, issued

ENDORSE = "residence-permit-endorse"
REASONS = {
    "reasons": "社会保险登记显示您已离职，在本区没有合法稳定就业、住所或就读。",
    "ground": "《浙江省流动人口居住登记条例》第十九条",
}


def sent_for_judging(citizen: Citizen) -> UUID:
    """Send an endorsement on the ground of a home, which an officer judges; the case's id. Committed."""
    outcome = operations.submit(parts().catalogue, drafted(citizen, 1), factories.applicant(citizen))
    commit()
    return outcome.case_id


def today_of(person: Resident) -> date:
    with person.app.app_context():
        return clock.today()


def permit_of(person: Resident) -> ResidencePermit:
    """The person's permit as the database has it."""
    with person.app.app_context():
        query = select(ResidencePermit).where(ResidencePermit.citizen_id == person.id)
        return db.session.scalars(query).one()


def endorsement(person: Resident) -> Case:
    """The person's newest endorsement."""
    return next(case for case in reversed(person.cases()) if case.item == ENDORSE)


def endorse(person: Resident, **ground: str) -> None:
    """Apply for it as a person does who is employed, or on another ground."""
    person.begin(ENDORSE)
    person.browser.submit("save", ground=ground.get("ground", "employment"))
    if "ground" not in ground:
        correct = ground.get("correct", "yes")
        remark = "" if correct == "yes" else "已离开原单位，现在锦溪食品厂上班"
        person.browser.submit("save", employment_correct=correct, employment_remark=remark)


def sent(person: Resident) -> None:
    person.browser.submit("submit", commitment="yes")


def test_an_employed_worker_endorses_on_the_phone_at_once_and_the_permit_says_so(
    resident: Callable[..., Resident], outside: House
) -> None:
    person = resident()
    carded(person)
    today = today_of(person)
    until = add_months(today, 1) - timedelta(days=5)
    issued(person, add_months(until, -12))
    person.browser.open("/h5/permit")
    assert "现在就可以签注下一年" in person.browser.words
    endorse(person)
    sent(person)
    case = endorsement(person)
    assert (case.state, case.visits) == ("completed", 0)
    ours = permit_of(person)
    assert (ours.endorsed_until, ours.counted_from) == (add_months(until, 12), add_months(until, -12))
    person.browser.open("/h5/permit")
    assert f"签注有效期至 {chinese_full_day(ours.endorsed_until)}" in person.browser.words
    assert "到时我们会通知您" in person.browser.words
    with person.app.app_context():
        document = db.session.scalars(select(Document).where(Document.case_id == case.id)).one()
        assert chinese_full_day(ours.endorsed_until) in document.content["paragraphs"][0]
        assert "补办" not in document.content["paragraphs"][0]
        for _ in range(3):
            tasks.send("registration")
        writes = [one.payload for one in db.session.scalars(select(Delivery).where(Delivery.channel == "registration"))]
    ledger = outside.control("GET", f"ledger?partner=migrants&after={0}").json()["entries"]
    assert [one["endorsed_until"] for one in writes if one["kind"] == "endorse"] == [ours.endorsed_until.isoformat()]
    assert any(
        f"居住证 endorse {person.name}" in one["text"] and one["outcome"] in ("ok", "accepted") for one in ledger
    ), "the province knows"
    # A year further it can't be done again yet, and the day is named.
    person.browser.open(f"/h5/items/{ENDORSE}")
    assert "还没有到签注的时候" in person.browser.words
    assert chinese_full_day(add_months(ours.endorsed_until, -1)) in person.browser.words


def test_a_year_that_ran_out_suspends_and_a_late_endorsement_restores_and_counts_anew(
    resident: Callable[..., Resident],
) -> None:
    person = resident()
    carded(person)
    today = today_of(person)
    issued(person, today - timedelta(days=400))
    person.browser.open("/h5/permit")
    assert "使用功能已中止" in person.browser.words
    endorse(person)
    sent(person)
    ours = permit_of(person)
    assert (ours.counted_from, ours.endorsed_until) == (today, add_months(today, 12))
    with person.app.app_context():
        document = db.session.scalars(select(Document).where(Document.case_id == endorsement(person).id)).one()
    assert "居住年限从补办之日起重新计算" in document.content["paragraphs"][0]
    person.browser.open("/h5/permit")
    assert "使用功能已中止" not in person.browser.words


def test_whom_no_register_shows_an_officer_judges_and_in_time_is_who_applied_in_time(
    resident: Callable[..., Resident],
) -> None:
    person = resident()
    carded(person)
    today = today_of(person)
    issued(person, add_months(today, -12))
    endorse(person, correct="no")
    assert "submit" not in person.browser.actions, "what the person says is wrong is shown by their own paper"
    # Another one, whose home an officer looks at, days after the year ended.
    other = resident("龙阿强")
    carded(other)
    issued(other, add_months(today, -12))
    with other.app.app_context():
        citizen = db.session.get_one(Citizen, other.id)
        case_id = sent_for_judging(citizen)
    later = clock.now() + timedelta(days=3)
    with other.app.app_context(), business_time(later):
        staff_acts(other, case_id, "accept", "yl-clerk")
        with pytest.raises(NotAllowed):
            staff_acts(other, case_id, "approve", "yl-clerk")
        staff_acts(other, case_id, "approve", "yl-officer")
    assert permit_of(other).endorsed_until == add_months(today, 12)
    assert permit_of(other).counted_from == add_months(today, -12)


def test_who_no_longer_qualifies_is_told_in_writing_why_and_where_to_complain(
    resident: Callable[..., Resident],
) -> None:
    person = resident()
    carded(person)
    until = today_of(person) + timedelta(days=9)
    issued(person, add_months(until, -12))
    with person.app.app_context():
        citizen = db.session.get_one(Citizen, person.id)
        case_id = sent_for_judging(citizen)
    staff_acts(person, case_id, "accept", "yl-clerk")
    staff_acts(person, case_id, "refuse", "yl-officer", REASONS)
    with person.app.app_context():
        refusal = db.session.scalars(
            select(Document).where(Document.case_id == case_id, Document.kind == "refused")
        ).one()
    assert refusal.title == "不予签注决定书"
    written = json.dumps(refusal.content, ensure_ascii=False)
    for words in (REASONS["reasons"], REASONS["ground"], "60日", "六个月"):
        assert words in written, words
    assert permit_of(person).endorsed_until == until


def test_a_permit_of_yinzhou_is_endorsed_here_and_shown_from_then_on(
    resident: Callable[..., Resident], house: House
) -> None:
    person = resident()
    today = today_of(person)
    until = today + timedelta(days=12)
    theirs = {
        "number": f"330212{person.id_number[-8:].replace('X', '0')}",
        "issued": add_months(until, -24).isoformat(),
        "district": "330212",
        "endorsed_until": until.isoformat(),
    }
    house.control("PUT", f"migrants/{person.id_number}", {"registrations": [], "permits": [theirs]})
    person.browser.open("/h5/permit")
    assert "鄞州区签发" in person.browser.words
    endorse(person)
    sent(person)
    assert endorsement(person).state == "completed"
    ours = permit_of(person)
    assert (ours.district, ours.endorsed_until, ours.counted_from) == (
        "330212", add_months(until, 12), add_months(until, -24),
    )  # fmt: skip
    person.browser.open("/h5/permit")
    assert "签发机关 宁波市鄞州区公安机关" in person.browser.words
    with person.app.app_context():
        tasks.send("registration")
        (write,) = db.session.scalars(select(Delivery).where(Delivery.channel == "registration"))
        assert write.state in ("sent", "delivered"), write.reason


def test_who_has_no_permit_is_led_to_the_first_one(resident: Callable[..., Resident]) -> None:
    person = resident()
    person.browser.open(f"/h5/items/{ENDORSE}")
    assert "没有查到本市市区签发的居住证" in person.browser.words
    assert "start" not in person.browser.actions


# --- Reminders ----------------------------------------------------------------------------------------------------


def told(person: Citizen) -> list[str]:
    """What a person was told of their permit, in order."""
    db.session.rollback()
    query = select(Notice.kind).where(Notice.citizen_id == person.id, Notice.kind.like("permit_%"))
    return list(db.session.scalars(query.order_by(Notice.at, Notice.id)))


def test_its_person_hears_when_the_window_opens_in_the_last_week_and_when_it_ran_out(app: Flask) -> None:
    person = factories.citizen()
    first = clock.now()
    until = clock.today() + timedelta(days=60)
    permit = factories.permit(person, add_months(until, -12))
    assert permits.remind_of_years() == 0
    opens = (add_months(until, -1) - clock.today()).days
    for days, kinds in (
        (opens - 1, []),
        (opens, ["permit_window"]),
        (opens + 1, ["permit_window"]),
        (53, ["permit_window", "permit_last_days"]),
        (60, ["permit_window", "permit_last_days"]),
        (61, ["permit_window", "permit_last_days", "permit_suspended"]),
        (90, ["permit_window", "permit_last_days", "permit_suspended"]),
    ):
        with business_time(first + timedelta(days=days)):
            permits.remind_of_years()
            permits.remind_of_years()
        assert told(person) == kinds, days
    assert db.session.get_one(ResidencePermit, permit.id, populate_existing=True).remind_on is None
    # Each year is a year of its own: who endorsed is reminded again a year later.
    factories.registered(person)
    with business_time(first + timedelta(days=91)):
        change = Change(clock.now())
        now = db.session.get_one(ResidencePermit, permit.id, populate_existing=True)
        endorse_permit(change, now, applied_on=clock.today())
        change.write()
        commit()
    with business_time(first + timedelta(days=91 + 350)):
        permits.remind_of_years()
    assert told(person) == ["permit_window", "permit_last_days", "permit_suspended", "permit_window"]


def test_who_has_applied_already_is_not_reminded(app: Flask) -> None:
    person = factories.citizen()
    factories.registered(person)
    factories.permit(person, add_months(clock.today() + timedelta(days=5), -12))
    sent_for_judging(person)
    permits.remind_of_years()
    assert told(person) == []
    # Nobody knows yet what comes of it: refused or withdrawn, they are still to hear.
    case = db.session.scalars(select(Case).where(Case.citizen_id == person.id)).one()
    operations.perform(parts().catalogue, case.id, "withdraw", factories.applicant(person), case.version)
    commit()
    with business_time(clock.now() + timedelta(days=1)):
        permits.remind_of_years()
    assert told(person) == ["permit_last_days"]


def test_one_reminder_that_fails_holds_up_no_other(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    people = [factories.citizen() for _ in range(3)]
    for person in people:
        factories.permit(person, add_months(clock.today() + timedelta(days=5), -12))
    real = permits._applies

    def fails(citizen_id: Any) -> bool:
        if citizen_id == people[0].id:
            raise ValueError
        return real(citizen_id)

    monkeypatch.setattr(permits, "_applies", fails)
    assert permits.remind_of_years() == 2
    monkeypatch.undo()
    assert permits.remind_of_years() == 1
    assert [told(person) for person in people] == [["permit_last_days"]] * 3


def test_a_look_reads_no_permit_of_which_nobody_is_to_hear(app: Flask) -> None:
    for _ in range(30):
        factories.permit(factories.citizen(), clock.today() - timedelta(days=10))
    db.session.execute(text("ANALYZE residence_permit"))
    commit()
    # A small table would be read whole, whatever its indexes.
    db.session.execute(text("SET LOCAL enable_seqscan = off"))
    asked = str(permits.waiting().compile(db.engine, compile_kwargs={"literal_binds": True}))
    (plan,) = db.session.execute(text(f"EXPLAIN (ANALYZE, FORMAT JSON) {asked}")).scalar_one()
    node = plan["Plan"]
    while "Index Name" not in node:
        (node,) = node["Plans"]
    assert node["Index Name"] == "ix_residence_permit_remind"
    assert (node["Actual Rows"], node.get("Rows Removed by Filter", 0)) == (0, 0)
    db.session.rollback()


def test_the_pages_of_an_endorsement_look_right_on_a_phone(
    application: Flask, resident: Callable[..., Resident]
) -> None:
    person = resident()
    carded(person)
    issued(person, add_months(today_of(person) + timedelta(days=9), -12))
    with pages_browser() as chromium, serving(application) as site:
        page = chromium.phone(width=375, base_url=site)
        page.context.add_cookies([{"name": "h5_session", "value": person.token, "url": f"{site}/h5/"}])
        page.goto("/h5/permit")
        check_page(page, "permit-window-open")
        page.goto(f"/h5/items/{ENDORSE}")
        check_page(page, "endorse-guide")
        endorse(person)
        sent(person)
        page.goto(f"/h5/cases/{endorsement(person).id}")
        check_page(page, "endorse-done")
