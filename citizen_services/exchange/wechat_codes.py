"""WeChat's error codes, sorted by what can be done about them.

By 《全局返回码》 and the pages of the operations. Errors come as HTTP 200 with ``errcode``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any

from wechatpy.exceptions import WeChatClientException

from citizen_services.clock import SHANGHAI, protocol_now
from citizen_services.exchange.outcomes import Kind, Refused

PARTNER = "wechat_api"

#: The token is not (or no longer) good: one new token, one more try.
TOKEN = frozenset({40001, 40014, 41001, 42001})
#: A code of the authorisation that was used, is too old or was never given: the person starts over.
CODE_SPENT = frozenset({40029, 40163, 41008, 42003, 50001})
#: The person does not follow us, refuses our messages, or is out of reach until they write again: another channel.
PERSON = frozenset({40003, 40032, 43004, 43019, 43101, 45015, 45047, 46004, 48002, 49003})
#: The same message was sent before under the same id; undocumented, so nothing may be concluded from it.
SENT_BEFORE = 40249
#: A tag of that name is there; the tag is not (any more).
TAG_EXISTS, NO_SUCH_TAG = 45157, 45159

_NOW = frozenset({-1, -1000})
_MINUTE, _DAY = 45011, 45009
#: One message is wrong, others of the same channel may be right.
_MESSAGE = frozenset(
    {
        40007,
        40035,
        40036,
        40037,
        40052,
        40053,
        40097,
        41030,
        44002,
        44003,
        44004,
        45002,
        45008,
        45056,
        45059,
        45157,
        45158,
        45159,
        46003,
        47001,
        47003,
        65301,
        65302,
        65303,
        65304,
        65305,
        65306,
        65307,
        65308,
        65309,
        65310,
        65311,
        65312,
        65313,
        65314,
        65316,
        65317,
        65320,
        87009,
    }
)
_OPERATOR = frozenset(
    {
        40002, 40013, 40125, 40164, 40243, 40066, 41002, 41004, 43001, 43002, 43003, 45035, 48001, 48003, 48004, 48006,
        48008, 50002, 50004, 61003, 61004, 61007, 89503, 89506, 89507,
    }
)  # fmt: skip


class WeChatRefused(Refused, WeChatClientException):
    """WeChat's refusal, also as wechatpy knows it (its own methods look at ``errcode``)."""

    def __init__(self, operation: str, errcode: int, words: str, kind: Kind, after_s: float | None = None) -> None:
        Refused.__init__(self, PARTNER, operation, str(errcode), kind, words, after_s)
        self.errcode = errcode
        self.errmsg = words
        self.client = self.request = self.response = None

    def __str__(self) -> str:
        return f"{self.partner} {self.operation}: {self.why}"

    __repr__ = __str__


def kind_of(errcode: int) -> Kind:
    """What can be done about an error code; one that nobody listed concerns this message alone."""
    if errcode in _NOW:
        return "now"
    if errcode in (_MINUTE, _DAY):
        return "later"
    # A token that is refused twice isn't the message's fault.
    if errcode in _OPERATOR or errcode in TOKEN:
        return "operator"
    return "never"


def is_listed(errcode: int) -> bool:
    """Whether the table knows the code; an unlisted one should be looked at."""
    return kind_of(errcode) != "never" or errcode in PERSON | _MESSAGE | CODE_SPENT


def refusal(operation: str, answer: Mapping[str, Any]) -> WeChatRefused | None:
    """The refusal that an answer contains, None where it contains none."""
    try:
        errcode = int(answer.get("errcode") or 0)
    except (TypeError, ValueError):
        errcode = -1
    if errcode == 0:
        return None
    after = {_MINUTE: 60.0, _DAY: _until_midnight_s()}.get(errcode)
    return WeChatRefused(operation, errcode, str(answer.get("errmsg") or ""), kind_of(errcode), after)


def _until_midnight_s() -> float:
    """Seconds until daily quotas begin anew, in Shanghai."""
    now = protocol_now().astimezone(SHANGHAI)
    midnight = datetime.combine(now.date() + timedelta(days=1), time(0, 1), SHANGHAI)
    return (midnight - now).total_seconds()
