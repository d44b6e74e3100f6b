"""Deputies: an absent colleague's roles for set days, at their office alone; the record names both."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from flask import Flask
from sqlalchemy import select, update

from citizen_services import clock
from citizen_services.cases.models import CaseEvent
from citizen_services.database import commit, db
from citizen_services.people.acting_models import Deputy
from citizen_services.people.models import Staff
from citizen_services.people.queries import roles_of
from tests.console.applications import permit
from tests.console.conftest import Desk
from tests.pages_kit import check_page, pages_browser, serving

Sit = Callable[[str], Desk]


def member(login: str) -> Staff:
    """A member of the demo staff."""
    return db.session.scalars(select(Staff).where(Staff.login == login)).one()


def test_a_deputy_approves_for_the_absent_approver_for_the_set_days_alone_and_the_record_names_both(
    app: Flask, desk: Sit
) -> None:
    absent, deputy, elsewhere = member("yl-officer"), member("yl-community"), member("jp-officer")
    absent_id, deputy_id, today = absent.id, deputy.id, clock.today()
    supervisor = desk("fw-supervisor")
    form: dict[str, Any] = {"from_day": today.isoformat(), "until_day": (today + timedelta(days=3)).isoformat()}
    supervisor.open("/console/deputies")
    # Nobody of another office, not oneself, nobody for themselves.
    own = member("fw-supervisor").id
    for wrong in (
        {"absent": elsewhere.id, "deputy": deputy_id},
        {"absent": member("fw-clerk").id, "deputy": own},
        {"absent": absent_id, "deputy": absent_id},
    ):
        supervisor.submit("deputy", **(form | {name: str(id_) for name, id_ in wrong.items()}))
        assert (supervisor.page.status_code, supervisor.errors) == (422, {"deputy"})
    assert "approver" not in roles_of(deputy_id)
    supervisor.submit("deputy", absent=str(absent_id), deputy=str(deputy_id), **form)
    assert "已经设好代理" in supervisor.words
    assert roles_of(deputy_id).lent == {"approver": absent_id}
    # A case that a clerk accepted: the deputy approves, and the record names both.
    case_id, _ = permit(done=("accept",))
    stand_in = desk("yl-community")
    stand_in.open(f"/console/cases/{case_id}")
    stand_in.submit("approve")
    event = db.session.scalars(
        select(CaseEvent).where(CaseEvent.case_id == case_id, CaseEvent.action == "approve")
    ).one()
    assert (event.actor_id, event.actor_role, event.data["deputy_for"]) == (deputy_id, "approver", str(absent_id))
    stand_in.open(f"/console/cases/{case_id}")
    assert f"代理{member('yl-officer').name}" in stand_in.words
    # What the absent one accepted themselves, their deputy doesn't approve either.
    other, _ = permit("石小妹", done=("accept",))
    db.session.execute(
        update(CaseEvent)
        .where(CaseEvent.case_id == other, CaseEvent.action == "accept")
        .values(actor_id=absent_id)
    )  # fmt: skip
    commit()
    stand_in.open(f"/console/cases/{other}")
    assert "approve" not in stand_in.actions
    # After its last day, and once it was ended, nothing is lent.
    db.session.execute(update(Deputy).values(from_day=today - timedelta(days=9), until_day=today - timedelta(days=1)))
    commit()
    assert "approver" not in roles_of(deputy_id)
    supervisor.open("/console/deputies")
    supervisor.submit("deputy", absent=str(absent_id), deputy=str(deputy_id), **form)
    assert "approver" in roles_of(deputy_id)
    supervisor.submit("end")
    assert "立即生效" in supervisor.words
    assert "approver" not in roles_of(deputy_id)


def test_the_page_of_deputies_is_sound(app: Flask, desk: Sit) -> None:
    supervisor, today = desk("fw-supervisor"), clock.today().isoformat()
    absent, deputy = str(member("yl-officer").id), str(member("yl-community").id)
    supervisor.open("/console/deputies")
    supervisor.submit("deputy", absent=absent, deputy=deputy, from_day=today, until_day=today)
    token = supervisor.cookie("console_session", "/console") or ""
    with serving(app) as site, pages_browser() as pages:
        page = pages.desktop(base_url=site)
        page.context.add_cookies([{"name": "console_session", "value": token, "url": f"{site}/console"}])
        page.goto("/console/deputies")
        check_page(page, "deputies")
