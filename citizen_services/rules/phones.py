"""Mobile numbers of mainland China, which SMS, binding and EMS need; the number ranges are `phonenumbers`' own."""

import random
import re

import phonenumbers
from phonenumbers import PhoneNumber

from .errors import RuleError
from .text import compact

_PLAIN = re.compile(r"1[0-9]{10}")


def parse_mobile(text: str) -> str:
    """Return the 11 digits of a mainland mobile number typed in any usual way (blanks, hyphens, +86, full width).

    Raises `RuleError` for anything that cannot receive an SMS in the mainland.
    """
    typed = compact(text)
    if not typed:
        raise RuleError("请填写手机号码。")
    try:
        # As nearly everybody types it, and as it is stored: nothing to be parsed.
        plain = _PLAIN.fullmatch(typed)
        number = PhoneNumber(86, int(typed)) if plain else phonenumbers.parse(typed, "CN")
    except phonenumbers.NumberParseException:
        raise RuleError("手机号码应为11位数字，请核对后重新填写。") from None
    digits = str(number.national_number)
    if number.country_code != 86:
        raise RuleError("请填写中国大陆的手机号码（11位，以1开头），用于接收短信。")
    is_mobile = phonenumbers.number_type(number) == phonenumbers.PhoneNumberType.MOBILE
    if number.extension or not is_mobile or len(digits) != 11:
        raise RuleError("手机号码应为11位、以1开头的中国大陆手机号码，请核对后重新填写。")
    return digits


def invent_mobile(rng: random.Random) -> str:
    """A well-formed number for an invented person; it may belong to somebody, so it is for stand-ins only."""
    return f"{rng.choice(('138', '139', '150', '158', '186', '188'))}{rng.randrange(10**8):08d}"
