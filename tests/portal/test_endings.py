"""How a case that ended without its result reads, how one begins anew, and what a document says of itself."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest

from citizen_services.cases.queries import documents_of
from tests.portal.acting import REASONS, asked, lapsed, staff_acts
from tests.portal.conftest import Resident


def _declined(person: Resident) -> UUID:
    case_id = person.apply()
    staff_acts(person, case_id, "decline", "yl-both", REASONS)
    return case_id


def _refused(person: Resident) -> UUID:
    case_id = person.apply()
    staff_acts(person, case_id, "accept", "yl-clerk")
    staff_acts(person, case_id, "refuse", "yl-officer", REASONS)
    return case_id


def _lapsed(person: Resident) -> UUID:
    case_id = asked(person)
    lapsed(person, case_id)
    return case_id


def _withdrawn(person: Resident) -> UUID:
    case_id = person.apply()
    person.browser.open(f"/h5/cases/{case_id}")
    person.browser.submit("withdraw")
    return case_id


REMEDIES = ("60日", "六个月", "奉化区人民政府", "奉化区人民法院")
ENDINGS: dict[str, tuple[Callable[[Resident], UUID], str, tuple[str, ...]]] = {
    "declined": (_declined, "不予受理", (*REASONS.values(), "不予受理决定书", *REMEDIES)),
    "refused": (_refused, "不予签发", (*REASONS.values(), "不予签发居住证决定书", *REMEDIES)),
    "lapsed": (_lapsed, "视为撤回", ("视为撤回告知书", "由系统自动办理", *REMEDIES)),
    "withdrawn": (_withdrawn, "已撤回", ("由您本人办理",)),
}


@pytest.mark.parametrize("state", ENDINGS)
def test_an_ending_says_what_happened_why_and_what_can_be_done_and_one_begins_anew_with_the_answers(
    resident: Callable[..., Resident], state: str
) -> None:
    end, word, says = ENDINGS[state]
    person = resident()
    case = end(person)
    page = person.browser
    page.open(f"/h5/cases/{case}")
    assert person.cases()[0].state == state
    told = page.words.split("办理进度")[0]
    for words in (word, *says):
        assert words in told, words
    before = person.cases()[0].data
    page.submit("start")
    draft = person.draft()
    assert page.page.request.path == f"/h5/drafts/{draft.id}"
    assert draft.data["delivery"] == before["delivery"]
    assert draft.data["ground"] == before["ground"]
    assert "employment" not in draft.data, "what registers say is confirmed anew"
    assert "portrait" not in draft.data
    assert page.page.request.args.get("step", "") in ("", "employment")
    page.submit("save", employment_correct="yes", employment_remark="")
    page.submit("save", portrait_correct="yes")
    page.submit("submit", commitment="yes")
    assert sorted(c.state for c in person.cases()) == sorted([state, "submitted"])
    page.open(f"/h5/cases/{case}")
    assert "已有一件同样的申请" in page.words
    assert "start" not in page.actions


def test_one_begins_anew_only_from_ones_own_ended_case_of_that_item(resident: Callable[..., Resident]) -> None:
    owner, other = resident("韦小花"), resident("龙阿强")
    ended = _withdrawn(owner)
    owner.browser.open(f"/h5/cases/{ended}")
    form = owner.browser.form("start").inputs
    other.browser.open("/h5/items/residence-permit-first")
    token = other.browser.form("start").inputs["csrf_token"]
    sent = form | {"csrf_token": token}
    assert other.browser.open("/h5/items/residence-permit-first", "POST", data=sent).status_code == 404
    for earlier in ("nonsense", "' OR 1=1 --"):
        sent = form | {"earlier": earlier, "form_token": f"token-{earlier[:4]}-x"}
        answer = owner.browser.open("/h5/items/residence-permit-first", "POST", data=sent)
        assert answer.status_code == 400
    # An application begun meanwhile keeps its own answers.
    owner.begin("residence-permit-first")
    owner.browser.open("/h5/items/residence-permit-first", "POST", data=form)
    assert owner.draft().data == {}
    owner.browser.open(f"/h5/cases/{ended}")
    assert "接着填新的申请" in owner.browser.words


def test_a_document_has_number_office_date_text_and_a_way_to_check_it(resident: Callable[..., Resident]) -> None:
    person = resident()
    case = _declined(person)
    page = person.browser
    page.open(f"/h5/cases/{case}")
    path = page.page.text.split("/documents/")[1].split('"')[0]
    page.open(f"/h5/cases/{case}/documents/{path}")
    number = person.cases()[0].number
    for words in ("不予受理决定书", f"{number}-02", "2026年11月9日", "岳林派出所", *REASONS.values(), "怎么核对真伪"):
        assert words in page.words, words
    with person.app.app_context():
        digits = documents_of(case)[0].sha256.hex()
    assert " ".join(digits[at : at + 4] for at in range(0, 16, 4)) in page.words
    assert resident("龙阿强").browser.open(f"/h5/cases/{case}/documents/{path}").status_code == 404
