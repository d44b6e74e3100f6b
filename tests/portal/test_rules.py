"""What must hold on citizens' pages whatever is sent: ownership, once only, two tabs, who may apply."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

from sqlalchemy import select, update

from citizen_services import clock
from citizen_services.cases import operations
from citizen_services.database import commit, db
from citizen_services.exchange.models import RegisterAnswer
from citizen_services.parts import parts
from citizen_services.people.models import Consent, Staff
from citizen_services.registers.queries import current_registration
from tests import factories
from tests.house import House
from tests.people.browser import Browser
from tests.portal.conftest import Resident, log_in

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
    person.browser.open("/h5/")
    person.browser.submit("logout")
    assert person.browser.open("/h5/cases", follow=False).status_code == 303


# --- Once only --------------------------------------------------------------------------------------------------------


def together(house: House, person: Resident, path: str, data: dict[str, str], times: int = 10) -> list[tuple[int, str]]:
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
    answers = together(house, person, person.path, data)
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
    answers = together(house, person, f"/h5/items/{PERMIT}", data)
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


def test_a_citizen_who_was_overtaken_reads_what_happened_but_no_officers_name(
    resident: Callable[..., Resident],
) -> None:
    person = resident()
    case = person.apply()
    page = person.browser
    page.open(f"/h5/cases/{case}")
    with person.app.app_context():
        clerk = db.session.scalars(select(Staff).where(Staff.login == "yl-clerk")).one()
        operations.perform(parts().catalogue, case, "accept", factories.staff("yl-clerk"), 1)
        commit()
    answer = page.submit("withdraw")
    assert (answer.status_code, person.cases()[0].state) == (409, "accepted")
    assert "刚刚有了变化" in answer.text
    assert clerk.name not in answer.text
    page.open(f"/h5/cases/{case}")
    assert "岳林派出所 · 窗口人员" in page.words
    assert clerk.name not in page.words
    assert "承诺办结 11月11日（周三） 前" in page.words, "two working days from Monday"
    document = page.page.text.split("/documents/")[1].split('"')[0]
    page.open(f"/h5/cases/{case}/documents/{document}")
    assert "承诺办结日期：11月11日前" in page.words
    stranger = resident("龙阿强")
    assert stranger.browser.open(f"/h5/cases/{case}/documents/{document}").status_code == 404


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


def test_what_a_register_says_otherwise_by_now_is_confirmed_again_before_it_is_sent(
    resident: Callable[..., Resident], outside: House
) -> None:
    person = resident()
    person.fill_permit()
    confirmed = person.draft().answers
    moved = {"employer": "奉化区新园服装有限公司", "credit_code": "91330283MA2AXXXX0X", "since": "2026-11-01"}
    outside.control("PUT", f"employment/{person.id_number}", moved | {"until": None})
    page = person.browser
    # Half a day long an answer serves; then it is asked for again, whatever the page was told to rest on.
    _a_day_later(person)
    page.open(person.path)
    answer = page.submit("submit", commitment="yes")
    assert (answer.status_code, page.errors, person.cases()) == (422, {"employment_correct"}, [])
    assert moved["employer"] in page.words
    now = person.draft().answers
    assert now["social_insurance.employment"] != confirmed["social_insurance.employment"]
    assert now["population.portrait"] == confirmed["population.portrait"]
    page.submit("save", employment_correct="yes")
    page.submit("submit", commitment="yes")
    assert [case.answers["social_insurance.employment"] for case in person.cases()] == [
        now["social_insurance.employment"]
    ]


def test_whoever_lost_the_job_after_confirming_it_is_told_so_instead_of_sending(
    resident: Callable[..., Resident], outside: House
) -> None:
    person = resident()
    person.fill_permit()
    outside.control("PUT", f"employment/{person.id_number}", None)
    _a_day_later(person)
    person.browser.open(person.path)
    answer = person.browser.submit("submit", commitment="yes")
    assert (answer.status_code, person.cases()) == (422, [])
    assert "社会保险登记里没有查到" in person.browser.words
    person.browser.submit("save")
    assert "请上传证明代替" in person.browser.words, "no end of it: a paper takes the register's place"


def _a_day_later(person: Resident) -> None:
    """Let every register's answer about this person be a day old."""
    day = timedelta(days=1)
    with person.app.app_context():
        db.session.execute(
            update(RegisterAnswer)
            .where(RegisterAnswer.citizen_id == person.id)
            .values(at=RegisterAnswer.at - day, fresh_until=RegisterAnswer.fresh_until - day)
        )
        commit()


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
    page.open(f"/h5/items/{REGISTRATION}")
    answer = page.open(f"/h5/items/{PERMIT}", "POST", data=page.form("start").inputs)
    assert (answer.status_code, person.draft().case_id) == (409, person.cases()[0].id)
