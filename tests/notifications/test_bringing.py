"""Whoever has to come is told all that they bring: by SMS what fits, on the page and to the caller all of it."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select

from citizen_services.cases import operations
from citizen_services.database import commit, db
from citizen_services.parts import parts
from citizen_services.people.actors import Actor
from citizen_services.people.models import Citizen
from notifications import tasks
from notifications.models import Delivery, Notice
from tests import factories as make
from tests.console.conftest import Desk
from tests.notifications.conftest import Outside, act, case_now, follower, somebody, tries
from tests.notifications.test_by_hand import CALLS, VISITS, row_of, token_of
from tests.notifications.test_by_hand import desk as desk

TRACKING = "1119044791429"
USUAL = "居民身份证原件，没有的带临时居民身份证或户口簿"
SHORT = "委托书、代领人居民身份证"
MANY = [f"第{n}处房屋的租赁合同原件和房东身份证复印件" for n in range(1, 6)]


def returned(person: Citizen, card: str) -> UUID:
    """A case whose parcel came back and lies in the centre. Committed."""
    case_id = make.submitted_permit(person)
    act(case_id, "accept", "yl-clerk")
    act(case_id, "approve", "yl-officer")
    act(case_id, "make", "fw-clerk", {"card_number": card})
    for action, given in (("parcel_ordered", {"tracking": TRACKING}), ("post", None), ("parcel_refused", {})):
        if given is None:
            act(case_id, action, "fw-clerk", {"tracking": TRACKING})
            continue
        operations.perform(parts().catalogue, case_id, action, Actor.system("ems_receipt"), None, given)
        commit()
    act(case_id, "receive_back", "fw-clerk", {"tracking": TRACKING})
    return case_id


def notice_of(case_id: UUID) -> Notice:
    """What was told last of how the card is had."""
    db.session.rollback()
    kinds = ("bring_residence_permit_first", "delivery_chosen")
    query = select(Notice).where(Notice.case_id == case_id, Notice.kind.in_(kinds)).order_by(Notice.id.desc())
    found = db.session.scalars(query).first()
    assert found is not None
    return found


def page_of(app: Flask, person: Citizen, case_id: UUID) -> str:
    """The case as its person sees it on the telephone."""
    phone = app.test_client()
    phone.set_cookie("h5_session", token_of(person), domain="localhost", path="/h5")
    return phone.get(f"/h5/cases/{case_id}").text


@pytest.mark.parametrize(
    ("also", "template", "values"),
    [
        ("", "bring_residence_permit_first", {}),
        ("委托书；\n\n代领人居民身份证", "bring_residence_permit_first_also", {"also": SHORT}),
        ("\n".join(MANY), "bring_residence_permit_first_many", {"things": "6"}),
    ],
)
def test_an_sms_says_the_usual_list_one_difference_or_how_many_and_where_to_tap(
    app: Flask, partners: Outside, also: str, template: str, values: dict[str, str]
) -> None:
    person = somebody()
    follower(partners, person)
    case_id = returned(person, "33021326020001")
    act(case_id, "note_choice", "fw-clerk", {"way": "counter", "also": also})
    notice = notice_of(case_id)
    assert notice.values["sms"] == {"template": template, "values": values, "in_order": True}
    things = [USUAL, *(line.strip("；") for line in also.splitlines() if line)]
    assert all(thing in notice.text for thing in things), "the page says all of it, whatever fits an SMS"
    (wechat,) = tries(notice).values()
    assert wechat.payload["fields"]["thing5"] == f"要带{len(things)}样东西，点开看清单"
    seen = page_of(app, person, case_id)
    assert f"到窗口要带 {len(things)} 样东西" in seen
    assert all(f"<li>{thing}</li>" in seen for thing in things)
    act(case_id, "note_choice", "fw-clerk", {"way": "post", **case_now(case_id).data["delivery"]})
    assert "到窗口要带" not in page_of(app, person, case_id), "who need not come brings nothing"


def test_the_gateway_takes_each_list_by_sms(app: Flask, partners: Outside) -> None:
    person = somebody()
    case_id = returned(person, "33021326020002")
    for also in ("", SHORT):
        act(case_id, "note_choice", "fw-clerk", {"way": "counter", "also": also})
        (sms,) = tries(notice_of(case_id)).values()
        tasks.send("sms")
        db.session.refresh(sms)
        assert (sms.channel, sms.state) == ("sms", "sent"), sms.reason


def test_whoever_has_no_wechat_is_called_with_the_whole_list_and_visited_if_not_reached(
    app: Flask, partners: Outside, desk: Callable[[str], Desk]
) -> None:
    person = somebody()
    case_id = returned(person, "33021326020003")
    act(case_id, "note_choice", "fw-clerk", {"way": "counter", "also": "\n".join(MANY)})
    notice = notice_of(case_id)
    assert set(tries(notice)) == {"call"}, "an SMS that sends them to where they can't tap is none"
    clerk = desk("yl-clerk")
    url = f"{CALLS}/{row_of(case_id, 'call').id}"
    clerk.open(url)
    assert all(clerk.page.text.count(thing) == 1 for thing in (USUAL, *MANY)), "each once, to be ticked off"
    assert f"<li>{MANY[0]}</li>" in clerk.page.text
    clerk.submit("result", result="refused")
    officer = desk("yl-community")
    officer.open(f"{VISITS}/{row_of(case_id, 'visit').id}")
    assert all(thing in officer.page.text for thing in MANY)
    officer.submit("result", result="told")
    assert {one.state for one in tries(notice).values()} == {"failed", "delivered"}
    assert db.session.scalars(select(Delivery).where(Delivery.notice_id == notice.id)).all()
