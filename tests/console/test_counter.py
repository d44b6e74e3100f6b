"""The counter as a door: a person without WeChat, card shown; visits by one scan; what a clerk may not do there."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from flask import Flask
from sqlalchemy import select, update

from citizen_services import clock
from citizen_services.cases import visits
from citizen_services.cases.models import Case, CaseEvent, Draft, Visit
from citizen_services.database import commit, db
from citizen_services.people.models import Citizen, Consent, Session, Staff
from citizen_services.people.queries import citizen_by_id_number
from citizen_services.security import keyring
from notifications.models import Delivery
from tests import factories
from tests.console.applications import case_now, looks_at
from tests.console.conftest import Desk
from tests.house import House
from tests.portal.conftest import ADDRESS, Resident, resident

__all__ = ["resident"]

Sit = Callable[[str], Desk]
Make = Callable[..., Resident]


def newcomer(outside: House, name: str = "石大海", *, phone: str = "13805741207") -> dict[str, str]:
    """Somebody whom the population register knows and we don't, without WeChat."""
    number = factories.new_number(random.Random(name), "522601", date(1968, 3, 2), male=True)
    about = {
        "name": name,
        "phone": phone,
        "hukou_code": "522601",
        "hukou_address": "贵州省凯里市三棵树镇",
    }
    outside.control("PUT", f"people/{number}", about)
    outside.control("PUT", f"migrants/{number}", {"registrations": [], "permits": []})
    return {"name": name, "id_number": number, "phone": phone}


def register(at: Desk, who: dict[str, str], **more: Any) -> None:
    """Know a person at the counter by the card."""
    at.open("/console/counter/new")
    at.submit("register_person", **{**who, "card_shown": "yes", "notice_read": "yes", **more})


def scan(at: Desk, text: str) -> None:
    """Scan something at the counter."""
    at.open("/console/counter")
    at.submit("check_in", scan=text)


def begin(at: Desk, person: Citizen, item: str) -> str:
    """Begin an application for a person who is here; the draft's path."""
    at.open(f"/console/counter/people/{person.id}")
    form = next(form for form in at._read().forms if form.inputs.get("item") == item)
    at.open(form.url, "POST", data=form.inputs)
    return at.at


def test_a_person_without_wechat_applies_at_the_counter_and_hears_by_sms(
    app: Flask, desk: Sit, outside: House, resident: Make
) -> None:
    who, clerk = newcomer(outside), desk("yl-clerk")
    resident()  # the addresses of the register
    register(clerk, who, card_shown=None)
    assert clerk.errors == {"card_shown"}
    register(clerk, who)
    person = citizen_by_id_number(who["id_number"])
    assert person is not None
    assert (person.proved_by, clerk.at) == ("counter", f"/console/counter/people/{person.id}")
    assert "短信（没有绑定微信）" in clerk.words
    assert who["id_number"] not in clerk.page.text

    path = begin(clerk, person, "residence-registration")
    draft = db.session.scalars(select(Draft)).one()
    assert (draft.citizen_id, draft.door, path) == (person.id, "counter", f"/console/counter/drafts/{draft.id}")
    clerk.submit("save", address_code=ADDRESS, residence_kind="own_home", room="")
    clerk.submit("save", ownership="own")
    clerk.submit("submit", commitment="yes")
    assert clerk.errors == {"read_back"}
    clerk.submit("submit", read_back="yes")
    assert clerk.errors == {"commitment"}
    clerk.submit("submit", read_back="yes", commitment="yes")

    case = db.session.scalars(select(Case)).one()
    event = db.session.scalars(select(CaseEvent).where(CaseEvent.seq == 1)).one()
    actor = factories.staff("yl-clerk")
    assert (case.citizen_id, case.door, case.visits) == (person.id, "counter", 1)
    # Both identities are kept: the case is the person's, the sending was done by the clerk, signed by the person.
    assert (event.actor_kind, event.actor_id, event.actor_office, event.actor_role) == (
        "staff", actor.id, actor.office, "clerk",
    )  # fmt: skip
    assert event.data == {"read_back": "yes", "commitment_signed": "yes"}
    # Told by SMS; the other is what goes into the province's register.
    assert set(db.session.scalars(select(Delivery.channel))) == {"sms", "registration"}
    ((visit, by_choice),) = visits.of_case(case.id)
    assert (visit.card_seen_by, by_choice, visit.office_code) == (actor.id, True, actor.office)
    assert ("bound", actor.office, "clerk", "窗口核验身份证") in looks_at(person)
    assert clerk.at == f"/console/cases/{case.id}"
    assert "commitment" in set(db.session.scalars(select(Consent.purpose).where(Consent.citizen_id == person.id)))


def test_a_draft_begun_at_the_counter_is_the_persons_own_and_may_be_finished_on_the_phone(
    app: Flask, desk: Sit, resident: Make
) -> None:
    person, clerk, colleague = resident(), desk("yl-clerk"), desk("jp-clerk")
    citizen = db.session.get_one(Citizen, person.id)
    scan(clerk, person.id_number)
    clerk.submit("card", card_shown="yes")
    path = begin(clerk, citizen, "residence-registration")
    clerk.submit("save", address_code=ADDRESS, residence_kind="own_home", room="")
    # Typed at the desk and not saved: kept while typing, and found again by the person.
    form = clerk.form("save")
    kept = clerk.open(f"{path}/autosave", "POST", data={**form.inputs, "ownership": "rented_out"})
    assert (kept.status_code, "saved" in (kept.json or {})) == (200, True)
    # Nobody but the office where the person is fills in for them.
    colleague.open(path)
    assert colleague.at == "/console/counter"
    theirs = form.inputs | {"csrf_token": colleague.form("check_in").inputs["csrf_token"]}
    assert colleague.open(path, "POST", data=theirs, follow=False).headers["Location"] == "/console/counter"
    person.browser.open(f"/h5/drafts/{path.rpartition('/')[2]}")
    person.browser.submit("save", ownership="own")
    person.browser.submit("submit", commitment="yes")
    (case,) = person.cases()
    # It took a visit all the same.
    assert (case.door, case.visits) == ("web", 1)
    # The clerk's open page sends nothing twice.
    clerk.open(path)
    assert clerk.at == f"/console/cases/{case.id}"


def test_two_taps_and_two_tabs_at_the_desk_send_one_application(app: Flask, desk: Sit, resident: Make) -> None:
    person, clerk = resident(), desk("yl-clerk")
    citizen = db.session.get_one(Citizen, person.id)
    scan(clerk, person.id_number)
    clerk.submit("card", card_shown="yes")
    path = begin(clerk, citizen, "residence-permit-first")
    clerk.submit("save", ground="employment")
    form = clerk.form("save")
    clerk.submit("save", employment_correct="yes", employment_remark="")
    # The other tab still shows the page as it was.
    stale = {**form.inputs, "form_token": "another-tab-0001", "employment_correct": "yes"}
    assert clerk.open(path, "POST", data=stale).status_code == 409
    clerk.open(f"{path}?step=portrait")
    clerk.submit("save", portrait_correct="yes")
    clerk.submit("save", receiver=person.name, receiver_phone=person.phone)
    form = clerk.form("submit")
    data = {**form.inputs, "read_back": "yes", "commitment": "yes"}
    answers = [clerk.open(path, "POST", data=data, follow=False).headers["Location"] for _ in range(3)]
    (case,) = person.cases()
    assert set(answers) == {f"/console/cases/{case.id}"}
    # The first answer on the spot.
    clerk.open(answers[0])
    clerk.submit("accept")
    assert case_now(case.id).state == "accepted"


def test_one_scan_is_one_visit_shared_by_all_cases_served_then(app: Flask, desk: Sit, resident: Make) -> None:
    person, clerk, centre = resident(), desk("yl-clerk"), desk("fw-clerk")
    case = person.cases()
    first = person.apply()
    citizen = db.session.get_one(Citizen, person.id)
    scan(clerk, f"http://127.0.0.1/h5/cases/{first}")
    assert "已登记到场" in clerk.words
    for again in (case_now(first).number, person.id_number, f"https://elsewhere/h5/cases/{first}?sent=1"):
        scan(clerk, again)
        assert "不重复计数" in clerk.words
    assert case_now(first).visits == 1
    # A second matter of the same presence shares the visit; each of the two counts it once.
    clerk.submit("card", card_shown="yes")
    begin(clerk, citizen, "residence-registration")
    clerk.submit("save", address_code=ADDRESS, residence_kind="own_home", room="")
    clerk.submit("save", ownership="own")
    clerk.submit("submit", read_back="yes", commitment="yes")
    assert [one.visits for one in person.cases()] == [1, 1]
    assert len(db.session.scalars(select(Visit)).all()) == 1
    # Away and back: said so, or two hours later. The second is at an office that does not work on the case.
    clerk.open(f"/console/counter/people/{person.id}")
    clerk.submit("again")
    assert case_now(first).visits == 2
    scan(centre, person.id_number)
    assert case_now(first).visits == 2
    centre.submit("serve")
    assert case_now(first).visits == 3
    db.session.execute(update(Visit).values(at=Visit.at - visits.PRESENCE - timedelta(minutes=1)))
    commit()
    clerk.open(f"/console/counter/people/{person.id}")
    assert clerk.at == "/console/counter"
    scan(clerk, str(case_now(first).number))
    assert case_now(first).visits == 4
    person.browser.open(f"/h5/cases/{first}")
    assert 'data-visits="4"' in person.browser.page.text
    assert all(by_choice for _, by_choice in visits.of_case(first))
    assert case == []


def test_what_the_scanner_reads_and_nobody_knows_is_said_and_counts_nothing(
    app: Flask, desk: Sit, outside: House
) -> None:
    clerk, stranger = desk("yl-clerk"), newcomer(outside)
    for text in ("", "JZ20261109-999999", "/h5/cases/0197f7a0-0000-7000-8000-000000000000", "43210519", "石大海"):
        scan(clerk, text)
        assert (clerk.page.status_code, clerk.errors) == (422, {"scan"}), text
    scan(clerk, stranger["id_number"])
    assert clerk.errors == {"scan"}
    assert "首次来办事" in clerk.words
    scan(clerk, "482 913")
    assert clerk.form("bind_at_counter").inputs["code"] == "482913"
    assert db.session.scalars(select(Visit)).all() == []


def test_nobody_serves_themselves_and_a_card_that_the_register_does_not_know_is_not_taken(
    app: Flask, desk: Sit, outside: House
) -> None:
    clerk, who = desk("yl-clerk"), newcomer(outside)
    register(clerk, who, name="石小海")
    assert clerk.errors == {"name"}
    own = keyring().lookup("id_number", who["id_number"])
    db.session.execute(update(Staff).where(Staff.login == "yl-clerk").values(id_lookup=own))
    commit()
    register(clerk, who)
    assert clerk.errors == {"id_number"}
    assert db.session.scalars(select(Citizen)).all() == []
    register(desk("jp-clerk"), who)
    assert citizen_by_id_number(who["id_number"]) is not None
    scan(clerk, who["id_number"])
    assert clerk.page.status_code == 403
    outside.control("PUT", "faults/population", {"mode": "http_500"})
    other = newcomer(outside, "陆远")
    register(clerk, other)
    assert (clerk.page.status_code, citizen_by_id_number(other["id_number"])) == (503, None)


def test_whoever_has_another_phone_now_is_known_by_it_and_the_old_one_is_warned(
    app: Flask, desk: Sit, resident: Make
) -> None:
    person, clerk = resident(), desk("yl-clerk")
    case_id = person.apply()
    new = {"name": person.name, "id_number": person.id_number, "phone": "13905741208"}
    register(clerk, new)
    citizen = db.session.get_one(Citizen, person.id, populate_existing=True)
    assert (citizen.phone, citizen.proved_by, case_now(case_id).visits) == ("13905741208", "counter", 1)
    warned = [one.payload["phone"] for one in db.session.scalars(select(Delivery).where(Delivery.channel == "sms"))]
    assert person.phone in warned
    # The phone's old login ended.
    person.browser.open(f"/h5/cases/{case_id}", follow=False)
    assert person.browser.page.status_code == 303


def test_a_page_that_nobody_touches_does_not_keep_its_login(app: Flask, desk: Sit) -> None:
    clerk = desk("yl-clerk")
    seen = clock.protocol_now() - timedelta(minutes=29)
    db.session.execute(update(Session).where(Session.kind == "staff").values(seen_at=seen))
    commit()
    polling = {"HX-Request": "true"}
    assert clerk.open("/console/cases", headers=polling).status_code == 200
    assert db.session.scalars(select(Session.seen_at)).one() == seen
    db.session.execute(update(Session).values(seen_at=seen - timedelta(minutes=2)))
    commit()
    answer = clerk.open("/console/cases", headers=polling)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/console/login")


def test_an_act_of_the_staffs_own_does(app: Flask, desk: Sit) -> None:
    clerk = desk("yl-clerk")
    seen = clock.protocol_now() - timedelta(minutes=29)
    db.session.execute(update(Session).where(Session.kind == "staff").values(seen_at=seen))
    commit()
    clerk.open("/console/cases")
    assert db.session.scalars(select(Session.seen_at)).one() > seen
