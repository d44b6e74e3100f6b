"""A household registers in one go: one form and one key, a case for each, and nobody without their own leave."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from citizen_services import clock
from citizen_services.cases.audit import verify
from citizen_services.cases.household_models import Household, HouseholdMember
from citizen_services.cases.models import Case, CaseEvent
from citizen_services.database import commit, db
from citizen_services.filling import households as registering
from citizen_services.parts import parts
from citizen_services.people.models import Citizen, Consent
from citizen_services.people.signals import code_wanted
from citizen_services.registers.models import ResidenceRegistration
from notifications.models import Notice
from tests.console.conftest import Desk, desk
from tests.factories import new_number
from tests.house import House
from tests.pages_kit import check_page, pages_browser, serving
from tests.portal.conftest import ADDRESS, Resident
from tests.portal.test_rules import together

__all__ = ["desk"]
Make = Callable[..., Resident]
ITEM = "residence-registration"


@pytest.fixture
def codes() -> Iterator[list[str]]:
    """The codes that phones receive, newest last."""
    received: list[str] = []

    def take(purpose: str, *, code: str, **_: Any) -> None:
        received.append(code)

    code_wanted.connect(take, weak=False)
    yield received
    code_wanted.disconnect(take)


@pytest.fixture
def child(outside: House) -> Callable[..., str]:
    """A maker of children whom the population register knows, with their guardians; their identity numbers."""
    rng = random.Random(77)

    def make(name: str, *guardians: Resident) -> str:
        number = new_number(rng, "522601", date(2018, 5, 1), male=True)
        about = {"name": name, "phone": "", "hukou_code": "522601", "hukou_address": "贵州省凯里市三棵树镇"}
        outside.control("PUT", f"people/{number}", about | {"guardians": [one.id_number for one in guardians]})
        return number

    return make


def give(principal: Resident, agent: Resident, codes: list[str]) -> None:
    """The principal lets the agent register them, for a month."""
    with principal.app.app_context():
        until = clock.today() + timedelta(days=30)
    principal.browser.open("/h5/agents")
    form: dict[str, Any] = {"name": agent.name, "id_number": agent.id_number, "which": [ITEM]}
    principal.browser.submit("authorise", **form, until=until.isoformat(), agree="yes")
    principal.browser.submit("give", code=codes[-1])
    assert "委托已经生效" in principal.browser.words


def ready(head: Resident, **more: str) -> str:
    """The head fills in their own registration up to the check page; the address of the household's page."""
    path = head.begin(ITEM)
    head.browser.submit("save", address_code=ADDRESS, residence_kind="own_home", room="", **more)
    head.browser.submit("save", ownership="own")
    assert head.browser.actions[0] == "submit", head.browser.words
    assert "和家人一起登记" in head.browser.words
    return f"{path}/household"


def member(at: int, relation: str, name: str, number: str) -> dict[str, str]:
    """One row of the page."""
    return {f"relation_{at}": relation, f"name_{at}": name, f"id_number_{at}": number}


def seen(head: Resident) -> dict[str, HouseholdMember]:
    """The members of the head's household by name, as the database has them."""
    with head.app.app_context():
        query = select(HouseholdMember).join(Household).where(Household.head_id == head.id)
        return {one.name: one for one in db.session.scalars(query)}


def case_of(head: Resident, one: HouseholdMember) -> Case:
    """A member's case."""
    with head.app.app_context():
        return db.session.scalars(select(Case).where(Case.id == one.case_id)).one()


def test_a_household_registers_by_one_form_and_one_person_s_trouble_holds_nobody(
    resident: Make, child: Callable[..., str], codes: list[str], outside: House
) -> None:
    head, spouse, mother = resident("韦大山", months=0), resident("龙小梅", months=0), resident("韦老太", months=0)
    own, foreign = child("韦小宝", head), child("陌生儿", spouse)
    give(mother, head, codes)
    # What is not filled in of the head's own comes first.
    path = head.begin(ITEM)
    head.browser.open(f"{path}/household")
    assert head.browser.actions[0] == "save"
    page = ready(head)
    head.browser.open(page)
    assert "韦**" in head.browser.words or "韦*" in head.browser.words
    form = head.browser.form("household")
    sent: dict[str, Any] = {
        **form.inputs,
        **member(1, "spouse", "龙小梅", spouse.id_number),
        **member(2, "child", "韦小宝", own),
        **member(3, "child", "陌生儿", foreign),
        "member": [str(mother.id)],
    }
    # Without the commitment and the guardian's consent nothing is kept, and no register is asked.
    head.browser.open(page, "POST", data=sent)
    assert (head.browser.page.status_code, head.browser.errors) == (422, {"commitment", "consent_guardian"})
    with head.app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Household)) == 0
    sent |= {"commitment": "yes", "consent_guardian": "yes"}
    head.browser.open(page, "POST", data=sent)
    assert head.browser.page.status_code == 200, head.browser.words
    members = seen(head)
    done = {name: case_of(head, members[name]) for name in ("韦大山", "韦小宝", "韦老太")}
    for name, case in done.items():
        assert case.number in head.browser.words, name
        assert case.state == "completed"
    assert "没有显示您是这个孩子的监护人" in head.browser.words
    assert members["陌生儿"].case_id is None
    assert (members["龙小梅"].state, members["龙小梅"].citizen_id) == ("invited", None)
    assert spouse.cases() == []
    # Each case is its own, said in the words of whom it is; both identities are kept.
    with head.app.app_context():
        kept = {
            case.id: db.session.scalars(select(CaseEvent).where(CaseEvent.case_id == case.id, CaseEvent.seq == 1)).one()
            for case in done.values()
        }
        roles = {name: kept[case.id].actor_role for name, case in done.items()}
        assert roles == {"韦大山": None, "韦小宝": "guardian", "韦老太": "agent"}
        assert {event.actor_id for event in kept.values()} == {head.id}
        assert done["韦大山"].data["own_home"]["ownership"] == "own"
        assert done["韦小宝"].data["own_home"]["ownership"] == "family"
        assert db.session.scalar(select(func.count()).select_from(ResidenceRegistration)) == 3
        boy = db.session.get_one(Citizen, done["韦小宝"].citizen_id)
        assert (boy.name, boy.id_number, boy.proved_by, boy.phone) == ("韦小宝", own, "guardian", head.phone)
        agreed = db.session.scalars(select(Consent).where(Consent.citizen_id == boy.id, Consent.purpose == "guardian"))
        assert [one.by_id for one in agreed] == [head.id]
        assert verify(parts().catalogue)["ok"]
    # The same form again, and twice more, leads to the same cases.
    for _ in range(3):
        assert head.browser.open(page, "POST", data=sent).status_code == 200
    assert {name: one.case_id for name, one in seen(head).items()} == {
        name: one.case_id for name, one in members.items()
    }
    with head.app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Case)) == 3
    # Sent with other content the key yields nothing, and in another's hands neither.
    other = head.browser.open(page, "POST", data={**sent, "name_1": "别人"})
    assert other.status_code == 422
    assert spouse.browser.open(page, "POST", data=sent).status_code in (400, 404)
    # The register shows the guardian now: once more, for that child alone.
    about = {"name": "陌生儿", "phone": "", "hukou_code": "522601", "hukou_address": "贵州省凯里市三棵树镇"}
    outside.control("PUT", f"people/{foreign}", about | {"guardians": [head.id_number]})
    result = head.browser.at
    head.browser.open(result)
    head.browser.submit("again")
    assert seen(head)["陌生儿"].case_id is not None
    with head.app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Case)) == 4
    # The spouse confirms in their own account, and nobody else sees or answers that invitation.
    invited = f"/h5/households/invitations/{members['龙小梅'].id}"
    for stranger in (head, mother):
        assert stranger.browser.open(invited).status_code == 404
        assert "请您确认" not in stranger.browser.open("/h5/").text
    for stranger in (mother, spouse):
        assert stranger.browser.open(result).status_code == 404
    spouse.browser.open("/h5/")
    assert "有家人请您确认一起登记" in spouse.browser.words
    spouse.browser.open(invited)
    assert "家人的" in spouse.browser.words
    assert head.id_number not in spouse.browser.page.text
    assert "韦小宝" not in spouse.browser.page.text
    spouse.browser.submit("confirm")
    assert (spouse.browser.page.status_code, spouse.browser.errors) == (422, {"commitment"})
    spouse.browser.submit("confirm", commitment="yes")
    assert [case.state for case in spouse.cases()] == ["completed"]
    number = spouse.cases()[0].number
    assert spouse.browser.open(f"/h5/cases/{done['韦大山'].id}").status_code == 404
    head.browser.open(result)
    assert number in head.browser.words
    assert head.browser.open(f"/h5/cases/{spouse.cases()[0].id}").status_code == 404, "their case is their own"


def test_what_others_have_begun_stays_theirs_and_each_trouble_is_said_where_it_is(
    resident: Make, codes: list[str]
) -> None:
    head, mother, uncle, neighbour = (resident(name, months=0) for name in ("韦大山", "韦老太", "韦大伯", "陆本地"))
    for one in (mother, uncle, neighbour):
        give(one, head, codes)
    # The mother has begun her own, the uncle's is under way, the neighbour is registered in this city.
    mine = mother.begin(ITEM)
    mother.browser.submit("save", address_code=ADDRESS, residence_kind="rented", room="2楼")
    uncle.begin(ITEM)
    uncle.browser.submit("save", address_code="typed", residence_kind="rented", room="")
    uncle.browser.submit("save", station="330213001000", community="上宋村", typed_address="上宋村机耕路桥头北侧")
    uncle.browser.submit("save", landlord_name="宋阿根", landlord_phone="")
    uncle.browser.submit("submit", commitment="yes")
    with head.app.app_context():
        db.session.execute(update(Citizen).where(Citizen.id == neighbour.id).values(hukou_code="330203"))
        commit()
    page = ready(head)
    head.browser.open(page)
    chosen = [str(one.id) for one in (mother, uncle, neighbour)]
    head.browser.submit("household", member=chosen, commitment="yes")
    words = head.browser.words
    assert "对方自己有一份没有提交的申请" in words
    assert "已有一件同样的申请正在办理" in words
    assert "户籍在本市市区" in words
    assert len(head.cases()) == 1, "the head's own stands, whatever becomes of the others"
    assert (mother.draft().data["address"]["room"], mother.cases()) == ("2楼", [])
    assert f"/h5/drafts/{mine.rpartition('/')[2]}" not in head.browser.page.text
    # Whoever took the authorisation back is registered by nobody, though the page was open.
    mother.browser.open(mine)
    mother.browser.submit("discard")
    result = head.browser.at
    head.browser.open(result)
    again = head.browser.form("again")
    mother.browser.open("/h5/agents")
    mother.browser.submit("revoke")
    head.browser.open(result, "POST", data=again.inputs)
    assert mother.cases() == []
    # Nobody names whom they may not act for.
    other = resident("石大海", months=0)
    page = ready(other)
    other.browser.open(page)
    other.browser.submit("household", member=[str(uncle.id)], commitment="yes")
    assert other.browser.page.status_code == 404
    assert other.cases() == []


def test_four_sendings_at_once_and_one_cut_off_give_each_member_one_case(
    resident: Make, child: Callable[..., str], house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = resident("韦大山", months=0)
    page = ready(head)
    head.browser.open(page)
    sent: dict[str, Any] = {**head.browser.form("household").inputs, "commitment": "yes", "consent_guardian": "yes"}
    for at in (1, 2):
        name = f"韦小{'宝贝'[at - 1]}"
        sent |= member(at, "child", name, child(name, head))
    # Cut off after the first member: the form sent again goes on from there.
    whole = registering.one

    def dies(household: Any, item: Any, member_id: Any, visitor: Any, place_of: Any) -> None:
        monkeypatch.setattr(registering, "one", _cut)
        whole(household, item, member_id, visitor, place_of)

    monkeypatch.setattr(registering, "one", dies)
    with pytest.raises(ConnectionAbortedError):
        head.browser.open(page, "POST", data=sent)
    monkeypatch.setattr(registering, "one", whole)
    assert [one.case_id is not None for one in sorted(seen(head).values(), key=lambda one: one.place)] == [
        True, False, False,
    ]  # fmt: skip
    answers = together(house, head, page, sent, times=4)
    assert len(set(answers)) == 1
    with head.app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Household)) == 1
        assert db.session.scalar(select(func.count()).select_from(Case)) == 3
        assert db.session.scalar(select(func.count()).select_from(ResidenceRegistration)) == 3
        assert db.session.scalar(select(func.count()).select_from(Citizen)) == 3
    assert all(one.case_id is not None for one in seen(head).values())


def _cut(*_: Any) -> None:
    raise ConnectionAbortedError


def test_an_invitation_ends_by_its_day_by_a_no_and_is_for_that_name_and_number_alone(resident: Make) -> None:
    head, spouse, namesake = (resident(name, months=0) for name in ("韦大山", "龙小梅", "龙小兰"))
    page = ready(head)
    head.browser.open(page)
    wrong = member(1, "spouse", "龙小梅", head.id_number)
    head.browser.submit("household", **wrong, commitment="yes")
    assert head.browser.errors == {"id_number_1"}
    head.browser.submit("household", **member(1, "", "龙小梅", "123"), commitment="yes")
    assert head.browser.errors == {"id_number_1", "relation_1"}
    head.browser.submit("household", **member(1, "", "", ""), commitment="yes")
    assert head.browser.errors == {"member"}
    # A wrong name with a right number reaches nobody, and the head is not told which it was.
    two = member(1, "spouse", "龙小梅", spouse.id_number) | member(2, "other", "龙大兰", namesake.id_number)
    head.browser.submit("household", **two, commitment="yes")
    assert head.browser.words.count("请对方登录自己的账号，在首页确认") == 2
    assert "请您确认" not in namesake.browser.open("/h5/").text
    assert namesake.browser.open(f"/h5/households/invitations/{seen(head)['龙大兰'].id}").status_code == 404
    with head.app.app_context():
        told = db.session.scalars(select(Notice).where(Notice.kind == "household_invited")).all()
        assert [(notice.about, notice.citizen_id) for notice in told] == [(seen(head)["龙小梅"].id, spouse.id)]
    invited = f"/h5/households/invitations/{seen(head)['龙小梅'].id}"
    spouse.browser.open(invited)
    confirm = spouse.browser.form("confirm")
    with head.app.app_context():
        yesterday = clock.today() - timedelta(days=1)
        db.session.execute(
            update(HouseholdMember).where(HouseholdMember.until_day.is_not(None)).values(until_day=yesterday)
        )
        commit()
    late = spouse.browser.open(invited, "POST", data=confirm.inputs | {"commitment": "yes"})
    assert (late.status_code, spouse.cases()) == (404, [])
    head.browser.open(head.browser.at)
    assert "邀请已过期" in head.browser.words
    with head.app.app_context():
        db.session.execute(
            update(HouseholdMember).where(HouseholdMember.until_day.is_not(None)).values(until_day=clock.today())
        )
        commit()
    spouse.browser.open(invited)
    spouse.browser.submit("decline")
    assert "没有替您登记" in spouse.browser.words
    assert spouse.browser.open(invited).status_code == 404
    assert spouse.cases() == []


def test_the_station_sees_one_household_and_each_case_for_itself(
    resident: Make, child: Callable[..., str], desk: Callable[[str], Desk]
) -> None:
    head = resident("韦大山", months=0)
    page = ready(head)
    boy = child("韦小宝", head)
    with serving(head.app) as site, pages_browser() as pages:
        phone = pages.phone(width=375, base_url=site)
        phone.context.add_cookies([{"name": "h5_session", "value": head.token, "url": f"{site}/h5"}])
        phone.goto(page)
        check_page(phone, "household-1-form")
        phone.select_option("[name=relation_1]", "child")
        phone.fill("[name=name_1]", "韦小宝")
        phone.fill("[name=id_number_1]", boy)
        phone.get_by_role("button", name="一起提交").click()
        phone.get_by_text("须您以监护人身份同意").first.wait_for()
        check_page(phone, "household-2-wrong")
        phone.check("[name=consent_guardian]")
        phone.check("[name=commitment]")
        phone.get_by_role("button", name="一起提交").click()
        phone.get_by_text("各自的进度互不影响").wait_for()
        check_page(phone, "household-3-done")
        one, other = (case_of(head, seen(head)[name]) for name in ("韦大山", "韦小宝"))
        clerk = desk("yl-clerk")
        clerk.open(f"/console/cases/{one.id}")
        # It is in nobody's hands: the registers have confirmed it.
        clerk.submit("reason", why="supervision", reason="")
        assert "同户登记（2 人）" in clerk.words
        assert other.number in clerk.words
        assert "韦小宝" not in clerk.page.text
        officer = pages.desktop(width=1280, base_url=site)
        token = clerk.cookie("console_session", "/console")
        officer.context.add_cookies([{"name": "console_session", "value": token or "", "url": f"{site}/console"}])
        officer.goto(f"/console/cases/{other.id}")
        officer.select_option("[name=why]", "handover")
        check_page(officer, "case-reason")
        officer.get_by_role("button", name="查看", exact=True).click()
        officer.get_by_text("同户登记（2 人）").wait_for()
        check_page(officer, "household-4-console")
    # Elsewhere neither is seen.
    assert desk("jp-clerk").open(f"/console/cases/{one.id}").status_code == 404
