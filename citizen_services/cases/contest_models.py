"""The table of contests (申诉复核): a bad rating that the rated office holds to be mistaken or malicious."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from citizen_services.database import Base, Secret, new_id, timestamp


class RatingContest(Base):
    """An office contests a bad rating, once, with reasons; somebody of another office or level decides."""

    __tablename__ = "rating_contest"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    rating_id: Mapped[UUID] = mapped_column(ForeignKey("rating.id"), unique=True)
    case_id: Mapped[UUID] = mapped_column(ForeignKey("case.id"))
    #: The office that is rated and contests.
    office_code: Mapped[str] = mapped_column(ForeignKey("office.code"))
    #: ``open``, ``upheld`` (the rating counts no more), ``rejected``.
    state: Mapped[str] = mapped_column(Text)
    asked_at: Mapped[datetime] = mapped_column(timestamp)
    asked_by: Mapped[UUID] = mapped_column(ForeignKey("staff.id"))
    reason: Mapped[str] = mapped_column(Secret("rating_contest.reason"))
    decided_at: Mapped[datetime | None] = mapped_column(timestamp)
    decided_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    #: What the rated office reads, and the rater where their rating counts no more.
    decision: Mapped[str | None] = mapped_column(Secret("rating_contest.decision"))

    __table_args__ = (
        Index("ix_rating_contest_open", "office_code", "asked_at", "id", postgresql_where=text("state = 'open'")),
        Index("ix_rating_contest_decided", "office_code", "decided_at", "id"),
        CheckConstraint("state IN ('open', 'upheld', 'rejected')", name="state"),
        CheckConstraint("(state = 'open') = (decided_at IS NULL)", name="decided"),
        # Two pairs of eyes, in the database itself.
        CheckConstraint("decided_by IS NULL OR decided_by <> asked_by", name="four_eyes"),
    )
