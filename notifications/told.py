"""What was told, in words for whoever it concerns: each notice with every try, its channel, time and outcome."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import defer

from citizen_services.database import db
from citizen_services.parts import parts
from notifications import booking_texts, ladder, queries, texts
from notifications.models import BY_HAND, LETTER, Delivery

CHANNELS: Mapping[str, str] = {"wechat": "微信", "sms": "短信", "call": "电话", "visit": "上门", "letter": "EMS 信函"}
_ENDED: Mapping[str, str] = {"call": "已在电话里告知", "visit": "已上门告知"}
#: What is said of the letter's rung.
_LETTER: Mapping[str, str] = {
    "pending": "文书正在准备交寄",
    "sent": "文书已经交寄，等签收",
    "delivered": "文书已签收",
    "failed": "文书没有寄到",
}
_STATES: Mapping[str, str] = {
    "pending": "正在发送",
    "sending": "正在发送",
    "uncertain": "已发出，不知道有没有送到",
    "sent": "已发出，还没有回执",
    "failed": "没有送到",
    "expired": "没有发出，已过有效时间",
}
_CANCELLED: Mapping[str, str] = {
    ladder.TOLD_ALREADY: "后来也送到了",
    "told by another channel": "已用别的方式告知，没有再试",
    "passed on": "没有结果，改用别的方式",
}


@dataclass(frozen=True)
class Try:
    """One channel's try: its name, what came of it, and when (None where nothing was done yet)."""

    channel: str
    outcome: str
    at: datetime | None


@dataclass(frozen=True)
class Told:
    """A notice with its tries in order; without any where the person wished to be sent only what must be known."""

    title: str
    text: str
    at: datetime
    tries: tuple[Try, ...]
    kind: str
    #: What to bring, where the notice says it.
    things: tuple[str, ...] = ()


def to_bring(told: Sequence[Told], state: str) -> tuple[str, ...]:
    """What the person still has to bring in a state, by the newest notice of such a step."""
    every = [step for item in parts().catalogue.every() for step in item.steps]
    steps = [step for step in every if step.bring is not None and step.start == state]
    kinds = {notice.code for step in steps for notice in step.tells}
    return next((one.things for one in told if one.kind in kinds), ())


def of_case(case_id: UUID, citizen_id: UUID) -> list[Told]:
    """What one person was told of a case, newest first; what was said once more is one, with the tries of all of it."""
    notices = [notice for notice in queries.notices_of_case(case_id) if notice.citizen_id == citizen_id]
    tries, titles = tries_of(notice.id for notice in notices), titles_of()
    for earlier in notices:
        if earlier.requeued_as is not None:
            tries[earlier.requeued_as] = [*tries[earlier.id], *tries[earlier.requeued_as]]
    notices = [notice for notice in notices if notice.requeued_as is None]
    return [
        Told(
            titles.get(notice.kind, "通知"),
            notice.text,
            notice.at,
            tuple(tries[notice.id]),
            notice.kind,
            tuple(notice.values.get("bring", ())),
        )
        for notice in reversed(notices)
    ]


def tries_of(notices: Iterable[UUID]) -> dict[UUID, list[Try]]:
    """The tries of each of these notices, in the order in which they were made."""
    query = select(Delivery).options(defer(Delivery.payload), defer(Delivery.words))
    query = query.where(Delivery.notice_id.in_(list(notices))).order_by(Delivery.id)
    found: dict[UUID, list[Try]] = defaultdict(list)
    for row in db.session.scalars(query):
        if row.notice_id is not None:
            channel = CHANNELS.get(row.channel, row.channel)
            found[row.notice_id].append(Try(channel, _outcome(row), row.done_at or row.sent_at))
    return found


def titles_of() -> dict[str, str]:
    """The title of each notice that can be told, by its code."""
    declared = [notice for item in parts().catalogue.every() for step in item.steps for notice in step.tells]
    return {notice.code: notice.title for notice in (*declared, *texts.OWN, *booking_texts.notices(parts().catalogue))}


def _outcome(row: Delivery) -> str:
    reason = row.reason or ""
    if row.channel == LETTER and row.state in _LETTER:
        return _LETTER[row.state]
    if row.state == "delivered":
        return _ENDED.get(row.channel, "已送达")
    if row.state == "cancelled":
        return next((words for begins, words in _CANCELLED.items() if reason.startswith(begins)), "没有发出")
    if row.channel not in BY_HAND:
        return _STATES[row.state]
    who = "没有打通" if row.channel == "call" else "没有见到本人"
    if row.state == "pending":
        return f"试过 {row.attempts} 次，{who}" if row.attempts else "等工作人员联系"
    return "本人不愿听" if reason == "refused" else f"试过 {row.attempts} 次，{who}"
