"""People who act for others: agents whom a person authorises, guardians of children; nobody else, and no longer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update

from citizen_services import clock
from citizen_services.cases.audit import verify
from citizen_services.cases.errors import NotAllowed
from citizen_services.cases.models import Case, CaseEvent, Document
from citizen_services.catalogue import Source
from citizen_services.database import commit, db, new_id
from citizen_services.parts import parts
from citizen_services.people.acting_models import Authorisation
from citizen_services.people.models import Citizen, Consent, Staff
from citizen_services.people.signals import code_wanted
from notifications.models import Notice
from tests.pages_kit import check_page, pages_browser, serving
from tests.portal.acting import MENDED, staff_acts
from tests.portal.conftest import Resident

Make = Callable[..., Resident]
PERMIT, REGISTRATION = "residence-permit-first", "residence-registration"


@pytest.fixture
def codes() -> Iterator[list[str]]:
    """The codes that phones receive, newest last."""
    received: list[str] = []

    def take(purpose: str, *, code: str, **_: Any) -> None:
        assert purpose == "authorise"
        received.append(code)

    code_wanted.connect(take, weak=False)
    yield received
    code_wanted.disconnect(take)


def authorise(principal: Resident, agent: Resident, codes: list[str], *items: str) -> UUID:
    """The principal authorises the agent for a month; the authorisation's id."""
    with principal.app.app_context():
        until = clock.today() + timedelta(days=30)
    principal.browser.open("/h5/agents")
    form: dict[str, Any] = {"name": agent.name, "id_number": agent.id_number, "which": list(items or (PERMIT,))}
    principal.browser.submit("authorise", **form, until=until.isoformat(), agree="yes")
    assert principal.browser.actions == ["give"], principal.browser.words
    principal.browser.submit("give", code=codes[-1])
    assert "委托已经生效" in principal.browser.words
    assert "可以替您办理：居住证首次申领" in principal.browser.words
    with principal.app.app_context():
        query = select(Authorisation.id).where(Authorisation.given_at.is_not(None), Authorisation.ended_at.is_(None))
        return db.session.scalars(query).one()


def applies_for(agent: Resident, principal: Resident) -> UUID:
    """The agent applies for a permit in the principal's name; the case's id."""
    browser = agent.browser
    browser.open(f"/h5/items/{PERMIT}?for={principal.id}")
    browser.submit("start")
    browser.submit("save", ground="employment")
    browser.submit("save", employment_correct="yes", employment_remark="")
    browser.submit("save", portrait_correct="yes")
    browser.submit("save")
    browser.submit("submit", commitment="yes")
    assert browser.page.status_code == 200, browser.words
    return principal.cases()[-1].id


def test_an_agent_applies_and_follows_and_both_are_kept_until_the_authorisation_is_taken_back(
    resident: Make, codes: list[str]
) -> None:
    principal, agent, stranger = resident("韦小花"), resident("石大海"), resident("陆远")
    # Somebody else's names and numbers find nobody; a wrong code gives nothing.
    principal.browser.open("/h5/agents")
    with principal.app.app_context():
        until = (clock.today() + timedelta(days=30)).isoformat()
    for wrong in ({"name": "石小海"}, {"id_number": principal.id_number, "name": principal.name}):
        form: dict[str, Any] = {"name": agent.name, "id_number": agent.id_number, "which": [PERMIT]}
        principal.browser.submit("authorise", **(form | wrong), until=until, agree="yes")
        assert (principal.browser.page.status_code, principal.browser.errors) == (422, {"id_number"})
    assert codes == []
    right = authorise(principal, agent, codes)
    assert stranger.browser.open(f"/h5/for/{principal.id}").status_code == 404
    agent.browser.open("/h5/for")
    assert "韦*" in agent.browser.words
    agent.browser.open(f"/h5/items/{REGISTRATION}?for={principal.id}")
    assert agent.browser.page.status_code == 404, "only what was authorised"
    case_id = applies_for(agent, principal)
    assert "替 韦** 办理" in agent.browser.words or "韦" in agent.browser.words
    assert agent.cases() == []
    with principal.app.app_context():
        event = db.session.scalars(select(CaseEvent).where(CaseEvent.case_id == case_id, CaseEvent.seq == 1)).one()
        assert (event.actor_kind, event.actor_id, event.actor_role) == ("citizen", agent.id, "agent")
        assert event.data["authorisation"] == str(right)
        told = db.session.scalars(select(Notice).where(Notice.kind == "acted_for_you")).one()
        assert (told.citizen_id, told.case_id) == (principal.id, case_id)
        assert "代办人石" in told.text
        assert verify(parts().catalogue)["ok"]
    # The applicant sees who acted, and so does the voucher.
    principal.browser.open(f"/h5/cases/{case_id}")
    assert "由代办人石" in principal.browser.words
    # An agent who is one of the staff keeps away from the case at their desk.
    with principal.app.app_context():
        lookup = db.session.get_one(Citizen, agent.id).id_lookup
        db.session.execute(update(Staff).where(Staff.login == "yl-both").values(id_lookup=lookup))
        commit()
    with pytest.raises(NotAllowed, match="代为办理"):
        staff_acts(principal, case_id, "accept", "yl-both")
    staff_acts(principal, case_id, "accept", "yl-clerk")
    with principal.app.app_context():
        voucher = db.session.scalars(select(Document).where(Document.case_id == case_id).order_by(Document.id)).first()
        assert voucher is not None
        assert "代办人石大海" in str(voucher.content)
        assert agent.id_number not in str(voucher.content)
        page = f"/h5/cases/{case_id}/documents/{voucher.id}"
    assert agent.browser.open(page).status_code == 200
    # Earlier photos, ratings and who looked stay the person's own.
    agent.browser.open(f"/h5/cases/{case_id}")
    assert "谁看过我的信息" not in agent.browser.words
    assert agent.browser.open(f"/h5/cases/{case_id}/rating").status_code == 404
    assert stranger.browser.open(f"/h5/cases/{case_id}").status_code == 404
    # Taken back: from that moment on nothing is seen and nothing done.
    agent.browser.open(f"/h5/cases/{case_id}")
    withdraw = agent.browser.form("withdraw")
    principal.browser.open("/h5/agents")
    principal.browser.submit("revoke")
    assert "立即生效" in principal.browser.words
    sent = agent.browser.open(withdraw.url, "POST", data=withdraw.inputs)
    assert sent.status_code == 404
    for path in (f"/h5/cases/{case_id}", f"/h5/for/{principal.id}", page, f"/h5/cases/{case_id}/qr.png"):
        assert agent.browser.open(path).status_code == 404, path
    assert agent.browser.open(f"/h5/items/{PERMIT}?for={principal.id}").status_code == 404
    assert principal.cases()[-1].state == "accepted"


def test_an_authorisation_ends_by_its_day_and_covers_its_draft_only_until_then(
    resident: Make, codes: list[str]
) -> None:
    principal, agent = resident("韦小花"), resident("石大海")
    authorise(principal, agent, codes)
    agent.browser.open(f"/h5/items/{PERMIT}?for={principal.id}")
    agent.browser.submit("start")
    path = f"/h5/drafts/{principal.draft().id}"
    assert agent.browser.open(path).status_code == 200
    assert principal.browser.open(path).status_code == 200, "the person's own page shows what is begun for them"
    with principal.app.app_context():
        yesterday = clock.today() - timedelta(days=1)
        db.session.execute(update(Authorisation).values(from_day=yesterday, until_day=yesterday))
        commit()
    for method, address in (("GET", path), ("POST", path), ("POST", f"{path}/autosave"), ("POST", f"{path}/photos")):
        answer = agent.browser.open(address, method)
        assert answer.status_code in (400, 404), address
        assert "韦" not in answer.text
    assert agent.browser.open(path).status_code == 404


def test_where_the_law_wants_the_person_no_agent_is_taken(
    resident: Make, codes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    principal, agent = resident("韦小花"), resident("石大海")
    authorise(principal, agent, codes)
    with principal.app.app_context():
        catalogue = parts().catalogue
    item = replace(catalogue.item(PERMIT), no_agent=Source("机动车登记规定", "第八十六条"))
    monkeypatch.setitem(catalogue._versions[PERMIT], item.version, item)
    assert agent.browser.open(f"/h5/items/{PERMIT}?for={principal.id}").status_code == 404
    principal.browser.open("/h5/agents")
    assert "《机动车登记规定》第八十六条" in principal.browser.words


def child_of(parent: Resident, child: Resident, born: date) -> None:
    """Make somebody a child for whom the parent agreed at the binding."""
    with parent.app.app_context():
        db.session.execute(update(Citizen).where(Citizen.id == child.id).values(birth_date=born))
        row = {"purpose": "guardian", "words": "同意", "at": clock.now(), "by_id": parent.id}
        db.session.add(Consent(id=new_id(), citizen_id=child.id, **row))
        commit()


def test_a_guardian_applies_for_the_child_and_answers_and_the_child_does_not_apply_alone(resident: Make) -> None:
    parent, child, stranger = resident("韦大山"), resident("韦小宝"), resident("陆远")
    child_of(parent, child, date(2012, 3, 1))
    child.browser.open(f"/h5/items/{PERMIT}")
    child.browser.submit("start")
    assert child.browser.page.status_code == 403
    assert "由监护人办理" in child.browser.words
    child.browser.open("/h5/agents")
    assert "authorise" not in child.browser.actions
    assert stranger.browser.open(f"/h5/items/{PERMIT}?for={child.id}").status_code == 404
    case_id = applies_for(parent, child)
    request = {"items": [{"code": "delivery.postal_address", "why": "请写明楼栋和房间号"}]}
    staff_acts(child, case_id, "request_correction", "yl-clerk", request)
    parent.browser.open(f"/h5/cases/{case_id}")
    parent.browser.submit("answer_correction", postal_address=MENDED["postal_address"])
    assert "补正已经收到" in parent.browser.words
    with parent.app.app_context():
        case = db.session.get_one(Case, case_id)
        assert case.citizen_id == child.id
        assert case.data["delivery"]["postal_address"] == MENDED["postal_address"]
        roles = db.session.scalars(
            select(CaseEvent.actor_role).where(CaseEvent.case_id == case_id, CaseEvent.actor_kind == "citizen")
        ).all()
        assert list(roles) == ["guardian", "guardian"]
    # Grown up, the child acts alone, and the guardian's right has ended.
    with parent.app.app_context():
        db.session.execute(update(Citizen).where(Citizen.id == child.id).values(birth_date=date(2010, 3, 1)))
        commit()
    assert parent.browser.open(f"/h5/cases/{case_id}").status_code == 404
    assert child.browser.open(f"/h5/cases/{case_id}").status_code == 200


def test_the_pages_of_those_who_act_for_others_are_sound(resident: Make, codes: list[str]) -> None:
    principal, agent = resident("韦小花"), resident("石大海")
    with serving(principal.app) as site, pages_browser() as pages:

        def phone(who: Resident) -> Any:
            page = pages.phone(width=375, base_url=site)
            page.context.add_cookies([{"name": "h5_session", "value": who.token, "url": f"{site}/h5"}])
            return page

        own, theirs = phone(principal), phone(agent)
        own.goto("/h5/agents")
        check_page(own, "on-behalf-1-empty")
        own.fill("[name=name]", agent.name)
        own.fill("[name=id_number]", agent.id_number)
        own.get_by_text("居住证首次申领").click()
        with principal.app.app_context():
            own.fill("[name=until]", (clock.today() + timedelta(days=30)).isoformat())
        own.check("[name=agree]")
        own.get_by_role("button", name="下一步，获取验证码").click()
        own.get_by_text("我委托石大海替我办理").wait_for()
        check_page(own, "on-behalf-2-confirm")
        own.fill("[name=code]", codes[-1])
        own.get_by_role("button", name="确认委托").click()
        own.get_by_text("委托已经生效").wait_for()
        check_page(own, "on-behalf-3-given")
        theirs.goto("/h5/for")
        check_page(theirs, "on-behalf-4-for")
        theirs.goto(f"/h5/for/{principal.id}")
        check_page(theirs, "on-behalf-5-person")
        applies_for(agent, principal)
        theirs.reload()
        theirs.get_by_text("正在办理").first.wait_for()
        theirs.goto(f"/h5/cases/{principal.cases()[-1].id}")
        check_page(theirs, "on-behalf-6-case")
