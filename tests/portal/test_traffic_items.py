"""Vehicle and licence items by mail: taken in, paid, decided by the national platform, made and posted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text

from citizen_services import clock, demo_traffic
from citizen_services.cases import charging, payments
from citizen_services.cases.models import Case, Document
from citizen_services.database import commit, db
from citizen_services.fees import queries
from citizen_services.windows import slots
from notifications import platform, tasks
from notifications.models import Delivery, Notice
from notifications.old_models import DocumentDue
from tests import factories
from tests.cases.engine_world import courier_reports, last_parcel
from tests.console.conftest import Desk
from tests.fees.kit import NOBODY, Bank
from tests.house import House
from tests.portal.conftest import Resident
from tests.portal.test_on_behalf import codes
from tests.portal.traffic import drives, new_plate, owns

__all__ = ["codes"]
Make = Callable[..., Resident]
ELSEWHERE = {"issuer": "360100", "issuer_name": "江西省南昌市公安局交通管理局"}
ADDRESS = factories.PERMIT_DATA["delivery"]


@pytest.fixture(autouse=True)
def well(outside: House, application: Flask) -> None:
    """No partner is away, and nothing of other tests waits for the platform."""
    for partner in ("vehicles", "licences", "violations", "insurance", "medical", "platform", "population"):
        outside.control("PUT", f"faults/{partner}", {"mode": "none"})
    with application.app_context():
        db.session.execute(text("UPDATE channel_hold SET until = now() - interval '1 s'"))
        commit()


def day(app: Flask) -> date:
    with app.app_context():
        return clock.today()


def driver(resident: Make, outside: House, **more: Any) -> Resident:
    """Somebody whose licence of this city ends in a month, examined and with nothing open."""
    person = resident("韦小花")
    today = day(person.app)
    drives(outside, person.id_number, today + timedelta(days=30), name="韦小花", **more)
    outside.control("PUT", f"violations/{person.id_number}", {"violations": [], "accidents": 0})
    outside.control("PUT", f"medical/{person.id_number}", {"examined_on": (today - timedelta(days=20)).isoformat()})
    return person


def answers(person: Resident, item: str, *pages: dict[str, Any]) -> Case:
    """Fill in an item page by page on the phone, and send it."""
    person.begin(item)
    for page in pages:
        person.browser.submit("save", **page)
        assert person.browser.errors == set(), person.browser.words
    person.browser.submit("submit", commitment="yes")
    assert person.browser.errors == set(), person.browser.words
    return next(case for case in person.cases() if case.item == item)


def sends_licence(person: Resident, item: str, first: dict[str, Any]) -> Case:
    return answers(person, item, first, {"portrait_correct": "yes"}, ADDRESS)


def now(person: Resident, case: Case) -> Case:
    with person.app.app_context():
        return db.session.get_one(Case, case.id)


def pays(person: Resident, house: House, case: Case) -> int:
    """The person pays in WeChat; what it was, in fen."""
    with person.app.app_context():
        order = queries.holding(charging.duty_of(case.id))
        assert order is not None
        assert Bank(person.app, house).paid(payments.start(order.id, "wechat_native", NOBODY)) == 204
        return order.amount_fen


def goes_out(person: Resident) -> None:
    with person.app.app_context():
        tasks.send("platform")


def handed(person: Resident, case: Case) -> list[Delivery]:
    """What of a case goes to the platform."""
    with person.app.app_context():
        query = select(Delivery).where(Delivery.channel == "platform", Delivery.about == case.id)
        return list(db.session.scalars(query.order_by(Delivery.id)))


def decided(person: Resident, outside: House, case: Case, answer: str, reason: str = "") -> None:
    """An officer of the platform answers, and we look."""
    ref = handed(person, case)[0].id
    body = {"answer": answer, "push": False, "officer": {"name": "王磊", "number": "330299"}}
    outside.control("PUT", f"platform/{ref}", body | ({"reason": reason} if reason else {}))
    with person.app.app_context():
        db.session.execute(
            text("UPDATE platform_application SET look_at = now() - interval '1 s' WHERE case_id = :id"),
            {"id": case.id},
        )
        commit()
        platform.look()


def told(person: Resident, case: Case) -> list[str]:
    """Of what its person was told, in turn."""
    with person.app.app_context():
        query = select(Notice.kind).where(Notice.case_id == case.id).order_by(Notice.at, Notice.id)
        return list(db.session.scalars(query))


def papers(person: Resident, case: Case) -> dict[str, str]:
    """Its documents by kind, each as one text."""
    with person.app.app_context():
        found = db.session.scalars(select(Document).where(Document.case_id == case.id)).all()
        return {one.kind: "".join(one.content["paragraphs"]) for one in found}


def due(person: Resident, case: Case) -> list[str]:
    """What old documents the courier fetches for a case."""
    with person.app.app_context():
        return [
            one.name
            for one in db.session.scalars(
                select(DocumentDue).where(DocumentDue.case_id == case.id).order_by(DocumentDue.id)
            )
        ]


def made_and_posted(person: Resident, clerk: Desk, case: Case, number: str) -> str:
    """The traffic office's clerk makes it, the courier takes it; the parcel's number."""
    clerk.open(f"/console/cases/{case.id}")
    clerk.submit("make", card_number=number)
    assert now(person, case).state == "made", clerk.words
    with person.app.app_context():
        parcel = last_parcel(case.id)
        assert parcel is not None
        courier_reports(parcel.id, "collected")
    tracking = now(person, case).results["tracking"]
    clerk.open(f"/console/cases/{case.id}")
    clerk.submit("post", tracking=tracking)
    assert now(person, case).state == "posted", clerk.words
    return str(tracking)


def arrives(person: Resident, case: Case, what: str) -> None:
    with person.app.app_context():
        parcel = last_parcel(case.id)
        assert parcel is not None
        courier_reports(parcel.id, what)


@pytest.fixture
def clerk(application: Flask, house: House, staff_logins: dict[str, dict[str, Any]]) -> Desk:
    """The traffic office's clerk at the desk."""
    browser = Desk(application, house.web_url)
    browser.open("/console/login")
    browser.submit("login", login="cg-clerk", password=staff_logins["cg-clerk"]["password"])
    return browser


def test_a_licence_is_renewed_wholly_by_mail(resident: Make, outside: House, house: House, clerk: Desk) -> None:
    person = driver(resident, outside)
    case = sends_licence(person, "licence-renew", {"condition": "fit"})
    assert (case.state, case.office_code) == ("paying", "330213000100")
    goes_out(person)
    assert handed(person, case) == [], "not before it is paid"
    person.browser.open(f"/h5/cases/{case.id}")
    assert "费用 10元" in person.browser.words
    assert pays(person, house, case) == 1000
    assert now(person, case).state == "submitted"
    goes_out(person)
    case = now(person, case)
    assert (case.state, len(handed(person, case))) == ("accepted", 1)
    assert case.results["serial_number"] in papers(person, case)["voucher"]
    decided(person, outside, case, "accepted")
    assert now(person, case).state == "approved"
    tracking = made_and_posted(person, clerk, case, "3302001234567")
    assert due(person, case) == [], "issued here: its holder keeps the old one"
    person.browser.open(f"/h5/cases/{case.id}")
    assert tracking in person.browser.words
    arrives(person, case, "signed")
    case = now(person, case)
    assert (case.state, case.visits) == ("completed", 0)
    assert told(person, case) == [
        "traffic_submitted", "fee_due", "fee_paid", "accepted", "traffic_approved", "traffic_made", "traffic_posted",
        "traffic_completed",
    ]  # fmt: skip


def test_an_old_licence_of_another_province_is_fetched_and_the_case_does_not_wait_for_it(
    resident: Make, outside: House, house: House, clerk: Desk
) -> None:
    person = driver(resident, outside, **ELSEWHERE)
    case = sends_licence(person, "licence-replace-damaged", {"damage": "torn"})
    pays(person, house, case)
    goes_out(person)
    decided(person, outside, case, "accepted")
    made_and_posted(person, clerk, case, "3302001234568")
    assert due(person, case) == ["原驾驶证"]
    person.browser.open(f"/h5/cases/{case.id}")
    assert "原驾驶证" in person.browser.words
    arrives(person, case, "signed by others")
    assert now(person, case).state == "checking", "a licence is signed for by its person only"
    arrives(person, case, "signed")
    assert now(person, case).state == "completed"


def test_what_is_turned_to_the_counter_says_why_and_leads_to_a_time(
    resident: Make, outside: House, house: House
) -> None:
    person = driver(resident, outside)
    with person.app.app_context():
        demo_traffic.seed()
    case = sends_licence(person, "licence-change", {"changed": "name", "changed_remark": "韦小华"})
    pays(person, house, case)
    goes_out(person)
    decided(person, outside, case, "on_site", "请带户口簿到窗口核对")
    assert now(person, case).state == "on_site"
    assert told(person, case)[-1] == "traffic_on_site"
    page = person.browser.open(f"/h5/cases/{case.id}").text
    assert "原因：请带户口簿到窗口核对" in page
    assert "一次都不用跑" not in page
    assert "/h5/book/licence-change" in page
    person.browser.open("/h5/book/licence-change")
    with person.app.app_context():
        today = clock.today()
        free = slots.free_slots(case.item, case.office_code, today, today + timedelta(days=20)).items[0]
    person.browser.submit("hold", slot_id=str(free.slot_id))
    person.browser.submit("book")
    assert "预约成功" in person.browser.words
    decided(person, outside, case, "accepted")
    assert now(person, case).state == "approved"


@pytest.mark.parametrize(("kind", "fee"), [("02", 10_000), ("07", 7_000)])
def test_plates_cost_what_their_kind_costs_and_anybody_may_sign(
    resident: Make, outside: House, house: House, clerk: Desk, kind: str, fee: int
) -> None:
    person, plate = resident("韦小花"), new_plate()
    body = {"owner": {"id_number": person.id_number, "name": "韦小花"}, "status": "A"}
    outside.control("PUT", f"vehicles/{kind}-{plate}", body)
    case = answers(
        person, "vehicle-plate-replace", {"plate_kind": kind, "plate": plate},
        {"plates": "lost", "left": "1" if kind == "02" else "0", "temporary": "no"}, ADDRESS,
    )  # fmt: skip
    assert pays(person, house, case) == fee
    goes_out(person)
    decided(person, outside, case, "accepted")
    made_and_posted(person, clerk, case, plate)
    assert due(person, case) == (["手上的旧号牌"] if kind == "02" else [])
    arrives(person, case, "signed by others")
    assert (now(person, case).state, now(person, case).visits) == ("completed", 0)
    assert told(person, case)[-1] == "traffic_completed"


def test_a_refusal_is_a_written_decision(resident: Make, outside: House, house: House) -> None:
    person = driver(resident, outside)
    case = sends_licence(person, "licence-replace-lost", {"loss": "lost"})
    pays(person, house, case)
    goes_out(person)
    decided(person, outside, case, "refused", "驾驶证被公安机关扣押")
    assert now(person, case).state == "refused"
    decision = papers(person, case)["refused"]
    assert "驾驶证被公安机关扣押" in decision
    assert "行政复议" in decision
    assert told(person, case)[-1] == "traffic_refused"


def test_what_its_person_gives_up_is_never_handed_over_or_taken_back(
    resident: Make, outside: House, house: House
) -> None:
    person = driver(resident, outside)
    early = sends_licence(person, "licence-renew", {"condition": "fit"})
    person.browser.open(f"/h5/cases/{early.id}")
    person.browser.submit("withdraw")
    goes_out(person)
    assert (now(person, early).state, handed(person, early)) == ("withdrawn", [])
    late = sends_licence(person, "licence-replace-lost", {"loss": "lost"})
    pays(person, house, late)
    goes_out(person)
    person.browser.open(f"/h5/cases/{late.id}")
    person.browser.submit("withdraw")
    goes_out(person)
    assert now(person, late).state == "withdrawn"
    assert len(handed(person, late)) == 2, "the application, and that it is taken back"


def test_a_new_telephone_number_is_a_record_and_the_case_ends_with_its_document(resident: Make, outside: House) -> None:
    person, plate = driver(resident, outside), new_plate()
    owns(outside, person.id_number, plate)
    case = answers(
        person, "vehicle-contact", {"plate_kind": "02", "plate": plate},
        {"new_phone": "13900139001", "new_address": "", "also_licence": "yes"},
    )  # fmt: skip
    assert case.state == "submitted"
    goes_out(person)
    decided(person, outside, case, "accepted")
    case = now(person, case)
    assert (case.state, case.visits) == ("completed", 0)
    assert case.results["serial_number"] in papers(person, case)["done"]
    assert told(person, case) == ["traffic_submitted", "accepted", "traffic_completed"]


def test_whoever_comes_to_the_traffic_office_has_it_filed_there_at_one_visit(
    resident: Make, outside: House, house: House, clerk: Desk
) -> None:
    person = driver(resident, outside)
    clerk.open("/console/counter/new")
    who: dict[str, Any] = {"name": "韦小花", "id_number": person.id_number, "phone": person.phone}
    clerk.submit("register_person", **who, card_shown="yes", notice_read="yes")
    clerk.open(f"/console/counter/people/{person.id}")
    form = next(form for form in clerk._read().forms if form.inputs.get("item") == "licence-replace-lost")
    clerk.open(form.url, "POST", data=form.inputs)
    clerk.submit("save", loss="lost")
    clerk.submit("save", portrait_correct="yes")
    clerk.submit("save", **ADDRESS)
    clerk.submit("submit", read_back="yes", commitment="yes")
    (case,) = person.cases()
    assert (case.state, case.door, case.visits) == ("paying", "counter", 1), clerk.words
    pays(person, house, case)
    assert handed(person, case)[0].payload["application"]["agent"] is None, "a clerk is no agent"


def test_an_agent_files_for_a_vehicle_by_name_and_cant_change_the_owners_licence(
    resident: Make, outside: House, codes: list[str]
) -> None:
    owner, agent, plate = driver(resident, outside), resident("石大海"), new_plate()
    owns(outside, owner.id_number, plate)
    with owner.app.app_context():
        until = (clock.today() + timedelta(days=30)).isoformat()
    owner.browser.open("/h5/agents")
    form: dict[str, Any] = {"name": agent.name, "id_number": agent.id_number, "which": ["vehicle-contact"]}
    owner.browser.submit("authorise", **form, until=until, agree="yes")
    owner.browser.submit("give", code=codes[-1])
    browser = agent.browser
    browser.open(f"/h5/items/vehicle-contact?for={owner.id}")
    browser.submit("start")
    path = browser.at
    browser.submit("save", plate_kind="02", plate=plate)
    browser.submit("save", new_phone="13900139001", new_address="", also_licence="yes")
    browser.submit("submit", commitment="yes")
    assert owner.cases() == []
    assert "须本人申请" in browser.words
    browser.open(f"{path}?step=contact")
    browser.submit("save", new_phone="13900139001", new_address="", also_licence="no")
    browser.submit("submit", commitment="yes")
    (case,) = owner.cases()
    assert handed(owner, case)[0].payload["application"]["agent"] == {"id_number": agent.id_number, "name": agent.name}


@pytest.mark.parametrize(
    ("item", "facts", "says"),
    [
        ("licence-renew", {"days": 200}, "还没到换证的时候"),
        ("licence-renew", {"days": -400}, "超过一年没有换证"),
        ("licence-renew", {"open": True}, "未处理完的交通违法"),
        ("licence-renew", {"born": date(1950, 3, 1)}, "年满70周岁"),
        ("licence-renew", {"unfit": True}, "没有查到六个月内的体检合格证明"),
        ("licence-replace-lost", {"status": "K"}, "您的驾驶证状态是扣押"),
        ("licence-postpone", ELSEWHERE, "延期由发证机关办理"),
        ("licence-transfer-in", {}, "就是本市签发的"),
    ],
)
def test_what_registers_know_is_said_before_the_form(
    resident: Make, outside: House, item: str, facts: dict[str, Any], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = dict(facts)
    born = given.pop("born", None)
    if born:
        made = factories.citizen
        monkeypatch.setattr(factories, "citizen", lambda name: made(name, born=born))
    days, opened, unfit = given.pop("days", 30), given.pop("open", False), given.pop("unfit", False)
    person = driver(resident, outside)
    today = day(person.app)
    drives(outside, person.id_number, today + timedelta(days=days), **given)
    if opened:
        row = {"code": "1345", "at": f"{today - timedelta(days=9)}T10:00:00+08:00"}
        outside.control("PUT", f"violations/{person.id_number}", {"violations": [row]})
    if unfit:
        body = {"examined_on": (today - timedelta(days=300)).isoformat()}
        outside.control("PUT", f"medical/{person.id_number}", body)
    person.browser.open(f"/h5/items/{item}")
    if "start" in person.browser.actions:
        person.browser.submit("start")
    assert says in person.browser.words
    assert person.cases() == []
