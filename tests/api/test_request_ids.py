"""Each request has a name: in its answer, in every line that is logged of it, and on the page that tells of a fault."""

from __future__ import annotations

import io
import logging
import re

import pytest
from flask import Flask

from citizen_services.logs import HEADER, ScrubbedFormatter, configure

OURS = re.compile(r"[a-z]{4}-[a-z]{4}-[a-z]{4}")


def test_an_answer_bears_its_requests_name_and_a_proxys_is_kept(app: Flask) -> None:
    client = app.test_client()
    first, second = client.get("/h5/login"), client.get("/wechat")
    names = [first.headers[HEADER], second.headers[HEADER]]
    assert all(OURS.fullmatch(name) for name in names)
    assert names[0] != names[1]
    given = "5f1c0a2b77e94d0e8c6b1a9f03d2e4c7"
    assert client.get("/h5/login", headers={HEADER: given}).headers[HEADER] == given
    for strange in ("330213199001011234", "13800138000", "x" * 30, "a\tb", "f" * 65):
        assert OURS.fullmatch(client.get("/healthz", headers={HEADER: strange}).headers[HEADER]), strange


def test_a_fault_is_found_by_what_the_person_reads_out(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ZeroDivisionError("planted")

    monkeypatch.setitem(app.view_functions, "portal_login.page", broken)
    monkeypatch.setitem(app.config, "TESTING", False)
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    configure("test")
    handler.setFormatter(next(h.formatter for h in logging.getLogger().handlers if _scrubs(h)))
    logging.getLogger().addHandler(handler)
    try:
        answer = app.test_client().get("/h5/login")
    finally:
        logging.getLogger().removeHandler(handler)
    name = answer.headers[HEADER]
    assert answer.status_code == 500
    assert name in answer.text
    assert f"[{name}]" in written.getvalue()
    assert "ZeroDivisionError" in written.getvalue()


def _scrubs(handler: logging.Handler) -> bool:
    return isinstance(handler.formatter, ScrubbedFormatter)
