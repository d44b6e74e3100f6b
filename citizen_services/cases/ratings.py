"""Ratings (好差评): five grades, once a case, of the person's own accord; a bad one is put right by a date (整改).

国办发〔2019〕51号, from memory: every bad rating is called back and put right. The number of days is a setting.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select, update

from citizen_services.cases.clocks import calendar
from citizen_services.cases.errors import GuardFailed, MovedOn
from citizen_services.cases.models import Case, Rating, Rectification
from citizen_services.cases.signals import case_rated
from citizen_services.database import Change, db, new_id
from citizen_services.people import parameters
from citizen_services.people.actors import Actor
from citizen_services.rules.periods import Period, deadline

#: The grades as people choose them, best first.
GRADES: Mapping[int, str] = {5: "非常满意", 4: "满意", 3: "基本满意", 2: "不满意", 1: "非常不满意"}
#: From this grade down a rating is a bad one.
BAD = 2
#: The words that go with a rating, at most.
MOST_WORDS = 300
#: Rows of a list.
PAGE = 100


class AlreadyRated(MovedOn):
    """The case was rated before; a rating is given once."""

    def __init__(self) -> None:
        super().__init__(sentence="这件事您已经评价过了，每件事评价一次。谢谢您。")


def rating_of(case_id: UUID) -> Rating | None:
    """The rating of a case; None where there is none."""
    return db.session.scalars(select(Rating).where(Rating.case_id == case_id)).one_or_none()


def rate(change: Change, case: Case, grade: int, words: str, door: str) -> None:
    """Add to a change what the person thinks of an ended case; a bad grade opens a rectification.

    Raises GuardFailed where the case has not ended, AlreadyRated.
    """
    if case.ended_at is None:
        raise GuardFailed("ended", "这件事还没有办结，办结后再请您评价。")
    # Two tabs: whoever comes second waits here and then finds the first one's rating.
    db.session.execute(select(Case.id).where(Case.id == case.id).with_for_update())
    if rating_of(case.id) is not None:
        raise AlreadyRated
    rating_id = new_id()
    change.add(
        Rating,
        id=rating_id,
        case_id=case.id,
        office_code=case.office_code,
        grade=grade,
        words=words or None,
        door=door,
        at=change.at,
    )
    case_rated.send(case.id, case=case, grade=grade, change=change)
    if grade > BAD:
        return
    until = deadline(change.at, Period(parameters.number("rectification_days"), "working"), calendar())
    change.add(
        Rectification,
        id=new_id(),
        rating_id=rating_id,
        case_id=case.id,
        office_code=case.office_code,
        state="open",
        due=until.at,
        due_provisional=until.provisional,
        called_at=None,
        called_by=None,
        call_note=None,
        done_at=None,
        done_by=None,
        measures=None,
    )


@dataclass(frozen=True)
class Task:
    """A rectification with its rating and its case."""

    rectification: Rectification
    rating: Rating
    case: Case


def open_tasks(office_code: str) -> Sequence[Task]:
    """What an office still has to put right, the nearest date on top; at most PAGE."""
    return _tasks(office_code, "open")


def done_tasks(office_code: str) -> Sequence[Task]:
    """What an office put right, the latest on top; at most PAGE."""
    return _tasks(office_code, "done")


def _tasks(office_code: str, state: str) -> Sequence[Task]:
    query = (
        select(Rectification, Rating, Case)
        .join(Rating, Rating.id == Rectification.rating_id)
        .join(Case, Case.id == Rectification.case_id)
        .where(Rectification.office_code == office_code, Rectification.state == state)
    )
    order = Rectification.due if state == "open" else Rectification.done_at.desc()
    return [Task(*row) for row in db.session.execute(query.order_by(order, Rectification.id).limit(PAGE))]


def task(office_code: str, id_: UUID) -> Rectification | None:
    """A rectification of an office; None for any other."""
    found = db.session.get(Rectification, id_, populate_existing=True)
    return found if found is not None and found.office_code == office_code else None


def note_call(change: Change, one: Rectification, actor: Actor, note: str) -> None:
    """Add to a change that the person was called back, and what they said."""
    change.guard(
        update(Rectification)
        .where(Rectification.id == one.id, Rectification.state == "open")
        .values(called_at=change.at, called_by=actor.id, call_note=note),
        _done_meanwhile,
    )


def close(change: Change, one: Rectification, actor: Actor, measures: str) -> None:
    """Add to a change that it was put right, and how. Raises GuardFailed where nobody was called back."""
    if one.called_at is None:
        raise GuardFailed("called", "请先回访申请人并登记回访情况，再登记整改结果。")
    change.guard(
        update(Rectification)
        .where(Rectification.id == one.id, Rectification.state == "open", Rectification.called_at.is_not(None))
        .values(state="done", done_at=change.at, done_by=actor.id, measures=measures),
        _done_meanwhile,
    )


def _done_meanwhile() -> MovedOn:
    return MovedOn(sentence="这件整改刚刚由同事登记完成，请刷新查看。")
