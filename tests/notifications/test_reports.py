"""Each step, result and rating is reported to the one-window platform: once, in the case's order, whatever it does."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select, text, update

from citizen_services import clock
from citizen_services.cases import contests, ratings
from citizen_services.cases.contest_models import RatingContest
from citizen_services.cases.models import Case, CaseEvent, Document, Rating, Rectification
from citizen_services.database import Change, commit, db
from citizen_services.exchange.clients import partner_clients
from citizen_services.parts import EXTENSION, Parts
from citizen_services.people.models import Citizen
from citizen_services.settings import Partner
from notifications import queries, tasks
from notifications.errors import NotRequeueable
from notifications.models import ChannelHold, Delivery
from notifications.operations import report_again, try_again
from tests import factories as make
from tests.console.conftest import Desk
from tests.notifications.conftest import Outside, act, due_now, lease_ends, row, somebody
from tests.notifications.test_console_page import session_of

CHANNEL = "one_window"


@pytest.fixture
def platform(app: Flask, partners: Outside) -> Iterator[Outside]:
    """An installation that reports outward; the stand-in's address is set."""
    before: Parts = app.extensions[EXTENSION]
    given = partners.house.environ
    partner = Partner(
        CHANNEL,
        f"{partners.house.sandbox_url}/{CHANNEL}",
        {"app_id": given["ONE_WINDOW_APP_ID"], "app_key": given["ONE_WINDOW_APP_KEY"]},
    )
    settings = replace(before.settings, partners={**before.settings.partners, CHANNEL: partner})
    app.extensions[EXTENSION] = replace(before, settings=settings)
    fresh_clients(app)
    yield partners
    app.extensions[EXTENSION] = before


def fresh_clients(app: Flask) -> None:
    """Time has passed: what a breaker remembers of the platform is over."""
    known: Parts = app.extensions[EXTENSION]
    app.extensions[EXTENSION] = replace(known, clients=partner_clients(known.settings, db.engine))


def reports(case_id: UUID) -> list[Delivery]:
    """A case's reports as they are now, in order."""
    db.session.rollback()
    query = select(Delivery.id).where(Delivery.channel == CHANNEL, Delivery.about == case_id).order_by(Delivery.id)
    return [row(id_) for id_ in db.session.scalars(query).all()]


def case_of(case_id: UUID) -> Case:
    """The case as it is now."""
    return db.session.get_one(Case, case_id, populate_existing=True)


def taken(platform: Outside, case_id: UUID, operation: str = "steps") -> list[dict[str, Any]]:
    """What the platform took of a case, in the order of its arrival."""
    number = case_of(case_id).number
    return [entry for entry in platform.arrived(CHANNEL, operation, "accepted") if entry["to"] == number]


def times_pass(app: Flask, rounds: int) -> None:
    """So often everything that waits falls due and is worked on, each time after what a breaker remembers."""
    for _ in range(rounds):
        fresh_clients(app)
        due_now(CHANNEL)
        db.session.execute(update(ChannelHold).values(until=clock.protocol_now() - timedelta(seconds=1)))
        commit()
        tasks.send(CHANNEL)


def test_steps_results_and_the_rating_are_reported_in_order_and_name_nobody(app: Flask, platform: Outside) -> None:
    person = somebody()
    case_id = make.submitted_permit(person)
    act(case_id, "accept", "yl-clerk")
    act(case_id, "approve", "yl-officer")
    events = db.session.scalars(select(CaseEvent.seq).where(CaseEvent.case_id == case_id).order_by(CaseEvent.seq)).all()
    mine = reports(case_id)
    assert [report.payload["seq"] for report in mine] == list(events)
    said = json.dumps([report.payload for report in mine], ensure_ascii=False)
    for secret in (person.name, person.phone, person.id_number):
        assert secret not in said
    issued = db.session.scalars(select(Document.number).where(Document.case_id == case_id)).all()
    assert issued
    told = [one["number"] for report in mine for one in report.payload["documents"]]
    assert sorted(told) == sorted(issued)
    tasks.send(CHANNEL)
    assert {report.state for report in reports(case_id)} == {"delivered"}
    assert [entry["our_ref"] for entry in taken(platform, case_id)] == [str(report.id) for report in mine]
    # Rated in the end: the grade goes out, the words stay.
    db.session.execute(update(Case).where(Case.id == case_id).values(ended_at=clock.now()))
    commit()
    change = Change(clock.now())
    ratings.rate(change, case_of(case_id), 2, "李民警很耐心", "wechat")
    change.write()
    commit()
    rating = reports(case_id)[-1]
    assert (rating.payload["what"], rating.payload["grade"]) == ("ratings", 2)
    assert "李民警" not in json.dumps(rating.payload, ensure_ascii=False)
    tasks.send(CHANNEL)
    assert len(taken(platform, case_id, "ratings")) == 1
    # Contested by the office, reviewed by another: what came of it goes out too, and is mended where it is rejected.
    task = db.session.scalars(select(Rectification).where(Rectification.case_id == case_id)).one()
    given = db.session.get_one(Rating, task.rating_id)
    change = Change(clock.now())
    contests.contest(change, task, given, make.staff("yl-clerk"), "评价的是另一个窗口，李民警可以作证")
    change.write()
    commit()
    contest_id = db.session.scalars(select(RatingContest.id).where(RatingContest.case_id == case_id)).one()
    change = Change(clock.now())
    contests.decide(change, contest_id, make.staff("fw-supervisor"), upheld=True, decision="查证属实")
    change.write()
    commit()
    came = db.session.get_one(Delivery, reports(case_id)[-1].id)
    assert [came.payload[name] for name in ("what", "grade", "result")] == ["contests", 2, "upheld"]
    said = json.dumps(came.payload, ensure_ascii=False)
    assert [words for words in ("作证", "查证", "耐心") if words in said] == []
    assert set(came.payload) == {*rating.payload, "result"}
    came.payload = {**came.payload, "office_name": "长" * 101}
    commit()
    tasks.send(CHANNEL)
    db.session.expire_all()
    (rejected,) = queries.rejected_reports()
    report_again(rejected.id)
    commit()
    tasks.send(CHANNEL)
    (entry,) = [one for one in taken(platform, case_id, "contests") if one["our_ref"] != str(rejected.id)]
    assert entry["text"].endswith("申诉 upheld")
    assert queries.oldest_due(CHANNEL) is None


@pytest.mark.parametrize("faults", list(itertools.product(("none", "http_500", "accept_then_cut"), repeat=2)))
def test_whatever_is_lost_the_platform_takes_each_once_and_in_the_cases_order(
    app: Flask, platform: Outside, faults: tuple[str, ...]
) -> None:
    case_id = make.submitted_permit(somebody())
    act(case_id, "accept", "yl-clerk")
    for mode in faults:
        if mode != "none":
            platform.fault(CHANNEL, mode, times=1)
        times_pass(app, 1)
    platform.fault(CHANNEL, "none")
    mine = reports(case_id)
    times_pass(app, 3 * len(mine))
    assert {report.state for report in reports(case_id)} == {"delivered"}
    assert [entry["our_ref"] for entry in taken(platform, case_id)] == [str(report.id) for report in mine]


def test_a_platform_that_is_away_for_days_holds_up_nobody_and_gets_everything_afterwards(
    app: Flask, platform: Outside
) -> None:
    platform.fault(CHANNEL, "refuse")
    cases = [make.submitted_permit(somebody()) for _ in range(2)]
    for _ in range(4):
        times_pass(app, 1)
        db.session.execute(text("UPDATE delivery SET made_at = made_at - interval '12 h'"))
        commit()
    act(cases[0], "accept", "yl-clerk")
    assert {report.state for case_id in cases for report in reports(case_id)} <= {"pending", "uncertain"}
    assert all(report.due_at is not None for case_id in cases for report in reports(case_id)), "none is forgotten"
    assert (queries.oldest_due(CHANNEL) or timedelta()) > timedelta(days=1), "/metrics says for how long"
    platform.fault(CHANNEL, "none")
    try_again(CHANNEL)
    commit()
    times_pass(app, 6)
    for case_id in cases:
        mine = reports(case_id)
        assert {report.state for report in mine} == {"delivered"}
        assert [entry["our_ref"] for entry in taken(platform, case_id)] == [str(report.id) for report in mine]


def test_a_worker_that_died_in_the_midst_leaves_a_report_to_be_asked_about(app: Flask, platform: Outside) -> None:
    case_id = make.submitted_permit(somebody())
    first, *_ = reports(case_id)
    db.session.execute(
        text(
            "UPDATE delivery SET state = 'sending', attempts = 1, sent_at = now(), lease = id, leased_until = now()"
            " WHERE id = :id"
        ),
        {"id": first.id},
    )
    commit()
    lease_ends()
    tasks.send(CHANNEL)
    assert reports(case_id)[0].state == "uncertain"
    assert not taken(platform, case_id), "none of the case overtakes it"
    times_pass(app, 6)
    mine = reports(case_id)
    assert {report.state for report in mine} == {"delivered"}
    assert [entry["our_ref"] for entry in taken(platform, case_id)] == [str(report.id) for report in mine]


def test_what_the_platform_rejects_is_a_list_of_the_office_and_is_reported_again(app: Flask, platform: Outside) -> None:
    case_id = make.submitted_permit(somebody())
    first, *_ = reports(case_id)
    one = db.session.get_one(Delivery, first.id)
    one.payload = {**one.payload, "office_name": "长" * 101}
    commit()
    tasks.send(CHANNEL)
    db.session.expire_all()
    (rejected,) = queries.rejected_reports()
    assert (rejected.id, rejected.about) == (first.id, case_id)
    assert (rejected.reason or "").startswith("never: "), rejected.reason
    assert "office_name" in (rejected.words or "")
    elsewhere, clerk = _desk(app, "jp-clerk"), _desk(app, "yl-clerk")
    assert case_of(case_id).number not in _reports_on(elsewhere)
    assert case_of(case_id).number in _reports_on(clerk)
    assert "office_name" in _reports_on(clerk)
    clerk.submit("report")
    assert not queries.rejected_reports()
    with pytest.raises(NotRequeueable):
        report_again(first.id)
    db.session.rollback()
    tasks.send(CHANNEL)
    again = row(first.id).requeued_as
    assert again is not None
    assert row(again).state == "delivered"
    assert str(again) in {entry["our_ref"] for entry in taken(platform, case_id)}


def _desk(app: Flask, login: str) -> Desk:
    browser = Desk(app, "http://127.0.0.1")
    browser.client.set_cookie("console_session", session_of(login), domain="127.0.0.1", path="/console")
    browser.open("/console/telling")
    return browser


def _reports_on(desk: Desk) -> str:
    page = desk.open("/console/telling")
    html: str = getattr(page, "text", None) or str(page)
    begins = html.index('id="reports')
    return html[begins : html.find("</section>", begins)]


def test_an_installation_without_the_platforms_address_reports_nothing(app: Flask, partners: Outside) -> None:
    assert not reports(make.submitted_permit(somebody()))


def test_no_two_people_are_told_apart_by_a_report(app: Flask, platform: Outside) -> None:
    names = {citizen.name for citizen in db.session.scalars(select(Citizen))}
    case_id = make.submitted_permit(somebody())
    known = {
        "what", "case_number", "item_code", "item_name", "item_kind", "visits_most", "promised_days", "promised_unit",
        "office_code", "office_name", "seq", "action", "state", "state_name", "final", "at", "documents",
    }  # fmt: skip
    for report in reports(case_id):
        assert set(report.payload) == known
        assert not names & {str(value) for value in report.payload.values()}
