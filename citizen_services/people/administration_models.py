"""Tables of administration: what was changed by whom, and roles that wait for the second pair of eyes."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, LargeBinary, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from citizen_services.database import Base, SecretJSON, new_id, timestamp


class AdminAct(Base):
    """One act of administration or supervision. Chained by marks, only ever added."""

    __tablename__ = "admin_act"
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=False), primary_key=True)
    at: Mapped[datetime] = mapped_column(timestamp)
    #: Who did it; None for the command line.
    staff_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    office_code: Mapped[str | None] = mapped_column(Text)
    #: A key of administration.ACTS.
    what: Mapped[str] = mapped_column(Text)
    #: The code, id or number of what it was done to.
    target: Mapped[str] = mapped_column(Text)
    #: ``{field: value}`` as it was and as it is now, in words that people read; empty where there was nothing.
    before: Mapped[Any] = mapped_column(SecretJSON("admin_act.before"))
    after: Mapped[Any] = mapped_column(SecretJSON("admin_act.after"))
    #: Mark over this act's content and the mark before it.
    mark: Mapped[bytes] = mapped_column(LargeBinary)

    __table_args__ = (Index(None, "target", "id"),)


class RoleRequest(Base):
    """A role to be granted or taken away: asked for by one, decided by another."""

    __tablename__ = "role_request"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"))
    role: Mapped[str] = mapped_column(Text)
    #: Whether it is to be granted; else taken away.
    grant: Mapped[bool] = mapped_column()
    asked_by: Mapped[UUID] = mapped_column(ForeignKey("staff.id"))
    asked_at: Mapped[datetime] = mapped_column(timestamp)
    #: ``open``, ``approved``, ``rejected``.
    state: Mapped[str] = mapped_column(Text)
    decided_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    decided_at: Mapped[datetime | None] = mapped_column(timestamp)

    __table_args__ = (
        Index("uq_role_request_open", "staff_id", "role", unique=True, postgresql_where=text("state = 'open'")),
        CheckConstraint("state IN ('open', 'approved', 'rejected')", name="state"),
        CheckConstraint("(state = 'open') = (decided_by IS NULL)", name="decided"),
        CheckConstraint("decided_by IS NULL OR decided_by NOT IN (asked_by, staff_id)", name="four_eyes"),
    )


class ParameterChange(Base):
    """Another value of a parameter from a day on: proposed by one, decided by another."""

    __tablename__ = "parameter_change"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    #: A key of parameters.declared().
    name: Mapped[str] = mapped_column(Text)
    value: Mapped[int] = mapped_column()
    #: The first day on which it is in force, business time in Shanghai.
    from_day: Mapped[date] = mapped_column()
    asked_by: Mapped[UUID] = mapped_column(ForeignKey("staff.id"))
    asked_at: Mapped[datetime] = mapped_column(timestamp)
    #: ``open``, ``approved``, ``rejected``.
    state: Mapped[str] = mapped_column(Text)
    decided_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    decided_at: Mapped[datetime | None] = mapped_column(timestamp)

    __table_args__ = (
        Index("uq_parameter_change_open", "name", unique=True, postgresql_where=text("state = 'open'")),
        CheckConstraint("state IN ('open', 'approved', 'rejected')", name="state"),
        CheckConstraint("(state = 'open') = (decided_by IS NULL)", name="decided"),
        CheckConstraint("decided_by IS NULL OR decided_by <> asked_by", name="four_eyes"),
    )


class OfficeHours(Base):
    """When an office is open on a day of the week."""

    __tablename__ = "office_hours"
    office_code: Mapped[str] = mapped_column(ForeignKey("office.code"), primary_key=True)
    #: Monday is 0.
    weekday: Mapped[int] = mapped_column(primary_key=True)
    #: ``08:30-11:30``; a day without a row is one on which it is closed.
    spans: Mapped[list[str]] = mapped_column(ARRAY(Text))

    __table_args__ = (CheckConstraint("weekday BETWEEN 0 AND 6", name="weekday"),)


class OfficeDay(Base):
    """When an office is open on one date, otherwise than its week and the calendar say."""

    __tablename__ = "office_day"
    office_code: Mapped[str] = mapped_column(ForeignKey("office.code"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    spans: Mapped[list[str]] = mapped_column(ARRAY(Text))
    #: Why, as citizens read it.
    words: Mapped[str] = mapped_column(Text)
