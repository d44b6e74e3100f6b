"""A night-shift worker answers a correction between two shifts, with a poor network and a login that ran out."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from flask import Flask
from playwright.sync_api import expect
from sqlalchemy import select, update

from citizen_services import journey
from citizen_services.cases.models import Case, CaseEvent
from citizen_services.clock import protocol_now
from citizen_services.database import commit, db
from citizen_services.people.models import Session
from tests.materials import pictures
from tests.stories.kit import Story, act, app_py, photo_of, press, state, upload

PROOF = "employment_proof"
WHY_ADDRESS, WHY_PHOTO = "请写明楼栋和房间号", "签名那一页没有拍到，请补拍"
STREET = "岳林街道金钟路18号9幢101室"


def applies_with_a_contract(s: Story) -> None:
    """The person applies, says that the employer is another one, and brings a photo of the contract."""
    phone = s.walk.phone
    page = s.walk._start(journey.PERMIT)
    answers = {
        "ground": "employment", "employment_correct": "no", "employment_remark": "今年三月换了厂",
        "portrait_correct": "yes", "postal_address": "金钟路宿舍",
    }  # fmt: skip
    while any(form.action == "save" for form in page.forms):
        form = page.form("save")
        page = phone.send(page, "save", {k: v for k, v in answers.items() if k in form.choices or k in form.fields})
    page = phone.send(page, "upload", files={"file": ("合同.jpg", pictures.jpeg(), "image/jpeg")})
    page = s.walk._submit(phone.open(f"{page.url.split('?')[0]}?step=check"))
    s.walk.identifiers |= {"case_id": page.main["case-id"], "case_number": page.main["case-number"]}


def log_out_everybody(application: Flask) -> None:
    """Every login runs out, as it does after some hours."""
    with application.app_context():
        db.session.execute(update(Session).where(Session.kind == "citizen").values(expires_at=protocol_now()))
        commit()


def test_a_correction_answered_at_night_loses_nothing_and_is_sent_once(
    story: Callable[..., Story], application: Flask
) -> None:
    s = story(42)
    s.lives_here()
    applies_with_a_contract(s)

    desk = s.at_desk(s.clerk())
    for code, why in (("delivery.postal_address", WHY_ADDRESS), (PROOF, WHY_PHOTO)):
        desk.locator(f'label[for="ck-{code}-no"]').click()
        desk.locator(f'[name="reason-{code}"]').fill(why)
    s.see(desk, "desk-checks")
    press(desk, "发出补正通知")
    expect(desk.locator("main")).to_have_attribute("data-state", "correcting")
    notice = s.told_once("要补正")

    # Night: the notice is opened, one field is filled in, and the network goes.
    app_py(s.live, "clock", "--shift", str(14 * 3600))
    phone = s.phone
    phone.goto(s.link_of(notice))
    assert state(phone) == "correcting"
    expect(phone.get_by_role("button", name="提交补正", exact=True)).to_have_count(1)
    for words in (WHY_ADDRESS, WHY_PHOTO, "时钟停着", "最晚 11月23日（周一）"):
        expect(phone.locator("#correct")).to_contain_text(words)
    s.see(phone, "correcting")
    phone.get_by_label("详细地址").fill("岳林街道金钟路")
    expect(phone.locator("[data-saved]")).to_contain_text("已替您记下")
    phone.context.set_offline(True)
    phone.get_by_label("详细地址").fill(STREET)
    expect(phone.locator("[data-offline]")).to_contain_text("网络断了")
    press(phone, "提交补正")
    expect(phone.get_by_label("详细地址")).to_have_value(STREET)
    s.see(phone, "offline")
    phone.context.set_offline(False)
    expect(phone.locator("[data-offline]")).to_be_hidden()
    expect(phone.locator("[data-saved]")).to_contain_text("已替您记下")

    # Back and forth: what was typed is there.
    phone.goto("/h5/")
    s.see(phone, "home-waiting")
    phone.go_back()
    expect(phone.get_by_label("详细地址")).to_have_value(STREET)

    # A photo; sent without one before, and told so.
    press(phone, "提交补正")
    phone.locator(f"[data-error={PROOF}]").wait_for()
    expect(phone.get_by_label("详细地址")).to_have_value(STREET)
    s.see(phone, "photo-missing")
    upload(phone, photo_of("合同2.jpg", pictures.jpeg(900)))
    expect(phone.get_by_label("详细地址")).to_have_value(STREET)

    # The login has run out since: it is asked for, and the page comes back as it was.
    log_out_everybody(application)
    press(phone, "提交补正")
    phone.get_by_text("替您留着").wait_for()
    s.see(phone, "login-over")
    phone.get_by_role("link", name="重新登录").click()
    s.comes_in_again()
    assert s.case in phone.url, phone.url
    expect(phone.get_by_label("详细地址")).to_have_value(STREET)
    phone.get_by_text("第 1 张").first.wait_for()
    s.see(phone, "back-again")
    button = phone.get_by_role("button", name="提交补正", exact=True)
    button.dblclick()
    phone.get_by_text("补正已经收到").wait_for()
    s.see(phone, "answered")
    phone.go_back()
    expect(phone.get_by_role("button", name="提交补正", exact=True)).to_have_count(0)
    s.told_once("补正已收到")

    with application.app_context():
        case = db.session.get_one(Case, UUID(s.walk.identifiers["case_id"]))
        acts = db.session.scalars(
            select(CaseEvent.action).where(CaseEvent.case_id == case.id).order_by(CaseEvent.seq)
        ).all()
    assert acts.count("answer_correction") == 1
    assert case.data["delivery"]["postal_address"] == STREET
    assert case.next_due is not None, "the clocks run again"

    desk = s.at_desk(s.clerk())
    expect(desk.locator("main")).to_contain_text("已补正")
    assert desk.locator(".ws-viewer img").first.evaluate("p => p.naturalWidth") > 0
    s.see(desk, "desk-answered")
    act(desk, "accept", "accepted")
    other = s.at_desk(s.approver())
    act(other, "approve", "approved")
    s.see(other, "desk-approved")
    phone.goto(s.case)
    assert (state(phone), phone.locator("main").get_attribute("data-visits")) == ("approved", "0")
    for words in ("已收到申请", "要补正", "补正已收到", "已受理", "已批准"):
        s.told_once(words)
    assert app_py(s.live, "audit", "verify")["ok"]
