"""How each document of a case is served, in words for its person: how and when, and until when they may complain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from citizen_services.cases import serving
from citizen_services.cases.serving_models import Serving
from citizen_services.database import db
from citizen_services.rules.dates import chinese_full_day, chinese_moment, local_date
from notifications import letters
from notifications.models import Letter, Parcel

#: What each way by hand is called.
WAYS: Mapping[str, str] = {"direct": "直接送达", "left": "留置送达", "announced": "公告送达"}


@dataclass(frozen=True)
class Served:
    """How one document is served, in words, and until when its person may complain; empty while it is not served.

    ``asks``: an address is wanted of the person.
    """

    words: str
    remedies: str
    asks: bool = False


def served_of(case_id: UUID) -> dict[UUID, Served]:
    """How each document of a case is served, by the document's id."""
    query = select(Letter, Parcel).join(Parcel, Parcel.id == Letter.parcel_id).where(Parcel.case_id == case_id)
    posted: dict[UUID, tuple[Letter, Parcel]] = {}
    for letter, parcel in db.session.execute(query.order_by(Letter.nth)):
        # The letter that was signed for, else the last one.
        if letter.document_id not in posted or posted[letter.document_id][0].signed_at is None:
            posted[letter.document_id] = (letter, parcel)
    return {row.document_id: _served(row, posted.get(row.document_id)) for row in serving.of_case(case_id)}


def _served(row: Serving, last: tuple[Letter, Parcel] | None) -> Served:
    if row.served_at is None:
        asks = last is not None and letters.wants_address(row, last[1])
        return Served(_under_way(row, last), "还没有送达，不服的期限还没有开始算。", asks)
    if row.way in WAYS:
        return Served(f"{WAYS[row.way]}：{chinese_full_day(local_date(row.served_at))}", _remedies(row.served_at))
    how = "电子送达：{}到达本系统" if row.way == "electronic" else "EMS 邮寄送达：{}签收"
    return Served(how.format(chinese_moment(row.served_at)), _remedies(row.served_at))


def _under_way(row: Serving, last: tuple[Letter, Parcel] | None) -> str:
    if row.in_person_since is not None:
        return "邮寄没有送到，改为工作人员上门送达"
    if last is None or (not last[0].handed_at and last[1].receiver["address"]):
        return "EMS 邮寄送达：正在准备交寄"
    if not last[1].receiver["address"]:
        return "EMS 邮寄送达：没有您的地址，还没有寄出"
    nth = "" if last[0].nth == 1 else f"（第 {last[0].nth} 次）"
    course = {"refused": "，显示拒收", "back": "，正在退回", "returned": "，已退回", "lost": "，已丢失",
              "other": "，由他人代收"}.get(last[1].course, "")  # fmt: skip
    return f"EMS 邮寄送达{nth}：已交寄，邮件号 {last[1].tracking}{course}"


def _remedies(served_at: datetime) -> str:
    first, court = serving.remedies_until(served_at)
    return (
        f"{chinese_full_day(local_date(served_at))}送达，从第二天起算："
        f"申请行政复议到{chinese_full_day(first)}，提起行政诉讼到{chinese_full_day(court)}；最后一天是节假日的顺延。"
    )
