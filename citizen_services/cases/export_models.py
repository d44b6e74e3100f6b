"""Tables of long exports: what was asked for, how far it is, and the encrypted pieces of the file while it is kept."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from citizen_services.database import Base, Secret, new_id, timestamp


class ExportJob(Base):
    """An export too long for one answer: a worker makes it, whoever asked for it fetches it, then it goes."""

    __tablename__ = "export_job"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    #: Who asked for it, in which role, at which office: the looks at each person say the same.
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"))
    office_code: Mapped[str] = mapped_column(ForeignKey("office.code"))
    role: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Secret("export_job.reason"))
    #: The offices that it is about, the one under which figures are kept (empty: the district), the month's first day.
    offices: Mapped[list[str]] = mapped_column(ARRAY(Text))
    figures_of: Mapped[str] = mapped_column(Text)
    month: Mapped[date] = mapped_column()
    #: As the page and the file are called.
    title: Mapped[str] = mapped_column(Text)
    #: ``waiting``, ``running``, ``ready``, ``failed``, ``gone``.
    state: Mapped[str] = mapped_column(Text)
    #: Rows written so far, and how many there will be.
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    #: How often it was begun; a worker that was killed in the midst leaves a lease that ends.
    tries: Mapped[int] = mapped_column(default=0)
    #: Whose turn it is, and until when; it is due then (machine time).
    lease: Mapped[UUID | None] = mapped_column()
    due_at: Mapped[datetime] = mapped_column(timestamp)
    #: Business time of the request; machine times of when it was fetched first, and until when it is kept.
    at: Mapped[datetime] = mapped_column(timestamp)
    fetched_at: Mapped[datetime | None] = mapped_column(timestamp)
    expires_at: Mapped[datetime | None] = mapped_column(timestamp)

    __table_args__ = (
        Index("ix_export_job_due", "due_at", "id", postgresql_where=text("state IN ('waiting', 'running')")),
        Index("ix_export_job_expires_at", "expires_at", postgresql_where=text("state = 'ready'")),
        Index("ix_export_job_staff_id_at", "staff_id", "at"),
        CheckConstraint("state IN ('waiting', 'running', 'ready', 'failed', 'gone')", name="state"),
        CheckConstraint("(state = 'ready') = (expires_at IS NOT NULL)", name="expires"),
    )


class ExportPiece(Base):
    """A piece of an export's file: kept in the store of photos, encrypted, under this row's id."""

    __tablename__ = "export_piece"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    export_id: Mapped[UUID] = mapped_column(ForeignKey("export_job.id"))
    number: Mapped[int] = mapped_column()
    sha256: Mapped[bytes] = mapped_column(LargeBinary)
    size: Mapped[int] = mapped_column()

    __table_args__ = (Index("uq_export_piece_export_id_number", "export_id", "number", unique=True),)
