"""What Aliyun refuses of an SMS: numbers, signatures, templates, variables, frequency.

Imitates help.aliyun.com 101346 (错误码), 463270 (模板规范), 44335 and 108293 (频率限制). Minute and hour windows are
aligned to the calendar in UTC+8, the day is 24 hours rolling; counted is what was accepted.
"""

from __future__ import annotations

import json
import re
from typing import Any

from citizen_services.sandbox.world import World

VARIABLE = re.compile(r"\$\{(\w+)\}")
#: Mainland forms: 13…, +8613…, 008613…, 8613….
_PHONE = re.compile(r"(?:\+86|0086|86)?(1[3-9]\d{9})")
_URL = re.compile(r"https?://|www\.", re.IGNORECASE)
MOST_NUMBERS = 1000
MOST_VARIABLE = 35
MOST_CONTENT = 500
#: (seconds, calendar-aligned, most, how Aliyun names the window)
_CODE_WINDOWS = ((60, True, 1, "分钟级"), (3600, True, 5, "小时级"), (86400, False, 10, "天级"))
_NOTICE_WINDOWS = ((86400, False, 50, "天级"),)


class SmsRefused(Exception):
    """A business refusal: HTTP 200 with this `Code` and `Message`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def phones_of(text: str) -> list[str]:
    """Return the numbers of `PhoneNumbers` in their 11 digits."""
    numbers = text.split(",")
    if len(numbers) > MOST_NUMBERS:
        raise SmsRefused("isv.MOBILE_COUNT_OVER_LIMIT", "手机号码数量超过限制")
    found = [_PHONE.fullmatch(number.strip()) for number in numbers]
    if not all(found):
        raise SmsRefused("isv.MOBILE_NUMBER_ILLEGAL", f"{text}非法手机号")
    return [match[1] for match in found if match]


def text_of(world: World, sign_name: str, template_code: str, param: str) -> str:
    """Return the SMS as the citizen reads it (【signature】content); raises SmsRefused."""
    if not world.config.sms_sign_name or sign_name != world.config.sms_sign_name:
        raise SmsRefused("isv.SMS_SIGNATURE_ILLEGAL", "短信签名不合法")
    template = world.state.get("templates:sms_aliyun", template_code)
    if template is None:
        raise SmsRefused("isv.SMS_TEMPLATE_ILLEGAL", "短信模板不合法")
    values = _values(param)
    names = VARIABLE.findall(template["text"])
    missing = [name for name in names if name not in values]
    if missing:
        raise SmsRefused("isv.TEMPLATE_MISSING_PARAMETERS", f"模板缺少变量：{missing[0]}")
    for name in names:
        value = values[name]
        if not 1 <= len(value) <= MOST_VARIABLE:
            raise SmsRefused("isv.PARAM_LENGTH_LIMIT", f"参数超出长度限制：{name}")
        if _URL.search(value):
            raise SmsRefused("isv.PARAM_NOT_SUPPORT_URL", f"不支持URL：{name}")
        if "【" in value or "】" in value:
            raise SmsRefused("isv.SMS_CONTENT_ILLEGAL", f"短信内容包含禁止发送内容：{name}")
    content = VARIABLE.sub(lambda match: values[match[1]], template["text"])
    if len(content) > MOST_CONTENT:
        raise SmsRefused("isv.PARAM_LENGTH_LIMIT", "短信内容超出长度限制")
    return f"【{sign_name}】{content}"


def _values(param: str) -> dict[str, str]:
    if not param:
        return {}
    try:
        values: Any = json.loads(param)
    except ValueError:
        values = None
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise SmsRefused("isv.INVALID_JSON_PARAM", "JSON参数不合法，只接受字符串值")
    return values


def count_against_limits(world: World, sign_name: str, template_code: str, phones: list[str]) -> None:
    """Count one accepted SMS to each number; raises SmsRefused before any is counted.

    Codes are limited by signature and number, notices by signature, template and number.
    """
    template = world.state.get("templates:sms_aliyun", template_code)
    is_code = template["kind"] == "code" or (not template["kind"] and "验证码" in template["text"])
    windows = _CODE_WINDOWS if is_code else _NOTICE_WINDOWS
    now, fresh = world.now(), {}
    for phone in phones:
        key = f"{sign_name} {'code' if is_code else template_code} {phone}"
        sent = [at for at in world.state.get("sms_sent_at", key) or [] if now - at < 86400]
        if not world.state.get("sms_whitelist", phone):
            for seconds, aligned, most, name in windows:
                # Asia/Shanghai is UTC+8 without summer time, so its minutes and hours are UTC's.
                begin = now - now % seconds if aligned else now - seconds
                if sum(at >= begin for at in sent) >= most:
                    raise SmsRefused("isv.BUSINESS_LIMIT_CONTROL", f"触发{name}流控Permits:{most}")
        fresh[key] = [*sent, now]
    for key, sent in fresh.items():
        world.state.put("sms_sent_at", key, sent)


def parts_of(text: str) -> int:
    """Return how many messages a text costs: up to 70 characters one, above 67 a part."""
    return 1 if len(text) <= 70 else -(-len(text) // 67)
