"""People on their way from following the account to signing for the parcel, and their officers: they press again."""

from __future__ import annotations

import base64
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
import requests

from citizen_services.journey import PERMIT, PORTRAIT, REGISTRATION, Broken, Journey, Page
from tests.faults.installation import Gone, Installation
from tests.faults.people import Applicant, Desk, post

#: What may go wrong with a try that is made again.
PASSING = (Broken, requests.RequestException, psycopg.Error, Gone)
CENTRE = "330213000000"
ORDER = ("submitted", "accepted", "approved", "made", "posted", "completed")


@dataclass
class Record:
    """What people saw, over all of them."""

    statuses: Counter[int] = field(default_factory=Counter)
    crashes: list[str] = field(default_factory=list)
    #: Acts that were acknowledged: (case id, action).
    acknowledged: list[tuple[str, str]] = field(default_factory=list)
    #: What had to be tried again, how often, and why the last time.
    again: Counter[str] = field(default_factory=Counter)
    why: dict[str, str] = field(default_factory=dict)
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
                self.record.why[what] = f"{type(fault).__name__}: {last}"
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
