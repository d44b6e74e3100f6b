"""A correction lapses only where a receipt shows that its person was reached."""

from __future__ import annotations

from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from citizen_services import clock
from citizen_services.cases import corrections
from citizen_services.cases.automatic import lapse_overdue
from citizen_services.database import Change, commit, db
from citizen_services.rules.dates import last_day
from citizen_services.wechat.signals import template_finished
from notifications import scheduler, tasks
from notifications.models import Delivery, Notice
from notifications.receipts.settlement import move
from tests import factories as make
from tests.notifications.conftest import Outside, act, applicant_acts, case_now, follower, later, somebody, tell

ASKED = {"items": [{"code": "delivery.receiver_phone", "why": "号码打不通，请换一个"}]}


def asked(partners: Outside, channel: str) -> UUID:
    """A case whose person was asked for a correction, by that channel."""
    person = somebody()
    if channel == "wechat":
        follower(partners, person)
    case_id = make.submitted_permit(person)
    act(case_id, "request_correction", "yl-clerk", ASKED)
    tasks.send(channel)
    return case_id


def try_of(case_id: UUID) -> Delivery:
    """The newest try of the newest request's notice."""
    db.session.rollback()
    query = select(Delivery).join(Notice, Notice.id == Delivery.notice_id)
    query = query.where(Notice.case_id == case_id, Notice.kind == "correction").order_by(Delivery.id.desc())
    found = db.session.scalars(query.execution_options(populate_existing=True)).first()
    assert found is not None
    return found


def report(case_id: UUID, delivered: bool) -> None:
    """The channel's own report arrives."""
    delivery = try_of(case_id)
    if delivery.channel == "sms":
        move(delivery.id, delivered, "DELIVERED" if delivered else "UNDELIVERABLE", None)
        commit()
        return
    change = Change(clock.now())
    status = "success" if delivered else "failed:user block"
    template_finished.send(
        "test", msgid=int(str(delivery.partner_ref)), openid=delivery.payload["openid"], status=status, change=change
    )
    change.write()
    commit()
    tasks.settle()


@pytest.mark.parametrize("channel", ["wechat", "sms"])
def test_a_request_that_nobody_received_never_lapses_and_one_delivered_late_lapses_afterwards(
    app: Flask, partners: Outside, channel: str
) -> None:
    case_id = asked(partners, channel)
    assert try_of(case_id).state == "sent", "sent is not reached"
    with later(days=40):
        assert lapse_overdue() == 0
        assert case_now(case_id).state == "correcting"
        report(case_id, delivered=True)
        correction = corrections.open_correction(case_id)
        assert correction is not None
        db.session.refresh(correction)
        assert correction.reached_at is not None
        # Who heard of it after the date has three working days from then on, and is told which day is the last.
        assert lapse_overdue() == 0
        assert correction.due > clock.now()
        told = db.session.scalars(select(Notice).where(Notice.kind == "correction_extended")).one()
        assert f"{last_day(correction.due).month}月{last_day(correction.due).day}日" in told.text
        report(case_id, delivered=True)
    with later(days=50):
        assert lapse_overdue() == 1
    assert case_now(case_id).state == "lapsed"


def test_a_failure_reaches_nobody_but_the_next_channel_may(app: Flask, partners: Outside) -> None:
    case_id = asked(partners, "wechat")
    report(case_id, delivered=False)
    assert try_of(case_id).channel == "sms"
    tasks.send("sms")
    with later(days=40):
        assert lapse_overdue() == 0
        report(case_id, delivered=True)
    with later(days=50):
        assert lapse_overdue() == 1


def test_a_late_receipt_is_of_its_own_request_only(app: Flask, partners: Outside) -> None:
    case_id = asked(partners, "sms")
    first = try_of(case_id).id
    applicant_acts(case_id, "answer_correction", {"answers": {"delivery": {"receiver_phone": "13900139000"}}})
    act(case_id, "request_correction", "yl-clerk", ASKED)
    tasks.send("sms")
    move(first, True, "DELIVERED", None)
    commit()
    with later(days=40):
        assert lapse_overdue() == 0, "of the second request nobody was told"
        report(case_id, delivered=True)
    with later(days=50):
        assert lapse_overdue() == 1


def test_other_notices_reach_nobody_about_a_correction(app: Flask, partners: Outside) -> None:
    case_id = asked(partners, "sms")
    query = select(Delivery.id).join(Notice, Notice.id == Delivery.notice_id)
    submitted = db.session.scalars(query.where(Notice.case_id == case_id, Notice.kind == "submitted")).one()
    move(submitted, True, "DELIVERED", None)
    commit()
    with later(days=40):
        assert lapse_overdue() == 0


def test_all_that_waited_too_long_climb_in_one_sweep(app: Flask, partners: Outside) -> None:
    person = somebody()
    follower(partners, person)
    notices = [tell(person, "refuse").id for _ in range(101)]
    overdue = update(Delivery).where(Delivery.notice_id.in_(notices))
    db.session.execute(overdue.values(pass_on_at=clock.now()))
    commit()
    scheduler.Scheduler(app).sweep()
    climbed = select(func.count()).where(Delivery.notice_id.in_(notices), Delivery.channel == "sms")
    assert db.session.scalar(climbed) == len(notices), "more than one statement takes at a time"
