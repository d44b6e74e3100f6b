"""A child is bound only after a guardian has agreed in their own account, and no register is asked before."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID, uuid4

from flask import Flask
from playwright.sync_api import Page
from sqlalchemy import select

from citizen_services.database import db
from citizen_services.people.models import BindingRequest, Citizen, Consent
from citizen_services.security import keyring
from tests.house import House
from tests.pages_kit import check_page, pages_browser, serving
from tests.people.browser import Browser
from tests.people.conftest import Invented, Phones
from tests.people.test_binding import Invent, NewBrowser, claim, show_face, staff

TEN, FIFTEEN, SIXTEEN = date(2016, 3, 1), date(2011, 9, 1), date(2010, 3, 1)


def asked(outside: House) -> list[str]:
    """What the population register was asked about children so far."""
    return [str(entry["operation"]) for entry in outside.ledger("population")]


def of(person: Invented, application: Flask) -> UUID:
    """The citizen of a person."""
    with application.app_context():
        found = db.session.scalars(
            select(Citizen.id).where(Citizen.id_lookup == keyring().lookup("id_number", person.id_number))
        ).one()
    return UUID(str(found))


def bound_parent(browser: NewBrowser, phones: Phones, parent: Invented) -> Browser:
    """A grown-up who is bound, at the page for guardians."""
    one = browser()
    claim(one, parent, phones)
    assert show_face(one, follow=False) == 303
    one.open("/h5/guardian")
    return one


def code_shown(one: Browser) -> str:
    """The code on the child's page."""
    return one.page.text.partition('data-guardian-code="')[2][:6]


def test_a_child_is_bound_after_the_guardian_agreed_and_both_are_kept(
    browser: NewBrowser, phones: Phones, invented: Invent, outside: House, application: Flask
) -> None:
    parent, child, one = invented("韦大山"), invented("韦小宝", born=TEN), browser()
    guardian = bound_parent(browser, phones, parent)
    before = asked(outside)
    claim(one, child, phones)
    assert one.actions == []
    assert "须由监护人同意" in one.words
    assert one.open("/h5/bind").status_code == 200
    assert asked(outside) == before, "nobody was asked about the child"
    code = code_shown(one)
    stranger = invented("石大山", born=TEN)
    for wrong in ({"code": f"{(int(code) + 1) % 10**6:06d}"}, {"id_number": stranger.id_number}):
        guardian.submit("find_child", **({"id_number": child.id_number, "code": code} | wrong))
        assert (guardian.page.status_code, guardian.errors) == (422, {"code"})
    guardian.submit("find_child", id_number=child.id_number, code=code)
    assert guardian.page.status_code == 200
    assert child.name not in guardian.page.text
    assert child.id_number not in guardian.page.text
    guardian.submit("agree", relation="mother")
    assert (guardian.page.status_code, guardian.errors) == (422, {"consent_guardian"})
    guardian.submit("agree", relation=None, consent_guardian="yes")
    assert guardian.errors == {"relation"}
    assert asked(outside) == before
    guardian.submit("agree", relation="mother", consent_guardian="yes", consent_face="yes")
    assert "已记下您的同意" in guardian.words
    # Only now may the child go on, and the register be asked.
    one.open("/h5/bind?next=/h5/login")
    assert one.actions == ["verify"]
    one.submit("verify")
    assert one.actions == ["face", "counter"]
    assert asked(outside)[len(before) :] == ["verify"]
    assert show_face(one, follow=False) == 303
    child_id, parent_id = of(child, application), of(parent, application)
    with application.app_context():
        kept = db.session.scalars(select(Consent).where(Consent.citizen_id == child_id)).all()
        by = {row.purpose: row.by_id for row in kept}
        assert by == {"notice": None, "face": None, "guardian": parent_id, "guardian_face": parent_id}
        words = next(row.words for row in kept if row.purpose == "guardian")
    assert "母亲" in words
    assert "未满十六周岁的，申请由监护人办理" in words


def test_without_the_guardians_yes_to_faces_only_a_counter_helps(
    browser: NewBrowser,
    phones: Phones,
    invented: Invent,
    outside: House,
    staff_logins: dict[str, dict[str, Any]],
    application: Flask,
) -> None:
    parent, child, one = invented("韦大山"), invented("韦小宝", born=FIFTEEN), browser()
    guardian = bound_parent(browser, phones, parent)
    claim(one, child, phones)
    guardian.submit("find_child", id_number=child.id_number, code=code_shown(one))
    guardian.submit("agree", relation="other", consent_guardian="yes")
    one.open("/h5/bind")
    one.submit("verify")
    assert one.actions == ["counter"]
    one.submit("counter")
    with application.app_context():
        code = str(
            db.session.scalars(select(BindingRequest.counter_code).where(BindingRequest.state == "counter")).one()
        )
    clerk = staff(browser, staff_logins, "yl-clerk")
    clerk.submit("bind_at_counter", code=code, id_number=child.id_number, card_shown="yes")
    assert "已核验并绑定" in clerk.words
    assert of(child, application)


def test_a_counter_binds_no_child_whose_guardian_has_not_agreed(
    browser: NewBrowser,
    phones: Phones,
    invented: Invent,
    staff_logins: dict[str, dict[str, Any]],
    application: Flask,
) -> None:
    child, grown, one, other = invented("韦小宝", born=FIFTEEN), invented("韦小妹", born=SIXTEEN), browser(), browser()
    claim(one, child, phones)
    claim(other, grown, phones)
    assert other.actions == ["face", "counter"], "at sixteen one acts for oneself"
    with application.app_context():
        # A claim that got to a counter by any other way.
        waiting = db.session.scalars(select(BindingRequest).where(BindingRequest.state == "guardian")).one()
        waiting.state = "counter"
        waiting.counter_lookup = keyring().lookup("counter_code", "123456")
        db.session.commit()
    clerk = staff(browser, staff_logins, "yl-clerk")
    clerk.submit("bind_at_counter", code="123456", id_number=child.id_number, card_shown="yes")
    assert clerk.page.status_code == 422
    assert "须先由监护人" in clerk.words
    with application.app_context():
        assert db.session.scalars(select(Citizen)).all() == []


def test_nobody_guesses_codes_and_no_child_is_a_guardian(
    browser: NewBrowser, phones: Phones, invented: Invent, application: Flask
) -> None:
    parent, young, child, one = invented("韦大山"), invented("韦小妹", born=SIXTEEN), invented(born=TEN), browser()
    claim(one, child, phones)
    code = code_shown(one)
    sister = bound_parent(browser, phones, young)
    sister.submit("find_child", id_number=child.id_number, code=code)
    assert sister.page.status_code == 422
    assert "已满18周岁" in sister.words
    guardian = bound_parent(browser, phones, parent)
    for _ in range(5):
        guardian.submit("find_child", id_number=child.id_number, code=f"{(int(code) + 1) % 10**6:06d}")
        assert guardian.page.status_code == 422
    guardian.submit("find_child", id_number=child.id_number, code=code)
    assert guardian.page.status_code == 429
    with application.app_context():
        waiting = db.session.scalars(select(BindingRequest).where(BindingRequest.state == "guardian")).one()
        assert (waiting.guardian_id, waiting.guardian_agreed_at) == (None, None)
        known = waiting.id
    for request_id in (known, uuid4()):
        assert guardian.open(f"/h5/guardian/{request_id}").status_code == 404


def test_the_pages_of_child_and_guardian_are_sound(
    browser: NewBrowser, phones: Phones, invented: Invent, application: Flask
) -> None:
    parent, child, one = invented("韦大山"), invented("韦小宝", born=TEN), browser()
    guardian = bound_parent(browser, phones, parent)
    claim(one, child, phones)
    code = code_shown(one)
    with serving(application) as site, pages_browser() as pages:

        def phone(who: Browser) -> Page:
            page = pages.phone(width=375, base_url=site)
            token = who.cookie("h5_session", "/h5") or ""
            page.context.add_cookies([{"name": "h5_session", "value": token, "url": f"{site}/h5"}])
            return page

        theirs, own = phone(one), phone(guardian)
        theirs.goto("/h5/bind")
        check_page(theirs, "guardian-1-code")
        own.goto("/h5/")
        own.get_by_role("link", name="为孩子确认").click()
        check_page(own, "guardian-2-find")
        own.fill("[name=id_number]", child.id_number)
        own.fill("[name=code]", code)
        own.get_by_role("button", name="下一步").click()
        own.get_by_text("请核对是不是您的孩子").wait_for()
        check_page(own, "guardian-3-agree")
        own.get_by_text("父亲").click()
        own.check("[name=consent_guardian]")
        own.get_by_role("button", name="同意", exact=True).click()
        own.get_by_text("已记下您的同意").wait_for()
        theirs.goto("/h5/bind")
        check_page(theirs, "guardian-4-agreed")
