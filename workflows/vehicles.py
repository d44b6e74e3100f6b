"""Five services of the vehicle by mail (机动车登记规定, order 164), each handed to the national platform.

Plates and marks may be signed for by anybody at the address; the old ones are taken back by the courier. Which vehicles
are exempt from inspection, and in which years, is the platform's to decide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from marshmallow import Schema

from citizen_services.catalogue import (
    ChoiceField,
    Fee,
    Group,
    Guard,
    Guide,
    Material,
    OldDocument,
    Param,
    PhoneField,
    TextField,
)
from citizen_services.catalogue.vehicles import VehicleSchema
from workflows import traffic
from workflows.one_stop import (
    INSURANCE,
    INSURANCE_POLICY,
    VEHICLE,
    VEHICLE_TAX,
    VEHICLE_TAX_PAID,
    insured,
    vehicle_tax_paid,
)
from workflows.posting import DeliverySchema
from workflows.sources import licence_rules, vehicle_rules

_TARIFF = "发改价格〔2004〕2831号"
_KEEPS = "申请资料转交交管综合平台，随办件归档保存，仅用于机动车登记管理。"
_WHICH = Group("vehicle", "哪辆车", VehicleSchema(), intro="登记在您名下的车。车主是别人的，由车主申请或者委托您办。")
_MOTORCYCLE = "07"

#: What the articles let only the driver file (order 162 art 81, not among those of art 105).
OWN_LICENCE_ONLY = Guard(
    "own_licence_only",
    "本人驾驶证的联系方式须本人申请，代办的请选“不改”。",
    lambda s: s.actor.on_behalf_of is None or s.data.get("contact", {}).get("also_licence") != "yes",
)


def _vehicle(place: str, *, shown: bool = True) -> Material:
    lines = (("号牌号码", "plate"), ("车辆识别代号", "vin"), ("使用性质", "use"), ("检验有效期至", "inspection_until"))
    return Material("vehicle", "机动车登记信息", vehicle_rules(place), (VEHICLE,), shown_as=lines if shown else ())


def _policy(place: str) -> Material:
    return Material("policy", "交强险", vehicle_rules(place), (INSURANCE_POLICY,), proves=insured)


class PlateSchema(Schema):
    """What is wrong with the plates."""

    plates = ChoiceField("号牌怎么了", (("lost", "丢失", "两面都丢或者只丢一面"), ("damaged", "损坏、看不清")))
    left = ChoiceField("手上还有几面", (("0", "没有了"), ("1", "一面"), ("2", "两面")), hint="手上的旧号牌由快递员取回")
    temporary = ChoiceField("等号牌的时候要用车吗", (("no", "不用"), ("yes", "要临时号牌", "最长15日，5元")))


class CertificateSchema(Schema):
    """What is wrong with the vehicle licence."""

    certificate = ChoiceField("行驶证怎么了", (("lost", "丢失"), ("damaged", "损坏、看不清")))


class MarkSchema(Schema):
    """In which form the mark is wanted."""

    form = ChoiceField(
        "要哪一种",
        (("electronic", "电子标志就够了", "在“交管12123”查看，与纸质的一样有效"), ("why", "电子标志显示不出来")),
    )


class ContactSchema(Schema):
    """The new contact of a vehicle, and, by tick, of one's own licence."""

    new_phone = PhoneField("新的手机号码")
    new_address = TextField("新的邮寄地址", hint="没有变的不填", most=100, required=False)
    also_licence = ChoiceField("本人驾驶证的联系方式", (("no", "不改"), ("yes", "一起改", "须本人申请，代办的不能选")))


def _plate_fees(data: Mapping[str, Mapping[str, Any]]) -> Sequence[str]:
    kind = data.get("vehicle", {}).get("plate_kind")
    found = ["motorcycle" if kind == _MOTORCYCLE else "pair"]
    return [*found, "temporary"] if data.get("plates", {}).get("temporary") == "yes" else found


PLATE_REPLACE = traffic.item(
    "vehicle-plate-replace", "补换机动车号牌", "HP",
    (vehicle_rules("第五十一条"),),
    Guide(
        summary="号牌丢了、坏了，在手机上补换，号码不变，新号牌 EMS 送到家；要用车的可以同时要临时号牌。",
        audience="车辆登记在本市的车主",
        result="机动车号牌（EMS 寄送）",
        fee="汽车号牌一副100元，摩托车号牌70元，临时号牌5元",
        keeps=_KEEPS,
        words=("车牌|号牌 丢|坏|补|换|掉", "补换号牌|补车牌"),
    ),
    groups=(
        _WHICH, Group("plates", "号牌情况", PlateSchema(), confirms="vehicle"),
        Group("delivery", "号牌寄到哪里", DeliverySchema(), intro="制好后由 EMS 寄送。"),
    ),
    materials=(_vehicle("第五十一条"),),
    fee=Fee(
        "机动车号牌工本费",
        (
            Param("pair", 10_000, (0, 50_000), _TARIFF, "汽车号牌（副）"),
            Param("motorcycle", 7_000, (0, 50_000), _TARIFF, "摩托车号牌"),
            Param("temporary", 500, (0, 5_000), _TARIFF, "临时行驶车号牌"),
        ),
        _plate_fees,
    ),
    posted=traffic.Posted(traffic.PLATES, "号牌", (traffic.FETCH_PLATES,)),
    old=OldDocument("手上的旧号牌", vehicle_rules("第五十一条")),
    days=15, promise=5,
)  # fmt: skip

LICENCE_REPLACE = traffic.item(
    "vehicle-licence-replace", "补换机动车行驶证", "HX",
    (vehicle_rules("第五十二条"),),
    Guide(
        summary="行驶证丢了、坏了，在手机上补换，EMS 送到家。",
        audience="车辆登记在本市的车主",
        result="机动车行驶证（EMS 寄送）；电子行驶证同时更新",
        fee="行驶证工本费10元",
        keeps=_KEEPS,
        words=("行驶证|行车证 丢|坏|补|换|掉", "补行驶证|换行驶证"),
    ),
    groups=(
        _WHICH, Group("certificate", "行驶证情况", CertificateSchema(), confirms="vehicle"),
        Group("delivery", "行驶证寄到哪里", DeliverySchema(), intro="制好后由 EMS 寄送，须本人签收。"),
    ),
    materials=(_vehicle("第五十二条"),),
    fee=Fee("行驶证工本费", (Param("vehicle_licence", 1000, (0, 10_000), _TARIFF, "行驶证工本费"),)),
    posted=traffic.Posted(traffic.LICENCES, "行驶证", (traffic.FETCH_DAMAGED,)),
    old=OldDocument("损坏的行驶证", vehicle_rules("第五十二条")),
)  # fmt: skip

MARK_REPLACE = traffic.item(
    "vehicle-mark-replace", "补换检验合格标志", "HB",
    (vehicle_rules("第五十六条、第五十七条"),),
    Guide(
        summary="检验合格标志丢了、坏了，在手机上补换，电子标志和纸质的一样有效，不用再贴。",
        audience="检验有效期内、交强险有效的车辆的车主",
        result="检验合格标志（电子）",
        fee="不收费",
        keeps=_KEEPS,
        words=("检验标志|合格标志 丢|坏|补|换", "补检验标志"),
    ),
    groups=(_WHICH, Group("mark", "要哪一种标志", MarkSchema(), confirms="vehicle")),
    materials=(_vehicle("第五十七条"), _policy("第五十七条")),
    parts=(INSURANCE,),
)  # fmt: skip

MARK_EXEMPT = traffic.item(
    "vehicle-mark-exempt", "免检车申领检验标志", "HM",
    (vehicle_rules("第五十五条、第五十六条"),),
    Guide(
        summary="免予上线检验的车到期时，在手机上申领检验标志，交强险和车船税由登记部门核实，不用到场。",
        audience="在免检年限内的车辆的车主",
        result="检验合格标志（电子）",
        fee="不收费",
        keeps=_KEEPS,
        words=("免检 标志|申领|六年", "免检标志|六年免检"),
    ),
    groups=(_WHICH,),
    materials=(
        _vehicle("第五十五条", shown=False), _policy("第五十五条"),
        Material(
            "vehicle_tax", "车船税", vehicle_rules("第五十五条"), (VEHICLE_TAX_PAID,), proves=vehicle_tax_paid,
        ),
    ),
    parts=(INSURANCE, VEHICLE_TAX),
)  # fmt: skip

CONTACT = traffic.item(
    "vehicle-contact", "联系方式变更备案", "HC",
    (vehicle_rules("第二十三条、第二十四条"), licence_rules("第八十一条")),
    Guide(
        summary="电话、地址变了，30日内在手机上备案；本人驾驶证的联系方式可以一起改。",
        audience="车辆登记在本市的车主",
        result="交管平台的记载",
        fee="不收费",
        keeps=_KEEPS,
        words=("车|驾驶证|驾照 联系方式|手机号|电话 变更|改|换", "联系方式变更|联系方式备案"),
    ),
    groups=(_WHICH, Group("contact", "新的联系方式", ContactSchema(), confirms="vehicle")),
    materials=(_vehicle("第二十四条"),),
    submit_guard=(OWN_LICENCE_ONLY,),
)  # fmt: skip

ITEMS = (PLATE_REPLACE, LICENCE_REPLACE, MARK_REPLACE, MARK_EXEMPT, CONTACT)
