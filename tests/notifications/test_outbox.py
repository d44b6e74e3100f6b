"""Telling people: once, by the right channel, whatever the partner answers or fails to answer."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select, text, update

from citizen_services import clock
from citizen_services.database import Change, commit, db
from citizen_services.people.signals import binding_moved, code_wanted
from notifications import ladder, queries, rounds, tasks
from notifications.models import ChannelHold, Delivery, Notice
from notifications.operations import try_again
from tests.notifications.conftest import Outside, due_now, follower, lease_ends, row, somebody, state_of, tell, tries


def test_a_follower_is_told_in_wechat_and_everybody_else_by_sms(app: Flask, partners: Outside) -> None:
    with_wechat, without = somebody(), somebody()
    openid = follower(partners, with_wechat)
    first, second = tell(with_wechat), tell(without)
    assert state_of(first) == state_of(second) == "pending"
    tasks.send("wechat")
    tasks.send("sms")
    (message,) = partners.arrived("wechat_api", "message/template/send")
    assert (message["outcome"], message["to"]) == ("accepted", openid)
    assert "居住证" in message["text"]
    assert "已批准" in message["text"]
    assert message["detail"]["url"].endswith(f"/h5/cases/{first.case_id}")
    (sms,) = partners.arrived("sms_aliyun", "SendSms")
    assert (sms["outcome"], sms["to"], sms["our_ref"]) == ("accepted", without.phone, str(tries(second)["sms"].id))
    assert sms["text"].startswith("【奉化公安】您申请的")
    assert {name: (t.state, bool(t.partner_ref), t.attempts) for name, t in tries(first).items()} == {
        "wechat": ("sent", True, 1)
    }
    assert state_of(first) == state_of(second) == "sent"
    # Nothing is left to do: a second job finds nothing.
    tasks.send("wechat")
    assert len(partners.arrived("wechat_api", "message/template/send")) == 1


def test_whoever_left_the_account_is_told_by_sms(app: Flask, partners: Outside) -> None:
    person = somebody()
    openid = follower(partners, person)
    notice = tell(person)
    partners.house.control("DELETE", f"followers/{openid}")
    tasks.send("wechat")
    assert tries(notice)["wechat"].state == "failed"
    assert tries(notice)["wechat"].reason == "never: 43004"
    tasks.send("sms")
    assert tries(notice)["sms"].state == "sent"
    assert state_of(notice) == "sent"
    (sms,) = partners.arrived("sms_aliyun", "SendSms", "accepted")
    assert sms["to"] == person.phone


@pytest.mark.parametrize("code", ["43019", "48002", "40003", "47003"])
def test_every_refusal_that_concerns_the_person_or_the_message_steps_down_the_ladder(
    app: Flask, partners: Outside, code: str
) -> None:
    person = somebody()
    follower(partners, person)
    notice = tell(person)
    partners.fault("wechat_api", "refuse", code=code, times=1, match_to=tries(notice)["wechat"].payload["openid"])
    tasks.send("wechat")
    assert (tries(notice)["wechat"].state, tries(notice)["sms"].state) == ("failed", "pending")


def test_a_number_that_cannot_be_reached_fails_and_is_listed(app: Flask, partners: Outside) -> None:
    person = somebody()
    notice = tell(person)
    partners.fault("sms_aliyun", "refuse", times=1)
    tasks.send("sms")
    assert tries(notice)["sms"].state == state_of(notice) == "failed"
    assert [d.notice_id for d in queries.dead_letters("sms", "never: isv.MOBILE_NUMBER_ILLEGAL")] == [notice.id]


def test_a_limit_makes_it_wait_without_counting_as_a_try(app: Flask, partners: Outside) -> None:
    notice = tell(somebody())
    partners.fault("sms_aliyun", "refuse", code="isv.BUSINESS_LIMIT_CONTROL", times=1)
    tasks.send("sms")
    waiting = tries(notice)["sms"]
    assert (waiting.state, waiting.attempts, waiting.reason) == ("pending", 0, "later: isv.BUSINESS_LIMIT_CONTROL")
    assert waiting.due_at is not None
    assert waiting.due_at > clock.protocol_now() + timedelta(minutes=1)
    due_now("sms")
    tasks.send("sms")
    assert tries(notice)["sms"].state == "sent"


def test_a_partner_that_is_not_there_is_tried_again_soon_and_nothing_is_lost(app: Flask, partners: Outside) -> None:
    from citizen_services.exchange.sms_aliyun import SmsAliyun
    from citizen_services.parts import parts
    from citizen_services.settings import Partner
    from deploy.embedded import free_port

    notice = tell(somebody())
    known = parts().settings.partners["sms_aliyun"]
    clients = dict(parts().clients)
    nobody = SmsAliyun(Partner(known.name, f"http://127.0.0.1:{free_port()}", known.credentials), {})
    parts().clients["sms_aliyun"] = nobody  # type: ignore[index]
    tasks.send("sms")
    waiting = tries(notice)["sms"]
    assert (waiting.state, waiting.attempts, waiting.reason) == ("pending", 1, "now: unreachable")
    assert waiting.due_at is not None
    assert waiting.due_at < clock.protocol_now() + timedelta(seconds=5)
    parts().clients["sms_aliyun"] = clients["sms_aliyun"]  # type: ignore[index]
    due_now("sms")
    tasks.send("sms")
    assert tries(notice)["sms"].state == "sent"


def test_an_account_that_is_refused_holds_the_channel_until_somebody_mended_it(app: Flask, partners: Outside) -> None:
    notices = [tell(somebody()) for _ in range(8)]
    partners.fault("sms_aliyun", "refuse", code="isv.AMOUNT_NOT_ENOUGH")
    tasks.send("sms")
    # Those that were under way when the first refusal came; the others were not begun.
    assert 1 <= len(partners.arrived("sms_aliyun", "SendSms")) <= rounds.AT_FIRST
    (held,) = queries.holds()
    assert (held.channel, held.reason) == ("sms", "isv.AMOUNT_NOT_ENOUGH")
    assert {(tries(n)["sms"].state, tries(n)["sms"].attempts) for n in notices} == {("pending", 0)}
    tasks.send("sms")
    asked = len(partners.arrived("sms_aliyun", "SendSms"))
    assert asked <= rounds.AT_FIRST, "a held channel is left alone"
    # A minute later one row tries; still refused, still held.
    db.session.execute(update(ChannelHold).values(until=func.now() - timedelta(seconds=1)))
    commit()
    due_now("sms")
    tasks.send("sms")
    assert len(partners.arrived("sms_aliyun", "SendSms")) == asked + 1
    assert queries.holds()
    partners.fault("sms_aliyun", "none")
    try_again("sms")
    commit()
    tasks.send("sms")
    assert not queries.holds()
    assert {tries(n)["sms"].state for n in notices} == {"sent"}
    assert len(partners.arrived("sms_aliyun", "SendSms", "accepted")) == 8


def test_a_row_that_crashes_its_handler_is_set_aside_and_its_neighbours_go(app: Flask, partners: Outside) -> None:
    poisoned, healthy = tell(somebody()), [tell(somebody()) for _ in range(5)]
    db.session.execute(
        text("UPDATE delivery SET payload = 'garbage'::bytea WHERE id = :id"), {"id": tries(poisoned)["sms"].id}
    )
    commit()
    for _ in range(4):
        tasks.send("sms")
        due_now("sms")
    assert {tries(n)["sms"].state for n in healthy} == {"sent"}
    found = db.session.execute(
        select(Delivery.state, Delivery.attempts, Delivery.reason).where(Delivery.notice_id == poisoned.id)
    ).one()
    assert (found.state, found.attempts) == ("failed", 3)
    assert found.reason.startswith("set aside: CannotDecrypt")
    assert state_of(poisoned) == "failed"
    assert len(partners.arrived("sms_aliyun", "SendSms")) == 5


def test_a_lost_sms_answer_is_asked_for_and_never_sent_twice(app: Flask, partners: Outside) -> None:
    notice = tell(somebody())
    partners.fault("sms_aliyun", "accept_then_cut", times=1)
    tasks.send("sms")
    doubtful = tries(notice)["sms"]
    assert (doubtful.state, state_of(notice)) == ("uncertain", "uncertain")
    assert doubtful.due_at is not None
    assert doubtful.sent_at is not None
    assert timedelta(seconds=25) < doubtful.due_at - doubtful.sent_at < timedelta(seconds=35)
    # Before its time nothing is asked.
    tasks.send("sms")
    assert not partners.arrived("sms_aliyun", "QuerySendDetails")
    # Aliyun shows a message some seconds after it was taken: the first question may find nothing.
    for _ in range(3):
        due_now("sms")
        tasks.send("sms")
        if tries(notice)["sms"].state != "uncertain":
            break
        _wait_until_aliyun_shows_it(partners)
    assert tries(notice)["sms"].state in ("sent", "delivered")
    assert len(partners.arrived("sms_aliyun", "SendSms")) == 1


def _wait_until_aliyun_shows_it(partners: Outside) -> None:
    """Ask the stand-in's clock, not ours: records appear five seconds after the message was taken."""
    from datetime import datetime

    taken = datetime.fromisoformat(str(partners.arrived("sms_aliyun", "SendSms")[0]["at"]))
    threading.Event().wait(max(0.0, 5.2 - (clock.protocol_now() - taken).total_seconds()))


def test_a_message_that_never_arrived_goes_again_under_the_same_reference(app: Flask, partners: Outside) -> None:
    notice = tell(somebody())
    partners.fault("sms_aliyun", "http_500", times=1)
    tasks.send("sms")
    assert tries(notice)["sms"].state == "uncertain"
    for asked in (1, 2, 3):
        due_now("sms")
        tasks.send("sms")
        if asked < 3:
            assert (tries(notice)["sms"].state, tries(notice)["sms"].checks) == ("uncertain", asked)
    tasks.send("sms")
    sent = tries(notice)["sms"]
    assert (sent.state, sent.attempts) == ("sent", 2)
    # Each asks once, twice around midnight: the message may then belong to either day.
    assert len(partners.arrived("sms_aliyun", "QuerySendDetails")) in (3, 6)
    first, second = partners.arrived("sms_aliyun", "SendSms")
    assert (first["outcome"], second["outcome"]) == ("http_500", "accepted")
    assert first["our_ref"] == second["our_ref"] == str(sent.id)


def test_while_aliyun_cannot_be_asked_the_message_stays_uncertain(app: Flask, partners: Outside) -> None:
    notice = tell(somebody())
    partners.fault("sms_aliyun", "accept_then_cut", times=1)
    tasks.send("sms")
    partners.fault("sms_aliyun", "http_500")
    for _ in range(5):
        due_now("sms")
        tasks.send("sms")
    doubtful = tries(notice)["sms"]
    assert (doubtful.state, doubtful.checks, doubtful.attempts) == ("uncertain", 0, 1)
    assert len(partners.arrived("sms_aliyun", "SendSms")) == 1


def test_a_wechat_message_of_unknown_fate_is_never_repeated_but_passed_on_if_it_must_be_known(
    app: Flask, partners: Outside
) -> None:
    person, other = somebody(), somebody()
    follower(partners, person)
    follower(partners, other)
    must, may = tell(person, "submit", None), tell(other)  # type: ignore[arg-type]
    db.session.execute(update(Delivery).where(Delivery.notice_id == must.id).values(must_be_known=True))
    commit()
    partners.fault("wechat_api", "accept_then_cut", times=2)
    tasks.send("wechat")
    assert {tries(must)["wechat"].state, tries(may)["wechat"].state} == {"uncertain"}
    due_now("wechat")
    tasks.send("wechat")
    assert ladder.pass_on_overdue() == set()
    db.session.execute(
        update(Delivery).where(Delivery.pass_on_at.is_not(None)).values(pass_on_at=clock.now() - timedelta(seconds=1))
    )
    commit()
    assert ladder.pass_on_overdue() == {"sms"}
    commit()
    tasks.send("sms")
    assert (tries(must)["wechat"].state, tries(must)["sms"].state, state_of(must)) == ("uncertain", "sent", "sent")
    assert set(tries(may)) == {"wechat"}
    assert len(partners.arrived("wechat_api", "message/template/send")) == 2


def test_what_wechat_has_not_taken_for_ten_minutes_goes_by_sms_instead(app: Flask, partners: Outside) -> None:
    person = somebody()
    follower(partners, person)
    notice = tell(person)
    partners.fault("wechat_api", "refuse", code="50002")
    tasks.send("wechat")
    assert [hold.channel for hold in queries.holds()] == ["wechat"]
    db.session.execute(update(Delivery).values(pass_on_at=clock.now() - timedelta(seconds=1)))
    commit()
    assert ladder.pass_on_overdue() == {"sms"}
    commit()
    tasks.send("sms")
    assert (tries(notice)["wechat"].state, tries(notice)["sms"].state) == ("cancelled", "sent")
    partners.fault("wechat_api", "none")
    try_again("wechat")
    commit()
    tasks.send("wechat")
    assert not partners.arrived("wechat_api", "message/template/send", "accepted")


def test_a_worker_that_died_in_the_midst_leaves_its_row_to_be_asked_about(app: Flask, partners: Outside) -> None:
    notice = tell(somebody())
    id_ = tries(notice)["sms"].id
    db.session.execute(
        text("UPDATE delivery SET state = 'sending', attempts = 1, sent_at = now(), lease = id, leased_until = now()")
    )
    commit()
    lease_ends()
    tasks.send("sms")
    lost = row(id_)
    assert (lost.state, lost.reason) == ("uncertain", "the process that was sending it ended")
    assert not partners.arrived("sms_aliyun", "SendSms")


def test_a_code_goes_by_sms_only_and_not_at_all_once_it_has_expired(app: Flask, partners: Outside) -> None:
    for phone, minutes in (("13900000001", 5), ("13900000002", -1)):
        change = Change(clock.now())
        expires = clock.protocol_now() + timedelta(minutes=minutes)
        code_wanted.send("login", phone=phone, code="428193", expires_at=expires, change=change)
        change.write()
        commit()
    tasks.send("sms")
    (sms,) = partners.arrived("sms_aliyun", "SendSms")
    assert (sms["to"], "428193" in sms["text"]) == ("13900000001", True)
    states = db.session.execute(select(Notice.state).order_by(Notice.id)).scalars().all()
    assert states == ["sent", "expired"]
    texts_kept = db.session.execute(select(Notice.text)).scalars().all()
    assert not any("428193" in kept for kept in texts_kept), "a page must not show a code"


def test_whoever_held_an_account_hears_that_it_was_taken(app: Flask, partners: Outside) -> None:
    person = somebody()
    openid = follower(partners, person)
    change = Change(clock.now())
    binding_moved.send(person.id, openid=openid, phone="13900000003", change=change)
    change.write()
    commit()
    tasks.send("sms")
    tasks.send("wechat")
    (sms,) = partners.arrived("sms_aliyun", "SendSms", "accepted")
    (message,) = partners.arrived("wechat_api", "message/template/send", "accepted")
    assert (sms["to"], message["to"]) == ("13900000003", openid)


def test_two_workers_at_once_send_each_message_once(app: Flask, partners: Outside) -> None:
    person = somebody()
    for _ in range(40):
        tell(person)

    def work() -> None:
        with app.app_context():
            tasks.send("sms")

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    accepted = partners.arrived("sms_aliyun", "SendSms", "accepted")
    assert len(accepted) == 40
    assert len({entry["our_ref"] for entry in accepted}) == 40
    assert db.session.execute(select(Delivery.state, func.count()).group_by(Delivery.state)).all() == [("sent", 40)]
