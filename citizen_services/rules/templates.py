"""Texts that we fill in and send: placeholders, and the limits of each channel that a text must keep.

WeChat template messages and subscribe notifications check each value by the kind in its key (thing1, time2, …) and
answer 47003; Aliyun refuses template variables over 35 characters or with links. The limits are the documented ones.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from string import Formatter

from .errors import RuleError
from .text import HAN_CHARACTER, normalise_text, utf16_length

# ---------------------------------------------------------------------------------------------- placeholders

_PLACEHOLDER_NAME = re.compile(r"[a-z][a-z0-9_]*")


def placeholders(template: str) -> tuple[str, ...]:
    """The names in `{name}` of a text, in order, each once; raises ValueError for any other use of braces."""
    return tuple(dict.fromkeys(name for _, name in _pieces(template) if name))


def fill(template: str, values: Mapping[str, str]) -> str:
    """The text with each `{name}` replaced; raises KeyError for a value that is missing. Values are never parsed."""
    return "".join(literal + (values[name] if name else "") for literal, name in _pieces(template))


def longest(template: str, sizes: Mapping[str, int]) -> int:
    """The most UTF-16 units that the filled text can have, given the greatest length of each value."""
    return sum(utf16_length(literal) + (sizes[name] if name else 0) for literal, name in _pieces(template))


@lru_cache(maxsize=1024)
def _pieces(template: str) -> tuple[tuple[str, str | None], ...]:
    pieces: list[tuple[str, str | None]] = []
    for literal, name, form, conversion in Formatter().parse(template):
        if name is not None and (form or conversion or not _PLACEHOLDER_NAME.fullmatch(name)):
            raise ValueError(f"only {{name}} in small letters may stand in a text, not {{{name}}} with more")
        pieces.append((literal, name))
    return tuple(pieces)


# ---------------------------------------------------------------------------------------------- WeChat values

_DATE = r"\d{4}年\d{1,2}月\d{1,2}日"
_TIME = r"(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?"
_PLATE_END = f"(?:{HAN_CHARACTER.pattern}|[A-Z0-9])"
_KEY = re.compile(r"([a-z_]+?)[0-9]+")
_VALUE_SHAPES: dict[str, re.Pattern[str]] = {
    "thing": re.compile(r"[^\x00-\x1f\x7f]{1,20}"),
    "character_string": re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,30}[\x21-\x7e])?"),
    "number": re.compile(r"-?\d{1,32}|(?=.{3,32}\Z)-?\d+\.\d+"),
    "letter": re.compile(r"[A-Za-z]{1,32}"),
    "symbol": re.compile(r"[^\w\s]{1,5}"),
    "time": re.compile(rf"(?:{_DATE} )?{_TIME}(?:~(?:{_DATE} )?{_TIME})?"),
    "date": re.compile(rf"{_DATE}(?: {_TIME})?(?:~{_DATE}(?: {_TIME})?)?"),
    "amount": re.compile(r"[¥￥$€£]?(?:\d{1,10}|(?=[\d.]{3,11}(?:元|\Z))\d+\.\d+)元?"),
    "phone_number": re.compile(r"[0-9+*() \-]{1,17}"),
    "car_number": re.compile(rf"{_PLATE_END}[A-Z0-9]{{1,6}}{_PLATE_END}"),
    "name": re.compile(rf"(?=.*{HAN_CHARACTER.pattern}).{{1,10}}|[^\d]{{1,20}}"),
    "phrase": re.compile(rf"{HAN_CHARACTER.pattern}{{1,5}}"),
    "const": re.compile(r"[^\x00-\x1f\x7f]{1,20}"),
}


def value_kind(key: str) -> str:
    """The kind of a template key (`character_string4` → `character_string`); raises ValueError for an unknown kind."""
    found = _KEY.fullmatch(key)
    if not found or found[1] not in _VALUE_SHAPES:
        raise ValueError(f"{key} is no key of a template message: a known kind and a number are needed")
    return found[1]


def check_value(key: str, value: str, allowed: Collection[str] = ()) -> None:
    """Raise `RuleError` unless WeChat takes this value under this key; `allowed` are the words of a const key."""
    kind = value_kind(key)
    if not value.strip():
        raise RuleError(f"模板消息的 {key} 不能为空。")
    if not _VALUE_SHAPES[kind].fullmatch(value) or (kind == "name" and HAN_CHARACTER.search(value) and len(value) > 10):
        raise RuleError(f"模板消息的 {key} 不符合微信对 {kind} 类型的要求（长度或字符）。")
    if kind == "const" and allowed and value not in allowed:
        raise RuleError(f"模板消息的 {key} 不在模板列出的取值之中。")


def fit_value(key: str, value: str, allowed: Collection[str] = ()) -> str:
    """The value as it can be sent: one line, a long `thing` or `name` shortened with …; else as `check_value`.

    Dates, numbers and words are never shortened: they would say something else. A long name is, because its bearer
    would get no notice at all otherwise.
    """
    line = normalise_text(value, limit=10_000)
    size = {"thing": 20, "name": 10 if HAN_CHARACTER.search(line) else 20}.get(value_kind(key))
    if size and len(line) > size:
        line = line[: size - 1].rstrip() + "…"
    check_value(key, line, allowed)
    return line


# ---------------------------------------------------------------------------------------------- WeChat texts and menus

#: Bytes of UTF-8: a reply or customer-service text, a menu's name on the bar and in a list, a key, an address.
TEXT_BYTES = 2048
MENU_NAME_BYTES, SUBMENU_NAME_BYTES, MENU_KEY_BYTES, MENU_URL_BYTES = 16, 60, 128, 1024


# ---------------------------------------------------------------------------------------------- SMS

SMS_VARIABLE_LENGTH = 35
SMS_LENGTH = 500
_LINK = re.compile(r"https?:|www\.|(?<![\w@])[\w-]+\.(?:cn|com|net|org|gov|top|xyz|link|vip|cc|io|me)\b", re.IGNORECASE)
_MOBILE = re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)")


#: What the carriers refuse in a template, and what is said instead (Aliyun 463270, Tencent 382/39023).
INSTEAD_OF: Mapping[str, str] = {"年检": "检验有效期"}


@dataclass(frozen=True)
class Gateway:
    """What an SMS gateway takes: the longest variable, words and characters that it refuses in a template."""

    name: str
    variable: int
    words: tuple[str, ...]
    characters: str


#: By their own documents: Aliyun 463270 and 44357, Tencent 382/39023. How long a variable of Tencent's may be depends
#: on the account; six characters are what one has without having asked for more.
ALIYUN = Gateway("sms_aliyun", SMS_VARIABLE_LENGTH, ("代办证件", "代办年检", "党政", "法律维权"), "【】")
TENCENT = Gateway("sms_tencent", 6, ("党政", "法律维权", "个人手机号"), "【】¥★")
GATEWAYS: Mapping[str, Gateway] = {gateway.name: gateway for gateway in (ALIYUN, TENCENT)}


def check_words(text: str) -> None:
    """Raise `RuleError` for a word that the gateways refuse, with the one to use."""
    for refused, better in INSTEAD_OF.items():
        if refused in text:
            raise RuleError(f"短信平台不收“{refused}”，请写“{better}”。")


def check_sms_template(signature: str, template: str, gateway: Gateway = ALIYUN) -> None:
    """Raise `RuleError` unless a text can be registered with a gateway as a notice template and always be sent.

    Each variable once, none beside another, not variables only; no link, no mobile number, no 【】, no word that the
    carriers refuse; with the signature
    and all variables at their longest no more than 500 characters.
    """
    pieces = _pieces(template)
    names = [name for _, name in pieces if name]
    if len(names) != len(set(names)):
        raise RuleError("短信模板中同一变量只能出现一次。")
    if any(name and not literal and at for at, (literal, name) in enumerate(pieces)):
        raise RuleError("短信模板中的变量不能相邻，请在变量之间加文字。")
    words = "".join(literal for literal, _ in pieces)
    if not words.strip():
        raise RuleError("短信模板不能只有变量，请补充文字。")
    check_words(words)
    if refused := next((word for word in gateway.words if word in words), None):
        raise RuleError(f"短信平台（{gateway.name}）不收“{refused}”，请换一种说法。")
    if any(character in words for character in gateway.characters):
        raise RuleError(f"短信模板正文中不能使用{gateway.characters}。")
    if _LINK.search(words) or _MOBILE.search(words):
        raise RuleError("短信模板中不能有网址和手机号码，请写公众号名称或固定电话。")
    size = sms_length(signature, "") + longest(template, dict.fromkeys(names, gateway.variable))
    if size > SMS_LENGTH:
        raise RuleError(f"短信过长：连同签名和变量最多{SMS_LENGTH}字，现在可达{size}字，请精简。")


def fit_sms_value(value: str, most: int = SMS_VARIABLE_LENGTH) -> str:
    """A variable's value as gateways take it: one line without 【】, of no more characters; longer ones end with ….

    Raises `RuleError` for an empty value and for one with a link, which would be refused (isv.PARAM_NOT_SUPPORT_URL).
    """
    line = normalise_text(re.sub("[【】]", "", value), limit=10_000)
    if not line:
        raise RuleError("短信变量不能为空。")
    if _LINK.search(line):
        raise RuleError("短信变量中不能有网址。")
    while utf16_length(line) > most:
        line = line.removesuffix("…")[:-1].rstrip() + "…"
    return line


def aliyun_template(template: str) -> str:
    """The text as it is registered with Aliyun: `{name}` written as `${name}`."""
    return "".join(literal + (f"${{{name}}}" if name else "") for literal, name in _pieces(template))


def tencent_template(template: str) -> str:
    """The text as it is registered with Tencent: variables are numbers in the order in which they stand."""
    parts = (literal + (f"{{{at}}}" if name else "") for at, (literal, name) in enumerate(_pieces(template), start=1))
    return "".join(parts)


def sms_length(signature: str, content: str) -> int:
    """Characters that a carrier counts: 【signature】 and content, in UTF-16 units."""
    return utf16_length(f"【{signature}】{content}")
