"""What ended in vain is counted, listed by reason, and tried once more; what has ended stays as it ended."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import text

from citizen_services import clock
from citizen_services.database import Change, commit, db, new_id
from citizen_services.people.signals import code_wanted
from notifications import queries, tasks, told
from notifications.errors import NotRequeueable
from notifications.models import Delivery, Notice
from notifications.operations import requeue
from notifications.receipts.settlement import move
from tests.notifications.conftest import (
    Outside,
    due_now,
    follower,
    made_permit,
    parcel_now,
    row,
    somebody,
    state_of,
    tell,
    tries,
)


def test_a_message_that_reached_nobody_is_said_again_once(app: Flask, partners: Outside) -> None:
    person = somebody()
    notice = tell(person)
    partners.fault("sms_aliyun", "refuse", times=1)
    tasks.send("sms")
    (counted,) = queries.dead_letter_counts()
    assert (counted.channel, counted.reason, counted.count) == ("sms", "never: isv.MOBILE_NUMBER_ILLEGAL", 1)
    assert clock.protocol_now() - counted.oldest < timedelta(minutes=1)
    (dead,) = queries.dead_letters("sms", "never: isv.MOBILE")
    assert not queries.dead_letters("wechat")
    assert not queries.dead_letters(reason="given up")
    again = requeue(dead.id)
    commit()
    assert not queries.dead_letters()
    with pytest.raises(NotRequeueable):
        requeue(dead.id)
    db.session.rollback()
    tasks.send("sms")
    assert (state_of(notice), row(dead.id).state, row(again).state) == ("failed", "failed", "sent")
    (sms,) = partners.arrived("sms_aliyun", "SendSms", "accepted")
    assert sms["our_ref"] == str(again)
    # The person's page shows it once.
    assert notice.case_id is not None
    (shown,) = told.of_case(notice.case_id, person.id)
    assert (shown.text, shown.at) == (notice.text, notice.at)
    assert [one.outcome for one in shown.tries] == ["没有送到", "已发出，还没有回执"]


def test_what_another_channel_told_is_no_dead_letter(app: Flask, partners: Outside) -> None:
    person = somebody()
    follower(partners, person)
    notice = tell(person)
    partners.fault("wechat_api", "refuse", code="43019", times=1)
    tasks.send("wechat")
    assert not queries.dead_letters(), "the SMS is still to come"
    partners.fault("sms_aliyun", "refuse", times=1)
    tasks.send("sms")
    assert {dead.channel for dead in queries.dead_letters()} == {"wechat", "sms"}
    requeue(tries(notice)["wechat"].id)
    commit()
    assert not queries.dead_letters(), "the notice is being said again"
    with pytest.raises(NotRequeueable):
        requeue(tries(notice)["sms"].id)
    db.session.rollback()
    tasks.send("wechat")
    assert len(partners.arrived("wechat_api", "message/template/send", "accepted")) == 1


def test_nobody_needs_yesterdays_code_or_what_was_told(app: Flask, partners: Outside) -> None:
    change = Change(clock.now())
    expired = clock.protocol_now() - timedelta(minutes=1)
    code_wanted.send("login", phone="13900000002", code="428193", expires_at=expired, change=change)
    change.write()
    commit()
    tasks.send("sms")
    (dead,) = queries.dead_letters()
    assert dead.state == "expired"
    told = tell(somebody())
    tasks.send("sms")
    for id_ in (dead.id, tries(told)["sms"].id, new_id()):
        with pytest.raises(NotRequeueable):
            requeue(id_)
        db.session.rollback()
    assert move(tries(told)["sms"].id, True, "DELIVERED", None)


def test_an_order_that_failed_is_made_anew_unless_the_parcel_has_a_number(app: Flask, partners: Outside) -> None:
    case_id = made_permit()
    partners.fault("ems", "refuse", code="B0001", times=1)
    tasks.send("ems")
    db.session.rollback()
    (dead,) = queries.dead_letters("ems")
    assert [p.case_id for p in queries.parcels_without_number()] == [case_id]
    requeue(dead.id)
    commit()
    assert not queries.parcels_without_number(), "it is being ordered anew"
    tasks.send("ems")
    assert parcel_now(case_id).tracking is not None
    db.session.execute(text("UPDATE delivery SET requeued_as = NULL WHERE id = :id"), {"id": dead.id})
    commit()
    with pytest.raises(NotRequeueable):
        requeue(dead.id)
    db.session.rollback()
    assert len(partners.arrived("ems", "020003", "accepted")) == 1


def test_what_cannot_be_read_cannot_be_said_again(app: Flask, partners: Outside) -> None:
    notice = tell(somebody())
    id_ = tries(notice)["sms"].id
    db.session.execute(text("UPDATE delivery SET payload = 'garbage'::bytea WHERE id = :id"), {"id": id_})
    commit()
    for _ in range(4):
        tasks.send("sms")
        due_now("sms")
    (counted,) = queries.dead_letter_counts()
    assert counted.reason.startswith("set aside: CannotDecrypt")
    with pytest.raises(NotRequeueable):
        requeue(id_)
    db.session.rollback()
    assert db.session.get_one(Notice, notice.id).requeued_as is None
    assert db.session.query(Delivery.id).count() == 1
