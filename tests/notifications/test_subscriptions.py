"""Subscription messages: by each consent one message in WeChat, and without one a template message as before."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.serving import make_server

from citizen_services import clock
from citizen_services.database import db
from citizen_services.exchange.clients import partner_clients
from citizen_services.parts import EXTENSION, parts
from citizen_services.people.models import Citizen
from citizen_services.wechat import consents
from citizen_services.wechat.models import MessageConsent
from notifications import tasks
from notifications.models import Delivery, Notice
from tests.notifications.conftest import Outside, follower, somebody, state_of, tell, tries
from tests.notifications.test_processes import until

BIZSEND, TEMPLATE = "message/subscribe/bizsend", "message/template/send"
ONCE = {"subscribe:case_progress": "sub_once", "subscribe:draft_waits": "sub_draft"}
LASTING = {"subscribe_lasting:case_progress": "sub_lasting"}


@pytest.fixture
def door(app: Flask, partners: Outside) -> Iterator[Outside]:
    """The partners, with our door where WeChat pushes to, and templates of subscription messages of our content."""
    port = int(partners.house.environ["PORT"])
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    item = parts().catalogue.item("residence-permit-first")
    notice = next(notice for step in item.steps for notice in step.tells)
    content = "\n".join(f"{label}：{{{{{key}.DATA}}}}" for key, label in notice.wechat_template.fields)
    for id_, lasting in (("sub_once", False), ("sub_draft", False), ("sub_lasting", True)):
        partners.put(f"templates/wechat_subscribe/{id_}", title="业务办理进度通知", content=content, lasting=lasting)
    before = app.extensions[EXTENSION]
    configure(app, ONCE)
    yield partners
    app.extensions[EXTENSION] = before
    server.shutdown()
    thread.join()
    server.server_close()


def configure(app: Flask, templates: dict[str, str]) -> None:
    """Let the account have these templates of subscription messages."""
    before = app.extensions[EXTENSION]
    settings = replace(before.settings, templates=templates)
    app.extensions[EXTENSION] = replace(before, settings=settings, clients=partner_clients(settings, db.engine))


def tap(door: Outside, openid: str, scene: str = "1", **answers: str) -> None:
    """The person answers WeChat's pop-up on a page (1) or in an article (2); waits until its push was taken."""
    door.house.control("POST", f"followers/{openid}/consents", {"answers": answers, "scene": scene})
    until(lambda: door.house.control("GET", "outgoing").json()["waiting"] == 0, "the push to be taken")


def left(openid: str) -> dict[str, tuple[int, bool]]:
    """What we count of a person's consents: how many are left, and whether they last."""
    db.session.rollback()
    rows = db.session.scalars(select(MessageConsent).where(MessageConsent.openid == openid))
    return {row.template: (row.remaining, row.lasting) for row in rows}


def told(person: Citizen) -> tuple[Notice, Delivery]:
    """Tell a person of a turn and send it; the notice and its try in WeChat."""
    notice = tell(person)
    tasks.send("wechat")
    return notice, tries(notice)["wechat"]


def test_one_consent_is_one_message_and_then_template_messages_go_on(app: Flask, door: Outside) -> None:
    person = somebody()
    openid = follower(door, person)
    tap(door, openid, sub_once="accept", sub_draft="reject")
    assert left(openid) == {"case_progress": (1, False)}
    notice, delivery = told(person)
    assert (delivery.gateway, delivery.attempts) == ("subscription", 1)
    (message,) = door.arrived("wechat_api", BIZSEND)
    assert (message["to"], message["outcome"], message["detail"]["template_id"]) == (openid, "accepted", "sub_once")
    assert message["detail"]["url"].endswith(f"/h5/cases/{notice.case_id}")
    assert "已批准" in message["text"]
    assert left(openid) == {"case_progress": (0, False)}

    def reported() -> bool:
        tasks.settle()
        return state_of(notice) == "delivered"

    until(reported, "WeChat's event to settle it")
    _, second = told(person)
    assert second.gateway == "template"
    assert len(door.arrived("wechat_api", TEMPLATE, "accepted")) == 1
    # Each further tap is one further message.
    tap(door, openid, sub_once="accept")
    tap(door, openid, "2", sub_once="accept")
    assert left(openid)["case_progress"] == (2, False)


def test_wechats_own_no_counts_for_more_than_our_count(app: Flask, door: Outside) -> None:
    person = somebody()
    openid = follower(door, person)
    tap(door, openid, sub_once="accept")
    door.house.control("POST", f"followers/{openid}/consents", {"forget": "sub_once"})
    _, delivery = told(person)
    assert (delivery.state, delivery.gateway, delivery.refused_by, delivery.attempts) == (
        "sent", "template", "subscription", 1,
    )  # fmt: skip
    assert [len(door.arrived("wechat_api", name)) for name in (BIZSEND, TEMPLATE)] == [1, 1]
    assert left(openid) == {"case_progress": (0, False)}


def test_a_lost_answer_is_no_second_message_and_its_event_settles_it(app: Flask, door: Outside) -> None:
    person = somebody()
    openid = follower(door, person)
    tap(door, openid, sub_once="accept")
    door.fault("wechat_api", "accept_then_cut", times=1, match_to=openid)
    notice, delivery = told(person)
    assert (delivery.state, delivery.gateway) == ("uncertain", "subscription")

    def reported() -> bool:
        tasks.settle()
        return state_of(notice) == "delivered"

    until(reported, "WeChat's event to settle it")
    tasks.send("wechat")
    assert len(door.arrived("wechat_api", BIZSEND)) == 1
    assert not door.arrived("wechat_api", TEMPLATE)
    assert tries(notice)["wechat"].partner_ref


def test_a_lasting_consent_serves_until_it_is_taken_back(app: Flask, door: Outside) -> None:
    configure(app, ONCE | LASTING)
    person = somebody()
    openid = follower(door, person)
    tap(door, openid, sub_lasting="accept")
    for _ in range(3):
        assert told(person)[1].gateway == "subscription"
    assert left(openid) == {"case_progress": (0, True)}
    door.house.control("POST", f"followers/{openid}/consents", {"withdraw": ["sub_lasting"]})
    until(lambda: left(openid) == {"case_progress": (0, False)}, "the withdrawal to be known")
    assert told(person)[1].gateway == "template"
    assert len(door.arrived("wechat_api", BIZSEND)) == 3


def test_pages_ask_for_lasting_or_for_one_time_templates_and_only_in_wechat(app: Flask, door: Outside) -> None:
    assert [one.template_id for one in consents.offered()] == ["sub_once", "sub_draft"]
    configure(app, ONCE | LASTING)
    assert [one.template_id for one in consents.offered()] == ["sub_lasting"]
    configure(app, {})
    assert consents.offered() == ()
    person = somebody()
    openid = follower(door, person)
    consents.answered(openid, {"sub_once": True}, clock.protocol_now())
    assert left(openid) == {}, "nothing is known of a template that isn't ours"
    assert told(person)[1].gateway == "template"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"touser": "oNobody"}, "40003"),
        ({"template_id": "case_progress"}, "40037"),
        ({"page": "pages/index"}, "41030"),
        ({}, "43101"),
        ({"data": {"thing1": {"value": "长" * 21}}}, "47003"),
    ],
)
def test_the_stand_in_refuses_what_wechat_refuses(app: Flask, door: Outside, change: dict[str, Any], code: str) -> None:
    openid = follower(door, somebody())
    if code == "47003":
        tap(door, openid, sub_once="accept")
    message = {"touser": openid, "template_id": "sub_once", "data": {}} | change
    client = parts().clients["wechat_api"].client
    with pytest.raises(Exception, match=code):
        client.post("message/subscribe/bizsend", data=message)
