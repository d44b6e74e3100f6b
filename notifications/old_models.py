"""The table of documents that are to come back to us: replaced ones, and cards called back from their way."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from citizen_services.database import Base, Secret, new_id, timestamp

_OPEN = text("ended_at IS NULL")


class DocumentDue(Base):
    """A document that is to come back: a duty of its own, which outlives the case that it came from."""

    __tablename__ = "document_due"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    case_id: Mapped[UUID] = mapped_column()
    #: ``old`` (what a new one took the place of), ``called_back`` (what is not to reach anybody any more).
    kind: Mapped[str] = mapped_column(Text)
    #: What it is, as people read it.
    name: Mapped[str] = mapped_column(Text)
    #: The parcel in which it comes; None where its person brings or sends it themselves.
    parcel_id: Mapped[UUID | None] = mapped_column(ForeignKey("parcel.id"), index=True)
    #: Business time: since when, and when its person is reminded next; None where nobody is.
    since: Mapped[datetime] = mapped_column(timestamp)
    remind_at: Mapped[datetime | None] = mapped_column(timestamp)
    #: After how many days each they are reminded, and how many reminders went out.
    remind_days: Mapped[list[int]] = mapped_column(JSONB)
    reminded: Mapped[int] = mapped_column(default=0)
    #: ``came`` or ``cancelled`` by the courier's word, ``received`` or ``written_off`` by the staff's, with whose, how.
    ended_at: Mapped[datetime | None] = mapped_column(timestamp)
    ended_as: Mapped[str | None] = mapped_column(Text)
    ended_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    note: Mapped[str | None] = mapped_column(Secret("document_due.note"))

    __table_args__ = (
        # Whatever runs twice, a case has one duty of a kind.
        Index("uq_document_due_case_id_kind", "case_id", "kind", unique=True),
        Index("ix_document_due_open", "since", "id", postgresql_where=_OPEN),
        Index("ix_document_due_remind", "remind_at", "id", postgresql_where=text("remind_at IS NOT NULL")),
        CheckConstraint("kind IN ('old', 'called_back')", name="kind"),
        CheckConstraint(
            "(ended_at IS NULL) = (ended_as IS NULL)"
            " AND (ended_as IS NULL OR ended_as IN ('came', 'cancelled', 'received', 'written_off'))"
            " AND (ended_by IS NOT NULL) = (ended_as IS NOT NULL AND ended_as IN ('received', 'written_off'))",
            name="ended",
        ),
        CheckConstraint("remind_at IS NULL OR ended_at IS NULL", name="reminded_while_due"),
    )
