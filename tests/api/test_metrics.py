"""Figures for the operator's Prometheus: for whoever holds the token, summed over processes, nobody's name in them."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from citizen_services import clock, metrics
from citizen_services.database import commit, db, new_id
from citizen_services.parts import parts
from deploy.embedded import free_port
from notifications.models import ChannelHold, Delivery
from tests.factories import citizen, submitted_permit
from tests.house import ROOT, House, running, wait_for_url

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def read(text: str) -> Samples:
    """Every sample, as Prometheus reads it, by name and labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def of(samples: Samples, name: str, **labels: str) -> float | None:
    """One sample of ours."""
    return samples.get((f"citizen_services_{name}", tuple(sorted(labels.items()))))


def scrape(client: FlaskClient) -> str:
    """What Prometheus gets."""
    bearer = {"Authorization": f"Bearer {parts().settings.metrics_token}"}
    answer = client.get("/metrics", headers=bearer)
    assert (answer.status_code, answer.content_type) == (200, metrics.CONTENT_TYPE)
    return answer.text


def test_only_the_token_opens_the_figures(app: Flask, client: FlaskClient) -> None:
    token = parts().settings.metrics_token
    for given in (None, "", token, f"Basic {token}", f"Bearer {token[:-1]}", f"Bearer {token}x", "Bearer é"):
        answer = client.get("/metrics", headers={"Authorization": given} if given is not None else {})
        assert (answer.status_code, answer.data) == (401, b""), given
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert client.get(f"/metrics?token={token}").status_code == 401, "a token in an address stands in logs"
    assert "citizen_services_database_up 1.0" in scrape(client)


def test_requests_calls_cases_and_the_outbox_are_counted_and_nobody_is_named(app: Flask, client: FlaskClient) -> None:
    before = read(scrape(client))
    person = citizen()
    submitted_permit(person)
    for delivery in db.session.query(Delivery):
        db.session.delete(delivery)
    made = clock.protocol_now() - timedelta(minutes=7)
    for state, due in (("pending", made), ("sending", made), ("failed", None), ("expired", None), ("delivered", None)):
        db.session.add(
            Delivery(id=new_id(), channel="sms", payload={"phone": person.phone}, state=state, made_at=made, due_at=due)
        )
    db.session.add(ChannelHold(channel="wechat", reason="40001", since=made, until=made))
    commit()
    for path in ("/h5/login", "/h5/login", f"/h5/{person.id_number}", f"/h5/items/x?who={person.name}"):
        client.get(path)
    metrics.called("population", "verify", "answered", 0.2)
    text = scrape(client)
    after = read(text)

    def more(name: str, **labels: str) -> float:
        return (of(after, name, **labels) or 0) - (of(before, name, **labels) or 0)

    assert more("http_requests_total", method="GET", route="/h5/login", status="200") == 2
    assert more("http_requests_total", method="GET", route="none", status="404") == 1
    assert more("http_requests_total", method="GET", route="/h5/items/<code>", status="404") == 1
    assert more("http_request_duration_seconds_count", method="GET", route="/h5/login") == 2
    assert more("partner_calls_total", partner="population", operation="verify", outcome="answered") == 1
    assert of(after, "open_cases", item="residence-permit-first", state="submitted") == 1
    assert of(after, "outbox_due", channel="sms") == 2
    assert 420 <= (of(after, "outbox_oldest_due_seconds", channel="sms") or 0) < 480
    assert (of(after, "outbox_due", channel="ems"), of(after, "outbox_oldest_due_seconds", channel="ems")) == (0, 0)
    assert of(after, "dead_letters", channel="sms") == 2
    assert (of(after, "channel_held", channel="wechat"), of(after, "channel_held", channel="sms")) == (1, 0)
    assert of(after, "processes", kind="worker") == 0
    for secret in (person.id_number, person.name, person.phone):
        assert secret not in text


def test_without_the_database_there_is_still_what_processes_counted(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy.exc import OperationalError

    def away() -> list[tuple[str, str, int]]:
        raise OperationalError("SELECT", {}, OSError("away"))

    monkeypatch.setattr("citizen_services.api.metrics_views.open_by_state", away)
    client.get("/healthz")
    samples = read(scrape(client))
    assert of(samples, "database_up") == 0
    assert of(samples, "outbox_due", channel="sms") is None
    assert of(samples, "http_requests_total", method="GET", route="/healthz", status="200")


def test_any_process_shows_the_sum_of_all_also_of_one_that_was_killed(house: House, app: Flask, tmp_path: Path) -> None:
    port, folder = free_port(), tmp_path / "figures"
    folder.mkdir()
    gunicorn = [sys.executable, "-m", "gunicorn", "-c", str(ROOT / "deploy" / "gunicorn.conf.py"), "app:web()"]
    more = {"PORT": str(port), "WEB_PROCESSES": "2", "WEB_THREADS": "1", "PROMETHEUS_MULTIPROC_DIR": str(folder)}
    web = house.start("web-counting", gunicorn, **more)
    url = f"http://127.0.0.1:{port}"
    bearer = {"Authorization": f"Bearer {house.settings.metrics_token}"}

    def seen() -> float:
        answer = requests.get(f"{url}/metrics", headers=bearer, timeout=10)
        return of(read(answer.text), "http_requests_total", method="GET", route="/h5/login", status="200") or 0

    def counting() -> set[int]:
        return {int(file.stem.rpartition("_")[2]) for file in folder.glob("counter_*.db")}

    with running(web):
        wait_for_url(f"{url}/healthz", web)
        asked = 0
        until = time.monotonic() + 30
        while asked < 10 or len(counting()) < 2:
            assert requests.get(f"{url}/h5/login", timeout=10).status_code == 200
            asked += 1
            assert time.monotonic() < until, "both processes serve"
        assert {seen() for _ in range(6)} == {asked}
        children = [child.pid for child in psutil.Process(web.popen.pid).children()]
        killed = next(pid for pid in children if pid in counting())
        os.kill(killed, signal.SIGKILL)
        after: float | None = None
        while after is None:
            # The request that the killed one was just given is nobody's.
            with contextlib.suppress(requests.ConnectionError):
                after = seen()
        assert after == asked, "what it counted stays"
