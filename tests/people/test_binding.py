"""Binding proves the living person: what is typed must agree in the register, then a face or a card is shown."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text, update

from citizen_services.database import commit, db
from citizen_services.people.models import BindingRequest, Citizen, Consent, Look, Session, Staff, WeChatBinding
from citizen_services.security import keyring
from tests.house import House
from tests.people.browser import Browser, photo, upload
from tests.people.conftest import Invented, Phones

NewBrowser = Callable[[], Browser]
Invent = Callable[..., Invented]


def claim(one: Browser, person: Invented, phones: Phones, **other: str) -> None:
    """Type who one is, with the code that the phone receives; inside WeChat as that person's follower."""
    one.enter_by_wechat(person.openid, "/h5/bind?next=/h5/login")
    typed = {"name": person.name, "id_number": person.id_number, "phone": person.phone} | other
    one.submit("send_code", phone=typed["phone"])
    one.submit("bind", code=phones.last(typed["phone"]), **typed)


def show_face(one: Browser, content: bytes | None = None, consent: str | None = "yes", **more: Any) -> int:
    """Send a photo with the separate consent."""
    file = upload(photo() if content is None else content)
    return one.submit("face", file=file, consent_face=consent, **more).status_code


def staff(browser: NewBrowser, logins: dict[str, dict[str, Any]], login: str) -> Browser:
    """Somebody of the staff, logged in, at the page for binding."""
    one = browser()
    one.open("/console/login?next=/console/bind")
    one.submit("login", login=login, password=logins[login]["password"])
    return one


def test_who_shows_the_face_is_bound_with_the_registers_facts_and_both_consents(
    browser: NewBrowser, phones: Phones, invented: Invent, outside: House, application: Flask
) -> None:
    person, one = invented("阿卜杜热合曼·麦麦提"), browser()
    claim(one, person, phones, name="阿卜杜热合曼•麦麦提")
    assert one.page.status_code == 200
    assert one.actions == ["face", "counter"]
    anonymous = one.cookie("h5_session", "/h5")
    after = outside.ledger("population")[-1]["seq"]
    assert show_face(one, follow=False) == 303
    assert [entry["operation"] for entry in outside.ledger("population", int(str(after)))] == ["face", "person"]
    assert one.page.headers["Location"] == "/h5/login"
    assert one.cookie("h5_session", "/h5") != anonymous
    with application.app_context():
        citizen = db.session.scalars(select(Citizen)).one()
        assert (citizen.name, citizen.id_number, citizen.phone) == (person.name, person.id_number, person.phone)
        assert (citizen.hukou_code, citizen.hukou_address) == ("522601", "贵州省凯里市三棵树镇")
        assert (citizen.gender, citizen.birth_date, citizen.proved_by) == ("female", date(1994, 5, 23), "face")
        assert citizen.id_lookup == keyring().lookup("id_number", person.id_number)
        bound = db.session.scalars(select(WeChatBinding)).one()
        assert (bound.openid, bound.citizen_id, bound.ended_at) == (person.openid, citizen.id, None)
        consents = {row.purpose: row for row in db.session.scalars(select(Consent))}
        assert set(consents) == {"notice", "face"}
        assert "比对后立即删除" in consents["face"].words
        assert db.session.scalars(select(Session)).one().citizen_id == citizen.id
        row = db.session.execute(text("SELECT * FROM citizen JOIN binding_request ON true")).one()
        stored = repr([bytes(value) if isinstance(value, memoryview) else value for value in row])
        for secret in (person.id_number, person.phone, person.name):
            assert secret not in stored
            assert repr(secret.encode())[2:-1] not in stored
    # The same follower is known from now on without a word.
    again = browser()
    again.enter_by_wechat(person.openid, "/h5/bind?next=/h5/login")
    with application.app_context():
        assert {row.citizen_id for row in db.session.scalars(select(Session))} == {citizen.id}


def test_the_purpose_is_told_before_anything_is_asked(browser: NewBrowser, database: None) -> None:
    one = browser()
    one.open("/h5/bind")
    words = one.words
    for told in ("做什么用", "保存多久", "谁会看到", "不同意的，带身份证到窗口核验"):
        assert words.index(told) < words.index("手机号码 须是登记在您本人名下")


@pytest.mark.parametrize(
    ("wrong", "value"), [("name", "韦大花"), ("id_number", "11010519491231002X"), ("phone", "13912345678")]
)
def test_what_does_not_agree_is_never_told_apart_and_a_counter_still_helps(
    browser: NewBrowser, phones: Phones, invented: Invent, wrong: str, value: str, application: Flask
) -> None:
    person, one = invented(), browser()
    claim(one, person, phones, **{wrong: value})
    assert one.page.status_code == 422
    assert one.errors == {"form"}
    assert "姓名、身份证号码、手机号码与人口登记信息对不上" in one.words
    assert "counter" in one.actions
    # The code was good, so what was mistyped can be put right without another one.
    assert one.form("bind").inputs.get("code") is None
    with application.app_context():
        assert db.session.scalars(select(Citizen)).all() == []


def test_a_slip_of_the_pen_is_put_right_without_a_second_code(
    browser: NewBrowser, phones: Phones, invented: Invent
) -> None:
    person, one = invented(), browser()
    claim(one, person, phones, name="韦小华")
    one.submit("bind", name=person.name, id_number=person.id_number)
    assert one.actions == ["face", "counter"]
    assert len(phones.codes[person.phone]) == 1


def test_whoever_logged_in_by_phone_types_no_second_code_and_may_still_take_another_phone(
    browser: NewBrowser, phones: Phones, invented: Invent, application: Flask
) -> None:
    person, one = invented(), browser()
    one.open("/h5/login")
    one.submit("send_code", phone="13912345678")
    one.submit("login", phone="13912345678", code=phones.last("13912345678"))
    assert "code" not in one.form("bind").inputs
    one.open("/h5/bind?other=1")
    one.submit("send_code", phone=person.phone)
    assert one.form("bind").inputs["phone"] == person.phone
    typed = {"name": person.name, "id_number": person.id_number}
    one.submit("bind", code="000000" if phones.last(person.phone) != "000000" else "000001", **typed)
    assert one.errors == {"code"}
    assert one.form("bind").inputs["phone"] == person.phone
    one.submit("bind", code=phones.last(person.phone), **typed)
    assert one.actions == ["face", "counter"]
    show_face(one, follow=False)
    with application.app_context():
        assert db.session.scalars(select(Citizen)).one().phone == person.phone
        assert db.session.scalars(select(WeChatBinding)).all() == []


def test_numbers_can_be_tried_five_times_an_hour(browser: NewBrowser, phones: Phones, invented: Invent) -> None:
    person, one = invented(), browser()
    claim(one, person, phones, name="韦小一")
    for name in ("韦小二", "韦小三", "韦小四", "韦小五"):
        one.submit("bind", name=name, id_number=person.id_number)
        assert one.page.status_code == 422
    one.submit("bind", name=person.name, id_number=person.id_number)
    assert one.page.status_code == 429


def test_three_photos_that_do_not_match_leave_only_the_counter(
    browser: NewBrowser, phones: Phones, invented: Invent, application: Flask
) -> None:
    person, one = invented(face="no_match"), browser()
    claim(one, person, phones)
    for left in ("还可以再试 2 次", "还可以再试 1 次", "到窗口核验"):
        assert show_face(one) == 422
        assert left in one.words
    assert one.actions == ["counter"]
    one.open("/h5/bind")
    assert one.actions == ["counter"]
    with application.app_context():
        assert db.session.scalars(select(Citizen)).all() == []
    # Beginning anew doesn't give photos without end.
    for _ in range(3):
        one.open("/h5/bind?again=1")
        one.submit("bind", name=person.name, id_number=person.id_number)
        show_face(one)
    one.open("/h5/bind?again=1")
    one.submit("bind", name=person.name, id_number=person.id_number)
    assert show_face(one) == 429


def test_a_comparison_that_cannot_be_made_costs_no_try(
    browser: NewBrowser, phones: Phones, invented: Invent, outside: House, application: Flask
) -> None:
    person, one = invented(face="unavailable"), browser()
    claim(one, person, phones)
    for _ in range(4):
        assert show_face(one) == 503
    assert one.errors == {"file"}
    assert one.actions == ["face", "counter"]
    outside.control("PUT", f"people/{person.id_number}", {"name": person.name, "face": "match"})
    outside.control("PUT", "faults/population", {"mode": "http_500", "times": 1})
    assert show_face(one) == 503
    with application.app_context():
        assert db.session.scalars(select(BindingRequest)).one().attempts == 0
    assert show_face(one, follow=False) == 303


def test_a_register_that_is_away_loses_nothing_that_was_typed(
    browser: NewBrowser, phones: Phones, invented: Invent, outside: House
) -> None:
    person, one = invented(), browser()
    outside.control("PUT", "faults/population", {"mode": "http_500", "times": 1})
    claim(one, person, phones)
    assert one.page.status_code == 503
    inputs = one.form("bind").inputs
    assert (inputs["name"], inputs["id_number"]) == (person.name, person.id_number)
    one.submit("bind")
    assert one.actions == ["face", "counter"]


@pytest.mark.parametrize(
    ("content", "consent", "fault"),
    [
        (None, None, "consent_face"),
        (b"", "yes", "file"),
        (b"\xff\xd8\xff\xe0" + b"x" * 500, "yes", "file"),
        (b"GIF89a" + b"\0" * 500, "yes", "file"),
        (photo(120, 120), "yes", "file"),
        (photo(900, 1200)[:20_000], "yes", "file"),
    ],
    ids=["no consent", "nothing", "not a picture", "another kind", "too small", "cut off"],
)
def test_a_photo_without_consent_or_that_is_none_is_not_sent(
    browser: NewBrowser,
    phones: Phones,
    invented: Invent,
    outside: House,
    content: bytes | None,
    consent: str | None,
    fault: str,
) -> None:
    one = browser()
    claim(one, invented(), phones)
    after = int(str(outside.ledger("population")[-1]["seq"]))
    assert show_face(one, content, consent) == 422
    assert one.errors == {fault}
    assert outside.ledger("population", after) == []


def test_a_card_shown_at_a_counter_binds_and_the_phone_goes_on_by_itself(
    browser: NewBrowser,
    phones: Phones,
    invented: Invent,
    staff_logins: dict[str, dict[str, Any]],
    application: Flask,
) -> None:
    person, other, one = invented(), invented("石大山"), browser()
    claim(one, person, phones)
    one.submit("counter")
    with application.app_context():
        code = str(db.session.scalars(select(BindingRequest.counter_code)).one())
    assert code in one.words
    clerk = staff(browser, staff_logins, "yl-clerk")
    for wrong in ({"code": f"{(int(code) + 1) % 10**6:06d}"}, {"id_number": other.id_number}):
        typed = {"code": code, "id_number": person.id_number, "card_shown": "yes"} | wrong
        clerk.submit("bind_at_counter", **typed)
        assert clerk.page.status_code == 422
        assert clerk.errors == {"code"}
    clerk.submit("bind_at_counter", code=code, id_number=person.id_number)
    assert clerk.errors == {"card_shown"}
    clerk.submit(
        "bind_at_counter", code=f" {code[:3]} {code[3:]}", id_number=person.id_number.lower(), card_shown="yes"
    )
    assert clerk.page.status_code == 200
    assert "已核验并绑定" in clerk.words
    assert person.name not in clerk.page.text
    with application.app_context():
        citizen = db.session.scalars(select(Citizen)).one()
        assert (citizen.proved_by, citizen.phone) == ("counter", person.phone)
        look = db.session.scalars(select(Look)).one()
        assert (look.office_code, look.role, look.what, look.citizen_id) == (
            "330213001000",
            "clerk",
            "bound",
            citizen.id,
        )
        assert {row.purpose for row in db.session.scalars(select(Consent))} == {"notice"}
    one.open("/h5/bind?next=/h5/login", follow=False)
    assert one.page.headers["Location"] == "/h5/login"
    with application.app_context():
        assert citizen.id in set(db.session.scalars(select(Session.citizen_id)))
    # A code serves once.
    clerk.submit("bind_at_counter", code=code, id_number=person.id_number, card_shown="yes")
    assert clerk.page.status_code == 422


def test_a_browser_that_was_nobody_before_goes_on_from_the_page_that_says_what_disagrees(
    browser: NewBrowser, phones: Phones, invented: Invent, database: None
) -> None:
    person, one = invented(), browser()
    one.open("/h5/bind")
    one.submit("send_code", phone="13912345678")
    typed = {"name": person.name, "id_number": person.id_number, "phone": "13912345678"}
    assert one.submit("bind", code=phones.last("13912345678"), **typed).status_code == 422
    assert one.submit("counter").status_code == 200
    assert "核验码" in one.words


def test_a_phone_whose_person_was_bound_anew_under_another_one_does_not_go_on_by_an_older_counter(
    browser: NewBrowser,
    phones: Phones,
    invented: Invent,
    staff_logins: dict[str, dict[str, Any]],
    application: Flask,
) -> None:
    person, lost, found = invented(), browser(), browser()
    clerk = staff(browser, staff_logins, "yl-clerk")
    for one, phone in ((lost, person.phone), (found, "13912345678")):
        one.open("/h5/bind")
        one.submit("send_code", phone=phone)
        typed = {"name": person.name, "id_number": person.id_number, "phone": phone}
        one.submit("bind", code=phones.last(phone), **typed)
        one.submit("counter")
        with application.app_context():
            code = str(
                db.session.scalars(select(BindingRequest.counter_code).order_by(BindingRequest.id.desc())).first()
            )
        assert code in one.words
        clerk.submit("bind_at_counter", code=code, id_number=person.id_number, card_shown="yes")
        assert "已核验并绑定" in clerk.words
    lost.open("/h5/bind?next=/h5/cases", follow=False)
    assert "/h5/cases" not in lost.page.headers.get("Location", "")
    with application.app_context():
        assert set(db.session.scalars(select(Session.citizen_id).where(Session.kind == "citizen"))) == {None}
    found.open("/h5/bind?next=/h5/cases", follow=False)
    assert found.page.headers["Location"] == "/h5/cases"


def test_a_counter_helps_whom_the_register_knows_under_another_phone(
    browser: NewBrowser,
    phones: Phones,
    invented: Invent,
    staff_logins: dict[str, dict[str, Any]],
    application: Flask,
) -> None:
    person, one = invented(), browser()
    claim(one, person, phones, phone="13912345678")
    one.submit("counter")
    with application.app_context():
        code = str(db.session.scalars(select(BindingRequest.counter_code)).one())
    clerk = staff(browser, staff_logins, "fw-clerk")
    clerk.submit("bind_at_counter", code=code, id_number=person.id_number, card_shown="yes")
    assert "已核验并绑定" in clerk.words
    with application.app_context():
        assert db.session.scalars(select(Citizen)).one().phone == "13912345678"


def test_clerks_guess_no_codes_bind_not_themselves_and_others_bind_nobody(
    browser: NewBrowser,
    phones: Phones,
    invented: Invent,
    staff_logins: dict[str, dict[str, Any]],
    application: Flask,
) -> None:
    person, one = invented(), browser()
    claim(one, person, phones)
    one.submit("counter")
    with application.app_context():
        code = str(db.session.scalars(select(BindingRequest.counter_code)).one())
        own = keyring().lookup("id_number", person.id_number)
        db.session.execute(update(Staff).where(Staff.login == "yl-clerk").values(id_lookup=own))
        commit()
    clerk = staff(browser, staff_logins, "yl-clerk")
    clerk.submit("bind_at_counter", code=code, id_number=person.id_number, card_shown="yes")
    assert "不能为本人核验" in clerk.words
    for number in range(9):
        clerk.submit("bind_at_counter", code=f"00000{number}", id_number=person.id_number, card_shown="yes")
        assert clerk.page.status_code == 422
    clerk.submit("bind_at_counter", code="999999", id_number=person.id_number, card_shown="yes")
    assert clerk.page.status_code == 429
    assert staff(browser, staff_logins, "fw-cashier").page.status_code == 403
    with application.app_context():
        assert db.session.scalars(select(Citizen)).all() == []
