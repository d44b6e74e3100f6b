"""Why somebody may have a residence permit, and what shows it: the same for the first one and for each of its years.

One of three grounds: employment, a home, study (居住证暂行条例 art 2); registers show it, or the papers of art 9.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from marshmallow import Schema

from citizen_services.catalogue import (
    ChoiceField,
    ConfirmField,
    Equals,
    Facts,
    Group,
    Material,
    Supplier,
    TextField,
    Verdict,
)
from citizen_services.rules.divisions import is_migrant
from citizen_services.rules.identity import age_on
from workflows.sources import permit_regulation

PERSON = Supplier("population", "person")
HISTORY = Supplier("migrants", "history")
EMPLOYMENT = Supplier("social_insurance", "employment")
BUSINESS = Supplier("market", "business")
ENROLMENT = Supplier("schools", "enrolment")

#: After leaving one address a person has ten days to declare the next (浙江省流动人口居住登记条例 art 13): no break
#: of the half year.
_GAP_DAYS = 10
#: From this age on a person applies alone; younger ones through a guardian (居住证暂行条例 art 9).
OWN_AGE = 16


# --- Conditions ---------------------------------------------------------------------------------------------------


def migrant(facts: Facts) -> Verdict:
    """The person's household is registered outside the urban area (浙江省流动人口居住登记条例 art 2)."""
    # As the register has it now: what was kept at the binding may be of years ago.
    person = (facts.answers.get(PERSON.key) or {}).get("content") or {}
    if is_migrant(person.get("hukou_code") or facts.hukou_code, facts.district, facts.city_area):
        return Verdict(True)
    return Verdict(
        False,
        "您的户籍在本市市区，按规定不需要居住证。",
        "凭身份证即可在本区办理各项事务；有疑问请致电服务热线。",
    )


def of_age(facts: Facts) -> Verdict:
    """Sixteen, or a child for whom a guardian acts (居住证暂行条例 art 9)."""
    # The engine has a child's guardian act, and nobody else.
    if age_on(facts.birth_date, facts.today) >= OWN_AGE or facts.guarded:
        return Verdict(True)
    return Verdict(False, "未满16周岁的，由监护人代为申领。", "请监护人带双方身份证件到居住地派出所，一次办完。")


def registered(facts: Facts) -> Verdict:
    """The person is registered as living in the district."""
    if any(row["until"] is None and row["district"] == facts.district for row in facts.registrations):
        return Verdict(True)
    return Verdict(False, "您在本区还没有居住登记。", "请先在“办事”菜单办理居住登记，当场办结。")


def continuous_since(facts: Facts) -> date | None:
    """The day from which the person has been registered in the province without a break, None where they are not now.

    Our registrations and the province's are taken together; a gap of up to ten days between two addresses is no
    break, and silence alone ends nothing: an end is only what a register says.
    """
    history = (facts.answers.get(HISTORY.key) or {}).get("content") or {}
    spans = [(row["since"], row["until"]) for row in facts.registrations]
    spans += [(day_of(row["since"]), day_of(row["until"])) for row in history.get("registrations", ())]
    start: date | None = None
    end: date | None = None
    for since, until in sorted(spans, key=lambda span: (span[0], span[1] or date.max)):
        if start is None or (end is not None and (since - end).days > _GAP_DAYS):
            start, end = since, until
        elif end is not None:
            end = None if until is None else max(end, until)
    if end is not None and (facts.today - end).days > _GAP_DAYS:
        return None
    return start


def earning(facts: Facts) -> Verdict:
    """Never certainly unmet: papers prove an employment too, and there are other grounds."""
    answers = [facts.answers.get(supplier.key) or {} for supplier in (EMPLOYMENT, BUSINESS)]
    enrolment = facts.answers.get(ENROLMENT.key) or {}
    if any(one.get("outcome") == "found" and employed_on(one["content"], facts.today) for one in answers):
        return Verdict(True)
    if enrolment.get("outcome") == "found" and studying_on(enrolment["content"], facts.today):
        return Verdict(True)
    away = answers[0].get("outcome") == "unavailable"
    why = "社会保险登记暂时连不上。" if away else "社会保险登记中没有查到您目前的就业记录。"
    todo = "查不到也可以申请：请在申请中上传劳动合同等证明；也可以按住所或就读申领。"
    return Verdict(False, why + todo, todo, certain=False)


def employed_on(content: Mapping[str, Any], day: date) -> bool:
    """Whether a register tells of an employment, or of a business, that lasts on that day."""
    until = day_of(content.get("until") or content.get("ended"))
    return until is None or until >= day


def studying_on(content: Mapping[str, Any], day: date) -> bool:
    """Whether the school rolls tell of somebody who still studies on that day."""
    until = day_of(content.get("until"))
    return until is None or until >= day


def day_of(value: Any) -> date | None:
    """A date as registers' answers keep it; None where there is none."""
    return date.fromisoformat(value) if isinstance(value, str) else value


# --- Form and papers ----------------------------------------------------------------------------------------------


class GroundSchema(Schema):
    """On which ground the permit is asked for."""

    ground = ChoiceField(
        "申领理由",
        (
            ("employment", "合法稳定就业", "在本区上班、开店或办企业；社会保险或营业执照能查到的，免交证明"),
            ("residence", "合法稳定住所", "租房、自有住房，或者住单位、学校宿舍"),
            ("study", "连续就读", "在本区的学校就读；学籍能查到的，免交证明"),
        ),
        hint="符合其中一项即可",
    )


class EmploymentSchema(Schema):
    """The employment or the business that a register knows, to be confirmed."""

    employment_correct = ConfirmField("就业或经营信息", yes="信息无误", no="信息有误")
    employment_remark = TextField(
        "工作情况说明",
        hint="没有查到或有误的，请写明在哪里工作、从什么时候开始，由民警核实",
        most=100,
        lines=True,
        required=False,
    )


class StudySchema(Schema):
    """The enrolment that the school rolls know, to be confirmed."""

    study_correct = ConfirmField("学籍信息", yes="信息无误", no="信息有误")
    study_remark = TextField(
        "就读情况说明",
        hint="没有查到或有误的，请写明在哪所学校、什么时候入学，由民警核实",
        most=100,
        lines=True,
        required=False,
    )


BUSINESS_LINES = (
    ("经营主体", "business"),
    ("统一社会信用代码", "credit_code"),
    ("登记日期", "established"),
    ("经营至", "ended"),
)

GROUPS = (
    Group("ground", "申领理由", GroundSchema(), intro="居住证按就业、居住或就读三类理由之一申领。"),
    Group(
        "employment", "核对就业信息", EmploymentSchema(), when=Equals("ground", "ground", "employment"),
        intro="以下信息来自有关部门的登记，不需要您提供证明。", confirms="employment",
    ),
    Group(
        "study", "核对学籍信息", StudySchema(), when=Equals("ground", "ground", "study"),
        intro="以下信息来自学籍登记，不需要您提供证明。", confirms="study",
    ),
)  # fmt: skip

MATERIALS = (
    Material(
        "employment", "就业证明", permit_regulation("第九条"), (EMPLOYMENT, BUSINESS),
        shown_as=(
            ("用人单位", "employer"), ("参保起始", "since"), ("参保截止", "until"), *BUSINESS_LINES,
        ),
        when=Equals("ground", "ground", "employment"), proves=employed_on,
    ),
    Material(
        "employment_proof", "就业证明材料", permit_regulation("第九条"), upload=True,
        kinds=(
            ("contract", "劳动合同"), ("relation", "用人单位出具的劳动关系证明"),
            ("licence", "营业执照（自己经营的）"), ("insurance", "社会保险缴费证明"), ("other", "其他就业证明"),
        ),
        when=Equals("ground", "ground", "employment"), unless_confirmed="employment",
    ),
    Material(
        "residence_proof", "住所证明材料", permit_regulation("第九条"), upload=True,
        kinds=(
            ("lease", "房屋租赁合同"), ("property", "房屋产权证明"), ("purchase", "购房合同"),
            ("landlord", "出租人出具的住宿证明"), ("employer", "用人单位出具的住宿证明"),
            ("school", "学校出具的住宿证明"),
        ),
        when=Equals("ground", "ground", "residence"),
    ),
    Material(
        "study", "学籍证明", permit_regulation("第九条"), (ENROLMENT,),
        shown_as=(("就读学校", "school"), ("年级", "grade"), ("入学日期", "since"), ("离校日期", "until")),
        when=Equals("ground", "ground", "study"), proves=studying_on,
    ),
    Material(
        "study_proof", "就读证明材料", permit_regulation("第九条"), upload=True,
        kinds=(("card", "学生证"), ("certificate", "学校出具的连续就读证明")),
        when=Equals("ground", "ground", "study"), unless_confirmed="study",
    ),
)  # fmt: skip
