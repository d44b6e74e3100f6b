"""Notices of booking: a service's own template says what to bring in its fixed text, so that nobody has to look."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from citizen_services.catalogue import Catalogue, Notice, SmsTemplate, WeChatTemplate
from citizen_services.catalogue.counter import CounterService
from citizen_services.catalogue.vocabulary import ServiceItem
from citizen_services.windows.bring import bring_of

_TIME = WeChatTemplate(
    "appointment",
    "预约提醒",
    (
        ("thing1", "办理事项"),
        ("time2", "预约时间"),
        ("thing3", "办理地点"),
        ("character_string4", "预约编号"),
        ("thing5", "温馨提示"),
    ),
)
_WHERE = "{when}，{office}（{address}），预约编号{number}"


def _notice(code: str, title: str, text: str, hint: str, sms: str, *, must: bool = True, key: str = "") -> Notice:
    return Notice(
        code=code,
        title=title,
        text=text,
        wechat_template=_TIME,
        wechat={
            "thing1": "{service}",
            "time2": "{when}",
            "thing3": "{office}",
            "character_string4": "{number}",
            "thing5": hint,
        },
        sms_template=SmsTemplate(key or code, sms),
        sms={"service": "{service}", "when": "{when}", "office": "{office}", "number": "{number}"},
        must_be_known=must,
    )


MOVED_BY_US = _notice(
    "appointment_moved_by_us",
    "预约时间由我们调整了",
    "原定的窗口临时不开，您的“{service}”预约改到了" + _WHERE + "。对不起，给您添了麻烦。"
    "这个时间不合适的，请在{until}前在“我的预约”里改期或取消，不算爽约。要带的材料不变：{bring}。",
    "窗口临时不开，时间已调整",
    "原定窗口不开，您的{service}预约改到{when}，{office}，编号{number}。不合适请在微信公众号“我的预约”改期或取消，不算爽约。",
)
CLOSED = _notice(
    "appointment_closed",
    "预约取消，已优先候补",
    "原定{when}在{office}的窗口临时不开，您的“{service}”预约（{number}）已经取消，近日没有同样的空余时段。对不起，给您添了麻烦。"
    "您已排在候补名单最前面，一有号源马上通知您；也可以随时到窗口现场取号，或在“我的预约”里另选时间。",
    "窗口临时不开，已为您优先候补",
    "原定{when}的{office}窗口不开，您的{service}预约{number}已取消，您排在候补最前面，有号源马上通知；也可以随时到窗口现场取号。",
)
MOVED = _notice(
    "appointment_moved",
    "改期成功",
    "您的“{service}”预约已改到" + _WHERE + "。请带齐：{bring}。",
    "请按新的时间带齐材料前来",
    "您的{service}预约已改到{when}，{office}，编号{number}，要带的材料不变。",
    must=False,
)
CANCELLED = _notice(
    "appointment_cancelled",
    "预约已取消",
    "您{when}在{office}的“{service}”预约（{number}）已经取消。需要的话可以重新预约，也可以直接到窗口现场取号。",
    "预约已取消，可以重新预约",
    "您{when}在{office}的{service}预约{number}已取消，需要的话可以重新预约，或到窗口现场取号。",
    must=False,
)
PAUSED = _notice(
    "booking_paused",
    "预约暂停一段时间",
    "您{when}在{office}的“{service}”预约（{number}）没有到场。因为多次没有到场，{until}之前不能再预约。"
    "这期间可以随时到窗口现场取号，不受影响；有特殊情况的，请告诉窗口工作人员。",
    "多次未到场，现场取号不受影响",
    "您{when}在{office}的{service}预约{number}未到场。因多次未到场，暂停预约一段时间，到窗口现场取号不受影响。",
    must=False,
)
_OFFER = WeChatTemplate(
    "slot_offered",
    "候补号源提醒",
    (
        ("thing1", "办理事项"),
        ("time2", "号源时间"),
        ("thing3", "办理地点"),
        ("time4", "保留到"),
        ("thing5", "温馨提示"),
    ),
)
OFFERED = Notice(
    code="slot_offered",
    title="候补有号了",
    text="您候补的“{service}”有号了：{when}，{office}（{address}）。号源为您保留到{until}，请打开“我的预约”确认；"
    "不确认的，会让给后面的人。",
    wechat_template=_OFFER,
    wechat={
        "thing1": "{service}",
        "time2": "{when}",
        "thing3": "{office}",
        "time4": "{until}",
        "thing5": "请打开确认，过时让给后面的人",
    },
    sms_template=SmsTemplate(
        "slot_offered",
        "您候补的{service}有号了：{when}，{office}，为您保留到{until}，请在微信公众号“我的预约”中确认，过时让给后面的人。",
    ),
    sms={"service": "{service}", "when": "{when}", "office": "{office}", "until": "{until}"},
    must_be_known=True,
)
WITHDRAWN = Notice(
    code="slot_offer_withdrawn",
    title="候补的号源收回了",
    text="刚才为您保留的号源（“{service}”，{when}，{office}），因窗口临时不开，收回了。对不起，给您添了麻烦。"
    "您不用做什么：仍在候补，排在最前面，一有号源马上通知您；也可以随时到窗口现场取号。",
    wechat_template=WeChatTemplate(
        "slot_offer_withdrawn",
        "候补号源变动提醒",
        (("thing1", "办理事项"), ("time2", "号源时间"), ("thing3", "办理地点"), ("thing5", "温馨提示")),
    ),
    wechat={
        "thing1": "{service}",
        "time2": "{when}",
        "thing3": "{office}",
        "thing5": "窗口临时不开，您仍排在最前面",
    },
    sms_template=SmsTemplate(
        "slot_offer_withdrawn",
        "{office}在{when}的窗口临时不开，为您保留的{service}候补号源收回了，您仍排在候补最前面，有号源马上通知；也可以随时到窗口现场取号。",
    ),
    sms={"service": "{service}", "when": "{when}", "office": "{office}"},
    must_be_known=True,
)

#: Those that are the same for every service.
SAME = (MOVED_BY_US, CLOSED, MOVED, CANCELLED, PAUSED, OFFERED, WITHDRAWN)
#: What a service has of its own: (code, title, how the text begins, hint in WeChat, how the SMS begins).
_OWN = (
    ("booked", "预约成功", "您已预约“{service}”：", "预约成功，请带齐材料", "您已预约{service}："),
    (
        "remind_day",
        "明天请来办理",
        "明天是您预约的日子。“{service}”：",
        "明天请来，带齐材料",
        "明天请来办理{service}：",
    ),
    ("remind_morning", "今天请来办理", "您今天有预约。“{service}”：", "今天请来，带齐材料", "今天请来办理{service}："),
)


#: What to bring to an item whose every paper a register supplies.
_CARD_ONLY = ("居民身份证原件",)


def own_of(service: ServiceItem | CounterService) -> dict[str, Notice]:
    """A service's own notices by what happened: what to bring is their fixed text.

    Items to which the identity card alone is brought share theirs.
    """
    brought = tuple(bring_of(service))
    shared = isinstance(service, ServiceItem) and brought == _CARD_ONLY
    return _own("card_only" if shared else service.code.replace("-", "_"), brought)


@cache
def _own(of: str, brought: tuple[str, ...]) -> dict[str, Notice]:
    things = "；".join(f"{at}.{thing}" for at, thing in enumerate(brought, start=1))
    end = "。凭“我的预约”里的二维码签到；来不了请提前取消。"
    return {
        code: _notice(
            f"appointment_{code}",
            title,
            f"{text}{_WHERE}。请带齐：{{bring}}{end}",
            hint,
            f"{sms}{{when}}，{{office}}，编号{{number}}。请带：{things}。",
            must=code != "remind_morning",
            key=f"{code}_{of}",
        )
        for code, title, text, hint, sms in _OWN
    }


def notices(catalogue: Catalogue) -> Iterator[Notice]:
    """Every notice of booking: those of all services, and what each service has of its own."""
    yield from SAME
    services: list[CounterService | ServiceItem] = [*catalogue.counter_services(), *catalogue.items()]
    found = {id(own): own for own in map(own_of, services)}
    for own in found.values():
        yield from own.values()
