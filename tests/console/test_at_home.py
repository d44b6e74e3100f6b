"""社区代办: a community officer fills in for somebody who can't come; nobody's trip, both kept, the person told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

from flask import Flask
from sqlalchemy import select, update

from citizen_services import clock
from citizen_services.cases.models import Case, CaseEvent, Visit, VisitCase
from citizen_services.database import commit, db
from citizen_services.people.models import Citizen, Look
from citizen_services.people.queries import citizen_by_id_number
from notifications.models import Notice
from tests import factories
from tests.console.conftest import Desk
from tests.console.test_counter import begin, newcomer, register, scan
from tests.house import House
from tests.pages_kit import check_page, pages_browser, serving
from tests.portal.conftest import ADDRESS, Resident, resident

__all__ = ["resident"]
Sit = Callable[[str], Desk]
Make = Callable[..., Resident]


def test_a_community_officer_applies_at_home_for_who_cannot_come(
    app: Flask, desk: Sit, outside: House, resident: Make
) -> None:
    who, officer, clerk = newcomer(outside), desk("yl-community"), desk("yl-clerk")
    resident()  # the addresses of the register
    assert "上门代办" in officer.open("/console/counter").text
    register(officer, who, card_shown=None)
    assert officer.errors == {"card_shown"}
    register(officer, who)
    person = citizen_by_id_number(who["id_number"])
    assert person is not None
    # What happens at the person's home makes them be at no counter.
    assert clerk.open(f"/console/counter/people/{person.id}").request.path == "/console/counter"
    path = begin(officer, person, "residence-registration")
    officer.submit("save", address_code=ADDRESS, residence_kind="own_home", room="")
    officer.submit("save", ownership="own")
    officer.submit("submit", read_back="yes", commitment="yes")
    case = db.session.scalars(select(Case)).one()
    event = db.session.scalars(select(CaseEvent).where(CaseEvent.case_id == case.id, CaseEvent.seq == 1)).one()
    actor = factories.staff("yl-community")
    assert (case.citizen_id, case.door, case.visits, case.state) == (person.id, "community", 0, "completed")
    assert (event.actor_kind, event.actor_id, event.actor_role) == ("staff", actor.id, "community_officer")
    assert db.session.scalars(select(VisitCase)).all() == []
    visit = db.session.scalars(select(Visit)).one()
    assert (visit.known_by, visit.card_seen_by) == ("home", actor.id)
    told = db.session.scalars(select(Notice).where(Notice.kind == "acted_for_you")).one()
    assert told.citizen_id == person.id
    assert "上门的社区民警" in told.text
    reasons = set(db.session.scalars(select(Look.reason).where(Look.citizen_id == person.id)))
    assert {"上门核验身份证", "上门为本人填写申请"} <= reasons
    # Two hours later they are there no longer: nothing open on a screen is taken.
    db.session.execute(update(Visit).values(at=clock.now() - timedelta(hours=3)))
    commit()
    assert officer.open(path).request.path == "/console/counter"
    assert desk("jp-community").open(f"/console/counter/people/{person.id}").request.path == "/console/counter"


def test_for_a_child_the_guardian_is_there_at_the_desk_too(app: Flask, desk: Sit, resident: Make) -> None:
    child, clerk = resident("韦小宝", months=0), desk("yl-clerk")
    db.session.execute(update(Citizen).where(Citizen.id == child.id).values(birth_date=date(2014, 3, 1)))
    commit()
    scan(clerk, child.id_number)
    clerk.submit("card", card_shown="yes")
    person = db.session.get_one(Citizen, child.id)
    begin(clerk, person, "residence-registration")
    clerk.submit("save", address_code=ADDRESS, residence_kind="own_home", room="")
    clerk.submit("save", ownership="family")
    clerk.submit("submit", read_back="yes", commitment="yes")
    assert (clerk.page.status_code, clerk.errors, child.cases()) == (422, {"guardian_here"}, [])
    clerk.submit("submit", read_back="yes", commitment="yes", guardian_here="yes")
    event = db.session.scalars(select(CaseEvent).where(CaseEvent.seq == 1)).one()
    assert event.data["guardian_present"] == "yes"


def test_the_pages_of_who_goes_to_people_are_sound(app: Flask, desk: Sit, resident: Make) -> None:
    person, officer = resident("韦老太", months=0), desk("yl-community")
    scan(officer, person.id_number)
    with serving(app) as site, pages_browser() as pages:
        page = pages.desktop(width=1280, base_url=site)
        token = officer.cookie("console_session", "/console") or ""
        page.context.add_cookies([{"name": "console_session", "value": token, "url": f"{site}/console"}])
        page.goto("/console/counter")
        check_page(page, "at-home-1-page")
        page.goto(f"/console/counter/people/{person.id}")
        page.get_by_text("上门，不算跑动").wait_for()
        check_page(page, "at-home-2-person")
