"""What partners push to us as JSON."""

from __future__ import annotations

import json
import re
from typing import Any

#: As JSON writes them: NUL, and halves of characters without their other halves.
_NO_TEXT = re.compile(r"\\u0000|[\ud800-\udfff]")


def load_pushed(body: str | bytes) -> Any:
    """The value of a pushed JSON; ValueError for anything else, texts included that no database can hold."""
    try:
        value = json.loads(body)
        # Written again, a backslash that was typed is two: what is found stands for a character.
        written = json.dumps(value, ensure_ascii=False).replace("\\\\", "")
    except RecursionError:
        raise ValueError("nested too deep") from None
    if _NO_TEXT.search(written):
        raise ValueError("it holds what is no text")
    return value
