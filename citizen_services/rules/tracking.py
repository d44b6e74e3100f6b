"""Tracking numbers of China Post EMS: thirteen digits within the country, UPU S10 (EE123456785CN) beyond.

A domestic number has two digits of service, eight of serial, the S10 check digit and a suffix of two; that is observed
on public numbers beginning with 1 (six of six), not stated by an official text. So a number whose check digit does not
fit is only a warning to the clerk who types it, and other domestic numbers (95…, 97…, 98…) are not checked at all.
A number may be used again after a year: it is a key only together with a date.
"""

import re
from dataclasses import dataclass

from .errors import RuleError
from .text import compact

_S10_WEIGHTS = (8, 6, 4, 2, 3, 5, 9, 7)
_DOMESTIC = re.compile(r"[0-9]{13}")
_S10 = re.compile(r"[A-Z]{2}[0-9]{9}[A-Z]{2}")

CHECK_FAILED = "运单号的校验位不符，请对照面单逐位核对；确认无误可以继续。"


@dataclass(frozen=True, slots=True)
class Tracking:
    """A well-formed tracking number, and the sentence to show when its check digit does not fit."""

    number: str
    warning: str | None


def check_digit(serial: str) -> str:
    """The UPU S10 check digit of an eight-digit serial: 11 minus weighted sum modulo 11; 10 becomes 0, 11 becomes 5."""
    if not re.fullmatch(r"[0-9]{8}", serial):
        raise ValueError("eight digits are needed")
    rest = 11 - sum(weight * int(digit) for weight, digit in zip(_S10_WEIGHTS, serial, strict=True)) % 11
    return {10: "0", 11: "5"}.get(rest, str(rest))


def check_tracking(text: str) -> Tracking:
    """Return the number as the partner writes it; raise `RuleError` when it is no tracking number at all."""
    typed = compact(text).replace("-", "")
    if not typed:
        raise RuleError("请填写或扫描邮政运单号。")
    if not _DOMESTIC.fullmatch(typed) and not _S10.fullmatch(typed):
        raise RuleError("运单号应为13位数字，或两位字母、九位数字加两位字母，请对照面单核对。")
    if typed.isdigit() and not typed.startswith("1"):
        return Tracking(typed, None)
    return Tracking(typed, None if check_digit(typed[2:10]) == typed[10] else CHECK_FAILED)


def make_number(serial: int, *, service: str = "11", suffix: str = "29") -> str:
    """A domestic number with a right check digit for a serial from 0 to 99,999,999; what a stand-in hands out."""
    if not 0 <= serial <= 99_999_999:
        raise ValueError("the serial has eight digits")
    digits = f"{serial:08d}"
    return f"{service}{digits}{check_digit(digits)}{suffix}"
