"""Each push is done once and answered the same, however often it is delivered and whatever is away meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
import requests
from flask import Flask
from sqlalchemy import func, select, text, update

from citizen_services import clock
from citizen_services.database import Change, commit, db
from citizen_services.redis import breaker
from citizen_services.wechat import memory
from citizen_services.wechat.models import Follower, Push, PushMemory
from citizen_services.wechat.signals import template_finished
from tests.wechat.kit import ALICE, Sent, WeChatSide, event, message

BOB = "oBob_0123456789abcdefghijklm"


def rows(table: type[Any]) -> int:
    db.session.rollback()
    return db.session.execute(select(func.count()).select_from(table)).scalar_one()


def follower(openid: str = ALICE) -> Follower | None:
    db.session.rollback()
    db.session.expunge_all()
    return db.session.get(Follower, openid)


def at_once(wechat: WeChatSide, sents: list[Sent]) -> list[requests.Response]:
    """Deliver these at the same moment."""
    start = Barrier(len(sents))

    def deliver(sent: Sent) -> requests.Response:
        start.wait()
        return wechat.deliver(sent)

    with ThreadPoolExecutor(len(sents)) as pool:
        return list(pool.map(deliver, sents))


@pytest.fixture
def told() -> Iterator[list[dict[str, Any]]]:
    """What a receiver of ``template_finished`` heard."""
    heard: list[dict[str, Any]] = []

    def receiver(sender: str, change: Change, **said: Any) -> None:
        assert isinstance(change, Change)
        heard.append(said)

    with template_finished.connected_to(receiver):
        yield heard


# --- Repetition ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("redis_is", ["there", "away"])
def test_three_copies_at_once_have_one_effect_and_one_answer(
    wechat: WeChatSide, redis_is: str, request: pytest.FixtureRequest
) -> None:
    if redis_is == "away":
        request.getfixturevalue("no_redis")
    for xml, pushes in (
        (event("subscribe"), 1),
        (message(Content="帮助"), 1),
        (event("subscribe", sender=BOB), 2),
        (event("unsubscribe", sender=BOB), 3),
    ):
        sent = wechat.safe(xml)
        answers = [*at_once(wechat, [sent] * 3), wechat.deliver(sent)]
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.content for answer in answers}) == 1, "byte by byte"
        # The same push in a new envelope: WeChat's documents don't say that a retry has the same bytes.
        assert wechat.read(wechat.deliver(wechat.safe(xml))) == wechat.read(answers[0])
        assert rows(Push) == pushes
    assert follower() is not None
    assert (rows(PushMemory) > 0) == (redis_is == "away"), "what changes nothing writes nothing while Redis is there"


def test_a_repetition_answers_the_same_though_what_it_asked_for_has_changed(wechat: WeChatSide) -> None:
    from tests.factories import citizen

    asked, followed = wechat.safe(message(Content="进度")), wechat.safe(event("subscribe"))
    first, welcome = wechat.deliver(asked), wechat.deliver(followed)
    assert "绑定" in wechat.read(first)
    bind(ALICE, citizen())
    assert wechat.deliver(asked).content == first.content
    assert wechat.deliver(followed).content == welcome.content
    assert "还没有办件" in wechat.say("进度")


def bind(openid: str, person: Any) -> None:
    from citizen_services.people.models import WeChatBinding

    db.session.add(WeChatBinding(openid=openid, citizen_id=person.id, bound_at=clock.now(), ended_at=None))
    commit()


def test_events_of_one_person_in_one_second_are_told_apart(wechat: WeChatSide) -> None:
    now = int(time.time())
    assert "您可以发送" in wechat.tap("CLICK", created=now, EventKey="help")
    assert "绑定" in wechat.tap("CLICK", created=now, EventKey="progress")
    assert "全部" not in wechat.tap("VIEW", created=now, EventKey="http://127.0.0.1/h5/")
    assert "欢迎" in wechat.tap("subscribe", created=now)
    assert wechat.tap("unsubscribe", created=now) == ""
    assert rows(Push) == 2
    # A message number belongs to its sender: another one's same number is another message.
    assert "您可以发送" in wechat.read(wechat.deliver(wechat.safe(message(Content="帮助", MsgId=5))))
    assert "不客气" in wechat.read(wechat.deliver(wechat.safe(message(Content="谢谢", MsgId=5, sender=BOB))))
    assert "您可以发送" in wechat.read(wechat.deliver(wechat.safe(message(Content="谢谢", MsgId=5))))


def test_what_became_of_a_template_message_is_told_once_a_message(
    wechat: WeChatSide, told: list[dict[str, Any]]
) -> None:
    now = int(time.time())
    first = event("TEMPLATESENDJOBFINISH", created=now, MsgID=3487542469355618313, Status="success")
    second = event("TEMPLATESENDJOBFINISH", created=now, MsgID=3487542469355618314, Status="failed:user block")
    for xml in (first, second):
        sent = wechat.safe(xml)
        assert {answer.text for answer in at_once(wechat, [sent] * 3)} == {"success"}
        wechat.deliver(wechat.safe(xml))
    assert told == [
        {"msgid": 3487542469355618313, "openid": ALICE, "status": "success"},
        {"msgid": 3487542469355618314, "openid": ALICE, "status": "failed:user block"},
    ]
    assert wechat.tap("TEMPLATESENDJOBFINISH", Status="success") == "", "without a number it is nobody's"
    assert len(told) == 2


def test_where_a_receiver_fails_the_push_is_undone_and_comes_again(
    wechat: WeChatSide, told: list[dict[str, Any]]
) -> None:
    def broken(sender: str, **said: Any) -> None:
        raise ZeroDivisionError("a receiver's fault")

    sent = wechat.safe(event("TEMPLATESENDJOBFINISH", MsgID=7, Status="success"))
    with template_finished.connected_to(broken):
        assert wechat.deliver(sent).status_code == 503
    assert rows(Push) == 0
    told.clear()
    assert wechat.deliver(sent).text == "success"
    assert [said["msgid"] for said in told] == [7]


# --- Followers ----------------------------------------------------------------------------------------------------


def test_a_follow_and_a_leave_that_arrive_in_the_wrong_order_are_put_right(wechat: WeChatSide) -> None:
    now = int(time.time())
    late_follow = event("subscribe", created=now - 20)
    wechat.tap("unsubscribe", created=now - 10)
    wechat.deliver(wechat.safe(late_follow))
    gone = follower()
    assert gone is not None
    assert gone.left_at == datetime.fromtimestamp(now - 10, UTC)
    wechat.tap("subscribe", created=now - 5, EventKey="qrscene_residence-registration", Ticket="t")
    back = follower()
    assert back is not None
    assert (back.followed_at, back.left_at) == (datetime.fromtimestamp(now - 5, UTC), None)
    wechat.tap("unsubscribe", created=now - 7)
    assert follower().left_at is None  # type: ignore[union-attr]


def test_a_follow_dated_ahead_of_us_does_not_make_a_later_leave_look_old(wechat: WeChatSide) -> None:
    wechat.tap("subscribe", created=int(time.time()) + 10**8)
    wechat.tap("unsubscribe", created=int(time.time()) + 1)
    assert follower().left_at is not None  # type: ignore[union-attr]


# --- What is away -------------------------------------------------------------------------------------------------


def test_a_frozen_redis_costs_a_push_less_than_a_second(
    wechat: WeChatSide, change_parts: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    from citizen_services.redis import web_client

    monkeypatch.setattr(breaker, "_open_until", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = web_client(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        change_parts(redis=client)
        limits = client.connection_pool.connection_kwargs
        assert limits["socket_connect_timeout"] + limits["socket_timeout"] < 1.0
        begun = time.monotonic()
        assert "您可以发送" in wechat.say("帮助")
        # One try is what it costs: a second one, or one without a limit, would last longer than WeChat waits.
        assert time.monotonic() - begun < 5.0


def test_postgresql_away_asks_for_what_changes_again_and_answers_what_does_not(
    wechat: WeChatSide, take_database: Callable[[], None], told: list[dict[str, Any]]
) -> None:
    take_database()
    changing: list[tuple[str, dict[str, Any]]] = [
        ("subscribe", {}),
        ("subscribe", {"EventKey": "qrscene_help"}),
        ("unsubscribe", {}),
        ("TEMPLATESENDJOBFINISH", {"MsgID": 9, "Status": "success"}),
    ]
    for name, fields in changing:
        answer = wechat.deliver(wechat.safe(event(name, **fields)))
        assert (answer.status_code, answer.content) == (503, b"")
    assert "您可以发送" in wechat.say("帮助")
    assert "【居住登记】" in wechat.say("居住登记")
    assert "几分钟后再试" in wechat.say("进度")
    assert wechat.tap("LOCATION", Latitude="29.6", Longitude="121.4", Precision="10") == ""
    assert not told


def test_both_away_still_answers_what_needs_neither(
    wechat: WeChatSide, take_database: Callable[[], None], no_redis: None
) -> None:
    take_database()
    assert "您可以发送" in wechat.say("帮助")
    assert wechat.deliver(wechat.safe(event("subscribe"))).status_code == 503


def test_what_postgresql_did_not_take_in_time_is_done_by_the_next_delivery(wechat: WeChatSide) -> None:
    """The next delivery is WeChat's own: the same bytes, the same nonce."""
    sent = wechat.safe(event("subscribe"))
    with db.engine.connect() as other:
        # Somebody else has the row, and does not end.
        other.execute(
            text("INSERT INTO push (key, at, answer) VALUES (:key, now(), '')"), {"key": key_of(wechat, sent)}
        )
        begun = time.monotonic()
        assert wechat.deliver(sent).status_code == 503
        assert time.monotonic() - begun < 5.0, "WeChat hangs up after five seconds"
        other.rollback()
    assert "欢迎" in wechat.read(wechat.deliver(sent))
    assert follower() is not None


def key_of(wechat: WeChatSide, sent: Sent) -> str:
    from citizen_services.wechat.envelope import envelope_of

    envelope = envelope_of(wechat.wechat)
    return envelope.open(envelope.signed(sent.query), sent.body).received.key


def test_old_rows_are_forgotten_and_young_ones_kept(wechat: WeChatSide, no_redis: None) -> None:
    wechat.tap("subscribe")
    wechat.say("帮助")
    assert (rows(Push), rows(PushMemory)) == (1, 3)
    assert memory.forget_old() == 0
    old = clock.protocol_now() - timedelta(days=32)
    db.session.execute(update(Push).values(at=old))
    db.session.execute(update(PushMemory).values(until=old))
    commit()
    assert memory.forget_old() == 4
    commit()
    assert (rows(Push), rows(PushMemory)) == (0, 0)


def test_neither_redis_nor_the_log_holds_what_was_said(
    wechat: WeChatSide, app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    from citizen_services.parts import parts

    redis = parts().redis
    before = set(redis.scan_iter("wechat:*"))
    wechat.say("请问居住登记")
    new = set(redis.scan_iter("wechat:*")) - before
    assert len(new) == 2, "a nonce and an answer"
    held = b" ".join([*new, *(value for key in new if isinstance(value := redis.get(key), bytes))])
    assert len(held) > 300
    for secret in (ALICE, "居住登记", "h5/items"):
        assert secret.encode() not in held
        assert secret not in caplog.text
