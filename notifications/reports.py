"""Reporting outward: each step, result and rating of a case goes to the province's one-window platform (一窗受理).

浙江省保障“最多跑一次”改革规定 art 40. The row to be sent is added in the transaction of the fact, and a case's reports
go in the order of its facts. They name no person: the platform needs the item, the office, the course and the result.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from citizen_services.cases.models import Case, Document, Rating
from citizen_services.cases.situation import Situation
from citizen_services.catalogue.vocabulary import ServiceItem, Step
from citizen_services.clock import SHANGHAI
from citizen_services.database import Change, db
from citizen_services.parts import parts
from citizen_services.people.queries import office
from notifications import rows
from notifications.errors import NotRequeueable

CHANNEL = "one_window"


def connected() -> bool:
    """Whether this installation reports at all: the platform's address is set."""
    return CHANNEL in parts().settings.partners


def report_step(action: str, *, situation: Situation, step: Step, change: Change) -> None:
    """A step was taken: the platform is to know, and what was issued with it."""
    if not connected() or situation.office is None:
        return
    state = situation.item.state(step.end)
    prefix = f"{situation.number}-{situation.seq:02d}"
    documents = [
        {"number": row["number"], "title": row["title"], "sha256": row["sha256"].hex()}
        for row in change.rows(Document)
        if row["number"] == prefix
    ]
    payload = {
        "what": "steps",
        "case_number": situation.number,
        **_item(situation.item),
        **_course(situation.item),
        **_office(situation.office),
        "seq": situation.seq,
        "action": action,
        "state": state.code,
        "state_name": state.word,
        "final": state.final,
        "at": _moment(change.at),
        "documents": documents,
    }
    _add(change, situation.case_id, payload)


def report_rating(case_id: UUID, *, case: Case, grade: int, change: Change) -> None:
    """A case was rated: the platform is to know the grade; what the person wrote stays here."""
    if not connected():
        return
    payload = {
        "what": "ratings",
        "case_number": case.number,
        **_item(parts().catalogue.item(case.item, case.item_version)),
        **_office(case.office_code),
        "grade": grade,
        "at": _moment(change.at),
    }
    _add(change, case_id, payload)


def report_contest(case_id: UUID, *, case: Case, grade: int, upheld: bool, change: Change) -> None:
    """What came of a contested rating: the platform is to know whether it counts; the words of both sides stay here."""
    if not connected():
        return
    payload = {
        "what": "contests",
        "case_number": case.number,
        **_item(parts().catalogue.item(case.item, case.item_version)),
        **_office(case.office_code),
        "grade": grade,
        "result": "upheld" if upheld else "rejected",
        "at": _moment(change.at),
    }
    _add(change, case_id, payload)


def anew(case_id: UUID | None, before: Mapping[str, Any]) -> dict[str, Any]:
    """A report that was rejected, with item and office as they are called now; what happened stays as it happened.

    Raises NotRequeueable where there is no such case.
    """
    case = db.session.get(Case, case_id, populate_existing=True)
    if case is None:
        raise NotRequeueable
    item = parts().catalogue.item(case.item, case.item_version)
    mended = {**before, **_item(item), **_office(before["office_code"])}
    if before["what"] in ("ratings", "contests"):
        rating = db.session.query(Rating).filter_by(case_id=case.id).one()
        return {**mended, "grade": rating.grade}
    return {**mended, **_course(item), "state_name": item.state(before["state"]).word}


def _add(change: Change, case_id: UUID, payload: Mapping[str, Any]) -> None:
    # One row of a case goes after another: what is in turn goes by ``person``, here the case.
    rows.add_delivery(change, CHANNEL, about=case_id, person=case_id, payload=payload)


def _item(item: ServiceItem) -> dict[str, Any]:
    return {"item_code": item.code, "item_name": item.name}


def _course(item: ServiceItem) -> dict[str, Any]:
    promised = item.clocks.promised
    return {
        "item_kind": "即办件" if item.clocks.at_once else "承诺件",
        "visits_most": max(door.visits for door in item.doors),
        "promised_days": promised.n,
        "promised_unit": promised.unit,
    }


def _office(code: str) -> dict[str, Any]:
    return {"office_code": code, "office_name": office(code).name}


def _moment(at: datetime) -> str:
    return at.astimezone(SHANGHAI).isoformat(timespec="seconds")
