"""Papers as files: whoever has one can prove it, whoever alters one is found out, and the proof tells nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

import pypdfium2
from flask import Flask
from sqlalchemy import select, update

from citizen_services.cases import documents
from citizen_services.cases.models import Document
from citizen_services.database import commit, db
from citizen_services.printing.paper import Paper, Part, pdf
from tests.house import House
from tests.people.browser import Browser
from tests.portal.acting import REASONS, staff_acts
from tests.portal.conftest import Resident


def text_of(file: bytes) -> str:
    """What can be selected in a PDF, without line ends."""
    read = pypdfium2.PdfDocument(file)
    try:
        return re.sub(r"\s+", "", "".join(page.get_textpage().get_text_range() for page in read))
    finally:
        read.close()


def test_a_refusal_is_a_file_whose_code_proves_it_and_an_altered_one_is_found_out(
    resident: Callable[..., Resident], application: Flask, house: House
) -> None:
    person = resident("韦小花")
    case_id = person.apply()
    staff_acts(person, case_id, "decline", "yl-both", REASONS)
    with application.app_context():
        paper = db.session.scalars(select(Document).where(Document.case_id == case_id)).one()
        number, code, full = paper.number, documents.check_code(paper), paper.sha256.hex()
        address = documents.proof_address(paper).removeprefix(house.web_url)
    page = f"/h5/cases/{case_id}/documents/{paper.id}"
    assert f"{page}.pdf" in person.browser.open(page).text
    first, second = (person.browser.open(f"{page}.pdf").data for _ in range(2))
    assert first == second
    said = text_of(first)
    for words in ("不予受理决定书", "韦小花：您于本次申请", REASONS["reasons"], number, full, "第1页，共1页"):
        assert words in said, words
    # Anybody with the paper: by its code, or by hand, in whatever way it is typed.
    anybody = Browser(application, house.web_url)
    assert anybody.open(address).status_code == 200
    assert "没有改动过" in anybody.words
    assert number in anybody.words
    assert "韦小花" not in anybody.page.text
    assert REASONS["reasons"] not in anybody.page.text
    anybody.open("/h5/verify")
    anybody.submit("verify", number=f" {number.lower()} ", code=" ".join(re.findall("....", code.upper())))
    assert "没有改动过" in anybody.words
    anybody.open("/h5/verify")
    wrong = code[:-1] + ("0" if code[-1] != "0" else "1")
    known = anybody.submit("verify", number=number, code=wrong)
    assert known.status_code == 404
    anybody.open("/h5/verify")
    assert anybody.submit("verify", number="NO-SUCH", code=code).status_code == 404
    # Whoever alters text and hash in the database has no key to seal it anew.
    with application.app_context():
        content = {"paragraphs": ["韦小花：准予受理。"]}
        planted = {"content": content, "sha256": documents.digest_of(content)}
        db.session.execute(update(Document).where(Document.id == paper.id).values(**planted))
        commit()
        altered = db.session.scalars(select(Document).where(Document.id == paper.id)).one()
        assert not documents.unchanged(altered)
        address = documents.proof_address(altered).removeprefix(house.web_url)
    assert "与出具时不一致" in anybody.open(address).text


def test_a_long_paper_goes_over_several_sheets_and_says_which_characters_its_font_lacks() -> None:
    rows = tuple(
        (f"第{number}项", "浙江省宁波市奉化区岳林街道金钟社区金钟路18号3幢502室，" * 4) for number in range(40)
    )
    parts = (Part(paragraphs=("\U00020bb7野家（吉野家）" * 30,)), Part("清单", rows=rows))
    file = pdf(Paper("长文", "编号 1", datetime(2026, 11, 9, tzinfo=UTC), parts, foot="奉化"))
    said = text_of(file)
    assert "第3页，共" in said
    # The line at the foot of a sheet stands in the midst of a row that goes on overleaf.
    said = re.sub(r"奉化第\d+页，共\d+页", "", said)
    assert said.count("浙江省宁波市奉化区岳林街道金钟社区金钟路18号3幢502室，") == 160
    assert "〓野家（吉野家）" in said
    assert "U+20BB7" in said
