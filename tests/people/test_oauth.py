"""Inside WeChat nobody types to be known: to the authorize page and back, in the same browser, once."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

from flask import Flask
from sqlalchemy import select

from citizen_services import clock
from citizen_services.database import commit, db, new_id
from citizen_services.people.models import Session, WeChatBinding
from tests import factories
from tests.house import House
from tests.people.browser import WECHAT, Browser
from tests.people.conftest import Invented

NewBrowser = Callable[[], Browser]


def _in_wechat(browser: NewBrowser) -> Browser:
    one = browser()
    one.agent = WECHAT
    return one


def test_the_front_page_leads_a_wechat_browser_to_the_authorize_page_and_back_to_a_clean_address(
    browser: NewBrowser, invented: Callable[..., Invented], house: House, application: Flask
) -> None:
    person, one = invented(), _in_wechat(browser)
    with application.app_context():
        citizen = factories.citizen()
        db.session.add(WeChatBinding(id=new_id(), openid=person.openid, citizen_id=citizen.id, bound_at=clock.now()))
        commit()
    one.open("/h5/?from=menu")
    away = urlsplit(one.page.headers["Location"])
    assert f"{away.scheme}://{away.netloc}" == house.sandbox_url
    asked = parse_qs(away.query)
    assert re.fullmatch(r"[a-zA-Z0-9]{32,128}", asked["state"][0])
    assert asked["redirect_uri"] == [f"{house.web_url}/h5/oauth/callback"]
    assert away.fragment == "wechat_redirect"
    one.open(one.authorize(person.openid), follow=False)
    assert one.page.status_code == 303
    assert one.page.headers["Location"] == "/h5/?from=menu"
    with application.app_context():
        row = db.session.scalars(select(Session)).one()
        assert (row.openid, row.citizen_id) == (person.openid, citizen.id)
    # Known now: no second way round.
    assert one.open("/h5/login", follow=False).headers["Location"] == "/h5/"


def test_a_follower_of_nobody_is_known_as_follower_only_and_a_plain_browser_is_not_led_away(
    browser: NewBrowser, invented: Callable[..., Invented], application: Flask
) -> None:
    person, one = invented(), _in_wechat(browser)
    one.open("/h5/bind?next=/h5/cases/7")
    one.open(one.authorize(person.openid), follow=False)
    assert one.page.headers["Location"] == "/h5/bind?next=/h5/cases/7"
    with application.app_context():
        row = db.session.scalars(select(Session)).one()
        assert (row.openid, row.citizen_id) == (person.openid, None)
    assert browser().open("/h5/login", follow=False).status_code == 200


def test_two_browsers_that_swap_their_ways_back_are_both_refused(
    browser: NewBrowser, invented: Callable[..., Invented], application: Flask
) -> None:
    victim, attacker = _in_wechat(browser), _in_wechat(browser)
    victim.open("/h5/bind")
    attacker.open("/h5/bind")
    of_attacker = attacker.authorize(invented().openid)
    of_victim = victim.authorize(invented().openid)
    for one, path in ((victim, of_attacker), (attacker, of_victim)):
        one.open(path)
        assert one.page.status_code == 400
        assert "微信登录没有完成" in one.words
        assert one.cookie("h5_session", "/h5") is None
    with application.app_context():
        assert db.session.scalars(select(Session)).all() == []
    # The refusals spent nothing: each still comes back by its own way.
    victim.open(of_victim, follow=False)
    assert victim.page.status_code == 303


def test_a_way_back_opens_once_within_ten_minutes_and_reloading_it_harms_nobody(
    browser: NewBrowser, invented: Callable[..., Invented], later: Callable[[timedelta], None], application: Flask
) -> None:
    person, one = invented(), _in_wechat(browser)
    one.open("/h5/bind")
    path = one.authorize(person.openid)
    one.open(path, follow=False)
    token = one.cookie("h5_session", "/h5")
    one.open(path, follow=False)
    # The cookie of the way out is gone with the first return; the session of the first return stands.
    assert one.page.status_code in (303, 400)
    assert one.cookie("h5_session", "/h5") == token
    late = _in_wechat(browser)
    late.open("/h5/bind")
    path = late.authorize(person.openid)
    later(timedelta(minutes=10))
    late.open(path)
    assert late.page.status_code == 400


def test_a_code_that_wechat_does_not_know_and_a_silent_wechat_log_nobody_in(
    browser: NewBrowser, invented: Callable[..., Invented], outside: House, application: Flask
) -> None:
    person, one = invented(), _in_wechat(browser)
    one.open("/h5/bind")
    path = one.authorize(person.openid)
    one.open(re.sub(r"code=\w+", "code=0123456789abcdef", path))
    assert one.page.status_code == 400
    two = _in_wechat(browser)
    two.open("/h5/bind")
    path = two.authorize(person.openid)
    outside.control("PUT", "faults/wechat_oauth", {"mode": "http_500", "times": 1})
    two.open(path)
    assert two.page.status_code == 503
    assert "用手机号登录" in two.words
    with application.app_context():
        assert db.session.scalars(select(Session)).all() == []


def test_a_snapshot_pages_made_up_follower_is_bound_to_nobody(
    browser: NewBrowser, invented: Callable[..., Invented], application: Flask
) -> None:
    one = _in_wechat(browser)
    one.open("/h5/bind")
    one.open(one.authorize(invented().openid, _snapshot="1"))
    assert one.page.status_code == 403
    assert "使用完整服务" in one.words
    with application.app_context():
        assert db.session.scalars(select(Session)).all() == []


def test_whoever_sets_out_from_another_address_of_ours_goes_by_the_public_one(
    application: Flask, database: None, house: House
) -> None:
    elsewhere = application.test_client().get(
        "/h5/oauth/start?next=/h5/cases/7", base_url="http://localhost:5999", headers={"User-Agent": WECHAT}
    )
    assert elsewhere.headers["Location"] == f"{house.web_url}/h5/oauth/start?next=/h5/cases/7&at=public"
