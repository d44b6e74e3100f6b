"""A household at the counter: one form and one key for who came together, a case each, nobody without their card."""

from __future__ import annotations

import random
from datetime import date
from typing import Any
from uuid import UUID

from flask import Flask
from sqlalchemy import func, select

from citizen_services.cases.audit import verify
from citizen_services.cases.household_models import Household, HouseholdMember
from citizen_services.cases.models import Case, CaseEvent
from citizen_services.database import db
from citizen_services.parts import parts
from citizen_services.people.models import Citizen, Consent
from citizen_services.people.queries import citizen_by_id_number
from notifications.models import Notice
from tests import factories
from tests.console.conftest import Desk
from tests.console.test_counter import Make, Sit, begin, newcomer, register, scan
from tests.house import House
from tests.pages_kit import check_page, pages_browser, serving
from tests.portal.conftest import ADDRESS, resident

__all__ = ["resident"]
ITEM = "residence-registration"
BOXES = {"read_back": "yes", "commitment": "yes", "guardian_here": "yes"}


def child(outside: House, name: str, *guardians: str) -> str:
    """A child whom the register knows, with these guardians; the number."""
    number = factories.new_number(random.Random(name), "522601", date(2018, 5, 1), male=True)
    about = {"name": name, "phone": "", "hukou_code": "522601", "hukou_address": "贵州省凯里市三棵树镇"}
    outside.control("PUT", f"people/{number}", about | {"guardians": list(guardians)})
    return number


def row(at: int, relation: str, name: str, number: str, **more: str) -> dict[str, str]:
    """One row of the page."""
    return {f"relation_{at}": relation, f"name_{at}": name, f"id_number_{at}": number} | more


def ready(clerk: Desk, head: Citizen) -> str:
    """The head's own registration is filled in up to the check page; the address of the household's page."""
    path = begin(clerk, head, ITEM)
    clerk.submit("save", address_code=ADDRESS, residence_kind="own_home", room="")
    clerk.submit("save", ownership="own")
    assert "和同来的家人一起登记" in clerk.words
    return f"{path}/household"


def members() -> dict[str, HouseholdMember]:
    """Everybody of the one household, by name, as the database has them."""
    db.session.rollback()
    db.session.expire_all()
    return {one.name: one for one in db.session.scalars(select(HouseholdMember))}


def sent_by(case_id: UUID | None) -> CaseEvent:
    """The event by which a case was sent."""
    return db.session.scalars(select(CaseEvent).where(CaseEvent.case_id == case_id, CaseEvent.seq == 1)).one()


def test_who_came_together_is_registered_by_one_form_a_case_each_and_both_identities_kept(
    app: Flask, desk: Sit, outside: House, resident: Make
) -> None:
    resident()  # the addresses of the register
    clerk = desk("yl-clerk")
    him, her = newcomer(outside, "石大海"), newcomer(outside, "龙小梅", phone="13805741208")
    absent = newcomer(outside, "石大江", phone="13805741209")
    own, foreign = child(outside, "石小宝", him["id_number"]), child(outside, "陌生儿", absent["id_number"])
    register(clerk, him)
    head = citizen_by_id_number(him["id_number"])
    assert head is not None
    page = ready(clerk, head)
    clerk.open(page)
    form: dict[str, Any] = {
        **clerk.form("household").inputs,
        **row(1, "spouse", "龙小梅", her["id_number"]),
        **row(2, "child", "石小宝", own),
        **row(3, "child", "陌生儿", foreign),
        **row(4, "other", "石大江", absent["id_number"]),
    }
    # Nothing is done for whom nobody saw, and nothing that nobody read back, signed or agreed to.
    clerk.open(page, "POST", data=form)
    assert clerk.page.status_code == 422
    assert clerk.errors == {"id_number_1", "id_number_4", "read_back", "commitment"}
    clerk.open(page, "POST", data=form | {"away_1": "yes", "away_4": "yes", "read_back": "yes", "commitment": "yes"})
    assert clerk.errors == {"guardian_here"}
    assert db.session.scalar(select(func.count()).select_from(Household)) == 0
    # She is noted and shows her card; the other one has not come.
    register(clerk, her)
    for _ in range(3):
        clerk.open(page, "POST", data=form | BOXES | {"away_4": "yes"})
        assert clerk.page.status_code == 200, clerk.words
    found, actor = members(), factories.staff("yl-clerk")
    assert db.session.scalar(select(func.count()).select_from(Household)) == 1
    done = {name: found[name].case_id for name in ("石大海", "龙小梅", "石小宝")}
    for name, case_id in done.items():
        case, event = db.session.get_one(Case, case_id), sent_by(case_id)
        assert (case.state, case.door, case.visits) == ("completed", "counter", 1), name
        assert case.number in clerk.words
        # The case is each person's own, the sending was done by the clerk.
        assert (event.actor_kind, event.actor_id, event.actor_role) == ("staff", actor.id, "clerk")
        assert db.session.get_one(Citizen, case.citizen_id).name == name
    assert sent_by(done["石小宝"]).data == {"read_back": "yes", "commitment_signed": "yes", "guardian_present": "yes"}
    assert db.session.get_one(Case, done["石小宝"]).data["own_home"]["ownership"] == "family"
    boy = db.session.get_one(Citizen, found["石小宝"].citizen_id)
    agreed = db.session.scalars(select(Consent).where(Consent.citizen_id == boy.id, Consent.purpose == "guardian"))
    assert [one.by_id for one in agreed] == [head.id]
    # Nobody's trouble holds the others, and whoever has not come is asked in their own account.
    assert (found["陌生儿"].case_id, "没有显示您是这个孩子的监护人" in clerk.words) == (None, True)
    assert (found["石大江"].state, found["石大江"].citizen_id, found["石大江"].case_id) == ("invited", None, None)
    assert db.session.scalar(select(func.count()).select_from(Case)) == 3
    assert verify(parts().catalogue)["ok"]
    # The register shows the guardian now: once more, for that child alone.
    result = clerk.at
    about = {"name": "陌生儿", "phone": "", "hukou_code": "522601", "hukou_address": "贵州省凯里市三棵树镇"}
    outside.control("PUT", f"people/{foreign}", about | {"guardians": [him["id_number"]]})
    clerk.submit("again")
    assert members()["陌生儿"].case_id is not None
    assert db.session.scalar(select(func.count()).select_from(Case)) == 4
    # A colleague at another office sees none of it while the head is not there.
    for path in (result, page):
        elsewhere = desk("jp-clerk")
        elsewhere.open(path)
        assert elsewhere.at == "/console/counter"
        assert "石" not in elsewhere.words


def test_whoever_began_something_of_their_own_keeps_it_and_an_invited_one_is_told(
    app: Flask, desk: Sit, outside: House, resident: Make
) -> None:
    spouse, brother = resident("龙小梅", months=0), resident("石大江", months=0)
    clerk, him = desk("yl-clerk"), newcomer(outside)
    spouse.begin(ITEM)
    spouse.browser.submit("save", address_code=ADDRESS, residence_kind="rented", room="2楼")
    register(clerk, him)
    head = citizen_by_id_number(him["id_number"])
    assert head is not None
    scan(clerk, spouse.id_number)
    clerk.submit("card", card_shown="yes")
    page = ready(clerk, head)
    clerk.open(page)
    rows = row(1, "spouse", "龙小梅", spouse.id_number) | row(2, "other", "石大江", brother.id_number, away_2="yes")
    clerk.submit("household", **rows, read_back="yes", commitment="yes")
    assert clerk.page.status_code == 200, clerk.words
    found = members()
    assert (found["石大海"].case_id is not None, found["龙小梅"].case_id) == (True, None)
    assert "对方自己有一份没有提交的申请" in clerk.words
    assert spouse.draft().data["address"]["room"] == "2楼"
    told = db.session.scalars(select(Notice).where(Notice.kind == "household_invited")).all()
    assert [(one.citizen_id, one.about) for one in told] == [(brother.id, found["石大江"].id)]
    brother.browser.open("/h5/")
    assert "有家人请您确认一起登记" in brother.browser.words


def test_the_page_of_a_household_is_filled_in_by_the_keyboard_and_read_by_everybody(
    app: Flask, desk: Sit, outside: House, resident: Make
) -> None:
    resident()
    clerk, him = desk("yl-clerk"), newcomer(outside)
    own = child(outside, "石小宝", him["id_number"])
    register(clerk, him)
    head = citizen_by_id_number(him["id_number"])
    assert head is not None
    path = ready(clerk, head)
    cookie = clerk.client.get_cookie("console_session", domain="127.0.0.1", path="/console")
    assert cookie is not None
    with serving(app) as address, pages_browser() as browser:
        page = browser.desktop(base_url=address)
        page.context.add_cookies([{"name": "console_session", "value": cookie.value, "url": f"{address}/console"}])
        page.goto(path)
        page.keyboard.press("Tab")
        check_page(page, "console-counter-household", least=24)
        # From the first field on: relation, name, number, not absent.
        page.focus("[name=relation_1]")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowDown")
        assert page.input_value("[name=relation_1]") == "child"
        page.keyboard.press("Tab")
        page.keyboard.type("石小宝")
        page.keyboard.press("Tab")
        page.keyboard.type(own)
        for box in BOXES:
            page.focus(f"[name={box}]")
            page.keyboard.press("Space")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_selector("[data-member-state]")
        assert [one.get_attribute("data-member-state") for one in page.query_selector_all("[data-member-state]")] == [
            "done",
            "done",
        ]
        check_page(page, "console-counter-household-done", least=24)
