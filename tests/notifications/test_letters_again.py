"""A letter that did not arrive is followed by another: to an address that a clerk asked for or the person gave.

After as many as are tried the office brings the document; the day of serving is that of whatever arrived.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from citizen_services import clock
from citizen_services.cases import serving
from citizen_services.cases.models import Case, Document
from citizen_services.cases.serving_models import Serving
from citizen_services.database import commit, db
from citizen_services.people.models import Look
from citizen_services.registers.models import ResidenceRegistration
from citizen_services.rules.dates import chinese_full_day, local_date
from citizen_services.security import new_token
from notifications import in_person, letters, parcels, tasks
from notifications.models import Delivery, Letter, Notice, Parcel
from tests import factories as make
from tests.console.conftest import Desk
from tests.notifications.conftest import Outside, case_now, parcels_now, somebody, told_of
from tests.notifications.test_by_hand import desk as desk
from tests.notifications.test_by_hand import token_of
from tests.notifications.test_console_page import session_of
from tests.notifications.test_letters import LETTERS, Phone, event, refused, serving_of
from tests.pages_kit import check_page, pages_browser
from tests.pages_kit import serving as served_at_address

SERVING = "/console/serving"
PLACE = {"province": "浙江省", "city": "宁波市", "county": "奉化区", "postal_address": "岳林街道新村 8 幢 302 室"}


def document_of(case_id: UUID) -> UUID:
    """The document that is served in a case."""
    return serving_of(case_id).document_id


def post(parcel_id: UUID) -> str:
    """EMS takes the order, and the service centre hands the letter over; its number."""
    tasks.send("ems")
    parcel = db.session.get_one(Parcel, parcel_id, populate_existing=True)
    assert parcel.tracking is not None
    letters.hand_over(parcel_id, parcel.tracking, make.staff("fw-clerk").id)
    commit()
    return parcel.tracking


def happened(parcel_id: UUID, *codes: tuple[str, str | None]) -> None:
    """The courier reports events one minute after another, the last one five minutes ago."""
    tracking = db.session.get_one(Parcel, parcel_id, populate_existing=True).tracking or ""
    events = [event(tracking, code, len(codes) - n + 5, deliver) for n, (code, deliver) in enumerate(codes)]
    parcels.record(parcels.lock(parcel_id), events)
    commit()


def came_back(parcel_id: UUID) -> None:
    """It is handed over, and returned to us."""
    post(parcel_id)
    happened(parcel_id, ("203", None), ("708", None), ("711", None))


def in_vain(case_id: UUID) -> None:
    """As many letters as are tried come back; each new one goes to an address that the person gave."""
    came_back(parcels_now(case_id)[-1].id)
    letters.give_address(document_of(case_id), {"address": "新村 9 幢"}, "citizen")
    commit()
    came_back(parcels_now(case_id)[-1].id)


def tries_of(case_id: UUID, kind: str) -> dict[str, tuple[str, str | None]]:
    """The tries of a notice of a case, by channel: state and reason."""
    db.session.rollback()
    query = select(Delivery.channel, Delivery.state, Delivery.reason).join(Notice, Notice.id == Delivery.notice_id)
    rows = db.session.execute(query.where(Notice.case_id == case_id, Notice.kind == kind))
    return {row.channel: (row.state, row.reason) for row in rows}


def give(phone: Phone, document_id: UUID, **given: str) -> TestResponse:
    """The person sends the form, whether or not the page still shows it."""
    page = phone.get("/h5/telling").text
    token = page.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]
    return phone.post(f"/h5/letters/{document_id}", {"csrf_token": token, "form_token": new_token(12)} | given)


def test_a_letter_that_came_back_goes_to_the_address_that_a_clerk_asked_for_and_counts_from_its_own_signature(
    app: Flask, partners: Outside, desk: Callable[[str], Desk]
) -> None:
    person = somebody()
    case_id = refused(person)
    (first,) = parcels_now(case_id)
    came_back(first.id)
    assert told_of(case_id).count("letter_address") == 1
    clerk = desk("fw-clerk")
    clerk.open(LETTERS)
    assert case_now(case_id).number not in clerk.words, "it was handed over"
    clerk.open(f"{LETTERS}/trouble")
    assert "已退回" in clerk.words
    url = f"{LETTERS}/{first.id}/address"
    clerk.open(url)
    assert person.phone in clerk.page.text, "whoever asks must call"
    reasons = db.session.scalars(select(Look.reason).where(Look.citizen_id == person.id)).all()
    assert "文书送达，核实收信地址" in reasons
    clerk.submit("letter_address", **PLACE | {"postal_address": ""})
    assert (clerk.page.status_code, 'data-error="postal_address"' in clerk.page.text) == (422, True)
    clerk.open(url)
    form = clerk.form("letter_address")
    for _ in range(2):
        clerk.open(form.url, "POST", data=form.inputs | PLACE)
    assert len(parcels_now(case_id)) == 2, "sent twice it is one letter"
    second = parcels_now(case_id)[1]
    assert second.receiver["address"] == PLACE["postal_address"]
    assert second.receiver["name"] == person.name
    states = {state for state, _ in tries_of(case_id, "letter_address").values()}
    assert states <= {"cancelled", "sent", "delivered", "uncertain"}, "nobody is asked any more"
    kept = db.session.get_one(Letter, second.id)
    assert (kept.nth, kept.given_by, kept.given_by_id) == (2, "staff", make.staff("fw-clerk").id)
    number = post(second.id)
    assert number != db.session.get_one(Parcel, first.id).tracking, "an order of its own"
    page = Phone(app, person).get(f"/h5/cases/{case_id}").text
    assert "（第 2 次）" in page
    assert serving_of(case_id).served_at is None
    happened(second.id, ("203", None), ("704", "10"))
    served_at = serving_of(case_id).served_at
    assert served_at is not None
    first_day, _ = serving.remedies_until(served_at)
    assert chinese_full_day(first_day) in Phone(app, person).get(f"/h5/cases/{case_id}").text
    clerk.open(f"{LETTERS}/trouble")
    assert case_now(case_id).number not in clerk.words
    clerk.open(url)
    assert "现在不需要处理" in clerk.words


def test_a_lost_letter_is_sent_again_by_itself_and_the_one_that_is_signed_first_counts(
    app: Flask, partners: Outside
) -> None:
    case_id = refused(somebody())
    (first,) = parcels_now(case_id)
    post(first.id)
    happened(first.id, ("203", None), ("987", None))
    happened(first.id, ("203", None), ("987", None))
    assert len(parcels_now(case_id)) == 2, "heard twice it is lost once"
    assert "letter_address" not in told_of(case_id), "its address was right"
    second = parcels_now(case_id)[1]
    assert second.receiver == first.receiver
    post(second.id)
    happened(second.id, ("203", None), ("704", "10"))
    counted = serving_of(case_id).served_at
    assert counted is not None
    # It turns up after all, and was signed for a day before; then the courier takes that back.
    tracking = db.session.get_one(Parcel, first.id).tracking or ""
    earlier = event(tracking, "704", 24 * 60, "10")
    parcels.record(parcels.lock(first.id), [event(tracking, "988", 25 * 60), earlier])
    commit()
    course = db.session.get_one(Parcel, first.id, populate_existing=True).course
    assert serving_of(case_id).served_at == (earlier.op_time if course == "signed" else counted)
    parcels.record(parcels.lock(first.id), [event(tracking, "743", 1)])
    commit()
    assert serving_of(case_id).served_at == counted


def test_a_letter_that_comes_through_after_all_asks_nobody_for_an_address_any_more(
    app: Flask, partners: Outside
) -> None:
    case_id = refused(somebody())
    (first,) = parcels_now(case_id)
    came_back(first.id)
    assert {state for state, _ in tries_of(case_id, "letter_address").values()} == {"pending"}
    # The return was a mistake of the courier's, who delivers it once more.
    tracking = db.session.get_one(Parcel, first.id).tracking or ""
    parcels.record(parcels.lock(first.id), [event(tracking, "702", 3), event(tracking, "704", 1, "10")])
    commit()
    assert serving_of(case_id).served_at is not None
    assert {state for state, _ in tries_of(case_id, "letter_address").values()} == {"cancelled"}


def without_address(case_id: UUID) -> None:
    """Nobody knows where the person lives by now."""
    case = db.session.get_one(Case, case_id)
    case.data = {group: fields for group, fields in case.data.items() if group != "delivery"}
    homes = update(ResidenceRegistration).where(ResidenceRegistration.citizen_id == case.citizen_id)
    db.session.execute(homes.values(until=clock.today() - timedelta(days=1)))
    commit()


def test_whose_address_nobody_knows_is_asked_and_gives_it_on_the_phone(
    app: Flask, partners: Outside, desk: Callable[[str], Desk]
) -> None:
    person = somebody()
    case_id = refused(person, without_address)
    (letter,) = parcels_now(case_id)
    assert letter.receiver["address"] == ""
    assert told_of(case_id).count("letter_address") == 1
    assert not db.session.scalars(select(Delivery).where(Delivery.parcel_id == letter.id)).all()
    clerk = desk("fw-clerk")
    clerk.open(LETTERS)
    assert "没有地址" in clerk.words
    phone, document_id = Phone(app, person), document_of(case_id)
    assert f"/h5/letters/{document_id}" in phone.get(f"/h5/cases/{case_id}").text
    assert Phone(app, somebody()).get(f"/h5/letters/{document_id}").status_code == 404, "nobody else's"
    assert give(phone, document_id, **PLACE | {"city": ""}).status_code == 422
    assert give(phone, document_id, **PLACE).status_code == 303
    (letter,) = parcels_now(case_id)
    assert letter.receiver["address"] == PLACE["postal_address"]
    assert db.session.get_one(Letter, letter.id).given_by == "citizen"
    assert give(phone, document_id, **PLACE).status_code == 409, "it is under way"
    assert len(partners.arrived("ems", "020003", "accepted")) == 0
    post(letter.id)
    assert len(partners.arrived("ems", "020003", "accepted")) == 1


def test_after_as_many_letters_as_are_tried_the_office_brings_it_and_its_day_counts(
    app: Flask, partners: Outside, desk: Callable[[str], Desk]
) -> None:
    person = somebody()
    case_id = refused(person)
    in_vain(case_id)
    document_id, number = document_of(case_id), case_now(case_id).number
    assert serving_of(case_id).in_person_since is not None
    assert told_of(case_id).count("letter_address") == 1, "no address is of use any more"
    assert give(Phone(app, person), document_id, **PLACE).status_code == 409
    clerk = desk("fw-clerk")
    clerk.open(f"{LETTERS}/trouble")
    assert number not in clerk.words
    elsewhere = desk("jp-clerk")
    elsewhere.open(SERVING)
    assert number not in elsewhere.words
    elsewhere.open(f"{SERVING}/{document_id}")
    assert elsewhere.page.status_code == 404
    officer = desk("yl-community")
    officer.open("/console/telling")
    assert "文书上门送达（1）" in officer.words
    officer.open(SERVING)
    assert number in officer.words
    assert person.name not in officer.page.text
    officer.open(f"{SERVING}/{document_id}.pdf")
    assert officer.page.data.startswith(b"%PDF")
    url = f"{SERVING}/{document_id}"
    officer.open(url)
    assert person.name in officer.words
    tomorrow, issued = clock.today() + timedelta(days=1), db.session.get_one(Document, document_id).at
    before = local_date(issued) - timedelta(days=1)
    for day in (tomorrow, before):
        officer.submit("served", way="direct", day=day.isoformat(), how="张三送达，本人在家签收")
        assert (officer.page.status_code, "送达日期不能" in officer.words) == (422, True)
        officer.open(url)
    officer.submit("served", way="direct", day=clock.today().isoformat(), how="张三送达，本人在家签收")
    assert "已登记送达" in officer.words
    found = serving_of(case_id)
    assert (found.way, found.how, found.by_id) == ("direct", "张三送达，本人在家签收", make.staff("yl-community").id)
    assert local_date(found.served_at) == clock.today()  # type: ignore[arg-type]
    officer.open(url)
    assert officer.page.status_code == 404, "it is served"
    seen = Phone(app, person).get(f"/h5/cases/{case_id}").text
    assert f"直接送达：{chinese_full_day(clock.today())}" in seen
    reasons = db.session.scalars(select(Look.reason).where(Look.citizen_id == person.id)).all()
    assert "文书上门送达" in reasons
    # A letter that turns up afterwards changes nothing.
    happened(parcels_now(case_id)[0].id, ("203", None), ("704", "10"))
    assert serving_of(case_id).way == "direct"


def test_a_clerk_may_send_no_more_letters_to_whoever_refuses_them(
    app: Flask, partners: Outside, desk: Callable[[str], Desk]
) -> None:
    case_id = refused(somebody())
    (first,) = parcels_now(case_id)
    clerk = desk("fw-clerk")
    clerk.open(f"{LETTERS}/{first.id}/address")
    assert "现在不需要处理" in clerk.words, "it is under way"
    with pytest.raises(letters.NoLetterWanted):
        letters.stop(document_of(case_id))
    db.session.rollback()
    came_back(first.id)
    clerk.open(f"{LETTERS}/{first.id}/address")
    clerk.submit("letter_bring")
    assert "改为上门送达" in clerk.words
    everywhere = Case.id == case_id
    assert [row[1].id for row in in_person.waiting(everywhere)[0]] == [document_of(case_id)]
    assert in_person.count(everywhere) == 1
    assert not letters.waiting("trouble", everywhere)[0]
    happened(first.id, ("203", None), ("708", None), ("987", None))
    assert len(parcels_now(case_id)) == 1, "nobody sends another one any more"


def test_an_address_that_ems_does_not_take_is_corrected_and_its_order_is_no_dead_letter(
    app: Flask, partners: Outside, desk: Callable[[str], Desk]
) -> None:
    case_id = refused(somebody())
    (first,) = parcels_now(case_id)
    order = db.session.scalars(select(Delivery).where(Delivery.parcel_id == first.id)).one()
    order.state, order.due_at, order.reason = "failed", None, "never: B00001"
    commit()
    clerk = desk("fw-clerk")
    clerk.open(LETTERS)
    assert letters.NOT_TAKEN in clerk.words
    assert letters.undeliverable_count(Case.id == case_id) == 1
    clerk.open(f"{LETTERS}/{first.id}/address")
    clerk.submit("letter_address", **PLACE)
    second = parcels_now(case_id)[1]
    new = db.session.scalars(select(Delivery).where(Delivery.parcel_id == second.id)).one()
    assert db.session.get_one(Delivery, order.id, populate_existing=True).requeued_as == new.id
    assert letters.undeliverable_count(Case.id == case_id) == 0


def test_a_long_list_of_letters_is_read_page_by_page_each_once(
    app: Flask, partners: Outside, desk: Callable[[str], Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = {case_now(refused(somebody())).number for _ in range(3)}
    monkeypatch.setattr(letters, "PAGE", 2)
    clerk = desk("fw-clerk")
    clerk.open(LETTERS)
    first = {number for number in numbers if number in clerk.words}
    assert len(first) == 2
    after = clerk.page.text.split('<a rel="next" href="', 1)[1].split('"', 1)[0]
    clerk.open(after.replace("&amp;", "&"))
    assert {number for number in numbers if number in clerk.words} == numbers - first
    assert 'rel="next"' not in clerk.page.text


def test_the_database_keeps_one_way_of_serving_by_hand_with_whoever_did_it(app: Flask, partners: Outside) -> None:
    from sqlalchemy.exc import IntegrityError

    case_id = refused(somebody())
    alone = update(Serving).where(Serving.case_id == case_id).values(way="direct")
    with pytest.raises(IntegrityError):
        db.session.execute(alone)
    db.session.rollback()


def test_the_pages_of_letters_that_did_not_arrive_can_be_used_by_everybody(app: Flask, partners: Outside) -> None:
    person, brought = somebody(), somebody()
    case_id, other = refused(person), refused(brought)
    (letter,) = parcels_now(case_id)
    came_back(letter.id)
    in_vain(other)
    clerk, officer, citizen = session_of("fw-clerk"), session_of("yl-community"), token_of(person)
    with served_at_address(app) as address, pages_browser() as browser:
        host = urlsplit(address)
        page = browser.desktop(base_url=address)
        page.context.add_cookies([{"name": "console_session", "value": clerk, "url": f"{address}/console"}])
        page.goto("/console/letters/trouble")
        assert case_now(case_id).number in page.inner_text("main")
        check_page(page, "console-letters-trouble", least=24)
        page.goto(f"/console/letters/{letter.id}/address")
        check_page(page, "console-letter-address", least=24)
        desktop = browser.desktop(base_url=address)
        desktop.context.add_cookies([{"name": "console_session", "value": officer, "url": f"{address}/console"}])
        desktop.goto("/console/serving")
        check_page(desktop, "console-serving", least=24)
        desktop.goto(f"/console/serving/{document_of(other)}")
        check_page(desktop, "console-serving-one", least=24)
        phone = browser.phone(width=375, base_url=address)
        phone.context.add_cookies(
            [{"name": "h5_session", "value": citizen, "url": f"{host.scheme}://{host.netloc}/h5"}]
        )
        phone.goto(f"/h5/letters/{document_of(case_id)}")
        assert "已退回" in phone.inner_text("main")
        check_page(phone, "h5-letter-address")
        phone.goto(f"/h5/cases/{case_id}")
        check_page(phone, "h5-case-letter-back")
