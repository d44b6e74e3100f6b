"""Grounds of a permit that other registers know: a shop of one's own, a school; and of whom no half year is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from citizen_services import clock
from citizen_services.cases.models import Document
from citizen_services.database import db
from citizen_services.parts import parts
from citizen_services.registers.models import ResidencePermit
from tests.console.conftest import Desk, desk
from tests.house import House
from tests.portal.acting import staff_acts
from tests.portal.conftest import Resident
from tests.portal.test_papers import done, folder, pieces, send

__all__ = ["desk", "folder"]

PERMIT = "residence-permit-first"
SHOP = "92330213MA2AHP001X"


def shop(outside: House, person: Resident, **changes: Any) -> None:
    """The market register knows of a shop that the person runs."""
    row = {"name": "奉化区岳林小花早餐店", "since": "2025-03-01", "until": None, "id_number": person.id_number}
    outside.control("PUT", f"organisations/{SHOP}", row | changes)


@pytest.fixture(autouse=True)
def no_shop(outside: House) -> Iterator[None]:
    """The shop of one test is not there in the next."""
    yield
    if SHOP in outside.control("GET", "organisations").json():
        outside.control("DELETE", f"organisations/{SHOP}")


def test_a_shop_owner_is_known_by_the_licence_and_brings_no_paper(
    resident: Callable[..., Resident], outside: House, desk: Callable[[str], Desk]
) -> None:
    person = resident(employed=False)
    shop(outside, person)
    page = person.browser
    person.begin(PERMIT)
    page.submit("save", ground="employment")
    for words in ("来自市场主体登记", "奉化区岳林小花早餐店", SHOP, "经营至 至今"):
        assert words in page.words, words
    assert "用人单位" not in page.words, "a line of which this register knows nothing"
    page.submit("save", employment_correct="yes", employment_remark="")
    page.submit("save", portrait_correct="yes")
    page.submit("save")
    assert "submit" in page.actions, "no papers asked for"
    page.submit("submit", commitment="yes")
    case = person.cases()[-1].id
    officer = desk("yl-clerk")
    officer.open(f"/console/cases/{case}")
    for words in ("奉化区岳林小花早餐店", "市场主体登记", "登记已查到，不用上传"):
        assert words in officer.words, words
    staff_acts(person, case, "accept", "yl-clerk")
    with person.app.app_context():
        voucher = db.session.scalars(select(Document).where(Document.case_id == case)).one()
    assert "就业证明" in voucher.content["paragraphs"][1].split("数据共享取得")[0]


@pytest.mark.parametrize("why", ["silent", "away", "struck off", "wrong"])
def test_a_shop_whose_licence_the_register_does_not_prove_is_proved_by_its_photo(
    resident: Callable[..., Resident], outside: House, desk: Callable[[str], Desk], why: str
) -> None:
    person = resident(employed=False)
    if why in ("wrong", "struck off"):
        shop(outside, person, until="2026-01-31" if why == "struck off" else None)
    if why == "away":
        outside.control("PUT", "faults/market", {"mode": "http_500"})
    page = person.browser
    person.begin(PERMIT)
    page.submit("save", ground="employment")
    page.submit("save", employment_correct="no" if why != "struck off" else "yes", employment_remark="")
    page.submit("save", portrait_correct="yes")
    page.submit("save")
    assert "营业执照（自己经营的）" in page.words
    assert send(person, name="执照.jpg", kind="licence") == 200
    assert "第 1 张 · 营业执照（自己经营的）" in page.words
    case = done(person)
    assert [(piece.code, piece.kind) for piece in pieces(person, case)] == [("employment_proof", "licence")]
    officer = desk("yl-clerk")
    officer.open(f"/console/cases/{case}")
    assert "就业证明材料 第 1 张：营业执照（自己经营的）" in officer.page.text
    staff_acts(person, case, "accept", "yl-clerk")
    with person.app.app_context():
        voucher = db.session.scalars(select(Document).where(Document.case_id == case)).one()
    assert "就业证明材料（营业执照（自己经营的））照片1张" in voucher.content["paragraphs"][1]


@pytest.mark.parametrize("known", [True, False])
def test_a_student_is_known_by_the_school_roll_or_brings_the_student_card(
    resident: Callable[..., Resident], outside: House, known: bool, folder: Path
) -> None:
    person = resident(employed=False)
    if known:
        roll = {"school": "奉化区职业教育中心", "grade": "二年级", "since": "2025-09-01", "until": None}
        outside.control("PUT", f"students/{person.id_number}", roll)
    page = person.browser
    person.begin(PERMIT)
    page.submit("save", ground="study")
    assert ("奉化区职业教育中心" in page.words) is known
    page.submit("save", study_correct="yes" if known else "no", study_remark="")
    page.submit("save", portrait_correct="yes")
    page.submit("save")
    if not known:
        assert "学籍登记里没有查到您的信息" in page.words
        assert send(person, kind="card") == 200
    case = done(person)
    assert [piece.kind for piece in pieces(person, case)] == ([] if known else ["card"])
    page.open(f"/h5/cases/{case}")
    assert ("第 1 张 · 学生证" in page.page.text) is not known


@pytest.mark.parametrize("kind", ["lease", "property", "purchase", "landlord", "employer", "school"])
def test_every_paper_of_a_home_can_be_chosen_and_the_officer_reads_which_it_is(
    resident: Callable[..., Resident], desk: Callable[[str], Desk], kind: str
) -> None:
    person = resident(employed=False)
    page = person.browser
    person.begin(PERMIT)
    page.submit("save", ground="residence")
    page.submit("save", portrait_correct="yes")
    page.submit("save")
    assert send(person, kind=kind) == 200
    case = done(person)
    with person.app.app_context():
        name = parts().catalogue.item(PERMIT).material("residence_proof").kind_name(kind)
    officer = desk("yl-clerk")
    officer.open(f"/console/cases/{case}")
    assert f"申请人上传了 1 张照片：{name}" in officer.words


def begin_exempt(person: Resident, exempt_as: str, **first: Any) -> None:
    """Declare on the item's page that the half year is not asked, and fill in why."""
    page = person.browser
    page.open(f"/h5/items/{PERMIT}")
    assert "现在还不能申请" in page.words
    page.submit("excuse", exempt_as=exempt_as)
    person.path = f"/h5/drafts/{person.draft().id}"
    page.submit("save", exempt_as=exempt_as, **first)


def test_a_talent_applies_before_the_half_year_with_the_certificate_and_the_officer_sees_why(
    resident: Callable[..., Resident], desk: Callable[[str], Desk]
) -> None:
    person = resident(months=1)
    page = person.browser
    begin_exempt(person, "talent", exempt_document="高层次人才证书 甬才〔2026〕0123号")
    page.submit("save", ground="employment")
    page.submit("save", employment_correct="yes", employment_remark="")
    page.submit("save", portrait_correct="yes")
    page.submit("save")
    for words in ("人才证明材料", "人才认定证书", "引进人才的批准文件"):
        assert words in page.words, words
    assert send(person, kind="certificate") == 200
    case = done(person)
    officer = desk("yl-clerk")
    officer.open(f"/console/cases/{case}")
    for words in ("不受半年限制的理由", "引进人才", "甬才〔2026〕0123号", "人才证明材料 第 1 张：人才认定证书"):
        assert words in officer.page.text, words
    staff_acts(person, case, "accept", "yl-clerk")
    staff_acts(person, case, "approve", "yl-officer")
    with person.app.app_context():
        permit = db.session.scalars(select(ResidencePermit).where(ResidencePermit.case_id == case)).one()
    assert permit.issued_by == "宁波市公安局奉化分局"


def test_an_investor_is_known_by_the_market_register(resident: Callable[..., Resident], outside: House) -> None:
    person = resident(months=1)
    shop(outside, person, kind="company", name="奉化小花服饰有限公司")
    begin_exempt(person, "investor", exempt_document="")
    page = person.browser
    assert "奉化小花服饰有限公司" in page.words
    page.submit("save", investment_correct="yes", investment_remark="")
    page.submit("save", ground="employment")
    page.submit("save", employment_correct="yes", employment_remark="")
    page.submit("save", portrait_correct="yes")
    page.submit("save")
    case = done(person)
    assert pieces(person, case) == []
    assert person.cases()[-1].data["exemption"] == {"exempt_as": "investor"}


def test_who_declares_nothing_waits_for_the_half_year_and_nobody_is_exempt_by_a_made_up_reason(
    resident: Callable[..., Resident],
) -> None:
    person = resident(months=1)
    page = person.browser
    page.open(f"/h5/items/{PERMIT}")
    assert "start" not in page.actions
    day = clock.today() - timedelta(days=31)
    assert f"从{day.year}年{day.month}月{day.day}日" in page.words
    for made_up in ("", "friend"):
        page.open(f"/h5/items/{PERMIT}")
        assert page.submit("excuse", exempt_as=made_up).status_code == 422
    stranger = page.open("/h5/items/residence-registration")
    assert "exempt_as" not in stranger.text
