"""From declarations to what the guide of an item shows."""

from __future__ import annotations

from typing import Any

from citizen_services.catalogue.fields import AddressField
from citizen_services.catalogue.vocabulary import By, Material, ServiceItem, Step, Supplier
from citizen_services.filling.registers import source_name
from citizen_services.portal.timeline import road_ahead

# --- The guide ----------------------------------------------------------------------------------------------------


def materials_of(item: ServiceItem) -> list[dict[str, Any]]:
    """The materials and who supplies each: ``{label, value, source, note}``."""
    return [_material(material) for material in item.materials]


def _material(material: Material) -> dict[str, Any]:
    if material.suppliers:
        value, source = "免提交", "、".join(dict.fromkeys(_supplied_by(s) for s in material.suppliers))
    else:
        value, source = ("可以后补" if material.deferrable else "需要上传"), ""
    return {"label": material.name, "value": value, "source": source, "note": f"依据{material.source}"}


def _supplied_by(supplier: Supplier) -> str:
    return f"由{source_name(supplier.source)}提供"


def steps_of(item: ServiceItem, own: str) -> list[str]:
    """The way of an application in a few words each, as the guide lists it; ``own`` is the office that works on it."""
    submit = item.step(None, "submit")
    if submit is None:
        return []
    lines = ["在这里填写并核对信息，提交申请"]
    lines += [_step(step, own) for step in road_ahead(item, submit.end)]
    return lines


def _step(step: Step, own: str) -> str:
    if step.automatic:
        return "信息核对一致的，马上办结"
    return f"{office_words(step.by, own)}{step.label}" if step.by.kind == "staff" else step.label


def office_words(by: By, own: str) -> str:
    """Where a step is done, as citizens say it."""
    return {"own": own, "service_centre": "区行政服务中心"}.get(by.office, "区内任一公安窗口")


def periods_of(item: ServiceItem) -> list[dict[str, Any]]:
    """The three periods, as rows."""
    clocks = item.clocks
    at_once = "信息核对一致的，当场办结；否则 " if clocks.at_once else ""
    statutory = clocks.statutory.label if clocks.statutory else "法律没有规定期限"
    return [
        {"label": "首次答复", "value": f"提交后 {clocks.first_answer.label}内"},
        {"label": "承诺时限", "value": f"{at_once}{clocks.promised.label}内办结"},
        {
            "label": "法定时限",
            "value": statutory,
            "note": f"依据{clocks.statutory_source}" if clocks.statutory_source else "",
        },
    ]


def visits_of(item: ServiceItem) -> int:
    """How often one has to come when applying online."""
    return next((door.visits for door in item.doors if door.code == "online"), 1)


def purposes_of(item: ServiceItem, own: str) -> list[dict[str, str]]:
    """What personal data is read or asked for, why, how long it is kept, who sees it."""
    # What the staff never touch is still seen by whoever answers for it.
    offices = dict.fromkeys(office_words(step.by, own) for step in item.steps if step.by.kind == "staff") or (own,)
    who = "、".join(offices) + "的经办人员；谁看过、为什么看，都有记录。"
    by_register: dict[str, list[Material]] = {}
    for material in item.materials:
        for supplier in material.suppliers:
            by_register.setdefault(supplier.source, []).append(material)
    rows = [
        {
            "what": f"向{source_name(source)}查询：{'、'.join(material.name for material in materials)}",
            "why": f"代替您提交材料，并核对是否符合条件（{materials[0].source}）。",
            "how_long": item.guide.keeps,
            "who": who,
        }
        for source, materials in by_register.items()
    ]
    asked = "、".join(group.title for group in item.groups)
    why = f"办理{item.name}，并把结果交给您。"
    return [*rows, {"what": f"您填写的内容：{asked}", "why": why, "how_long": item.guide.keeps, "who": who}]


def icon_of(item: ServiceItem) -> str:
    """An icon that fits what an item is about."""
    fields = [field for group in item.groups for field in group.schema.fields.values()]
    if any(isinstance(field, AddressField) for field in fields):
        return "home-check"
    return "id" if any(group.code == "delivery" for group in item.groups) else "file-text"


def promise_of(item: ServiceItem) -> str:
    """One line for lists: how many visits, how soon."""
    visits = visits_of(item)
    soon = "当场办结" if item.clocks.at_once else f"承诺 {item.clocks.promised.label}"
    return f"{'一次都不用跑' if visits == 0 else f'最多跑 {visits} 次'} · {soon}"
