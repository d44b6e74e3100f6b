"""What people ask of their own data: to have it corrected, or deleted."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from citizen_services.database import Base, Secret, new_id, timestamp


class DataRequest(Base):
    """A person asks to have their data corrected or deleted (个人信息保护法 art 46, 47), and is answered in writing."""

    __tablename__ = "data_request"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    citizen_id: Mapped[UUID] = mapped_column(ForeignKey("citizen.id"), index=True)
    #: ``correction`` or ``deletion``.
    kind: Mapped[str] = mapped_column(Text)
    #: What the person wrote.
    words: Mapped[str] = mapped_column(Secret("data_request.words"))
    #: Business times: when it was asked, by when it is answered, when it was.
    at: Mapped[datetime] = mapped_column(timestamp)
    due: Mapped[datetime] = mapped_column(timestamp)
    answered_at: Mapped[datetime | None] = mapped_column(timestamp)
    #: Who answered, and what the person reads.
    answered_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    answer: Mapped[str | None] = mapped_column(Secret("data_request.answer"))

    __table_args__ = (
        # One of a kind waits at a time; the list of whoever answers reads the same rows.
        Index("uq_data_request_open", "citizen_id", "kind", unique=True, postgresql_where=text("answered_at IS NULL")),
        Index("ix_data_request_due", "due", "id", postgresql_where=text("answered_at IS NULL")),
        CheckConstraint("kind IN ('correction', 'deletion')", name="kind"),
        CheckConstraint("(answered_at IS NULL) = (answer IS NULL)", name="answered"),
    )
