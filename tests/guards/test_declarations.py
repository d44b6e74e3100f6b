"""Declarations: drawn into docs/services as they are, and every notice of theirs can be sent on every channel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import workflows
from citizen_services import demo
from citizen_services.catalogue import Catalogue, Notice, ServiceItem, SmsTemplate
from citizen_services.catalogue.vocabulary import PLACEHOLDERS
from citizen_services.rules import templates
from citizen_services.rules.errors import RuleError
from citizen_services.rules.periods import packaged_calendar
from citizen_services.rules.text import utf16_length
from citizen_services.words import CASE_STATES
from notifications import refund_texts
from notifications.texts import CODES, OWN, STAFF_DIGEST, templates_of
from tests.guards.write_graphs import FOLDER, drawn

SIGNATURE = "奉化公安"
PERMIT = next(item for item in workflows.declared() if item.code == "residence-permit-first")

#: The longest value that each placeholder can have, in the form in which the engine gives it.
LONGEST: Mapping[str, str] = {
    "number": "JZ20261231-999999",
    "at": "2026年12月31日 23:59",
    "due": "12月31日",
    "tracking": "1119044791429",
    "office": "宁波市公安局奉化分局溪口派出所",
    "visits": "99",
    "until": "12月31日",
    "amount": "10000.50元",
    "pay_until": "12月31日",
    "kind": "更正",
    "valid_until": "2027年12月31日",
    "ended_on": "2027年12月31日",
    "why_ended": "已在别处领取新的居住证",
    "count": "99",
    "way": "本人到行政服务中心领取",
    "document": "旧机动车登记证书",
    "law": "《居住证暂行条例》第二条、《浙江省流动人口居住登记条例》第二条",
    "remedies": "",
    "who": "代办人欧阳**",
    "org": "奉化区宏达精密机械制造有限公司",
    "act": "已提交申请",
    "bring": "；".join(f"{n}. 居民身份证原件，没有的带临时居民身份证或户口簿" for n in range(1, 11)),
    "also": "监" * 35,
    "things": "99",
    "decision": "查" * 300,
    "watched": "驾驶人身体条件证明",
    "serial": "33021320261125000001",
    "platform_reason": "经" * 100,
    "platform_officer": "欧阳建国",
    "order_number": "JF20261231-00999999",
    "refund_way": max((*refund_texts.WAYS.values(), *refund_texts.CAME.values()), key=len),
    "refund_reason": "经" * 80,
}
#: Values that the engine gives at every step; `due` once the result's clock runs, others where an effect gives them.
_ALWAYS = {"number", "item", "state", "at", "office", "visits"}


# --- the pages ----------------------------------------------------------------------------------------------------


def stale(folder: Path, pages: Mapping[str, str]) -> list[str]:
    """Pages of a folder that don't say what the declarations say."""
    kept = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.md")}
    return sorted(name for name in kept.keys() | pages.keys() if kept.get(name) != pages.get(name))


def test_every_declaration_is_drawn_as_it_is() -> None:
    assert len(Catalogue(workflows.declared(), packaged_calendar(), SIGNATURE).items()) == len(drawn())
    assert not stale(FOLDER, drawn()), "draw them anew with `python -m tests.guards.write_graphs`"


def test_a_page_shows_states_steps_with_who_materials_clocks_visits_and_notices() -> None:
    text = drawn()["residence-permit-first.md"]
    for sign in (
        'state "待受理 (submitted)" as submitted',
        "[*] --> submitted: 确认提交 submit (applicant)",
        "accepted --> approved: 批准 approve (approver (officer), not who did accept)",
        "completed --> [*]",
        "| visits, online | at most 0 |",
        "| `employment` | 就业证明 | 《居住证暂行条例》第九条 | "
        "social_insurance.employment else market.business | "
        "ground.ground is employment |",
        "| statutory result | 15日 | 《居住证暂行条例》第九条 |",
        "`case_accepted`: 您申请的{item}已受理",
    ):
        assert sign in text, sign


def test_a_planted_change_of_a_declaration_a_missing_and_a_left_over_page_are_seen(tmp_path: Path) -> None:
    for name, text in drawn().items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert stale(tmp_path, drawn()) == []
    (tmp_path / "gone.md").write_text("# 已取消")
    (tmp_path / "residence-registration.md").unlink()
    page = tmp_path / "residence-permit-first.md"
    page.write_text(page.read_text(encoding="utf-8").replace("| 15日 |", "| 16日 |"), encoding="utf-8")
    assert stale(tmp_path, drawn()) == ["gone.md", "residence-permit-first.md", "residence-registration.md"]


# --- what is sent -------------------------------------------------------------------------------------------------


def faults_of(item: ServiceItem) -> list[str]:
    """Notices that can't be sent as they are with the longest values there are, and documents that can't be filled."""
    faults = []
    documents = {f"issue_{document.kind}": document for document in item.documents}
    for step in item.steps:
        given = set(_ALWAYS)
        if "result" in (item.state(step.end).clock, step.start and item.state(step.start).clock):
            given.add("due")
        found = []
        for effect in step.then:
            given |= set(effect.gives)
            # Issued by the effect itself, so only with what those before it gave.
            paragraphs = documents[effect.name].paragraphs if effect.name in documents else ()
            missing = {n for text in paragraphs for n in templates.placeholders(text)} - given - {"name", "issuer"}
            found += [f"{effect.name}: nothing gives {name}" for name in sorted(missing)]
        if step.bring is not None:
            given |= {"bring", "also", "things"}
        for notice in step.tells:
            known = {**LONGEST, "item": item.name, "state": item.state(step.end).word}
            found += unsendable(notice, {name: value for name, value in known.items() if name in given})
        faults += [f"{step.action} from {step.start}: {fault}" for fault in found]
    return faults


def unsendable(notice: Notice, values: Mapping[str, str]) -> list[str]:
    """What a channel would refuse or cut of a notice with these values."""
    faults = []
    try:
        filled = {key: templates.fill(text, values) for key, text in notice.wechat.items()}
        variables = {name: templates.fill(text, values) for name, text in notice.sms.items()}
        text = templates.fill(notice.text, values)
    except KeyError as missing:
        return [f"nothing gives {missing.args[0]}"]
    for key, value in filled.items():
        try:
            if templates.fit_value(key, value) != value:
                faults.append(f"WeChat would get {key} shortened: {value}")
        except RuleError as fault:
            faults.append(f"WeChat refuses {key} {value!r}: {fault.sentence}")
    for name, value in variables.items():
        try:
            if templates.fit_sms_value(value) != value:
                faults.append(f"the SMS would get {name} shortened: {value}")
        except RuleError as fault:
            faults.append(f"the SMS gateway refuses {name} {value!r}: {fault.sentence}")
    sms = templates.fill(notice.sms_template.text, variables)
    if templates.sms_length(SIGNATURE, sms) > templates.SMS_LENGTH:
        faults.append("the SMS is too long")
    if len(f"{notice.title}\n{text}".encode()) > templates.TEXT_BYTES:
        faults.append("the text is too long for a chat")
    return faults


@pytest.mark.parametrize("code", [item.code for item in workflows.declared()])
def test_every_notice_can_be_sent_with_the_longest_values_and_every_document_be_filled(code: str) -> None:
    for item in workflows.declared():
        if item.code == code:
            assert not faults_of(item)


def test_what_no_service_declares_can_be_sent_too() -> None:
    for notice in OWN:
        assert not unsendable(notice, {**LONGEST, "item": "居住证首次申领", "phone": "0574-88580110"}), notice.code
    for template in (*CODES.values(), STAFF_DIGEST):
        for gateway in templates.GATEWAYS.values():
            templates.check_sms_template(SIGNATURE, template.text, gateway)
        assert templates.fit_sms_value("999999") == "999999"


def test_the_bounds_of_placeholders_hold_for_what_there_is() -> None:
    for name, value in LONGEST.items():
        assert utf16_length(value) <= PLACEHOLDERS.get(name, len(value)), name
    for item in workflows.declared():
        assert utf16_length(item.name) <= PLACEHOLDERS["item"]
        assert all(utf16_length(state.word) <= PLACEHOLDERS["state"] for state in item.states)
    assert all(utf16_length(name) <= PLACEHOLDERS["office"] for _, name, *_ in demo.OFFICES)


def test_an_official_account_can_hold_our_templates() -> None:
    # developers.weixin.qq.com: an account holds at most 25 message templates.
    held = [t for t in templates_of(Catalogue(workflows.declared(), packaged_calendar())) if t.partner == "wechat_api"]
    assert 0 < len(held) <= 25


def _with_notice(action: str, **changes: Any) -> ServiceItem:
    return replace(
        PERMIT,
        steps=tuple(
            replace(step, tell=replace(step.tell, **changes)) if step.tell and step.action == action else step
            for step in PERMIT.steps
        ),
    )


def _wechat(**changes: str) -> dict[str, str]:
    notice = next(step.tell for step in PERMIT.steps if step.action == "accept")
    assert notice is not None
    return {**notice.wechat, **changes}


@pytest.mark.parametrize(
    ("planted", "words"),
    [
        (_with_notice("accept", wechat=_wechat(thing5="承诺{due}前办结，受理凭证可以随时在线看")), "thing5 shortened"),
        (_with_notice("accept", wechat=_wechat(phrase3="已受理 1")), "WeChat refuses phrase3"),
        (_with_notice("accept", wechat=_wechat(time4="{due}")), "WeChat refuses time4"),
        (_with_notice("accept", text="邮件号 {tracking}"), "nothing gives tracking"),
        (_with_notice("accept", sms={"item": "{item}", "number": "www.x.cn", "due": "{due}"}), "refuses number"),
        (_with_notice("accept", sms={"item": "{item}" * 6, "number": "{number}", "due": "{due}"}), "item shortened"),
        (_with_notice("accept", text="凭证" * 400), "too long for a chat"),
        (replace(PERMIT, documents=tuple(replace(d, paragraphs=("{until}",)) for d in PERMIT.documents)),
         "issue_voucher: nothing gives until"),
        (_with_notice("accept", sms_template=SmsTemplate("x", "办" * 480 + "{item}{number}{due}")), "SMS is too long"),
    ],
)  # fmt: skip
def test_a_planted_notice_that_no_channel_takes_as_it_is_is_reported(planted: ServiceItem, words: str) -> None:
    faults = faults_of(planted)
    assert any(words in fault and fault.startswith("accept from submitted") for fault in faults), faults


def wordless(item: ServiceItem) -> set[str]:
    """The states of a service that a badge could only show by their code."""
    return {state.code for state in item.states} - set(CASE_STATES)


def test_every_state_has_a_chinese_word_for_its_badge() -> None:
    for item in workflows.declared():
        assert wordless(item) == set(), item.code
    planted = replace(PERMIT, states=(*PERMIT.states, replace(PERMIT.states[0], code="in_limbo")))
    assert wordless(planted) == {"in_limbo"}
