"""Every kind of field can be put right online where a correction names it, and what that opens is asked with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from tests.materials import pictures
from tests.portal.acting import asked
from tests.portal.conftest import Resident
from tests.portal.test_papers import folder, pieces, send

__all__ = ["folder"]

#: Field of a permit: what the person sends, and what the case holds then.
FIELDS: dict[str, tuple[str, str]] = {
    "ground.ground": ("employment", "employment"),
    "employment.employment_correct": ("yes", "yes"),
    "employment.employment_remark": ("已换岗位\n仍在同一单位", "已换岗位\n仍在同一单位"),
    "portrait.portrait_correct": ("yes", "yes"),
    "delivery.receiver": ("阿卜杜拉·买买提", "阿卜杜拉·买买提"),
    "delivery.receiver_phone": ("139 0013 9000", "13900139000"),
    "delivery.city": ("杭州市", "杭州市"),
}


def correct(person: Resident, *codes: str) -> UUID:
    """A permit of the person's of which these are to be mended."""
    return asked(person, {"items": [{"code": code, "why": "请核对后改正"} for code in codes]})


@pytest.mark.parametrize("code", FIELDS)
def test_each_kind_of_field_is_put_right_by_its_person(resident: Callable[..., Resident], code: str) -> None:
    person = resident()
    correct(person, code)
    group, name = code.split(".")
    page = person.browser
    page.open(f"/h5/cases/{person.cases()[-1].id}")
    given, held = FIELDS[code]
    # What the same answer opens is confirmed with it.
    opened: dict[str, Any] = {"employment_correct": "yes"} if name == "ground" else {}
    page.submit("answer_correction", **opened | {name: given})
    (now,) = person.cases()
    assert (now.state, now.data[group][name]) == ("submitted", held), page.words


def test_another_ground_opens_its_own_questions_and_its_paper_is_brought_in_the_same_answer(
    resident: Callable[..., Resident],
) -> None:
    person = resident()
    case = correct(person, "ground.ground")
    page = person.browser
    page.open(f"/h5/cases/{case}")
    answer = page.submit("answer_correction", ground="study")
    assert answer.status_code == 422
    assert {"study_correct", "study_remark"} <= set(page.form("answer_correction").inputs)
    page.submit("answer_correction", ground="study", study_correct="no", study_remark="在职教中心就读")
    assert "study_proof" in page.errors, page.words
    assert send(person, pictures.jpeg(), kind="card", material="study_proof") == 200
    page.submit("answer_correction", ground="study", study_correct="no", study_remark="在职教中心就读")
    (now,) = person.cases()
    assert (now.state, now.data["ground"]["ground"], "employment" in now.data) == ("submitted", "study", False)
    assert now.data["study"] == {"study_correct": "no", "study_remark": "在职教中心就读"}
    assert [piece.kind for piece in pieces(person, case)] == ["card"]
