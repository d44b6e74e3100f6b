"""Booking in the chat: what can be booked, the next free times of what is named, one's own appointments.

Nothing is booked, moved or given up here: a chat shows no form, and what is pressed on a page is pressed once. Each
answer leads to the page where it is done, and names the way to a person.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta

from citizen_services import clock
from citizen_services.catalogue import CounterService
from citizen_services.catalogue.vocabulary import ServiceItem
from citizen_services.database import db
from citizen_services.parts import parts
from citizen_services.people.queries import citizen_of_openid, office
from citizen_services.rules.dates import chinese_day, chinese_moment
from citizen_services.wechat.finding import at_counter, meant
from citizen_services.wechat.matters import MATTERS
from citizen_services.wechat.texts import CHOICES, choose, ending_with, hotlines, how_to_bind, lines, link
from citizen_services.windows import appointments, slots, waiting
from citizen_services.windows.appointments import Booked
from citizen_services.windows.booking_models import Hold, WaitingEntry

Service = ServiceItem | CounterService

#: How a choice among services is remembered: ``book:<service>``.
_CHOICE = "book:"
#: Times and appointments told of in one answer; how far ahead times are looked for, as the page does.
_SHOWN = 3
_SHOWN_OWN = 5
_AHEAD = timedelta(days=30)

_ASKED = re.compile("预约|候补")
_OWN = re.compile(
    "(我|自己)的?(预约|候补)|(取消|退掉?|撤销|撤|改|修改|变更|查|查询|查看|看看?|更改)(一下)?(我的?)?(预约|候补)"
    "|(预约|候补)(单|号|时间)?(怎么|如何|想|要)?(取消|退|撤|改期|改|变更|查询|查看|记录|编号|到哪|成功)|预约(好|过)?了|(已经?|约好的?)预约|我预约的"
)
#: Of what is said where nothing is named.
_AROUND = re.compile(
    "预约|候补|我要|我想|想要|要|想|请问|请|帮我|帮忙|给我|怎么|如何|怎样|在哪里?|哪里|哪儿|可以|能不能|能|网上|在线|微信|公众号"
    "|办理|办|一下|一个|窗口|业务|事项|号|的|吗|呢|吧|么|到"
)


def asked(words: str) -> bool:
    """Whether a text is about booking."""
    return _ASKED.search(words) is not None


def answer(openid: str, words: str) -> tuple[str, tuple[str, ...]] | None:
    """What is said about booking, and the choices that it offers; None where another matter is asked after."""
    if _OWN.search(words):
        return _own(openid), ()
    if not _AROUND.sub("", words):
        return _bookable(), ()
    rest = _ASKED.sub("", words)
    items, _ = meant(rest, parts().catalogue.items())
    counters = at_counter(rest, parts().catalogue.counter_services())
    found = [*(item.code for item in items), *counters]
    can = set(slots.booked_services())
    booked = [code for code in found if code in can]
    if len(booked) == 1:
        return _times(parts().catalogue.service(booked[0])), ()
    if booked:
        shown = booked[:CHOICES]
        return choose([parts().catalogue.service(code).name for code in shown]), tuple(_CHOICE + one for one in shown)
    if found:
        return _needs_none(parts().catalogue.service(found[0])), ()
    if meant(rest, (), {code: matter.words for code, matter in MATTERS.items()})[1]:
        return None
    return _bookable("没有找到您说的业务。"), ()


def of_choice(code: str) -> str | None:
    """What is said to a choice that ``answer`` offered; None for a code of another kind."""
    service = _service(code.removeprefix(_CHOICE)) if code.startswith(_CHOICE) else None
    return _times(service) if service is not None else None


def name_of(code: str) -> str | None:
    """The service that a choice names."""
    service = _service(code.removeprefix(_CHOICE)) if code.startswith(_CHOICE) else None
    return service.name if service is not None else None


def _service(code: str) -> Service | None:
    return next((one for one in parts().catalogue.services() if one.code == code), None)


def _bookable(first: str = "") -> str:
    """What can be booked, each with the page where it is."""
    services = [one for code in slots.booked_services() if (one := _service(code)) is not None]
    if not services:
        return lines("目前没有需要预约的业务，直接到窗口取号办理就行。", *hotlines())
    return ending_with(
        lines("已经约好的，发送“我的预约”查看。", *hotlines()),
        *([first] if first else []),
        f"可以预约到窗口的业务，点开选时间，或者发送“预约”加业务（如“预约 {services[0].name}”）：",
        *(link(one.name, f"/h5/book/{one.code}") for one in services),
    )


def _times(service: Service) -> str:
    """The next free times of a service; where there are none, the waiting list."""
    page, today = f"/h5/book/{service.code}", clock.today()
    # Two groups of a hall may be free at one time, which is told once.
    free = slots.free_slots(service.code, None, today, today + _AHEAD, limit=4 * _SHOWN).items
    told = list(dict.fromkeys(f"· {slots.slot_words(one)}，{office(one.office).name}" for one in free))[:_SHOWN]
    if not told:
        return ending_with(
            lines(link("登记候补", f"{page}/wait"), *hotlines()),
            f"【{service.name}】近期的时间都约满了。",
            "可以登记候补，有人取消时按先后通知您；也可以直接到窗口取号。",
        )
    return ending_with(
        lines(link("选时间预约", page), *hotlines()),
        f"【{service.name}】最近可以预约的时间：",
        *told,
        "以选的时候还有为准。",
    )


def _needs_none(service: Service) -> str:
    how = "直接到窗口取号办理。" if isinstance(service, CounterService) else "在手机上就能办。"
    guide = link("查看指南", f"/h5/items/{service.code}")
    return lines(f"【{service.name}】不用预约，{how}", guide, "发送“预约”看哪些业务要预约。", *hotlines())


def _own(openid: str) -> str:
    """What a bound person has booked and waits for; each leads to its page, where it is moved or given up."""
    citizen = citizen_of_openid(openid)
    if citizen is None:
        return how_to_bind(bound=False)
    newest = [one for one in appointments.of_citizen(citizen.id, limit=50) if one.ended_at is None]
    coming = sorted(map(appointments.whole, newest), key=lambda one: (one.slot.starts_at, one.appointment.number))
    waits = waiting.of_citizen(citizen.id)
    ending = lines(link("全部预约和候补", "/h5/appointments"), *hotlines())
    if not coming and not waits:
        return ending_with(ending, "您没有还没办的预约。", "要预约的，发送“预约”看可以约什么。")
    return ending_with(
        ending,
        *(["您的预约（点开可以改期、取消）："] if coming else []),
        *(line for one in coming[:_SHOWN_OWN] for line in _appointment(one)),
        *(["您在候补："] if waits else []),
        *map(_waits, waits[:_SHOWN]),
    )


def _appointment(booked: Booked) -> Sequence[str]:
    number = booked.appointment.number
    return (
        f"· {booked.service.name}：{slots.slot_words(booked.slot)}，{booked.office.name}",
        f"   {link(f'编号 {number}', f'/h5/appointments/{booked.appointment.id}')}",
    )


def _waits(entry: WaitingEntry) -> str:
    name = parts().catalogue.service(entry.service).name
    days = f"{chinese_day(entry.from_day)}至{chinese_day(entry.until_day)}"
    hold = db.session.get(Hold, entry.hold_id) if entry.hold_id else None
    kept = f"，有号源为您保留到{chinese_moment(hold.expires_at)}，请点开下面确认" if hold else ""
    return f"· {name}：{office(entry.office_code).name}，{days}{kept}"
