"""A bad rating may be contested once, somebody of another office decides; a clock is put before its holder first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import delete, select, update

from citizen_services import clock
from citizen_services.cases import contests, figures, ratings, recusal, supervising
from citizen_services.cases.contest_models import RatingContest
from citizen_services.cases.figure_models import Escalation, MonthFigure
from citizen_services.cases.models import Case, Rating, Rectification
from citizen_services.database import Change, commit, db
from citizen_services.people import parameters
from citizen_services.people.models import Citizen, RoleGrant, Staff
from notifications.models import Notice
from tests import factories
from tests.console.applications import permit
from tests.notifications.conftest import later
from tests.pages_kit import check_page, pages_browser, serving

WORDS = "名字写错了人，我办的不是这件事"


@pytest.fixture
def rated(app: Flask) -> Callable[..., UUID]:
    """A maker of ended cases of 岳林派出所 with a bad rating; the case's id."""

    def make(done: Sequence[str] = ()) -> UUID:
        case_id, _ = permit(done=done)
        db.session.execute(
            update(Case).where(Case.id == case_id).values(state="completed", ended_at=clock.now(), desk_code=None)
        )
        case = db.session.get_one(Case, case_id, populate_existing=True)
        change = Change(clock.now())
        ratings.rate(change, case, 1, WORDS, "wechat")
        change.write()
        commit()
        return case_id

    return make


def now(table: Any) -> Any:
    """The one row of a table as it is now."""
    db.session.rollback()
    return db.session.scalars(select(table).execution_options(populate_existing=True)).one()


def bad_ratings() -> tuple[int, int]:
    """How many ratings of this month count, and how many bad ones."""
    figures.add_up()
    commit()
    month = figures.month_of(clock.today())
    found = db.session.scalars(
        select(MonthFigure)
        .where(MonthFigure.month == month, MonthFigure.office_code == "", MonthFigure.item == "")
        .execution_options(populate_existing=True)
    ).one()
    return found.ratings, found.ratings_bad


def test_an_upheld_contest_keeps_the_rating_out_of_the_rates_and_tells_whoever_rated(
    rated: Callable[[], UUID], desk: Callable[[str], Any]
) -> None:
    rated()
    assert bad_ratings() == (1, 1)
    office, reviewer = desk("yl-clerk"), desk("fw-supervisor")
    office.open("/console/ratings")
    office.submit("contest", reason="太短")
    assert office.errors == {"reason"}
    assert "李*" not in office.words, "nor the rated office's"
    office.submit("contest", reason="申请人评价的是另一个窗口的业务，监控和叫号记录可以查证")
    assert "等复核" in office.words
    assert now(Rectification).state == "contested"
    assert "decide" not in office.actions, "the rated office decides nothing"
    reviewer.open("/console/ratings")
    assert WORDS in reviewer.words
    assert "李*" not in reviewer.words, "who rated is nobody's to know"
    reviewer.submit("decide", decision="属实", upheld=None)
    assert reviewer.errors == {"upheld", "decision"}
    reviewer.submit("decide", upheld="yes", decision="查证属实，评价对象有误")
    assert "复核已登记" in reviewer.words
    assert (now(RatingContest).state, now(Rectification).state) == ("upheld", "dropped")
    assert now(Rating).grade == 1, "it is kept"
    assert bad_ratings() == (0, 0)
    told = db.session.scalars(select(Notice).where(Notice.kind == "rating_set_aside")).one()
    assert "评价对象有误" in told.text
    # Sent once more by another tab: nothing is done twice.
    reviewer.open("/console/ratings")
    assert "decide" not in reviewer.actions


def test_a_rejected_contest_gives_the_time_back_and_can_not_be_repeated(
    rated: Callable[[], UUID], desk: Callable[[str], Any]
) -> None:
    rated()
    due = now(Rectification).due
    office, reviewer = desk("yl-clerk"), desk("fw-supervisor")
    office.open("/console/ratings")
    office.submit("contest", reason="申请人评价的是另一个窗口的业务，可以查证")
    with later(days=3):
        reviewer.open("/console/ratings")
        reviewer.submit("decide", upheld="no", decision="没有证据")
        task = now(Rectification)
        assert task.state == "open"
        assert timedelta(days=2, hours=23) < task.due - due < timedelta(days=3, hours=1), "the clock stood still"
        office.open("/console/ratings")
        office.submit("contest", reason="还是觉得不对，再申诉一次看看")
        assert office.page.status_code == 409
    assert bad_ratings() == (1, 1)
    assert not db.session.scalars(select(Notice).where(Notice.kind == "rating_set_aside")).all()


def test_after_some_days_a_rating_is_put_right_and_not_contested(
    rated: Callable[[], UUID], desk: Callable[[str], Any]
) -> None:
    rated()
    office = desk("yl-clerk")
    with later(days=20):
        office.open("/console/ratings")
        office.submit("contest", reason="申请人评价的是另一个窗口的业务，可以查证")
        assert office.page.status_code == 409
        assert "申诉的期限已经过了" in office.words


def test_whoever_contested_never_decides_even_from_another_office(
    rated: Callable[[], UUID], desk: Callable[[str], Any]
) -> None:
    rated()
    office = desk("yl-clerk")
    office.open("/console/ratings")
    office.submit("contest", reason="申请人评价的是另一个窗口的业务，可以查证")
    contest = now(RatingContest)
    db.session.execute(update(Staff).where(Staff.login == "fw-supervisor").values(office_code=contest.office_code))
    commit()
    reviewer = desk("fw-supervisor")
    reviewer.open("/console/ratings")
    assert "decide" not in reviewer.actions
    sent = reviewer.form("contest").inputs if "contest" in reviewer.actions else reviewer.form("logout").inputs
    given = {"csrf_token": sent["csrf_token"], "form_token": "guessed-token", "upheld": "yes", "decision": "自己复核"}
    reviewer.open(f"/console/ratings/contests/{contest.id}/decide", "POST", data=given)
    assert reviewer.page.status_code == 403
    assert now(RatingContest).state == "open"


def test_whoever_had_a_hand_in_the_rated_case_or_a_part_in_it_does_not_review_its_rating(
    rated: Callable[..., UUID], desk: Callable[[str], Any]
) -> None:
    case_id = rated(("accept", "approve", "make"))
    office = desk("yl-clerk")
    office.open("/console/ratings")
    office.submit("contest", reason="申请人评价的是另一个窗口的业务，可以查证")
    contest = now(RatingContest)
    # Who made the card supervises by now; the other supervisor is the person who rated.
    db.session.add(RoleGrant(staff_id=factories.staff("fw-clerk").id, role="supervisor"))
    applicant = db.session.get_one(Citizen, db.session.get_one(Case, case_id).citizen_id)
    db.session.execute(update(Staff).where(Staff.login == "fw-supervisor").values(id_lookup=applicant.id_lookup))
    commit()
    for login, why in (("fw-clerk", contests.HANDLED), ("fw-supervisor", recusal.OWN)):
        reviewer = desk(login)
        reviewer.open("/console/ratings")
        assert "decide" not in reviewer.actions
        given = reviewer.form("logout").inputs | {
            "form_token": "guessed-token",
            "upheld": "yes",
            "decision": "查证属实",
        }
        reviewer.open(f"/console/ratings/contests/{contest.id}/decide", "POST", data=given)
        assert (reviewer.page.status_code, why in reviewer.words) == (403, True), login
    assert now(RatingContest).state == "open"
    db.session.execute(update(Staff).where(Staff.login == "fw-supervisor").values(id_lookup=None))
    commit()
    reviewer = desk("fw-supervisor")
    reviewer.open("/console/ratings")
    reviewer.submit("decide", upheld="no", decision="没有证据")
    assert now(RatingContest).state == "rejected"


def test_a_clock_that_runs_out_tomorrow_is_put_before_whoever_holds_the_case(
    app: Flask, desk: Callable[[str], Any]
) -> None:
    held, _ = permit("韩梅梅")
    lying, _ = permit("李雷")
    boss = factories.staff("fw-supervisor")
    tomorrow = clock.now() + timedelta(days=1)
    clerk = factories.staff("yl-clerk")
    db.session.execute(update(Case).values(next_due=tomorrow, due_provisional=False))
    claim = {"claimed_by": clerk.id, "claimed_until": clock.protocol_now() + timedelta(hours=1)}
    db.session.execute(update(Case).where(Case.id == held).values(**claim))
    commit()
    for _ in range(2):
        supervising.escalate()
        commit()
    kinds = db.session.scalars(select(Escalation.kind)).all()
    assert kinds == ["soon", "soon"], "once for each date and level"
    holder, colleague = desk("yl-clerk"), desk("yl-both")
    numbers = {case.id: case.number for case in db.session.scalars(select(Case))}
    holder.open("/console/cases")
    assert "明天到期 2 件" in holder.words
    colleague.open("/console/cases")
    assert "明天到期 1 件" in colleague.words
    assert f"{numbers[lying]} " in colleague.words
    holder.submit("seen_soon")
    assert "明天到期" not in holder.words
    assert not supervising.unseen(boss, ["330213001000"]), "the supervisor hears of it only on the day"
    db.session.execute(update(Case).values(next_due=clock.now() + timedelta(minutes=5)))
    commit()
    supervising.escalate()
    commit()
    assert {one.kind for one, _ in supervising.unseen(boss, ["330213001000"])} == {"today"}


def test_what_stays_late_goes_up_once_after_some_days_where_the_office_has_a_supervisor_of_its_own(
    app: Flask, desk: Callable[[str], Any]
) -> None:
    case_id, _ = permit("韩梅梅")
    due = clock.now() - timedelta(hours=1)
    db.session.execute(update(Case).values(next_due=due, due_provisional=False))
    db.session.add(RoleGrant(staff_id=factories.staff("yl-officer").id, role="supervisor"))
    commit()

    def levels() -> list[str]:
        supervising.escalate()
        commit()
        return sorted(db.session.scalars(select(Escalation.kind)).all())

    def sees(login: str) -> list[str]:
        return [one.kind for one, _ in supervising.unseen(factories.staff(login), ["330213001000"])]

    assert levels() == ["late"]
    assert (sees("yl-officer"), sees("fw-supervisor")) == (["late"], []), "the office's own comes first"
    with later(days=1):
        assert levels() == ["above", "late"]
        assert levels() == ["above", "late"], "once for each level"
        assert (sees("yl-officer"), sees("fw-supervisor")) == (["late"], ["above"])
        own, boss = desk("yl-officer"), desk("fw-supervisor")
        boss.open("/console/supervision")
        assert "超期仍未办" in boss.words
        # Each takes note of what was put before them alone.
        boss.submit("seen")
        assert (sees("yl-officer"), sees("fw-supervisor")) == (["late"], [])
        own.open("/console/supervision")
        own.submit("seen")
        assert sees("yl-officer") == []
        assert levels() == ["above", "late"]
    assert db.session.scalars(select(Case.id)).all() == [case_id]


def test_the_days_of_escalation_are_the_bureaus_to_set(
    app: Flask, desk: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    permit("韩梅梅")
    days = {"escalation_lead_days": 3, "escalation_above_days": 5}
    number = parameters.number
    monkeypatch.setattr(parameters, "number", lambda name: days[name] if name in days else number(name))
    db.session.add(RoleGrant(staff_id=factories.staff("yl-officer").id, role="supervisor"))

    def kinds_with(**due: float) -> list[str]:
        db.session.execute(delete(Escalation))
        db.session.execute(update(Case).values(next_due=clock.now() + timedelta(**due), due_provisional=False))
        commit()
        supervising.escalate()
        commit()
        return sorted(db.session.scalars(select(Escalation.kind)).all())

    assert kinds_with(days=4) == []
    assert kinds_with(days=-4) == ["late"]
    assert kinds_with(days=-5) == ["above", "late"]
    assert kinds_with(days=3) == ["soon"]
    clerk = desk("yl-clerk")
    clerk.open("/console/cases")
    assert "3 天内到期 1 件" in clerk.words


def test_contests_and_clocks_look_right(rated: Callable[[], UUID], desk: Callable[[str], Any], app: Flask) -> None:
    rated()
    permit("李雷")
    db.session.execute(update(Case).where(Case.ended_at.is_(None)).values(next_due=clock.now() + timedelta(days=1)))
    commit()
    supervising.escalate()
    commit()
    office, reviewer = desk("yl-clerk"), desk("fw-supervisor")
    with pages_browser() as chromium, serving(app) as site:

        def page_of(login: Any) -> Any:
            page = chromium.desktop(base_url=site)
            token = login.cookie("console_session", "/console")
            page.context.add_cookies([{"name": "console_session", "value": token, "url": f"{site}/console"}])
            return page

        theirs = page_of(office)
        theirs.goto("/console/cases")
        theirs.get_by_text("明天到期 1 件").wait_for()
        check_page(theirs, "cases-soon")
        office.open("/console/ratings")
        office.submit("contest", reason="申请人评价的是另一个窗口的业务，可以查证")
        theirs.goto("/console/ratings")
        check_page(theirs, "ratings-contested")
        mine = page_of(reviewer)
        mine.goto("/console/ratings")
        check_page(mine, "ratings-to-decide")
