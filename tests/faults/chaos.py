"""``make chaos``: people go through the whole journey while everything around them breaks, by a seed.

An installation of its own; a schedule of kills, freezes, restarts and partners' faults that follows from the seed
alone; people and officers who press again as people do. At the end every fault is taken away, all comes to rest, and
what must hold is checked. Exit code 1 names what broke.
"""

from __future__ import annotations

import base64
import os
import random
import re
import secrets
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import redis
import requests

from citizen_services.journey import PERMIT, PORTRAIT, REGISTRATION, Broken, Journey, Page
from citizen_services.sandbox.config import PARTNERS
from tests.faults import checks
from tests.faults.installation import Gone, Installation, running
from tests.faults.people import Applicant, Desk, post

SECONDS, PEOPLE = 120, 4
#: How long after the last fault a person may still need to get through, and everything to come to rest.
PATIENCE_S = 240.0
#: What may go wrong with a try that is made again.
PASSING = (Broken, requests.RequestException, psycopg.Error, Gone)
CENTRE = "330213000000"
ORDER = ("submitted", "accepted", "approved", "made", "posted", "completed")


# --- What goes wrong --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trouble:
    """One thing that goes wrong: when (seconds from the start), what, to whom, for how long."""

    at: float
    what: str
    whom: str
    seconds: float = 0.0

    def __str__(self) -> str:
        lasting = f" for {self.seconds:.1f} s" if self.seconds else ""
        return f"{self.at:6.1f} s  {self.what} {self.whom}{lasting}"


def schedule(seed: int, seconds: float) -> list[Trouble]:
    """What goes wrong by this seed, in order of time; every second to fourth second something."""
    rng = random.Random(seed)
    troubles: list[Trouble] = []
    at = rng.uniform(1, 3)
    while at < seconds:
        kind = rng.choices(("kill", "freeze", "empty", "partner"), (6, 2, 1, 6))[0]
        if kind == "kill":
            whom = rng.choice(("web", "web child", "worker", "worker", "scheduler", "postgres", "redis"))
            what = "restart" if whom == "postgres" and rng.random() < 0.5 else "kill"
            troubles.append(Trouble(at, what, whom))
        elif kind == "freeze":
            troubles.append(Trouble(at, "freeze", rng.choice(("redis", "postgres")), rng.uniform(1, 3)))
        elif kind == "empty":
            troubles.append(Trouble(at, "empty", "redis"))
        else:
            mode = rng.choice(("slow", "http_500", "refuse", "accept_then_cut", "expired_token", "duplicate_receipts"))
            troubles.append(Trouble(at, mode, rng.choice(PARTNERS), rng.uniform(3, 9)))
        at += rng.uniform(2, 4)
    return troubles


class Troublemaker(threading.Thread):
    """Lets the schedule happen to an installation; ``done`` is what did."""

    def __init__(self, installation: Installation, troubles: Sequence[Trouble]) -> None:
        super().__init__(name="trouble")
        self._installation = installation
        self._troubles = troubles
        self._later: list[tuple[float, Callable[[], None]]] = []
        self.done: list[Trouble] = []
        self.missed: list[str] = []

    def run(self) -> None:
        """Everything at its time, then all that still lasts is ended."""
        began = time.monotonic()
        for trouble in self._troubles:
            self._until(began + trouble.at)
            self._try(trouble)
        for _, end in sorted(self._later, key=lambda pair: pair[0]):
            end()

    def _until(self, moment: float) -> None:
        while (left := moment - time.monotonic()) > 0:
            due = [pair for pair in self._later if pair[0] <= time.monotonic()]
            for pair in due:
                self._later.remove(pair)
                pair[1]()
            time.sleep(min(left, 0.1))

    def _try(self, trouble: Trouble) -> None:
        try:
            self._happen(trouble)
        except (OSError, redis.RedisError, requests.RequestException) as fault:
            # Redis that is away can't be emptied.
            self.missed.append(f"{trouble}: {type(fault).__name__}")
        else:
            self.done.append(trouble)

    def _happen(self, trouble: Trouble) -> None:
        one, until = self._installation, time.monotonic() + trouble.seconds
        match trouble.what, trouble.whom:
            case "kill", "web":
                one.kill_web()
            case "kill", "web child":
                one.send(one.web_children()[:1], signal.SIGKILL)
            case "kill", "worker":
                one.send(one.pids("workers")[:1], signal.SIGKILL)
            case "kill", whom:
                one.send(one.pids(whom)[:1], signal.SIGKILL)
            case "restart", whom:
                one.send(one.pids(whom)[:1], signal.SIGINT)
            case "freeze", whom:
                pids = one.with_children(whom)
                one.send(pids, signal.SIGSTOP)
                self._later.append((until, lambda: one.send(pids, signal.SIGCONT)))
            case "empty", _:
                one.redis().flushall()
            case mode, partner:
                one.plant(partner, mode, delay_s=6)
                self._later.append((until, lambda: one.plant(partner, "none")))


# --- People who press again -------------------------------------------------------------------------------------------


@dataclass
class Record:
    """What people saw, over all of them."""

    statuses: Counter[int] = field(default_factory=Counter)
    crashes: list[str] = field(default_factory=list)
    #: Acts that were acknowledged: (case id, action).
    acknowledged: list[tuple[str, str]] = field(default_factory=list)
    again: Counter[str] = field(default_factory=Counter)
    stuck: list[str] = field(default_factory=list)

    def note(self, answer: requests.Response, *_given: Any, **_named: Any) -> None:
        """An answer of ours: 500 is nothing that anybody should see."""
        self.statuses[answer.status_code] += 1
        if answer.status_code >= 500 and answer.status_code != 503:
            self.crashes.append(f"{answer.status_code} {answer.request.method} {answer.url.partition('?')[0]}")


class Life(threading.Thread):
    """One invented person from following the account to signing for the parcel, and the officers of their case."""

    def __init__(self, installation: Installation, record: Record, seed: int) -> None:
        super().__init__(name=f"person {seed}")
        self.installation, self.record, self.seed = installation, record, seed
        self.journey = Journey(
            installation.web, installation.sandbox, {"staff": installation.staff()}, seed, lambda step: None
        )
        worker = self.journey.worker
        self.person = Applicant(installation.web, worker.name, worker.id_number, worker.phone, worker.openid, token="")
        self.person.browser.http.hooks["response"].append(record.note)
        self.journey.phone = self.person.browser
        self.deadline = float("inf")
        self.case = ""
        self.at = "the beginning"
        self._desks: dict[tuple[str, str], Desk] = {}
        self._codes: set[str] = set()

    def run(self) -> None:
        """The whole life; where it gets stuck is noted."""
        try:
            self.journey.world()
            self.persists("coming in by WeChat", self.comes_in)
            self.persists("binding", self.binds)
            self.case_of(REGISTRATION, self.fills_registration)
            self.case = self.case_of(PERMIT, self.person.fill)
            for action, role, to in (("accept", "clerk", "accepted"), ("approve", "approver", "approved")):
                self.persists(action, lambda a=action, r=role, t=to: self.acts(a, r, t))  # type: ignore[misc]
            card = f"330213{int(self.case.replace('-', ''), 16) % 10**10:010d}"
            self.persists("making", lambda: self.acts("make", "centre", "made", {"card_number": card}))
            tracking = self.persists("the courier's number", self.tracking)
            self.persists("posting", lambda: self.acts("post", "centre", "posted", {"tracking": tracking}))
            for event in ({"opCode": "203"}, {"opCode": "702"}, {"opCode": "704", "deliverCode": "10"}):
                self.journey.outside.post(f"parcels/{tracking}", event)
            self.persists("the end", lambda: self.state_at_citizen() == "completed")
            self.at = "the end"
        except Broken as fault:
            self.record.stuck.append(f"{self.name} at {self.at}: {fault}")
        except Exception as fault:
            self.record.stuck.append(f"{self.name} at {self.at}: {type(fault).__name__}: {fault}")

    def persists(self, what: str, attempt: Callable[[], Any]) -> Any:
        """Try until it is done, as a person does; Broken once all patience is at its end."""
        self.at, last = what, "nothing came of it"
        while True:
            try:
                done = attempt()
                if done:
                    return done
            except PASSING as fault:
                last = str(fault)
                self.record.again[what] += 1
            if time.monotonic() > self.deadline:
                raise Broken(last)
            time.sleep(0.4)

    # -- the person

    def comes_in(self) -> bool:
        """By WeChat, from the menu."""
        self.journey.follows_and_comes_in()
        return True

    def binds(self) -> bool:
        """One step further: a code, the proof of the phone, the face; True once bound."""
        worker, phone = self.journey.worker, self.person.browser
        page = phone.open("/h5/bind")
        actions = [form.action for form in page.forms]
        told = {"name": worker.name, "id_number": worker.id_number, "phone": worker.phone}
        if "face" in actions:
            photo = {"file": ("photo.jpg", base64.b64decode("".join(PORTRAIT.split())), "image/jpeg")}
            phone.send(page, "face", {"consent_face": "yes"}, files=photo)
        elif "bind" in actions or "send_code" in actions:
            self._proves(page, actions, told)
        else:
            return True
        return False

    def _proves(self, page: Page, actions: Sequence[str], told: dict[str, str]) -> None:
        phone, number = self.person.browser, told["phone"]
        fields = page.form("bind").fields if "bind" in actions else {}
        if "code" not in fields and "bind" in actions:
            phone.send(page, "bind", {k: v for k, v in told.items() if k in fields} | consents(page))
            return
        code = self._new_code(number)
        if code is None:
            sending = page.form("send_code")
            given = {name: value for name, value in told.items() if name in sending.fields}
            answer = post(phone, sending.url, sending.fields | given)
            if answer.status_code not in (200, 429):
                raise Broken(f"asking for a code gave {answer.status_code}")
            end = time.monotonic() + 15
            while code is None and time.monotonic() < end:
                time.sleep(0.3)
                code = self._new_code(number)
        if code is not None:
            # A code is tried once: an earlier one that comes late is dead.
            self._codes.add(code)
            page = phone.open("/h5/bind")
            phone.send(page, "bind", told | consents(page) | {"code": code})

    def _new_code(self, number: str) -> str | None:
        texts = [entry["text"] for entry in self.journey.outside.told("sms_aliyun", number)]
        codes = [match.group() for text in texts if (match := re.search(r"(?<!\d)\d{6}(?!\d)", text))]
        return codes[-1] if codes and codes[-1] not in self._codes else None

    def fills_registration(self) -> Page:
        """The registration's check page."""
        draft = self.person.start(REGISTRATION)
        page = self.person.browser.open(f"{draft.url.partition('?')[0]}?step=address")
        code = self.journey.worker.address_code
        chosen = {"address_code": code, "residence_kind": "rented", "room": ""}
        page = self.person.browser.send(page, "save", chosen)
        page.form("submit")
        return page

    def case_of(self, item: str, fill: Callable[[], Page]) -> str:
        """Fill in and send; the same form again and again until it is acknowledged. The case's id."""

        def sends() -> str:
            answer = post(self.person.browser, *sending[0])
            if answer.status_code in (409, 422):
                # A register says otherwise by now, or a page was saved after all: looked at anew, as the page asks.
                sending[0] = self.person.sending(fill())
            if answer.status_code != 303:
                raise Broken(f"sending gave {answer.status_code}")
            place = answer.headers["Location"]
            if "/h5/cases/" not in place:
                raise Broken(f"sending led to {place}")
            return place.split("/h5/cases/")[1].partition("?")[0]

        sending = [self.person.sending(self.persists(f"filling in {item}", fill))]
        case: str = self.persists(f"sending {item}", sends)
        self.record.acknowledged.append((case, "submit"))
        return case

    def state_at_citizen(self) -> str:
        """What the person's page says."""
        return self.person.browser.open(f"/h5/cases/{self.case}").main.get("state", "")

    # -- the officers

    def desk(self, role: str) -> Desk:
        """The desk of the case's station, or of the service centre, logged in once."""
        office = CENTRE if role == "centre" else self.journey.worker.station
        known = (office, role)
        if known not in self._desks:
            wanted = "clerk" if role == "centre" else role
            self._desks[known] = Desk.of(self.installation.web, self.installation.staff(), office, wanted)
            self._desks[known].http.hooks["response"].append(self.record.note)
        return self._desks[known]

    def acts(self, action: str, role: str, to: str, values: dict[str, str] | None = None) -> bool:
        """Take a step unless it was taken by a press whose answer was lost."""
        desk = self.desk(role)
        state = desk.open(f"/console/cases/{self.case}").main.get("state", "")
        if state in ORDER[ORDER.index(to) :]:
            return True
        page = desk.acts(self.case, action, values)
        if page.main.get("state") != to:
            raise Broken(f"{action} led to {page.main}: {page.text[:200]}")
        self.record.acknowledged.append((self.case, action))
        return True

    def tracking(self) -> str | None:
        """The courier's number; orders that were refused meanwhile are sent once more by the console's list."""
        ((number,),) = self.installation.sql("SELECT tracking FROM parcel WHERE case_id = %s::uuid", self.case)
        if number is None:
            self.desk("centre").tries_again()
        return number if number is None else str(number)


def consents(page: Page) -> dict[str, str]:
    """Every single box of the binding's form ticked."""
    form = page.form("bind")
    return {name: values[0] for name, values in form.choices.items() if len(values) == 1}


# --- The end ----------------------------------------------------------------------------------------------------------


def come_to_rest(installation: Installation) -> list[str]:
    """Let time pass until nothing is open, staff sending once more what partners refused; what stays open."""
    end = time.monotonic() + PATIENCE_S
    while True:
        installation.time_passes()
        open_ = checks.open_tries(installation)
        unsettled = installation.sql("SELECT count(*) FROM receipt WHERE settled_at IS NULL")[0][0]
        if not open_ and not unsettled:
            return []
        if time.monotonic() > end:
            return [f"{row[1]} {row[2]}: {row[3]}" for row in open_] + [f"{unsettled} receipts unsettled"]
        time.sleep(1)


def invariants(installation: Installation, record: Record, lives: Sequence[Life]) -> dict[str, list[str]]:
    """What must hold at the end, by its name: what breaks it."""
    events = Counter((str(id_), action) for id_, action in installation.sql("SELECT case_id, action FROM case_event"))
    cases = installation.sql('SELECT id, item, state, ended_at, citizen_id, number FROM "case"')
    per_person = Counter((citizen, item) for _, item, _, _, citizen, _ in cases)
    forgotten = installation.sql(
        "SELECT n.kind, n.state FROM notice n WHERE n.state IN ('pending', 'sending')"
        " OR (n.state = 'uncertain' AND EXISTS (SELECT 1 FROM delivery d WHERE d.notice_id = n.id AND d.must_be_known"
        " AND d.channel = 'wechat') AND NOT EXISTS"
        " (SELECT 1 FROM delivery d WHERE d.notice_id = n.id AND d.channel = 'sms'))"
    )
    return {
        "everybody got to the end": list(record.stuck),
        "no page crashed": record.crashes,
        "the record is whole (audit verify)": checks.broken_chains(installation),
        "what was acknowledged is there, once": [
            f"{action} of {case}: {events[case, action]} times"
            for case, action in record.acknowledged
            if events[case, action] != 1
        ],
        "one case a person and service": [f"{item}: {n}" for (_, item), n in per_person.items() if n > 1]
        + ([] if len(per_person) == 2 * len(lives) else [f"{len(per_person)} cases of {len(lives)} people"]),
        "no case is half made": checks.half_made(installation),
        "every case came to its end": [f"{number} is {state}" for *_, state, ended, _, number in cases if not ended],
        "every act is told once": checks.untold(installation),
        "partners took nothing twice": checks.taken_twice(installation.ledger()),
        "nothing is forgotten": [f"{kind} is {state}" for kind, state in forgotten],
    }


def told(installation: Installation) -> str:
    """What became of the notices, in words."""
    rows = installation.sql("SELECT state, count(*) FROM notice GROUP BY state ORDER BY state")
    return ", ".join(f"{count} {state}" for state, count in rows)


def run(seed: int, seconds: float, people: int, folder: Path) -> int:
    """The whole run; the exit code."""
    troubles = schedule(seed, seconds)
    print(
        f"CHAOS_SEED={seed} CHAOS_SECONDS={seconds:.0f}: {people} people at a time, {len(troubles)} troubles",
        flush=True,
    )
    with running(folder) as installation:
        installation.until_ready()
        record = Record()
        trouble = Troublemaker(installation, troubles)
        trouble.start()
        lives: list[Life] = []
        while trouble.is_alive():
            # Whoever is through makes room for the next, so that all of the schedule meets people on their way.
            if sum(life.is_alive() for life in lives) < people:
                lives.append(Life(installation, record, seed + len(lives)))
                lives[-1].start()
            time.sleep(0.2)
        for done in trouble.done:
            print(done, flush=True)
        installation.thaw()
        installation.heal()
        recovered = installation.until_ready(120)
        print(f"all faults are over; everything was ready after {recovered:.1f} s", flush=True)
        over = time.monotonic() + PATIENCE_S
        for life in lives:
            life.deadline = over
        while any(life.is_alive() for life in lives):
            installation.time_passes()
            time.sleep(1)
        for station in sorted({life.journey.worker.station for life in lives}):
            desk = Desk.of(installation.web, installation.staff(), station, "clerk")
            desk.tries_again()
            desk.writes_again()
        open_ = come_to_rest(installation)
        found = invariants(installation, record, lives) | {"everything came to rest": open_}
        _print(found, record, trouble, f"{len(lives)}", told(installation))
    return 1 if any(found.values()) else 0


def _print(found: dict[str, list[str]], record: Record, trouble: Troublemaker, people: str, notices: str) -> None:
    kinds = Counter(f"{one.what} {one.whom}" for one in trouble.done)
    print("\nwhat happened      ", ", ".join(f"{kind} ×{count}" for kind, count in sorted(kinds.items())))
    print("people             ", people)
    print("answers            ", ", ".join(f"{status}: {count}" for status, count in sorted(record.statuses.items())))
    print("tried again at     ", ", ".join(f"{what} ×{count}" for what, count in record.again.items()) or "nothing")
    print("acknowledged acts  ", len(record.acknowledged))
    print("notices            ", notices, "\n")
    width = max(len(name) for name in found)
    for name, broken in found.items():
        print(f"{name:<{width}}  {'BROKEN' if broken else 'ok'}")
        for line in broken[:10]:
            print(f"    {line}")


def main() -> int:
    """Read CHAOS_SEED, CHAOS_SECONDS and CHAOS_PEOPLE, and run."""
    seed = int(os.environ.get("CHAOS_SEED") or secrets.randbelow(10**6))
    seconds = float(os.environ.get("CHAOS_SECONDS") or SECONDS)
    people = int(os.environ.get("CHAOS_PEOPLE") or PEOPLE)
    # What runs below ends with us: an exception unwinds, a signal's default would not.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(1))
    try:
        with tempfile.TemporaryDirectory(prefix="chaos-", ignore_cleanup_errors=True) as folder:
            return run(seed, seconds, people, Path(folder))
    except Gone as fault:
        print(fault, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
