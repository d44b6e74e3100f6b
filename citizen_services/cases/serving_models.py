"""The table of what was served: how each document of a decision came to its person, and when."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from citizen_services.database import Base, Secret, timestamp

_WAYS = "way IN ('electronic', 'ems', 'direct', 'left', 'announced')"


class Serving(Base):
    """A document that law wants handed to its person (送达): their consent decided the way when it was issued."""

    __tablename__ = "serving"
    document_id: Mapped[UUID] = mapped_column(ForeignKey("document.id"), primary_key=True)
    case_id: Mapped[UUID] = mapped_column(ForeignKey("case.id"), index=True)
    #: ``electronic``, ``ems``; by hand ``direct`` (直接送达), ``left`` (留置送达), ``announced`` (公告送达).
    way: Mapped[str] = mapped_column(Text)
    #: Business time at which it reached the system of the person, or was signed for; None = not served yet.
    served_at: Mapped[datetime | None] = mapped_column(timestamp)
    #: Since when no letter is tried any more: somebody of the office brings it, or serves it by other lawful means.
    in_person_since: Mapped[datetime | None] = mapped_column(timestamp)
    #: Who of the staff served it so, and how: who signed, who was witness, where it was announced.
    by_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    how: Mapped[str | None] = mapped_column(Secret("serving.how"))

    __table_args__ = (
        Index(
            "ix_serving_in_person",
            "document_id",
            postgresql_where=text("in_person_since IS NOT NULL AND served_at IS NULL"),
        ),
        CheckConstraint(_WAYS, name="way"),
        CheckConstraint("(way IN ('electronic', 'ems')) = (by_id IS NULL)", name="by"),
    )
