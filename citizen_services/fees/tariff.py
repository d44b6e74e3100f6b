"""What a service costs today, and in which words that is said before anybody applies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from citizen_services.catalogue import ServiceItem
from citizen_services.fees import postage
from citizen_services.fees.money import yuan
from citizen_services.people.parameters import fee_parameter, number


@dataclass(frozen=True)
class Line:
    """One amount of a tariff, in fen."""

    label: str
    fen: int


def lines(item: ServiceItem, data: Mapping[str, Mapping[str, Any]] | None = None) -> tuple[Line, ...]:
    """The amounts above 0 that a case with those answers owes; of the whole tariff where no answers are given."""
    if not item.fee:
        return ()
    owed = item.fee.amounts if data is None else item.fee.owed(data)
    amounts = ((param.label, number(fee_parameter(item, param))) for param in owed)
    return tuple(Line(label, fen) for label, fen in amounts if fen)


def owed(item: ServiceItem, data: Mapping[str, Mapping[str, Any]]) -> int:
    """What a case with those answers costs, in fen; 0 is free."""
    return sum(line.fen for line in lines(item, data))


def words(item: ServiceItem) -> str:
    """What the guide says that it costs: the declaration's own words while nothing is charged, else the tariff."""
    tariff = lines(item)
    if not tariff:
        return postage.said(item.guide.fee)
    return "；".join(f"{line.label} {yuan(line.fen)}" for line in tariff)


def before_sending(item: ServiceItem, data: Mapping[str, Mapping[str, Any]]) -> list[dict[str, str]]:
    """What the last page before the sending says of money: the fee of these answers, when it is paid, the postage."""
    rows = [{"label": line.label, "value": yuan(line.fen)} for line in lines(item, data)]
    if rows:
        rows[-1]["note"] = "核对通过后通知您缴费，缴清后受理；没有受理的，按原路退还。"
    else:
        rows.append({"label": "办理费用", "value": "不收费"})
    if "delivery" in data:
        rows.append({"label": "邮寄费", "value": postage.words()})
    return rows
