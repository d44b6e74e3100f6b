"""The web server dies under people's hands: what they sent is there wholly or not at all, and once."""

from __future__ import annotations

import contextlib
import random
import threading
import time

import requests

from tests.faults import checks
from tests.faults.installation import Installation
from tests.faults.people import Applicant, post

SEED = 20261109
ROUNDS, TOGETHER = 3, 5


def test_an_application_under_way_when_the_web_server_is_killed_exists_wholly_or_not_at_all(
    installation: Installation,
) -> None:
    rng, seen = random.Random(SEED), installation.seen()
    invited = installation.invite(ROUNDS * TOGETHER)
    people = [Applicant.of(installation.web, person) for person in invited]
    sendings = [person.sending(person.fill()) for person in people]
    answered: dict[str, str] = {}

    def send(number: int, ready: threading.Barrier) -> None:
        browser = people[number].new_browser()
        browser.http.cookies.update(people[number].browser.http.cookies)
        ready.wait()
        # Whoever is cut off knows nothing; only an answer is an acknowledgement.
        with contextlib.suppress(requests.ConnectionError):
            answer = post(browser, *sendings[number])
            assert answer.status_code == 303, answer.text
            answered[invited[number]["id"]] = answer.headers["Location"]

    for turn in range(ROUNDS):
        ready = threading.Barrier(TOGETHER + 1)
        numbers = range(turn * TOGETHER, (turn + 1) * TOGETHER)
        threads = [threading.Thread(target=send, args=(number, ready)) for number in numbers]
        for thread in threads:
            thread.start()
        ready.wait()
        # The first time at once, so that somebody is surely cut off; then at any moment of the way.
        time.sleep(rng.uniform(0.01, 0.25) if turn else 0)
        installation.kill_web()
        for thread in threads:
            thread.join()
        installation.until_ready()

    known = checks.cases_of(installation, [person["id"] for person in invited])
    assert all(len(cases) <= 1 for cases in known.values())
    assert checks.half_made(installation) == []
    for citizen, place in answered.items():
        assert f"/h5/cases/{known[citizen][0]}" in place, "what was acknowledged is there"
    before = sum(len(cases) for cases in known.values())
    assert len(answered) < len(people), "somebody was cut off"

    # The same form sent again leads to the one case, whatever became of the first time.
    for person, sending, citizen in zip(people, sendings, (p["id"] for p in invited), strict=True):
        places = {post(person.browser, *sending).headers.get("Location") for _ in range(2)}
        (case_id,) = checks.cases_of(installation, [citizen])[citizen]
        assert places == {f"/h5/cases/{case_id}?sent=1"}
        assert known[citizen] in ([], [case_id])
    assert before <= len(people)
    assert checks.half_made(installation) == []
    assert checks.untold(installation) == []
    assert checks.broken_chains(installation) == []

    def all_told() -> bool:
        return all(checks.accepted(installation, "wechat_api", p["openid"], "待受理", seen) for p in invited)

    installation.until("everybody is told", all_told)
    for one in people:
        assert len(checks.accepted(installation, "wechat_api", one.openid, "待受理", seen)) == 1
