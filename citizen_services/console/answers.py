"""What officers read of an application: who applied, what was filled in, what the registers answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any

from marshmallow import fields as fields_

from citizen_services import clock
from citizen_services.cases.models import Case
from citizen_services.catalogue.fields import (
    BY_HAND,
    AddressField,
    ConfirmField,
    NameField,
    PhoneField,
    StationField,
)
from citizen_services.catalogue.vocabulary import Group, Material, ServiceItem
from citizen_services.filling.registers import shown_value
from citizen_services.parts import parts
from citizen_services.people.models import Citizen
from citizen_services.people.queries import offices
from citizen_services.registers.models import ResidencePermit, ResidenceRegistration
from citizen_services.registers.queries import permits_of, registrations_of
from citizen_services.rules.dates import chinese_date, local_date
from citizen_services.rules.identity import age_on
from citizen_services.rules.masking import mask_address, mask_id, mask_name, mask_phone

#: How officers know the registers.
SOURCES: Mapping[str, str] = {
    "population": "人口信息库",
    "migrants": "浙江省流动人口登记",
    "social_insurance": "社会保险登记",
    "market": "市场主体登记",
    "schools": "学籍登记",
    "addresses": "标准地址库",
    "vehicles": "机动车登记",
    "licences": "驾驶证登记",
    "violations": "交通违法记录",
    "insurance": "交强险信息平台",
    "vehicle_tax": "车船税登记",
    "purchase_tax": "车辆购置税登记",
    "medical": "驾驶人体检信息",
}
_GENDERS: Mapping[str, str] = {"male": "男", "female": "女"}
_STATUSES: Mapping[str, str] = {"normal": "正常", "cancelled": "户口已注销", "deceased": "已死亡"}
_PERMIT_STATES: Mapping[str, str] = {"valid": "有效", "replaced": "已换领", "cancelled": "已注销"}
#: What a card says where the person denies what the register knows.
DOUBTED = "申请人说有误"


@dataclass(frozen=True)
class Line:
    """One line about a person. ``key`` names a value that is masked and may be shown for a reason; empty: none such.

    ``differs``: the person declared that something is not as registered.
    """

    key: str
    label: str
    value: str
    full: str = ""
    differs: bool = False


def applicant_lines(applicant: Citizen) -> list[Line]:
    """Who applied, everything that identifies them masked."""
    age = age_on(applicant.birth_date, clock.today())
    return [
        Line("applicant.name", "姓名", mask_name(applicant.name), applicant.name),
        Line("applicant.id_number", "公民身份号码", mask_id(applicant.id_number), applicant.id_number),
        Line("applicant.phone", "手机号码", mask_phone(applicant.phone), applicant.phone),
        Line("", "性别、年龄", f"{_GENDERS.get(applicant.gender, '')}，{age} 岁"),
        Line(
            "applicant.hukou_address",
            "户籍地址",
            mask_address(applicant.hukou_address) or "没有登记",
            applicant.hukou_address,
        ),
    ]


def group_lines(
    group: Group, values: Mapping[str, Any], address: Mapping[str, Any] | None, *, only: str = ""
) -> list[Line]:
    """What was filled in on one page of the form, field by field, or in one field of it.

    An address is told by the register's words, since the code says nothing to people.
    """
    return [
        _line(f"{group.code}.{name}", field, values.get(name), address)
        for name, field in group.schema.fields.items()
        if (not only or name == only) and (values.get(name) not in (None, "") or field.required)
    ]


def _line(key: str, field: fields_.Field[Any], value: Any, address: Mapping[str, Any] | None) -> Line:
    label = str(field.metadata.get("label", key))
    text = _words(field, value, address)
    mask: Callable[[str], str] | None = None
    if isinstance(field, PhoneField):
        mask = mask_phone
    elif isinstance(field, NameField):
        mask = mask_name
    elif field.metadata.get("autocomplete") == "street-address":
        mask = mask_address
    if mask is not None and text:
        return Line(key, label, mask(text), text)
    return Line("", label, text, differs=isinstance(field, ConfirmField) and value == "no")


def _words(field: fields_.Field[Any], value: Any, address: Mapping[str, Any] | None) -> str:
    if value in (None, ""):
        return ""
    if isinstance(field, StationField):
        chosen = offices().get(str(value))
        return "，".join(word for word in (chosen.serves, chosen.name) if word) if chosen else str(value)
    if isinstance(field, AddressField) and value == BY_HAND:
        return "标准地址库里没有，申请人自己填写"
    if isinstance(field, AddressField):
        return str(address["text"]) if address and address.get("code") == value else f"标准地址编码 {value}"
    for choice in field.metadata.get("choices", ()):
        if choice[0] == value:
            return str(choice[1])
    return str(value)


def all_lines(item: ServiceItem, case: Case, applicant: Citizen) -> list[Line]:
    """Every line whose value can be shown for a reason."""
    lines = applicant_lines(applicant)
    for group in item.active_groups(case.data):
        lines += group_lines(group, case.data.get(group.code, {}), None)
    return [line for line in lines if line.key]


# --- What the registers answered ----------------------------------------------------------------------------------

ImageUrl = Callable[[str], str]


def answer_cards(
    item: ServiceItem,
    case: Case,
    answers: Mapping[str, Mapping[str, Any]],
    image_url: ImageUrl,
    later: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> list[dict[str, Any]]:
    """One ``answer_card`` for each material that a register supplies: what it said, when, or that it must be judged.

    ``later`` is what registers told since that were away at the time.
    """
    doubted = {group.confirms for group in item.active_groups(case.data) if _denied(group, case.data)}
    return [
        _since(_card(material, case, answers, image_url, material.code in doubted), material, answers, later, image_url)
        for material in item.active_materials(case.data)
        if material.suppliers
    ]


def _denied(group: Group, data: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether the person declared that what this page shows is wrong."""
    given = data.get(group.code, {})
    fields = group.schema.fields.items()
    return any(isinstance(field, ConfirmField) and given.get(name) == "no" for name, field in fields)


def _card(
    material: Material,
    case: Case,
    answers: Mapping[str, Mapping[str, Any]],
    image_url: ImageUrl,
    doubted: bool,
) -> dict[str, Any]:
    asked = [supplier for supplier in material.suppliers if supplier.key in answers]
    found = [s for s in asked if answers[s.key]["outcome"] == "found"]
    proves, day = material.proves, local_date(case.submitted_at)
    proving = [s for s in found if proves is None or proves(answers[s.key]["content"] or {}, day)]
    supplier = next(iter([*proving, *found, *asked, *material.suppliers]))
    answer = answers.get(supplier.key)
    name = SOURCES.get(supplier.source, "有关部门登记")
    card: dict[str, Any] = {"title": material.name, "source": f"{name} · 依据{material.source}", "ok": False}
    if answer is None:
        return card | {"verdict": "没有查询", "text": f"提交时没有向{name}查询，请人工核对。"}
    card["as_of"] = answer["at"]
    if answer["outcome"] == "unavailable":
        return card | {"verdict": "没有连上", "text": f"提交时{name}没有连上，请人工核对。"}
    if answer["outcome"] != "found":
        return card | {"verdict": "没有查到", "text": f"{name}里没有查到，请人工核对。"}
    content = answer["content"] or {}
    card["rows"] = _shown_as(material, case.answers[supplier.key], content, image_url) or _told(supplier.key, content)
    if doubted:
        return card | {"verdict": DOUBTED, "text": "申请人认为登记与实际不符，请核对下面“申请人填写”里的说明。"}
    return card | {"ok": True, "verdict": "已查到"}


def _since(
    card: dict[str, Any],
    material: Material,
    answers: Mapping[str, Mapping[str, Any]],
    later: Mapping[str, Mapping[str, Any]],
    image_url: ImageUrl,
) -> dict[str, Any]:
    """The card, with what a register told since where none had told anything at the time."""
    if any(answers.get(s.key, {}).get("outcome") == "found" for s in material.suppliers):
        return card
    told = [s for s in material.suppliers if s.key in later]
    if not told:
        return card
    supplier = next((s for s in told if later[s.key]["outcome"] == "found"), told[0])
    answer, name = later[supplier.key], SOURCES.get(supplier.source, "有关部门登记")
    card |= {"as_of": answer["at"], "source": f"{name} · 依据{material.source}"}
    before = f"提交时{name}没有连上，系统后来又查了一次"
    if answer["outcome"] != "found":
        return card | {"verdict": "后来没有查到", "text": f"{before}：没有查到，请人工核对。"}
    content = answer["content"] or {}
    rows = _shown_as(material, str(answer["id"]), content, image_url) or _told(supplier.key, content)
    return card | {"verdict": "后来查到", "text": f"{before}，查到如下，请与申请人所说的核对。", "rows": rows}


def _shown_as(
    material: Material, answer_id: str, content: Mapping[str, Any], image_url: ImageUrl
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for label, path in material.shown_as:
        if path.split(".")[0] not in content:
            continue
        value: Any = content
        for part in path.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        if path.rpartition(".")[2] == "portrait":
            rows.append({"label": label, "image": image_url(answer_id)} if value else {"label": label, "value": "没有"})
        else:
            rows.append({"label": label, "value": shown_value(path, value)})
    return rows


def _plain(value: Any) -> str:
    return shown_value("until", value)


def _told(key: str, content: Mapping[str, Any]) -> list[dict[str, Any]]:
    teller = _TELLERS.get(key)
    return teller(content) if teller else []


def _tell_person(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    same = {True: "与申请人一致", False: "与申请人不一致"}.get(content.get("same_name", None), "已登记")
    return [
        {"label": "姓名", "value": same},
        {"label": "户籍地址", "value": mask_address(str(content.get("hukou_address") or "")) or "没有登记"},
        {"label": "人员状态", "value": _STATUSES.get(str(content.get("status")), "没有说明")},
    ]


def _tell_history(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = [
        {"label": f"居住登记 {place}", "value": f"{_plain(row.get('since'))}至{_until(row.get('until'))}"}
        for row in content.get("registrations", ())
        if (place := mask_address(str(row.get("address", ""))) or "地址未登记")
    ]
    rows += [
        {
            "label": "居住证",
            "value": f"{_plain(row.get('issued'))}签发，{_PERMIT_STATES.get(str(row.get('state')), '状态不明')}"
            + ("（本市市区）" if row.get("district") in parts().settings.city_area else ""),
        }
        for row in content.get("permits", ())
    ]
    return rows or [{"label": "省内登记", "value": "没有以前的居住登记和居住证"}]


def _until(value: Any) -> str:
    return "今" if value is None else _plain(value)


def _tell_employment(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"label": "用人单位", "value": content.get("employer", "")},
        {"label": "参保起始", "value": _plain(content.get("since"))},
        {"label": "参保截止", "value": _plain(content.get("until"))},
    ]


def _tell_address(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"label": "标准地址", "value": content.get("text", "")},
        {"label": "社区", "value": content.get("community", "")},
        {"label": "网格", "value": content.get("grid", "")},
    ]


_TELLERS: Mapping[str, Callable[[Mapping[str, Any]], list[dict[str, Any]]]] = {
    "population.person": _tell_person,
    "migrants.history": _tell_history,
    "social_insurance.employment": _tell_employment,
    "addresses.address": _tell_address,
}
#: How an address came to be in our register, where a standard address did not confirm it.
_CONFIRMED: Mapping[str, str] = {
    "officer": "（社区民警核实）",
    "open": "（自己填写，待核实）",
    "not_found": "（没有核实到）",
}


def own_registers_card(applicant: Citizen) -> dict[str, Any] | None:
    """What our own registers hold of the person, as an ``answer_card``; None where they hold nothing."""
    rows = [{"label": f"居住登记 {row.number}", "value": _registered(row)} for row in registrations_of(applicant.id)]
    rows += [{"label": "居住证", "value": _permitted(row)} for row in permits_of(applicant.id)]
    if not rows:
        return None
    return {"title": "本区登记", "source": "本区居住登记和居住证登记", "ok": True, "verdict": "已登记", "rows": rows}


def _permitted(row: ResidencePermit) -> str:
    ended = f"，{chinese_date(row.ended_on)}终止" if row.ended_on else ""
    return f"{chinese_date(row.issued_on)}签发{ended}{f'，服务处所：{row.workplace}' if row.workplace else ''}"


def _registered(row: ResidenceRegistration) -> str:
    confirmed = _CONFIRMED.get(row.confirmed_by, "")
    return f"{row.address}{confirmed}，{chinese_date(row.since)}至{_end(row.until)}"


def _end(until: date | None) -> str:
    return "今" if until is None else chinese_date(until)
