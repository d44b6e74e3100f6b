"""Registers that know, don't know or are away; and what people send by mistake or by malice."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest

from citizen_services.database import db
from citizen_services.exchange.models import RegisterAnswer
from tests.house import House
from tests.materials import pictures
from tests.people.browser import upload
from tests.portal.conftest import ADDRESS, EMPLOYER, OTHER_ADDRESS, Resident

PERMIT, REGISTRATION = "residence-permit-first", "residence-registration"


# --- Registers --------------------------------------------------------------------------------------------------------


def test_an_address_is_searched_for_chosen_and_fetched_by_its_code(resident: Callable[..., Resident]) -> None:
    person = resident(months=0)
    page = person.browser
    path = person.begin(REGISTRATION)
    page.submit("save", lookup="address_code", q="锦绣家园", room="302 室", residence_kind="rented", address_code=None)
    assert "锦绣家园12幢" in page.words
    assert page.form("save").inputs["room"] == "302 室", "what was typed before searching is kept"
    page.submit("save", address_code=OTHER_ADDRESS, residence_kind="rented")
    with person.app.app_context():
        kept = db.session.get_one(RegisterAnswer, UUID(person.draft().answers["addresses.address"]))
    assert (kept.source, kept.topic, kept.content["station"]) == ("addresses", "address", "330213002000")
    assert "锦绣家园12幢301室" in page.words
    page.open(f"{path}?step=address&from=check")
    page.submit("save", address_code=ADDRESS, residence_kind="own_home", room="")
    page.submit("save", ownership="own")
    assert "金钟路18号" in page.words
    page.submit("submit", commitment="yes")
    (case,) = person.cases()
    assert (case.state, case.office_code) == ("completed", "330213001000")
    assert 'data-state="completed"' in page.page.text
    assert 'data-visits="0"' in page.page.text
    receipt = page.page.text.split("/documents/")[1].split('"')[0]
    page.open(f"/h5/cases/{case.id}/documents/{receipt}")
    assert "金钟路18号3幢502室" in page.words


@pytest.mark.parametrize(
    "code", ["330213001999999999", "x' OR 1=1 --", "<script>", "330213\x00001", "9" * 5000, "中山路"]
)
def test_an_address_that_the_register_does_not_know_is_refused_and_the_rest_is_kept(
    resident: Callable[..., Resident], code: str
) -> None:
    person = resident(months=0)
    person.begin(REGISTRATION)
    answer = person.browser.submit("save", address_code=code, room="后屋", residence_kind="relatives")
    assert (answer.status_code, person.browser.errors) == (422, {"address_code"})
    assert person.draft().data["address"] == {"room": "后屋", "residence_kind": "relatives"}
    person.browser.open(f"{person.path}?step=check")
    answer = person.browser.submit("submit", commitment="yes")
    assert (answer.status_code, person.browser.errors) == (422, {"address_code"})


def test_while_the_address_register_is_away_this_is_said_and_nothing_is_lost(
    resident: Callable[..., Resident], outside: House
) -> None:
    person = resident(months=0)
    path = person.begin(REGISTRATION)
    outside.control("PUT", "faults/addresses", {"mode": "http_500", "times": 2})
    person.browser.open(f"{path}?step=address&q=金钟路")
    assert "标准地址库暂时连不上" in person.browser.words
    answer = person.browser.submit("save", address_code=ADDRESS, room="后屋", residence_kind="rented")
    assert (answer.status_code, person.browser.errors) == (422, {"address_code"})
    assert "标准地址库暂时连不上" in person.browser.words
    assert person.draft().data["address"] == {"room": "后屋", "residence_kind": "rented"}
    person.browser.submit("save", address_code=ADDRESS, residence_kind="rented")
    assert "submit" in person.browser.actions


def test_while_registers_are_away_one_applies_all_the_same_and_confirms_nothing_unseen(
    resident: Callable[..., Resident], outside: House
) -> None:
    person = resident()
    outside.control("PUT", "faults/social_insurance", {"mode": "http_500"})
    outside.control("PUT", "faults/population", {"mode": "http_500", "times": 4})
    page = person.browser
    person.begin(PERMIT)
    page.submit("save", ground="employment")
    assert "社会保险登记暂时连不上" in page.words
    assert EMPLOYER not in page.words
    assert page.form("save").inputs["employment_correct"] == "no"
    page.submit("save", employment_remark="宏达机械，去年十月入职")
    for partner in ("social_insurance", "population"):
        outside.control("PUT", f"faults/{partner}", {"mode": "none"})
    page.open(f"{person.path}?step=portrait")
    assert "answers/" in page.page.text, "asked again, and there by now"
    page.submit("save", portrait_correct="yes")
    assert person.draft().answers["population.portrait"] in page.open(f"{person.path}?step=portrait").text
    page.open(person.path)
    page.submit("save")
    page.submit("upload", file=upload(pictures.jpeg(), "a.jpg"))
    page.open(f"{person.path}?step=check")
    page.submit("submit", commitment="yes")
    assert [case.state for case in person.cases()] == ["submitted"]


# --- Hostile and clumsy -----------------------------------------------------------------------------------------------

HOSTILE = (
    "<script>alert(1)</script>",
    "\u202e\u2066左右颠倒\u2069",
    "好" * 10_000,
    "\x00\x1b[31m",
    "{{7*7}}",
    "🏠" * 50,
)


@pytest.mark.parametrize("text", HOSTILE, ids=["script", "bidi", "long", "control", "template", "emoji"])
def test_hostile_text_is_stored_clean_or_refused_and_never_runs(resident: Callable[..., Resident], text: str) -> None:
    person = resident()
    person.begin(PERMIT)
    page = person.browser
    page.submit("save", ground="employment")
    answer = page.submit("save", employment_correct="no", employment_remark=text)
    assert answer.status_code in (200, 422)
    assert "<script>alert" not in answer.text
    assert not set("\u202e\u2066\x00\x1b") & set(answer.text)
    answer = page.open(f"{person.path}?step=employment")
    assert "<script>alert" not in answer.text
    assert not set("\u202e\u2066\x00\x1b") & set(answer.text)
    assert "49" not in page.words.split("工作情况说明")[1].split("没有查到或有误的")[0]
    stored = person.draft().data["employment"].get("employment_remark", "")
    assert len(stored) <= 100
    assert page.open(f"{person.path}?step=employment&q={text[:2000]}").status_code == 200


def test_bad_addresses_and_forms_get_a_page_and_never_an_error_of_ours(resident: Callable[..., Resident]) -> None:
    person = resident()
    path = person.begin(PERMIT)
    page = person.browser
    good = page.form("save").inputs
    for address, status in (
        ("/h5/items/no-such-item", 404),
        ("/h5/drafts/not-a-uuid", 404),
        (f"/h5/drafts/{uuid4()}", 404),
        (f"/h5/cases/{uuid4()}", 404),
        (f"/h5/cases/{uuid4()}/qr.png", 404),
        (f"{path}?step=nowhere", 404),
        (f"{path}/answers/{uuid4()}.jpg", 404),
    ):
        assert page.open(address).status_code == status, address
    assert page.open(f"{path}?step=employment", follow=False).status_code == 303, "a hidden page leads back"
    for changed, status in (
        ({"group": "nowhere"}, 404),
        ({"action": "explode"}, 400),
        ({"form_token": ""}, 400),
        ({"form_token": "x" * 5000}, 400),
        ({"version": "one"}, 400),
        ({"version": "-1"}, 400),
        ({"version": "9" * 50}, 400),
        ({"csrf_token": "forged"}, 400),
        ({"ground": "money"}, 422),
        ({"version": "1"}, 409),
    ):
        sent = {"form_token": f"token-{status}-{next(iter(changed))}"} | changed
        answer = page.open(path, "POST", data=good | {"ground": "employment"} | sent)
        assert answer.status_code == status, (changed, answer.text[:2000])
    page.open(path)
    page.submit("save", ground="employment")
    form = page.form("save").inputs
    for seen in ("no-uuid", str(uuid4())):
        sent = form | {"seen": seen, "form_token": f"seen-{seen}", "employment_correct": "yes"}
        assert page.open(path, "POST", data=sent).status_code == 400
    assert page.open(path, "POST", data={"csrf_token": good["csrf_token"], "form_token": "x" * 20}).status_code == 400


def test_a_whole_application_can_be_sent_group_by_group_without_looking(resident: Callable[..., Resident]) -> None:
    person = resident()
    path, page = person.begin(PERMIT), person.browser
    tokens = page.form("save").inputs
    answers = {
        "ground": {"ground": "employment"},
        "portrait": {"portrait_correct": "yes"},
        "employment": {"employment_correct": "yes"},
    }
    for group, values in answers.items():
        sent = {"csrf_token": tokens["csrf_token"], "form_token": f"whole-{group}", "action": "save", "group": group}
        assert page.open(path, "POST", data=sent | values).status_code == 200
    sent = {"csrf_token": tokens["csrf_token"], "form_token": "whole-submit", "action": "submit", "commitment": "yes"}
    answer = page.open(path, "POST", data=sent)
    assert (answer.status_code, 'name="group" value="delivery"' in answer.text) == (422, True)
    assert "postal_address" in page.errors
    where = {"province": "浙江省", "city": "宁波市", "county": "奉化区", "postal_address": "岳林街道金钟路18号"}
    page.submit("save", receiver="韦小花", receiver_phone="138 0013 8000", **where)
    assert person.draft().data["delivery"]["receiver_phone"] == "13800138000"
    answer = page.submit("submit", commitment="")
    assert (answer.status_code, page.errors) == (422, {"commitment"})
    page.submit("submit", commitment="yes")
    assert [case.state for case in person.cases()] == ["submitted"]


def test_a_draft_can_be_left_found_again_and_thrown_away(resident: Callable[..., Resident]) -> None:
    person = resident()
    path, page = person.begin(PERMIT), person.browser
    page.submit("save", ground="employment")
    page.submit("save", later="1", employment_correct="no", employment_remark="", seen=None)
    assert page.page.request.path == "/h5/"
    assert "1 件申请还没有提交" in page.words
    assert person.begin(PERMIT) == path, "starting again goes on with the same draft"
    page.open(f"{path}?step=check")
    page.submit("discard")
    assert "还没有提交" not in page.open("/h5/").text
    assert "已经删除" in page.open(path).text
    assert person.begin(PERMIT) != path


def test_no_personal_data_stands_on_the_followed_case_or_in_any_address(resident: Callable[..., Resident]) -> None:
    person = resident()
    case = person.apply()
    page = person.browser.open(f"/h5/cases/{case}").text
    for secret in (person.name, person.id_number, person.phone, "金钟路18号"):
        assert secret not in page
    assert "韦*花" in page
    for link in page.split('href="')[1:]:
        assert person.phone not in link.split('"')[0]
