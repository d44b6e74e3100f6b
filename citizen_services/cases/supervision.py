"""What a supervisor counts: how often an office asked for corrections (补正), and how often for something more."""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import func, select

from citizen_services.cases.models import Case, Correction
from citizen_services.clock import SHANGHAI
from citizen_services.database import db


class AskedInMonth(NamedTuple):
    """The requests of an office in a month."""

    office_code: str
    #: Its first day.
    month: date
    asked: int
    #: Of these, how many asked for something that no request had named, or for the same after its date: each for a
    #: reason (浙江省保障“最多跑一次”改革规定 art 11 wants all of it named at once).
    unusual: int


def corrections_asked(since: date, until: date, district: str) -> list[AskedInMonth]:
    """How often each of a district's offices asked, by month, from the first day to the one before ``until``.

    Counted for the office whose case it is now. Newest month first; offices and months without a request are left out.
    """
    local = func.timezone(SHANGHAI.key, Correction.asked_at)
    month = func.date_trunc("month", local).label("month")
    asked = func.count().label("asked")
    begins, ends = (datetime(day.year, day.month, day.day, tzinfo=SHANGHAI) for day in (since, until))
    query = (
        select(Case.office_code, month, asked, func.count(Correction.new_because).label("unusual"))
        .join(Case, Case.id == Correction.case_id)
        .where(Case.district == district, Correction.asked_at >= begins, Correction.asked_at < ends)
        .group_by(Case.office_code, month)
        .order_by(month.desc(), Case.office_code)
    )
    return [
        AskedInMonth(row.office_code, row.month.date(), row.asked, row.unusual) for row in db.session.execute(query)
    ]
