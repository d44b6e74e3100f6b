"""Two registers are down for a day: the person applies all the same, and nothing stands still for it."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from flask import Flask
from playwright.sync_api import expect
from sqlalchemy import func, update

from app import recurring
from citizen_services.cases.asking import later_answers
from citizen_services.cases.models import Case
from citizen_services.database import commit, db
from notifications.models import Delivery
from tests.materials import pictures
from tests.stories.kit import Story, act, app_py, fill_in, photo_of, start, state, submit, upload

AWAY = ("social_insurance", "migrants")
A_DAY_S = 86_400


def test_registers_that_are_down_for_a_day_stop_neither_the_citizen_nor_the_officer(
    story: Callable[..., Story], application: Flask
) -> None:
    s = story(44)
    s.walk.world()
    for partner in AWAY:
        s.live.control("PUT", f"faults/{partner}", {"mode": "http_500"})
    s.walk.follows_and_comes_in()
    s.walk.binds()
    s.walk.registers_the_address()
    phone = s.phone
    phone.goto("/h5/items/residence-permit-first")
    expect(phone.locator("main")).to_contain_text("暂时连不上")
    s.see(phone, "guide-away")
    start(phone)
    fill_in(
        phone, {"ground": "employment", "portrait_correct": "yes", "employment_remark": "宏达机械，前年入职"},
        lambda what: s.see(phone, what),
    )  # fmt: skip
    expect(phone.locator("main")).to_contain_text("暂时连不上")
    upload(phone, photo_of("合同.jpg", pictures.jpeg()))
    phone.get_by_role("link", name="下一步，核对后提交").click()
    s.see(phone, "check")
    submit(phone)
    s.note_case(phone)
    s.told_once("待受理")

    app_py(s.live, "clock", "--shift", str(A_DAY_S))
    for partner in AWAY:
        s.live.control("PUT", f"faults/{partner}", {"mode": "none"})

    # The scheduler asks again, soon or now: who of the two asks first is not foreseen here.
    def asked_again() -> bool:
        with application.app_context():
            recurring()["registers that were away"][1]()
            return len(later_answers(db.session.get_one(Case, UUID(s.case.rpartition("/")[2])))) == len(AWAY)

    s.until("the registers are asked again", asked_again)

    # What we wrote down while the province was away has reached it by itself.
    def written() -> bool:
        with application.app_context():
            waiting = Delivery.channel == "registration", Delivery.state.in_(("pending", "uncertain"))
            db.session.execute(update(Delivery).where(*waiting, Delivery.due_at > func.now()).values(due_at=func.now()))
            commit()
        known = s.live.control("GET", f"migrants/{s.worker.id_number}").json()
        return any(s.worker.address[:12] in row["address"] for row in known["registrations"])

    s.until("the registration is written back", written)
    desk = s.at_desk(s.clerk())
    employment = desk.locator(".ws-answer", has_text="就业证明")
    for words in ("后来查到", "提交时社会保险登记没有连上", s.worker.employer):
        expect(employment).to_contain_text(words)
    assert desk.locator(".ws-viewer img").first.evaluate("p => p.naturalWidth") > 0
    s.see(desk, "desk-away")
    act(desk, "accept", "accepted")
    other = s.at_desk(s.approver())
    act(other, "approve", "approved")
    phone.goto(s.case)
    assert (state(phone), phone.locator("main").get_attribute("data-visits")) == ("approved", "0")
    s.see(phone, "approved")
    assert app_py(s.live, "audit", "verify")["ok"]
