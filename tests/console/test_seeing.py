"""What an officer gets to see of a case, of whom, for which reason; and that each look is recorded."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import select, update

from citizen_services import clock
from citizen_services.cases import ratings, visits
from citizen_services.cases.models import Case, Document, Visit
from citizen_services.database import Change, commit, db
from citizen_services.parts import parts
from citizen_services.people import look_limits
from citizen_services.people.models import Look
from tests import factories
from tests.console.applications import case_now, looks_at, move, permit, portrait
from tests.console.conftest import Desk
from tests.notifications.conftest import later

Desks = Callable[[str], Desk]
STATION, OTHER, CENTRE = "330213001000", "330213002000", "330213000000"
HANDLED = ("opened", STATION, "clerk", "handling")


def test_a_case_shows_what_registers_answered_beside_what_the_person_says(desk: Desks) -> None:
    case_id, person = permit("阿卜杜拉·买买提", correct="no")
    clerk = desk("yl-clerk")
    clerk.open(f"/console/cases/{case_id}")
    told = ("与申请人一致", "奉化区宏达机械厂", "申请人说有误", "查询于 11月9日", "2025年11月2日至2026年2月27日")
    said = ("申请人认为与实际不符，请核对", "已换到奉化区锦溪食品厂", "岳林街道金钟路18号3幢502室", "阿***提")
    for words in told + said:
        assert words in clerk.words, words
    assert clerk.words.count("申请人认为与实际不符，请核对") == 1
    for secret in (person.name, person.id_number, person.phone, "13800138000", "赏郎村5组"):
        assert secret not in clerk.page.text
    picture = re.search(r'<img class="mx-portrait" src="([^"]+)"', clerk.page.text)
    assert picture is not None
    answer = clerk.open(picture[1])
    assert (answer.status_code, answer.mimetype, answer.data) == (200, "image/jpeg", portrait())
    assert answer.headers["Cache-Control"] == "private, no-store"


def test_what_a_register_did_not_answer_is_left_to_the_officer(desk: Desks) -> None:
    for outcome, words in (("unavailable", "没有连上"), ("none", "没有查到")):
        case_id, _ = permit(registers=outcome)
        clerk = desk("yl-clerk")
        clerk.open(f"/console/cases/{case_id}")
        assert words in clerk.words
        assert "请人工核对" in clerk.words


def test_the_portrait_is_for_those_who_may_see_its_case(desk: Desks) -> None:
    case_id, _ = permit()
    foreign, _ = permit("韦小花")
    clerk, other = desk("yl-clerk"), desk("jp-clerk")
    answer_id = case_now(case_id).answers["population.portrait"]
    person_id = case_now(case_id).answers["population.person"]
    assert clerk.open(f"/console/cases/{case_id}/answers/{answer_id}.jpg").status_code == 200
    assert clerk.open(f"/console/cases/{foreign}/answers/{answer_id}.jpg").status_code == 404
    assert clerk.open(f"/console/cases/{case_id}/answers/{person_id}.jpg").status_code == 404
    assert clerk.open(f"/console/cases/{case_id}/answers/{uuid4()}.jpg").status_code == 404
    assert other.open(f"/console/cases/{case_id}/answers/{answer_id}.jpg").status_code == 404
    assert desk("fw-planner").open(f"/console/cases/{case_id}/answers/{answer_id}.jpg").status_code == 403


def test_each_opening_is_recorded_and_once_a_quarter_of_an_hour_for_whoever_holds_it(desk: Desks) -> None:
    case_id, person = permit()
    clerk = desk("yl-clerk")
    for _ in range(2):
        clerk.open(f"/console/cases/{case_id}")
    assert looks_at(person) == [HANDLED] * 2
    clerk.submit("claim")
    for _ in range(3):
        clerk.open(f"/console/cases/{case_id}")
    assert looks_at(person) == [HANDLED] * 2
    db.session.execute(update(Look).values(at=Look.at - timedelta(minutes=15)))
    commit()
    clerk.open(f"/console/cases/{case_id}")
    assert looks_at(person) == [HANDLED] * 3
    clerk.open(f"/console/cases/{case_id}/news?version=0")
    clerk.open("/console/cases")
    assert looks_at(person) == [HANDLED] * 3
    row = db.session.scalars(select(Look).order_by(Look.id.desc())).first()
    assert row is not None
    assert row.case_id == case_id


def test_a_masked_value_is_shown_once_for_a_reason_that_is_recorded(desk: Desks) -> None:
    case_id, person = permit("阿卜杜拉·买买提")
    clerk = desk("yl-clerk")
    path = f"/console/cases/{case_id}"
    values = {
        "applicant.id_number": person.id_number,
        "applicant.phone": person.phone,
        "applicant.name": person.name,
        "delivery.receiver_phone": "13800138000",
        "delivery.postal_address": "岳林街道金钟路18号3幢502室",
    }
    for field, value in values.items():
        clerk.open(path)
        # The registered address is the officer's to judge; the same words in the delivery are masked.
        assert value not in re.sub(r"(?s)本区登记.*?</section>", "", clerk.page.text), field
        for missing in ("", "x", " \u200b "):
            clerk.open(path)
            clerk.submit("reveal", field=field, reason=missing)
            assert (clerk.page.status_code, clerk.errors) == (422, {"reason"})
            assert value not in re.sub(r"(?s)本区登记.*?</section>", "", clerk.page.text), field
        form = clerk.form("reveal").inputs | {"field": field, "reason": "核对申请人身份"}
        for _ in range(2):
            answer = clerk.open(f"{path}/reveal", "POST", follow=False, data=form)
            assert (answer.status_code, answer.headers["Location"]) == (303, f"{path}#applicant")
            assert value not in str(answer.headers)
        clerk.open(path)
        assert f'<span class="mx-v">{value}<' in clerk.page.text.replace(f' data-shown="{field}"', "")
        assert clerk.words.count("只显示这一次，已记录") == 1
        clerk.open(path)
        assert f'<span class="mx-v">{value}<' not in clerk.page.text
        assert "只显示这一次，已记录" not in clerk.words
    unmasked = [look for look in looks_at(person) if look[0] == "unmasked"]
    assert [reason for *_, reason in unmasked] == [
        f"{label}：核对申请人身份" for label in ("公民身份号码", "手机号码", "姓名", "收件人手机号码", "详细地址")
    ]
    clerk.open(path)
    for field in ("ground.ground", "applicant", "applicant.birth_date", "../etc", "x" * 900):
        clerk.open(path)
        clerk.submit("reveal", field=field, reason="核对申请人身份")
        assert clerk.page.status_code in (400, 422), field
    assert len([look for look in looks_at(person) if look[0] == "unmasked"]) == 5


def test_a_value_to_be_shown_is_not_shown_on_another_case(desk: Desks) -> None:
    case_id, person = permit()
    other_id, other = permit("韦小花")
    clerk = desk("yl-clerk")
    clerk.open(f"/console/cases/{case_id}")
    clerk.submit("reveal", follow=False, field="applicant.id_number", reason="核对申请人身份")
    clerk.open(f"/console/cases/{other_id}")
    assert person.id_number not in clerk.page.text
    assert other.id_number not in clerk.page.text
    stranger = desk("jp-clerk")
    form = clerk.form("reveal").inputs
    stranger.open("/console/search")
    form["csrf_token"] = stranger.form("search").inputs["csrf_token"]
    stranger.open(
        f"/console/cases/{case_id}/reveal", "POST", data=form | {"field": "applicant.phone", "reason": "好奇"}
    )
    assert stranger.page.status_code == 404
    assert not [look for look in looks_at(person) if look[1] == OTHER]


def test_another_offices_case_is_not_there_until_a_reason_is_given_and_then_for_a_quarter_of_an_hour(
    desk: Desks,
) -> None:
    case_id, person = permit("阿卜杜拉·买买提")
    number = case_now(case_id).number
    other = desk("jp-clerk")
    path = f"/console/cases/{case_id}"
    answers = []
    for id in (case_id, uuid4()):
        other.open(f"/console/cases/{id}")
        assert other.page.status_code == 404
        answers.append(other.words.replace(str(id), ""))
    # Whether there is such a case at all isn't told.
    assert answers[0] == answers[1]
    other.open(path)
    assert number not in other.page.text
    for why, words, wrong in (
        ("", "申请人到本窗口咨询进度", "why"),
        ("other", "看看", "reason"),
        ("bored", "", "why"),
    ):
        other.submit("reason", why=why, reason=words)
        assert (other.page.status_code, other.errors) == (422, {wrong})
    assert looks_at(person) == []
    for _ in range(2):
        other.open(path)
        if other.page.status_code == 404:
            other.submit("reason", why="other", reason="申请人到本窗口咨询进度")
        assert other.page.status_code == 200
        assert number in other.page.text
        assert other.actions == ["reveal"]
    assert looks_at(person) == [("opened", OTHER, "clerk", "其他工作需要：申请人到本窗口咨询进度")]
    colleague = desk("jp-officer")
    assert colleague.open(path).status_code == 404
    db.session.execute(update(Look).values(at=Look.at - timedelta(minutes=16)))
    commit()
    assert other.open(path).status_code == 404
    # Nobody passes for one who works on the case by typing the word that the record keeps for them.
    other.submit("reason", why="handover", reason="handling")
    assert looks_at(person)[-1] == ("opened", OTHER, "clerk", "交接或协助同事办理：“handling”")
    missing = uuid4()
    other.open(f"/console/cases/{missing}")
    other.submit("reason", why="applicant", reason="")
    assert other.page.status_code == 404


def test_a_case_of_the_own_office_is_opened_without_a_word_only_by_whoever_has_it_in_hand(desk: Desks) -> None:
    """In hand: one holds it, one's role works it at this desk, one took a step a moment ago, or one's list has it."""
    case_id, person = permit()
    path, clerk, approver = f"/console/cases/{case_id}", desk("yl-clerk"), desk("yl-officer")
    assert clerk.open(path).status_code == 200
    # It waits for a clerk: the approver of the same desk says why.
    assert approver.open(path).status_code == 403
    assert case_now(case_id).number in approver.words
    assert "赏郎村5组" not in approver.page.text
    clerk.submit("accept")
    assert clerk.page.status_code == 200, "what one's step led to is shown"
    with later(hours=-2):
        case_id, person = permit("韦小花", done=("accept", "approve"))
    path = f"/console/cases/{case_id}"
    assert clerk.open(path).status_code == 403
    assert approver.open(path).status_code == 403
    assert desk("fw-clerk").open(path).status_code == 200
    answer_id = case_now(case_id).answers["population.portrait"]
    assert clerk.open(f"{path}/answers/{answer_id}.jpg").status_code == 404
    clerk.open(path)
    clerk.submit("reason", why="handover", reason="")
    assert clerk.page.status_code == 200
    assert looks_at(person)[-1] == ("opened", STATION, "clerk", "交接或协助同事办理")
    assert clerk.open(f"{path}/answers/{answer_id}.jpg").status_code == 200
    db.session.execute(update(Look).values(at=Look.at - timedelta(minutes=16)))
    commit()
    assert clerk.open(path).status_code == 403
    # Whoever holds it needs no words, whatever it waits for.
    until = clock.protocol_now() + timedelta(hours=9)
    held = {"claimed_by": factories.staff("yl-clerk").id, "claimed_until": until}
    db.session.execute(update(Case).where(Case.id == case_id).values(**held))
    commit()
    assert clerk.open(path).status_code == 200


def test_reasons_for_the_own_offices_cases_count_against_the_days_number_too(
    app: Flask, desk: Desks, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(parts().settings, daily_looks={**parts().settings.daily_looks, "opened": 1})
    monkeypatch.setitem(app.extensions, "citizen_services", replace(parts(), settings=settings))
    # A day that doesn't end meanwhile.
    now = look_limits.protocol_now()
    monkeypatch.setattr(look_limits, "protocol_now", lambda: now)
    cases = [permit()[0], permit("韦小花")[0]]
    clerk = desk("yl-officer")
    answers = []
    for case_id in cases:
        clerk.open(f"/console/cases/{case_id}")
        clerk.submit("reason", why="supervision", reason="")
        answers.append(clerk.page.status_code)
    assert answers == [200, 429]
    assert "已满 1 次" in clerk.words


def test_a_list_of_ones_own_work_is_reason_enough_for_whom_it_was_shown(desk: Desks) -> None:
    case_id, person = permit("阿卜杜拉·买买提")
    db.session.execute(
        update(Case).where(Case.id == case_id).values(state="completed", ended_at=clock.now(), desk_code=None)
    )
    commit()
    change = Change(clock.now())
    ratings.rate(change, case_now(case_id), 1, "等了三趟", "wechat")
    change.write()
    commit()
    clerk, colleague = desk("yl-clerk"), desk("yl-officer")
    assert clerk.open(f"/console/cases/{case_id}").status_code == 403
    clerk.open("/console/ratings")
    found = re.search(rf'href="(/console/cases/{case_id}\?listed=[^"]+)"', clerk.page.text)
    assert found is not None
    assert colleague.open(found[1]).status_code == 403
    assert colleague.open(found[1].replace(str(case_id), str(permit("韦小花")[0]))).status_code == 403
    assert clerk.open(found[1]).status_code == 200
    assert looks_at(person) == [("opened", STATION, "clerk", "差评回访和整改")]
    # The number to call back is shown for a reason, as ever.
    clerk.submit("reveal", field="applicant.phone", reason="电话联系申请人")
    assert person.phone in clerk.page.text


def test_an_office_goes_on_knowing_what_it_worked_on(desk: Desks) -> None:
    with later(hours=-2):
        case_id, person = permit()
    centre = desk("fw-clerk")
    assert centre.open(f"/console/cases/{case_id}").status_code == 404
    for action in ("accept", "approve", "make", "parcel_ordered"):
        with later(hours=-1):
            move(case_id, action)
    assert centre.open(f"/console/cases/{case_id}").status_code == 200
    with later(hours=-1):
        move(case_id, "post")
    assert case_now(case_id).desk_code is None
    assert looks_at(person) == [("opened", CENTRE, "clerk", "handling")]
    assert centre.open(f"/console/cases/{case_id}").status_code == 403
    assert case_now(case_id).number in centre.words
    centre.submit("reason", why="applicant", reason="问邮件到哪里了")
    assert centre.page.status_code == 200


def test_cases_of_another_district_do_not_exist(desk: Desks) -> None:
    case_id, _ = permit()
    db.session.execute(update(Case).where(Case.id == case_id).values(district="330281"))
    commit()
    clerk = desk("yl-clerk")
    clerk.open(f"/console/cases/{case_id}")
    assert clerk.page.status_code == 404
    clerk.submit("reason", why="applicant", reason="")
    assert clerk.page.status_code == 404


def test_a_document_is_shown_as_it_was_issued_and_the_look_recorded(desk: Desks) -> None:
    case_id, person = permit("阿卜杜拉·买买提", done=("accept",))
    foreign, _ = permit("韦小花")
    found = db.session.scalars(select(Document).where(Document.case_id == case_id)).one()
    clerk = desk("yl-clerk")
    clerk.open(f"/console/cases/{case_id}/documents/{found.id}")
    assert found.content["paragraphs"][0] in clerk.words
    assert found.sha256.hex() in clerk.words
    assert looks_at(person) == [("unmasked", STATION, "clerk", "查看文书《受理凭证》")]
    assert clerk.open(f"/console/cases/{foreign}/documents/{found.id}").status_code == 404
    assert desk("jp-clerk").open(f"/console/cases/{case_id}/documents/{found.id}").status_code == 404


def test_a_form_that_is_sent_back_shows_no_case_without_a_word_on_record(desk: Desks) -> None:
    """Whoever never opened the page, and sends a form that can't be right to see it."""
    for sent in ("reveal", "actions/request_correction"):
        case_id, person = permit()
        path, clerk = f"/console/cases/{case_id}", desk("yl-clerk")
        clerk.open(path)
        form = clerk.form("request_correction").inputs | {"version": str(case_now(case_id).version)}
        db.session.execute(update(Look).values(at=Look.at - timedelta(minutes=16)))
        commit()
        assert clerk.open(f"{path}/{sent}", "POST", data=form | {"field": "x"}).status_code == 422, sent
        assert looks_at(person) == [HANDLED] * 2, sent
        assert clerk.open(f"{path}/{sent}", "POST", data=form | {"field": "x"}).status_code == 422, sent
        assert looks_at(person) == [HANDLED] * 2, sent


def test_the_link_of_who_stands_at_the_counter_is_good_as_long_as_they_stand_there(desk: Desks) -> None:
    with later(hours=-2):
        case_id, person = permit("阿卜杜拉·买买提", done=("accept", "approve"))
    clerk = desk("yl-clerk")
    assert clerk.open(f"/console/cases/{case_id}").status_code == 403
    clerk.open("/console/counter")
    clerk.submit("check_in", scan=person.id_number)
    assert "?listed=" not in clerk.page.text, "no card was seen"
    clerk.submit("card", card_shown="yes")
    found = re.search(rf'href="(/console/cases/{case_id}\?listed=[^"]+)"', clerk.page.text)
    assert found is not None
    assert clerk.open(found[1]).status_code == 200
    assert looks_at(person)[-1] == ("opened", STATION, "clerk", "申请人在窗口，已核对身份证")
    # They went home: nobody reads of themselves that they stood there.
    gone = visits.PRESENCE + timedelta(minutes=1)
    db.session.execute(update(Look).values(at=Look.at - gone))
    db.session.execute(update(Visit).values(at=Visit.at - gone))
    commit()
    before = looks_at(person)
    assert clerk.open(found[1]).status_code == 403
    assert looks_at(person) == before
