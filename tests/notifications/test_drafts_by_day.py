"""A draft that waits: one reminder, by day, and none once the application was sent."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask import Flask
from sqlalchemy import select, update

from citizen_services.cases import drafts
from citizen_services.cases.automatic import remind_of_drafts
from citizen_services.cases.models import Draft
from citizen_services.clock import SHANGHAI
from citizen_services.database import commit, db
from notifications import daytime, ladder, queries, scheduler, tasks
from notifications.models import Delivery, Notice
from tests import factories as make
from tests.notifications.conftest import Outside, business_time, due_now, follower, somebody

NIGHT = datetime(2026, 11, 14, 22, 30, tzinfo=SHANGHAI)
MORNING = datetime(2026, 11, 15, 8, 0, tzinfo=SHANGHAI)


def reminders() -> list[Notice]:
    """What was told of drafts."""
    db.session.rollback()
    return list(db.session.scalars(select(Notice).where(Notice.kind == "draft_waits").order_by(Notice.id)))


def try_now() -> Delivery:
    """The reminder's only try, as it is now."""
    db.session.rollback()
    query = select(Delivery).where(Delivery.notice_id == reminders()[0].id)
    return db.session.scalars(query.execution_options(populate_existing=True)).one()


def waiting_draft(*, wechat: Outside | None = None) -> Draft:
    """A draft that was begun long before these nights."""
    person = somebody()
    if wechat is not None:
        follower(wechat, person)
    draft = make.permit_draft(person)
    db.session.execute(update(Draft).values(saved_at=NIGHT - timedelta(days=9)))
    commit()
    db.session.refresh(draft)
    return draft


def test_a_reminder_waits_for_the_morning_and_is_one(app: Flask, partners: Outside) -> None:
    draft = waiting_draft(wechat=partners)
    with business_time(NIGHT):
        assert remind_of_drafts() == 1
        tasks.send("wechat")
        assert scheduler.due_channels() == {}, "nobody is woken for what must wait"
        assert queries.oldest_due() is None, "what waits for the morning is not late"
        assert (try_now().state, ladder.pass_on_overdue()) == ("pending", set())
    with business_time(MORNING - timedelta(seconds=5)):
        tasks.send("wechat")
        assert not partners.arrived("wechat_api", "message/template/send")
    with business_time(MORNING + timedelta(seconds=5)):
        # The whole night did not make it late: it goes in WeChat, not by SMS.
        assert ladder.pass_on_overdue() == set()
        tasks.send("wechat")
        (message,) = partners.arrived("wechat_api", "message/template/send", "accepted")
        assert message["detail"]["url"].endswith(f"/h5/drafts/{draft.id}")
        assert "居住证首次申领" in message["text"]
        assert remind_of_drafts() == 0
    # Even if the draft is touched again and waits again.
    with business_time(MORNING + timedelta(days=20)):
        db.session.execute(update(Draft).values(reminded_at=None))
        commit()
        remind_of_drafts()
    assert len(reminders()) == 1


def test_a_reminder_that_another_channel_takes_over_keeps_the_night_as_well(app: Flask, partners: Outside) -> None:
    waiting_draft(wechat=partners)
    with business_time(NIGHT.replace(hour=20, minute=55)):
        assert remind_of_drafts() == 1
        partners.fault("wechat_api", "refuse", code="43019", times=1)
        tasks.send("wechat")
    with business_time(NIGHT):
        due_now("sms")
        tasks.send("sms")
        assert not partners.arrived("sms_aliyun", "SendSms")
    with business_time(MORNING + timedelta(hours=1)):
        tasks.send("sms")
    (sms,) = partners.arrived("sms_aliyun", "SendSms", "accepted")
    assert "还没有提交" in sms["text"]


def test_whoever_sent_it_before_the_morning_is_not_reminded(app: Flask, partners: Outside) -> None:
    draft = waiting_draft()
    with business_time(NIGHT):
        remind_of_drafts()
        db.session.refresh(draft)
        drafts.discard(draft)
        commit()
    with business_time(MORNING + timedelta(hours=1)):
        tasks.send("sms")
    assert not partners.arrived("sms_aliyun", "SendSms")
    assert (try_now().state, try_now().reason, reminders()[0].state) == (
        "cancelled",
        "the draft has ended",
        "cancelled",
    )


def test_the_day_begins_at_eight_and_ends_at_nine_in_the_evening() -> None:
    for hour, minute, is_day in ((7, 59, False), (8, 0, True), (20, 59, True), (21, 0, False), (0, 0, False)):
        assert daytime.is_day(NIGHT.replace(hour=hour, minute=minute)) is is_day
    assert daytime.next_after(NIGHT) == MORNING
    assert daytime.next_after(MORNING.replace(hour=3)) == MORNING
    assert daytime.next_after(MORNING) == MORNING
