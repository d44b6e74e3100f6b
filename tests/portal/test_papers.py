"""Papers where registers are silent: photos brought, looked at, taken out, used again, and never in anybody's way."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from citizen_services import clock
from citizen_services.cases import operations
from citizen_services.cases.errors import InvalidInput
from citizen_services.cases.models import Document, Draft
from citizen_services.database import db
from citizen_services.materials import operations as photos
from citizen_services.materials import queries
from citizen_services.materials.models import Upload
from citizen_services.parts import parts
from citizen_services.people.models import Look
from tests import factories
from tests.console.conftest import Desk, desk
from tests.house import House
from tests.materials import pictures
from tests.people.browser import upload
from tests.portal.acting import staff_acts
from tests.portal.conftest import EMPLOYER, Resident
from tests.portal.test_rules import together

__all__ = ["desk"]

PERMIT, PROOF = "residence-permit-first", "employment_proof"


@pytest.fixture(autouse=True)
def folder(house: House) -> Iterator[Path]:
    """The folder of the store, empty before and after."""
    found = house.settings.var_dir / "uploads"
    shutil.rmtree(found, ignore_errors=True)
    yield found
    shutil.rmtree(found, ignore_errors=True)


def to_papers(person: Resident, ground: str = "employment", correct: str = "no") -> None:
    """Fill in a permit up to the page of papers."""
    page = person.browser
    person.begin(PERMIT)
    page.submit("save", ground=ground)
    if ground == "study":
        page.submit("save", study_correct="no", study_remark="")
    if ground == "employment":
        page.submit("save", employment_correct=correct, employment_remark="")
    page.submit("save", portrait_correct="yes")
    page.submit("save")


def send(
    person: Resident, file: bytes | None = None, name: str = "合同.jpg", *, kind: str = "", material: str = ""
) -> int:
    """Send one photo by the page's form; the status."""
    form = person.browser.form("upload")
    form.inputs |= {name: value for name, value in (("kind", kind), ("material", material)) if value}
    # Put together here: werkzeug's own client leaves the file of a large form open.
    fields = [f'--b\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in form.inputs.items()]
    fields.append(f'--b\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n')
    body = "".join(fields).encode() + (pictures.jpeg() if file is None else file) + b"\r\n--b--\r\n"
    return person.browser.open(form.url, "POST", data=body, content_type="multipart/form-data; boundary=b").status_code


def pieces(person: Resident, id_: UUID | None = None) -> list[queries.Piece]:
    """The photos of the person's draft, or of a case."""
    with person.app.app_context():
        return queries.of_case(id_) if id_ else queries.of_draft(person.draft().id)


def done(person: Resident) -> UUID:
    """Send the application; the case's id."""
    person.browser.open(f"{person.path}?step=check")
    answer = person.browser.submit("submit", commitment="yes")
    assert answer.status_code == 200, person.browser.words
    return person.cases()[-1].id


@pytest.mark.parametrize("why", ["silent", "away", "wrong", "ended"])
def test_where_the_register_is_silent_away_or_wrong_a_photo_takes_its_place_until_the_officer_accepts(
    resident: Callable[..., Resident], outside: House, desk: Callable[[str], Desk], why: str
) -> None:
    person = resident(employed=why not in ("silent", "away"))
    page = person.browser
    if why == "away":
        outside.control("PUT", "faults/social_insurance", {"mode": "http_500"})
    if why == "ended":
        day = (clock.today() - timedelta(days=40)).isoformat()
        job = {"employer": EMPLOYER, "credit_code": "91330283MA2AXXXX0X", "since": "2025-01-01", "until": day}
        outside.control("PUT", f"employment/{person.id_number}", job)
    page.open(f"/h5/items/{PERMIT}")
    assert "start" in page.actions, page.words
    if why != "wrong":
        assert "查不到也可以申请：请在申请中上传劳动合同等证明" in page.words
    to_papers(person, correct="yes" if why == "ended" else "no")
    outside.control("PUT", "faults/social_insurance", {"mode": "none"})
    said = {
        "silent": "没有查到您的信息", "away": "暂时连不上", "wrong": "与实际不符", "ended": "已经到期",
    }  # fmt: skip
    for words in (said[why], "劳动合同", "劳动关系证明", "营业执照", "还没有提交"):
        assert words in page.words, words
    page.open(f"{person.path}?step=check")
    assert "还没有上传" in page.words
    answer = page.submit("submit", commitment="yes")
    assert (answer.status_code, page.errors, person.cases()) == (422, {PROOF}, [])
    assert send(person, kind="contract") == 200
    assert send(person, pictures.heic(), "IMG_0001.HEIC", kind="contract") == 200
    assert [piece.position for piece in pieces(person)] == [1, 2]
    page.open(person.path)
    assert "2 张照片" in page.words
    assert "就业证明 免提交" not in page.words
    case = done(person)
    assert [(piece.code, piece.position) for piece in pieces(person, case)] == [(PROOF, 1), (PROOF, 2)]
    page.open(f"/h5/cases/{case}")
    assert "我上传的材料" in page.words
    assert "以您上传的就业证明材料为准" in page.words
    officer = desk("yl-clerk")
    officer.open(f"/console/cases/{case}")
    assert "申请人上传了 2 张照片：劳动合同" in officer.words
    small = [part.split('"')[0] for part in officer.page.text.split('<img src="') if "/photos/" in part.split('"')[0]]
    assert len(small) == 2
    for address in (small[0], f"{small[0]}?size=full"):
        answer = officer.client.get(address, base_url=officer.base_url)
        assert (answer.status_code, answer.mimetype, answer.data[:3]) == (200, "image/jpeg", b"\xff\xd8\xff")
        assert answer.headers["Cache-Control"] == "private, no-store"
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    with person.app.app_context():
        seen = db.session.scalars(select(Look.reason).where(Look.citizen_id == person.id)).all()
    assert sorted(seen) == ["handling", "查看材料照片"]
    staff_acts(person, case, "accept", "yl-clerk")
    with person.app.app_context():
        voucher = db.session.scalars(select(Document).where(Document.case_id == case)).one()
    taken = voucher.content["paragraphs"][1]
    assert taken.startswith("已收到：申请表、就业证明材料（劳动合同）照片2张。")
    assert "本人相片" in taken.split("数据共享取得")[0]
    assert "、就业证明由" not in taken


def test_who_is_known_to_the_register_is_asked_for_no_paper_and_may_bring_none(
    resident: Callable[..., Resident],
) -> None:
    person = resident()
    person.fill_permit()
    page = person.browser
    assert "您上传的材料" not in page.words
    assert page.open(f"{person.path}?step=papers", follow=False).status_code == 303
    token = page.open(f"{person.path}?step=check") and page.form("submit").inputs["csrf_token"]
    data = {"csrf_token": token, "form_token": "of-my-own-making", "action": "upload", "material": PROOF}
    page.open(f"{person.path}/photos", "POST", data=data | {"file": upload(pictures.jpeg(), "a.jpg")})
    assert pieces(person) == []
    assert done(person)


@pytest.mark.parametrize(
    ("ground", "proof", "kinds"),
    [("residence", "residence_proof", ("房屋租赁合同", "购房合同", "住宿证明")), ("study", "study_proof", ("学生证",))],
)
def test_a_home_or_a_school_is_a_ground_too_and_its_papers_go_with_the_case(
    resident: Callable[..., Resident], ground: str, proof: str, kinds: tuple[str, ...]
) -> None:
    person = resident(employed=False)
    to_papers(person, ground)
    for kind in kinds:
        assert kind in person.browser.words
    assert send(person) == 200
    case = done(person)
    assert [piece.code for piece in pieces(person, case)] == [proof]
    assert person.cases()[-1].data["ground"] == {"ground": ground}


def test_photos_for_another_ground_stay_behind(resident: Callable[..., Resident]) -> None:
    person = resident(employed=False)
    to_papers(person)
    assert send(person) == 200
    page = person.browser
    page.open(f"{person.path}?step=ground")
    page.submit("save", ground="residence")
    assert "住所证明材料" in page.words, "the page of the papers that are wanted now"
    assert send(person, pictures.jpeg(800)) == 200
    case = done(person)
    assert [piece.code for piece in pieces(person, case)] == ["residence_proof"]
    assert [piece.code for piece in pieces(person)] == [PROOF]


REFUSED: dict[str, tuple[Callable[[], bytes], int, str]] = {
    "bomb": (lambda: pictures.png_of_zeros(20_000, 20_000), 422, "尺寸太大"),
    "pdf": (lambda: b"%PDF-1.7\n" + b"0" * 4000, 422, "PDF"),
    "oversized": (lambda: b"\xff\xd8\xff" + b"0" * (10 * 1024 * 1024), 422, "超过10MB"),
    "too large to be read at all": (lambda: b"\xff\xd8\xff" + b"0" * (13 * 1024 * 1024), 413, "超过10MB"),
    "broken": (lambda: pictures.jpeg()[:900], 422, "请重新"),
    "nothing": (lambda: b"", 422, "没有收到照片"),
    "a page": (lambda: b"<html><script>alert(1)</script>", 422, "只能上传照片"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_photo_is_refused_with_words_and_nothing_is_lost(
    resident: Callable[..., Resident], what: str
) -> None:
    make, status, words = REFUSED[what]
    person = resident(employed=False)
    to_papers(person)
    assert send(person) == 200
    before = (person.draft().data, [piece.upload_id for piece in pieces(person)])
    assert send(person, make(), "a.jpg") == status
    assert person.browser.errors == {PROOF}
    assert words in person.browser.words
    assert (person.draft().data, [piece.upload_id for piece in pieces(person)]) == before
    assert send(person, pictures.jpeg(900)) == 200
    assert len(pieces(person)) == 2


def test_the_photo_of_another_person_can_be_neither_seen_nor_used_nor_taken_out(
    resident: Callable[..., Resident],
) -> None:
    owner, other = resident("韦小花", employed=False), resident("龙阿强", employed=False)
    to_papers(owner)
    to_papers(other)
    send(owner)
    send(other, pictures.jpeg(700))
    (photo,) = pieces(owner)
    assert owner.browser.open(f"{owner.path}/photos/{photo.upload_id}").status_code == 200
    assert owner.browser.open(f"{owner.path}/photos/{photo.upload_id}?size=full").status_code == 200
    for path in (owner.path, other.path):
        for more in ("", "?size=full"):
            assert other.browser.open(f"{path}/photos/{photo.upload_id}{more}").status_code == 404
    assert other.browser.open(f"{other.path}/photos/{uuid4()}").status_code == 404
    for action in ("reuse", "remove"):
        other.browser.open(f"{other.path}?step=papers")
        form = other.browser.form("upload").inputs | {"action": action, "upload": str(photo.upload_id)}
        other.browser.open(f"{other.path}/photos", "POST", data=form)
        assert other.browser.open(f"{owner.path}/photos", "POST", data=form).status_code == 404
    assert [piece.upload_id for piece in pieces(owner)] == [photo.upload_id]
    assert len(pieces(other)) == 1
    case = done(owner)
    assert other.browser.open(f"/h5/cases/{case}/photos/{photo.upload_id}").status_code == 404
    assert owner.browser.open(f"/h5/cases/{case}/photos/{photo.upload_id}").status_code == 200


def test_ten_taps_bring_one_photo_and_the_same_photo_sent_again_is_kept_once(
    house: House, resident: Callable[..., Resident]
) -> None:
    person = resident(employed=False)
    to_papers(person)
    form = person.browser.form("upload")
    data = form.inputs | {"file": ""}
    person.browser.open(form.url, "POST", data=data | {"file": upload(pictures.jpeg(), "a.jpg")})
    assert person.browser.page.status_code == 200
    again = person.browser.open(form.url, "POST", data=data | {"file": upload(pictures.jpeg(), "a.jpg")})
    assert again.status_code == 200
    other = person.browser.open(form.url, "POST", data=data | {"file": upload(pictures.jpeg(999), "b.jpg")})
    assert (other.status_code, person.browser.errors) == (409, {PROOF}), "one form, one photo"
    person.browser.open(f"{person.path}?step=papers")
    assert send(person) == 200
    assert len(pieces(person)) == 1
    with person.app.app_context():
        assert len(db.session.scalars(select(Upload)).all()) == 1
    person.browser.open(f"{person.path}?step=papers")
    data = person.browser.form("remove").inputs
    path = person.browser.form("remove").url
    assert {status for status, _ in together(house, person, path, data)} == {303}
    assert pieces(person) == []


def test_a_photo_is_taken_out_and_the_application_is_refused_again_until_there_is_one(
    resident: Callable[..., Resident],
) -> None:
    person = resident(employed=False)
    to_papers(person)
    send(person)
    page = person.browser
    assert "已上传" in page.words
    page.submit("remove")
    assert (pieces(person), "待上传" in page.words) == ([], True)
    page.open(f"{person.path}?step=check")
    assert page.submit("submit", commitment="yes").status_code == 422
    with person.app.app_context():
        draft = db.session.get_one(Draft, person.draft().id)
        with pytest.raises(InvalidInput) as caught:
            operations.submit(parts().catalogue, draft, factories.Actor("citizen", person.id))
        db.session.rollback()
    assert caught.value.errors == {PROOF: ["请上传就业证明材料的照片"]}


def test_as_many_photos_as_a_paper_may_have_and_no_more(resident: Callable[..., Resident]) -> None:
    person = resident(employed=False)
    to_papers(person)
    for number in range(photos.MOST_PIECES - 1):
        assert send(person, pictures.jpeg(640 + number)) == 200
    form = person.browser.form("upload")
    assert send(person, pictures.jpeg(700)) == 200
    assert "最多 6 张" in person.browser.words
    assert "upload" not in person.browser.actions
    late = form.inputs | {"form_token": "another-tab-of-mine", "file": upload(pictures.jpeg(701), "a.jpg")}
    answer = person.browser.open(form.url, "POST", data=late)
    assert (answer.status_code, person.browser.errors, len(pieces(person))) == (422, {PROOF}, photos.MOST_PIECES)
