"""Each partner in turn slow, broken, refusing, or cutting the line after it took a call: the story ends rightly.

Stories of one fault run side by side, each with a person of its own whom alone the fault meets.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest

from citizen_services.journey import REGISTRATION, Broken, Page
from citizen_services.sandbox.config import PARTNERS
from tests.faults import checks
from tests.faults.installation import Gone, Installation
from tests.faults.people import Applicant, Desk, post, says_it_in_chinese

MODES = ("slow", "http_500", "refuse", "accept_then_cut")
#: Longer than a worker waits for an answer, so that a slow call's answer is lost as well; no page waits so long.
SLOW_S = 20.0
CENTRE = "330213000000"
REFUSED = {"reasons": "社会保险登记显示您已离职，目前没有合法稳定就业。", "ground": "《居住证暂行条例》第二条"}


@dataclass
class Story:
    """One person whom one partner's fault meets. ``under`` is walked while it lasts, ``afterwards`` when it is over."""

    installation: Installation
    mode: str
    person: Applicant
    seen: int
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def address_code(self) -> str:
        """The code of the address that the person registers, theirs alone."""
        return f"330213{int(self.person.openid.encode().hex()[-12:], 16) % 10**12:012d}"

    def applies(self, ground: str = "employment") -> UUID:
        """Apply for a permit, with papers where registers don't answer; the case's id."""
        answer = post(self.person.browser, *self.person.sending(self.person.fill(ground=ground)))
        assert answer.status_code == 303, Page(answer).text
        return UUID(answer.headers["Location"].split("/h5/cases/")[1].partition("?")[0])

    def office_of(self, case_id: UUID) -> str:
        """The station of a case."""
        ((office,),) = self.installation.sql('SELECT office_code FROM "case" WHERE id = %s', case_id)
        return str(office)

    def desk(self, office: str, role: str) -> Desk:
        """Somebody of the staff."""
        return Desk.of(self.installation.web, self.installation.staff(), office, role)

    def refused(self, case_id: UUID) -> None:
        """It is accepted, and an officer refuses it: of that the person must know."""
        station = self.office_of(case_id)
        self.desk(station, "clerk").acts(case_id, "accept")
        self.desk(station, "approver").acts(case_id, "refuse", REFUSED)

    def took(self, kind: str) -> tuple[str, ...]:
        """The channels whose partners took the notice of that kind, once for each time."""
        rows = self.installation.sql(
            "SELECT d.id, d.channel FROM delivery d JOIN notice n ON n.id = d.notice_id"
            " WHERE n.kind = %s AND n.case_id = %s ORDER BY d.made_at",
            kind,
            self.notes["case"],
        )
        entries = self.installation.ledger(after=self.seen)
        return tuple(
            channel
            for id_, channel in rows
            for entry in entries
            if entry["our_ref"].replace("-", "") == id_.hex and entry["outcome"] == "accepted"
        )

    def under(self) -> None:
        """What happens while the fault lasts."""
        raise NotImplementedError

    def afterwards(self) -> object:
        """Whether all has ended as it should; asked again until it has."""
        raise NotImplementedError


class Told(Story):
    """A person who is told of two things: that the application came in, and that it was refused."""

    def under(self) -> None:
        self.notes["case"] = self.applies()
        self.refused(self.notes["case"])

    def afterwards(self) -> object:
        courtesy, duty = EXPECTED["wechat_api"][self.mode]
        assert self.took("submitted") in courtesy | {()}
        assert len(self.took("refused")) <= 2
        return self.took("submitted") in courtesy and self.took("refused") in duty


class ToldBySms(Told):
    """The same of somebody who blocked the account, so that WeChat passes on to SMS."""

    def under(self) -> None:
        self.installation.control("PUT", f"followers/{self.person.openid}", {"blocked": True, "push": False})
        super().under()
        plain = Applicant.of(self.installation.web, vars(self.person)).browser
        plain.http.cookies.clear()
        plain.http.headers["User-Agent"] = "Mozilla/5.0"
        sent = plain.send(plain.open("/h5/login"), "send_code", {"phone": self.person.phone})
        assert says_it_in_chinese(sent)

    def afterwards(self) -> object:
        for kind in ("submitted", "refused"):
            assert self.took(kind).count("sms") <= 1
        if self.mode in REFUSED_FOR_GOOD:
            self.desk(self.office_of(self.notes["case"]), "clerk").tries_again()
        # What must be known goes on to a call where the gateway refused it for good while the fault lasted.
        return "sms" in self.took("submitted") and ("sms" in self.took("refused") or self.is_to_be_called("refused"))

    def is_to_be_called(self, kind: str) -> bool:
        """Whether the person stands on the list of people to call, of the notice of that kind."""
        rows = self.installation.sql(
            "SELECT 1 FROM delivery d JOIN notice n ON n.id = d.notice_id"
            " WHERE n.kind = %s AND n.case_id = %s AND d.channel = 'call' AND d.state = 'pending'",
            kind,
            self.notes["case"],
        )
        return bool(rows)


class Posted(Story):
    """A person whose card is made and posted."""

    def under(self) -> None:
        case = self.notes["case"] = self.applies()
        station = self.office_of(case)
        self.desk(station, "clerk").acts(case, "accept")
        self.desk(station, "approver").acts(case, "approve")
        card = f"3302132611{int(case.hex[-6:], 16) % 10**6:06d}"
        self.desk(CENTRE, "clerk").acts(case, "make", {"card_number": card})
        self.installation.until("the order to be tried", lambda: self.orders())

    def orders(self, outcome: str = "") -> list[dict[str, Any]]:
        """What arrived at China Post for this person."""
        return [
            entry
            for entry in self.installation.ledger("ems", self.seen)
            if entry["operation"] == "020003" and entry["to"] == self.person.name and outcome in entry["outcome"]
        ]

    def afterwards(self) -> object:
        assert len(self.orders("accepted")) <= 1
        if self.mode in REFUSED_FOR_GOOD:
            self.desk(CENTRE, "clerk").tries_again()
        rows = self.installation.sql("SELECT tracking FROM parcel WHERE case_id = %s", self.notes["case"])
        return [number for (number,) in rows if number] and len(rows) == 1


class Applies(Story):
    """A person whom a register is to answer about: they apply all the same, by papers where law asks for any."""

    partner = ""
    ground = "employment"

    def under(self) -> None:
        self.notes["case"] = self.applies(self.ground)
        assert self.person.brought_papers == (EXPECTED[self.partner][self.mode] == "papers")
        page = self.person.browser.open(f"/h5/cases/{self.notes['case']}")
        assert page.main["state"] == "submitted"
        assert says_it_in_chinese(page)

    def afterwards(self) -> object:
        desk = self.desk(self.office_of(self.notes["case"]), "clerk")
        assert desk.acts(self.notes["case"], "accept").main["state"] == "accepted"
        return True


def applies(name: str) -> type[Story]:
    """The story of a register that is asked when a permit is applied for."""
    return type(f"Applies_{name}", (Applies,), {"partner": name})


class Registers(Story):
    """A person who registers an address: the register of addresses searches it, the province's is written to."""

    partner = ""

    def under(self) -> None:
        rows = {"text": ADDRESS, "station": "330213001000", "community": "金钟社区", "grid": "330213001000-01"}
        self.installation.control("PUT", f"addresses/{self.address_code}", rows)
        if self.partner == "addresses":
            page = self.person.browser.open(f"{self.person.start(REGISTRATION).url.partition('?')[0]}?step=address")
            with pytest.raises(Broken, match="标准地址库暂时连不上"):
                self.person.browser.send(page, "save", self.chosen())
        else:
            self.registers()

    def chosen(self) -> dict[str, str]:
        """What the person answers."""
        return {"address_code": self.address_code, "residence_kind": "rented", "room": "后屋"}

    def registers(self) -> None:
        """The whole of it, to the receipt."""
        page = self.person.start(REGISTRATION)
        page = self.person.browser.open(f"{page.url.partition('?')[0]}?step=address")
        page = self.person.browser.send(page, "save", self.chosen())
        page = self.person.browser.send(page, "submit", {"commitment": "yes"})
        assert page.main["state"] == "completed"
        self.notes["case"] = UUID(page.main["case-id"])

    def afterwards(self) -> object:
        if "case" not in self.notes:
            kept = self.person.browser.open(f"{self.person.start(REGISTRATION).url.partition('?')[0]}?step=address")
            assert kept.form("save").fields["room"] == "后屋", "what was typed is kept"
            self.registers()
        written = self.installation.sql(
            "SELECT w.id, w.state FROM delivery w JOIN residence_registration r ON r.id = w.about"
            " WHERE w.channel = 'registration' AND r.case_id = %s",
            self.notes["case"],
        )
        taken = [e for e in self.installation.ledger("migrants", self.seen) if e["outcome"] == "accepted"]
        assert len([e for e in taken if e["our_ref"].replace("-", "") in {id_.hex for id_, _ in written}]) <= 1
        if self.mode in REFUSED_FOR_GOOD:
            self.desk("330213001000", "clerk").writes_again()
        return "delivered" in {state for _, state in written}


class ComesIn(Story):
    """A follower who comes in by WeChat: a page that names the way by phone, and later the way by WeChat."""

    def under(self) -> None:
        page = self.comes_in()
        assert (page.status, page.url.startswith(self.installation.web)) == (503, True)
        assert says_it_in_chinese(page)
        assert "/h5/login" in page.links

    def comes_in(self) -> Page:
        """Follow every redirect, as the person of that openid."""
        browser = self.person.new_browser()
        browser.http.cookies.clear()
        answer = browser.http.get(f"{self.installation.web}/h5/", timeout=20, allow_redirects=False)
        while answer.is_redirect:
            place = answer.headers["Location"]
            if "/connect/oauth2/authorize" in place:
                place = f"{place.partition('#')[0]}&_openid={self.person.openid}"
            elif place.startswith("/"):
                place = self.installation.web + place
            answer = browser.http.get(place, timeout=20, allow_redirects=False)
        return Page(answer)

    def afterwards(self) -> object:
        page = self.comes_in()
        return page.status == 200 and "code=" not in page.url


ADDRESS = "浙江省宁波市奉化区岳林街道金钟社区金钟路18号3幢502室"
#: Modes after which staff have it tried again, by the page of what was not told.
REFUSED_FOR_GOOD = ("refuse",)
STORIES: Mapping[str, type[Story]] = {
    "wechat_api": Told,
    "wechat_oauth": ComesIn,
    "sms_aliyun": ToldBySms,
    "ems": Posted,
    "population": applies("population"),
    "migrants": type("WritesBack", (Registers,), {"partner": "migrants"}),
    "addresses": type("Searches", (Registers,), {"partner": "addresses"}),
    "social_insurance": applies("social_insurance"),
    "market": applies("market"),
    "schools": type("Studies", (Applies,), {"partner": "schools", "ground": "study"}),
}
_WECHAT, _SMS, _BOTH = ("wechat",), ("sms",), ("wechat", "sms")
#: What each mode leads to: for WeChat, which channels may have taken the courtesy and what must be known; for registers
#: whether papers are brought; for others that it comes right.
EXPECTED: Mapping[str, Mapping[str, Any]] = {
    "wechat_api": {
        "slow": ({_WECHAT}, {_WECHAT, _BOTH}),
        "http_500": ({()}, {_SMS}),
        "refuse": ({_SMS}, {_SMS}),
        "accept_then_cut": ({_WECHAT}, {_WECHAT, _BOTH}),
    },
    "wechat_oauth": dict.fromkeys(MODES, "by phone"),
    "sms_aliyun": dict.fromkeys(MODES, "later"),
    "ems": dict.fromkeys(MODES, "later"),
    "population": dict.fromkeys(MODES, "no papers"),
    "migrants": dict.fromkeys(MODES, "later"),
    "addresses": dict.fromkeys(MODES, "later"),
    "social_insurance": dict.fromkeys(MODES, "papers"),
    "market": dict.fromkeys(MODES, "no papers"),
    "schools": dict.fromkeys(MODES, "papers"),
}


def without_expectation(partners: Collection[str], expected: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Partners of which nobody said what a fault of theirs leads to; and such as there are none."""
    unsaid = [partner for partner in partners if set(expected.get(partner, {})) != set(MODES)]
    return sorted({*unsaid, *(expected.keys() - set(partners))})


def test_every_partner_has_a_story_and_an_expectation_of_each_fault() -> None:
    assert without_expectation(PARTNERS, EXPECTED) == []
    assert set(STORIES) == set(PARTNERS)


def test_a_planted_partner_without_an_expectation_is_seen() -> None:
    assert without_expectation((*PARTNERS, "weather"), EXPECTED) == ["weather"]
    assert without_expectation(PARTNERS, {**EXPECTED, "ems": {"slow": "later"}}) == ["ems"]


def _met_by(partner: str, story: Story) -> str:
    """Whom of the story's person a partner's calls name."""
    if partner in ("wechat_api", "wechat_oauth"):
        return story.person.openid
    if partner in ("sms_aliyun", "ems"):
        # A parcel is known by its receiver's name.
        return story.person.phone if partner == "sms_aliyun" else story.person.name
    return story.address_code if partner == "addresses" else story.person.id_number


def _together(stories: Mapping[str, Story], what: Callable[[Story], object]) -> None:
    """Walk all at once; every story that broke is told, with its partner."""
    broken: dict[str, str] = {}

    def walk(partner: str, story: Story) -> None:
        try:
            what(story)
        except BaseException as fault:
            broken[partner] = f"{type(fault).__name__}: {fault}"

    threads = [threading.Thread(target=walk, args=pair) for pair in stories.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not broken, "\n".join(f"{partner}: {what}" for partner, what in broken.items())


@contextlib.contextmanager
def time_passing(installation: Installation) -> Iterator[None]:
    """Time passes faster as long as the block lasts."""
    enough = threading.Event()

    def pass_() -> None:
        while not enough.wait(0.7):
            installation.time_passes()

    passing = threading.Thread(target=pass_)
    passing.start()
    try:
        yield
    finally:
        enough.set()
        passing.join()


@pytest.mark.parametrize("mode", MODES)
def test_with_any_partner_at_fault_the_story_ends_rightly(installation: Installation, mode: str) -> None:
    seen = installation.seen()
    people = [Applicant.of(installation.web, person) for person in installation.invite(len(STORIES))]
    stories = {
        partner: story(installation, mode, person, seen)
        for (partner, story), person in zip(STORIES.items(), people, strict=True)
    }
    for partner, story in stories.items():
        installation.plant(partner, mode, delay_s=SLOW_S, match_to=_met_by(partner, story))
    _together(stories, lambda story: story.under())
    waited = {partner: story.person.waited for partner, story in stories.items()}
    assert max(waited.values()) < SLOW_S, f"a page waited for its partner: {waited}"
    installation.heal()

    def comes_right(story: Story) -> None:
        installation.until(f"{type(story).__name__} ends rightly", story.afterwards, 180, every=0.5)

    with time_passing(installation):
        _together(stories, comes_right)
        with contextlib.suppress(Gone):
            installation.until("everything is quiet", lambda: not checks.open_tries(installation), 180, every=0.3)
        assert checks.open_tries(installation) == []
    assert checks.taken_twice(installation.ledger(after=seen)) == []
    assert checks.untold(installation) == []
    assert checks.broken_chains(installation) == []
