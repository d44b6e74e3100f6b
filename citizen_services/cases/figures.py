"""Figures of supervision. A month is added up by the scheduler and read as some rows; lists go by indexes, in pages.

No query here reads all cases: each is bound to offices and to a month, or to clocks that run out by tomorrow.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select, text, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import defer

from citizen_services import clock
from citizen_services.cases.figure_models import MonthFigure
from citizen_services.cases.models import Case, Correction, Rating, Rectification
from citizen_services.database import db
from citizen_services.people.queries import offices
from citizen_services.rules.dates import add_months, end_of_day, start_of_day

#: How many months a page shows.
MONTHS = 12
#: Rows of a list's page.
PAGE = 20
#: Rows of an export that are read at a time.
BATCH = 500
#: Clocks are counted up to here: what is more is "and more".
MOST_COUNTED = 1000
#: Corrections of a month whose words are read for the list of reasons, the newest.
MOST_CORRECTIONS = 200
#: One adder at a time: the number of the advisory lock.
_ADD_LOCK = 33021302

_UNSHOWN = (defer(Case.data), defer(Case.answers), defer(Case.results), defer(Case.head))

_COLUMNS = (
    "sent", "ended", "completed", "without_trip", "one_trip_at_most", "refused", "withdrawn", "promised", "in_time",
    "waiting_median_s", "waiting_p90_s", "handling_median_s", "handling_p90_s", "corrections", "corrections_new",
    "ratings", "ratings_bad", "grades",
)  # fmt: skip
_TIMES = frozenset(name for name in _COLUMNS if name.endswith("_s"))

_ENDED = text(
    """
    WITH ended AS (
      SELECT c.office_code, c.item, c.state, c.submitted_at, c.accepted_at, c.ended_at, c.promised_due,
        coalesce(c.result_met_at, c.ended_at) AS left_at,
        (SELECT count(*) FROM visit_case v WHERE v.case_id = c.id) AS trips,
        (SELECT e.at FROM case_event e WHERE e.case_id = c.id AND e.actor_kind = 'staff'
           AND e.action NOT IN ('submit', 'claim', 'release') ORDER BY e.seq LIMIT 1) AS answered_at
      FROM "case" c
      WHERE c.office_code = ANY(:offices) AND c.ended_at >= :start AND c.ended_at < :end
    )
    SELECT coalesce(office_code, '') AS office_code, coalesce(item, '') AS item,
      count(*) AS ended,
      count(*) FILTER (WHERE state = 'completed') AS completed,
      count(*) FILTER (WHERE state = 'completed' AND trips = 0) AS without_trip,
      count(*) FILTER (WHERE state = 'completed' AND trips <= 1) AS one_trip_at_most,
      count(*) FILTER (WHERE state IN ('declined', 'refused', 'revoked')) AS refused,
      count(*) FILTER (WHERE state IN ('withdrawn', 'lapsed')) AS withdrawn,
      count(*) FILTER (WHERE promised_due IS NOT NULL) AS promised,
      count(*) FILTER (WHERE left_at <= promised_due) AS in_time,
      percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM answered_at - submitted_at)) AS waiting_median_s,
      percentile_cont(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM answered_at - submitted_at)) AS waiting_p90_s,
      percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM left_at - accepted_at)) AS handling_median_s,
      percentile_cont(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM left_at - accepted_at)) AS handling_p90_s
    FROM ended GROUP BY CUBE (office_code, item)
    """
)
_SENT = text(
    """
    SELECT coalesce(office_code, '') AS office_code, coalesce(item, '') AS item, count(*) AS sent
    FROM "case" WHERE office_code = ANY(:offices) AND submitted_at >= :start AND submitted_at < :end
    GROUP BY CUBE (office_code, item)
    """
)
_CORRECTIONS = text(
    """
    SELECT coalesce(c.office_code, '') AS office_code, coalesce(c.item, '') AS item, count(*) AS corrections,
      count(k.new_because) AS corrections_new
    FROM correction k JOIN "case" c ON c.id = k.case_id
    WHERE k.asked_at >= :start AND k.asked_at < :end AND c.office_code = ANY(:offices)
    GROUP BY CUBE (c.office_code, c.item)
    """
)
_RATINGS = text(
    """
    SELECT coalesce(r.office_code, '') AS office_code, coalesce(c.item, '') AS item, count(*) AS ratings,
      count(*) FILTER (WHERE r.grade <= 2) AS ratings_bad, coalesce(sum(r.grade), 0) AS grades
    FROM rating r JOIN "case" c ON c.id = r.case_id
    WHERE r.office_code = ANY(:offices) AND r.at >= :start AND r.at < :end AND r.set_aside_at IS NULL
    GROUP BY CUBE (r.office_code, c.item)
    """
)


def month_of(day: date) -> date:
    """The first day of a day's month."""
    return day.replace(day=1)


def span_of(month: date) -> tuple[datetime, datetime]:
    """A month from its first moment to the first one after it."""
    return start_of_day(month), start_of_day(add_months(month, 1))


def add_up() -> int:
    """Add up this month, the one before, and whichever of the last twelve never was; returns how many months.

    The caller commits. Two at once do it once.
    """
    if not db.session.scalar(text(f"SELECT pg_try_advisory_xact_lock({_ADD_LOCK})")):
        return 0
    this = month_of(clock.today())
    shown = [add_months(this, -back) for back in range(MONTHS)]
    known = set(
        db.session.scalars(
            select(MonthFigure.month).where(
                MonthFigure.month.in_(shown), MonthFigure.office_code == "", MonthFigure.item == ""
            )
        )
    )
    due = [month for month in shown if month in shown[:2] or month not in known]
    for month in due:
        add_up_month(month)
    return len(due)


def add_up_month(month: date) -> None:
    """Add up one month anew for the district, each office and each item. The caller commits."""
    start, end = span_of(month)
    bound = {"offices": sorted(offices()), "start": start, "end": end}
    found: dict[tuple[str, str], dict[str, Any]] = defaultdict(dict)
    for office in ("", *offices()):
        # A month in which nothing happened says so.
        found[(office, "")] = {}
    for statement in (_ENDED, _SENT, _CORRECTIONS, _RATINGS):
        for row in db.session.execute(statement, bound).mappings():
            values = {name: value for name, value in row.items() if name not in ("office_code", "item")}
            found[(row["office_code"], row["item"])].update(values)
    at = clock.now()
    rows = [
        {"month": month, "office_code": office, "item": item, "at": at}
        | {name: values.get(name, None if name in _TIMES else 0) for name in _COLUMNS}
        for (office, item), values in sorted(found.items())
    ]
    write = insert(MonthFigure).values(rows)
    changed = {name: write.excluded[name] for name in (*_COLUMNS, "at")}
    db.session.execute(write.on_conflict_do_update(index_elements=["month", "office_code", "item"], set_=changed))


def months(office_code: str) -> Sequence[MonthFigure]:
    """The figures of the last twelve months of an office (empty: the district) for all items, newest first."""
    since = add_months(month_of(clock.today()), 1 - MONTHS)
    query = select(MonthFigure).where(
        MonthFigure.office_code == office_code, MonthFigure.month >= since, MonthFigure.item == ""
    )
    return db.session.scalars(query.order_by(MonthFigure.month.desc())).all()


def items_of(office_code: str, month: date) -> Sequence[MonthFigure]:
    """The figures of one month of an office by item, in order of their code."""
    query = select(MonthFigure).where(
        MonthFigure.office_code == office_code, MonthFigure.month == month, MonthFigure.item != ""
    )
    return db.session.scalars(query.order_by(MonthFigure.item)).all()


# --- Clocks -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Span:
    """Clocks that run out after ``since`` (None: at any time) and up to ``until``."""

    since: datetime | None
    until: datetime


def spans() -> Mapping[str, Span]:
    """``late``, ``today`` and ``tomorrow`` as they are now."""
    now, today = clock.now(), clock.today()
    tonight = end_of_day(today)
    return {
        "late": Span(None, now),
        "today": Span(now, tonight),
        "tomorrow": Span(tonight, end_of_day(today + timedelta(days=1))),
    }


def within(query: Select[Any], codes: Collection[str], span: Span) -> Select[Any]:
    """A query of cases bound to those on these desks whose clock runs out within a span."""
    query = query.where(Case.desk_code.in_(codes), Case.next_due <= span.until)
    return query if span.since is None else query.where(Case.next_due > span.since)


@dataclass(frozen=True)
class Running:
    """A page of cases whose clocks run out, and the place from which the next one goes on (None = the last)."""

    cases: Sequence[Case]
    after: tuple[datetime, UUID] | None


def running(
    codes: Collection[str],
    span: Span,
    *,
    held_by: UUID | None = None,
    after: tuple[datetime | None, UUID] | None = None,
) -> Running:
    """The cases on these desks whose clock runs out within a span, the earliest on top. Keyset pages."""
    query = within(select(Case).options(*_UNSHOWN), codes, span)
    if held_by is not None:
        query = query.where(Case.claimed_by == held_by)
    if after is not None and after[0] is not None:
        query = query.where(tuple_(Case.next_due, Case.id) > (after[0], after[1]))
    rows = db.session.scalars(query.order_by(Case.next_due, Case.id).limit(PAGE + 1)).all()
    shown = rows[:PAGE]
    last = shown[-1] if len(rows) > PAGE else None
    return Running(shown, (last.next_due, last.id) if last is not None and last.next_due is not None else None)


def counted(codes: Collection[str]) -> Mapping[str, Mapping[str, int]]:
    """How many clocks run out on each desk: ``{office: {late, today, tomorrow}}``, each up to MOST_COUNTED."""
    found: dict[str, dict[str, int]] = {}
    for code in codes:
        found[code] = {}
        for name, span in spans().items():
            some = within(select(Case.id), [code], span).limit(MOST_COUNTED).subquery()
            found[code][name] = db.session.execute(select(func.count()).select_from(some)).scalar_one()
    return found


@dataclass(frozen=True)
class Holder:
    """Somebody of the staff and what they hold now."""

    staff_id: UUID
    cases: int
    late: int
    #: The first of their clocks to run out.
    next_due: datetime | None


def holders(codes: Collection[str]) -> list[Holder]:
    """Who holds how many cases of these desks under a lease that runs, the fullest hands on top."""
    query = (
        select(
            Case.claimed_by, func.count(), func.count().filter(Case.next_due <= clock.now()), func.min(Case.next_due)
        )
        .where(Case.claimed_by.is_not(None), Case.claimed_until > clock.protocol_now(), Case.desk_code.in_(codes))
        .group_by(Case.claimed_by)
        .order_by(func.count().desc(), Case.claimed_by)
    )
    return [Holder(row[0], row[1], row[2], row[3]) for row in db.session.execute(query) if row[0] is not None]


# --- Behind the figures -------------------------------------------------------------------------------------------


def visited(codes: Collection[str], month: date, *, after: tuple[datetime | None, UUID] | None = None) -> Running:
    """The cases completed in a month that took a visit, newest first: what lies behind the rates."""
    query = _ended(codes, month, after).where(text('"case".visits > 0'), Case.state == "completed")
    return _newest(query)


def refused(codes: Collection[str], month: date, *, after: tuple[datetime | None, UUID] | None = None) -> Running:
    """The cases declined, refused or revoked in a month, newest first."""
    query = _ended(codes, month, after).where(text("\"case\".state IN ('declined', 'refused', 'revoked')"))
    return _newest(query)


def _ended(codes: Collection[str], month: date, after: tuple[datetime | None, UUID] | None) -> Select[Case]:
    start, end = span_of(month)
    query = select(Case).options(*_UNSHOWN).where(
        Case.office_code.in_(codes), Case.ended_at.is_not(None), Case.ended_at >= start, Case.ended_at < end
    )  # fmt: skip
    if after is not None and after[0] is not None:
        query = query.where(tuple_(Case.ended_at, Case.id) < (after[0], after[1]))
    return query.order_by(Case.ended_at.desc(), Case.id.desc())


def _newest(query: Select[Case]) -> Running:
    rows = db.session.scalars(query.limit(PAGE + 1)).all()
    shown = rows[:PAGE]
    last = shown[-1] if len(rows) > PAGE else None
    return Running(shown, (last.ended_at, last.id) if last is not None and last.ended_at is not None else None)


def more_than(codes: Collection[str], month: date, most: int) -> bool:
    """Whether more cases ended, or more ratings were given, in a month than so many. Reads no more than it must."""
    start, end = span_of(month)
    cases = select(Case.id).where(Case.office_code.in_(codes), Case.ended_at >= start, Case.ended_at < end)
    rated_ = select(Rating.id).where(Rating.office_code.in_(codes), Rating.at >= start, Rating.at < end)
    return any(len(db.session.execute(query.limit(most + 1)).all()) > most for query in (cases, rated_))


def number_of(codes: Collection[str], month: date) -> int:
    """How many cases ended and ratings were given in a month: the rows of a long export."""
    start, end = span_of(month)
    cases = select(func.count()).where(Case.office_code.in_(codes), Case.ended_at >= start, Case.ended_at < end)
    rated_ = select(func.count()).where(Rating.office_code.in_(codes), Rating.at >= start, Rating.at < end)
    return int(db.session.scalar(cases) or 0) + int(db.session.scalar(rated_) or 0)


def ended_in(codes: Collection[str], month: date) -> Iterator[Sequence[Case]]:
    """The cases that ended in a month, newest first, some hundred at a time by keyset."""
    after: tuple[datetime | None, UUID] | None = None
    while True:
        rows = db.session.scalars(_ended(codes, month, after).limit(BATCH)).all()
        # Read before they are handed out: who takes them may end the transaction.
        after = (rows[-1].ended_at, rows[-1].id) if len(rows) == BATCH else None
        if rows:
            yield rows
        if after is None:
            return


@dataclass(frozen=True)
class Asked:
    """What corrections of a month asked for, most often first, and why something was asked for only later."""

    #: ``(item, item version, code)`` and how often.
    codes: Sequence[tuple[tuple[str, int, str], int]]
    #: ``(case id, number, when, why)``, newest first.
    late: Sequence[tuple[UUID, str, datetime, str]]


def corrections(codes: Collection[str], month: date) -> Asked:
    """What the newest MOST_CORRECTIONS corrections of a month asked for."""
    start, end = span_of(month)
    query = (
        select(Correction, Case.number, Case.item, Case.item_version)
        .join(Case, Case.id == Correction.case_id)
        .where(Correction.asked_at >= start, Correction.asked_at < end, Case.office_code.in_(codes))
        .order_by(Correction.asked_at.desc(), Correction.id.desc())
        .limit(MOST_CORRECTIONS)
    )
    named: Counter[tuple[str, int, str]] = Counter()
    late = []
    for correction, number, item, version in db.session.execute(query):
        named.update((item, version, str(one["code"])) for one in correction.items)
        if correction.new_because:
            late.append((correction.case_id, number, correction.asked_at, correction.new_because))
    return Asked(named.most_common(10), late[:PAGE])


Rated = tuple[Rating, Case, Rectification | None]


def rated(codes: Collection[str], month: date) -> Iterator[Sequence[Rated]]:
    """The ratings of a month with their cases and what a bad one led to, newest first, some hundred at a time."""
    start, end = span_of(month)
    query = (
        select(Rating, Case, Rectification)
        .join(Case, Case.id == Rating.case_id)
        .outerjoin(Rectification, Rectification.rating_id == Rating.id)
        .options(*_UNSHOWN)
        .where(Rating.office_code.in_(codes), Rating.at >= start, Rating.at < end)
        .order_by(Rating.at.desc(), Rating.id.desc())
        .limit(BATCH)
    )
    after: tuple[datetime, UUID] | None = None
    while True:
        page = query.where(tuple_(Rating.at, Rating.id) < after) if after is not None else query
        rows = [(row[0], row[1], row[2]) for row in db.session.execute(page)]
        after = (rows[-1][0].at, rows[-1][0].id) if len(rows) == BATCH else None
        if rows:
            yield rows
        if after is None:
            return


@dataclass(frozen=True)
class Rectifying:
    """How far an office is with what people were not content with."""

    open: int
    late: int
    uncalled: int


def rectifying(codes: Collection[str]) -> Rectifying:
    """What these offices still have to put right."""
    open_ = (Rectification.state == "open", Rectification.office_code.in_(codes))
    row = db.session.execute(
        select(
            func.count(),
            func.count().filter(Rectification.due <= clock.now()),
            func.count().filter(Rectification.called_at.is_(None)),
        ).where(*open_)
    ).one()
    return Rectifying(*row)
