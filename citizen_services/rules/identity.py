"""Resident identity numbers (公民身份号码, GB 11643-1999).

Six digits of the place where the number was first given, eight of the date of birth, three of sequence (odd: male), one
check character. The place may be a division abolished long ago (奉化市 330283) and says nothing about where the person
is registered today, so only its province is looked at.
"""

import random
import re
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from .divisions import PROVINCES
from .errors import RuleError
from .text import compact

Gender = Literal["male", "female"]

_WEIGHTS = tuple(2 ** (18 - position) % 11 for position in range(1, 18))
_CHECK_CHARACTERS = "10X98765432"
_SHAPE = re.compile(r"[0-9]{17}[0-9X]")

# Nobody born before this day is alive; an earlier date is a slip of the pen.
_EARLIEST_BIRTH = date(1870, 1, 1)


@dataclass(frozen=True, slots=True)
class IdentityNumber:
    """A valid number and what it tells about its holder; `repr` and `str` do not show it, so that logs do not."""

    number: str = field(repr=False)
    born: date = field(repr=False)

    @property
    def gender(self) -> Gender:
        """From the parity of the sequence (17th digit): odd is male."""
        return "male" if int(self.number[16]) % 2 else "female"

    @property
    def first_division(self) -> str:
        """Code of the place where the number was first given; never the present household registration."""
        return self.number[:6]

    def age_on(self, day: date) -> int:
        """Full years on `day`."""
        return age_on(self.born, day)


def check_character(first17: str) -> str:
    """The 18th character for the first seventeen digits (GB 11643: weighted sum modulo 11)."""
    if not re.fullmatch(r"[0-9]{17}", first17):
        raise ValueError("seventeen digits are needed")
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, first17, strict=True))
    return _CHECK_CHARACTERS[total % 11]


def parse_identity(text: str, today: date) -> IdentityNumber:
    """Return the number of a person alive on `today`; raise `RuleError` with what to correct.

    Blanks, full-width digits and a lower-case x are put right silently.
    """
    typed = compact(text).replace("-", "")
    if not typed:
        raise RuleError("请填写公民身份号码（身份证上的18位号码）。")
    if re.fullmatch(r"[0-9]{15}", typed):
        raise RuleError("15位的旧身份证号码已停止使用，请填写现用身份证上的18位号码。")
    if len(typed) != 18:
        raise RuleError(f"身份证号码应为18位，您填写了{len(typed)}位，请对照身份证核对。")
    if not _SHAPE.fullmatch(typed):
        raise RuleError("身份证号码前17位应为数字，最后一位为数字或X，请对照身份证核对。")
    if typed[:2] not in PROVINCES:
        raise RuleError("身份证号码的前两位有误，请对照身份证核对。")
    try:
        born = date(int(typed[6:10]), int(typed[10:12]), int(typed[12:14]))
    except ValueError:
        raise RuleError("身份证号码第7至14位（出生日期）不是存在的日期，请对照身份证核对。") from None
    if not _EARLIEST_BIRTH <= born <= today:
        raise RuleError("身份证号码第7至14位（出生日期）不合理，请对照身份证核对。")
    if check_character(typed[:17]) != typed[17]:
        raise RuleError("身份证号码校验不符，有数字填错或填反了，请对照身份证逐位核对。")
    return IdentityNumber(typed, born)


def birthday_in(born: date, year: int) -> date:
    """The day on which a year of age is completed in `year`; born on 29 February: 1 March in common years."""
    try:
        return born.replace(year=year)
    except ValueError:
        return date(year, 3, 1)


def day_of_age(born: date, years: int) -> date:
    """The first day on which a person born on `born` is `years` old."""
    return birthday_in(born, born.year + years)


def age_on(born: date, day: date) -> int:
    """Full years on `day`; raises ValueError for a day before birth."""
    if day < born:
        raise ValueError("not yet born on that day")
    return day.year - born.year - (day < birthday_in(born, day.year))


def invent(rng: random.Random, division: str, born: date, male: bool) -> str:
    """A valid number for an invented person of that place, birth and gender; for demo data and stand-ins only."""
    if not re.fullmatch(r"[0-9]{6}", division) or division[:2] not in PROVINCES:
        raise ValueError("a division code of six digits is needed")
    sequence = rng.randrange(1 if male else 2, 1000, 2)
    first17 = f"{division}{born:%Y%m%d}{sequence:03d}"
    return first17 + check_character(first17)
