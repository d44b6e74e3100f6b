"""What was typed or scanned at a desk: a case by its number or the address in its QR code, or people."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from citizen_services import clock
from citizen_services.people.models import Citizen
from citizen_services.people.queries import citizen_by_id_number, citizens_by_name, citizens_by_phone
from citizen_services.rules.errors import RuleError
from citizen_services.rules.identity import parse_identity
from citizen_services.rules.names import normalise_name
from citizen_services.rules.phones import parse_mobile
from citizen_services.rules.text import compact

_NUMBER = re.compile(r"[A-Z]{2}\d{8}-\d{6}")
#: The address in a case's QR code, as a scanner types it.
_CASE_ADDRESS = re.compile(r"/cases/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.IGNORECASE)


@dataclass(frozen=True)
class Asked:
    """What was asked for: a case (by number or the id in a QR code), or people; ``id_number`` where one was given."""

    number: str = ""
    case_id: UUID | None = None
    people: Sequence[Citizen] = field(default_factory=tuple)
    id_number: str = field(default="", repr=False)


def read_asked(typed: str) -> Asked:
    """Understand what was typed or scanned; RuleError with what to correct."""
    scanned = _CASE_ADDRESS.search(typed)
    if scanned:
        return Asked(case_id=UUID(scanned[1]))
    text = compact(typed)
    if not text:
        raise RuleError("请输入办件编号、身份证号、手机号或完整姓名。")
    if _NUMBER.fullmatch(text):
        return Asked(number=text)
    digits = sum(char.isdigit() for char in text)
    if len(text) == 18 and digits >= 17:
        number = parse_identity(text, clock.today()).number
        person = citizen_by_id_number(number)
        return Asked(people=[person] if person else [], id_number=number)
    if digits:
        try:
            return Asked(people=citizens_by_phone(parse_mobile(text)))
        except RuleError:
            raise RuleError("没有认出来：办件编号形如 JZ20261109-000001，身份证号 18 位，手机号 11 位。") from None
    return Asked(people=citizens_by_name(normalise_name(typed)))
