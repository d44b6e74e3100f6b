"""Three hundred people for ten places, through several web processes: ten are booked, everybody else is told."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
import requests
from flask import Flask
from sqlalchemy import func, select, update

from citizen_services import clock
from citizen_services.database import commit, db
from citizen_services.people.sessions import open_session
from citizen_services.windows import holds
from citizen_services.windows.booking_models import Appointment, Hold
from deploy.embedded import free_port
from tests import factories
from tests.house import ROOT, House, running, wait_for_url
from tests.windows import hall

PEOPLE, PLACES, HANDS, WAITERS = 300, 10, 12, 40


@pytest.fixture
def site(house: House, app: Flask) -> Iterator[str]:
    """Three web processes of four threads each."""
    port = free_port()
    gunicorn = [sys.executable, "-m", "gunicorn", "-c", str(ROOT / "deploy" / "gunicorn.conf.py"), "app:web()"]
    web = house.start("stampede", gunicorn, WEB_PROCESSES="3", WEB_THREADS="4", PORT=str(port))
    with running(web):
        url = f"http://127.0.0.1:{port}"
        wait_for_url(f"{url}/healthz", web)
        yield url


class Person:
    """Somebody at the machine's door: one connection kept, a key a request."""

    def __init__(self, site: str, token: str, number: int) -> None:
        self.site, self.token, self.number, self.sent = site, token, number, 0
        self.hold = ""

    def post(self, http: requests.Session, path: str, body: Any) -> requests.Response:
        """Send once."""
        self.sent += 1
        headers = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": f"person-{self.number:04}-{self.sent}"}
        return http.post(f"{self.site}/api/v1{path}", json=body, headers=headers, timeout=60)


def crowd(site: str) -> list[Person]:
    """Everybody who wants in."""
    made = []
    for number in range(PEOPLE):
        # Born on days of their own: a day and a place have only some five hundred numbers.
        person = factories.citizen(f"王{chr(0x4E00 + number)}", born=date(1980, 1, 1) + timedelta(days=number))
        made.append(Person(site, open_session("citizen", citizen=person.id, phone=person.phone).token, number))
    commit()
    return made


def together(people: list[Person], act: Any) -> Counter[int]:
    """Let everybody act at once, with a dozen hands; how often which status came."""
    seen: Counter[int] = Counter()
    lock, start = threading.Lock(), threading.Barrier(HANDS)

    def hand(some: list[Person]) -> None:
        with requests.Session() as http:
            http.trust_env = False
            start.wait(60)
            for person in some:
                status = act(http, person)
                with lock:
                    seen[status] += 1

    hands = [threading.Thread(target=hand, args=(people[n::HANDS],)) for n in range(HANDS)]
    for one in hands:
        one.start()
    for one in hands:
        one.join(300)
    return seen


def booked(slot: UUID) -> int:
    """How many are."""
    db.session.rollback()
    query = select(func.count()).where(Appointment.slot_id == slot, Appointment.state == "booked")
    return db.session.execute(query).scalar_one()


def test_of_three_hundred_people_ten_are_booked_and_every_other_is_told(site: str, app: Flask) -> None:
    slot = hall.slot(PLACES)
    people = crowd(site)

    def choose(http: requests.Session, person: Person) -> int:
        body = {"slot_id": str(slot), "service": hall.SERVICE, "subject": {"kind": "person"}}
        answer = person.post(http, "/holds", body)
        if answer.status_code == 201:
            person.hold = answer.json()["hold_id"]
        else:
            told = answer.json()
            assert (told["type"], told["status"]) == ("slot-full", 409), told
            assert "候补" in told["detail"]
        return answer.status_code

    assert together(people, choose) == {201: PLACES, 409: PEOPLE - PLACES}
    assert hall.taken(slot) == (PLACES, PLACES)

    # Most confirm, some walk away, and of those who got nothing some wait.
    inside = [person for person in people if person.hold]
    outside = [person for person in people if not person.hold][:WAITERS]
    day = (clock.today() + timedelta(days=2)).isoformat()
    wanted = {"service": hall.SERVICE, "office": hall.OFFICE, "from": day, "to": day, "subject": {"kind": "person"}}

    def confirm(http: requests.Session, person: Person) -> int:
        if person.hold:
            return person.post(http, f"/holds/{person.hold}/book", {}).status_code
        return person.post(http, "/waiting", wanted).status_code

    assert together([*inside[3:], *outside], confirm) == {201: PLACES - 3 + WAITERS}
    assert booked(slot) == PLACES - 3

    # The time of those who walked away runs out: their places go down the list, and whoever is asked first says no.
    db.session.execute(update(Hold).where(Hold.state == "held").values(expires_at=clock.now() - timedelta(seconds=1)))
    commit()
    holds.expire_due()
    refusing = iter(range(2))

    def answer(http: requests.Session, person: Person) -> int:
        headers = {"Authorization": f"Bearer {person.token}"}
        mine = http.get(f"{site}/api/v1/waiting", headers=headers, timeout=60).json()["items"]
        if not mine or mine[0]["state"] != "offered":
            return 0
        if next(refusing, None) is not None:
            return person.post(http, f"/holds/{mine[0]['hold_id']}/release", {}).status_code
        return person.post(http, f"/waiting/{mine[0]['id']}/accept", {}).status_code

    statuses: Counter[int] = Counter()
    for _ in range(4):
        statuses += together(outside, answer)
    assert {status: statuses[status] for status in (200, 201)} == {200: 2, 201: 3}
    assert set(statuses) <= {0, 200, 201}
    assert booked(slot) == PLACES
    assert hall.taken(slot) == (PLACES, PLACES)
