"""A correction on the citizen's pages: only what is named, nothing lost, nothing taken that isn't theirs to give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from citizen_services.cases.models import Correction
from citizen_services.database import db
from citizen_services.people.models import Staff
from citizen_services.people.sessions import open_session
from tests.house import House
from tests.people.browser import Browser
from tests.portal.acting import ASKED, MENDED, asked, lapsed, staff_acts
from tests.portal.conftest import Resident, log_in
from tests.portal.test_rules import together


def correction_of(person: Resident, case_id: UUID) -> Correction:
    """The newest request of a case, as the database has it."""
    query = (
        select(Correction)
        .where(Correction.case_id == case_id)
        .order_by(Correction.asked_at.desc(), Correction.id.desc())
        .limit(1)
    )
    with person.app.app_context():
        return db.session.scalars(query).one()


def test_a_correction_is_seen_first_answered_by_one_button_and_then_it_is_the_offices_turn(
    resident: Callable[..., Resident],
) -> None:
    person = resident()
    case = asked(person)
    page = person.browser
    person.begin("residence-registration")
    for path in ("/h5/", "/h5/cases"):
        page.open(path)
        assert "11月23日（周一）" in page.words, "ten working days from Monday 9 November"
        assert page.words.index("补正") < page.words.index("还没有提交"), "what has a date comes before a draft"
    page.open(f"/h5/cases/{case}")
    assert "请您补正，最晚 11月23日（周一）" in page.words
    for words in ("请写明楼栋和房间号", "这个号码打不通，请换一个", "时钟停着", "视为撤回", "岳林派出所 · 窗口人员"):
        assert words in page.words, words
    form = page.form("answer_correction")
    assert set(form.inputs) == {
        "csrf_token", "form_token", "version", "action", "page", "postal_address", "receiver_phone"
    }  # fmt: skip
    assert form.inputs["receiver_phone"] == person.phone
    with person.app.app_context():
        clerk = db.session.scalars(select(Staff).where(Staff.login == "yl-clerk")).one()
    assert clerk.name not in page.page.text
    page.submit("answer_correction", **MENDED)
    (now,) = person.cases()
    assert (now.state, now.data["delivery"]["receiver_phone"]) == ("submitted", "13900139000")
    assert now.data["delivery"]["postal_address"] == "岳林街道金钟路18号9幢101室"
    assert "answer_correction" not in page.actions
    assert "补正已经收到" in page.words
    assert "已补正" in page.words
    assert "派出所将在1个工作日内答复" in page.words.split("已补正")[1]
    assert "最晚 11月10日（周二）" in page.words
    assert "到期未补正" not in page.words


def test_what_is_wrong_is_said_at_its_field_and_what_was_typed_stays(resident: Callable[..., Resident]) -> None:
    person = resident()
    case = asked(person)
    page = person.browser
    page.open(f"/h5/cases/{case}")
    answer = page.submit("answer_correction", postal_address="", receiver_phone="123")
    assert (answer.status_code, page.errors) == (422, {"postal_address", "receiver_phone"})
    assert page.form("answer_correction").inputs["receiver_phone"] == "123"
    assert page.form("answer_correction").inputs["postal_address"] == ""
    page.submit("answer_correction", **MENDED)
    assert person.cases()[0].state == "submitted"


HOSTILE_TEXTS = ("<script>alert(1)</script>", "\u202e左右\u2069", "好" * 5000, "\x00\x1b[31m", "{{7*7}}")
HOSTILE: dict[str, Any] = {
    "receiver": "别人",
    "city": "杭州市",
    "ground": "study",
    "state": "approved",
    "answers": '{"delivery": {"receiver": "别人"}}',
    "answers.delivery.receiver": "别人",
    "uploads": "00000000-0000-0000-0000-000000000000",
    "items": "[]",
}


def test_fields_that_were_not_named_are_not_taken_whatever_is_sent(resident: Callable[..., Resident]) -> None:
    person = resident()
    case = asked(person)
    before = person.cases()[0].data
    page = person.browser
    page.open(f"/h5/cases/{case}")
    page.submit("answer_correction", **(MENDED | HOSTILE))
    after = person.cases()[0].data
    changed = {k for k, v in after["delivery"].items() if before["delivery"][k] != v}
    assert changed == {"postal_address", "receiver_phone"}
    assert {k: v for k, v in after.items() if k != "delivery"} == {k: v for k, v in before.items() if k != "delivery"}


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "\u202e左右\u2069", "好" * 5000, "\x00\x1b[31m", "{{7*7}}"]
)
def test_hostile_text_in_an_answer_never_runs(resident: Callable[..., Resident], text: str) -> None:
    person = resident()
    case = asked(person)
    page = person.browser
    page.open(f"/h5/cases/{case}")
    answer = page.submit("answer_correction", postal_address=text, receiver_phone="12")
    assert answer.status_code == 422
    assert "<script>alert" not in answer.text
    assert 'value="49"' not in answer.text
    assert not set("\u202e\x00\x1b") & set(answer.text)


def test_the_correction_of_another_person_can_be_neither_seen_nor_answered_nor_kept(
    resident: Callable[..., Resident],
) -> None:
    owner, other = resident("韦小花"), resident("龙阿强")
    case = asked(owner)
    owner.browser.open(f"/h5/cases/{case}")
    form = owner.browser.form("answer_correction").inputs | MENDED
    other.begin("residence-registration")
    mine = form | {"csrf_token": other.browser.form("save").inputs["csrf_token"]}
    for path in (f"/h5/cases/{case}", f"/h5/cases/{case}/autosave"):
        assert other.browser.open(path, "POST", data=mine).status_code == 404
    assert owner.cases()[0].state == "correcting"
    assert correction_of(owner, case).typed is None


def test_ten_taps_on_one_button_answer_once(house: House, resident: Callable[..., Resident]) -> None:
    person = resident()
    case = asked(person)
    person.browser.open(f"/h5/cases/{case}")
    data = person.browser.form("answer_correction").inputs | MENDED
    answers = together(house, person, f"/h5/cases/{case}", data)
    assert set(answers) == {(303, f"/h5/cases/{case}")}
    assert (person.cases()[0].state, person.cases()[0].version) == ("submitted", 3)


def test_of_two_tabs_the_second_is_told_and_a_new_request_shows_what_was_typed(
    resident: Callable[..., Resident],
) -> None:
    person = resident()
    case = asked(person)
    page = person.browser
    page.open(f"/h5/cases/{case}")
    other_tab = page.form("answer_correction").inputs | MENDED | {"postal_address": "岳林街道乙路2号"}
    page.open(f"/h5/cases/{case}")
    page.submit("answer_correction", **MENDED)
    answer = page.open(f"/h5/cases/{case}", "POST", data=other_tab)
    assert answer.status_code == 409
    assert "没有收下" in page.words
    assert person.cases()[0].data["delivery"]["postal_address"] == MENDED["postal_address"]
    staff_acts(person, case, "request_correction", "yl-clerk", {"items": ASKED["items"][:1]})
    answer = page.open(f"/h5/cases/{case}", "POST", data=other_tab | {"form_token": "a-third-tab-of-mine"})
    assert answer.status_code == 409
    assert page.form("answer_correction").inputs["postal_address"] == "岳林街道乙路2号"
    assert "receiver_phone" not in page.form("answer_correction").inputs
    page.submit("answer_correction")
    assert person.cases()[0].data["delivery"]["postal_address"] == "岳林街道乙路2号"


def test_an_answer_after_the_date_is_not_taken_and_the_page_offers_to_begin_anew(
    resident: Callable[..., Resident],
) -> None:
    person = resident()
    case = asked(person)
    page = person.browser
    page.open(f"/h5/cases/{case}")
    form = page.form("answer_correction").inputs | MENDED
    lapsed(person, case)
    answer = page.open(f"/h5/cases/{case}", "POST", data=form)
    assert (answer.status_code, person.cases()[0].state) == (409, "lapsed")
    assert "没有收下" in page.words
    assert "到期没有补正，已视为撤回" in page.words
    assert "start" in page.actions


def test_a_material_that_is_asked_for_is_named_with_the_way_to_bring_it(resident: Callable[..., Resident]) -> None:
    person = resident()
    items = [*ASKED["items"], {"code": "employment", "why": "社保登记今天显示停保，请补交劳动合同"}]
    case = asked(person, {"items": items})
    page = person.browser
    page.open(f"/h5/cases/{case}")
    assert "社保登记今天显示停保，请补交劳动合同" in page.words
    assert "岳林派出所" in page.words.split("这份材料还没有收到")[1]
    answer = page.submit("answer_correction", **MENDED)
    assert (answer.status_code, page.errors) == (422, {"employment"})
    assert page.form("answer_correction").inputs["postal_address"] == MENDED["postal_address"]


def test_an_answer_sent_after_the_login_ran_out_is_kept_for_its_person(
    house: House, resident: Callable[..., Resident]
) -> None:
    person, other = resident("韦小花"), resident("龙阿强")
    case = asked(person)
    page = person.browser
    page.open(f"/h5/cases/{case}")
    page.client.delete_cookie("h5_session", domain="127.0.0.1", path="/h5")
    answer = page.submit("answer_correction", follow=False, **MENDED)
    assert answer.status_code == 303
    assert "/h5/login?next=" in answer.headers["Location"]
    page.open(answer.headers["Location"])
    assert "替您留着" in page.words
    assert person.cases()[0].state == "correcting"
    assert other.browser.open(f"/h5/cases/{case}").status_code == 404
    with person.app.app_context():
        opened = open_session("citizen", citizen=person.id, phone=person.phone)
        db.session.commit()
    fresh = Browser(person.app, house.web_url)
    log_in(fresh, opened.token)
    fresh.open(f"/h5/cases/{case}")
    assert "还没有提交" in fresh.words
    assert fresh.form("answer_correction").inputs["postal_address"] == MENDED["postal_address"]
    fresh.submit("answer_correction")
    assert person.cases()[0].data["delivery"]["postal_address"] == MENDED["postal_address"]
    assert correction_of(person, case).typed is None
