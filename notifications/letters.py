"""Letters: documents that are served by post. Ordered with the decision, printed and handed over by the service centre.

A letter is a parcel of the direction ``letter``: it moves no case, and its signature is the day of serving.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Row, or_, select, update

from citizen_services import clock
from citizen_services.cases import serving
from citizen_services.cases.models import Case, Document
from citizen_services.cases.serving_models import Serving
from citizen_services.database import Change, db, new_id
from citizen_services.exchange.ems_codes import DELIVERED, standing
from citizen_services.parts import parts
from citizen_services.people.queries import service_centre
from citizen_services.rules.dates import chinese_full_day, chinese_moment, local_date
from notifications import rows
from notifications.errors import NotThisLabel
from notifications.models import Letter, Parcel, ParcelEvent

CONTENTS, NOTE = "公安机关法律文书", "文书，须本人签收"
PAGE = 100
#: What the list calls each course of a letter that was handed over and not signed by its person.
TROUBLE: Mapping[str, str] = {
    "other": "他人代收，请核实",
    "refused": "拒收",
    "back": "退回途中",
    "returned": "已退回",
    "lost": "丢失",
}


def order(case_id: UUID, *, document_id: UUID, receiver: Mapping[str, str], change: Change) -> None:
    """Have a letter ordered with EMS; one without an address waits on the list until somebody asked the person."""
    settings = parts().settings
    centre = service_centre(settings.district)
    ours = {
        "name": centre.name,
        "phone": centre.phone,
        "province": settings.province_name,
        "city": settings.city_name,
        "county": settings.district_name,
        "address": centre.address,
    }
    parcel_id = new_id()
    change.add(
        Parcel,
        id=parcel_id,
        case_id=case_id,
        direction="letter",
        receiver=dict(receiver),
        tracking=None,
        state="ordered",
        at=change.at,
    )
    change.add(Letter, parcel_id=parcel_id, document_id=document_id, handed_at=None, handed_by=None)
    if receiver["address"]:
        payload = {"sender": ours, "receiver": dict(receiver), "contents": CONTENTS, "note": NOTE}
        rows.add_delivery(change, "ems", parcel_id=parcel_id, payload=payload)


def follow(parcel: Parcel, events: Sequence[ParcelEvent]) -> None:
    """Keep the day of serving of a locked letter: when its person signed, none where that was revoked."""
    letter = db.session.get_one(Letter, parcel.id)
    signed = [event.op_time for event in standing(events) if event.op_code == DELIVERED]
    done = parcel.course == "signed" and bool(signed)
    serving.reached(letter.document_id, signed[-1] if done else None)
    parcel.closed_at = clock.now() if done else None
    db.session.flush()


def waiting(within: ColumnElement[bool]) -> Sequence[Row[Letter, Parcel, Document, Case]]:
    """Letters to be printed and handed over, then those that came to nothing, oldest first."""
    query = (
        select(Letter, Parcel, Document, Case)
        .join(Parcel, Parcel.id == Letter.parcel_id)
        .join(Document, Document.id == Letter.document_id)
        .join(Case, Case.id == Parcel.case_id)
        .where(within, or_(Letter.handed_at.is_(None), Parcel.course.in_(TROUBLE)))
        .order_by(Letter.handed_at.isnot(None), Parcel.at, Parcel.id)
    )
    return db.session.execute(query.limit(PAGE)).all()


def one(letter_id: UUID, within: ColumnElement[bool]) -> Row[Letter, Parcel, Document, Case] | None:
    """A letter with its parcel, document and case; None where there is none such."""
    query = (
        select(Letter, Parcel, Document, Case)
        .join(Parcel, Parcel.id == Letter.parcel_id)
        .join(Document, Document.id == Letter.document_id)
        .join(Case, Case.id == Parcel.case_id)
    )
    return db.session.execute(query.where(Letter.parcel_id == letter_id, within)).first()


def hand_over(letter_id: UUID, typed: str, by: UUID) -> None:
    """The label was scanned as the letter went to the courier; twice is once. The caller commits.

    Raises NotThisLabel where the number is another letter's, or EMS has given none yet.
    """
    tracking = db.session.execute(select(Parcel.tracking).where(Parcel.id == letter_id)).scalar_one()
    if tracking is None or typed.strip().upper() != tracking:
        raise NotThisLabel
    open_ = update(Letter).where(Letter.parcel_id == letter_id, Letter.handed_at.is_(None))
    db.session.execute(open_.values(handed_at=clock.now(), handed_by=by))


@dataclass(frozen=True)
class Served:
    """How one document is served, in words, and until when its person may complain; empty while it is not served."""

    words: str
    remedies: str


def served_of(case_id: UUID) -> dict[UUID, Served]:
    """How each document of a case is served, by the document's id."""
    letters = (
        select(Letter, Parcel.tracking).join(Parcel, Parcel.id == Letter.parcel_id).where(Parcel.case_id == case_id)
    )
    posted = {letter.document_id: (letter, tracking) for letter, tracking in db.session.execute(letters)}
    return {
        row.document_id: _served(row, *posted.get(row.document_id, (None, None))) for row in serving.of_case(case_id)
    }


def _served(row: Serving, letter: Letter | None, tracking: str | None) -> Served:
    if row.served_at is None:
        way = (
            f"EMS 邮寄送达：已交寄，邮件号 {tracking}" if letter and letter.handed_at else "EMS 邮寄送达：正在准备交寄"
        )
        return Served(way, "还没有送达，不服的期限还没有开始算。")
    how = "电子送达：{}到达本系统" if row.way == "electronic" else "EMS 邮寄送达：{}签收"
    return Served(how.format(chinese_moment(row.served_at)), _remedies(row.served_at))


def _remedies(served_at: datetime) -> str:
    first, court = serving.remedies_until(served_at)
    return (
        f"{chinese_full_day(local_date(served_at))}送达，从第二天起算："
        f"申请行政复议到{chinese_full_day(first)}，提起行政诉讼到{chinese_full_day(court)}；最后一天是节假日的顺延。"
    )
