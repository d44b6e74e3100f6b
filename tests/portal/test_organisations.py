"""Organisations: bound by whoever answers for them, reported for by whom that person names, and by nobody else."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from citizen_services import clock
from citizen_services.database import db
from citizen_services.people.acting_models import Organisation, OrganisationPerson, WorkerReport
from notifications.models import Delivery, Notice
from tests import factories
from tests.console.conftest import Desk
from tests.house import House
from tests.pages_kit import check_page, pages_browser, serving
from tests.portal.conftest import Resident

Make = Callable[..., Resident]
CODE = "91330213MA2AFHWC0J"
NAME = "奉化区宏达机械有限公司"


@pytest.fixture
def firm(outside: House) -> Iterator[Callable[..., None]]:
    """A maker of the firm as the market register has it; gone in the next test."""

    def put(who: Resident, role: str = "legal_representative", **changes: Any) -> None:
        row: dict[str, Any] = {"name": NAME, "kind": "company", "since": "2020-03-01", "until": None}
        outside.control(
            "PUT", f"organisations/{CODE}", row | changes | {"people": [{"id_number": who.id_number, "role": role}]}
        )

    yield put
    if CODE in outside.control("GET", "organisations").json():
        outside.control("DELETE", f"organisations/{CODE}")


def day(who: Resident, days: int) -> str:
    """The day so many days from today, as a form carries it."""
    with who.app.app_context():
        return (clock.today() + timedelta(days=days)).isoformat()


def named(person: Resident, until: str, *matters: str) -> dict[str, Any]:
    """Whom the head names, in what and until when."""
    about = {"person_name": person.name, "person_id_number": person.id_number}
    return about | {"person_until": until, "person_matters": list(matters)}


def worker(who: Resident, of: Resident, **changes: Any) -> dict[str, Any]:
    """A report of somebody who began today."""
    about = {"name": of.name, "id_number": of.id_number, "phone": of.phone, "kind": "joined"}
    return about | {"day": day(who, 0), "station": "330213001000"} | changes


def test_who_answers_for_a_firm_binds_it_names_others_and_a_leaver_is_out_at_once(
    resident: Make, firm: Callable[..., None], staff_logins: dict[str, dict[str, Any]], house: House
) -> None:
    head, clerk, hand, stranger = resident("陈总"), resident("石大海"), resident("韦小花"), resident("陆远")
    # A shareholder, and whoever answers for a firm that was struck off, bind nothing.
    for more in ({"role": "shareholder"}, {"until": "2026-10-01"}):
        firm(head, **more)
        head.browser.open("/h5/organisations")
        head.browser.submit("bind", credit_code=CODE)
        assert (head.browser.page.status_code, head.browser.errors) == (422, {"credit_code"})
    firm(head)
    stranger.browser.open("/h5/organisations")
    stranger.browser.submit("bind", credit_code=CODE)
    assert stranger.browser.errors == {"credit_code"}
    head.browser.submit("bind", credit_code=f" {CODE.lower()} ")
    assert NAME in head.browser.words
    path = head.browser.at
    for other in (clerk, stranger):
        assert other.browser.open(path).status_code == 404
    head.browser.open(path)
    head.browser.submit("name", **named(clerk, day(head, 30), "joined", "left"))
    assert "石*海" in head.browser.words
    clerk.browser.open("/h5/organisations")
    assert NAME in clerk.browser.words
    clerk.browser.open(path)
    assert "name" not in clerk.browser.actions, "only the head names others"
    clerk.browser.submit("report", **worker(clerk, hand, day=day(clerk, 1)))
    assert (clerk.browser.page.status_code, clerk.browser.errors) == (422, {"day"})
    clerk.browser.submit("report", **worker(clerk, hand))
    assert "已经报告" in clerk.browser.words
    report = clerk.browser.form("report")
    clerk.browser.submit("report", **worker(clerk, hand))
    assert (clerk.browser.page.status_code, clerk.browser.errors) == (409, {"day"})
    # Nobody of that number is known here: the phone is told.
    known_not = worker(
        clerk,
        hand,
        name="罗小明",
        id_number=factories.new_number(random.Random(7), "522601", date(1991, 4, 2), True),
        phone="13905740099",
        day=day(clerk, -9),
    )
    clerk.browser.submit("report", **known_not)
    assert "超过3个工作日" in clerk.browser.words, clerk.browser.words
    with head.app.app_context():
        rows = db.session.scalars(select(WorkerReport).order_by(WorkerReport.at, WorkerReport.id)).all()
        assert [(row.kind, row.late, row.reported_by) for row in rows] == [
            ("joined", False, clerk.id), ("joined", True, clerk.id),
        ]  # fmt: skip
        told = db.session.scalars(
            select(Notice).where(Notice.kind == "worker_joined").order_by(Notice.at, Notice.id)
        ).all()
        assert [one.citizen_id for one in told] == [hand.id, None]
        assert NAME in told[0].text
        phones = [one.payload["phone"] for one in db.session.scalars(select(Delivery).where(Delivery.channel == "sms"))]
        assert sorted(phones) == sorted([hand.phone, "13905740099"])
    # The station sees it, without more of the person than needed; another station does not.
    officer, elsewhere = Desk(head.app, house.web_url), Desk(head.app, house.web_url)
    for browser, login in ((officer, "yl-community"), (elsewhere, "jp-community")):
        browser.open("/console/login")
        browser.submit("login", login=login, password=staff_logins[login]["password"])
    officer.open("/console/workers")
    assert NAME in officer.page.text
    assert hand.id_number not in officer.page.text
    assert hand.name not in officer.page.text
    elsewhere.open("/console/workers")
    assert NAME not in elsewhere.page.text
    # Out the same day: what was open on the screen is not taken any more.
    head.browser.open(path)
    head.browser.submit("end")
    assert "立即生效" in head.browser.words
    assert clerk.browser.open(path).status_code == 404
    sent = clerk.browser.open(report.url, "POST", data=report.inputs | worker(clerk, hand, kind="left"))
    assert sent.status_code == 404
    clerk.browser.open("/h5/organisations")
    assert NAME not in clerk.browser.words
    # Whoever is named until a day is out after it.
    head.browser.open(path)
    head.browser.submit("name", **named(clerk, day(head, 0), "left"))
    assert clerk.browser.open(path).status_code == 200
    # Named for some matters alone: the others are neither offered nor taken.
    form = clerk.browser.form("report").inputs
    assert 'value="joined"' not in clerk.browser.page.text
    assert 'value="left"' in clerk.browser.page.text
    refused = clerk.browser.open(f"{path}/workers", "POST", data=form | worker(clerk, hand, day=day(clerk, -1)))
    assert (refused.status_code, clerk.browser.errors) == (403, {"kind"})
    assert (
        clerk.browser.open(f"{path}/workers", "POST", data=form | worker(clerk, hand, kind="left")).status_code == 200
    )
    with head.app.app_context():
        running = db.session.scalars(select(OrganisationPerson).where(OrganisationPerson.ended_at.is_(None))).one()
        running.until_day = clock.today() - timedelta(days=1)
        db.session.commit()
    assert clerk.browser.open(path).status_code == 404
    # Another head takes the earlier one's place.
    firm(stranger)
    stranger.browser.open("/h5/organisations")
    stranger.browser.submit("bind", credit_code=CODE)
    assert head.browser.open(path).status_code == 404


def test_a_head_whom_the_register_knows_no_more_is_out_the_same_day_with_whom_they_named(
    resident: Make, firm: Callable[..., None], outside: House
) -> None:
    head, clerk, next_one = resident("陈总"), resident("石大海"), resident("陆远")
    firm(head)
    head.browser.open("/h5/organisations")
    head.browser.submit("bind", credit_code=CODE)
    path = head.browser.at
    head.browser.open(path)
    head.browser.submit("name", **named(clerk, day(head, 30), "joined"))
    assert "石*海" in head.browser.words

    def yesterday() -> None:
        with head.app.app_context():
            db.session.execute(update(Organisation).values(bound_at=clock.now() - timedelta(days=1)))
            db.session.commit()

    # Asked again once a day; while the register is away, what it said last holds.
    yesterday()
    assert clerk.browser.open(path).status_code == 200
    firm(next_one)
    assert clerk.browser.open(path).status_code == 200, "asked today already"
    yesterday()
    outside.control("PUT", "faults/market", {"mode": "http_500", "delay_s": 0, "times": 9})
    assert clerk.browser.open(path).status_code == 200
    outside.control("PUT", "faults/market", {"mode": "none"})
    assert clerk.browser.open(path).status_code == 404
    assert head.browser.open(path).status_code == 404
    assert NAME not in head.browser.open("/h5/organisations").text
    # Whoever answers for it now binds it anew; whom the earlier one named is theirs to keep or to take out.
    next_one.browser.open("/h5/organisations")
    next_one.browser.submit("bind", credit_code=CODE)
    assert "石*海" in next_one.browser.words
    assert head.browser.open(path).status_code == 404


def test_the_pages_of_an_organisation_are_sound(resident: Make, firm: Callable[..., None]) -> None:
    head, hand = resident("陈总"), resident("韦小花")
    firm(head)
    with serving(head.app) as site, pages_browser() as pages:
        page = pages.phone(width=375, base_url=site)
        page.context.add_cookies([{"name": "h5_session", "value": head.token, "url": f"{site}/h5"}])
        page.goto("/h5/organisations")
        check_page(page, "organisation-1-bind")
        page.fill("[name=credit_code]", CODE)
        page.get_by_role("button", name="核对并绑定").click()
        page.get_by_text("单位已经绑定").wait_for()
        head.browser.open(page.url.removeprefix(site))
        head.browser.submit("report", **worker(head, hand))
        head.browser.submit("name", **named(hand, day(head, 30), "joined", "left"))
        page.reload()
        page.get_by_text("已经报告的").wait_for()
        check_page(page, "organisation-2-page")
