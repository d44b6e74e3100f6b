"""The official account's API and web authorisation, by way of wechatpy's operations and our transport."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import pytest
import requests
from flask import Flask

from citizen_services.database import db
from citizen_services.exchange import clients
from citizen_services.exchange.http import Caller
from citizen_services.exchange.outcomes import Accepted, NotAccepted, Refused, Uncertain, Unknown
from citizen_services.exchange.wechat_api import WeChatApi
from citizen_services.exchange.wechat_codes import WeChatRefused, kind_of, refusal
from citizen_services.exchange.wechat_oauth import CodeSpent
from citizen_services.exchange.wechat_token import SharedToken
from citizen_services.settings import Partner
from tests.exchange.test_caller import everything_of
from tests.exchange.wire import WirePartner, reply
from tests.house import House

FIELDS = {"thing1": "居住证办理", "time2": "2026年11月9日 09:00"}


@pytest.fixture
def openid(outside: House) -> str:
    """A follower."""
    outside.control("PUT", "templates/wechat_api/T-1", {"title": "进度", "content": "{{thing1.DATA}}{{time2.DATA}}"})
    follower = f"o{uuid4().hex[:27]}"
    outside.control("PUT", f"followers/{follower}", {"push": False, "scene": "plate_7"})
    outside.control("PUT", f"followers/{follower}", {})
    return follower


def on_wire(app: Flask, wire: WirePartner) -> WeChatApi:
    settings = app.extensions["citizen_services"].settings
    partner, caller = Partner("wechat_api", wire.url), Caller("wechat_api")
    templates: Mapping[str, str] = {"wechat:progress": "T-real"}
    return WeChatApi(
        partner, settings.wechat, templates, caller, SharedToken(partner, settings.wechat, caller, db.engine)
    )


TOKEN = reply(200, {"access_token": "token-of-the-test", "expires_in": 7200})


def sent(outside: House, ref: str) -> list[dict[str, Any]]:
    return [entry for entry in outside.ledger("wechat_api") if entry["our_ref"] == ref.replace("-", "")]


def test_a_template_message_is_accepted_under_our_reference(app: Flask, outside: House, openid: str) -> None:
    ref = str(uuid4())
    outcome = clients.wechat_api().send_template(ref, openid, "T-1", FIELDS, "https://example.test/h5/cases/1")
    assert isinstance(outcome, Accepted)
    assert outcome.partner_ref.isdigit()
    (entry,) = sent(outside, ref)
    assert (entry["to"], entry["outcome"], entry["request_ref"]) == (openid, "accepted", ref)


def test_who_does_not_follow_is_refused_for_good_and_a_wrong_value_too(app: Flask, outside: House, openid: str) -> None:
    api = clients.wechat_api()
    wrong = api.send_template(str(uuid4()), openid, "T-1", {"thing1": "", "time2": "morgen"})
    assert isinstance(wrong, NotAccepted)
    assert (wrong.kind, wrong.code) == ("never", "47003")
    outside.control("DELETE", f"followers/{openid}")
    gone = api.send_template(str(uuid4()), openid, "T-1", FIELDS)
    assert isinstance(gone, NotAccepted)
    assert (gone.kind, gone.code) == ("never", "43004")


def test_an_expired_token_is_replaced_and_the_message_sent_once(app: Flask, outside: House, openid: str) -> None:
    api = clients.wechat_api()
    api.follower(openid)
    outside.control("PUT", "faults/wechat_api", {"mode": "expired_token", "times": 1})
    ref = str(uuid4())
    assert isinstance(api.send_template(ref, openid, "T-1", FIELDS), Accepted)
    assert [entry["outcome"] for entry in sent(outside, ref)] == ["42001", "accepted"]


def test_a_token_that_ends_right_after_it_was_renewed_holds_nobody_up(app: Flask, outside: House, openid: str) -> None:
    api = clients.wechat_api()
    api.follower(openid)
    outside.control("PUT", "faults/wechat_api", {"mode": "expired_token", "times": 2})
    ref = str(uuid4())
    assert isinstance(api.send_template(ref, openid, "T-1", FIELDS), Accepted)
    assert [entry["outcome"] for entry in sent(outside, ref)] == ["42001", "42001", "accepted"]


def test_a_token_that_is_refused_though_it_is_given_out_is_replaced_by_force(app: Flask, wire: WirePartner) -> None:
    bad = reply(200, {"errcode": 42001, "errmsg": "access_token expired"})
    other = reply(200, {"access_token": "another-token", "expires_in": 7200})
    wire.acts = [TOKEN, bad, TOKEN, other, reply(200, {"errcode": 0, "msgid": 7})]
    assert on_wire(app, wire).send_template(str(uuid4()), "o-1", "progress", FIELDS) == Accepted("7")
    assert wire.arrived[-1].line.count("access_token=another-token") == 1


@pytest.mark.parametrize("mode", [{"mode": "accept_then_cut"}, {"mode": "http_500", "after": True}])
def test_a_lost_answer_is_unknown_and_is_not_sent_again(
    app: Flask, outside: House, openid: str, mode: dict[str, Any]
) -> None:
    api = clients.wechat_api()
    api.follower(openid)
    outside.control("PUT", "faults/wechat_api", mode | {"times": 1})
    ref = str(uuid4())
    assert isinstance(api.send_template(ref, openid, "T-1", FIELDS), Unknown)
    assert len(sent(outside, ref)) == 1
    # What a repetition of the id means is documented nowhere, so it proves nothing either.
    assert isinstance(api.send_template(ref, openid, "T-1", FIELDS), Unknown)


def test_the_menu_keeps_its_chinese_names_and_followers_are_known(app: Flask, outside: House, openid: str) -> None:
    api = clients.wechat_api()
    buttons = [{"type": "view", "name": "办事", "url": "https://example.test/h5/"}]
    api.create_menu(buttons)
    assert api.menu() == buttons
    follower = api.follower(openid)
    assert (follower.subscribed, follower.scene) == (True, "plate_7")
    with pytest.raises(Refused) as unknown:
        api.follower("o-nobody")
    assert (unknown.value.code, unknown.value.kind) == ("40003", "never")


def test_no_menu_is_an_empty_menu(app: Flask, wire: WirePartner) -> None:
    wire.acts = [TOKEN, reply(200, {"errcode": 46003, "errmsg": "menu no exist"})]
    assert on_wire(app, wire).menu() == []


def test_a_token_that_stays_refused_is_asked_for_anew_once_and_then_a_person_has_to_look(
    app: Flask, wire: WirePartner
) -> None:
    bad = reply(200, {"errcode": "40001", "errmsg": "invalid credential"})
    wire.acts = [TOKEN, bad, TOKEN]
    outcome = on_wire(app, wire).send_template(str(uuid4()), "o-1", "progress", FIELDS)
    assert isinstance(outcome, NotAccepted)
    assert (outcome.kind, outcome.code) == ("operator", "40001")
    assert [arrived.json().get("force_refresh") for arrived in wire.arrived] == [False, None, False, True]
    assert wire.arrived[1].json()["template_id"] == "T-real"
    assert len(wire.arrived[1].json()["client_msg_id"]) == 32


@pytest.mark.parametrize("act", [reply(502, "<html>"), reply(200, "<html>busy</html>"), reply(200, "null")])
def test_a_page_instead_of_an_answer_is_unknown_and_tells_no_token(
    app: Flask, wire: WirePartner, act: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    wire.acts = [TOKEN, act]
    api = on_wire(app, wire)
    assert isinstance(api.send_template(str(uuid4()), "o-1", "progress", FIELDS), Unknown)
    with pytest.raises(Uncertain) as error:
        api.create_menu([])
    assert "token-of-the-test" not in everything_of(error.value) + caplog.text
    assert "token-of-the-test" in wire.arrived[1].line


def test_the_librarys_operations_that_leave_the_configured_address_are_refused(app: Flask, wire: WirePartner) -> None:
    client = on_wire(app, wire).client
    with pytest.raises(NotImplementedError):
        client.customservice.add_account("a@b", "name", "password")
    with pytest.raises(NotImplementedError):
        client.fetch_access_token()
    assert not wire.arrived


@pytest.mark.parametrize(
    ("codes", "kind"),
    [
        ((-1, -1000), "now"),
        ((45009, 45011), "later"),
        ((40001, 40014, 42001, 40013, 40125, 40164, 61004, 40243, 48001, 48004, 50002, 89503), "operator"),
        ((40003, 43004, 43019, 43101, 45015, 45047, 48002, 40037, 47003, 41030, 40163, 99999), "never"),
    ],
)
def test_each_errcode_is_sorted(codes: tuple[int, ...], kind: str) -> None:
    assert {kind_of(code) for code in codes} == {kind}


def test_limits_tell_how_long_to_wait_and_words_are_no_part_of_the_text() -> None:
    minute = refusal("op", {"errcode": 45011, "errmsg": "o-openid rid: 1"})
    day = refusal("op", {"errcode": 45009, "errmsg": ""})
    assert minute is not None
    assert day is not None
    assert minute.after_s == 60
    assert day.after_s is not None
    assert 0 < day.after_s <= 24 * 3600 + 60
    assert isinstance(minute, WeChatRefused)
    assert "openid" not in f"{minute} {minute!r}"
    assert refusal("op", {"errcode": 0}) is None
    assert refusal("op", {"subscribe": 1}) is None


# --- Web authorisation --------------------------------------------------------------------------------------------


def authorized(outside: House, openid: str, **more: str) -> str:
    """Let the browser go to WeChat's page and come back; gives the code."""
    back = f"{outside.web_url}/h5/login/wechat?next=%2Fh5%2F"
    address = clients.wechat_oauth().authorize_url(back, "state1").removesuffix("#wechat_redirect")
    extra = "".join(f"&{name}={value}" for name, value in more.items())
    answer = requests.get(f"{address}&_openid={openid}{extra}", allow_redirects=False, timeout=10)
    assert answer.status_code == 302, answer.text
    query = dict(parse_qsl(urlsplit(answer.headers["Location"]).query))
    assert (query["state"], query["next"]) == ("state1", "/h5/")
    return query["code"]


def test_a_code_gives_the_openid_once(app: Flask, outside: House, openid: str) -> None:
    oauth = clients.wechat_oauth()
    code = authorized(outside, openid)
    found = oauth.exchange(code)
    assert (found.openid, found.snapshot, found.scope) == (openid, False, "snsapi_base")
    for spent in (code, "never-given"):
        with pytest.raises(CodeSpent):
            oauth.exchange(spent)


def test_a_snapshot_pages_visitor_is_flagged(app: Flask, outside: House, openid: str) -> None:
    assert clients.wechat_oauth().exchange(authorized(outside, openid, _snapshot="1")).snapshot


def test_the_authorize_address_keeps_wechats_order(app: Flask) -> None:
    address = clients.wechat_oauth().authorize_url("https://example.test/h5/?a=1&b=2", "abc123", "snsapi_userinfo")
    pattern = (
        r"/connect/oauth2/authorize\?appid=wx\w+&redirect_uri=https%3A%2F%2Fexample.test%2Fh5%2F%3Fa%3D1%26b%3D2"
        r"&response_type=code&scope=snsapi_userinfo&state=abc123#wechat_redirect$"
    )
    assert re.search(pattern, address)


@pytest.mark.parametrize("state", ["", "a b", "x" * 129, "st&a=1"])
def test_a_state_that_wechat_would_refuse_is_refused_here(app: Flask, state: str) -> None:
    with pytest.raises(ValueError, match="state"):
        clients.wechat_oauth().authorize_url("https://example.test/", state)


def test_an_exchange_that_fails_tells_neither_secret_nor_code(
    app: Flask, outside: House, openid: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    code = authorized(outside, openid)
    caplog.clear()
    outside.control("PUT", "faults/wechat_oauth", {"mode": "accept_then_cut", "times": 1})
    with pytest.raises(Uncertain) as lost:
        clients.wechat_oauth().exchange(code)
    told = everything_of(lost.value) + "".join(r.getMessage() for r in caplog.records if r.name.startswith("citizen"))
    assert outside.settings.wechat.app_secret not in told
    assert code not in told
    with pytest.raises(CodeSpent):
        clients.wechat_oauth().exchange(code)
