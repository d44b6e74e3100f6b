"""Acting for others, attacked: codes, pages and keys in wrong hands, and desks that should keep away."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from citizen_services import clock
from citizen_services.cases.errors import NotAllowed
from citizen_services.cases.household_models import Household, HouseholdMember
from citizen_services.cases.models import Case, CaseEvent, Document, Visit
from citizen_services.console.render import rows_of
from citizen_services.database import commit, db, new_id
from citizen_services.people import api_keys
from citizen_services.people.acting_models import Deputy
from citizen_services.people.limits import LIMITS
from citizen_services.people.models import Attempt, Citizen, Staff
from tests import factories
from tests.api.conftest import Program
from tests.console.conftest import Desk, desk
from tests.house import House
from tests.people.browser import Browser
from tests.portal.acting import staff_acts
from tests.portal.conftest import Resident, log_in
from tests.portal.test_household import codes, give
from tests.portal.test_on_behalf import PERMIT, applies_for, child_of

__all__ = ["codes", "desk"]
Make = Callable[..., Resident]


def asks(principal: Resident, agent: Resident, item: str) -> str:
    """The principal fills in an authorisation; the address of the page that waits for its code."""
    with principal.app.app_context():
        # A minute has passed since the last code.
        db.session.execute(delete(Attempt))
        commit()
        until = clock.today() + timedelta(days=30)
    principal.browser.open("/h5/agents")
    form: dict[str, Any] = {"name": agent.name, "id_number": agent.id_number, "which": [item]}
    principal.browser.submit("authorise", **form, until=until.isoformat(), agree="yes")
    assert principal.browser.actions == ["give"], principal.browser.words
    return principal.browser.at


def test_a_code_proves_the_one_authorisation_that_it_was_sent_for_and_of_two_givings_one_is_done(
    resident: Make, codes: list[str], house: House
) -> None:
    principal, agent, other = resident("韦小花"), resident("石大海"), resident("陆远")
    first = asks(principal, agent, PERMIT)
    second = asks(principal, other, PERMIT)
    assert len(codes) == 2
    # The newest code is for the second one: at the first it proves nothing, and the first one's is dead.
    for code in codes:
        principal.browser.open(first)
        principal.browser.submit("give", code=code)
        assert (principal.browser.page.status_code, principal.browser.errors) == (422, {"code"})
    assert agent.browser.open(f"/h5/for/{principal.id}").status_code == 404
    principal.browser.open(second)
    form = principal.browser.form("give").inputs | {"code": codes[1]}
    session = principal.browser.client.get_cookie("session", domain="127.0.0.1", path="/")
    assert session is not None
    ready, answers = threading.Barrier(3), []

    def send() -> None:
        browser = Browser(principal.app, house.web_url)
        log_in(browser, principal.token)
        browser.client.set_cookie("session", session.value, domain="127.0.0.1", path="/")
        ready.wait()
        answers.append(browser.open(second, "POST", data=form, follow=False).status_code)

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [303, 404, 404]
    assert other.browser.open(f"/h5/for/{principal.id}").status_code == 200


def test_an_agent_reads_the_papers_of_the_case_and_keeps_nothing_typed_once_it_is_over(
    resident: Make, codes: list[str]
) -> None:
    principal, agent = resident("韦小花"), resident("石大海")
    asks(principal, agent, PERMIT)
    principal.browser.submit("give", code=codes[-1])
    agent.browser.open(f"/h5/items/{PERMIT}?for={principal.id}")
    agent.browser.submit("start")
    path = f"/h5/drafts/{principal.draft().id}"
    agent.browser.open(f"{path}?step=delivery")
    typed = agent.browser.form("save").inputs | {"group": "delivery", "postal_address": "别人的地址"}
    agent.browser.client.delete_cookie("h5_session", domain="127.0.0.1", path="/h5")
    # While the right holds, what a page's login ran out on is kept, as of the person.
    agent.browser.open(path, "POST", data=typed, follow=False)
    assert "别人的地址" in str(principal.draft().typed)
    principal.browser.open("/h5/agents")
    principal.browser.submit("revoke")
    agent.browser.open(path, "POST", data=typed | {"postal_address": "又一个地址"}, follow=False)
    assert "又一个地址" not in str(principal.draft().typed)


def test_files_of_papers_open_for_an_agent_as_their_pages_do(resident: Make, codes: list[str]) -> None:
    principal, agent = resident("韦小花"), resident("石大海")
    asks(principal, agent, PERMIT)
    principal.browser.submit("give", code=codes[-1])
    case_id = applies_for(agent, principal)
    staff_acts(principal, case_id, "accept", "yl-clerk")
    with principal.app.app_context():
        paper = db.session.scalars(select(Document.id).where(Document.case_id == case_id).order_by(Document.id)).first()
    address = f"/h5/cases/{case_id}/documents/{paper}"
    for path in (f"{address}.pdf", f"{address}/qr.png"):
        assert agent.browser.open(path).status_code == 200, path
    principal.browser.open("/h5/agents")
    principal.browser.submit("revoke")
    for path in (f"{address}.pdf", f"{address}/qr.png"):
        assert agent.browser.open(path).status_code == 404, path


@pytest.mark.parametrize("tie", ["agent", "guardian", "household"])
def test_an_officer_keeps_away_from_whoever_is_theirs_as_a_citizen(resident: Make, codes: list[str], tie: str) -> None:
    citizen, officer = resident("韦小花"), resident("石大海")
    if tie == "agent":
        give(citizen, officer, codes)
    elif tie == "guardian":
        child_of(officer, citizen, date(2012, 3, 1))
    case_id = applies_for(officer, citizen) if tie == "guardian" else citizen.apply()
    with citizen.app.app_context():
        lookup = db.session.get_one(Citizen, officer.id).id_lookup
        db.session.execute(update(Staff).where(Staff.login == "yl-both").values(id_lookup=lookup))
        if tie == "household":
            _live_together(citizen, officer)
        commit()
    with pytest.raises(NotAllowed, match=r"代办|代为办理"):
        staff_acts(citizen, case_id, "accept", "yl-both")
    with citizen.app.app_context():
        found = db.session.get_one(Case, case_id)
        with citizen.app.test_request_context():
            held = {row["number"]: row["holder"] for row in rows_of([found], factories.staff("yl-both"))}
        assert held == {found.number: "您须回避"} or tie == "guardian"
    staff_acts(citizen, case_id, "accept", "yl-clerk")


def _live_together(*people: Resident) -> None:
    household = Household(
        id=new_id(), item="residence-registration", head_id=people[0].id, data={}, address="", at=clock.now()
    )  # fmt: skip
    db.session.add(household)
    db.session.flush()
    for place, one in enumerate(people):
        who = db.session.get_one(Citizen, one.id)
        row: dict[str, Any] = {"name": who.name, "id_number": who.id_number, "id_lookup": who.id_lookup}
        db.session.add(
            HouseholdMember(
                id=new_id(), household_id=household.id, place=place, relation="other", citizen_id=one.id,
                state="going", tries=0, **row,
            )
        )  # fmt: skip


def test_a_key_lends_its_program_no_officer_s_decision_and_no_colleague_s_role(resident: Make) -> None:
    person = resident()
    case_id = person.apply()
    with person.app.app_context():
        staff = {one.login: one.id for one in db.session.scalars(select(Staff))}

        def key(login: str) -> Program:
            asked = api_keys.ask("街道服务平台", staff[login], ["cases:act", "cases:read"], by=staff["yl-clerk"])
            api_keys.approve(asked.id, by=staff["fw-clerk"])
            return Program(person.app, asked.token)

        clerk, officer, community = key("yl-clerk"), key("yl-officer"), key("yl-community")
        today, named = clock.today(), {"named_by": staff["fw-supervisor"], "named_at": clock.now()}
        row = {"absent_id": staff["yl-clerk"], "deputy_id": staff["yl-community"], "from_day": today}
        db.session.add(Deputy(id=new_id(), office_code=factories.STATION, until_day=today, **row, **named))
        commit()
    # The community officer stands in for the clerk today; the program with their key does not.
    assert "clerk" not in community.get("/me").get_json()["roles"]
    assert community.post(f"/cases/{case_id}/actions/accept", {"version": 1}).status_code in (403, 404)
    assert clerk.post(f"/cases/{case_id}/actions/accept", {"version": 1}).status_code == 200
    with person.app.app_context():
        event = db.session.scalars(select(CaseEvent).where(CaseEvent.case_id == case_id, CaseEvent.seq == 2)).one()
        used = db.session.scalars(select(api_keys.ApiKey.id).where(api_keys.ApiKey.staff_id == staff["yl-clerk"])).one()
        assert event.data["api_key"] == str(used)
    refused = officer.post(f"/cases/{case_id}/actions/approve", {"version": 2})
    assert (refused.status_code, refused.get_json()["type"]) == (403, "not-allowed")
    assert "approve" not in [one["action"] for one in officer.get(f"/cases/{case_id}").get_json()["actions"]]
    staff_acts(person, case_id, "approve", "yl-officer")


def test_nobody_goes_on_guessing_at_the_page_that_proves_papers(
    resident: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = resident()
    monkeypatch.setitem(
        LIMITS, "verify", tuple(type(one)(one.by, 3, one.within, one.failures) for one in LIMITS["verify"])
    )
    seen = []
    for at in range(5):
        person.browser.open("/h5/verify")
        seen.append(person.browser.submit("verify", number=f"NO-{at}", code="0" * 16).status_code)
    assert seen == [404, 404, 404, 429, 429]


def test_a_desk_serves_no_relative_and_one_person_is_no_two_pairs_of_eyes(
    resident: Make, desk: Callable[[str], Desk]
) -> None:
    person, clerk, system = resident("韦小花"), desk("yl-clerk"), desk("fw-system")
    clerk.open("/console/relations")
    clerk.submit("declare", id_number=person.id_number, kind="spouse")
    clerk.open("/console/counter")
    clerk.submit("check_in", scan=person.id_number)
    assert "近亲属" in clerk.words
    with person.app.app_context():
        assert db.session.scalars(select(Visit)).all() == []
        db.session.execute(
            update(Staff)
            .where(Staff.login == "yl-officer")
            .values(id_lookup=db.session.get_one(Citizen, person.id).id_lookup)
        )
        commit()
    system.open("/console/admin")
    new: dict[str, Any] = {"login": "yl-twice", "name": "顾小满", "standing": "officer", "office": factories.STATION}
    system.submit("add_staff", **new, id_number=person.id_number)
    assert (system.page.status_code, system.errors) == (422, {"id_number"})


def test_an_agent_begins_anew_only_from_what_they_are_shown(resident: Make, codes: list[str]) -> None:
    principal, agent = resident("韦小花"), resident("石大海")
    before = principal.apply()
    principal.browser.open(f"/h5/cases/{before}")
    principal.browser.submit("withdraw")
    asks(principal, agent, PERMIT)
    principal.browser.submit("give", code=codes[-1])
    agent.browser.open(f"/h5/items/{PERMIT}?for={principal.id}")
    agent.browser.submit("start", earlier=str(before))
    assert agent.browser.page.status_code == 404
    after = applies_for(agent, principal)
    agent.browser.open(f"/h5/cases/{after}")
    agent.browser.submit("withdraw")
    agent.browser.open(f"/h5/items/{PERMIT}?for={principal.id}")
    agent.browser.submit("start", earlier=str(after))
    assert agent.browser.page.status_code == 200
    assert principal.draft().data["ground"] == {"ground": "employment"}
