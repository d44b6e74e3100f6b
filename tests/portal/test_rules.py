"""What must hold on citizens' pages whatever is sent: ownership, once only, two tabs, registers away, bad text."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from citizen_services import clock
from citizen_services.database import commit, db
from citizen_services.exchange.models import RegisterAnswer
from citizen_services.people.models import Consent
from citizen_services.registers.queries import current_registration
from tests.house import House
from tests.people.browser import Browser
from tests.portal.conftest import ADDRESS, EMPLOYER, OTHER_ADDRESS, Resident, log_in

PERMIT, REGISTRATION = "residence-permit-first", "residence-registration"


# --- Whose it is ------------------------------------------------------------------------------------------------------


def test_nothing_of_another_person_can_be_seen_or_changed(resident: Callable[..., Resident]) -> None:
    owner, other = resident("韦小花"), resident("龙阿强")
    owner.fill_permit()
    draft = owner.path
    portrait = owner.draft().answers["population.portrait"]
    assert owner.browser.open(f"{draft}/answers/{portrait}.jpg").mimetype == "image/jpeg"
    owner.browser.open(draft)
    token = owner.browser.form("submit").inputs
    for path in (draft, f"{draft}/answers/{portrait}.jpg"):
        assert other.browser.open(path).status_code == 404
    own_draft = other.begin(PERMIT)
    assert other.browser.open(f"{own_draft}/answers/{portrait}.jpg").status_code == 404
    mine = other.browser.form("save").inputs if other.browser.open(own_draft) else {}
    sent = token | {"csrf_token": mine["csrf_token"], "commitment": "yes"}
    assert other.browser.open(draft, "POST", data=sent).status_code == 404
    owner.browser.open(draft)
    owner.browser.submit("submit", commitment="yes")
    case = f"/h5/cases/{owner.cases()[0].id}"
    owner.browser.open(case)
    withdraw = owner.browser.form("withdraw").inputs | {"csrf_token": mine["csrf_token"]}
    for path in (case, f"{case}/qr.png", f"{case}/answers/{portrait}.jpg", f"{case}/documents/{uuid4()}"):
        assert other.browser.open(path).status_code == 404, path
    assert other.browser.open(case, "POST", data=withdraw).status_code == 404
    assert owner.cases()[0].state == "submitted"
    assert other.cases() == []


def test_whoever_is_not_known_reads_guides_and_is_led_to_login_elsewhere(
    house: House, resident: Callable[..., Resident]
) -> None:
    person = resident()
    stranger = Browser(person.app, house.web_url)
    for path in ("/h5/", f"/h5/items/{PERMIT}", f"/h5/items/{REGISTRATION}"):
        assert stranger.open(path, follow=False).status_code == 200
    assert "start" not in stranger.actions
    for path in ("/h5/cases", f"/h5/cases/{uuid4()}", f"/h5/drafts/{uuid4()}", "/h5/enter?next=/h5/items/x"):
        answer = stranger.open(path, follow=False)
        assert answer.status_code == 303
        assert answer.headers["Location"].startswith("/h5/login?next=")
    away = person.browser.open("/h5/enter?next=https://evil.example/", follow=False)
    assert away.headers["Location"] == "/h5/"


# --- Once only --------------------------------------------------------------------------------------------------------


def _together(
    house: House, person: Resident, path: str, data: dict[str, str], times: int = 10
) -> list[tuple[int, str]]:
    """Send the same form so many times at the same moment; status and place of each answer."""
    page = person.browser
    session = page.client.get_cookie("session", domain="127.0.0.1", path="/")
    ready, answers = threading.Barrier(times), []

    def send() -> None:
        browser = Browser(person.app, house.web_url)
        log_in(browser, person.token)
        if session is not None:
            browser.client.set_cookie("session", session.value, domain="127.0.0.1", path="/")
        ready.wait()
        answer = browser.open(path, "POST", data=data, follow=False)
        answers.append((answer.status_code, answer.headers.get("Location", "")))

    threads = [threading.Thread(target=send) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_ten_simultaneous_sendings_of_one_form_make_one_case(house: House, resident: Callable[..., Resident]) -> None:
    person = resident()
    person.fill_permit()
    data = person.browser.form("submit").inputs | {"commitment": "yes"}
    answers = _together(house, person, person.path, data)
    (case,) = person.cases()
    assert set(answers) == {(303, f"/h5/cases/{case.id}?sent=1")}
    with person.app.app_context():
        consents = db.session.scalars(select(Consent).where(Consent.citizen_id == person.id)).all()
    assert [consent.purpose for consent in consents] == ["commitment"]
    assert person.browser.open(person.path, follow=False).headers["Location"] == f"/h5/cases/{case.id}"


def test_ten_simultaneous_taps_on_start_make_one_draft(house: House, resident: Callable[..., Resident]) -> None:
    person = resident()
    person.browser.open(f"/h5/items/{PERMIT}")
    data = person.browser.form("start").inputs
    answers = _together(house, person, f"/h5/items/{PERMIT}", data)
    assert set(answers) == {(303, f"/h5/drafts/{person.draft().id}")}


def test_a_form_sent_again_does_nothing_again_and_another_body_is_not_taken(resident: Callable[..., Resident]) -> None:
    person = resident()
    path, page = person.begin(PERMIT), person.browser
    first = page.form("save").inputs | {"ground": "employment"}
    for _ in range(2):
        assert page.open(path, "POST", data=first, follow=False).status_code == 303
    assert person.draft().version == 2
    page.open(f"{path}?step=employment")
    form = page.form("save").inputs | {"employment_correct": "no", "employment_remark": "在城东分厂上班"}
    page.open(path, "POST", data=form, follow=False)
    answer = page.open(path, "POST", data=form | {"employment_remark": "在城西分厂上班"}, follow=False)
    assert answer.status_code == 409
    assert "在城西分厂上班" in answer.text
    assert person.draft().data["employment"]["employment_remark"] == "在城东分厂上班"
    page.submit("save", employment_correct="no", employment_remark="在城西分厂上班")
    assert person.draft().data["employment"]["employment_remark"] == "在城西分厂上班"


def test_withdrawing_twice_withdraws_once_and_an_old_page_is_told_what_happened(
    resident: Callable[..., Resident],
) -> None:
    person = resident()
    case = person.apply()
    page = person.browser
    page.open(f"/h5/cases/{case}")
    assert page.page.text.count(f'data-case-id="{case}"') == 1
    data = page.form("withdraw").inputs
    stale = data | {"form_token": "another-token-of-another-tab"}
    for _ in range(2):
        assert page.open(f"/h5/cases/{case}", "POST", data=data, follow=False).status_code == 303
    assert [(c.state, c.version) for c in person.cases()] == [("withdrawn", 2)]
    answer = page.open(f"/h5/cases/{case}", "POST", data=stale)
    assert answer.status_code == 409
    assert "刚刚有了变化" in answer.text
    assert "withdraw" not in (page.open(f"/h5/cases/{case}") and page.actions)


# --- Two tabs ---------------------------------------------------------------------------------------------------------


def test_two_tabs_lose_nothing_and_say_what_the_other_saved(resident: Callable[..., Resident]) -> None:
    person = resident()
    person.fill_permit()
    page, path = person.browser, person.path
    page.open(f"{path}?step=delivery")
    one, two = page.form("save").inputs, (page.open(f"{path}?step=delivery") and page.form("save").inputs)
    page.open(path, "POST", data=one | {"postal_address": "岳林街道甲路1号"})
    answer = page.open(path, "POST", data=two | {"postal_address": "岳林街道乙路2号"})
    assert answer.status_code == 409
    assert "岳林街道甲路1号" in answer.text
    assert page.form("save").inputs["postal_address"] == "岳林街道乙路2号"
    assert person.draft().data["delivery"]["postal_address"] == "岳林街道甲路1号"
    page.submit("save")
    assert person.draft().data["delivery"]["postal_address"] == "岳林街道乙路2号"


def test_a_check_page_that_another_tab_overtook_is_not_sent(resident: Callable[..., Resident]) -> None:
    person = resident()
    person.fill_permit()
    page, path = person.browser, person.path
    overtaken = page.form("submit").inputs | {"commitment": "yes"}
    page.open(f"{path}?step=delivery&from=check")
    page.submit("save", postal_address="岳林街道丙路3号")
    assert "submit" in page.actions, "from the check page one comes back to it"
    answer = page.open(path, "POST", data=overtaken)
    assert (answer.status_code, person.cases()) == (409, [])
    assert "岳林街道丙路3号" in answer.text
    page.submit("submit", commitment="yes")
    assert len(person.cases()) == 1


# --- Who may apply ----------------------------------------------------------------------------------------------------


def test_who_is_not_eligible_reads_why_what_to_do_and_from_when_before_filling_anything_in(
    resident: Callable[..., Resident],
) -> None:
    person = resident(months=2)
    page = person.browser
    page.open(f"/h5/items/{PERMIT}")
    assert "2027年3月9日" in page.words, "registered on 8 September: from 9 March"
    assert "还未满半年" in page.words
    assert "start" not in page.actions
    # Whoever sends the form all the same is told, and no draft is begun.
    page.open(f"/h5/items/{REGISTRATION}")
    data = page.form("start").inputs
    answer = page.open(f"/h5/items/{PERMIT}", "POST", data=data)
    assert answer.status_code == 422
    assert "2027年3月9日" in answer.text
    assert page.open("/h5/cases").text.count("草稿，还没提交") == 0


def test_what_changed_since_the_draft_was_begun_is_judged_again_when_it_is_sent(
    resident: Callable[..., Resident],
) -> None:
    person = resident()
    person.fill_permit()
    with person.app.app_context():
        registration = current_registration(person.id)
        assert registration is not None
        registration.until = clock.today() - timedelta(days=20)
        commit()
    person.browser.open(person.path)
    answer = person.browser.submit("submit", commitment="yes")
    assert (answer.status_code, person.cases()) == (422, [])
    assert "居住登记" in answer.text


def test_a_second_application_of_the_same_kind_is_not_begun_twice(resident: Callable[..., Resident]) -> None:
    person = resident()
    person.fill_permit()
    draft = person.path
    person.browser.submit("submit", commitment="yes")
    page = person.browser
    page.open(f"/h5/items/{PERMIT}")
    assert "start" not in page.actions
    assert "已有一件正在办理" in page.words
    assert page.open(draft).request.path.startswith("/h5/cases/")


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
    assert "49" not in page.words.split("哪里有误")[1].split("信息有误时")[0]
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
