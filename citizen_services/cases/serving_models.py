"""The table of what was served: how each document of a decision came to its person, and when."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from citizen_services.database import Base, timestamp


class Serving(Base):
    """A document that law wants handed to its person (送达): their consent decided the way when it was issued."""

    __tablename__ = "serving"
    document_id: Mapped[UUID] = mapped_column(ForeignKey("document.id"), primary_key=True)
    case_id: Mapped[UUID] = mapped_column(ForeignKey("case.id"), index=True)
    #: ``electronic`` or ``ems``.
    way: Mapped[str] = mapped_column(Text)
    #: Business time at which it reached the system of the person, or was signed for; None = not served yet.
    served_at: Mapped[datetime | None] = mapped_column(timestamp)

    __table_args__ = (CheckConstraint("way IN ('electronic', 'ems')", name="way"),)
