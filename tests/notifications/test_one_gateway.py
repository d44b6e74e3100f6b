"""One SMS gateway, whichever it is: nothing asks for the other one, and what that one had is not lost."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from citizen_services.database import db
from citizen_services.doctor import examine
from citizen_services.parts import EXTENSION, parts
from citizen_services.settings import Settings
from notifications import operations, tasks
from tests.notifications.conftest import Outside, due_now, somebody, tell, tries
from tests.notifications.test_two_gateways import both, environ, holds, push, sent, status, use

__all__ = ["both"]


@pytest.fixture
def tencent(app: Flask, both: Outside) -> Outside:
    """An installation that has Tencent alone, and nothing of Aliyun's."""
    given = {name: value for name, value in environ(both.house).items() if not name.startswith("SMS_ALIYUN_")}
    use(app, Settings.load(given))
    return both


def test_with_tencent_alone_a_message_goes_and_its_report_counts(
    app: Flask, tencent: Outside, client: FlaskClient
) -> None:
    assert parts().settings.sms_gateways == ("sms_tencent",)
    notice = tell(somebody())
    tasks.send("sms")
    assert sent(tencent) == (0, 1)
    delivery = tries(notice)["sms"]
    assert (delivery.gateway, delivery.state) == ("sms_tencent", "sent")
    assert push(client, status(delivery, serial=str(delivery.partner_ref))).json == {"result": 0, "errmsg": "OK"}
    due_now("sms")
    tasks.settle()
    assert tries(notice)["sms"].state == "delivered"
    # The door of the gateway that is not there is none.
    token = tencent.house.environ["SMS_ALIYUN_RECEIPT_TOKEN"]
    assert client.post(f"/receipts/sms_aliyun/{token}", json=[]).status_code == 404
    (finding,) = [one for one in examine(parts()) if one.check == "sms gateways"]
    assert (finding.ok, finding.found) == (True, "sms_tencent")


def test_what_the_gateway_had_that_was_taken_out_stays_in_doubt_and_is_sent_by_nobody(
    app: Flask, both: Outside
) -> None:
    both.fault("sms_aliyun", "accept_then_cut", times=1)
    notice = tell(somebody())
    tasks.send("sms")
    assert tries(notice)["sms"].state == "uncertain"
    given = {name: value for name, value in environ(both.house).items() if not name.startswith("SMS_ALIYUN_")}
    use(app, Settings.load(given))
    for _ in range(4):
        due_now("sms")
        tasks.send("sms")
    assert (tries(notice)["sms"].state, tries(notice)["sms"].gateway) == ("uncertain", "sms_aliyun")
    assert sent(both) == (1, 0)
    assert holds() == {}


def test_without_any_gateway_messages_wait_and_the_doctor_says_why(app: Flask, both: Outside) -> None:
    before = app.extensions[EXTENSION]
    bare = {name: one for name, one in before.settings.partners.items() if not name.startswith("sms_")}
    use(app, replace(before.settings, partners=bare))
    notice = tell(somebody())
    tasks.send("sms")
    db.session.rollback()
    assert (tries(notice)["sms"].state, sent(both)) == ("pending", (0, 0))
    assert holds() == {"sms": "not_configured"}
    (finding,) = [one for one in examine(parts()) if one.check == "sms gateways"]
    assert (finding.ok, finding.found) == (False, "none")
    assert "nobody gets a code" in finding.todo
    use(app, before.settings)
    operations.try_again("sms")
    db.session.commit()
    tasks.send("sms")
    assert tries(notice)["sms"].state == "sent"
