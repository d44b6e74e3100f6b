"""Vehicle identification numbers (车辆识别代号, GB 16735): seventeen characters without I, O, Q.

The ninth is a check character by 49 CFR 565; old and imported vehicles may lack a right one, hence only a warning.
"""

import re
from dataclasses import dataclass

from .errors import RuleError
from .text import compact

_VALUES = dict(zip("0123456789ABCDEFGHJKLMNPRSTUVWXYZ", map(int, "012345678912345678123457923456789"), strict=True))
_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_CHECK_POSITION, _YEAR_POSITION = 8, 9

CHECK_FAILED = "车辆识别代号的校验位不符，请对照行驶证逐位核对；老旧或进口车辆确认无误可以继续。"


@dataclass(frozen=True, slots=True)
class Vin:
    """A well-formed number, and the sentence to show when check or model-year character do not fit."""

    number: str
    warning: str | None


def check_character(number: str) -> str:
    """The right ninth character for a number of seventeen (its present ninth has weight zero)."""
    total = sum(weight * _VALUES[char] for weight, char in zip(_WEIGHTS, number, strict=True))
    return "0123456789X"[total % 11]


def parse_vin(text: str) -> Vin:
    """Return the number in capital letters; raise `RuleError` when it cannot be one at all."""
    typed = compact(text).replace("-", "")
    if not typed:
        raise RuleError("请填写车辆识别代号（行驶证上的17位代号）。")
    if len(typed) != 17:
        raise RuleError(f"车辆识别代号应为17位，您填写了{len(typed)}位，请对照行驶证核对。")
    if re.search("[IOQ]", typed):
        raise RuleError("车辆识别代号中没有字母I、O、Q，请核对是否应为数字1或0。")
    if not all(char in _VALUES for char in typed):
        raise RuleError("车辆识别代号由数字和大写字母组成，请对照行驶证核对。")
    sound = check_character(typed) == typed[_CHECK_POSITION] and typed[_YEAR_POSITION] not in "UZ0"
    return Vin(typed, None if sound else CHECK_FAILED)
