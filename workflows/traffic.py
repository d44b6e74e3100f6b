"""Vehicle and licence items: the national platform decides, we take in, hand over, tell, take the fee and post.

One way for all twelve: what registers know is asked before the form; sent and, where something is owed, paid, an
application is handed over under our reference; the platform's serial number is its acceptance, its answers decide. What
comes of it is either a record or electronic, and the case ends there, or it is made by the traffic office and posted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from marshmallow import Schema, fields, validate

from citizen_services.cases import charging, decisions, papers
from citizen_services.cases.effects import fetch_old, issue, note_tracking, order_parcel
from citizen_services.cases.handing_over import (
    AnswerSchema,
    SerialSchema,
    hand_over_application,
    note_answer,
    note_serial,
    take_back_application,
)
from citizen_services.cases.situation import Situation
from citizen_services.catalogue import (
    APPLICANT,
    SYSTEM,
    By,
    Clocks,
    Door,
    Effect,
    Facts,
    Fee,
    Group,
    Guard,
    Guide,
    Material,
    OldDocument,
    Part,
    Period,
    PreCheck,
    ServiceItem,
    Source,
    State,
    Step,
    Verdict,
)
from citizen_services.database import Change
from citizen_services.people.queries import NoSuchOffice, offices
from citizen_services.rules.dates import chinese_date
from citizen_services.rules.identity import age_on
from citizen_services.rules.status_letters import LICENCE_GONE, LICENCE_HELD, OPEN_MATTERS_OF_LICENCE, licence_status
from workflows import paying, posting
from workflows.one_stop import LICENCE, VIOLATIONS
from workflows.permit_grounds import PERSON
from workflows.posting import LabelSchema
from workflows.telling import what_to_bring
from workflows.traffic_told import (
    ACCEPTED,
    DONE,
    ENDINGS,
    ON_SITE,
    REFUSED,
    REFUSED_STATE,
    SUBMITTED,
    TELL_ACCEPTED,
    TELL_APPROVED,
    TELL_COMPLETED,
    TELL_MADE,
    TELL_ON_SITE,
    TELL_POSTED,
    TELL_REFUSED,
    TELL_SUBMITTED,
    VOUCHER,
)

#: Who makes, posts and keeps what comes of it.
_CLERK = By.staff("clerk")
_PLACE = "车管所"
LICENCES = posting.Keeper(_CLERK, "own", _PLACE, "traffic")
#: Plates and marks may be signed for by anybody at the address.
PLATES = replace(LICENCES, others_sign=True)
#: How long before its day a licence may be renewed, and how long after it is lost for good (order 162 art 63, 79).
RENEW_BEFORE, LOST_AFTER = timedelta(days=90), timedelta(days=365)
#: From this age on a licence is renewed after a test of abilities, at the counter (order 162 art 72).
ABILITY_AGE = 70
#: The city whose offices count as the issuing one: an order names the place of issue, which is the city's office.
_CITY = "3302"


def route(situation: Situation) -> str:
    """The traffic office of the district."""
    found = [one.code for one in offices().values() if one.kind == "traffic" and one.district == situation.district]
    if not found:
        raise NoSuchOffice(f"district {situation.district} has no traffic office")
    return min(found)


# --- What registers tell before the form --------------------------------------------------------------------------


def _answer(facts: Facts, key: str) -> tuple[str, Mapping[str, Any]]:
    answer = facts.answers.get(key) or {"outcome": "unavailable", "content": None}
    return answer["outcome"], answer["content"] or {}


def licence_good(facts: Facts) -> Verdict:
    """There is a licence, and it is neither gone nor with the police."""
    outcome, content = _answer(facts, LICENCE.key)
    if outcome == "unavailable":
        return Verdict(True, certain=False)
    if outcome != "found":
        return Verdict(False, "登记里没有查到您的机动车驾驶证。", "请核对身份信息；确有驾驶证的，请到车管所查询。")
    status = licence_status(content["status"])
    if status.among(LICENCE_GONE | LICENCE_HELD):
        here = "先到车管所，不能在网上办"
        return Verdict(False, f"您的驾驶证状态是{status.text}。", "请到车管所问清楚怎样处理。", instead=here)
    return Verdict(True, certain=status.certain)


def nothing_open(facts: Facts) -> Verdict:
    """No violation and no accident is unsettled (order 162 art 72, 73)."""
    outcome, content = _answer(facts, VIOLATIONS.key)
    _, licence = _answer(facts, LICENCE.key)
    marked = bool(licence) and licence_status(licence["status"]).among(OPEN_MATTERS_OF_LICENCE)
    if content.get("violations") or content.get("accidents") or marked:
        return Verdict(
            False, "您有未处理完的交通违法或者事故。", "请先处理完再申请；要到窗口处理的，可以预约“交通违法处理”。"
        )
    return Verdict(True, certain=outcome != "unavailable")


def issued_here(content: Mapping[str, Any]) -> bool:
    """Whether a licence was issued by the city's office."""
    return str(content.get("issuer", "")).startswith(_CITY)


def elsewhere_settled(facts: Facts) -> Verdict:
    """A licence of another city is changed together with its transfer, and then nothing may be open (art 64, 70)."""
    _, content = _answer(facts, LICENCE.key)
    return Verdict(True) if not content or issued_here(content) else nothing_open(facts)


def time_to_renew(facts: Facts) -> Verdict:
    """Within ninety days before the licence ends, and not a year after (order 162 art 63, 79)."""
    outcome, content = _answer(facts, LICENCE.key)
    if outcome != "found":
        return Verdict(True, certain=False)
    if content["valid_until"] is None:
        return Verdict(False, "您的驾驶证长期有效。", "到期才要换证，您的没有到期的一天。", instead="不用换证")
    until = date.fromisoformat(content["valid_until"])
    if facts.today > until + LOST_AFTER:
        why = f"您的驾驶证{chinese_date(until)}到期，超过一年没有换证，已经注销。"
        return Verdict(False, why, "请到车管所问清楚怎样恢复。", instead="不能再换证")
    first = until - RENEW_BEFORE
    if facts.today < first:
        return Verdict(
            False,
            f"您的驾驶证{chinese_date(until)}到期，还没到换证的时候。",
            f"{chinese_date(first)}起可以换证。",
            first,
        )
    return Verdict(True)


def young_enough(facts: Facts) -> Verdict:
    """Under seventy: older people are tested at the counter."""
    if age_on(facts.birth_date, facts.today) < ABILITY_AGE:
        return Verdict(True)
    why = "年满70周岁换证要做记忆力、判断力、反应力测试，须本人到场。"
    return Verdict(False, why, "请预约车管所窗口，一次办完。", instead="请到窗口办理")


# --- What is filled in --------------------------------------------------------------------------------------------


class MadeSchema(Schema):
    """The number on what was made."""

    card_number = fields.String(
        required=True,
        validate=validate.Regexp(r"\s*[0-9A-Za-z一-龥]{5,32}\s*\Z", error="编号为 5 至 32 位，请核对后重新输入"),
        error_messages={"required": "请填写或扫描证芯编号或号牌号码"},
        metadata={"label": "证芯编号或号牌号码", "hint": "用扫码枪扫描", "kind": "text", "maxlength": 32},
    )


# --- Guards and effects -------------------------------------------------------------------------------------------

_HANDED = "handed_to_platform"


def _hand_over(situation: Situation, change: Change) -> None:
    situation.results[_HANDED] = True
    hand_over_application.do(situation, change)


def _take_back(situation: Situation, change: Change) -> None:
    if situation.results.get(_HANDED):
        take_back_application.do(situation, change)


def _keep_number(situation: Situation, change: Change) -> None:
    situation.results["card_number"] = str(situation.given["card_number"]).strip().upper()


def _void(situation: Situation, change: Change) -> None:
    situation.results["void"] = [*situation.results.get("void", ()), situation.results.get("card_number")]


def _refusal(situation: Situation, change: Change) -> None:
    note_answer.do(situation, change)
    situation.values["reasons"] = situation.values["platform_reason"] or "见交管平台答复"


_NOT_HANDED = Guard("not_handed_over", "已经转交交管平台。", lambda s: not s.results.get(_HANDED))
_TO_PLATFORM = Effect("hand_to_platform", _hand_over)
_FROM_PLATFORM = Effect("take_back_from_platform", _take_back)
_KEEP = Effect("keep_number", _keep_number)
_VOID = Effect("void_lost", _void)
_REASONS = Effect("give_platform_reason", _refusal, gives=("platform_reason", "platform_officer", "reasons"))
_HAS_TRACKING = Guard("has_tracking", "EMS 还没有返回邮件号，请稍后再试。", lambda s: bool(s.results.get("tracking")))
_RIGHT_LABEL = Guard(
    "right_label",
    "扫描的邮件号与这个办件的面单不一致，请核对面单。",
    lambda s: str(s.given.get("tracking", "")).strip().upper() == s.results.get("tracking"),
)
_NOT_ORDERED = Guard("not_ordered", "这个办件已有邮件号。", lambda s: not s.results.get("tracking"))


def _back_from_elsewhere(situation: Situation, change: Change) -> None:
    content = situation.content(LICENCE.key)
    if content is not None and not issued_here(content):
        fetch_old.do(situation, change)


def _back_if(group: str, field: str, *values: str) -> Callable[[Situation, Change], None]:
    def do(situation: Situation, change: Change) -> None:
        if situation.data.get(group, {}).get(field) in values:
            fetch_old.do(situation, change)

    return do


#: The courier fetches the old licence where another city issued it (order 162 art 70 with 64), and always where its
#: entries changed (art 68); of plates those that are left (order 164 art 51), of a vehicle licence the damaged one.
FETCH_OF_ELSEWHERE = Effect("fetch_old_of_elsewhere", _back_from_elsewhere)
FETCH_ALWAYS = fetch_old
FETCH_PLATES = Effect("fetch_old_plates", _back_if("plates", "left", "1", "2"))
FETCH_DAMAGED = Effect("fetch_damaged", _back_if("certificate", "certificate", "damaged"))

# --- The way ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Posted:
    """A result that is made and posted: by whom, what its person collects, what follows when it is given to EMS."""

    keeper: posting.Keeper
    what: str
    then: tuple[Effect, ...] = ()


def _steps(code: str, fee: Fee | None, posted: Posted | None, guard: tuple[Guard, ...]) -> tuple[Step, ...]:
    end = "approved" if posted else "completed"
    decided = (note_answer,) if posted else (note_answer, issue(DONE))
    begun = ("submitted", "accepted", "on_site")
    return (
        Step(None, "submit", "submitted", APPLICANT, "确认提交", "已提交申请", guard=guard, tell=TELL_SUBMITTED),
        *(paying.steps(SYSTEM, automatic=True) if fee else ()),
        Step(
            "submitted", "hand_to_platform", "submitted", SYSTEM, "转交交管平台", "已转交交管平台",
            guard=(charging.paid_or_free, _NOT_HANDED), then=(_TO_PLATFORM,), automatic=True,
        ),
        Step(
            "submitted", "accept", "accepted", SYSTEM, "交管平台受理", "已受理", input=SerialSchema(),
            guard=(charging.paid_or_free,), then=(note_serial, papers.name_taken, issue(VOUCHER)), tell=TELL_ACCEPTED,
        ),
        Step(
            "accepted", "require_presence", "on_site", SYSTEM, "转现场办理", "须到现场办理", input=AnswerSchema(),
            then=(note_answer,), tell=TELL_ON_SITE,
        ),
        *(
            Step(
                state, "approve", end, SYSTEM, "交管平台批准", "已批准", input=AnswerSchema(), then=decided,
                tell=TELL_APPROVED if posted else TELL_COMPLETED,
            )
            for state in begun[1:]
        ),
        *(
            Step(
                state, "refuse", "refused", SYSTEM, "交管平台不予办理", "不予办理", input=AnswerSchema(),
                then=(_REASONS, decisions.name_remedies, issue(REFUSED)), tell=TELL_REFUSED,
            )
            for state in begun[1:]
        ),
        *(
            Step(
                state, "withdraw", "withdrawn", APPLICANT, "撤回申请", "已撤回申请", then=(_FROM_PLATFORM,), danger=True
            )
            for state in begun
        ),
        *(_posting(code, posted) if posted else ()),
    )  # fmt: skip


def _posting(code: str, posted: Posted) -> tuple[Step, ...]:
    bring = what_to_bring(
        code.replace("-", "_"), f"领取{posted.what}", "车管所综合窗口", ("居民身份证原件",),
        needed=posting.comes, differs=posting.also_named,
    )  # fmt: skip
    return (
        Step(
            "approved", "make", "made", _CLERK, "制证完成", "已制好", input=MadeSchema(), then=(_KEEP, order_parcel),
            tell=TELL_MADE,
        ),
        Step(
            "made", "parcel_ordered", "made", SYSTEM, "邮件下单", "", input=LabelSchema(), guard=(_NOT_ORDERED,),
            then=(note_tracking,),
        ),
        Step(
            "made", "post", "posted", _CLERK, "交寄", "已寄出", input=LabelSchema(),
            guard=(_HAS_TRACKING, _RIGHT_LABEL), then=(posting.name_tracking, *posted.then), tell=TELL_POSTED,
        ),
        *posting.steps(TELL_COMPLETED, _VOID, bring, posted.keeper),
    )  # fmt: skip


def _states(fee: Fee | None, posted: Posted | None) -> tuple[State, ...]:
    made: tuple[State, ...] = ()
    if posted:
        made = (
            State("approved", "已批准", "车管所正在制作。", desk="own", clock="result"),
            State("made", "已制好", "已制好，正在交给 EMS。", desk="own", clock="result"),
            State("posted", "已寄出", "在路上，请留意快递电话。"),
            *posting.states(posted.keeper),
        )
    return (
        SUBMITTED,
        *((paying.STATE,) if fee else ()),
        ACCEPTED,
        ON_SITE,
        *made,
        State("completed", "已办结", "已经办完。", final=True),
        REFUSED_STATE,
        *(ENDINGS if fee else ENDINGS[1:]),
    )


def item(
    code: str,
    name: str,
    prefix: str,
    law: tuple[Source, ...],
    guide: Guide,
    *,
    groups: tuple[Group, ...],
    materials: tuple[Material, ...],
    pre_checks: tuple[PreCheck, ...] = (),
    fee: Fee | None = None,
    posted: Posted | None = None,
    days: int | None = 1,
    promise: int = 1,
    no_agent: Source | None = None,
    old: OldDocument | None = None,
    parts: tuple[Part, ...] = (),
    submit_guard: tuple[Guard, ...] = (),
    commitment: str = "我承诺所填内容真实、准确，并知道提供虚假材料的后果。",
) -> ServiceItem:
    """A vehicle or licence item; ``days`` are the working days that the order sets (None: none), ``promise`` ours."""
    statutory = Period(days, "working") if days is not None else None
    return ServiceItem(
        code=code,
        name=name,
        version=1,
        legal_basis=law,
        guide=guide,
        doors=(Door("online", 0), Door("counter", 1)),
        pre_checks=pre_checks,
        groups=groups,
        materials=(Material("identity", "居民身份证", law[0], (PERSON,)), *materials),
        states=_states(fee, posted),
        steps=_steps(code, fee, posted, submit_guard),
        clocks=Clocks(Period(1, "working"), Period(promise, "working"), statutory, law[0] if statutory else None),
        route=route,
        documents=(VOUCHER, REFUSED, *(() if posted else (DONE,)), *(paying.DOCUMENTS if fee else ())),
        commitment=commitment,
        fee=fee or 0,
        no_agent=no_agent,
        number_prefix=prefix,
        old_document=old,
        parts=parts,
    )
