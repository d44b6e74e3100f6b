"""Reminders that people asked for: what of theirs runs out in other registers."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from citizen_services.database import Base, Secret, new_id, timestamp

KINDS = ("licence", "inspection", "medical")
#: In these words the rounds ask, since a plan that is made once for all values finds an index by them alone.
WATCHED = "ended_at IS NULL"
TO_TELL = "ended_at IS NULL AND remind_on IS NOT NULL"


class Watch(Base):
    """Somebody wants to hear before what they have runs out: a driving licence, its medical proof, an inspection.

    One row each. ``until`` is what the platform said when it was asked last.
    """

    __tablename__ = "watch"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    citizen_id: Mapped[UUID] = mapped_column(ForeignKey("citizen.id"))
    kind: Mapped[str] = mapped_column(Text)
    #: Of an inspection: the vehicle's plate; empty otherwise. Compared by its lookup.
    plate_kind: Mapped[str] = mapped_column(Text, default="")
    plate: Mapped[str] = mapped_column(Secret("watch.plate"))
    plate_lookup: Mapped[bytes] = mapped_column(LargeBinary)
    #: The consent that it rests on, and when it was asked for.
    consent_id: Mapped[UUID] = mapped_column(ForeignKey("consent.id"))
    at: Mapped[datetime] = mapped_column(timestamp)
    #: The last day of validity, None where nothing runs out; machine times of the last answer and the next question.
    until: Mapped[date | None] = mapped_column()
    checked_at: Mapped[datetime | None] = mapped_column(timestamp)
    check_at: Mapped[datetime] = mapped_column(timestamp)
    #: The day on which its person is to hear, None where they are not; the expiry of which they have heard.
    remind_on: Mapped[date | None] = mapped_column()
    told_until: Mapped[date | None] = mapped_column()
    ended_at: Mapped[datetime | None] = mapped_column(timestamp)

    __table_args__ = (
        Index("uq_watch_current", "citizen_id", "kind", "plate_lookup", unique=True, postgresql_where=text(WATCHED)),
        Index("ix_watch_remind_on", "remind_on", "id", postgresql_where=text(TO_TELL)),
        Index("ix_watch_check_at", "check_at", "id", postgresql_where=text(WATCHED)),
        CheckConstraint(f"kind IN ({', '.join(map(repr, KINDS))})", name="kind"),
        CheckConstraint("(kind = 'inspection') = (plate_kind <> '')", name="vehicle"),
        CheckConstraint("remind_on IS NULL OR (until IS NOT NULL AND remind_on <= until)", name="remind_on"),
    )
