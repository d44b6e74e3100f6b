"""The table of case files whose period is over: their content is removed; that they were, and by which rule, stays."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from citizen_services.database import Base, timestamp


class CaseDisposal(Base):
    """What a case file contained was removed; number, service, office, states and times of the case stay."""

    __tablename__ = "case_disposal"
    case_id: Mapped[UUID] = mapped_column(ForeignKey("case.id"), primary_key=True)
    at: Mapped[datetime] = mapped_column(timestamp)
    #: How many years it was kept after its end, and the rule that says so.
    years: Mapped[int] = mapped_column()
    source: Mapped[str] = mapped_column(Text)
    #: The newest event's mark at that time: what an audit holds the chain against that can't be read any more.
    head: Mapped[bytes] = mapped_column(LargeBinary)
    #: Mark under the audit key over all of it, so that nobody else can say that a file was removed by rule.
    mark: Mapped[bytes] = mapped_column(LargeBinary)

    __table_args__ = (CheckConstraint("years >= 10", name="years"),)
