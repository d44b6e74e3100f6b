"""What the new card takes the place of comes back as a duty of its own: followed, reminded, listed; no case waits."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from citizen_services import clock
from citizen_services.cases import operations
from citizen_services.cases.signals import old_document_due
from citizen_services.catalogue import OldDocument, Source
from citizen_services.database import Change, commit, db
from citizen_services.parts import parts
from citizen_services.people.models import Citizen
from notifications import old, tasks
from notifications.errors import NotDue
from notifications.models import Notice, Parcel
from notifications.old_models import DocumentDue
from tests import factories as make
from tests.cases.engine_drafts import renewal
from tests.cases.engine_world import courier_takes_order
from tests.console.conftest import Desk
from tests.notifications.conftest import Outside, act, case_now, later, parcels_now, somebody
from tests.notifications.test_by_hand import desk as desk
from tests.notifications.test_by_hand import token_of
from tests.notifications.test_console_page import session_of
from tests.notifications.test_parcel_life import arrive
from tests.pages_kit import check_page, pages_browser, serving

DUE = "/console/old-documents"
_numbers = itertools.count(1)


def numbered_at_once(case_id: UUID) -> None:
    """The courier answers the orders of a case's parcels. Committed."""
    for parcel in parcels_now(case_id):
        if parcel.tracking is None:
            courier_takes_order(parcel.id, f"11{next(_numbers):011d}")


def asked_for(case_id: UUID) -> None:
    """The courier is asked for what is to be ordered."""
    tasks.send("ems")


def renewed(card: str, order: Callable[[UUID], None] = numbered_at_once) -> tuple[UUID, str, str]:
    """A renewal whose new card is on its way: its id, and the numbers of the two parcels. Committed."""
    person = somebody()
    make.registered(person)
    draft = renewal(person, 0)
    case_id = operations.submit(parts().catalogue, draft, make.applicant(person)).case_id
    commit()
    act(case_id, "accept", "yl-clerk")
    act(case_id, "approve", "yl-officer")
    act(case_id, "make", "fw-clerk", {"card_number": card})
    order(case_id)
    out = of(case_id, "out").tracking
    act(case_id, "post", "fw-clerk", {"tracking": str(out)})
    order(case_id)
    return case_id, str(out), str(of(case_id, "back").tracking)


def of(case_id: UUID, direction: str) -> Parcel:
    """The last parcel of a case that goes that way."""
    return [parcel for parcel in parcels_now(case_id) if parcel.direction == direction][-1]


def due(case_id: UUID) -> DocumentDue:
    """What of a case is to come back, as it is now."""
    db.session.rollback()
    query = select(DocumentDue).where(DocumentDue.case_id == case_id).execution_options(populate_existing=True)
    return db.session.scalars(query).one()


def reminders(case_id: UUID) -> list[str]:
    """The reminders of the old document that went out."""
    db.session.rollback()
    query = select(Notice.text).where(Notice.case_id == case_id, Notice.kind == "old_document")
    return list(db.session.scalars(query.order_by(Notice.at, Notice.id)))


def test_the_case_is_complete_and_the_old_card_is_waited_for_until_the_courier_brings_it(
    app: Flask, client: FlaskClient, desk: Callable[[str], Desk]
) -> None:
    case_id, out, back = renewed("3302132699990001")
    arrive(client, out, "704", 1, deliverCode="10")
    assert case_now(case_id).state == "completed", "it does not wait for the old card"
    assert (due(case_id).kind, due(case_id).name, due(case_id).ended_at) == ("old", "旧居住证", None)
    clerk = desk("fw-clerk")
    clerk.open("/console/telling")
    assert "要收回的证件（1）" in clerk.words
    clerk.open(DUE)
    assert case_now(case_id).number in clerk.words
    assert "等快递员上门取" in clerk.words
    assert "李雷" not in clerk.page.text, "a list shows nobody in clear"
    arrive(client, back, "203", 2)
    clerk.open(DUE)
    assert "正在送来" in clerk.words
    arrive(client, back, "704", 3, deliverCode="60")
    assert due(case_id).ended_as == "came"
    clerk.open(DUE)
    assert "没有要收回的证件" in clerk.words
    # The courier takes his word back.
    arrive(client, back, "743", 4)
    assert (due(case_id).ended_as, due(case_id).ended_at) == (None, None)
    assert due(case_id).remind_at is not None
    assert case_now(case_id).state == "completed"


def test_who_keeps_the_old_card_is_reminded_on_the_days_named_and_then_it_is_the_staffs(
    app: Flask, client: FlaskClient
) -> None:
    case_id, out, _ = renewed("3302132699990002")
    arrive(client, out, "704", 1, deliverCode="10")
    for days, told in ((9, 0), (11, 1), (12, 1), (26, 2), (400, 2)):
        with later(days=days):
            for _ in range(2):
                old.remind()
        assert len(reminders(case_id)) == told, days
    assert all("旧居住证" in words and "不用付费" in words for words in reminders(case_id))
    assert due(case_id).remind_at is None
    assert [row[0].case_id for row in old.waiting(DocumentDue.case_id == case_id)] == [case_id], "it stays on the list"


def test_a_clerk_says_what_became_of_it_and_the_courier_is_sent_once_more_or_home(
    app: Flask, client: FlaskClient, partners: Outside, desk: Callable[[str], Desk]
) -> None:
    case_id, _, back = renewed("3302132699990003", asked_for)
    clerk = desk("fw-clerk")
    clerk.open(DUE)
    clerk.submit(f"fetch-again-{due(case_id).id}")
    assert "已另约快递员上门取" in clerk.words
    tasks.send("ems")
    (cancelled,) = partners.arrived("ems", "020006")
    assert (cancelled["outcome"], cancelled["detail"]["waybillNo"]) == ("ok", back)
    second = of(case_id, "back")
    assert second.tracking not in (None, back)
    assert due(case_id).parcel_id == second.id
    # On its way there is nothing more to order, whatever a page that is left open says.
    arrive(client, str(second.tracking), "203", 2)
    with pytest.raises(NotDue):
        old.fetch_again(due(case_id).id)
    db.session.rollback()
    clerk.open(DUE)
    clerk.submit(f"write-off-{due(case_id).id}", note="丢")
    assert clerk.page.status_code == 422
    assert "为什么不再追回" in clerk.words
    clerk.submit(f"write-off-{due(case_id).id}", note="本人说旧证已经找不到了")
    assert (due(case_id).ended_as, due(case_id).note) == ("written_off", "本人说旧证已经找不到了")
    # What a clerk said stays, whatever the courier reports; it is said once.
    arrive(client, str(second.tracking), "704", 3, deliverCode="10")
    assert due(case_id).ended_as == "written_off"
    with pytest.raises(NotDue):
        old.received(due(case_id).id, make.staff("fw-clerk").id)  # type: ignore[arg-type]
    db.session.rollback()


def test_a_document_that_its_person_brings_is_received_at_the_counter_by_its_own_office_alone(
    app: Flask, desk: Callable[[str], Desk]
) -> None:
    case_id = make.submitted_permit(somebody())
    change = Change(clock.now())
    plates = OldDocument("旧号牌", Source("机动车登记规定", "第五十四条"), remind_days=(5,))
    old_document_due.send(case_id, old=plates, change=change)
    change.write()
    commit()
    clerk = desk("fw-clerk")
    clerk.open(DUE)
    assert "旧号牌" in clerk.words
    assert "由本人交回或寄回" in clerk.words
    clerk.submit(f"received-{due(case_id).id}")
    assert (due(case_id).ended_as, due(case_id).remind_at) == ("received", None)
    other = desk("yl-clerk")
    other.open(DUE)
    assert other.page.status_code == 403


def test_the_list_and_the_page_of_an_officer_s_ending_are_judged_as_their_users_see_them(
    app: Flask, client: FlaskClient
) -> None:
    case_id, out, _ = renewed("3302132699990004")
    arrive(client, out, "203", 1)
    act(case_id, "end_for_fact", "yl-officer", {"fact": "new_permit", "day": "2026-11-02", "how": "已查看新的居住证"})
    another, _, _ = renewed("3302132699990005")
    clerk, officer = session_of("fw-clerk"), session_of("yl-officer")
    citizens = [token_of(db.session.get_one(Citizen, case_now(one).citizen_id)) for one in (case_id, another)]
    with serving(app) as address, pages_browser() as browser:
        page = browser.desktop(base_url=address)
        page.context.add_cookies([{"name": "console_session", "value": clerk, "url": f"{address}/console"}])
        page.goto("/console/old-documents")
        for words in ("居住证新证", "请致电 11183 要求拦截退回", "旧居住证", "再约快递员上门取"):
            assert words in page.inner_text("main"), words
        check_page(page, "console-old-documents", least=24)
        desk_ = browser.desktop(base_url=address)
        desk_.context.add_cookies([{"name": "console_session", "value": officer, "url": f"{address}/console"}])
        desk_.goto(f"/console/cases/{another}/actions/end_for_fact")
        assert "居住证为什么终止" in desk_.inner_text("main")
        check_page(desk_, "console-end-for-fact", least=24)
        for one, citizen, words, name in (
            (case_id, citizens[0], "已在别处领取新的居住证", "h5-case-ended"),
            (another, citizens[1], "要交回的旧居住证", "h5-case-old-document"),
        ):
            phone = browser.phone(width=375, base_url=address)
            phone.context.add_cookies([{"name": "h5_session", "value": citizen, "url": f"{address}/h5"}])
            phone.goto(f"/h5/cases/{one}")
            assert words in phone.inner_text("main"), words
            assert "重新申请" not in phone.inner_text("main")
            check_page(phone, name)
