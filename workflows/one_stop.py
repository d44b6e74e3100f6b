"""Partners' parts (一站式): what other desks of the hall must have done, and which register tells.

A service names those that it needs. The articles are those of order 164 (机动车登记规定) and 162
(机动车驾驶证申领和使用规定) as commonly cited; the bureau checks them against the text in force.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from citizen_services.catalogue import Part, Supplier
from citizen_services.rules.dates import add_months, chinese_date
from workflows.sources import licence_rules, vehicle_rules

VEHICLE = Supplier("vehicles", "vehicle")
LICENCE = Supplier("licences", "licence")
VIOLATIONS = Supplier("violations", "open")
INSURANCE_POLICY = Supplier("insurance", "compulsory")
VEHICLE_TAX_PAID = Supplier("vehicle_tax", "paid")
PURCHASE_TAX_PAID = Supplier("purchase_tax", "paid")
MEDICAL_CERTIFICATE = Supplier("medical", "certificate")

#: How long a physical condition's proof serves, in months (order 162 art 85).
MEDICAL_MONTHS = 6


def insured(content: Mapping[str, Any], day: date) -> bool:
    """The compulsory insurance is in force on a day; its last day counts."""
    return date.fromisoformat(content["since"]) <= day <= date.fromisoformat(content["until"])


def vehicle_tax_paid(content: Mapping[str, Any], day: date) -> bool:
    """The vehicle tax of the day's year is paid or not owed."""
    return bool(content["exempt"]) or int(content["year"]) >= day.year


def purchase_tax_paid(content: Mapping[str, Any], day: date) -> bool:
    """The purchase tax was paid by that day, or is not owed."""
    return bool(content["exempt"]) or date.fromisoformat(content["paid_on"]) <= day


def fit_to_drive(content: Mapping[str, Any], day: date) -> bool:
    """A certificate says that the person is fit, and is at most six months old."""
    examined = date.fromisoformat(content["examined_on"])
    return bool(content["fit"]) and examined <= day <= add_months(examined, MEDICAL_MONTHS)


def _day(value: str) -> str:
    return chinese_date(date.fromisoformat(value))


INSURANCE = Part(
    code="insurance",
    name="机动车交通事故责任强制保险（交强险）",
    source=vehicle_rules("第十二条"),
    supplier=INSURANCE_POLICY,
    done=insured,
    shown=lambda content: f"{content['insurer']}承保，{_day(content['until'])}前有效",
    todo="请先投保交强险：网上投保，或者到大厅的保险窗口，当场出单。",
    desk="insurance",
)
PURCHASE_TAX = Part(
    code="purchase_tax",
    name="车辆购置税",
    source=vehicle_rules("第十二条"),
    supplier=PURCHASE_TAX_PAID,
    done=purchase_tax_paid,
    shown=lambda content: "免征" if content["exempt"] else f"{_day(content['paid_on'])}已缴纳",
    todo="请先缴纳车辆购置税：电子税务局网上缴，或者到大厅的税务窗口，带购车发票。",
    desk="purchase_tax",
)
VEHICLE_TAX = Part(
    code="vehicle_tax",
    name="车船税",
    source=vehicle_rules("第五十四条、第五十五条"),
    supplier=VEHICLE_TAX_PAID,
    done=vehicle_tax_paid,
    shown=lambda content: "免征" if content["exempt"] else f"{content['year']}年度已缴纳",
    todo="请先缴纳今年的车船税：投保交强险时由保险公司代收，也可以在电子税务局缴。",
    desk="insurance",
)
MEDICAL = Part(
    code="medical",
    name="身体条件证明",
    source=licence_rules("第八十五条"),
    supplier=MEDICAL_CERTIFICATE,
    done=fit_to_drive,
    shown=lambda content: f"{content['hospital']}，{_day(content['examined_on'])}体检合格",
    todo="请先体检：县级以上医院都可以，大厅的体检窗口也能做；结果由医院直接上传，六个月内有效。",
    desk="medical",
)
EMS = Part(
    code="ems",
    name="邮政EMS寄递",
    source=vehicle_rules("第六十九条"),
    todo="号牌和证件可以寄到家：办理时在大厅的邮政窗口填写地址。想当场拿走的，不用寄。",
    desk="ems",
    optional=True,
)
