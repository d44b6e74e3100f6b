"""Names of persons: any script, any length that a register can hold, the separator · of minority names.

A name is what the population register says; the rules only refuse what cannot be a name. There is no "two to four
characters": single characters, 阿卜杜热合曼·麦麦提, 〇 and Latin names are all real.
"""

import re
import unicodedata

from .errors import RuleError
from .text import HAN_CHARACTER, fold_width, normalise_text

MAX_LENGTH = 50

# What keyboards and old systems produce for the separator U+00B7.
_DOT_VARIANTS = str.maketrans(dict.fromkeys("•‧∙⋅・･●᛫⸱", "·"))
_HAN = HAN_CHARACTER.pattern
_FULL_STOP_BETWEEN_HAN = re.compile(f"(?<={_HAN})[.。．](?={_HAN})")
_BLANK_BESIDE_HAN = re.compile(rf"(?<={_HAN}) (?={_HAN})")
_BLANK_BESIDE_DOT = re.compile(r" *· *")
_RADICALS = re.compile("[\u2e80-\u2fdf]")
# Variation selectors and joiners change the look of a character at most, but would make two equal names differ.
_UNSEEN = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef\u180b-\u180d\u200c\u200d]")
_SIGNS = frozenset(" ·'’-.")


def normalise_name(text: str) -> str:
    """Return the name as it is stored and compared; raise `RuleError` when it cannot be a person's name.

    NFC, ASCII width for Latin, single blanks (none inside Chinese names: 张 三 is 张三), one separator ·. Kangxi
    radicals, which copying from PDF files yields, become the characters that they look like.
    """
    text = fold_width(normalise_text(text, limit=10 * MAX_LENGTH)).translate(_DOT_VARIANTS)
    text = _RADICALS.sub(lambda found: unicodedata.normalize("NFKC", found[0]), text)
    text = _UNSEEN.sub("", text)
    text = _FULL_STOP_BETWEEN_HAN.sub("·", text)
    text = _BLANK_BESIDE_DOT.sub("·", re.sub(" +", " ", text)).strip(" ·")
    text = unicodedata.normalize("NFC", _BLANK_BESIDE_HAN.sub("", text))
    if not text:
        raise RuleError("请填写姓名，与身份证上的一致。")
    if len(text) > MAX_LENGTH:
        raise RuleError(f"姓名最多{MAX_LENGTH}个字，请按身份证上的姓名填写。")
    if not all(_may_stand_in_name(char) for char in text) or not any(_is_letter(char) for char in text):
        raise RuleError("姓名中只能有文字和间隔号“·”，请按身份证上的姓名填写，不要填写数字、称呼或其他符号。")
    return text


def name_key(name: str) -> str:
    """The form under which a full name is looked up and compared: normalised, Latin letters without case."""
    return normalise_name(name).casefold()


def same_name(one: str, other: str) -> bool:
    """Whether two full names are the same name, however they were typed."""
    return name_key(one) == name_key(other)


def _is_letter(char: str) -> bool:
    # Nl: 〇. Co: rare characters that older registers keep in Unicode's private area.
    return unicodedata.category(char)[0] == "L" or unicodedata.category(char) in ("Nl", "Co")


def _may_stand_in_name(char: str) -> bool:
    return _is_letter(char) or unicodedata.category(char)[0] == "M" or char in _SIGNS
