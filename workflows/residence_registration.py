"""Residence registration (居住登记): a migrant declares where they live; the half year counts from that day.

It is a duty and never refused. Where the registers confirm person and address it is done at once; an address that no
register knows is registered as of the day on which it was declared, and the community officer looks for it afterwards,
without a trip of the citizen's.
"""

from __future__ import annotations

from marshmallow import Schema

from citizen_services.cases import corrections, decisions
from citizen_services.cases.effects import issue
from citizen_services.cases.errors import InvalidInput
from citizen_services.cases.situation import Situation
from citizen_services.catalogue import (
    APPLICANT,
    BY_HAND,
    SYSTEM,
    AddressField,
    All,
    By,
    ChoiceField,
    Clocks,
    Doc,
    Door,
    Effect,
    Equals,
    Facts,
    Group,
    Guard,
    Guide,
    Household,
    Material,
    NameField,
    Not,
    Period,
    PhoneField,
    PreCheck,
    ServiceItem,
    State,
    StationField,
    Step,
    Supplier,
    TextField,
    Verdict,
)
from citizen_services.database import Change
from citizen_services.parts import parts
from citizen_services.people.queries import office, offices
from citizen_services.registers.operations import register_residence, settle_address
from citizen_services.registers.queries import registration_of_case
from citizen_services.rules.dates import chinese_full_day
from citizen_services.rules.divisions import is_migrant
from workflows.sources import migrant_regulation
from workflows.telling import turn

RESIDENCE_KINDS = (
    ("rented", "租住房屋"),
    ("dormitory", "单位宿舍"),
    ("building_site", "建筑工地"),
    ("own_home", "自有住房"),
    ("relatives", "投靠亲友"),
    ("school", "学校宿舍", "寄宿的学生可以不登记；登记的，可以作为申领居住证的居住时间"),
)

ADDRESS = Supplier("addresses", "address")
PERSON = Supplier("population", "person")


# --- Form ---------------------------------------------------------------------------------------------------------


class AddressSchema(Schema):
    """Where the person lives now."""

    address_code = AddressField(
        "现居住地址",
        hint="输入小区、村或道路名称，从标准地址库中选择",
        by_hand=("列表里没有我的住址，自己填写", "居住时间一样从今天起算，社区民警之后核实，不用您跑"),
    )
    room = TextField("门牌或房间号", hint="例如 3 幢 502 室；地址里已有房间号的可以不填", most=30, required=False)
    residence_kind = ChoiceField("居住方式", RESIDENCE_KINDS)


class ByHandSchema(Schema):
    """An address that the standard addresses don't know."""

    station = StationField("所在街道或镇", hint="选您住的街道或镇；拿不准的选最近的，选错了由我们转交")
    community = TextField("村或社区", hint="例如：金钟社区、上宋村", most=30)
    typed_address = TextField(
        "详细地址", hint="路名和门牌号；没有门牌的，写明在什么旁边", most=80, autocomplete="street-address"
    )


class RentedSchema(Schema):
    """Whom the community officer can ask about a rented home that the standard addresses don't know."""

    landlord_name = NameField("房东姓名", hint="知道就填，方便社区民警核实，不用您跑", most=30, required=False)
    landlord_phone = PhoneField("房东手机号码", required=False)


class DormitorySchema(Schema):
    """Whose dormitory it is."""

    dormitory_of = TextField("宿舍属于哪个单位", hint="单位全称", most=60)


class SiteSchema(Schema):
    """Which building site it is."""

    site_name = TextField("工地名称", hint="围挡或公示牌上的项目名称", most=60)
    builder = TextField("施工单位", most=60)
    site_contact = PhoneField("工地负责人手机号码", required=False)


class OwnHomeSchema(Schema):
    """Whose home it is."""

    ownership = ChoiceField(
        "房屋是谁的", (("own", "本人的"), ("family", "家人的"), ("bought", "已经购买，还没有办产权证"))
    )


class RelativesSchema(Schema):
    """With whom the person lives."""

    host_name = NameField("亲友姓名", most=30)
    host_relation = ChoiceField(
        "您是他（她）的",
        (("spouse", "配偶"), ("child", "子女"), ("parent", "父母"), ("relative", "其他亲戚"), ("friend", "朋友")),
    )


class SchoolSchema(Schema):
    """Which school it is."""

    school_name = TextField("学校名称", most=60)


class ConfirmSchema(Schema):
    """How the community officer knows that somebody lives there."""

    how = TextField("怎样核实的", hint="例如：入户见到本人、房东电话确认", most=120, missing="请写明怎样核实的")


class BetterAddressSchema(Schema):
    """The address as the community officer found it."""

    found_address = TextField("核实后的地址", hint="写到门牌和房间号，将记入居住登记", most=100)
    how = TextField("怎样核实的", hint="例如：入户见到本人、房东电话确认", most=120, missing="请写明怎样核实的")


class NotFoundSchema(Schema):
    """What the person is asked to say more about."""

    why = TextField("请申请人补充什么", hint="申请人会读到这段文字", most=120, lines=True)


class ClosingSchema(Schema):
    """What was tried before the search was given up."""

    how = TextField("做过哪些核实", hint="例如：两次上门、三次电话均未联系上", most=120, missing="请写明做过哪些核实")


# --- Conditions, guards and effects -------------------------------------------------------------------------------


def _is_migrant(facts: Facts) -> Verdict:
    if is_migrant(facts.hukou_code, facts.district, facts.city_area):
        return Verdict(True)
    return Verdict(
        False,
        "您的户籍在本市市区，不属于流动人口，不需要办理居住登记。",
        "如果您在市区内迁居，请按户口登记的规定办理；有疑问请致电服务热线。",
    )


def _confirmed(situation: Situation) -> bool:
    known = situation.content(ADDRESS.key)
    return known is not None and known["code"] == situation.data["address"]["address_code"]


def _by_hand(situation: Situation) -> bool:
    return bool(situation.data["address"]["address_code"] == BY_HAND)


def full_address(situation: Situation) -> str:
    """The standard address, or the one typed by hand under its district's name; with the room that the person added."""
    room = situation.data["address"].get("room", "")
    if not _by_hand(situation):
        return f"{(situation.content(ADDRESS.key) or {}).get('text', '')}{room}"
    typed, settings = situation.data["by_hand"], parts().settings
    text = f"{typed['community']}{typed['typed_address'].removeprefix(typed['community'])}"
    if settings.district_name not in text:
        text = f"{settings.city_name}{settings.district_name}{text}"
    return f"{text}{room}"


def _register(situation: Situation, change: Change) -> None:
    """Register the address, or mend the registration that the case has; the day of declaring stays."""
    address, known = full_address(situation), registration_of_case(situation.case_id)
    code = "" if _by_hand(situation) else situation.data["address"]["address_code"]
    confirmed_by = "open" if _by_hand(situation) else "register"
    _go_to(situation, _route(situation))
    if confirmed_by == "open":
        kinds = {one[0]: one[1] for one in RESIDENCE_KINDS}
        situation.results["looked_for"] = {
            "community": situation.data["by_hand"]["community"],
            "address": address,
            "kind": kinds[situation.data["address"]["residence_kind"]],
        }
    if known is None:
        register_residence(
            change,
            number=situation.number,
            citizen_id=situation.citizen.id,
            case_id=situation.case_id,
            address_code=code,
            address=address,
            kind=situation.data["address"]["residence_kind"],
            office_code=situation.office or "",
            district=situation.district,
            since=situation.today,
            confirmed_by=confirmed_by,
        )
    else:
        settle_address(
            change,
            situation.case_id,
            confirmed_by=confirmed_by,
            address=address,
            address_code=code,
            office_code=situation.office,
        )
    _name(situation, address, "" if confirmed_by == "register" else _TO_BE_LOOKED_FOR)


def _found(situation: Situation, change: Change) -> None:
    """The community officer found that somebody lives there, at the address declared or at a better one."""
    address = situation.given.get("found_address") or full_address(situation)
    settle_address(change, situation.case_id, confirmed_by="officer", address=address)
    _name(situation, address, "地址已由社区民警核实。")


def _given_up(situation: Situation, change: Change) -> None:
    settle_address(change, situation.case_id, confirmed_by="not_found")


_LOOKED_AGAIN = "社区民警又去找过，仍没有找到"


def _ask_for_address(situation: Situation, change: Change) -> None:
    situation.results["asked"] = True
    why = situation.given["why"]
    # The registration stands whatever is answered, so it may be asked again as long as it is looked for.
    situation.given = {"items": [{"code": "address.address_code", "why": why}], "new_because": _LOOKED_AGAIN}
    corrections.ask.do(situation, change)


def _handed_over(situation: Situation, change: Change) -> None:
    decisions.hand_over.do(situation, change)
    settle_address(change, situation.case_id, confirmed_by="open", office_code=situation.office)


def _go_to(situation: Situation, station: str) -> None:
    """Let the case lie with the station of the address, where a correction moved it."""
    if situation.office != station:
        situation.office = situation.columns["office_code"] = station
        situation.values["office"] = office(station).name


def _name(situation: Situation, address: str, looked_for: str) -> None:
    known = registration_of_case(situation.case_id)
    declared = known.since if known is not None else situation.today
    situation.values |= {"address": address, "declared": chinese_full_day(declared), "looked_for": looked_for}


def _route(situation: Situation) -> str:
    if not _by_hand(situation):
        return str((situation.content(ADDRESS.key) or {}).get("station", ""))
    chosen = offices().get(situation.data["by_hand"]["station"])
    if chosen is None or chosen.kind != "station" or chosen.district != situation.district:
        raise InvalidInput({"station": ["请选择本区的街道或镇"]})
    return chosen.code


# --- Documents and notices ----------------------------------------------------------------------------------------

_TO_BE_LOOKED_FOR = "标准地址库里没有这个地址，由社区民警核实，不需要您到场；居住时间从申报当天起算。"

RECEIPT = Doc(
    "receipt",
    "居住登记回执",
    (
        "{name}：您于{declared}申报居住登记，登记编号{number}。",
        "登记地址：{address}。{looked_for}",
        "居住登记满半年、符合条件的，可以申领居住证。居住地址变更的，请在10日内办理变更。",
        "{office}　{at}",
    ),
)

DONE = turn(
    "registered",
    "居住登记已完成",
    text="您的居住登记（{number}）已完成，登记单位：{office}。地址变更请在10日内重新登记。办得怎样，可在办件页评价。",
    hint="居住登记已完成，满半年可申领居住证",
    sms="您的居住登记已完成，编号{number}。住满半年可申领居住证，详情请在微信公众号“我的办件”中查看。",
)
TAKEN = turn(
    "registered_unseen",
    "居住登记已收下",
    text="您的居住登记（{number}）已收下，居住时间从今天起算。地址由{office}的社区民警核实，不需要您到场。",
    hint="已登记，地址由社区民警核实",
    sms="您的居住登记已收下，编号{number}，居住时间从今天起算。地址由社区民警核实，不需要您到场。",
)
FOUND = turn(
    "address_found",
    "居住地址已核实",
    text="您的居住登记（{number}）地址已由{office}核实。地址变更请在10日内重新登记。办得怎样，可在办件页评价。",
    hint="居住地址已核实，登记完成",
    sms="您的居住登记地址已核实，编号{number}。住满半年可申领居住证，详情请在微信公众号“我的办件”中查看。",
)
NOT_FOUND = turn(
    "address_not_found",
    "请补充居住地址",
    text="社区民警没有找到您申报的居住地址（{number}），请在{until}前在办件页补充或更正。已登记的日期不变，不需要您到场。",
    hint="地址没有找到，{until}前补充",
    sms="社区民警没有找到您申报的居住地址，编号{number}，请于{until}前在微信公众号“我的办件”中补充或更正，不用到场。",
    must_be_known=True,
)
CLOSED = turn(
    "address_given_up",
    "居住地址没有核实到",
    text="您的居住登记（{number}）保留，但地址没有核实到。申领居住证时会再核对；地址有变化请重新登记。",
    hint="登记保留，地址没有核实到",
    sms="您的居住登记保留，但地址没有核实到，编号{number}。申领居住证时会再核对，地址有变化请重新登记。",
)

_COMMUNITY = By.staff("community_officer")
_REGISTER = Effect("register_residence", _register, gives=("address", "declared", "looked_for"))
_ALSO_FOUND = Effect("address_found", _found, gives=("address", "declared", "looked_for"))


def _kind(code: str) -> Equals:
    return Equals("address", "residence_kind", code)


ITEM = ServiceItem(
    code="residence-registration",
    name="居住登记",
    version=1,
    legal_basis=(migrant_regulation("第七条"), migrant_regulation("第十三条")),
    guide=Guide(
        summary="来本区居住的外地户籍人员申报现住地址，当场办结，不用跑派出所。",
        audience="户籍不在本市市区、在本区居住的人员",
        result="居住登记回执（电子）",
        fee="免费",
        keeps="登记信息由公安机关按规定保存，仅用于居住登记、居住证和法律规定的公共服务。",
        words=(
            "居住登记|暂住登记|居住申报|暂住申报|流动人口登记|登记回执",
            "搬家|搬了家|搬过来|刚搬|搬到|搬了|新住处",
            "换|变 住处|住址|地址|地方住|住的地方|房子|出租屋|宿舍",
            "刚|新 来|到 这边|这里|打工|上班",
            "租房|租了|租的房|租住|出租屋|外地来|外来人口|外来人员",
            "登记 住|房|外地|人口",
        ),
    ),
    doors=(Door("online", 0), Door("counter", 1)),
    pre_checks=(PreCheck("migrant", "户籍不在本市市区", migrant_regulation("第二条"), _is_migrant),),
    groups=(
        Group("address", "现居住地址", AddressSchema(), intro="请填写您现在实际居住的地址。从登记当天起计算居住时间。"),
        Group(
            "by_hand", "自己填写住址", ByHandSchema(), when=Equals("address", "address_code", BY_HAND),
            intro="按您填写的登记，居住时间从今天起算。社区民警之后会核实，不需要您到场。",
        ),
        Group(
            "rented", "房东", RentedSchema(),
            when=All((_kind("rented"), Equals("address", "address_code", BY_HAND))),
        ),
        Group("dormitory", "单位宿舍", DormitorySchema(), when=_kind("dormitory")),
        Group("building_site", "建筑工地", SiteSchema(), when=_kind("building_site")),
        Group("own_home", "自有住房", OwnHomeSchema(), when=_kind("own_home")),
        Group("relatives", "投靠亲友", RelativesSchema(), when=_kind("relatives")),
        Group("school", "学校宿舍", SchoolSchema(), when=_kind("school")),
    ),
    materials=(
        Material("identity", "居民身份证", migrant_regulation("第七条"), (PERSON,)),
        Material(
            "address", "居住地址", migrant_regulation("第七条"), (ADDRESS,),
            when=Not(Equals("address", "address_code", BY_HAND)),
        ),
    ),
    states=(
        State("submitted", "已提交", "正在核对登记信息，马上就好。", desk="own", clock="first_answer"),
        State(
            "verifying", "待核实", "居住登记已收下，从申报当天起算。社区民警正在核实地址，不需要您到场。",
            desk="own", clock="first_answer",
        ),
        State("correcting", "待补充", "请补充或更正居住地址，已登记的日期不变，不需要您到场。"),
        State("completed", "已办结", "居住登记已完成。", final=True),
    ),
    steps=(
        Step(None, "submit", "submitted", APPLICANT, "确认登记", "已提交登记"),
        Step(
            "submitted", "complete", "completed", SYSTEM, "自动登记", "登记完成",
            guard=(Guard("address_confirmed", "标准地址库没有确认这个地址。", _confirmed),),
            then=(_REGISTER, issue(RECEIPT)),
            tell=DONE, automatic=True,
        ),
        Step(
            "submitted", "take_in", "verifying", SYSTEM, "先登记，后核实", "已登记，地址待核实",
            guard=(Guard("typed_by_hand", "地址在标准地址库里，不需要核实。", _by_hand),),
            then=(_REGISTER, issue(RECEIPT)),
            tell=TAKEN, automatic=True,
        ),
        Step(
            "verifying", "confirm", "completed", _COMMUNITY, "核实无误", "地址已核实，登记完成",
            input=ConfirmSchema(), then=(_ALSO_FOUND, issue(RECEIPT)), tell=FOUND,
        ),
        Step(
            "verifying", "correct_address", "completed", _COMMUNITY, "更正地址并登记", "地址已核实更正，登记完成",
            input=BetterAddressSchema(), then=(_ALSO_FOUND, issue(RECEIPT)), tell=FOUND,
        ),
        Step(
            "verifying", "not_found", "correcting", _COMMUNITY, "没有找到，请申请人补充", "地址没有找到，请补充",
            input=NotFoundSchema(), then=(Effect("ask_for_address", _ask_for_address, gives=("until", "count")),),
            tell=NOT_FOUND,
        ),
        Step(
            "verifying", "hand_over", "verifying", _COMMUNITY, "移交", "已移交到管辖派出所",
            input=decisions.HandOverSchema(), then=(Effect("hand_over", _handed_over),),
        ),
        Step(
            "verifying", "close_unfound", "completed", _COMMUNITY, "多次核实未果，结束核实", "登记保留，地址没有核实到",
            input=ClosingSchema(),
            guard=(
                Guard("asked_before", "请先让申请人补充地址，再结束核实。", lambda s: bool(s.results.get("asked"))),
            ),
            then=(Effect("give_up", _given_up),), tell=CLOSED, danger=True,
        ),
        Step(
            "correcting", "answer_correction", "submitted", APPLICANT, "提交补充", "已补充地址",
            input=corrections.AnswerSchema(), then=(corrections.answer,),
        ),
        corrections.note_call,
        Step(
            "correcting", "lapse", "verifying", SYSTEM, "到期没有补充", "到期没有补充，由社区民警继续核实",
            then=(corrections.lapse,),
        ),
    ),
    clocks=Clocks(Period(1, "working"), Period(1, "working"), None, None, at_once=True),
    route=_route,
    documents=(RECEIPT,),
    commitment="我承诺以上地址是我本人现在实际居住的地址，并愿意承担提供虚假信息的责任。",
    number_prefix="JD",
    household=Household(
        otherwise=(
            ("own_home", "ownership", {"own": "family", "bought": "family"}),
            ("relatives", "host_relation", dict.fromkeys(("spouse", "child", "parent"), "relative")),
        )
    ),
)  # fmt: skip
