"""QR codes as pictures: for screens, prints and terminals. What they hold is an address, and nothing personal."""

from __future__ import annotations

import io
from typing import Literal

import qrcode
from qrcode.constants import ERROR_CORRECT_M, ERROR_CORRECT_Q

_LEVELS = {"screen": ERROR_CORRECT_M, "print": ERROR_CORRECT_Q}


def _code(text: str, where: Literal["screen", "print"]) -> qrcode.QRCode:
    code = qrcode.QRCode(error_correction=_LEVELS[where], box_size=10, border=4)
    code.add_data(text)
    return code


def png(text: str, where: Literal["screen", "print"] = "screen") -> bytes:
    """A PNG, black on white with its quiet zone; ``print`` bears dirt and weather better."""
    picture = io.BytesIO()
    _code(text, where).make_image().save(picture, format="PNG")
    return picture.getvalue()


def drawn(text: str) -> str:
    """The code in characters, as a terminal shows it."""
    written = io.StringIO()
    _code(text, "screen").print_ascii(out=written, invert=True)
    return written.getvalue()
