"""Tables of the hall: tickets, the screens that call them, and who works at which counter when."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, SmallInteger, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from citizen_services.database import Base, Secret, new_id, timestamp


class TicketSeries(Base):
    """The last number given out by an office on a day in a service group's letter."""

    __tablename__ = "ticket_series"
    office_code: Mapped[str] = mapped_column(ForeignKey("office.code"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    letter: Mapped[str] = mapped_column(Text, primary_key=True)
    last: Mapped[int] = mapped_column(SmallInteger)


class Ticket(Base):
    """A turn in the hall (号): of a checked-in appointment, or of somebody who walked in."""

    __tablename__ = "ticket"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    office_code: Mapped[str] = mapped_column(ForeignKey("office.code"))
    #: Its day in Shanghai.
    day: Mapped[date] = mapped_column()
    #: As it is called: A012.
    number: Mapped[str] = mapped_column(Text)
    group_code: Mapped[str] = mapped_column(Text)
    service: Mapped[str] = mapped_column(Text)
    #: ``booked`` or ``walk_in``: the row in which it waits (late beyond grace = ``walk_in``).
    channel: Mapped[str] = mapped_column(Text)
    appointment_id: Mapped[UUID | None] = mapped_column(ForeignKey("appointment.id"), unique=True)
    #: The slot whose walk-in place it took; None for an appointment's, and beyond all places.
    slot_id: Mapped[UUID | None] = mapped_column(ForeignKey("slot.id"))
    #: Who it is where that is known: a walk-in needs to say nothing.
    citizen_id: Mapped[UUID | None] = mapped_column(ForeignKey("citizen.id"), index=True)
    #: The name as the desk sees it, where it was given.
    name: Mapped[str | None] = mapped_column(Secret("ticket.name"))
    #: Keyed hash of the address of the phone's page of this ticket.
    token_lookup: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    #: ``waiting, called, skipped, serving, done``.
    state: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(default=1)
    #: From when on it may be called (a slot's start; for walk-ins the moment it was drawn), and its place among those
    #: of that moment; business times.
    due_at: Mapped[datetime] = mapped_column(timestamp)
    drawn_at: Mapped[datetime] = mapped_column(timestamp)
    called_at: Mapped[datetime | None] = mapped_column(timestamp)
    serving_at: Mapped[datetime | None] = mapped_column(timestamp)
    done_at: Mapped[datetime | None] = mapped_column(timestamp)
    counter_id: Mapped[UUID | None] = mapped_column(ForeignKey("counter.id"))
    #: Who called and served it.
    staff_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    #: How often it was called; why it is over where nobody was served (``left``).
    calls: Mapped[int] = mapped_column(SmallInteger, default=0)
    outcome: Mapped[str | None] = mapped_column(Text)
    #: Served after the window's end: overtime of whoever served it.
    overtime: Mapped[bool] = mapped_column(default=False)

    __table_args__ = (
        Index("uq_ticket_number", "office_code", "day", "number", unique=True),
        Index(
            "ix_ticket_waiting",
            "office_code",
            "group_code",
            "channel",
            "due_at",
            "drawn_at",
            postgresql_where=text("state IN ('waiting', 'skipped')"),
        ),
        Index("ix_ticket_called", "office_code", "called_at", postgresql_where=text("called_at IS NOT NULL")),
        # A counter serves one at a time.
        Index(
            "uq_ticket_at_counter",
            "counter_id",
            unique=True,
            postgresql_where=text("state IN ('called', 'serving')"),
        ),
        CheckConstraint("channel IN ('booked', 'walk_in')", name="channel"),
        CheckConstraint("state IN ('waiting', 'called', 'skipped', 'serving', 'done')", name="state"),
        CheckConstraint("(state = 'done') = (done_at IS NOT NULL)", name="done"),
    )


class BoardScreen(Base):
    """A screen in a waiting room: whoever has its address sees numbers and counters, nothing else."""

    __tablename__ = "board_screen"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    office_code: Mapped[str] = mapped_column(ForeignKey("office.code"), index=True)
    #: Where it hangs: 大厅入口.
    name: Mapped[str] = mapped_column(Text)
    #: SHA-256 of the token in its address, which is shown once.
    token: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    #: Whether masked names are shown; numbers alone where not.
    names: Mapped[bool] = mapped_column(default=False)
    made_by: Mapped[UUID] = mapped_column(ForeignKey("staff.id"))
    at: Mapped[datetime] = mapped_column(timestamp)
    revoked_at: Mapped[datetime | None] = mapped_column(timestamp)


class RosterShift(Base):
    """Somebody of the staff at work at an office: from when to when, at which counter, for which service groups."""

    __tablename__ = "roster_shift"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    office_code: Mapped[str] = mapped_column(ForeignKey("office.code"))
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"))
    day: Mapped[date] = mapped_column()
    #: Business times; a shift ends on the day on which it begins.
    starts_at: Mapped[datetime] = mapped_column(timestamp)
    ends_at: Mapped[datetime] = mapped_column(timestamp)
    #: None: somewhere in the hall (guide, reserve).
    counter_id: Mapped[UUID | None] = mapped_column(ForeignKey("counter.id"))
    made_by: Mapped[UUID] = mapped_column(ForeignKey("staff.id"))

    __table_args__ = (
        Index(None, "office_code", "day"),
        Index(None, "staff_id", "day"),
        CheckConstraint("starts_at < ends_at", name="order"),
    )


class StaffAbsence(Base):
    """Days on which somebody of the staff is away: on leave, or ill."""

    __tablename__ = "staff_absence"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"))
    from_day: Mapped[date] = mapped_column()
    until_day: Mapped[date] = mapped_column()
    #: ``leave``, ``sickness``, ``training``: sickness is shown to planners as absence only.
    kind: Mapped[str] = mapped_column(Secret("staff_absence.kind"))
    made_by: Mapped[UUID] = mapped_column(ForeignKey("staff.id"))
    ended_at: Mapped[datetime | None] = mapped_column(timestamp)

    __table_args__ = (
        Index("ix_staff_absence_running", "staff_id", "until_day", postgresql_where=text("ended_at IS NULL")),
        CheckConstraint("from_day <= until_day", name="days"),
    )


class StaffSkill(Base):
    """A service group that somebody of the staff is qualified for."""

    __tablename__ = "staff_skill"
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"), primary_key=True)
    group_code: Mapped[str] = mapped_column(Text, primary_key=True)
