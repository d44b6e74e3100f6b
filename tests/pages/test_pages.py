"""What the application gives every page: headers, cached files, words, error pages, switches; and clean templates."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

import citizen_services
from citizen_services import words
from citizen_services.pages import (
    CONTENT_SECURITY_POLICY,
    ERROR_TEXTS,
    cn_day,
    cn_time,
    error_lines,
    file_size,
    local_path,
)
from tests.pages.showcase import create_showcase

TEMPLATES = Path(citizen_services.__file__).parent / "templates"
SPRITE = Path(citizen_services.__file__).parent / "static" / "icons.svg"

#: What the content policy would block, or what would let a person's text into a page unescaped.
UNCLEAN = re.compile(
    r"\sstyle=|\son[a-z]+=[\"']|<script(?![^>]*\bsrc=)(?![^>]*application/json)|javascript:|hx-on|[\"']js:|\|\s*safe"
)


@pytest.fixture
def client() -> FlaskClient:
    app = create_showcase()
    app.config["WTF_CSRF_ENABLED"] = False
    return app.test_client()


def test_html_is_never_stored_and_carries_the_policy(client: FlaskClient) -> None:
    for path in ("/h5/", "/h5/nothing-here", "/console/login"):
        answer = client.get(path)
        assert answer.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"


def test_every_static_file_of_a_page_is_kept_for_good_under_its_own_version(client: FlaskClient) -> None:
    for page in ("/h5/", "/console/cases"):
        addresses = re.findall(r'(?:href|src)="(/static/[^"#]+)', client.get(page).text)
        assert len(set(addresses)) > 5
        for address in set(addresses):
            with client.get(address.replace("&amp;", "&")) as answer:
                assert answer.status_code == 200, address
                assert answer.headers["Cache-Control"].endswith("immutable"), address
    with client.get("/static/css/kit.css") as answer:
        assert answer.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("code", sorted(ERROR_TEXTS))
def test_each_error_page_says_what_to_do(client: FlaskClient, code: int) -> None:
    answer = client.get(f"/h5/error/{code}")
    assert answer.status_code == code
    for sentence in ERROR_TEXTS[code]:
        assert sentence in answer.text
    assert "12345" in answer.text


def test_a_crash_tells_nothing_but_that_it_was_not_the_persons_fault(client: FlaskClient) -> None:
    client.application.config["PROPAGATE_EXCEPTIONS"] = False
    answer = client.get("/h5/crash")
    assert answer.status_code == 500
    assert "这不是您的操作造成的" in answer.text
    assert "ZeroDivisionError" not in answer.text


def test_the_doors_of_machines_get_no_page(client: FlaskClient) -> None:
    assert "<main" not in client.get("/api/v1/nothing").text
    assert "<main" in client.get("/h5/nothing").text


def test_a_wrong_method_names_the_right_ones(client: FlaskClient) -> None:
    answer = client.get("/h5/care")
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]


def test_a_switch_leads_back_only_within_the_site(client: FlaskClient) -> None:
    for outside in (
        "https://example.org/",
        "//example.org/",
        "/\\example.org",
        "javascript:alert(1)",
        "",
        "/h5/\r\nX: 1",
    ):
        assert client.post("/h5/care", data={"care": "1", "next": outside}).location == "/h5/"
    assert (
        client.post("/h5/care", data={"care": "1", "next": "/h5/drafts/form?step=2"}).location
        == "/h5/drafts/form?step=2"
    )
    assert local_path("/h5/cases/1", "/h5/") == "/h5/cases/1"


def test_a_switch_needs_the_sites_own_token() -> None:
    assert create_showcase().test_client().post("/h5/care", data={"care": "1"}).status_code == 400


def test_every_state_has_a_word_and_an_icon_that_exists() -> None:
    icons = set(re.findall(r'symbol id="([^"]+)"', SPRITE.read_text()))
    for kind, states in words.KINDS.items():
        assert states
        for state in states:
            word = words.state_word(state, kind)
            assert word.icon in icons, (kind, state)
            assert word.text != state
    assert words.state_word("weighing").text == "weighing"


def test_every_icon_named_in_a_template_exists() -> None:
    icons = set(re.findall(r'symbol id="([^"]+)"', SPRITE.read_text()))
    for template in TEMPLATES.rglob("*.html"):
        named = set(re.findall(r"icon\('([a-z-]+)'", template.read_text()))
        named |= set(re.findall(r"icon(?:_name)?['\"]?\s*[:=]\s*'([a-z-]+)'", template.read_text()))
        assert named <= icons, f"{template.name}: {sorted(named - icons)}"


def unclean_lines(text: str) -> list[str]:
    """The lines of a template that carry what the content policy forbids."""
    return [line.strip() for line in text.splitlines() if UNCLEAN.search(line)]


def test_no_template_carries_inline_style_or_script() -> None:
    for template in TEMPLATES.rglob("*.html"):
        assert not unclean_lines(template.read_text()), template


@pytest.mark.parametrize(
    "planted",
    [
        '<p style="color:red">',
        '<a onclick="go()">',
        "<script>go()</script>",
        '<a href="javascript:go()">',
        "{{ name|safe }}",
        '<b hx-on:click="go()">',
        "<b hx-vals='js:{a: 1}'>",
    ],
)
def test_a_planted_inline_fault_is_seen(planted: str) -> None:
    assert unclean_lines(planted) == [planted]


def test_errors_of_nested_forms_become_lines_with_their_inputs_names() -> None:
    messages = {"delivery": {"phone": ["少了 2 位"]}, "children": {0: ["写全姓名"]}, "_schema": ["两次不一致"]}
    lines = [tuple(line) for line in error_lines(messages)]
    assert lines == [("phone", "少了 2 位"), ("children", "写全姓名"), ("", "两次不一致")]
    assert error_lines(None) == []
    assert error_lines([{"field": "name", "text": "请写姓名"}])[0].field == "name"
    with pytest.raises(TypeError):
        error_lines(7)


def test_moments_are_shown_in_shanghai() -> None:
    late = dt.datetime(2026, 11, 24, 16, 5, tzinfo=dt.UTC)
    assert cn_time(late) == "11月25日 00:05"
    assert cn_day(late) == "11月25日（周三）"
    assert cn_day(None) == cn_time(None) == ""
    assert file_size(2_480_000) == "2.4 MB"
