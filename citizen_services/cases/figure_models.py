"""Tables of supervision: figures of a month that is added up now and then, and clocks that a supervisor was told of."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from citizen_services.database import Base, new_id, timestamp


class MonthFigure(Base):
    """What an office did of one item in one month. An empty office is the whole district, an empty item all of them."""

    __tablename__ = "month_figure"
    #: The first day of the month, business time in Shanghai.
    month: Mapped[date] = mapped_column(primary_key=True)
    office_code: Mapped[str] = mapped_column(Text, primary_key=True)
    item: Mapped[str] = mapped_column(Text, primary_key=True)
    #: Cases that were sent, and those that ended, however.
    sent: Mapped[int] = mapped_column()
    ended: Mapped[int] = mapped_column()
    #: Of those that ended: completed; of these, without a recorded visit, and with one at most.
    completed: Mapped[int] = mapped_column()
    without_trip: Mapped[int] = mapped_column()
    one_trip_at_most: Mapped[int] = mapped_column()
    #: Declined, refused or revoked in writing; withdrawn by the person or lapsed.
    refused: Mapped[int] = mapped_column()
    withdrawn: Mapped[int] = mapped_column()
    #: Of those whose result was promised by a date: kept.
    promised: Mapped[int] = mapped_column()
    in_time: Mapped[int] = mapped_column()
    #: Seconds from sending to the first act of the staff, and from acceptance to the result's leaving; None where no
    #: case had one.
    waiting_median_s: Mapped[float | None] = mapped_column()
    waiting_p90_s: Mapped[float | None] = mapped_column()
    handling_median_s: Mapped[float | None] = mapped_column()
    handling_p90_s: Mapped[float | None] = mapped_column()
    #: Requests to correct, and those that named something which an earlier one had not.
    corrections: Mapped[int] = mapped_column()
    corrections_new: Mapped[int] = mapped_column()
    #: Ratings given, the bad ones, and the sum of all grades.
    ratings: Mapped[int] = mapped_column()
    ratings_bad: Mapped[int] = mapped_column()
    grades: Mapped[int] = mapped_column()
    #: When it was added up, business time.
    at: Mapped[datetime] = mapped_column(timestamp)

    __table_args__ = (Index("ix_month_figure_office_code_month", "office_code", "month"),)


class Escalation(Base):
    """A clock that runs out, put before the next one up: the holder, the supervisor, the level above. Once for each."""

    __tablename__ = "escalation"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    case_id: Mapped[UUID] = mapped_column(ForeignKey("case.id"))
    office_code: Mapped[str] = mapped_column(ForeignKey("office.code"))
    #: ``soon`` (before whoever holds the case, else before the desk), ``today`` and ``late`` (before the office's
    #: supervisor), ``above`` (before the district's, of what stayed late).
    kind: Mapped[str] = mapped_column(Text)
    #: The clock: 24:00 of its last day.
    due: Mapped[datetime] = mapped_column(timestamp)
    at: Mapped[datetime] = mapped_column(timestamp)
    #: Who held the case then; None where nobody did.
    holder_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    #: Who of those before whom it was put took note of it.
    seen_at: Mapped[datetime | None] = mapped_column(timestamp)
    seen_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))

    __table_args__ = (
        Index("uq_escalation_case_id_kind_due", "case_id", "kind", "due", unique=True),
        Index("ix_escalation_unseen", "office_code", "due", "id", postgresql_where=text("seen_at IS NULL")),
        Index("ix_escalation_holder", "holder_id", "due", "id", postgresql_where=text("seen_at IS NULL")),
        Index(
            "ix_escalation_above",
            "office_code",
            "due",
            "id",
            postgresql_where=text("kind = 'above' AND seen_at IS NULL"),
        ),
        CheckConstraint("kind IN ('soon', 'today', 'late', 'above')", name="kind"),
    )
