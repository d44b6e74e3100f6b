"""Endorsement of a residence permit (居住证签注) for another year: at once where registers show that its ground holds.

Else an officer decides, and who no longer qualifies is told in writing. No card leaves or is made; permits of the other
districts of the urban area are known by the province's register (浙江省流动人口居住登记条例 art 19).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from citizen_services.cases import decisions
from citizen_services.cases.effects import issue
from citizen_services.cases.queries import newest_answers
from citizen_services.cases.situation import Situation
from citizen_services.catalogue import (
    SYSTEM,
    Clocks,
    Doc,
    Door,
    Effect,
    Facts,
    Guard,
    Guide,
    Material,
    Period,
    PreCheck,
    ServiceItem,
    State,
    Step,
    Verdict,
)
from citizen_services.database import Change
from citizen_services.parts import parts
from citizen_services.registers.operations import endorse_permit, take_over_permit, window_opens
from citizen_services.registers.queries import current_permit
from citizen_services.rules.dates import chinese_full_day
from citizen_services.rules.divisions import NINGBO
from workflows import permit_grounds, reviewing
from workflows.permit_grounds import (
    BUSINESS,
    EMPLOYMENT,
    ENROLMENT,
    HISTORY,
    PERSON,
    day_of,
    earning,
    employed_on,
    migrant,
    registered,
    studying_on,
)
from workflows.sources import migrant_regulation, permit_regulation
from workflows.telling import turn

# --- The permit ---------------------------------------------------------------------------------------------------


def elsewhere(content: Mapping[str, Any] | None, area: frozenset[str]) -> Mapping[str, Any] | None:
    """The valid permit that another district of the urban area issued, as the province's register has it.

    One that we wrote is in our own register, and what it says there counts: ended, it is endorsed no more.
    """
    permits = (content or {}).get("permits", ())
    valid = [row for row in permits if row["state"] == "valid" and row.get("written_ref") is None]
    valid = [row for row in valid if row["district"] in area]
    return max(valid, key=lambda row: str(row["issued"]), default=None)


def _has_permit(facts: Facts) -> Verdict:
    ours = [permit for permit in facts.permits if permit["state"] != "ended"]
    if any(permit["state"] == "approved" for permit in ours):
        return Verdict(False, "您的居住证还在制作中，不需要签注。", "证件寄到后，满一年之前的一个月内再来签注。")
    history = facts.answers.get(HISTORY.key) or {}
    if ours or elsewhere(history.get("content"), facts.city_area) is not None:
        return Verdict(True)
    if history.get("outcome") == "unavailable":
        return Verdict(
            False, "浙江省流动人口登记暂时连不上，还没有查到您的居住证。", "可以先申请，由民警核实。", certain=False
        )
    return Verdict(False, "没有查到本市市区签发的居住证。", "居住登记满半年、符合条件的，请先申领居住证。")


def _in_window(facts: Facts) -> Verdict:
    until = _endorsed_until(facts)
    if until is None:
        return Verdict(False, "还不知道您的居住证签注到哪一天，由民警核实。", certain=False)
    first_day = window_opens(until)
    if facts.today >= first_day:
        return Verdict(True)
    return Verdict(
        False,
        f"您的居住证签注有效期至{chinese_full_day(until)}，还没有到签注的时候。",
        f"从{chinese_full_day(first_day)}起可以签注，届时我们会通知您。",
        from_day=first_day,
    )


def _endorsed_until(facts: Facts) -> date | None:
    ours = next((permit for permit in facts.permits if permit["state"] == "current"), None)
    if ours is not None:
        return day_of(ours["endorsed_until"])
    theirs = elsewhere((facts.answers.get(HISTORY.key) or {}).get("content"), facts.city_area)
    return day_of(theirs["endorsed_until"]) if theirs is not None else None


# --- Guards and effects -------------------------------------------------------------------------------------------


def _still_registered(situation: Situation) -> bool:
    return situation.home is not None


def _theirs(situation: Situation) -> Mapping[str, Any] | None:
    asked = situation.answers.get(HISTORY.key)
    if asked is not None and asked["outcome"] == "unavailable":
        # Away when it was sent: what it told since is all that an officer can go by.
        later = newest_answers(situation.citizen.id, [HISTORY.key]).get(HISTORY.key)
        asked = later if later is not None and later["at"] >= asked["at"] else asked
    found = asked is not None and asked["outcome"] == "found"
    return elsewhere(asked["content"] if asked is not None and found else None, parts().settings.city_area)


def _still_migrant(situation: Situation) -> bool:
    person = situation.content(PERSON.key) or {}
    return (person.get("hukou_code") or situation.citizen.hukou_code) not in parts().settings.city_area


def _permit_known(situation: Situation) -> bool:
    ours = current_permit(situation.citizen.id)
    return ours.state == "current" if ours is not None else _theirs(situation) is not None


def _shown_by_registers(situation: Situation) -> bool:
    """Whether nothing is left for an officer to judge: a register shows the ground, and the person says it is right."""
    ground = situation.data["ground"]["ground"]
    if ground == "employment":
        said = situation.data["employment"]["employment_correct"] == "yes"
        found = [situation.content(one.key) for one in (EMPLOYMENT, BUSINESS)]
        return said and any(one is not None and employed_on(one, situation.today) for one in found)
    if ground == "study":
        content = situation.content(ENROLMENT.key)
        said = situation.data["study"]["study_correct"] == "yes"
        return said and content is not None and studying_on(content, situation.today)
    return False


def _note_day(situation: Situation, change: Change) -> None:
    # In time is who applied in time, however long we take.
    situation.results["applied_on"] = situation.today.isoformat()


def _endorse(situation: Situation, change: Change) -> None:
    applied_on = date.fromisoformat(situation.results["applied_on"])
    ours, theirs = current_permit(situation.citizen.id), _theirs(situation)
    if ours is not None:
        before = ours.endorsed_until
        until = endorse_permit(change, ours, applied_on=applied_on)
    elif theirs is not None:
        before = date.fromisoformat(theirs["endorsed_until"])
        until = take_over_permit(
            change,
            citizen_id=situation.citizen.id,
            case_id=situation.case_id,
            number=theirs["number"],
            issued_on=date.fromisoformat(theirs["issued"]),
            issued_by=f"{parts().settings.city_name}{NINGBO[theirs['district']]}公安机关",
            district=theirs["district"],
            endorsed_until=before,
            applied_on=applied_on,
            ground=situation.data["ground"]["ground"],
            address=situation.home.address if situation.home else "",
        )
    else:
        raise LookupError(f"case {situation.case_id} endorses a permit that nobody knows")
    situation.values |= {
        "valid_until": chinese_full_day(until),
        "restored": _RESTORED if applied_on > before else "",
    }


def _route(situation: Situation) -> str:
    return situation.home.office_code if situation.home else ""


_RESTORED = "本次为补办签注，居住证使用功能自今日恢复，居住年限从补办之日起重新计算。"
_ENDORSE = Effect("endorse_permit", _endorse, gives=("valid_until", "restored"))
_KNOWN = Guard("permit_known", "还没有查到申请人的居住证，请等登记恢复后再办，或核实后不予签注。", _permit_known)
_MIGRANT = Guard("migrant", "申请人的户籍已在本市市区，不再需要居住证，请核实后不予签注。", _still_migrant)

# --- Documents and notices ----------------------------------------------------------------------------------------

VOUCHER = Doc(
    "voucher",
    "受理凭证",
    (
        "{name}：您申请的“{item}”（办件编号{number}）于{at}受理。",
        "已收到：{taken}。{shared}",
        "承诺办结日期：{due}前。签注由系统记载，不换证，不需要您到场。",
        "办理进度可在微信公众号“我的办件”中查看。对办理过程有意见的，可拨打服务热线或 12345 反映。",
        "{office}",
    ),
)
ENDORSED = Doc(
    "endorsed",
    "居住证签注凭证",
    (
        "{name}：您的居住证已签注（办件编号{number}），签注有效期至{valid_until}。{restored}",
        "签注由系统记载，居住证卡片不更换，电子居住证已经更新。",
        "下一次签注请在到期前一个月内办理，届时我们会通知您。",
        "{issuer}　{at}",
    ),
)
REFUSED = Doc(
    "refused",
    "不予签注决定书",
    (
        "{name}：您申请的“{item}”（办件编号{number}），经审查不再符合居住证的条件，决定不予签注。",
        "理由：{reasons}",
        "依据：{ground}。",
        decisions.REMEDIES,
        "{issuer}　{at}",
    ),
    served=True,
)
DONE = turn(
    "endorsed",
    "居住证已签注",
    text="您的居住证（{number}）已签注，有效期至{valid_until}。不换证，电子居住证已经更新。办得怎样，可在办件页评价。",
    hint="已签注，有效期至{valid_until}",
    sms="您的居住证已签注，编号{number}，签注有效期至{valid_until}，不换证。签注凭证请在微信公众号“我的办件”中查看。",
)
NOT_ENDORSED = turn(
    "not_endorsed",
    "居住证不予签注",
    text="您申请的{item}（{number}）不予签注，理由和救济途径见决定书。",
    hint="理由和救济途径见决定书",
    sms="您申请的{item}不予签注，编号{number}。理由和救济途径请在微信公众号“我的办件”中查看决定书。",
    must_be_known=True,
)

ITEM = ServiceItem(
    code="residence-permit-endorse",
    name="居住证签注",
    version=1,
    legal_basis=(migrant_regulation("第十九条"), permit_regulation("第十条")),
    guide=Guide(
        summary="居住证每满一年签注一次，手机上办；就业、学籍在登记里查得到的，当场签好，不换证，不用跑。",
        audience="持有本市市区签发的居住证、在本区居住并仍有合法稳定就业、合法稳定住所或连续就读的人员",
        result="签注（系统记载，电子签注凭证）",
        fee="免费",
        keeps="申请资料随办件归档保存，仅用于居住证的审核、签注和法律规定的公共服务。",
        words=(
            "签注|续签|续期|年审|年检|续居住证",
            "居住证|暂住证|证件|证 到期|过期|快到|签注|续签|续期|延期|年审|年检|有效期|满一年|暂停|中止",
            "到期了|过期了|快到期",
        ),
    ),
    doors=(Door("online", 0), Door("counter", 1)),
    pre_checks=(
        PreCheck("permit", "持有本市市区签发的居住证", permit_regulation("第十条"), _has_permit),
        PreCheck("migrant", "户籍不在本市市区", migrant_regulation("第二条"), migrant),
        PreCheck(
            "window", "到了签注的时候（满一年之前的一个月内，过期的可以补办）",
            migrant_regulation("第十九条"), _in_window,
        ),
        PreCheck("registered", "在本区办理了居住登记", migrant_regulation("第十三条"), registered),
        PreCheck("employed", "仍有合法稳定就业、合法稳定住所或连续就读", permit_regulation("第二条"), earning),
    ),
    groups=(
        replace(
            permit_grounds.GROUPS[0],
            title="签注理由",
            intro="居住证按就业、居住或就读三类理由之一签注，可以和上次不同。",
        ),
        *permit_grounds.GROUPS[1:],
    ),
    materials=(
        Material("identity", "居民身份证", permit_regulation("第九条"), (PERSON,)),
        Material("residence", "居住登记和居住证", migrant_regulation("第十九条"), (HISTORY,)),
        *permit_grounds.MATERIALS,
    ),
    states=(
        reviewing.SUBMITTED,
        reviewing.CORRECTING,
        reviewing.ACCEPTED,
        State("completed", "已签注", "居住证已签注，不换证。", final=True),
        State("refused", "不予签注", "没有签注，理由和救济途径写在决定书里。", final=True),
        *reviewing.ENDINGS,
    ),
    steps=(
        *reviewing.steps(
            VOUCHER,
            Step(
                "accepted", "approve", "completed", reviewing.APPROVER, "签注", "已签注",
                guard=(decisions.not_sent_back, _KNOWN, _MIGRANT), then=(_ENDORSE, issue(ENDORSED)), tell=DONE,
            ),
            reviewing.refusing("不予签注", REFUSED, NOT_ENDORSED),
            guard=(Guard("registered", "您的居住登记已经变化，请重新办理居住登记后再申请。", _still_registered),),
            then=(Effect("note_day", _note_day),),
        ),
        Step(
            "submitted", "complete", "completed", SYSTEM, "自动签注", "登记核对一致，已签注",
            guard=(
                _KNOWN, _MIGRANT,
                Guard("shown_by_registers", "登记没有证明签注的理由，由民警审核。", _shown_by_registers),
            ),
            then=(_ENDORSE, issue(ENDORSED)), tell=DONE, automatic=True,
        ),
    ),
    clocks=Clocks(Period(1, "working"), Period(2, "working"), Period(15, "calendar"), migrant_regulation("第十八条")),
    route=_route,
    documents=(VOUCHER, reviewing.CORRECTION, reviewing.DECLINED, ENDORSED, REFUSED, reviewing.LAPSED),
    commitment="我承诺所填内容和所确认的信息真实、准确。",
    number_prefix="QZ",
)  # fmt: skip
