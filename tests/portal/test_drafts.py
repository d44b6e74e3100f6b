"""Drafts are never lost: typed and not saved, another tab, an expired login, a new declaration; and one reminder."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from marshmallow import Schema
from sqlalchemy import text, update

from citizen_services import clock
from citizen_services.cases import drafts
from citizen_services.cases.automatic import remind_of_drafts
from citizen_services.cases.errors import MovedOn
from citizen_services.cases.models import Draft
from citizen_services.cases.signals import draft_waits
from citizen_services.catalogue import Catalogue, ChoiceField, NameField, PhoneField, TextField
from citizen_services.database import Change, commit, db
from citizen_services.database.base import rollback
from citizen_services.parts import EXTENSION, parts
from citizen_services.people.sessions import open_session
from citizen_services.rules.periods import packaged_calendar
from tests.house import House
from tests.people.browser import Browser
from tests.portal.conftest import Resident, log_in
from workflows.residence_permit import EARLIER, ITEM

PERMIT = "residence-permit-first"
TYPED: dict[str, Any] = {"postal_address": "岳林街道丁路4号", "receiver_phone": "138 0"}


def at_delivery(person: Resident) -> dict[str, Any]:
    """A complete permit, opened once more at its last page; what that page's form holds."""
    person.fill_permit()
    person.browser.open(f"{person.path}?step=delivery")
    return dict(person.browser.form("save").inputs)


def keep(person: Resident, form: dict[str, Any], **typed: Any) -> int:
    """Send what is typed as the page's script does; the status of the answer."""
    sent = {name: value for name, value in (form | typed).items() if name not in ("csrf_token", "form_token", "page")}
    headers = {"X-CSRFToken": form["csrf_token"]}
    return person.browser.open(f"{person.path}/autosave", "POST", data=sent, headers=headers).status_code


# --- Typed and not saved ----------------------------------------------------------------------------------------------


def test_what_is_typed_is_kept_as_it_is_shown_again_and_never_sent_unseen(resident: Callable[..., Resident]) -> None:
    person = resident()
    form = at_delivery(person)
    saved, version = person.draft().data, person.draft().version
    page, path = person.browser, person.path
    assert keep(person, form, **TYPED) == 200
    assert (person.draft().data, person.draft().version) == (saved, version), "what is typed is nobody's answer yet"
    page.open(path)
    assert "上次填到这里，还没有保存" in page.words
    assert page.form("save").inputs | TYPED == page.form("save").inputs
    # The check page says so, and sending leads back to what was typed instead of past it.
    page.open(f"{path}?step=check")
    assert "还没有保存的内容" in page.words
    answer = page.submit("submit", commitment="yes")
    assert (answer.status_code, person.cases()) == (409, [])
    assert page.form("save").inputs["postal_address"] == TYPED["postal_address"]
    answer = page.submit("save")
    assert (answer.status_code, page.errors) == (422, {"receiver_phone"})
    page.submit("save", receiver_phone="13800138000")
    page.submit("submit", commitment="yes")
    assert person.cases()[0].data["delivery"]["postal_address"] == TYPED["postal_address"]


def test_what_was_typed_can_be_given_up_for_what_was_saved(resident: Callable[..., Resident]) -> None:
    person = resident()
    form = at_delivery(person)
    saved = person.draft().data["delivery"]["postal_address"]
    keep(person, form, **TYPED)
    person.browser.open(person.path)
    person.browser.submit("save", drop="1")
    assert person.browser.form("save").inputs["postal_address"] == saved
    assert person.draft().typed is None
    keep(person, form, **TYPED)
    assert keep(person, form) == 200
    assert person.draft().typed is None, "typed back to what is saved, nothing waits"


def test_what_could_not_be_taken_is_there_to_be_mended_another_day(resident: Callable[..., Resident]) -> None:
    person = resident()
    at_delivery(person)
    page = person.browser
    answer = page.submit("save", **TYPED)
    assert (answer.status_code, page.errors) == (422, {"receiver_phone"})
    page.open("/h5/")
    page.open(person.path)
    assert page.form("save").inputs | TYPED == page.form("save").inputs
    page.submit("save", receiver_phone="13800138000")
    assert person.draft().typed is None


def test_the_database_holds_nothing_of_it_in_clear(resident: Callable[..., Resident]) -> None:
    person = resident()
    keep(person, at_delivery(person), **TYPED)
    with person.app.app_context():
        row = db.session.execute(text("SELECT typed FROM draft")).scalar_one()
    assert "丁路" not in bytes(row).decode("latin-1")
    assert "丁路".encode() not in bytes(row)


def test_keeping_is_refused_where_it_would_hide_what_another_page_saved(resident: Callable[..., Resident]) -> None:
    person = resident()
    form = at_delivery(person)
    page = person.browser
    page.submit("save", postal_address="岳林街道甲路1号")
    assert keep(person, form, **TYPED) == 409
    assert "刚刚在别的页面保存过" in page.page.get_json()["sentence"]
    assert person.draft().typed is None
    page.open(f"{person.path}?step=check")
    page.submit("submit", commitment="yes")
    assert keep(person, form | {"version": str(person.draft().version)}, **TYPED) == 409, "sent already"


def test_keeping_takes_only_the_persons_own_draft_and_known_fields(resident: Callable[..., Resident]) -> None:
    owner, other = resident("韦小花"), resident("龙阿强")
    form = at_delivery(owner)
    other.begin(PERMIT)
    token = other.browser.form("save").inputs["csrf_token"]
    other.path, mine = owner.path, other.path
    assert keep(other, form | {"csrf_token": token}, **TYPED) == 404
    other.path = mine
    other.path = f"/h5/drafts/{uuid4()}"
    assert keep(other, form | {"csrf_token": token}) == 404
    assert owner.draft().typed is None
    assert keep(owner, form | {"group": "nowhere"}) == 400
    for version in ("", "one", "-1", "9" * 40):
        assert keep(owner, form | {"version": version}) == 400
    assert keep(owner, form | {"csrf_token": "forged"}) == 400
    hostile = {"postal_address": "<script>\u202e\x00" + "好" * 50_000, "is_admin": "1", "data": "{}"}
    assert keep(owner, form, **hostile) == 200
    typed = owner.draft().typed
    assert typed is not None
    kept = typed["delivery"]
    assert set(kept) == {"receiver", "receiver_phone", "province", "city", "county", "postal_address"}
    assert len(kept["postal_address"]) <= 2000
    assert not set("\u202e\x00") & set(kept["postal_address"])
    answer = owner.browser.open(owner.path)
    assert "<script>\u202e" not in answer.text
    assert "<script>好" not in answer.text


# --- The login runs out -----------------------------------------------------------------------------------------------


def again(person: Resident, house: House) -> Browser:
    """The person's browser after logging in once more."""
    with person.app.app_context():
        opened = open_session("citizen", citizen=person.id, phone=person.phone)
        commit()
    browser = Browser(person.app, house.web_url)
    log_in(browser, opened.token)
    return browser


def test_a_page_sent_after_the_login_ran_out_comes_back_filled_in(
    house: House, resident: Callable[..., Resident]
) -> None:
    person, other = resident("韦小花"), resident("龙阿强")
    form = at_delivery(person)
    saved = person.draft().data
    person.browser.client.delete_cookie("h5_session", domain="127.0.0.1", path="/h5")
    answer = person.browser.submit("save", follow=False, **TYPED)
    assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (303, "/h5/login")
    assert keep(person, form, **TYPED) == 401
    assert person.browser.page.json["login"].startswith("/h5/enter?next=/h5/drafts/")
    assert person.draft().data == saved
    assert other.browser.open(person.path).status_code == 404
    browser = again(person, house)
    browser.open(person.path)
    assert "上次填到这里，还没有保存" in browser.words
    assert browser.form("save").inputs | TYPED == browser.form("save").inputs
    browser.submit("save", receiver_phone="13800138000")
    assert person.draft().data["delivery"]["postal_address"] == TYPED["postal_address"]


@pytest.mark.parametrize("mark", ["", "forged", "of another draft"])
def test_without_a_login_nothing_is_kept_for_a_draft_whose_page_was_not_shown(
    resident: Callable[..., Resident], mark: str
) -> None:
    person, other = resident("韦小花"), resident("龙阿强")
    at_delivery(person)
    other.begin(PERMIT)
    if mark == "of another draft":
        mark = other.browser.form("save").inputs["page"]
    person.browser.client.delete_cookie("h5_session", domain="127.0.0.1", path="/h5")
    answer = person.browser.submit("save", follow=False, page=mark, **TYPED)
    assert answer.status_code == 303
    assert person.draft().typed is None


# --- A new declaration ------------------------------------------------------------------------------------------------


class NewDeliverySchema(Schema):
    """Where the card is sent, as the next version asks: the village is new, the county gone, the address shorter."""

    receiver = NameField("收件人", hint="请填本人姓名，须本人签收", most=30, autocomplete="name")
    receiver_phone = PhoneField("收件人手机号码")
    province = TextField("省份", most=20, autocomplete="address-level1")
    city = TextField("城市", most=20, autocomplete="address-level2")
    village = TextField("村（社区）", most=20)
    postal_address = TextField("详细地址", hint="楼栋和房间号", most=40, autocomplete="street-address")
    when_home = ChoiceField("什么时候在家", (("day", "白天"), ("evening", "晚上")), required=False)


@pytest.fixture
def next_version(_application: Flask) -> Iterator[Callable[[], None]]:
    """Release the next version of the permit: another page for the delivery."""
    now = _application.extensions[EXTENSION]

    def release() -> None:
        groups = tuple(
            dataclasses.replace(group, schema=NewDeliverySchema()) if group.code == "delivery" else group
            for group in ITEM.groups
        )
        later = dataclasses.replace(ITEM, version=ITEM.version + 1, continues=(), groups=groups)
        others = [item for item in now.catalogue.items() if item.code != ITEM.code]
        catalogue = Catalogue([*EARLIER, ITEM, later, *others], packaged_calendar())
        _application.extensions[EXTENSION] = dataclasses.replace(now, catalogue=catalogue)

    yield release
    _application.extensions[EXTENSION] = now


def test_a_draft_goes_along_with_a_new_declaration_and_shows_what_changed(
    resident: Callable[..., Resident], next_version: Callable[[], None]
) -> None:
    waits, sent = resident("韦小花"), resident("龙阿强")
    old_case = sent.apply()
    waits.fill_permit()
    next_version()
    page = waits.browser
    version = waits.draft().version
    page.open(waits.path)
    for words in (
        "要求有更新",
        "新增：村（社区）、什么时候在家。",
        "要求有变化：详细地址。",
        "不再需要：区（县、市）。",
    ):
        assert words in page.words, words
    assert (waits.draft().version, waits.draft().item_version) == (version, ITEM.version), "looking changes nothing"
    assert page.form("save").inputs["receiver"] == "韦小花", "what is still asked keeps its answer"
    page.open(f"{waits.path}?step=check")
    assert "“证件寄到哪里”的要求有更新" in page.words
    assert "“申领理由”的要求有更新" not in page.words
    answer = page.submit("submit", commitment="yes")
    assert (answer.status_code, page.errors, waits.cases()) == (422, {"village"}, [])
    page.submit("save", village="金钟社区", when_home="evening")
    page.submit("submit", commitment="yes")
    (case,) = waits.cases()
    assert (case.item_version, case.data["delivery"]["village"]) == (ITEM.version + 1, "金钟社区")
    assert "county" not in case.data["delivery"]
    # A case stays on the declaration under which it was sent.
    sent.browser.open(f"/h5/cases/{old_case}")
    assert (sent.cases()[0].item_version, "区（县、市）" in sent.browser.words) == (ITEM.version, True)


def test_what_only_changed_its_words_is_looked_at_again_before_it_is_sent(resident: Callable[..., Resident]) -> None:
    person = resident()
    person.fill_permit()
    with person.app.app_context():
        shapes = db.session.get_one(Draft, person.draft().id).shapes
        shapes = {**(shapes or {}), "ground": {"ground": ["申领理由", "another fingerprint"]}}
        db.session.execute(update(Draft).values(shapes=shapes))
        commit()
    page = person.browser
    page.open(f"{person.path}?step=check")
    answer = page.submit("submit", commitment="yes")
    assert (answer.status_code, person.cases()) == (409, [])
    assert "要求有变化：申领理由。" in page.words
    page.submit("save", ground="employment")
    page.submit("submit", commitment="yes")
    assert len(person.cases()) == 1


# --- Reminding --------------------------------------------------------------------------------------------------------


def test_a_draft_that_waits_is_told_of_once_after_three_days_and_never_after_it_was_sent(
    resident: Callable[..., Resident],
) -> None:
    waits, busy, done = resident("韦小花"), resident("龙阿强"), resident("杨秀英")
    waits.begin(PERMIT)
    busy.begin(PERMIT)
    done.apply()
    told: list[tuple[Any, str, Any]] = []

    def receive(sender: Any, **given: Any) -> None:
        told.append((sender, given["item"].code, given["citizen"].id))
        assert isinstance(given["change"], Change)

    with draft_waits.connected_to(receive), waits.app.app_context():
        assert remind_of_drafts() == 0
        long_ago = clock.now() - timedelta(days=3)
        db.session.execute(update(Draft).where(Draft.citizen_id != busy.id).values(saved_at=long_ago))
        commit()
        # Two schedulers find the same draft at the same moment: one of them reminds.
        seen = drafts.due_reminders(clock.now())
        assert [draft.citizen_id for draft in seen] == [waits.id]
        assert remind_of_drafts() == 1
        with pytest.raises(MovedOn):
            drafts.remind(parts().catalogue, seen[0])
        rollback()
        assert remind_of_drafts() == 0
    assert set(told) == {(waits.draft().id, PERMIT, waits.id)}
    assert waits.draft().reminded_at is not None
    assert busy.draft().reminded_at is None
