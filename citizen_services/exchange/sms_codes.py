"""Aliyun SMS's codes, sorted by what can be done about them. Codes by help.aliyun.com 101346 and 101347."""

from __future__ import annotations

from datetime import datetime, timedelta

from citizen_services.clock import SHANGHAI
from citizen_services.exchange.outcomes import Kind

#: Aliyun's own failures: the message may have gone out before them.
_UNSURE = frozenset({"isp.SYSTEM_ERROR", "isp.GATEWAY_ERROR", "isp.UNKNOWN", "ServiceUnavailable", "InternalError"})
_LATER = frozenset({"isv.BUSINESS_LIMIT_CONTROL", "isv.DAY_LIMIT_CONTROL", "isv.MONTH_LIMIT_CONTROL"})
_OPERATOR = frozenset(
    {
        "isv.OUT_OF_SERVICE",
        "isv.AMOUNT_NOT_ENOUGH",
        "isv.ACCOUNT_ABNORMAL",
        "isv.ACCOUNT_NOT_EXISTS",
        "isv.PRODUCT_UN_SUBSCRIPT",
        "isv.PRODUCT_UNSUBSCRIBE",
        "isp.RAM_PERMISSION_DENY",
        "isv.DENY_IP_RANGE",
        "isv.SIGN_STATE_ILLEGAL",
        "isv.SMS_SIGNATURE_ILLEGAL",
        "isv.SMS_SIGN_ILLEGAL",
        "isv.SMS_TEMPLATE_ILLEGAL",
        "isv.SMS_SIGNATURE_SCENE_ILLEGAL",
        "isv.EXTEND_CODE_ERROR",
        "IncompleteSignature",
        "InvalidVersion",
        "MissingHeader",
        "Forbidden",
    }
)
#: Beginnings of the codes that come with HTTP 4xx: keys, signature, clock, addresses.
_OPERATOR_BEGINNINGS = (
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "InvalidTimeStamp",
    "ContentHashNotMatch",
    "InvalidAction",
    "Forbidden.",
    "NoPermission",
)
_NEVER = frozenset(
    {
        "isv.MOBILE_NUMBER_ILLEGAL",
        "isv.MOBILE_COUNT_OVER_LIMIT",
        "isv.TEMPLATE_MISSING_PARAMETERS",
        "isv.INVALID_PARAMETERS",
        "isv.INVALID_JSON_PARAM",
        "isv.PARAM_LENGTH_LIMIT",
        "isv.PARAM_NOT_SUPPORT_URL",
        "isv.BLACK_KEY_CONTROL_LIMIT",
        "isv.SMS_CONTENT_ILLEGAL",
        "isv.DOMESTIC_NUMBER_NOT_SUPPORTED",
    }
)


#: The template alone, not the account.
TEMPLATE = frozenset({"isv.SMS_TEMPLATE_ILLEGAL"})
#: Of this number alone, whose carrier this gateway doesn't serve or whose digits it doesn't know yet.
NUMBER = frozenset({"isv.MOBILE_NUMBER_ILLEGAL", "isv.DOMESTIC_NUMBER_NOT_SUPPORTED"})


def may_have_been_sent(code: str) -> bool:
    """Whether a code leaves open what became of the message."""
    return code in _UNSURE


def kind_of(code: str) -> Kind | None:
    """What can be done about a code; None for one that nobody has sorted."""
    # Used up or throttled before anything was done: the next request has another nonce anyway.
    if code == "SignatureNonceUsed" or code.startswith("Throttling"):
        return "now"
    if code in _LATER:
        return "later"
    if code in _OPERATOR or code.startswith(_OPERATOR_BEGINNINGS):
        return "operator"
    if code in _NEVER or code.startswith("Missing"):
        return "never"
    return None


def wait_s(code: str, words: str, now: datetime) -> float | None:
    """Seconds until a limit gives way, None where the code is no limit.

    Minutes and hours are those of the clock in Shanghai, a day is 24 hours from sending; the words tell which it is
    ("触发分钟级流控Permits:1").
    """
    if code not in _LATER:
        return None
    local = now.astimezone(SHANGHAI)
    if code == "isv.BUSINESS_LIMIT_CONTROL" and "分钟" in words:
        return 60.0 - local.second + 1
    if code == "isv.BUSINESS_LIMIT_CONTROL" and "小时" in words:
        return 3600.0 - local.minute * 60 - local.second + 1
    return timedelta(days=1).total_seconds()
