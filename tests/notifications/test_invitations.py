"""Whoever is asked to register with their family hears of it once, by day, and no more once they answered."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from uuid import UUID

from flask import Flask
from sqlalchemy import select

from citizen_services import clock
from citizen_services.cases.signals import household_invited, invitation_ended
from citizen_services.clock import SHANGHAI
from citizen_services.database import Change, commit, db, new_id
from citizen_services.parts import parts
from citizen_services.people.models import Citizen
from notifications import tasks, texts
from notifications.models import Delivery, Notice
from tests.notifications.conftest import Outside, business_time, follower, somebody, tries

DAY = date(2026, 11, 10)


def invite(citizen: Citizen, head: Citizen, days: int = 30) -> UUID:
    """Somebody names an adult of their family, as the platform says it. Committed; the member's id."""
    member_id, change = new_id(), Change(clock.now())
    until = clock.today() + timedelta(days=days)
    item = parts().catalogue.item("residence-registration")
    household_invited.send(member_id, citizen=citizen, head=head, item=item, until=until, change=change)
    change.write()
    commit()
    return member_id


def notice_of(member_id: UUID) -> Notice:
    """What was told of an invitation."""
    db.session.rollback()
    return db.session.scalars(select(Notice).where(Notice.about == member_id)).one()


def test_an_invitation_is_told_by_day_with_its_last_day_and_leads_to_its_page(app: Flask, partners: Outside) -> None:
    head, spouse, in_wechat = somebody(), somebody(), somebody()
    openid = follower(partners, in_wechat)
    with business_time(datetime(2026, 11, 10, 23, 0, tzinfo=SHANGHAI)):
        by_sms, member_id = invite(spouse, head), invite(in_wechat, head)
        for channel in ("sms", "wechat"):
            tasks.send(channel)
        assert partners.arrived("sms_aliyun", "SendSms") == [], "not at night"
    notice = notice_of(by_sms)
    assert head.name not in notice.text
    assert "12月10日" in notice.text
    assert notice.expires_at is not None
    (sms,) = tries(notice).values()
    assert (sms.channel, sms.state, sms.expires_at) == ("sms", "pending", notice.expires_at)
    with business_time(datetime(2026, 11, 11, 9, 0, tzinfo=SHANGHAI)):
        for channel in ("sms", "wechat"):
            tasks.send(channel)
    (entry,) = partners.arrived("sms_aliyun", "SendSms")
    assert (entry["to"], "您没有确认的，不会登记" in entry["text"]) == (spouse.phone, True)
    (message,) = db.session.scalars(select(Delivery).where(Delivery.channel == "wechat")).all()
    assert (message.payload["openid"], message.payload["path"]) == (openid, f"/h5/households/invitations/{member_id}")


def test_what_was_answered_in_the_night_is_told_to_nobody_in_the_morning(app: Flask, partners: Outside) -> None:
    with business_time(datetime(2026, 11, 10, 23, 0, tzinfo=SHANGHAI)):
        member_id, other = invite(somebody(), somebody()), invite(somebody(), somebody())
        invitation_ended.send(member_id)
        commit()
    with business_time(datetime(2026, 11, 11, 9, 0, tzinfo=SHANGHAI)):
        tasks.send("sms")
    assert len(partners.arrived("sms_aliyun", "SendSms")) == 1
    answered = notice_of(member_id)
    assert answered.state == "cancelled"
    (sms,) = tries(answered).values()
    assert (sms.state, sms.reason) == ("cancelled", "the invitation was answered")
    assert notice_of(other).state == "sent"


def test_what_was_sent_stays_and_climbs_no_further(app: Flask, partners: Outside) -> None:
    person = somebody()
    follower(partners, person)
    member_id = invite(person, somebody())
    tasks.send("wechat")
    invitation_ended.send(member_id)
    commit()
    found = tries(notice_of(member_id))
    assert (found["wechat"].state, found["wechat"].pass_on_at) == ("sent", None)
    assert set(found) == {"wechat"}


def test_it_is_registered_with_partners_like_any_other(app: Flask, partners: Outside) -> None:
    keys = {template.key for template in texts.templates_of(parts().catalogue)}
    assert {texts.HOUSEHOLD_INVITED.sms_template.key, texts.HOUSEHOLD_INVITED.wechat_template.key} <= keys
