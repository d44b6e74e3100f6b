"""Unified social credit codes (统一社会信用代码, GB 32100-2015) of employers, schools and other organisations.

Eighteen characters without I, O, S, V, Z; the last is a check character. Genuine codes that fail the check are in
circulation, so a failed check is a warning for the person and the officer, never a refusal.
"""

import re
from dataclasses import dataclass

from .errors import RuleError
from .text import compact

_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_WEIGHTS = tuple(3**position % 31 for position in range(17))
_SHAPE = re.compile(f"[{_ALPHABET}]{{2}}[0-9]{{6}}[{_ALPHABET}]{{10}}")

CHECK_FAILED = "统一社会信用代码的校验位不符，请对照营业执照核对；确认无误可以继续。"


@dataclass(frozen=True, slots=True)
class CreditCode:
    """A well-formed code, and the sentence to show when its check character does not fit (None: it fits)."""

    code: str
    warning: str | None


def check_character(first17: str) -> str:
    """The 18th character for the first seventeen (31 minus the weighted sum modulo 31)."""
    if len(first17) != 17:
        raise ValueError("seventeen characters are needed")
    total = sum(weight * _ALPHABET.index(char) for weight, char in zip(_WEIGHTS, first17, strict=True))
    return _ALPHABET[-total % 31]


def parse_credit_code(text: str) -> CreditCode:
    """Return the code in capital letters; raise `RuleError` when it cannot be one at all."""
    typed = compact(text)
    if not typed:
        raise RuleError("请填写单位的统一社会信用代码（营业执照上的18位代码）。")
    if len(typed) != 18:
        raise RuleError(f"统一社会信用代码应为18位，您填写了{len(typed)}位，请对照营业执照核对。")
    if re.search("[IOSVZ]", typed):
        raise RuleError("统一社会信用代码中没有字母I、O、S、V、Z，请核对是否应为数字1、0、5或2。")
    if not _SHAPE.fullmatch(typed):
        raise RuleError("统一社会信用代码由数字和大写字母组成，第3至8位为数字，请对照营业执照核对。")
    return CreditCode(typed, None if check_character(typed[:17]) == typed[17] else CHECK_FAILED)
