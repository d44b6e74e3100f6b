"""PostgreSQL restarted and killed, Redis killed, frozen and emptied, all under load: pages answer, nothing is lost."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from citizen_services.journey import Browser, Page
from tests.faults import checks
from tests.faults.installation import Installation
from tests.faults.people import Applicant, post, says_it_in_chinese

#: Longer than a page waits for any server that is away, on a machine that is busy with other tests.
PATIENCE_S = 40.0


@dataclass
class Load:
    """People who read and send all the while. What they were answered is kept; a cut connection fails the thread."""

    installation: Installation
    people: list[Applicant]
    statuses: list[int] = field(default_factory=list)
    waited: float = 0.0
    wrong: list[str] = field(default_factory=list)
    sent: dict[str, str] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)

    def note(self, status: int, page: Page, began: float) -> None:
        """An answer as its person saw it."""
        self.statuses.append(status)
        self.waited = max(self.waited, time.monotonic() - began)
        if status not in (200, 303, 503):
            self.wrong.append(f"{status} at {page.url}: {page.text[:300]}")
        if status == 503 and not says_it_in_chinese(page):
            self.wrong.append(f"503 without a page at {page.url}: {page.text[:300]}")

    def read(self, browser: Browser, path: str) -> None:
        """Open a page again and again."""
        with self._reported():
            while not self.stop.wait(0.05):
                began = time.monotonic()
                answer = browser.http.get(f"{browser.web}{path}", timeout=60, allow_redirects=False)
                self.note(answer.status_code, Page(answer), began)

    def send(self, mine: list[tuple[Applicant, tuple[str, dict[str, str]]]]) -> None:
        """Send forms one after the other, each until it is acknowledged, as people press again."""
        with self._reported():
            for person, sending in mine:
                while person.openid not in self.sent:
                    began = time.monotonic()
                    answer = post(person.browser, *sending)
                    self.note(answer.status_code, Page(answer), began)
                    if answer.status_code == 303:
                        self.sent[person.openid] = answer.headers["Location"]
                    elif self.stop.wait(0.1):
                        return

    @contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except Exception as fault:
            self.wrong.append(f"{type(fault).__name__}: {fault}")


@contextmanager
def under_load(installation: Installation, senders: int = 3, each: int = 6) -> Iterator[Load]:
    """People at work as long as the block lasts; afterwards whoever still has a form sends it."""
    people = [Applicant.of(installation.web, person) for person in installation.invite(senders * each)]
    forms = [(person, person.sending(person.fill())) for person in people]
    clerk = next(member for member in installation.staff() if "clerk" in member["roles"])
    desk = Browser(installation.web)
    desk.send(desk.open("/console/login"), "login", {k: clerk[k] for k in ("login", "password")})
    load = Load(installation, people)
    readers = [
        threading.Thread(target=load.read, args=(people[0].new_browser(), "/h5/cases")),
        threading.Thread(target=load.read, args=(desk, "/console/cases")),
    ]
    writers = [threading.Thread(target=load.send, args=(forms[n::senders],)) for n in range(senders)]
    for thread in (*readers, *writers):
        thread.start()
    try:
        yield load
        # What is not acknowledged yet gets through now, by the same form.
        for thread in writers:
            thread.join(PATIENCE_S)
    finally:
        load.stop.set()
        for thread in (*readers, *writers):
            thread.join()


def nothing_lost_nothing_twice(installation: Installation, load: Load, seen: int) -> None:
    """Whoever was acknowledged has the one case, was told of it once, and the record is whole."""
    assert load.wrong == []
    assert len(load.sent) == len(load.people)
    cases = {str(id_) for (id_,) in installation.sql('SELECT id FROM "case"')}
    assert {place.split("/h5/cases/")[1].partition("?")[0] for place in load.sent.values()} <= cases
    assert checks.half_made(installation) == []
    assert checks.untold(installation) == []
    assert checks.broken_chains(installation) == []

    def told(person: Applicant) -> list[object]:
        return list(checks.accepted(installation, "wechat_api", person.openid, "待受理", seen))

    installation.until("everybody is told", lambda: all(told(person) for person in load.people), 120)
    assert checks.taken_twice(installation.ledger(after=seen)) == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["restarted", "killed"])
def test_while_postgresql_comes_back_pages_say_so_and_nothing_acknowledged_is_lost(
    installation: Installation, how: signal.Signals
) -> None:
    seen = installation.seen()
    before = {name: installation.pids(name) for name in ("workers", "scheduler", "web")}
    with under_load(installation) as load:
        installation.until("some are sent", lambda: len(load.sent) >= 3)
        (server,) = installation.pids("postgres")
        installation.send([server], how)
        installation.until("somebody meets it", lambda: 503 in load.statuses)
        installation.until_ready()
    assert load.waited < PATIENCE_S
    nothing_lost_nothing_twice(installation, load, seen)
    after = {name: installation.pids(name) for name in ("workers", "scheduler", "web")}
    assert after["workers"] == before["workers"], "they lived through it"
    assert after["scheduler"] == before["scheduler"]
    assert after["web"][0] == before["web"][0]


def _emptied(installation: Installation) -> None:
    for _ in range(10):
        installation.redis().flushall()
        time.sleep(0.1)


def _frozen(installation: Installation) -> None:
    pids = installation.pids("redis")
    installation.send(pids, signal.SIGSTOP)
    time.sleep(3)
    installation.send(pids, signal.SIGCONT)


def _killed(installation: Installation) -> None:
    """As often as it comes back, for some seconds."""
    until = time.monotonic() + 3
    while time.monotonic() < until:
        installation.send(installation.pids("redis"), signal.SIGKILL)
        time.sleep(0.2)


def test_redis_emptied_frozen_or_away_fails_no_request_and_loses_nothing(installation: Installation) -> None:
    seen = installation.seen()
    away: tuple[Callable[[Installation], None], ...] = (_emptied, _frozen, _killed)
    with under_load(installation, each=8) as load:
        for so in away:
            so(installation)
        installation.until_ready()
    assert set(load.statuses) <= {200, 303}
    assert load.waited < PATIENCE_S
    nothing_lost_nothing_twice(installation, load, seen)
