"""The one door for text that people send us: forms, chat, the API, files of operators.

Text is cleaned once, on entry; what is stored can be shown, compared and put into a partner's protocol as it is.
"""

import re
import unicodedata

from .errors import RuleError

# Joiners carry meaning in Uyghur and in emoji; every other invisible format character only hides or reorders text.
_KEPT_FORMAT_CHARACTERS = {"\u200c", "\u200d"}
_LINE_ENDS = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_BLANKS = re.compile(r"[^\S\n]+")
_MANY_LINES = re.compile(r"\n{3,}")

# GB 18030 / Unicode blocks of Chinese characters that occur in names and addresses, and 〇.
_HAN = "\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
HAN_CHARACTER = re.compile(f"[{_HAN}]")


_ASCII_TWINS = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}


def fold_width(text: str) -> str:
    """Turn full-width letters, digits, signs (ＡＢ１２－) and the ideographic space into their ASCII twins."""
    return text if text.isascii() else text.translate(_ASCII_TWINS)


def compact(text: str) -> str:
    """Prepare a number that was typed or pasted: ASCII width, upper case, no blanks and no invisible characters."""
    return re.sub("[\\s\u200c\u200d]+", "", fold_width(_strip_unseen(text))).upper()


def _strip_unseen(text: str) -> str:
    if text.isprintable():
        # Of categories C* and Z* nothing but the blank is printable.
        return text
    return "".join(char for char in text if char in "\n\t" or _is_seen(char))


def _is_seen(char: str) -> bool:
    category = unicodedata.category(char)
    if category == "Cf":
        return char in _KEPT_FORMAT_CHARACTERS
    # Cs are halves of characters: PostgreSQL and UTF-8 refuse them.
    return category not in ("Cc", "Cs") and ord(char) & 0xFFFE != 0xFFFE


def normalise_text(text: str, *, limit: int, newlines: bool = False) -> str:
    """Clean free text: NFC, no control or bidi characters, single blanks, no blank edges, at most `limit` characters.

    With `newlines` lines are kept (LF only, never more than one empty line between two); without, they become blanks.
    Raises `RuleError` when the cleaned text is longer than `limit` code points (what PostgreSQL's char_length counts).
    """
    if text.isprintable():
        # One line without anything that is not seen, as nearly every text is: blanks are all there is to mend.
        text = unicodedata.normalize("NFC", (_BLANKS.sub(" ", text) if "  " in text else text).strip())
    else:
        text = _strip_unseen(_LINE_ENDS.sub("\n", text))
        if not newlines:
            text = text.replace("\n", " ")
        text = _BLANKS.sub(" ", text)
        text = "\n".join(line.strip(" ") for line in text.split("\n"))
        text = unicodedata.normalize("NFC", _MANY_LINES.sub("\n\n", text).strip())
    if len(text) > limit:
        raise RuleError(f"内容过长：最多{limit}个字，现在是{len(text)}个字，请删减后再提交。")
    return text


def utf16_length(text: str) -> int:
    """Length as phones and carriers count it: a character outside the basic plane (𠮷) takes two units."""
    return len(text.encode("utf-16-le")) // 2


def clip_bytes(text: str, limit: int, ending: str = "…") -> str:
    """Shorten to at most `limit` bytes of UTF-8 without cutting a character; a shortened text ends with `ending`."""
    if len(text.encode()) <= limit:
        return text
    room = limit - len(ending.encode())
    if room < 0:
        raise ValueError("the ending alone is longer than the limit")
    return text.encode()[:room].decode(errors="ignore") + ending
