"""Drivers and owners at their phones: each item from its guide to the end, through every door and every stand-in.

Nobody comes: the person fills in and pays in WeChat, the national platform accepts and decides, the traffic office
makes what is made, EMS brings it to its person and takes the old one along.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from citizen_services import clock
from citizen_services.cases.models import Case
from citizen_services.database import commit, db
from citizen_services.journey import Browser, Page
from citizen_services.people.models import Session
from notifications.models import Delivery
from tests import factories
from tests.house import House
from tests.pages_kit import WECHAT_AGENT
from tests.portal.conftest import Resident, resident
from tests.portal.traffic import drives, insured, new_plate, new_vin
from tests.test_story import journey_of

__all__ = ["resident"]

CLERK = "cg-clerk"
HOME = {name: str(value) for name, value in factories.PERMIT_DATA["delivery"].items()}
PORTRAIT = {"portrait_correct": "yes"}
ELSEWHERE = {"issuer": "360100", "issuer_name": "江西省南昌市公安局交通管理局"}
Make = Callable[..., Resident]


@dataclass(frozen=True)
class Told:
    """One item: what its person answers page by page, what it costs, what is made, which old document goes back."""

    item: str
    pages: tuple[Mapping[str, str], ...]
    fee_fen: int = 0
    made: str = ""
    old: str = ""
    licence: Mapping[str, Any] = field(default_factory=dict)


STORIES = (
    Told("licence-transfer-in", ({"condition": "fit"}, PORTRAIT, HOME), 1000, "3302001239001", "原驾驶证", ELSEWHERE),
    Told("licence-medical", ({"condition": "fit"},)),
    Told("licence-postpone", ({"matter": "renew", "reason": "service", "reason_remark": "入伍通知书甬征字第1号"},)),
    Told("vehicle-licence-replace", ({}, {"certificate": "damaged"}, HOME), 1000, "3302001239002", "损坏的行驶证"),
    Told("vehicle-mark-replace", ({}, {"form": "electronic"})),
    Told("vehicle-mark-exempt", ({},)),
)


class Walk:
    """One person's way, with the world around them."""

    def __init__(self, live: House, person: Resident, told: Told, staff: Mapping[str, dict[str, Any]]) -> None:
        self.live, self.person, self.told, self.staff = live, person, told, staff
        self.journey = journey_of(live, 1)
        self.seen = self.journey.outside.seen
        self.plate = new_plate()
        self.phone = Browser(live.web_url, agent=WECHAT_AGENT)
        self.phone.http.cookies.set("h5_session", person.token, domain="127.0.0.1", path="/h5")
        self.case = ""

    def world(self) -> None:
        """What the registers know, and that the phone's WeChat is theirs."""
        live, person = self.live, self.person
        openid = f"o6_{person.id.hex[:24]}"
        with person.app.app_context():
            today: date = clock.today()
            db.session.execute(update(Session).where(Session.citizen_id == person.id).values(openid=openid))
            commit()
        live.control("PUT", f"followers/{openid}", {"push": False})
        drives(live, person.id_number, today + timedelta(days=30), name=person.name, **self.told.licence)
        live.control("PUT", f"violations/{person.id_number}", {"violations": [], "accidents": 0})
        examined = {"examined_on": (today - timedelta(days=20)).isoformat()}
        live.control("PUT", f"medical/{person.id_number}", examined)
        vin, key = new_vin(), f"02-{self.plate}"
        owner = {"id_number": person.id_number, "name": person.name}
        live.control("PUT", f"vehicles/{key}", {"owner": owner, "vin": vin, "status": "A"})
        insured(live, key, today)
        live.control("PUT", f"vehicle_tax/{key}", {"year": today.year})

    def until(self, what: str, probe: Callable[[], Any]) -> Any:
        return self.journey.until(what, probe)

    def seen_in(self, state: str) -> Page:
        """The case's page on the phone, once it is in that state."""

        def there() -> Page | None:
            page = self.phone.open(f"/h5/cases/{self.case}")
            return page if page.main.get("state") == state else None

        found: Page = self.until(f"the case is {state}", there)
        return found

    def applies(self) -> None:
        """The guide, the form page by page, what is promised; the case is there."""
        guide = self.phone.open(f"/h5/items/{self.told.item}")
        assert "一次都不用跑" in guide.text, guide.text
        # Nobody of a station works on it, and somebody does.
        assert "奉化交警大队车管所的经办人员" in guide.text, guide.text
        assert "居住地派出所" not in guide.text, guide.text
        page = self.phone.send(guide, "start")
        for answers in self.told.pages:
            assert "至今" not in page.text, page.text
            form = page.form("save")
            named = {"plate_kind": "02", "plate": self.plate} if "plate" in form.fields else {}
            page = self.phone.send(page, "save", {**answers, **named})
        page = self.phone.send(page, "submit", {"commitment": "yes"})
        self.case = str(page.main["case-id"])

    def pays(self) -> None:
        """The fee in WeChat: what it was, in fen, as the bank has it."""
        page = self.seen_in("paying")
        link = next(link for link in page.links if link.startswith("/h5/pay/"))
        paying = self.phone.open(link)
        assert f"{self.told.fee_fen // 100}元" in paying.text
        self.phone.send(paying, "pay")
        (placed,) = [one for one in self.live.ledger("wechat_pay", self.seen) if one["operation"] == "jsapi"]
        self.live.control("POST", f"payments/{placed['our_ref']}", {"event": "paid"})

    def is_decided(self) -> None:
        """The platform takes it in, which is the acceptance, and an officer of it grants it."""
        page = self.seen_in("accepted")
        assert "受理凭证" in page.text
        with self.person.app.app_context():
            query = select(Delivery.id).where(Delivery.channel == "platform", Delivery.about == self.row().id)
            ref = db.session.scalars(query).one()
        self.live.control("PUT", f"platform/{ref}", {"answer": "accepted", "officer": {"name": "王磊", "number": "1"}})

    def row(self) -> Case:
        with self.person.app.app_context():
            return db.session.scalars(select(Case).where(Case.id == self.case)).one()

    def orders(self) -> list[str]:
        """The numbers that EMS gave for this person since then, oldest first."""
        rows = [one for one in self.live.ledger("ems", self.seen) if one["operation"] == "020003"]
        found = [re.search(r"(?<!\d)\d{13}(?!\d)", f"{one['text']} {one['detail']}") for one in rows]
        return [match.group() for match in found if match]

    def is_made_and_posted(self) -> str:
        """The traffic office's clerk makes it and gives it to EMS; its number."""
        desk = Browser(self.live.web_url)
        login = {name: self.staff[CLERK][name] for name in ("login", "password")}
        desk.send(desk.open("/console/login"), "login", login)
        path = f"/console/cases/{self.case}"
        page = desk.send(desk.open(path), "make", {"card_number": self.told.made})
        assert page.main["state"] == "made"
        (tracking,) = self.until("EMS takes the order", self.orders)
        self.until("its number is on the case", lambda: tracking in desk.open(path).text)
        page = desk.send(desk.open(path), "post", {"tracking": tracking})
        assert page.main["state"] == "posted"
        assert tracking in self.seen_in("posted").text
        return str(tracking)

    def gives_the_old_one_back(self, tracking: str) -> None:
        """The courier fetches the old document at the door, and brings it to the traffic office: the duty is over."""
        back = self.until("EMS is to fetch the old one", lambda: [one for one in self.orders() if one != tracking])
        assert len(back) == 1
        page = self.phone.open(f"/h5/cases/{self.case}")
        assert f"要交回的{self.told.old}" in page.text
        self.courier(back[0], "203", "702", "704")

        def over() -> bool:
            return f"要交回的{self.told.old}" not in self.phone.open(f"/h5/cases/{self.case}").text

        self.until("it is said no more that the old one is due", over)

    def courier(self, tracking: str, *codes: str) -> None:
        for code in codes:
            more = {"deliverCode": "10"} if code == "704" else {}
            self.live.control("POST", f"parcels/{tracking}", {"opCode": code} | more)

    def sms(self) -> list[str]:
        """What SMS said to the person since then."""
        rows = [one for one in self.live.ledger("sms_aliyun", self.seen) if one["to"] == self.person.phone]
        return [str(one["text"]) for one in rows]


@pytest.mark.parametrize("told", STORIES, ids=lambda told: told.item)
def test_an_item_goes_from_its_guide_to_its_end_without_a_visit(
    live: House, resident: Make, staff_logins: dict[str, dict[str, Any]], told: Told
) -> None:
    walk = Walk(live, resident("韦小花"), told, staff_logins)
    walk.world()
    walk.applies()
    if told.fee_fen:
        walk.pays()
    walk.is_decided()
    tracking = ""
    if told.made:
        walk.seen_in("approved")
        tracking = walk.is_made_and_posted()
        walk.courier(tracking, "203", "702", "704")
    page = walk.seen_in("completed")
    assert page.main["visits"] == "0"
    turns = ("已提交", "已受理", "已办结")
    walk.until("its person hears of each turn", lambda: all(any(one in text for text in walk.sms()) for one in turns))
    said = walk.sms()
    assert len(said) == len(set(said)), said
    if not told.made:
        assert "办理结果告知书" in page.text
    if told.old:
        walk.gives_the_old_one_back(tracking)
