"""The table of applications that were handed to the national platform."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from citizen_services.database import Base, Secret, new_id, timestamp

ANSWERS = ("accepted", "on_site", "refused")
#: In these words the rounds ask.
LOOKED_AT = "look_at IS NOT NULL"


class PlatformApplication(Base):
    """An application in the platform's hands: its serial number, its newest answer, and what the case has heard of it.

    The platform is the record; this is what we know of it. What a case could not take yet is tried again.
    """

    __tablename__ = "platform_application"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    case_id: Mapped[UUID] = mapped_column(unique=True)
    #: Our reference at the platform: the delivery that it took; None until it did.
    our_ref: Mapped[UUID | None] = mapped_column(unique=True)
    serial_number: Mapped[str | None] = mapped_column(Text)
    #: Business times: handed to the outbox; taken by the platform.
    handed_at: Mapped[datetime] = mapped_column(timestamp)
    taken_at: Mapped[datetime | None] = mapped_column(timestamp)
    #: The newest answer, its number at the platform (0: none yet), who gave it and why.
    answer: Mapped[str | None] = mapped_column(Text)
    answer_number: Mapped[int] = mapped_column(default=0)
    reason: Mapped[str | None] = mapped_column(Secret("platform_application.reason"))
    officer_name: Mapped[str | None] = mapped_column(Secret("platform_application.officer_name"))
    officer_number: Mapped[str | None] = mapped_column(Secret("platform_application.officer_number"))
    answered_at: Mapped[datetime | None] = mapped_column(timestamp)
    #: What the case was told: that it is accepted, and which answer.
    accept_entered: Mapped[bool] = mapped_column(default=False)
    entered_number: Mapped[int] = mapped_column(default=0)
    #: Machine time of the next look: the platform is asked, or the case is told what it could not take before.
    look_at: Mapped[datetime | None] = mapped_column(timestamp)
    #: Looks in a row at which the case could not take what there is.
    refusals: Mapped[int] = mapped_column(default=0)

    __table_args__ = (
        Index("ix_platform_application_look_at", "look_at", "id", postgresql_where=text(LOOKED_AT)),
        CheckConstraint(f"answer IS NULL OR answer IN ({', '.join(map(repr, ANSWERS))})", name="answer"),
        CheckConstraint("(answer IS NULL) = (answer_number = 0)", name="answered"),
        CheckConstraint("entered_number <= answer_number AND refusals >= 0", name="entered"),
        CheckConstraint("(our_ref IS NULL) = (serial_number IS NULL)", name="taken"),
    )
