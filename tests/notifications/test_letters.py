"""A decision against somebody is served electronically only where they consented, else by a letter that is signed for.

Asked for, printed and handed over through the pages; the person sees how and when, and from when their periods run.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from citizen_services import clock
from citizen_services.cases import serving
from citizen_services.cases.serving_models import Serving
from citizen_services.database import commit, db, new_id
from citizen_services.exchange.ems import TrackEvent
from citizen_services.people.models import Citizen, Consent, Look
from citizen_services.rules.dates import chinese_full_day, local_date
from notifications import letters, parcels, tasks
from notifications.models import Delivery, Letter, Parcel
from tests import factories as make
from tests.console.conftest import Desk
from tests.notifications.conftest import Outside, act, case_now, parcels_now, somebody
from tests.notifications.test_by_hand import desk as desk
from tests.notifications.test_by_hand import token_of
from tests.notifications.test_console_page import session_of
from tests.pages_kit import check_page, pages_browser
from tests.pages_kit import serving as served_at_address

LETTERS = "/console/letters"
WHY = {"reasons": "社会保险登记显示您已离职，目前没有合法稳定就业。", "ground": "《居住证暂行条例》第二条"}


class Phone:
    """The person's telephone, logged in. Each request runs in a context of its own, as in a server."""

    def __init__(self, app: Flask, person: Citizen) -> None:
        self._client = app.test_client()
        self._client.set_cookie("h5_session", token_of(person), domain="localhost", path="/h5")

    def get(self, path: str) -> TestResponse:
        """Open a page."""
        return contextvars.Context().run(self._client.get, path)

    def post(self, path: str, data: dict[str, str]) -> TestResponse:
        """Send a form."""
        return contextvars.Context().run(lambda: self._client.post(path, data=data))


def wish(client: Phone, wish: str, case: UUID | None = None) -> int:
    """Press the button of a wish; the status."""
    page = client.get("/h5/telling").text
    form = {"csrf_token": page.split('name="csrf_token" value="', 1)[1].split('"', 1)[0], "wish": wish}
    return client.post("/h5/telling/service", form | ({"case": str(case)} if case else {})).status_code


def refused(person: Citizen, before: Callable[[UUID], object] = lambda _: None) -> UUID:
    """A case that an officer refused. Committed."""
    case_id = make.submitted_permit(person)
    before(case_id)
    act(case_id, "accept", "yl-clerk")
    act(case_id, "refuse", "yl-officer", WHY)
    return case_id


def serving_of(case_id: UUID) -> Serving:
    """How the one document of a case is served."""
    db.session.rollback()
    (found,) = serving.of_case(case_id)
    return found


def event(tracking: str, code: str, minutes: int, deliver: str | None = None) -> TrackEvent:
    """An event of the courier's, so many minutes ago."""
    at = (clock.now() - timedelta(minutes=minutes)).replace(microsecond=0)
    return TrackEvent(
        tracking=tracking, order_ref=None, op_code=code, op_time=at, name="", description="", deliver_code=deliver,
        attempt_code=None,
    )  # fmt: skip


def heard(case_id: UUID, *events: TrackEvent) -> None:
    """The courier reports events of a case's letter."""
    (parcel,) = parcels_now(case_id)
    parcels.record(parcels.lock(parcel.id), events)
    commit()


def test_without_consent_a_letter_is_printed_scanned_posted_and_served_when_it_is_signed(
    app: Flask, partners: Outside, desk: Callable[[str], Desk]
) -> None:
    person = somebody()
    case_id = refused(person)
    assert (serving_of(case_id).way, serving_of(case_id).served_at) == ("ems", None)
    phone = Phone(app, person)
    seen = phone.get(f"/h5/cases/{case_id}").text
    assert "正在准备交寄" in seen
    assert "期限还没有开始算" in seen
    (letter,) = parcels_now(case_id)
    assert letter.direction == "letter"
    assert letter.receiver["name"] == person.name
    clerk = desk("fw-clerk")
    clerk.open(LETTERS)
    number = case_now(case_id).number
    assert number in clerk.words
    assert person.name not in clerk.page.text, "a list shows nobody in clear"
    url = f"{LETTERS}/{letter.id}"
    form = {"csrf_token": clerk.page.text.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]}
    clerk.open(url, "POST", data=form | {"tracking": "1119044791429"})
    assert clerk.page.status_code == 422, "before EMS gave a number nothing is handed over"
    tasks.send("ems")
    (letter,) = parcels_now(case_id)
    assert letter.tracking is not None
    order = partners.arrived("ems", "020003")[-1]
    assert order["outcome"] == "accepted", order
    clerk.open(f"{url}.pdf")
    assert clerk.page.data.startswith(b"%PDF")
    looks = db.session.scalars(select(Look).where(Look.citizen_id == person.id)).all()
    assert [look.reason for look in looks] == ["文书邮寄送达"]
    clerk.open(LETTERS)
    clerk.open(url, "POST", data=form | {"tracking": "9999999999999"})
    assert "面单不一致" in clerk.words
    for _ in range(2):
        clerk.open(url, "POST", data=form | {"tracking": letter.tracking.lower()})
    clerk.open(LETTERS)
    assert number not in clerk.words
    assert letter.tracking in phone.get(f"/h5/cases/{case_id}").text
    before = case_now(case_id).version
    signed = event(letter.tracking, "704", 30, "10")
    heard(case_id, event(letter.tracking, "203", 90), signed)
    assert serving_of(case_id).served_at == signed.op_time
    assert case_now(case_id).version == before, "a letter moves no case"
    first, court = serving.remedies_until(signed.op_time)
    assert (first - local_date(signed.op_time)).days == 60
    seen = phone.get(f"/h5/cases/{case_id}").text
    for words in ("签收", chinese_full_day(first), chinese_full_day(court)):
        assert words in seen
    heard(case_id, event(letter.tracking, "743", 20))
    assert serving_of(case_id).served_at is None, "the courier took the signature back"


def test_a_letter_that_somebody_else_signed_or_that_came_back_is_not_served_and_is_seen(
    app: Flask, partners: Outside
) -> None:
    person = somebody()
    case_id = refused(person)
    tasks.send("ems")
    (parcel,) = parcels_now(case_id)
    assert parcel.tracking is not None
    letters.hand_over(parcel.id, parcel.tracking, make.staff("fw-clerk").id)
    commit()
    everywhere = Parcel.id == parcel.id
    assert not letters.waiting("post", everywhere)[0]
    heard(case_id, event(parcel.tracking, "704", 60, "20"))
    assert serving_of(case_id).served_at is None
    ((row,), _) = letters.waiting("trouble", everywhere)
    assert letters.TROUBLE[row[1].course] == "他人代收，请核实"
    with pytest.raises(letters.NotThisLabel):
        letters.hand_over(parcel.id, "1234567890123", make.staff("fw-clerk").id)


@pytest.mark.parametrize("standing", [True, False])
def test_who_consented_is_served_when_the_document_reaches_them_and_may_withdraw(
    app: Flask, partners: Outside, standing: bool
) -> None:
    person = somebody()
    phone = Phone(app, person)

    def consent(case_id: UUID) -> None:
        assert "同意这一件电子送达" in phone.get(f"/h5/cases/{case_id}").text
        for _ in range(2):
            assert wish(phone, "give", None if standing else case_id) == 303

    case_id = refused(person, consent)
    found = serving_of(case_id)
    assert (found.way, parcels_now(case_id)) == ("electronic", [])
    assert found.served_at is not None
    seen = phone.get(f"/h5/cases/{case_id}").text
    assert "电子送达：" in seen
    assert chinese_full_day(serving.remedies_until(found.served_at)[0]) in seen
    kept = db.session.scalars(select(Consent).where(Consent.purpose == serving.PURPOSE)).all()
    assert [(one.citizen_id, one.case_id, one.withdrawn_at) for one in kept] == [
        (person.id, None if standing else case_id, None)
    ]
    assert wish(phone, "withdraw", None if standing else case_id) == 303
    db.session.expire_all()
    assert not serving.consents(person.id, case_id)
    assert serving_of(case_id).served_at == found.served_at, "what was served stays served"


def test_a_consent_counts_for_nothing_once_withdrawn_and_for_no_other_case(app: Flask, partners: Outside) -> None:
    person, other = somebody(), somebody()
    phone = Phone(app, person)

    def and_withdraws(case_id: UUID) -> None:
        assert wish(phone, "give") == 303
        assert wish(phone, "withdraw") == 303

    assert serving_of(refused(person, and_withdraws)).way == "ems"
    one_case = make.submitted_permit(other)
    assert wish(Phone(app, other), "give", one_case) == 303
    assert serving.consents(other.id, one_case)
    assert not serving.consents(other.id, new_id()), "of that case alone"


def test_nobody_consents_for_another_and_nonsense_is_refused(app: Flask, partners: Outside) -> None:
    person, other = somebody(), somebody()
    case_id = make.submitted_permit(person)
    stranger = Phone(app, other)
    assert wish(stranger, "give", case_id) == 404
    assert wish(stranger, "perhaps") == 422
    assert not serving.consents(person.id, case_id)


def test_no_voucher_and_no_request_is_posted(app: Flask, partners: Outside) -> None:
    case_id = make.submitted_permit(somebody())
    act(case_id, "accept", "yl-clerk")
    assert (list(serving.of_case(case_id)), parcels_now(case_id)) == ([], [])
    assert not db.session.scalars(select(Letter)).all()
    assert not db.session.scalars(select(Delivery).where(Delivery.channel == "ems")).all()


def test_the_pages_of_serving_can_be_used_by_everybody(app: Flask, partners: Outside) -> None:
    person = somebody()
    case_id = refused(person)
    tasks.send("ems")
    staff, citizen = session_of("fw-clerk"), token_of(person)
    with served_at_address(app) as address, pages_browser() as browser:
        host = urlsplit(address)
        page = browser.desktop(base_url=address)
        page.context.add_cookies([{"name": "console_session", "value": staff, "url": f"{address}/console"}])
        page.goto(LETTERS)
        assert case_now(case_id).number in page.inner_text("main")
        check_page(page, "console-letters", least=24)
        phone = browser.phone(width=375, base_url=address)
        phone.context.add_cookies(
            [{"name": "h5_session", "value": citizen, "url": f"{host.scheme}://{host.netloc}/h5"}]
        )
        phone.goto("/h5/telling")
        check_page(phone, "h5-telling-service")
        phone.goto(f"/h5/cases/{case_id}")
        assert "EMS 邮寄送达" in phone.inner_text("main")
        check_page(phone, "h5-case-served")
