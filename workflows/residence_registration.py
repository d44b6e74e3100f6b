"""Residence registration (居住登记): a migrant declares where they live; the half year counts from that day.

It is a duty and never refused: where the registers confirm person and address it is done at once.
"""

from __future__ import annotations

from marshmallow import Schema

from citizen_services.cases.effects import issue
from citizen_services.cases.situation import Situation
from citizen_services.catalogue import (
    APPLICANT,
    SYSTEM,
    AddressField,
    By,
    ChoiceField,
    Clocks,
    Doc,
    Door,
    Effect,
    Facts,
    Group,
    Guard,
    Guide,
    Material,
    Period,
    PreCheck,
    ServiceItem,
    State,
    Step,
    Supplier,
    TextField,
    Verdict,
)
from citizen_services.database import Change
from citizen_services.registers.operations import register_residence
from citizen_services.rules.divisions import is_migrant
from workflows.sources import migrant_regulation
from workflows.telling import turn

RESIDENCE_KINDS = (
    ("rented", "租住房屋"),
    ("dormitory", "单位宿舍"),
    ("building_site", "建筑工地"),
    ("own_home", "自有住房"),
    ("relatives", "投靠亲友"),
    ("school", "学校宿舍"),
)

ADDRESS = Supplier("addresses", "address")
PERSON = Supplier("population", "person")


class AddressSchema(Schema):
    """Where the person lives now."""

    address_code = AddressField("现居住地址", hint="输入小区、村或道路名称，从标准地址库中选择")
    room = TextField("门牌或房间号", hint="例如 3 幢 502 室；地址里已有房间号的可以不填", most=30, required=False)
    residence_kind = ChoiceField("居住方式", RESIDENCE_KINDS)


def _is_migrant(facts: Facts) -> Verdict:
    if is_migrant(facts.hukou_code, facts.district):
        return Verdict(True)
    return Verdict(
        False,
        "您的户籍在宁波市区，不属于流动人口，不需要办理居住登记。",
        "如果您在市区内迁居，请按户口登记的规定办理；有疑问请致电服务热线。",
    )


def _confirmed(situation: Situation) -> bool:
    return situation.content(ADDRESS.key) is not None


def full_address(situation: Situation) -> str:
    """The standard address with the room that the person added."""
    address = situation.content(ADDRESS.key) or {}
    room = situation.data["address"].get("room", "")
    return f"{address.get('text', '')}{room}"


def _register(situation: Situation, change: Change) -> None:
    address = situation.data["address"]
    situation.values["address"] = full_address(situation)
    register_residence(
        change,
        number=situation.number,
        citizen_id=situation.citizen.id,
        case_id=situation.case_id,
        address_code=address["address_code"],
        address=situation.values["address"],
        kind=address["residence_kind"],
        office_code=situation.office or "",
        district=situation.district,
        since=situation.today,
    )


def _route(situation: Situation) -> str:
    address = situation.content(ADDRESS.key)
    return address["station"] if address else ""


RECEIPT = Doc(
    "receipt",
    "居住登记回执",
    (
        "{name}：您于{at}申报居住登记，登记编号{number}。",
        "登记地址：{address}。",
        "居住登记满半年、符合条件的，可以申领居住证。居住地址变更的，请在10日内办理变更。",
        "{office}",
    ),
)

DONE = turn(
    "registered",
    "居住登记已完成",
    text="您的居住登记（{number}）已完成，登记单位：{office}。地址变更请在10日内重新登记。",
    hint="居住登记已完成，满半年可申领居住证",
    sms="您的居住登记已完成，编号{number}。住满半年可申领居住证，详情请在微信公众号“我的办件”中查看。",
)

ITEM = ServiceItem(
    code="residence-registration",
    name="居住登记",
    version=1,
    legal_basis=(migrant_regulation("第七条"), migrant_regulation("第十三条")),
    guide=Guide(
        summary="来奉化居住的外地户籍人员申报现住地址，当场办结，不用跑派出所。",
        audience="户籍不在宁波市区、在奉化区居住的人员",
        result="居住登记回执（电子）",
        fee="免费",
        keeps="登记信息由公安机关按规定保存，仅用于居住登记、居住证和法律规定的公共服务。",
        hotline="0574-88580110",
    ),
    doors=(Door("online", 0), Door("counter", 1)),
    pre_checks=(PreCheck("migrant", "户籍不在宁波市区", migrant_regulation("第二条"), _is_migrant),),
    groups=(
        Group("address", "现居住地址", AddressSchema(), intro="请填写您现在实际居住的地址。从登记当天起计算居住时间。"),
    ),
    materials=(
        Material("identity", "居民身份证", migrant_regulation("第七条"), (PERSON,)),
        Material("address", "居住地址", migrant_regulation("第七条"), (ADDRESS,)),
    ),
    states=(
        State("submitted", "待核实", "社区民警将核实您的地址，不需要您到场。", desk="own", clock="first_answer"),
        State("completed", "已办结", "居住登记已完成。", final=True),
    ),
    steps=(
        Step(None, "submit", "submitted", APPLICANT, "确认登记", "已提交登记"),
        Step(
            "submitted", "complete", "completed", SYSTEM, "自动登记", "登记完成",
            guard=(Guard("address_confirmed", "标准地址库没有确认这个地址。", _confirmed),),
            then=(Effect("register_residence", _register, gives=("address",)), issue(RECEIPT)),
            tell=DONE, automatic=True,
        ),
        Step(
            "submitted", "confirm", "completed", By.staff("community_officer"), "核实无误，予以登记", "登记完成",
            then=(Effect("register_residence", _register, gives=("address",)), issue(RECEIPT)),
            tell=DONE,
        ),
    ),
    clocks=Clocks(Period(1, "working"), Period(1, "working"), None, None, at_once=True),
    route=_route,
    documents=(RECEIPT,),
    commitment="我承诺以上地址是我本人现在实际居住的地址，并愿意承担提供虚假信息的责任。",
    number_prefix="JD",
)  # fmt: skip
