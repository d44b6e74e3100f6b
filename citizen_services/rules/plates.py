"""Number plates of motor vehicles: plate kind (号牌种类, GA/T 16.7) and number together name a vehicle.

New-energy plates have one more character: small vehicles D, A, B, C, E (electric) or F, G, H, J, K (other) in third
place, large ones in last place. No plate has I or O after the region letter.
"""

import re
from dataclasses import dataclass

from .errors import RuleError
from .text import compact

#: Plate kinds that the services deal with.
PLATE_KINDS: dict[str, str] = {
    "01": "大型汽车",
    "02": "小型汽车",
    "07": "两、三轮摩托车",
    "15": "挂车",
    "51": "大型新能源汽车",
    "52": "小型新能源汽车",
}

_REGION = "[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使领][A-Z]"
_ANY = "[A-HJ-NP-Z0-9]"
_ORDINARY = re.compile(f"{_REGION}{_ANY}{{4}}[A-HJ-NP-Z0-9学警港澳使领]")
_SHAPES: dict[str, re.Pattern[str]] = {
    "01": _ORDINARY,
    "02": _ORDINARY,
    "07": _ORDINARY,
    "15": re.compile(f"{_REGION}{_ANY}{{4}}挂"),
    "51": re.compile(f"{_REGION}[0-9]{{5}}[DABCEFGHJK]"),
    "52": re.compile(f"{_REGION}[DABCEFGHJK]{_ANY}[0-9]{{4}}"),
}


@dataclass(frozen=True, slots=True)
class Plate:
    """A plate: `kind` is a key of PLATE_KINDS, `number` in capitals without a dot (浙B12345)."""

    kind: str
    number: str

    @property
    def key(self) -> str:
        """`02-浙B12345`: kind and number as one name."""
        return f"{self.kind}-{self.number}"


def parse_plate(kind: str, number: str) -> Plate:
    """Return the plate; raise `RuleError` when the number cannot be one of that kind."""
    if kind not in PLATE_KINDS:
        raise RuleError("请选择号牌种类。")
    typed = re.sub("[·•・.\\-]", "", compact(number))
    if not typed:
        raise RuleError("请填写号牌号码，例如浙B12345。")
    if re.search("[IO]", typed[2:]):
        raise RuleError("号牌号码中没有字母I和O，请核对是否应为数字1或0。")
    if not _SHAPES[kind].fullmatch(typed):
        raise RuleError(f"号牌号码与所选的号牌种类（{PLATE_KINDS[kind]}）不符，请对照行驶证核对号码和种类。")
    return Plate(kind, typed)
