"""Tencent SMS's codes, sorted by what can be done about them: cloud.tencent.com 382/59177 and its SDK's list."""

from __future__ import annotations

from datetime import datetime, timedelta

from citizen_services.clock import SHANGHAI
from citizen_services.exchange.outcomes import Kind

#: Tencent's own failures: the message may have gone out before them. Any other InternalError is among them too.
_NOT_TAKEN = frozenset({"InternalError.OtherError", "InternalError.RequestTimeException"})
_LATER = frozenset(
    {
        "LimitExceeded.PhoneNumberThirtySecondLimit",
        "LimitExceeded.PhoneNumberOneHourLimit",
        "LimitExceeded.PhoneNumberDailyLimit",
        "LimitExceeded.PhoneNumberSameContentDailyLimit",
        "LimitExceeded.DeliveryFrequencyLimit",
        "LimitExceeded.AppDailyLimit",
        "LimitExceeded.AppMainlandChinaDailyLimit",
        "LimitExceeded.DailyLimit",
    }
)
#: The template alone, not the account.
TEMPLATE = frozenset(
    {
        "FailedOperation.TemplateIncorrectOrUnapproved",
        "FailedOperation.TemplateUnapprovedOrNotExist",
        "FailedOperation.MissingTemplateToModify",
    }
)
_OPERATOR = TEMPLATE | {
    "FailedOperation.InsufficientBalanceInSmsPackage",
    "FailedOperation.SignatureIncorrectOrUnapproved",
    "FailedOperation.MissingSignature",
    "FailedOperation.FailResolvePacket",
    "InvalidParameterValue.SdkAppIdNotExist",
    "InternalError.RequestTimeException",
    "InvalidAction",
    "NoSuchVersion",
    "UnsupportedRegion",
}
_OPERATOR_BEGINNINGS = ("AuthFailure", "UnauthorizedOperation")
_NEVER = frozenset(
    {
        "FailedOperation.ContainSensitiveWord",
        "FailedOperation.PhoneNumberInBlacklist",
        "FailedOperation.PhoneNumberParseFail",
        "FailedOperation.TemplateParamSetNotMatchApprovedTemplate",
        "LimitExceeded.PhoneNumberCountLimit",
    }
)
_NEVER_BEGINNINGS = ("InvalidParameterValue.", "InvalidParameter", "UnsupportedOperation", "MissingParameter")
#: Of this number alone, whose carrier this gateway doesn't serve or whose digits it doesn't know yet.
NUMBER = frozenset(
    {
        "InvalidParameterValue.IncorrectPhoneNumber",
        "FailedOperation.PhoneNumberParseFail",
        "UnsupportedOperation",
        "UnsupportedOperation.UnsupportedRegion",
        "UnsupportedOperation.ChineseMainlandTemplateToGlobalPhone",
    }
)


def may_have_been_sent(code: str) -> bool:
    """Whether a code leaves open what became of the message."""
    return code.startswith("InternalError") and code not in _NOT_TAKEN


def kind_of(code: str) -> Kind | None:
    """What can be done about a code; None for one that nobody has sorted."""
    if code.startswith("RequestLimitExceeded") or code == "InternalError.OtherError":
        return "now"
    if code in _LATER:
        return "later"
    if code in _OPERATOR or code.startswith(_OPERATOR_BEGINNINGS):
        return "operator"
    if code in _NEVER or code.startswith(_NEVER_BEGINNINGS):
        return "never"
    return None


def wait_s(code: str, now: datetime) -> float | None:
    """Seconds until a limit gives way, None where the code is no limit. Days are those of the calendar in Shanghai."""
    if code not in _LATER:
        return None
    if code == "LimitExceeded.PhoneNumberThirtySecondLimit":
        return 30.0
    if code == "LimitExceeded.PhoneNumberOneHourLimit":
        return timedelta(hours=1).total_seconds()
    if code == "LimitExceeded.DeliveryFrequencyLimit":
        return 60.0
    local = now.astimezone(SHANGHAI)
    midnight = (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return (midnight - local).total_seconds() + 1
