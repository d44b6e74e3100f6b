"""Two SMS gateways: the other one sends what the first surely did not take, and nobody else what is in doubt."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from citizen_services.database import db
from citizen_services.exchange.breaker import Breaker
from citizen_services.exchange.clients import partner_clients
from citizen_services.parts import EXTENSION, parts
from citizen_services.settings import Partner, Settings
from notifications import queue, tasks, texts
from notifications.models import ChannelHold, Delivery, Receipt
from tests.house import ROOT, House, running
from tests.notifications.conftest import Outside, due_now, lease_ends, somebody, tell, tries
from tests.notifications.test_processes import _Redis, own_redis, sweeping, until, worker

__all__ = ["own_redis"]


def environ(house: House, **more: str) -> dict[str, str]:
    """The environment of this folder's installation, with Tencent too."""
    return house.environ | {"SMS_TENCENT_BASE_URL": f"{house.sandbox_url}/sms_tencent"} | more


def use(app: Flask, settings: Settings) -> None:
    """Let the application have these settings, and clients of its own."""
    before = app.extensions[EXTENSION]
    app.extensions[EXTENSION] = replace(before, settings=settings, clients=partner_clients(settings, db.engine))


@pytest.fixture
def both(app: Flask, partners: Outside) -> Iterator[Outside]:
    """Both gateways, Aliyun first, with our templates registered; Tencent's reports don't bear our reference."""
    before = app.extensions[EXTENSION]
    use(app, Settings.load(environ(partners.house)))
    for template in texts.templates_of(parts().catalogue, ("sms_tencent",)):
        if template.partner == "sms_tencent":
            partners.put(f"templates/sms_tencent/{template.key}", text=template.content, kind=template.kind)
    partners.put("settings/sms_tencent", session_context=False)
    yield partners
    app.extensions[EXTENSION] = before


def rest_long(gateway: str) -> None:
    """Whatever is left alone stays so for this test, however long that lasts."""
    client = parts().clients[gateway]
    client._caller._breaker = Breaker(rest_s=3600.0)
    client.account, client.trials = Breaker(1, 3600.0), Breaker(0, 3600.0)


def sent(both: Outside) -> tuple[int, int]:
    """How many messages were accepted by Aliyun, and by Tencent."""
    return tuple(len(both.arrived(name, "SendSms", "accepted")) for name in ("sms_aliyun", "sms_tencent"))  # type: ignore[return-value]


def holds() -> dict[str, str]:
    """What is held, and why."""
    db.session.rollback()
    return {hold.channel: hold.reason for hold in db.session.scalars(select(ChannelHold))}


def test_which_gateway_is_first_is_a_setting(app: Flask, both: Outside) -> None:
    notice = tell(somebody())
    tasks.send("sms")
    assert sent(both) == (1, 0)
    assert tries(notice)["sms"].gateway == "sms_aliyun"
    use(app, Settings.load(environ(both.house, SMS_FIRST="tencent")))
    person = somebody()
    other = tell(person)
    tasks.send("sms")
    assert sent(both) == (1, 1)
    delivery = tries(other)["sms"]
    assert (delivery.gateway, delivery.state, delivery.attempts) == ("sms_tencent", "sent", 1)
    (message,) = both.arrived("sms_tencent", "SendSms")
    (like,) = both.arrived("sms_aliyun", "SendSms")
    assert (message["to"], message["our_ref"]) == (person.phone, str(delivery.id))
    assert message["text"] == like["text"], "each value stands where its variable is"


def test_a_refused_account_is_an_alarm_and_the_other_gateway_goes_on(
    app: Flask, both: Outside, caplog: pytest.LogCaptureFixture
) -> None:
    rest_long("sms_aliyun")
    both.fault("sms_aliyun", "refuse", code="isv.AMOUNT_NOT_ENOUGH")
    notices = [tell(somebody()) for _ in range(6)]
    tasks.send("sms")
    assert sent(both) == (0, 6)
    assert len(both.arrived("sms_aliyun", "SendSms")) <= 4, "not one after another in vain"
    assert {tries(notice)["sms"].attempts for notice in notices} == {1}
    assert holds() == {"sms_aliyun": "isv.AMOUNT_NOT_ENOUGH"}
    both.fault("sms_aliyun", "none")
    parts().clients["sms_aliyun"].account.succeeded()
    tell(somebody())
    tasks.send("sms")
    assert (sent(both), holds()) == ((1, 6), {}), "mended, the first is first again, and nobody is alarmed"


def test_where_both_accounts_are_refused_the_channel_waits(app: Flask, both: Outside) -> None:
    both.fault("sms_aliyun", "refuse", code="isv.AMOUNT_NOT_ENOUGH")
    both.fault("sms_tencent", "refuse", code="UnauthorizedOperation.ServiceSuspendDueToArrears")
    notice = tell(somebody())
    tasks.send("sms")
    assert (tries(notice)["sms"].state, tries(notice)["sms"].attempts) == ("pending", 0)
    assert set(holds()) == {"sms", "sms_aliyun"}
    db.session.execute(update(ChannelHold).values(until=func.now() + timedelta(hours=1)))
    db.session.commit()
    asked = len(both.arrived("sms_tencent", "SendSms"))
    due_now("sms")
    tasks.send("sms")
    assert len(both.arrived("sms_tencent", "SendSms")) == asked == 1


@contextlib.contextmanager
def nobody_there() -> Iterator[str]:
    """An address at which surely nobody listens while this lasts."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


def test_a_gateway_that_is_away_is_left_alone_and_the_other_takes_over(app: Flask, both: Outside) -> None:
    with nobody_there() as address:
        settings = parts().settings
        away = Partner("sms_aliyun", address, settings.partners["sms_aliyun"].credentials)
        use(app, replace(settings, partners={**settings.partners, "sms_aliyun": away}))
        rest_long("sms_aliyun")
        notices = [tell(somebody()) for _ in range(5)]
        tasks.send("sms")
        # None was taken; after five in vain nobody tries any more.
        due_now("sms")
        tasks.send("sms")
    assert sent(both) == (0, 5)
    assert {tries(notice)["sms"].gateway for notice in notices} == {"sms_tencent"}
    assert all(tries(notice)["sms"].attempts >= 2 for notice in notices), "an honest try of the first is counted"


def test_a_number_that_one_gateway_refuses_goes_by_the_other_and_never_back(app: Flask, both: Outside) -> None:
    both.fault("sms_aliyun", "refuse", code="isv.MOBILE_NUMBER_ILLEGAL")
    notice = tell(somebody())
    tasks.send("sms")
    delivery = tries(notice)["sms"]
    assert (delivery.state, delivery.gateway, delivery.refused_by) == ("sent", "sms_tencent", "sms_aliyun")
    assert holds() == {}
    both.fault("sms_tencent", "refuse", code="InvalidParameterValue.IncorrectPhoneNumber")
    nobody = tell(somebody())
    tasks.send("sms")
    assert tries(nobody)["sms"].state == "failed"
    assert tries(nobody)["sms"].reason == "never: InvalidParameterValue.IncorrectPhoneNumber"
    assert len(both.arrived("sms_aliyun", "SendSms")) == 2
    # Any other refusal of a message is one everywhere.
    both.fault("sms_aliyun", "refuse", code="isv.BLACK_KEY_CONTROL_LIMIT")
    refused = tell(somebody())
    tasks.send("sms")
    assert (tries(refused)["sms"].state, tries(refused)["sms"].gateway) == ("failed", "sms_aliyun")


def test_what_is_in_doubt_at_the_first_never_goes_to_the_other(app: Flask, both: Outside) -> None:
    rest_long("sms_aliyun")
    both.fault("sms_aliyun", "accept_then_cut", times=1)
    notice = tell(somebody())
    tasks.send("sms")
    assert tries(notice)["sms"].state == "uncertain"
    both.fault("sms_aliyun", "http_500")
    for _ in range(6):
        due_now("sms")
        tasks.send("sms")
    doubtful = tries(notice)["sms"]
    assert (doubtful.state, doubtful.gateway, doubtful.attempts) == ("uncertain", "sms_aliyun", 1)
    assert parts().clients["sms_aliyun"].left_alone, "though it is known to be away"
    assert sent(both) == (1, 0)
    assert not both.arrived("sms_tencent", "PullSmsSendStatusByPhoneNumber")


def status(delivery: Delivery, *, serial: str = "5000:1", success: bool = True, **more: Any) -> dict[str, Any]:
    """One entry of Tencent's callback about a try."""
    return {
        "user_receive_time": "2026-11-09 09:00:05",
        "nationcode": "86",
        "mobile": delivery.payload["phone"],
        "report_status": "SUCCESS" if success else "FAIL",
        "errmsg": "DELIVRD" if success else "UNDELIV",
        "description": "用户短信送达成功",
        "sid": serial,
        **more,
    }


def push(client: FlaskClient, *entries: dict[str, Any], token: str = "") -> Any:
    """Push to our door as Tencent does."""
    known = parts().settings.partners["sms_tencent"]["receipt_token"]
    return client.post(f"/receipts/sms_tencent/{token or known}", json=list(entries))


def test_a_lost_answer_of_tencent_s_stays_in_doubt_until_a_report_settles_it(
    app: Flask, both: Outside, client: FlaskClient
) -> None:
    use(app, Settings.load(environ(both.house, SMS_FIRST="tencent")))
    both.fault("sms_tencent", "accept_then_cut", times=1)
    person = somebody()
    notice = tell(person)
    tasks.send("sms")
    for _ in range(4):
        due_now("sms")
        tasks.send("sms")
    doubtful = tries(notice)["sms"]
    assert (doubtful.state, doubtful.attempts, doubtful.reason) == (
        "uncertain", 1, "sms_tencent can't be asked; fate unknown",
    )  # fmt: skip
    assert both.arrived("sms_tencent", "PullSmsSendStatusByPhoneNumber")
    assert sent(both) == (0, 1)
    # Reports of others, and one of a message that we know, are not this one's.
    known = tell(person, "accept", "submitted")
    tasks.send("sms")
    ours = tries(known)["sms"]
    assert ours.partner_ref
    assert push(client, status(ours, serial=ours.partner_ref), status(ours, mobile="13900000009")).json["result"] == 0
    tasks.settle()
    assert (tries(known)["sms"].state, tries(notice)["sms"].state) == ("delivered", "uncertain")
    push(client, status(doubtful, serial="5000:2"))
    tasks.settle()
    assert (tries(notice)["sms"].state, tries(notice)["sms"].partner_ref) == ("delivered", "5000:2")


def test_with_our_reference_in_reports_a_lost_answer_is_settled_by_asking(app: Flask, both: Outside) -> None:
    use(app, Settings.load(environ(both.house, SMS_FIRST="tencent")))
    both.put("settings/sms_tencent", session_context=True)
    both.fault("sms_tencent", "accept_then_cut", times=1)
    notice = tell(somebody())
    tasks.send("sms")

    def asked() -> bool:
        due_now("sms")
        tasks.send("sms")
        return tries(notice)["sms"].state == "delivered"

    until(asked, "the carrier to report")
    assert sent(both) == (0, 1)
    assert tries(notice)["sms"].partner_ref == both.arrived("sms_tencent", "SendSms")[0]["detail"]["serial"]


def test_receipts_of_tencent_are_kept_once_believed_of_our_messages_and_never_backwards(
    app: Flask, both: Outside, client: FlaskClient
) -> None:
    both.fault("sms_aliyun", "refuse", code="isv.MOBILE_NUMBER_ILLEGAL", times=1)
    notice = tell(somebody())
    tasks.send("sms")
    delivery = tries(notice)["sms"]
    assert push(client, status(delivery), token="wrong").status_code == 404
    assert client.post(f"/receipts/sms_tencent/{parts().settings.partners['sms_tencent']['receipt_token']}",
                       data=b"{}").status_code == 400  # fmt: skip
    entry = status(delivery, serial=str(delivery.partner_ref))
    for _ in range(2):
        assert push(client, entry).json == {"result": 0, "errmsg": "OK"}
    assert db.session.query(Receipt).count() == 1
    # What Aliyun says of a message that Tencent has by now ends nothing.
    known = parts().settings.partners["sms_aliyun"]["receipt_token"]
    failed = {
        "phone_number": delivery.payload["phone"], "success": False, "err_code": "MK:0001",
        "out_id": str(delivery.id), "biz_id": "1^0", "report_time": "2026-11-09 09:00:05",
    }  # fmt: skip
    assert client.post(f"/receipts/sms_aliyun/{known}", json=[failed]).status_code == 200
    db.session.execute(update(Receipt).values(due_at=Receipt.received_at - timedelta(seconds=1)))
    db.session.commit()
    tasks.settle()
    assert tries(notice)["sms"].state == "delivered"
    push(client, entry | {"report_status": "FAIL"})
    tasks.settle()
    assert tries(notice)["sms"].state == "delivered"


def test_a_worker_killed_after_tencent_took_a_message_sends_it_by_nobody_again(
    app: Flask, both: Outside, own_redis: _Redis
) -> None:
    house = House(environ(both.house, SMS_FIRST="tencent"), both.house.folder)
    use(app, replace(Settings.load(house.environ), redis_url=own_redis.url))
    notice = tell(somebody())
    both.fault("sms_tencent", "slow", delay_s=8, times=1)
    first = worker(house, own_redis)
    with running(first):
        queue.wake("send-sms")
        until(lambda: both.arrived("sms_tencent", "SendSms", "accepted"), "the message at Tencent")
        assert (tries(notice)["sms"].state, tries(notice)["sms"].gateway) == ("sending", "sms_tencent")
        first.kill()
    lease_ends()
    with running(worker(house, own_redis)):
        sweeping(app, lambda: tries(notice)["sms"].state == "uncertain", "the lost lease to be noticed", 45)
        due_now("sms")
        asked = ("sms_tencent", "PullSmsSendStatusByPhoneNumber")
        sweeping(app, lambda: both.arrived(*asked), "Tencent to be asked")
    assert sent(both) == (0, 1)
    assert not both.arrived("sms_aliyun", "SendSms")
    assert (tries(notice)["sms"].state, tries(notice)["sms"].attempts) == ("uncertain", 1)


def test_an_installation_whose_account_takes_shorter_variables_than_ours_does_not_start(
    app: Flask, both: Outside
) -> None:
    program = [sys.executable, "-c", "import app; app.web()"]
    given = os.environ | environ(both.house, SMS_TENCENT_VARIABLE="6")
    started = subprocess.run(program, cwd=ROOT, env=given, capture_output=True, text=True, timeout=120, check=False)
    assert started.returncode != 0
    assert "the SMS gateway takes 6 (sms_tencent)" in started.stderr
    # Nor is a variable sent that is longer than one of ours may be, where nothing bounds it.
    use(app, Settings.load(environ(both.house, SMS_FIRST="tencent", SMS_TENCENT_VARIABLE="12")))
    notice = tell(somebody())
    tasks.send("sms")
    assert tries(notice)["sms"].state == "sent"
    longest = max(len(value) for value in tries(notice)["sms"].payload["values"].values())
    assert longest > 12
    assert tries(notice)["sms"].payload["values"]["number"] not in both.arrived("sms_tencent", "SendSms")[0]["text"]
