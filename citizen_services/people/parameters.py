"""Parameters: numbers that a bureau sets on a page, by two pairs of eyes, from a day on.

The declared value, else the environment's (settings), is in force where no page ever said otherwise. Each process reads
the decided values again after READ_AGAIN_S, so that all have them within a minute.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from uuid import UUID

from sqlalchemy import select

from citizen_services import clock
from citizen_services.catalogue import Catalogue, Param, ServiceItem
from citizen_services.database import db, new_id
from citizen_services.parts import parts
from citizen_services.people.actors import Actor
from citizen_services.people.administration_models import ParameterChange
from citizen_services.people.administration_record import record
from citizen_services.people.errors import PeopleError

#: Machine seconds.
READ_AGAIN_S = 30.0
_LOOKS = "looks_"


@dataclass(frozen=True)
class Declared:
    """A parameter as the page shows it, and the least and the most that it may be.

    ``value`` is in force where no page ever said otherwise; None: the environment says it. ``source``: where the number
    comes from. ``off``: the value outside of the bounds that means "not at all", where there is one.
    """

    label: str
    unit: str
    least: int
    most: int
    value: int | None = None
    source: str = ""
    off: int | None = None

    def allows(self, value: int) -> bool:
        """Whether it may be set so."""
        return self.least <= value <= self.most or value == self.off


DECLARED: Mapping[str, Declared] = {
    "correction_days": Declared("补正期限", "个工作日", 1, 60),
    "correction_grace_days": Declared("得知补正后至少留给申请人", "个工作日", 1, 30),
    "rating_contest_days": Declared("差评申诉期限", "个工作日", 1, 30, 5, "国办发〔2019〕51号，天数由本局规定"),
    "escalation_lead_days": Declared("时限到期前提醒经办人", "天", 1, 10, 1, "本局规定"),
    "escalation_above_days": Declared("超期后仍未办的报上一级", "天", 0, 30, 1, "本局规定"),
    "rectification_days": Declared("差评整改期限", "个工作日", 1, 30),
    "tell_wechat_wait_minutes": Declared("微信通知等回执", "分钟", 1, 1440),
    "tell_sms_wait_minutes": Declared("短信通知等回执", "分钟", 1, 10_080),
    "tell_call_days": Declared("电话告知名单保留", "天", 1, 30),
    "letter_tries": Declared("文书最多邮寄", "次", 1, 5),
    "staff_digest_hour": Declared("每日摘要时间", "点", 1, 22),
    "fee_pay_days": Declared("通知缴费后几天内缴", "天", 1, 60, 7, "本局规定"),
    "case_file_years": Declared("办件案卷办结后保存（0 为不删除）", "年", 10, 100, 0, "《档案法实施条例》第二十条", 0),
    "looks_opened": Declared("每人每天打开不在手上和待办里的办件", "次", 1, 10_000),
    "looks_searched": Declared("每人每天按人查办件", "次", 1, 10_000),
    "looks_unmasked": Declared("每人每天显示隐去的信息", "次", 1, 10_000),
    "looks_exported": Declared("每人每天导出", "次", 1, 1_000),
    "booking_hold_minutes": Declared("选中号源后保留", "分钟", 2, 60, 10, "本局规定"),
    "booking_holds_a_day": Declared("每人每天最多选号", "次", 1, 100, 8, "本局规定"),
    "booking_expired_holds": Declared("当天选号后未确认几次即暂停", "次", 1, 20, 2, "本局规定"),
    "booking_pause_minutes": Declared("选号后未确认的暂停时间", "分钟", 1, 1440, 30, "本局规定"),
    "booking_no_shows": Declared("爽约几次即暂停预约", "次", 1, 20, 3, "本局规定"),
    "booking_no_show_days": Declared("爽约在多少天内累计", "天", 1, 365, 90, "本局规定"),
    "booking_no_show_pause_days": Declared("爽约后暂停预约", "天", 1, 180, 30, "本局规定"),
    "booking_offer_minutes": Declared("候补号源保留", "分钟", 5, 1440, 60, "本局规定"),
    "roster_days_in_a_row": Declared("最多连续上班", "天", 1, 14, 6, "《劳动法》第三十八条（每周至少休息一日）"),
    "roster_hours_without_break": Declared("最多连续上班不休息", "小时", 1, 12, 4, "本局规定"),
    "roster_break_minutes": Declared("一次休息至少", "分钟", 10, 180, 30, "本局规定"),
    "booking_move_days": Declared("关窗后改约在多少天内", "天", 1, 30, 5, "本局规定"),
    "booking_move_notice_minutes": Declared("关窗后改约至少提前告知", "分钟", 30, 2880, 120, "本局规定"),
    "hall_longest_wait_minutes": Declared("现场取号的最多等候", "分钟", 10, 240, 60, "本局规定"),
    "booking_late_minutes": Declared("预约时段过后仍按预约叫号", "分钟", 0, 120, 15, "本局规定"),
}


def fee_parameter(item: ServiceItem, param: Param) -> str:
    """The name under which an amount of a service's tariff is set."""
    return f"fee:{item.code}:{param.code}"


def declared() -> Mapping[str, Declared]:
    """Every parameter by its name: the platform's, and the amounts of each service's tariff."""
    return _declared(parts().catalogue)


@lru_cache(maxsize=4)
def _declared(catalogue: Catalogue) -> Mapping[str, Declared]:
    tariffs = {
        fee_parameter(item, param): Declared(
            f"{item.name}：{param.label}", "分", *param.bounds, param.default, str(param.source)
        )
        for item in catalogue.items()
        if item.fee
        for param in item.fee.amounts
    }
    return {**DECLARED, **tariffs}


class CannotSet(PeopleError):
    """What was proposed can't be so; ``field`` is the form's input that is wrong."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


class _Decided:
    """The decided values of this process: ``{name: [(from day, value), …]}``, the one that counts most last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: Mapping[str, Sequence[tuple[date, int]]] | None = None
        self._read_at = float("-inf")

    def get(self) -> Mapping[str, Sequence[tuple[date, int]]]:
        with self._lock:
            if self._values is None or time.monotonic() - self._read_at > READ_AGAIN_S:
                query = select(ParameterChange.name, ParameterChange.from_day, ParameterChange.value)
                rows = db.session.execute(
                    query.where(ParameterChange.state == "approved").order_by(
                        ParameterChange.from_day, ParameterChange.decided_at, ParameterChange.id
                    )
                )
                found: dict[str, list[tuple[date, int]]] = {}
                for name, from_day, value in rows:
                    found.setdefault(name, []).append((from_day, value))
                self._values, self._read_at = found, time.monotonic()
            return self._values

    def forget(self) -> None:
        with self._lock:
            self._values = None


_decided = _Decided()


def forget_parameters() -> None:
    """Read the decided values again at the next use: one was decided."""
    _decided.forget()


def default(name: str) -> int:
    """The value in force where no page ever said otherwise."""
    value_declared = declared()[name].value
    if value_declared is not None:
        return value_declared
    settings = parts().settings
    if name.startswith(_LOOKS):
        return settings.daily_looks[name.removeprefix(_LOOKS)]
    value: int = getattr(settings, name)
    return value


def number(name: str) -> int:
    """The value of a declared parameter that is in force today."""
    return in_force(name)[0]


def in_force(name: str) -> tuple[int, date | None]:
    """The value in force today and since which day; None where it is the environment's."""
    if name not in declared():
        raise KeyError(name)
    today = clock.today()
    found = [(value, from_day) for from_day, value in _decided.get().get(name, ()) if from_day <= today]
    return found[-1] if found else (default(name), None)


def to_come() -> Sequence[ParameterChange]:
    """Decided values that are not in force yet, the earliest first."""
    query = select(ParameterChange).where(ParameterChange.state == "approved", ParameterChange.from_day > clock.today())
    return db.session.scalars(query.order_by(ParameterChange.from_day, ParameterChange.id)).all()


def proposed() -> Sequence[ParameterChange]:
    """Values that wait for the second pair of eyes, the oldest first."""
    query = select(ParameterChange).where(ParameterChange.state == "open")
    return db.session.scalars(query.order_by(ParameterChange.asked_at, ParameterChange.id)).all()


def propose(actor: Actor, name: str, value: int, from_day: date) -> None:
    """Propose another value from a day on. Raises CannotSet. The caller commits."""
    one = declared().get(name)
    if one is None:
        raise CannotSet("name", "请选择参数。")
    if not one.allows(value):
        raise CannotSet("value", f"{one.label}须在 {one.least} 至 {one.most} {one.unit}之间。")
    if from_day < clock.today():
        raise CannotSet("from_day", "生效日期不能早于今天。")
    waiting = select(ParameterChange.id).where(ParameterChange.name == name, ParameterChange.state == "open")
    if db.session.execute(waiting).first() is not None:
        raise CannotSet("name", "这个参数已有一项修改正等决定。")
    values = {"name": name, "value": value, "from_day": from_day, "asked_by": actor.id}
    db.session.add(ParameterChange(id=new_id(), asked_at=clock.now(), state="open", **values))
    db.session.flush()
    record(actor, "parameter_proposed", name, _words(name, number(name)), _words(name, value, from_day))


def decide(actor: Actor, change_id: UUID, *, approve: bool) -> None:
    """Approve or reject a value that another one proposed; one whose day has passed counts from today.

    Raises CannotSet. The caller commits, then forgets what this process read (forget_parameters).
    """
    change = db.session.get(ParameterChange, change_id, with_for_update=True, populate_existing=True)
    if change is None or change.state != "open":
        raise CannotSet("decision", "这项修改已经由同事决定了。")
    if change.asked_by == actor.id:
        raise CannotSet("decision", "须由另一位管理员决定：提出人不能自己批准。")
    # Read before anything is written: this transaction would see, and this process keep, what is not committed yet.
    before = _words(change.name, number(change.name))
    change.state, change.decided_by, change.decided_at = (
        ("approved" if approve else "rejected"),
        actor.id,
        clock.now(),
    )
    change.from_day = max(change.from_day, clock.today())
    db.session.flush()
    after = _words(change.name, change.value, change.from_day)
    record(actor, "parameter_approved" if approve else "parameter_rejected", change.name, before, after)


def _words(name: str, value: int, from_day: date | None = None) -> dict[str, str]:
    one = declared()[name]
    words = {one.label: f"{value}{one.unit}"}
    return words | {"生效日期": from_day.isoformat()} if from_day is not None else words
