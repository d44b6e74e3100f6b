"""What the traffic office does at its windows without a case of ours: booked, called and served there.

The case lies in the national platform. Articles are those of orders 164 and 162 as commonly cited; the exact scope of
a county office is fixed by the province. Both are the bureau's to check before it opens the windows.
"""

from __future__ import annotations

from collections.abc import Sequence

from citizen_services.catalogue import CounterService, Facts, PreCheck, Source, Verdict
from citizen_services.rules.dates import chinese_date
from citizen_services.rules.identity import age_on, day_of_age
from citizen_services.rules.status_letters import OPEN_MATTERS_OF_VEHICLE, VEHICLE_GONE, VEHICLE_HELD, vehicle_status
from workflows.one_stop import EMS, INSURANCE, LICENCE, MEDICAL, PURCHASE_TAX, VEHICLE
from workflows.sources import licence_rules, vehicle_rules

#: From which age on one may drive at all (order 162 art 14 as order 172 has it).
_DRIVING_AGE = 18
_ID_CARD = "车主的居民身份证原件"
_AGENT = "别人代办的：代办人的居民身份证原件和车主签名的委托书"
_FEE_NONE = "不收费"


# --- Pre-checks: what registers tell before anybody sets out --------------------------------------------------------


def _vehicle_matters(facts: Facts) -> Verdict:
    answer = facts.answers.get(VEHICLE.key)
    if answer is None or answer["outcome"] == "unavailable":
        return Verdict(True, certain=False)
    if answer["outcome"] != "found":
        return Verdict(False, "登记里没有查到您名下的这辆车。", "请核对号牌种类和号牌号码；核对无误的，到窗口查询。")
    status = vehicle_status(answer["content"]["status"])
    if status.among(VEHICLE_GONE | VEHICLE_HELD):
        return Verdict(False, f"这辆车的状态是{status.text}。", "请先到窗口问清楚怎样解除，再预约这一项。")
    if status.among(OPEN_MATTERS_OF_VEHICLE):
        return Verdict(False, f"这辆车有{status.text}。", "请先处理完再来；要到窗口处理的，可以预约“交通违法处理”。")
    return Verdict(True, certain=status.certain)


def _matters_of_the_seller(facts: Facts) -> Verdict:
    # The register tells of a vehicle to its owner alone: of a buyer it knows nothing, and the window looks.
    answer = facts.answers.get(VEHICLE.key)
    return _vehicle_matters(facts) if answer and answer["outcome"] == "found" else Verdict(True, certain=False)


def _not_registered_yet(facts: Facts) -> Verdict:
    answer = facts.answers.get(VEHICLE.key)
    if answer is not None and answer["outcome"] == "found":
        return Verdict(False, "这辆车已经登记过了。", "买二手车的，请预约“转让登记（过户）”。")
    return Verdict(True, certain=answer is not None and answer["outcome"] == "none")


def _of_driving_age(facts: Facts) -> Verdict:
    if age_on(facts.birth_date, facts.today) >= _DRIVING_AGE:
        return Verdict(True)
    birthday = day_of_age(facts.birth_date, _DRIVING_AGE)
    return Verdict(False, "年满18周岁才能申请驾驶证。", f"{chinese_date(birthday)}起可以预约。", birthday)


def _licence_known(facts: Facts) -> Verdict:
    answer = facts.answers.get(LICENCE.key)
    return Verdict(True, certain=answer is not None and answer["outcome"] != "unavailable")


_MATTERS = PreCheck(
    "open_matters", "没有未处理的交通违法和事故，没有被查封、扣押", vehicle_rules("第二十六条"), _vehicle_matters
)
_SOLD = PreCheck(_MATTERS.code, _MATTERS.sentence, _MATTERS.source, _matters_of_the_seller)
_NEW = PreCheck("not_registered_yet", "车辆还没有注册登记过", vehicle_rules("第十条"), _not_registered_yet)
_AGE = PreCheck("driving_age", "年满18周岁", licence_rules("第十四条"), _of_driving_age)


# --- The services --------------------------------------------------------------------------------------------------


REGISTER = CounterService(
    code="counter-vehicle-register",
    name="新车注册登记",
    legal_basis=(vehicle_rules("第十条、第十二条"),),
    summary="新买的车上牌：查验车辆、缴税、投保、选号、领证，在大厅一次办完。",
    audience="住所在本区的车主；危险货物运输车、校车、中型以上载客汽车到市车辆管理所办。",
    result="号牌、行驶证、登记证书；检验标志是电子的",
    fee="汽车号牌一副100元，行驶证10元，登记证书10元",
    why="车辆要在现场查验",
    minutes=40,
    bring=(
        "要上牌的车（开到大厅的查验区）",
        _ID_CARD,
        "购车发票",
        "国产车的合格证，或者进口车的进口凭证",
        _AGENT,
    ),
    vehicle_by="vin",
    desks=("purchase_tax", "insurance"),
    pre_checks=(_NEW,),
    parts=(PURCHASE_TAX, INSURANCE, EMS),
    words=("新车 上牌", "上牌", "注册登记", "新车 登记"),
)
TRANSFER = CounterService(
    code="counter-vehicle-transfer",
    name="转让登记（过户）",
    legal_basis=(vehicle_rules("第二十五条、第二十七条"),),
    summary="车卖给别人后，由新车主在交付之日起30日内办理转让登记。",
    audience="住所在本区的新车主",
    result="新的号牌（保留原号的除外）、行驶证和登记证书",
    fee="汽车号牌一副100元，行驶证10元",
    why="车辆要在现场查验",
    minutes=40,
    bring=(
        "要过户的车（开到大厅的查验区）",
        "新车主的居民身份证原件",
        "二手车销售统一发票",
        "登记证书和行驶证",
        _AGENT,
    ),
    desks=("insurance",),
    pre_checks=(_SOLD,),
    parts=(INSURANCE, EMS),
    words=("过户", "二手车", "转让登记", "车 过户"),
)
DEREGISTER = CounterService(
    code="counter-vehicle-deregister",
    name="注销登记",
    legal_basis=(vehicle_rules("第三十七条、第三十九条"),),
    summary="车报废、灭失或者出境的，办理注销登记，交回号牌、行驶证和登记证书。",
    audience="在本区登记的车辆的车主",
    result="注销证明",
    fee=_FEE_NONE,
    why="号牌和证件要交回，车辆灭失的要核对车主本人",
    minutes=20,
    bring=(
        _ID_CARD,
        "号牌、行驶证、登记证书",
        "报废回收证明副本；车辆灭失的，灭失证明（由车主本人来）",
        _AGENT,
    ),
    pre_checks=(_MATTERS,),
    words=("注销登记", "报废", "车 注销|报废"),
)
CERTIFICATE = CounterService(
    code="counter-vehicle-certificate",
    name="补领机动车登记证书",
    legal_basis=(vehicle_rules("第五十二条"),),
    summary="登记证书（大本）丢失或者损坏的补领，必须车主本人来。",
    audience="在本区登记的车辆的车主本人；车已经抵押的，和抵押权人一起来",
    result="机动车登记证书",
    fee="登记证书10元",
    why="登记证书是车辆的产权凭证，法律规定车主本人来领",
    minutes=20,
    bring=(_ID_CARD, "损坏的，带上原来的登记证书"),
    in_person=vehicle_rules("第八十六条"),
    pre_checks=(_MATTERS,),
    parts=(EMS,),
    words=("登记证书", "绿本", "大本", "车 产权证"),
)
VIOLATIONS = CounterService(
    code="counter-violations",
    name="交通违法处理",
    legal_basis=(Source("道路交通安全违法行为处理程序规定", "第四十三条"),),
    summary="网上处理不了的交通违法，到窗口由民警处理。网上能处理的，不用跑。",
    audience="驾驶人本人",
    result="处罚决定书",
    fee="罚款按处罚决定缴纳，处理本身不收费",
    why="要由民警当面告知、听取陈述申辩",
    minutes=15,
    bring=("驾驶人的居民身份证原件", "驾驶证（电子驾驶证也可以）", "行驶证（电子行驶证也可以）"),
    subject="person",
    in_person=Source("道路交通安全法", "第一百一十条"),
    pre_checks=(PreCheck("licence_known", "有驾驶证", Source("道路交通安全法", "第十九条"), _licence_known),),
    words=("违法 处理", "违章", "扣分", "交通违法"),
)
EXAM = CounterService(
    code="counter-exam",
    name="驾驶人考试受理",
    legal_basis=(licence_rules("第二十条、第二十二条"),),
    summary="初次申领、增加准驾车型，以及满分学习后的考试，在窗口受理和约考。",
    audience="年满18周岁的人；申请大型车辆的，年龄以规定为准",
    result="准考证明",
    fee="考试费按省定标准，在考场缴",
    why="要核对本人、采集照片",
    minutes=20,
    bring=("本人的居民身份证原件", "白底彩色一寸照片，拍过电子照片的不用带"),
    subject="person",
    desks=("medical",),
    pre_checks=(_AGE,),
    parts=(MEDICAL,),
    in_person=licence_rules("第二十条"),
    words=("考驾照", "学车", "科目一", "驾照 考试", "增驾"),
)


def declared_at_counter() -> Sequence[CounterService]:
    """Every counter service, in the order in which they are offered."""
    return (REGISTER, TRANSFER, DEREGISTER, CERTIFICATE, VIOLATIONS, EXAM)
