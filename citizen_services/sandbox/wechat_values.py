"""The limits of template messages' values and of custom menus.

Imitates the parameter table of subscribe notifications and 类目模板 (订阅通知「参数值限制说明」; the same limits hold
for template messages since the rectification of 2023-05-04) and 《自定义菜单创建接口》 (service/api/custommenu).
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

KEYWORD = re.compile(r"\{\{\s*(\w+)\.DATA\s*\}\}")
#: Keys that old templates had: sent along they are dropped silently since 2023-05-04.
DROPPED = frozenset({"first", "remark"})

_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_CLOCK = r"([01]?\d|2[0-3]):[0-5]\d(:[0-5]\d)?"
_DAY = r"(\d{4}年\d{1,2}月\d{1,2}日|\d{4}-\d{1,2}-\d{1,2}|\d{4}/\d{1,2}/\d{1,2})"
#: `time` needs the hour (a bare 2019-10-01 is refused), `date` needs the day.
_TIME = re.compile(rf"({_DAY} ?)?{_CLOCK}(~({_DAY} ?)?{_CLOCK})?")
_DATE = re.compile(rf"{_DAY}( {_CLOCK})?(~{_DAY}( {_CLOCK})?)?")
_AMOUNT = re.compile(r"[¥￥$€£]?\d{1,10}(\.\d+)?元?")


def _name_fits(value: str) -> bool:
    return len(value) <= (10 if _HAN.search(value) else 20)


_RULES = {
    "thing": lambda v: len(v) <= 20 and not _CONTROL.search(v),
    "character_string": lambda v: len(v) <= 32 and not _HAN.search(v) and not _CONTROL.search(v),
    "number": lambda v: bool(re.fullmatch(r"\d{1,32}(\.\d+)?", v)) and len(v) <= 32,
    "letter": lambda v: bool(re.fullmatch(r"[A-Za-z]{1,32}", v)),
    "symbol": lambda v: len(v) <= 5 and not any(c.isalnum() for c in v),
    "time": lambda v: bool(_TIME.fullmatch(v)),
    "date": lambda v: bool(_DATE.fullmatch(v)),
    "amount": lambda v: bool(_AMOUNT.fullmatch(v)),
    "phone_number": lambda v: bool(re.fullmatch(r"[\d+\-() ]{1,17}", v)),
    "car_number": lambda v: len(v) <= 8 and not _HAN.search(v[1:-1]),
    "name": _name_fits,
    "phrase": lambda v: bool(re.fullmatch(r"[\u3400-\u9fff]{1,5}", v)),
    # One of the template's enumerated values; which ones is not told by the template's text.
    "const": lambda v: len(v) <= 20,
}


def keywords(content: str) -> list[str]:
    """Return the keys of a template's text such as `办理事项：{{thing1.DATA}}`, in order."""
    return KEYWORD.findall(content)


def data_error(content: str, data: Any) -> str | None:
    """Return the text of errcode 47003 for a template's data, or None if WeChat would take it."""
    if not isinstance(data, dict):
        return "argument invalid! data"
    wanted = keywords(content)
    for key in wanted:
        entry = data.get(key)
        value = entry.get("value") if isinstance(entry, dict) else None
        if not isinstance(value, str) or not value:
            # "emtpy" is WeChat's own spelling.
            return f"argument invalid! data.{key}.value is emtpy"
        kind = re.fullmatch(r"([a-z_]+)\d+", key)
        rule = _RULES.get(kind[1]) if kind else None
        if rule is not None and not rule(value):
            return f"argument invalid! data.{key}.value invalid"
    for key in data:
        if key not in wanted and key not in DROPPED:
            return f"argument invalid! data.{key} is not a keyword of the template"
    return None


def rendered(content: str, data: dict[str, Any]) -> str:
    """Return a template's text with its values, as the citizen reads it."""
    return KEYWORD.sub(lambda match: str(data.get(match[1], {}).get("value", "")), content)


#: What a button of each type must carry, and how long it may be in bytes.
_BUTTON_FIELDS: dict[str, dict[str, int]] = {
    "click": {"key": 128},
    "view": {"url": 1024},
    "scancode_push": {"key": 128},
    "scancode_waitmsg": {"key": 128},
    "pic_sysphoto": {"key": 128},
    "pic_photo_or_album": {"key": 128},
    "pic_weixin": {"key": 128},
    "location_select": {"key": 128},
    "media_id": {"media_id": 128},
    "article_id": {"article_id": 128},
    "article_view_limited": {"article_id": 128},
    "miniprogram": {"url": 1024, "appid": 128, "pagepath": 1024},
}
_MISSING = {"key": (40019, "invalid button key size"), "url": (40020, "invalid button url size")}


def _button_error(button: Any, name_limit: int, prefix: str) -> tuple[int, str] | None:
    if not isinstance(button, dict):
        return 40016, f"invalid {prefix}button size"
    name = button.get("name")
    if not isinstance(name, str) or not 1 <= len(name.encode()) <= name_limit:
        return (40025, "invalid sub button name size") if prefix else (40018, "invalid button name size")
    if "sub_button" in button and not prefix:
        children = button["sub_button"]
        if not isinstance(children, list) or not 1 <= len(children) <= 5:
            return 40023, "invalid sub button size"
        for child in children:
            error = _button_error(child, 60, "sub ")
            if error:
                return error
        return None
    fields = _BUTTON_FIELDS.get(str(button.get("type")))
    if fields is None:
        return (40024, "invalid sub button type") if prefix else (40017, "invalid button type")
    for field, limit in fields.items():
        value = button.get(field)
        if not isinstance(value, str) or not 1 <= len(value.encode()) <= limit:
            if prefix:
                return {
                    "key": (40026, "invalid sub button key size"),
                    "url": (40027, "invalid sub button url size"),
                }.get(field, (40035, "invalid parameter"))
            return _MISSING.get(field, (40035, "invalid parameter"))
        if field == "url" and urlsplit(value).scheme not in ("http", "https"):
            return 40055, "invalid button url domain"
    return None


def menu_error(body: Any) -> tuple[int, str] | None:
    """Return errcode and errmsg for a menu, or None if WeChat would take it."""
    buttons = body.get("button") if isinstance(body, dict) else None
    if not isinstance(buttons, list):
        return 40015, "invalid menu type"
    if not 1 <= len(buttons) <= 3:
        return 40016, "invalid button size"
    for button in buttons:
        error = _button_error(button, 16, "")
        if error:
            return error
    return None
