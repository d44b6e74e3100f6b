"""Forms come from our own pages and this very session; whoever is led on stays with us."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from werkzeug.routing.converters import AnyConverter

from citizen_services.people import web
from tests import factories
from tests.house import House
from tests.people.browser import Browser
from tests.people.conftest import Phones

NewBrowser = Callable[[], Browser]

ELSEWHERE = [
    "https://evil.example/",
    "//evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/h5/\\..\\..\\evil",
    "http:evil.example",
    "javascript:alert(1)",
    "/%09/evil.example\t",
    "/\t/evil.example",
    "/h5/\r\nSet-Cookie: a=b",
    "/static/css/h5.css",
    "evil.example",
    "@evil.example",
    "",
]


def unprotected(application: Flask, base_url: str) -> list[str]:
    """Every address of the two doors that takes a form without a token."""
    found = []
    client = application.test_client()
    for rule in application.url_map.iter_rules():
        if "POST" not in (rule.methods or ()) or web.door_of(rule.rule) is None:
            continue
        values = dict.fromkeys(rule.arguments, "0190b7a4-0000-7000-8000-000000000000")
        if rule.arguments and "code" in rule.arguments:
            values["code"] = "residence-permit-first"
        values |= {name: min(one.items) for name, one in rule._converters.items() if isinstance(one, AnyConverter)}
        values |= rule.defaults or {}
        with application.test_request_context():
            path = application.url_map.bind("127.0.0.1").build(rule.endpoint, values, method="POST")
        if client.post(path, base_url=base_url, data={"phone": "13912345678"}).status_code != 400:
            found.append(rule.rule)
    return found


def test_no_form_of_the_two_doors_is_taken_without_its_token(
    application: Flask, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert unprotected(application, house.web_url) == []
    # The guard sees a door that was left open.
    monkeypatch.setattr(web._csrf, "protect", lambda: None)
    left_open = set(unprotected(application, house.web_url))
    assert {"/h5/login", "/h5/bind/face", "/console/login", "/console/bind"} <= left_open


def test_a_token_serves_only_the_session_whose_page_it_came_from(
    browser: NewBrowser, phones: Phones, application: Flask, staff_logins: dict[str, dict[str, Any]]
) -> None:
    with application.app_context():
        citizen = factories.citizen()
    one, attacker = browser(), browser()
    attacker.open("/h5/login")
    stolen = attacker.form("send_code").inputs["csrf_token"]
    one.open("/h5/login")
    own_before = one.form("send_code").inputs["csrf_token"]
    one.submit("send_code", phone=citizen.phone)
    one.submit("login", phone=citizen.phone, code=phones.last(citizen.phone), follow=False)
    for token in (stolen, own_before, "", "x.y.z"):
        one.open("/h5/logout", "POST", data={"csrf_token": token})
        assert one.page.status_code == 400
        assert "这一步没有办成" in one.words
    assert one.open("/h5/login", follow=False).status_code == 303
    # Two doors in one browser: each page's token serves its own door, in any order.
    for _ in range(2):
        one.open("/console/login")
        one.submit("login", login="yl-clerk", password="wrong")
        assert one.page.status_code == 422
        one.open("/h5/nothing-here")
        one.submit("care", follow=False)
        assert one.page.status_code == 303


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1.evil.example"])
def test_a_form_that_another_site_sends_is_refused_even_with_a_token(
    browser: NewBrowser, phones: Phones, origin: str, house: House
) -> None:
    one = browser()
    one.open("/h5/login")
    one.submit("send_code", phone="13912345678", headers={"Origin": origin})
    assert one.page.status_code == 400
    assert phones.codes == {}
    one.open("/h5/login")
    one.submit("send_code", phone="13912345678", headers={"Origin": house.web_url})
    assert one.page.status_code == 200


@pytest.mark.parametrize("target", ELSEWHERE)
def test_whoever_logs_in_is_led_nowhere_but_to_a_page_of_this_door(
    browser: NewBrowser,
    phones: Phones,
    application: Flask,
    staff_logins: dict[str, dict[str, Any]],
    target: str,
) -> None:
    with application.app_context():
        citizen = factories.citizen()
    one = browser()
    one.open("/h5/login", query_string={"next": target})
    one.submit("send_code", phone=citizen.phone)
    form = one.form("login")
    one.open(
        form.url.split("?")[0],
        "POST",
        follow=False,
        query_string={"next": target},
        data=form.inputs | {"phone": citizen.phone, "code": phones.last(citizen.phone)},
    )
    assert (one.page.status_code, one.page.headers["Location"]) == (303, "/h5/")
    assert one.open("/h5/login", query_string={"next": target}, follow=False).headers["Location"] == "/h5/"
    assert one.open("/h5/bind", query_string={"next": target}, follow=False).headers["Location"] == "/h5/"
    desk = browser()
    desk.open("/console/login", query_string={"next": target})
    form = desk.form("login")
    desk.open(
        "/console/login",
        "POST",
        follow=False,
        query_string={"next": target},
        data=form.inputs | {"login": "yl-clerk", "password": staff_logins["yl-clerk"]["password"]},
    )
    assert (desk.page.status_code, desk.page.headers["Location"]) == (303, "/console/")


@pytest.mark.parametrize("path", ["/h5", "/console", "/h5//login?next=/h5/cases", "/console//cases?state=made"])
def test_an_address_that_is_put_right_stays_with_us_whatever_the_host_header_says(
    application: Flask, path: str
) -> None:
    answer = application.test_client().get(path, base_url="http://evil.example")
    location = answer.headers.get("Location", "")
    assert answer.status_code in (200, 303, 308)
    assert "evil.example" not in location
    assert not location.startswith("//")
    if answer.status_code == 308:
        assert location.startswith(("/h5/", "/console/"))
        assert ("?" in location) == ("?" in path)
