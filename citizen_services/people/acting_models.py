"""Tables of people who act for others: authorised agents, who reports for organisations, deputies of the staff."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from citizen_services.database import Base, Secret, new_id, timestamp


class Authorisation(Base):
    """One person lets another act in their name: for which items, and until when. One that runs a pair of people."""

    __tablename__ = "authorisation"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    principal_id: Mapped[UUID] = mapped_column(ForeignKey("citizen.id"), index=True)
    agent_id: Mapped[UUID] = mapped_column(ForeignKey("citizen.id"), index=True)
    #: Codes of the service items that it covers.
    items: Mapped[list[str]] = mapped_column(ARRAY(Text))
    #: The first and the last day, business time.
    from_day: Mapped[date] = mapped_column()
    until_day: Mapped[date] = mapped_column()
    #: The sentence that was agreed to.
    words: Mapped[str] = mapped_column(Text)
    #: When it was filled in; when the code from the principal's phone proved that it was they. Without it nothing is
    #: given.
    asked_at: Mapped[datetime] = mapped_column(timestamp)
    given_at: Mapped[datetime | None] = mapped_column(timestamp)
    #: When the principal took it back, or gave another in its place.
    ended_at: Mapped[datetime | None] = mapped_column(timestamp)

    __table_args__ = (
        Index(
            "uq_authorisation_running",
            "principal_id",
            "agent_id",
            unique=True,
            postgresql_where=text("given_at IS NOT NULL AND ended_at IS NULL"),
        ),
        CheckConstraint("principal_id <> agent_id", name="another"),
        CheckConstraint("from_day <= until_day", name="days"),
        CheckConstraint("cardinality(items) > 0", name="items"),
    )


class Deputy(Base):
    """Somebody of the staff stands in for a colleague of the same office who is on leave, for set days."""

    __tablename__ = "deputy"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    office_code: Mapped[str] = mapped_column(ForeignKey("office.code"), index=True)
    absent_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"))
    deputy_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"), index=True)
    #: The first and the last day, business time.
    from_day: Mapped[date] = mapped_column()
    until_day: Mapped[date] = mapped_column()
    #: The supervisor who named them, and when.
    named_by: Mapped[UUID] = mapped_column(ForeignKey("staff.id"))
    named_at: Mapped[datetime] = mapped_column(timestamp)
    #: When a supervisor ended it before its day, and who.
    ended_at: Mapped[datetime | None] = mapped_column(timestamp)
    ended_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))

    __table_args__ = (
        CheckConstraint("absent_id <> deputy_id", name="another"),
        CheckConstraint("named_by <> deputy_id", name="not_oneself"),
        CheckConstraint("from_day <= until_day", name="days"),
        CheckConstraint("(ended_at IS NULL) = (ended_by IS NULL)", name="ended"),
    )


class Organisation(Base):
    """An employer or another organisation whose legal representative proved themselves, by the market register."""

    __tablename__ = "organisation"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    #: Unified social credit code.
    credit_code: Mapped[str] = mapped_column(Text, unique=True)
    #: As the market register has it.
    name: Mapped[str] = mapped_column(Text)
    #: The legal representative or operator who bound it last, and when the register said so last.
    head_id: Mapped[UUID] = mapped_column(ForeignKey("citizen.id"), index=True)
    bound_at: Mapped[datetime] = mapped_column(timestamp)
    #: When the register said that they answer for it no more: nobody acts for it until somebody binds it again.
    ended_at: Mapped[datetime | None] = mapped_column(timestamp)


class OrganisationPerson(Base):
    """Somebody whom the head of an organisation names to act for it in some matters, until a day."""

    __tablename__ = "organisation_person"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    organisation_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.id"))
    citizen_id: Mapped[UUID] = mapped_column(ForeignKey("citizen.id"), index=True)
    named_by: Mapped[UUID] = mapped_column(ForeignKey("citizen.id"))
    named_at: Mapped[datetime] = mapped_column(timestamp)
    #: In what: the kinds of report, ``joined``, ``left``.
    matters: Mapped[list[str]] = mapped_column(ARRAY(Text))
    #: The last day, business time.
    until_day: Mapped[date] = mapped_column()
    #: When the head took it back: from this moment.
    ended_at: Mapped[datetime | None] = mapped_column(timestamp)

    __table_args__ = (
        Index(
            "uq_organisation_person_running",
            "organisation_id",
            "citizen_id",
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
        ),
        CheckConstraint("cardinality(matters) > 0", name="matters"),
    )


class WorkerReport(Base):
    """An employer tells that a migrant began or ceased to work there (浙江省流动人口居住登记条例 art 8)."""

    __tablename__ = "worker_report"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    organisation_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.id"))
    #: The station that it is for.
    office_code: Mapped[str] = mapped_column(ForeignKey("office.code"))
    reported_by: Mapped[UUID] = mapped_column(ForeignKey("citizen.id"))
    #: ``joined``, ``left``.
    kind: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Secret("worker_report.name"))
    id_number: Mapped[str] = mapped_column(Secret("worker_report.id_number"))
    id_lookup: Mapped[bytes] = mapped_column(LargeBinary)
    phone: Mapped[str] = mapped_column(Secret("worker_report.phone"))
    #: The day on which the work began or ended.
    day: Mapped[date] = mapped_column()
    #: Whether it came after the three working days that the law gives.
    late: Mapped[bool] = mapped_column()
    at: Mapped[datetime] = mapped_column(timestamp)

    __table_args__ = (
        Index("uq_worker_report_same", "organisation_id", "id_lookup", "kind", "day", unique=True),
        Index("ix_worker_report_office_code_at", "office_code", "at", "id"),
        CheckConstraint("kind IN ('joined', 'left')", name="kind"),
    )
