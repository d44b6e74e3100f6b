"""Declarations: what is declared may be run, and a planted fault of every kind is refused with its place named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import workflows
from citizen_services.catalogue import (
    APPLICANT,
    SYSTEM,
    Bring,
    By,
    Catalogue,
    Door,
    Equals,
    Fee,
    InvalidDeclaration,
    Material,
    Param,
    Period,
    Presence,
    ServiceItem,
    Source,
    State,
    Step,
    Supplier,
)
from citizen_services.rules.periods import packaged_calendar
from citizen_services.rules.templates import ALIYUN, TENCENT
from notifications import booking_texts
from notifications.texts import OWN
from workflows import paying, reviewing

LAW = Source("居住证暂行条例", "第九条")
#: Declared alone, it continues nothing.
PERMIT = replace(next(item for item in workflows.declared() if item.code == "residence-permit-first"), continues=())


def catalogue(*items: ServiceItem) -> Catalogue:
    return Catalogue(items, packaged_calendar(), "奉化公安")


def with_step(action: str, **changes: Any) -> ServiceItem:
    """The permit with one step changed."""
    steps = tuple(replace(step, **changes) if step.action == action else step for step in PERMIT.steps)
    return replace(PERMIT, steps=steps)


def with_material(code: str, **changes: Any) -> ServiceItem:
    """The permit with one material changed."""
    materials = tuple(replace(one, **changes) if one.code == code else one for one in PERMIT.materials)
    return replace(PERMIT, materials=materials)


def with_notice(**changes: Any) -> ServiceItem:
    """The permit with the notice of its acceptance changed."""
    notice = next(step.tell for step in PERMIT.steps if step.action == "accept")
    assert notice is not None
    return with_step("accept", tell=replace(notice, **changes))


CARD = Param("card", 2_000, (0, 10_000), LAW, "证件工本费")
FEE = Fee("居住证工本费", (CARD,))
ASKING = paying.steps(reviewing.CLERK)


def charged(*amounts: Param | None, steps: tuple[str, ...] = ()) -> ServiceItem:
    """The permit with a fee of these amounts, without these steps from where it is waited for."""
    fee = replace(FEE, amounts=tuple(one for one in amounts if one)) if amounts else FEE
    item = paying.charged(PERMIT, fee, version=9, by=reviewing.CLERK)
    left = tuple(step for step in item.steps if step.start != "paying" or step.action not in steps)
    return replace(item, steps=left)


def test_a_fee_is_asked_for_between_check_and_acceptance() -> None:
    assert [item.fee for item in catalogue(charged()).items()] == [FEE]


def _bring() -> Bring:
    found = next(step.bring for step in PERMIT.steps if step.action == "note_choice")
    assert found is not None
    return found


def with_bring(**changes: Any) -> ServiceItem:
    """The permit with what to bring changed."""
    return with_step("note_choice", bring=replace(_bring(), **changes))


def accept_notice() -> Any:
    """The notice of the permit's acceptance."""
    return next(step.tell for step in PERMIT.steps if step.action == "accept")


PLANTED: dict[str, tuple[Any, str]] = {
    "unreachable state": (
        lambda: replace(PERMIT, states=(*PERMIT.states, State("attic", "阁楼", "", final=True))),
        "state attic can't be reached",
    ),
    "dead end": (
        lambda: replace(
            PERMIT,
            states=(*PERMIT.states, State("pit", "坑", "", desk="own")),
            steps=(*PERMIT.steps, Step("submitted", "fall", "pit", By.staff("clerk"), "跌", "跌")),
        ),
        "state pit is a dead end",
    ),
    "transition without a role": (
        lambda: with_step("approve", by=By("staff")),
        "step approve from accepted names no role",
    ),
    "a door over its visit budget": (
        lambda: with_step("accept", presence=Presence("现场核验", LAW, frozenset({"online"}))),
        "door online may need 1 visits, over its budget of 0",
    ),
    "promise longer than the statutory period": (
        lambda: replace(PERMIT, clocks=replace(PERMIT.clocks, promised=Period(10, "working"))),
        "the promise of 10个工作日 can last longer than the statutory 15日",
    ),
    "unknown placeholder": (
        lambda: with_notice(text="{nobody_knows}"),
        "notice accepted: text: unknown placeholder nobody_knows",
    ),
    "a word that the gateways refuse": (
        lambda: with_notice(text="年检到期"),
        "notice accepted: text: 短信平台不收“年检”，请写“检验有效期”。",
    ),
    "text longer than WeChat allows": (
        lambda: with_notice(wechat={**accept_notice().wechat, "thing5": "承" * 21}),
        "notice accepted: thing5: up to 21 characters, WeChat takes 20",
    ),
    "text longer than the SMS gateway allows": (
        lambda: with_notice(sms={**accept_notice().sms, "number": "{number}{item}"}),
        "notice accepted: number: up to 40 characters, the SMS gateway takes 35",
    ),
    "a trip without a word of what to bring": (
        lambda: with_step("approve", presence=Presence("现场核验", LAW, frozenset({"counter"}))),
        "step approve from accepted wants the person to come, but nothing says what to bring",
    ),
    "what to bring in more than one variable": (
        lambda: with_bring(also=replace(_bring().also, text=_bring().also.text + "编号{number}。")),
        "SMS template bring_residence_permit_first_also has other variables than also",
    ),
    "a thing that the template leaves out": (
        lambda: with_bring(usual=("居住证原件",)),
        "step note_choice from returned: SMS template bring_residence_permit_first_also does not say 居住证原件",
    ),
    "an empty list of what to bring": (lambda: with_bring(usual=()), "the list of what to bring is empty"),
    "what to bring that nobody needs to know": (
        lambda: with_bring(notice=replace(_bring().notice, must_be_known=False)),
        "what to bring must be known",
    ),
    "what to bring without the list on the page": (
        lambda: with_bring(notice=replace(_bring().notice, text="请来。")),
        "the text of what to bring has no {bring}",
    ),
    "年检 in a list of what to bring": (
        lambda: with_bring(many=replace(_bring().many, text="年检请带{things}样东西。")),
        "SMS template bring_residence_permit_first_many: 短信平台不收“年检”，请写“检验有效期”。",
    ),
    "a word that one gateway refuses": (
        lambda: with_notice(
            sms_template=replace(accept_notice().sms_template, text="代办证件：{item}，{number}，{due}。")
        ),
        "SMS template case_accepted: 短信平台（sms_aliyun）不收“代办证件”，请换一种说法。",
    ),
    "SMS with a link": (
        lambda: with_notice(
            sms_template=replace(accept_notice().sms_template, text="见 www.example.com，{item}，{number}，{due}。")
        ),
        "notice accepted: SMS template case_accepted",
    ),
    "unused material": (
        lambda: replace(PERMIT, materials=(*PERMIT.materials, Material("oath", "宣誓书", LAW))),
        "material oath is unused",
    ),
    "material shown nowhere": (
        lambda: replace(PERMIT, groups=tuple(g for g in PERMIT.groups if g.code != "portrait")),
        "material portrait is unused",
    ),
    "kinds of what nobody can bring": (
        lambda: with_material("portrait", kinds=(("small", "一寸照片"),)),
        "material portrait names kinds of paper, but nobody can bring it",
    ),
    "an excuse by what is not asked": (
        lambda: replace(
            PERMIT,
            pre_checks=tuple(
                replace(one, excuse=("exemption", "why")) if one.excuse else one for one in PERMIT.pre_checks
            ),
        ),
        "pre-check half_year is excused by the undeclared exemption.why",
    ),
    "a paper in place of another that nobody can bring": (
        lambda: with_material("employment_proof", upload=False, suppliers=(Supplier("population", "person"),)),
        "material employment_proof stands in for employment, but nobody can bring it",
    ),
    "a paper in place of what no register supplies": (
        lambda: with_material("employment_proof", unless_confirmed="residence_proof"),
        "material employment_proof stands in for residence_proof, which no register supplies",
    ),
    "a paper in place of what nobody confirms": (
        lambda: with_material("residence_proof", unless_confirmed="identity"),
        "material residence_proof stands in for identity, which no group lets anybody confirm",
    ),
    "a paper in place of what is needed otherwise": (
        lambda: with_material("study_proof", unless_confirmed="employment"),
        "material study_proof stands in for employment, but is needed under another condition",
    ),
    "duplicate field": (
        lambda: replace(PERMIT, groups=(*PERMIT.groups, replace(PERMIT.group("ground"), code="again"))),
        "field ground stands in two groups",
    ),
    "duplicate step": (
        lambda: replace(PERMIT, steps=(*PERMIT.steps, PERMIT.steps[1])),
        "step claim from submitted is declared twice",
    ),
    "a question that depends on a later one": (
        lambda: replace(
            PERMIT,
            groups=tuple(
                replace(g, when=Equals("delivery", "city", "宁波市")) if g.code == "ground" else g
                for g in PERMIT.groups
            ),
        ),
        "group ground depends on delivery.city, which is not asked before it",
    ),
    "staff act where the case lies on nobody's desk": (
        lambda: replace(
            PERMIT, states=tuple(replace(s, desk=None) if s.code == "accepted" else s for s in PERMIT.states)
        ),
        "state accepted lies on nobody's desk",
    ),
    "an automatic step that is not the system's": (
        lambda: with_step("withdraw", automatic=True),
        "step withdraw from submitted is automatic but not the system's",
    ),
    "leaving a final state": (
        lambda: replace(PERMIT, steps=(*PERMIT.steps, Step("completed", "wake", "posted", SYSTEM, "", ""))),
        "step wake leaves the final state completed",
    ),
    "two beginnings": (
        lambda: replace(PERMIT, steps=(*PERMIT.steps, Step(None, "sneak", "submitted", APPLICANT, "", ""))),
        "exactly one step, submit, begins from nothing",
    ),
    "a fee that is a bare number": (
        lambda: replace(PERMIT, fee=2_000),  # type: ignore[arg-type]
        "a fee of 2000 is no tariff",
    ),
    "a fee that nobody asks for": (
        lambda: replace(PERMIT, fee=FEE),
        "fee: no step asks for it",
    ),
    "acceptance that does not wait for the fee": (
        lambda: replace(PERMIT, fee=FEE, states=(*PERMIT.states, paying.STATE), steps=(*PERMIT.steps, *ASKING)),
        "fee: accept from submitted does not wait for the payment",
    ),
    "a fee that is asked for and can't be paid": (
        lambda: charged(steps=("fee_paid",)),
        "fee: asked for, nothing follows by fee_paid from paying",
    ),
    "a fee that is waited for without end": (
        lambda: charged(steps=("lapse",)),
        "fee: asked for, nothing follows by lapse from paying",
    ),
    "a fee of an item that is free": (
        lambda: replace(charged(), fee=0),
        "step ask_fee from submitted asks for a fee, but the item is free",
    ),
    "an amount outside its bounds": (
        lambda: charged(Param("card", 2_000, (0, 1_000), LAW, "工本费")),
        "fee: amount card of 2000 fen lies outside its bounds",
    ),
    "an amount below nothing": (
        lambda: charged(Param("card", -1, (-1, 1_000), LAW, "工本费")),
        "fee: amount card of -1 fen lies outside its bounds",
    ),
    "an amount in yuan and a half": (
        lambda: charged(Param("card", 0.5, (0, 1_000), LAW, "工本费")),
        "fee: amount card is not in whole fen",
    ),
    "an amount that nobody can read": (
        lambda: charged(Param("card", 2_000, (0, 10_000), LAW)),
        "fee: amount card has no proper code and label",
    ),
    "an amount declared twice": (
        lambda: charged(CARD, CARD),
        "fee: amount card is declared twice",
    ),
    "a tariff without amounts": (
        lambda: charged(None),
        "fee: the tariff has no amounts",
    ),
    "a fee that is kept where the item does not end": (
        lambda: replace(charged(), fee=replace(FEE, kept=frozenset({"approved"}))),
        "fee: the item does not end in the state approved",
    ),
    "duplicate door": (
        lambda: replace(PERMIT, doors=(*PERMIT.doors, Door("online", 0))),
        "door online is declared twice",
    ),
    "no words for the chat": (
        lambda: replace(PERMIT, guide=replace(PERMIT.guide, words=())),
        "no words by which people ask for it",
    ),
    "an empty word for the chat": (
        lambda: replace(PERMIT, guide=replace(PERMIT.guide, words=("居住证|",))),
        "has an empty word",
    ),
    "statutory period without a source": (
        lambda: replace(PERMIT, clocks=replace(PERMIT.clocks, statutory_source=None)),
        "the statutory period names no source",
    ),
}  # fmt: skip


def test_everything_declared_may_be_run() -> None:
    assert [item.code for item in catalogue(*workflows.declared()).items()] == [
        "residence-registration",
        "residence-permit-first",
        "residence-permit-endorse",
        "residence-permit-replace",
        "residence-permit-renew",
        "residence-permit-change",
        "licence-renew",
        "licence-replace-damaged",
        "licence-replace-lost",
        "licence-transfer-in",
        "licence-change",
        "licence-medical",
        "licence-postpone",
        "vehicle-plate-replace",
        "vehicle-licence-replace",
        "vehicle-mark-replace",
        "vehicle-mark-exempt",
        "vehicle-contact",
    ]


@pytest.mark.parametrize("fault", PLANTED)
def test_a_declaration_with_a_planted_fault_is_refused_and_the_place_named(fault: str) -> None:
    make, words = PLANTED[fault]
    with pytest.raises(InvalidDeclaration) as caught:
        catalogue(make())
    assert any(words in found and found.startswith("residence-permit-first: ") for found in caught.value.faults), (
        caught.value.faults
    )


def test_a_declaration_is_held_against_every_gateway_that_is_configured() -> None:
    starred = with_notice(sms_template=replace(accept_notice().sms_template, text="★{item}★{number}★{due}★"))
    assert Catalogue([starred], packaged_calendar(), "奉化公安"), "Aliyun alone takes it"
    # As long as an account of Tencent's lets variables be, where ours do fit.
    roomy = replace(TENCENT, variable=35)
    assert Catalogue(workflows.declared(), packaged_calendar(), "奉化公安", [ALIYUN, roomy])
    with pytest.raises(InvalidDeclaration) as caught:
        Catalogue([starred], packaged_calendar(), "奉化公安", [ALIYUN, roomy])
    assert any("case_accepted" in fault and "(sms_tencent)" in fault for fault in caught.value.faults)
    with pytest.raises(InvalidDeclaration, match=r"the SMS gateway takes 6 \(sms_tencent\)"):
        Catalogue([PERMIT], packaged_calendar(), "奉化公安", [ALIYUN, TENCENT])


def test_notices_that_no_service_declares_are_held_against_them_too() -> None:
    roomy = replace(TENCENT, variable=35)
    house = Catalogue(workflows.declared(), packaged_calendar(), "奉化公安", [ALIYUN, roomy])
    house.hold_against_gateways((*OWN, *booking_texts.notices(house)))
    own = OWN[0]
    for planted, words in (
        (replace(own, sms_template=replace(own.sms_template, text=f"★{own.sms_template.text}")), "(sms_tencent)"),
        (replace(own, text="年检提醒"), "检验有效期"),
        (replace(own, sms={**own.sms, "other": "{item}"}), "don't fit the variables"),
    ):
        with pytest.raises(InvalidDeclaration) as caught:
            house.hold_against_gateways((*OWN, planted))
        assert any(f"notice {own.code}" in fault and words in fault for fault in caught.value.faults), words


def test_two_items_of_one_code_are_refused() -> None:
    with pytest.raises(InvalidDeclaration, match=f"version {PERMIT.version} is declared twice"):
        catalogue(PERMIT, PERMIT)


def test_two_items_may_not_share_a_number_prefix() -> None:
    with pytest.raises(InvalidDeclaration, match="number prefix JZ belongs to"):
        catalogue(PERMIT, replace(PERMIT, code="residence-permit-other"))
