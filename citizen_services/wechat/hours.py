"""When an office is open, told in the chat: whose (named, of the person's open case, or asked back) and on which day.

What is known of an office's day comes from ``opening_answer`` alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from citizen_services import clock
from citizen_services.cases import opening
from citizen_services.cases.clocks import calendar
from citizen_services.cases.queries import cases_of
from citizen_services.catalogue import CounterService
from citizen_services.catalogue.vocabulary import ServiceItem
from citizen_services.parts import parts
from citizen_services.people.models import Office
from citizen_services.people.queries import citizen_of_openid, office, offices
from citizen_services.rules.dates import chinese_day
from citizen_services.rules.opening import Spans, break_of, day_meant, holiday_meant, words_of
from citizen_services.wechat.finding import found
from citizen_services.wechat.matters import MATTERS
from citizen_services.wechat.texts import CHOICES, choose, hotlines, lines, link
from citizen_services.windows import slots
from citizen_services.windows.hours import hours_of_service

#: How a choice among offices is remembered: ``hours:<office>:<day>``.
_CHOICE = "hours:"
#: How far the next day of opening is looked for.
_AHEAD = 21
_NOON = ("中午", "午休", "午间")
_CENTRE = ("服务中心", "大厅", "行政服务", "中心窗口")


@dataclass(frozen=True)
class Opening:
    """An office's day: when it is open (none: closed) and why it is other than its week, and its week in lines."""

    office: Office
    day: date
    spans: Spans
    why: str
    week: tuple[str, ...]


def opening_answer(code: str, day: date) -> Opening | None:
    """When an office is open on a day; None where nobody wrote its hours down."""
    found = opening.hours_of([code])
    return _opening(found[0], day) if found else None


def _opening(known: opening.Hours, day: date) -> Opening:
    spans = known.on(day)
    why = known.days[day][1] if day in known.days else calendar().holiday_name(day) or ""
    if not why and day.weekday() > 4 and calendar().is_working_day(day):
        why = "调休上班"
    return Opening(known.office, day, spans, why, tuple(known.lines))


def answer(openid: str, words: str) -> tuple[str, tuple[str, ...]]:
    """What is said to a question after opening hours, and the choices that it offers."""
    day = day_meant(words, clock.today(), calendar())
    codes = _meant(openid, words)
    if len(codes) == 1:
        return _told(codes[0], day, _about(words)), ()
    if not codes:
        return MATTERS["hours"].say(), ()
    shown = codes[:CHOICES]
    offers = tuple(f"{_CHOICE}{code}:{day.isoformat() if day else ''}:{_about(words)}" for code in shown)
    return choose([office(code).name for code in shown]), offers


def of_service(words: str) -> str | None:
    """When a service that is named is done on the day that is asked after; None where not one of them is named.

    A service's hours are those of the windows that do it, while the partners' desks that it needs are open.
    """
    # Before anything is asked of the database, which whoever means something else does not have to wait for.
    if not any(found(words, one) for one in MATTERS["hours"].words):
        return None
    day, noon = day_meant(words, clock.today(), calendar()), _about(words) == _NOON[0]
    if day is None and not noon:
        return None
    weighed = {one.code: max(found(words, each) for each in (one.name, *_words_of(one))) for one in _booked()}
    best = max(weighed.values(), default=0)
    codes = [code for code, weight in weighed.items() if weight == best] if best else []
    if len(codes) != 1:
        return None
    service = parts().catalogue.service(codes[0])
    told = []
    for one in hours_of_service(service.code):
        told += [f"{one.office.name}（{one.office.address}）", *_of_day(one, day or clock.today(), noon)]
    ways = (link("预约时间", f"/h5/book/{service.code}"), link("查看指南", f"/h5/items/{service.code}"))
    return lines(f"【{service.name}】", *told, *ways, *hotlines()) if told else None


def _booked() -> Sequence[ServiceItem | CounterService]:
    """The services that some office's windows do."""
    done = set(slots.booked_services())
    return [one for one in parts().catalogue.services() if one.code in done]


def _words_of(service: ServiceItem | CounterService) -> Sequence[str]:
    return service.words if isinstance(service, CounterService) else service.guide.words


def of_choice(code: str) -> str | None:
    """What is said to a choice that ``answer`` offered; None for a code of another kind, or of an office that went."""
    if not code.startswith(_CHOICE):
        return None
    place, day, about = code.removeprefix(_CHOICE).split(":")
    if place not in offices():
        return None
    return _told(place, date.fromisoformat(day) if day else None, about)


def name_of(code: str) -> str | None:
    """The office that a choice names, where it is one of ours."""
    place = code.removeprefix(_CHOICE).partition(":")[0]
    return offices()[place].name if code.startswith(_CHOICE) and place in offices() else None


def _meant(openid: str, words: str) -> list[str]:
    """The offices that may be meant: named, else that of the person's newest open case, else all with hours."""
    every = offices()
    named = [code for code, one in every.items() if _short(one.name) in words]
    if not named and any(word in words for word in _CENTRE):
        named = [code for code, one in every.items() if one.kind == "service_centre"]
    if named:
        return named
    citizen = citizen_of_openid(openid)
    for case in cases_of(citizen.id) if citizen is not None else ():
        if case.ended_at is None and case.office_code in every:
            return [case.office_code]
    return [one.office.code for one in opening.hours_of()]


def _short(name: str) -> str:
    """What people call an office: 岳林 for 岳林派出所."""
    return name.removesuffix("派出所") or name


def _about(words: str) -> str:
    """What else is asked: the noon, or a holiday by its name; empty for neither."""
    return _NOON[0] if any(word in words for word in _NOON) else holiday_meant(words) or ""


def _told(code: str, day: date | None, about: str) -> str:
    place = office(code)
    known = opening.hours_of([code])
    where = f"{place.name}：{place.address}，{place.phone}"
    if not known:
        return lines(f"【{place.name}】", "办公时间还没有写进来，去之前请先打电话问。", where, *_anyway())
    of_day = _of_day(known[0], day or clock.today(), about == _NOON[0])
    if day is None and about and about != _NOON[0]:
        of_day = [f"{about}的安排还没有公布，公布后在这里能查到。"]
    return lines(f"【{place.name}】", *of_day, *(f"平时：{one}" for one in known[0].lines), where, *_anyway())


def _of_day(hours: opening.Hours, day: date, noon: bool) -> Sequence[str]:
    known, today = _opening(hours, day), clock.today()
    called = {0: "今天", 1: "明天", 2: "后天"}.get((known.day - today).days, "")
    told = [f"{called}{chinese_day(known.day)}：{words_of(known.spans)}{f'（{known.why}）' if known.why else ''}"]
    if known.spans and noon:
        pause = break_of(known.spans)
        told.append(f"中午 {words_of([pause])} 休息" if pause else "中午不休息")
    if not known.spans:
        following = (_opening(hours, known.day + timedelta(days=n)) for n in range(1, _AHEAD))
        opens = next((one for one in following if one.spans), None)
        if opens is not None:
            told.append(f"之后最近的办公日：{chinese_day(opens.day)} {words_of(opens.spans)}")
    if not calendar().is_known(known.day):
        told.append("那一年的节假日安排还没有公布，可能会变。")
    return told


def _anyway() -> Sequence[str]:
    return (f"手机上随时可以办，不用等上班：{link('在线办理', '/h5/')}", *hotlines())
