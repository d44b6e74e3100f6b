"""Receipts: stored once and fast, believed only about what we sent, and never backwards."""

from __future__ import annotations

import json
import threading
import time
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import IntegrityError

from citizen_services import clock
from citizen_services.database import Change, commit, db
from citizen_services.exchange.sms_aliyun import SmsAliyun
from citizen_services.parts import parts
from citizen_services.people.models import Citizen
from citizen_services.wechat.signals import template_finished
from notifications import outbox, queue, tasks
from notifications.models import FINAL_NOTICE_STATES, NOTICE_STATES, Delivery, Notice, Receipt
from tests.notifications.conftest import Outside, due_now, follower, row, somebody, state_of, tell, tries


def report(delivery: Delivery, *, success: bool = True, **more: Any) -> dict[str, Any]:
    """One entry of Aliyun's SmsReport about a try."""
    return {
        "phone_number": delivery.payload["phone"],
        "send_time": "2026-11-09 09:00:01",
        "report_time": "2026-11-09 09:00:05",
        "success": success,
        "err_code": "DELIVERED" if success else "MK:0001",
        "err_msg": "用户接收成功" if success else "空号",
        "sms_size": "1",
        "biz_id": "900619746936498440^0",
        "out_id": str(delivery.id),
        **more,
    }


def post(client: FlaskClient, reports: object, token: str | None = None) -> Any:
    """Push to our door as Aliyun does."""
    known = parts().settings.partners["sms_aliyun"]["receipt_token"]
    return client.post(f"/receipts/sms_aliyun/{token or known}", json=reports)


def received() -> list[Receipt]:
    """Every receipt, in order."""
    db.session.rollback()
    query = select(Receipt).order_by(Receipt.received_at, Receipt.id).execution_options(populate_existing=True)
    return list(db.session.scalars(query))


def finished(openid: str, msgid: int, status: str) -> None:
    """WeChat's door tells of a template message, and commits."""
    change = Change(clock.now())
    template_finished.send("wechat", msgid=msgid, openid=openid, status=status, change=change)
    change.write()
    commit()


def test_a_report_is_kept_once_answered_as_aliyun_wants_it_and_settles_the_message(
    app: Flask, client: FlaskClient, partners: Outside
) -> None:
    notice = tell(somebody())
    tasks.send("sms")
    entry = report(tries(notice)["sms"])
    for body in ([entry], [entry, entry], [entry]):
        answer = post(client, body)
        assert (answer.status_code, answer.json["code"]) == (200, 0)
    (kept,) = received()
    assert kept.body["raw"] == entry
    assert kept.settled_at is None
    tasks.settle()
    assert (tries(notice)["sms"].state, state_of(notice)) == ("delivered", "delivered")
    assert received()[0].settled_at is not None
    # A contradiction that comes later changes nothing.
    post(client, [report(tries(notice)["sms"], success=False)])
    tasks.settle()
    assert (tries(notice)["sms"].state, state_of(notice)) == ("delivered", "delivered")


def test_a_failed_report_ends_the_message_as_failed(app: Flask, client: FlaskClient, partners: Outside) -> None:
    notice = tell(somebody())
    tasks.send("sms")
    post(client, [report(tries(notice)["sms"], success=False)])
    tasks.settle()
    assert (tries(notice)["sms"].state, tries(notice)["sms"].reason) == ("failed", "reported failed: MK:0001")
    assert state_of(notice) == "failed"


def test_reports_about_what_we_did_not_send_move_nothing(app: Flask, client: FlaskClient, partners: Outside) -> None:
    notice = tell(somebody())
    tasks.send("sms")
    sent = tries(notice)["sms"]
    post(client, [report(sent, phone_number="13900000009")])
    post(client, [report(sent, out_id="01a21044-720e-7313-acec-a36f2c904384")])
    post(client, [report(sent, out_id="not-a-uuid", biz_id="")])
    post(client, [report(sent, out_id="", biz_id="1^0")])
    tasks.settle()
    assert tries(notice)["sms"].state == "sent"
    kept = received()
    assert len(kept) == 4
    assert all(receipt.settled_at and receipt.fault for receipt in kept)


def test_a_report_that_overtakes_the_answer_is_believed_and_the_answer_does_not_undo_it(
    app: Flask, client: FlaskClient, partners: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    notice = tell(somebody())
    taken, reported = threading.Event(), threading.Event()
    real = SmsAliyun.send

    def answered_late(*what: Any) -> Any:
        answer = real(*what)
        taken.set()
        assert reported.wait(60)
        return answer

    monkeypatch.setattr(SmsAliyun, "send", answered_late)

    def send() -> None:
        with app.app_context():
            tasks.send("sms")

    sender = threading.Thread(target=send)
    sender.start()
    assert taken.wait(60)
    assert tries(notice)["sms"].state == "sending"
    post(client, [report(tries(notice)["sms"])])
    tasks.settle()
    reported.set()
    sender.join()
    assert (tries(notice)["sms"].state, state_of(notice)) == ("delivered", "delivered")
    assert tries(notice)["sms"].partner_ref is not None


def test_the_doors_are_shut_to_whoever_does_not_know_the_token(app: Flask, client: FlaskClient) -> None:
    ems_token = parts().settings.partners["ems"]["receipt_token"]
    assert post(client, [], token="guess").status_code == 404
    assert post(client, [], token=ems_token).status_code == 404
    assert client.post("/receipts/ems/guess", json={}).status_code == 404
    assert client.post("/receipts/somebody/guess", json={}).status_code == 404
    assert client.get(f"/receipts/ems/{ems_token}").status_code == 405
    assert not received()


def test_what_is_not_a_report_is_refused_and_not_kept(app: Flask, client: FlaskClient) -> None:
    for body in ({}, [1], [{"phone_number": "1"}], "[", [{"success": True}]):
        assert post(client, body).status_code == 400
    assert post(client, [{"x": "y" * 300_000}]).status_code == 413
    token = parts().settings.partners["ems"]["receipt_token"]
    forged = {"method": "040002", "serialNo": "1", "logitcsInterface": "|$4|" + "AAAA" * 8}
    answer = client.post(f"/receipts/ems/{token}", json=forged)
    assert (answer.status_code, answer.json["code"]) == (400, "S00001")
    assert not received()


def test_while_the_database_is_stuck_the_partner_is_told_at_once_to_push_again(
    app: Flask, client: FlaskClient, partners: Outside
) -> None:
    notice = tell(somebody())
    entry = report(tries(notice)["sms"])
    with db.engine.connect() as other, other.begin():
        other.execute(text("LOCK TABLE receipt IN ACCESS EXCLUSIVE MODE"))
        began = time.monotonic()
        answer = post(client, [entry])
        lasted = time.monotonic() - began
    assert answer.status_code == 503
    # Without a limit it would wait for ever.
    assert lasted < 10
    assert post(client, [entry]).status_code == 200
    assert len(received()) == 1


def test_a_receipt_that_crashes_is_set_aside_and_the_others_are_settled(
    app: Flask, client: FlaskClient, partners: Outside
) -> None:
    first, second = tell(somebody()), tell(somebody())
    tasks.send("sms")
    post(client, [report(tries(first)["sms"])])
    db.session.execute(text("UPDATE receipt SET body = 'garbage'::bytea"))
    commit()
    post(client, [report(tries(second)["sms"])])
    for _ in range(8):
        tasks.settle()
        db.session.execute(update(Receipt).where(Receipt.settled_at.is_(None)).values(due_at=func.now()))
        commit()
    assert (tries(first)["sms"].state, tries(second)["sms"].state) == ("sent", "delivered")
    faults = db.session.execute(select(Receipt.tries, Receipt.fault).where(Receipt.tries > 0)).all()
    assert [tuple(fault) for fault in faults] == [(6, "CannotDecrypt")]


def test_wechat_tells_what_became_of_a_message_and_a_blocked_one_goes_by_sms(app: Flask, partners: Outside) -> None:
    reached, blocking = somebody(), somebody()
    openids = [follower(partners, reached), follower(partners, blocking)]
    first, second = tell(reached), tell(blocking)
    tasks.send("wechat")
    for notice, openid, status in ((first, openids[0], "success"), (second, openids[1], "failed:user block")):
        msgid = tries(notice)["wechat"].partner_ref
        assert msgid is not None
        finished(openid, int(msgid), status)
    tasks.settle()
    assert (tries(first)["wechat"].state, state_of(first)) == ("delivered", "delivered")
    assert tries(second)["wechat"].reason == "reported failed: failed:user block"
    tasks.send("sms")
    assert (tries(second)["sms"].state, state_of(second)) == ("sent", "sent")


def test_a_message_of_unknown_fate_adopts_a_report_only_while_it_is_the_persons_only_one(
    app: Flask, partners: Outside
) -> None:
    one, two = somebody(), somebody()
    openids = {one.id: follower(partners, one), two.id: follower(partners, two)}
    alone, pair = tell(one), [tell(two), tell(two)]
    partners.fault("wechat_api", "accept_then_cut", times=3)
    tasks.send("wechat")
    finished(openids[one.id], 3487542469355618313, "success")
    finished(openids[two.id], 3487542469355618314, "success")
    finished("o-somebody-else", 3487542469355618315, "success")
    tasks.settle()
    adopted = tries(alone)["wechat"]
    assert (adopted.state, adopted.partner_ref) == ("delivered", "3487542469355618313")
    assert {tries(notice)["wechat"].state for notice in pair} == {"uncertain"}
    assert sorted(receipt.fault or "" for receipt in received()) == [
        "",
        "0 messages of unknown fate to that person",
        "2 messages of unknown fate to that person",
    ]


def test_a_report_that_overtakes_wechats_answer_waits_for_it(app: Flask, partners: Outside) -> None:
    person = somebody()
    openid = follower(partners, person)
    notice = tell(person)
    (claimed,) = outbox.claim("wechat")
    assert outbox.begin([claimed])
    finished(openid, 77, "success")
    tasks.settle()
    (receipt,) = received()
    assert (receipt.settled_at, receipt.tries) == (None, 1)
    db.session.execute(update(Delivery).values(state="sent", partner_ref="77"))
    db.session.execute(update(Receipt).values(due_at=func.now()))
    commit()
    tasks.settle()
    assert tries(notice)["wechat"].state == "delivered"


def test_a_report_waits_until_the_lease_of_a_worker_that_died_in_the_call_has_ended(
    app: Flask, partners: Outside
) -> None:
    person = somebody()
    openid = follower(partners, person)
    notice = tell(person)
    (claimed,) = outbox.claim("wechat")
    assert outbox.begin([claimed])
    # The worker is dead from here on; what it had begun arrived.
    finished(openid, 78, "success")
    waited = timedelta(0)
    while waited < outbox.LEASE:
        tasks.settle()
        (receipt,) = received()
        assert receipt.settled_at is None, f"given up after {waited}"
        waited += receipt.due_at - now()
        db.session.execute(update(Receipt).values(due_at=func.now()))
        commit()
    db.session.execute(update(Delivery).values(leased_until=func.now()))
    commit()
    outbox.claim("wechat")
    tasks.settle()
    (receipt,) = received()
    assert (tries(notice)["wechat"].state, receipt.fault) == ("delivered", None)


def now() -> datetime:
    """The database's time, in a transaction of its own."""
    at: datetime = db.session.execute(select(func.now())).scalar_one()
    db.session.rollback()
    return at


def test_a_message_on_which_nobody_reported_is_asked_about_after_half_an_hour(app: Flask, partners: Outside) -> None:
    person = somebody()
    partners.put(f"phones/{person.phone}", report="failed", err_code="MK:0012")
    notice = tell(person)
    tasks.send("sms")
    sent = tries(notice)["sms"]
    assert sent.state == "sent"
    assert sent.due_at is not None
    until = time.monotonic() + 60
    while tries(notice)["sms"].state == "sent" and time.monotonic() < until:
        db.session.execute(update(Delivery).values(due_at=func.now()))
        commit()
        tasks.send("sms")
        time.sleep(0.5)
    assert (tries(notice)["sms"].state, tries(notice)["sms"].reason) == ("failed", "reported failed: MK:0012")


@pytest.mark.parametrize("table", ["delivery", "notice"])
def test_the_database_itself_lets_nothing_leave_its_end(app: Flask, table: str) -> None:
    notice = tell(somebody())
    id_ = tries(notice)["sms"].id if table == "delivery" else notice.id
    for end in FINAL_NOTICE_STATES:
        for other in NOTICE_STATES:
            if other == end:
                continue
            db.session.execute(text("SET LOCAL session_replication_role = replica"))
            db.session.execute(text(f"UPDATE {table} SET state = :s WHERE id = :id"), {"s": end, "id": id_})
            db.session.execute(text("SET LOCAL session_replication_role = DEFAULT"))
            with pytest.raises(IntegrityError, match="does not go from"):
                db.session.execute(text(f"UPDATE {table} SET state = :s WHERE id = :id"), {"s": other, "id": id_})
            db.session.rollback()


STEPS = st.lists(
    st.sampled_from(["send", "lost", "ask", "delivered", "failed", "duplicate", "lease", "refused"]), max_size=8
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_in_whatever_order_things_happen_a_message_only_moves_forward(
    app: Flask, client: FlaskClient, steps: list[str]
) -> None:
    person = db.session.scalars(select(Citizen).limit(1)).first() or somebody()
    id_ = tries(tell(person))["sms"].id
    ended: str | None = None
    for step in steps:
        _take(client, id_, step)
        now = row(id_).state
        if ended is not None:
            assert now == ended, f"{ended} was left by {step}"
        if now in FINAL_NOTICE_STATES:
            ended = now
            notice = db.session.execute(select(Notice.state).join(Delivery).where(Delivery.id == id_)).scalar_one()
            assert notice == ended
    db.session.execute(text("DELETE FROM receipt"))
    db.session.execute(text("DELETE FROM delivery"))
    commit()


def _take(client: FlaskClient, id_: Any, step: str) -> None:
    """One thing that may happen to a message; partners are not called."""
    from citizen_services.exchange.outcomes import Accepted, NotAccepted, Outcome, Unknown
    from notifications import results
    from notifications.channels import channel
    from notifications.channels.base import Answer, Found

    delivery = row(id_)
    if step in ("delivered", "failed", "duplicate"):
        post(client, [report(delivery, success=step != "failed")])
        tasks.settle()
        return
    if step == "lease":
        db.session.execute(update(Delivery).values(leased_until=func.now()))
        commit()
        return
    due_now("sms")
    for claimed in outbox.claim("sms"):
        order = claimed.open()
        if claimed.state == "pending":
            if step == "ask" or not outbox.begin([claimed]):
                outbox.release([claimed])
                continue
            said: Outcome | Answer = {
                "send": Accepted("1^0"), "lost": Unknown("cut"), "refused": NotAccepted("never", "isv.X")
            }[step]  # fmt: skip
        else:
            said = Found("delivered")
        results.note([results.Done(claimed, channel("sms"), order, said)])
        commit()


def test_every_queue_that_is_filled_is_served() -> None:
    from notifications.channels import channels

    assert {queue.sending_queue(name) for name in channels()} <= set(queue.QUEUES)
    assert {queue.RECEIPTS, queue.TRACKING} <= set(queue.QUEUES)


def test_a_partners_answer_is_plain_json(app: Flask, client: FlaskClient) -> None:
    answer = post(client, [])
    assert answer.mimetype == "application/json"
    assert json.loads(answer.data) == {"code": 0, "msg": "接收成功"}
