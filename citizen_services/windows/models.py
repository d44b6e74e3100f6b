"""Tables of opening: what an office offers, the plan of each week, and the slots that a published one makes."""

from __future__ import annotations

from datetime import date, datetime, time
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, SmallInteger, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from citizen_services.database import Base, new_id, timestamp


class ServiceGroup(Base):
    """Services that one kind of window does at an office: they share slots, tickets and a letter."""

    __tablename__ = "service_group"
    office_code: Mapped[str] = mapped_column(ForeignKey("office.code"), primary_key=True)
    #: ``vehicle``, ``licence``, ``violations``.
    code: Mapped[str] = mapped_column(Text, primary_key=True)
    #: As citizens read it: 机动车业务.
    name: Mapped[str] = mapped_column(Text)
    #: The letter before its tickets' numbers; its own within the office.
    letter: Mapped[str] = mapped_column(Text)
    #: Codes of items and counter-only services that are done there.
    services: Mapped[list[str]] = mapped_column(ARRAY(Text))
    #: The order in which groups are shown.
    place: Mapped[int] = mapped_column(SmallInteger)

    __table_args__ = (
        Index("uq_service_group_letter", "office_code", "letter", unique=True),
        CheckConstraint("letter ~ '^[A-Z]$'", name="letter"),
    )


class Counter(Base):
    """A counter (窗口) of an office: a number that a ticket is called to, and what it can do."""

    __tablename__ = "counter"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    office_code: Mapped[str] = mapped_column(ForeignKey("office.code"))
    number: Mapped[int] = mapped_column(SmallInteger)
    #: What stands above it: 综合窗口.
    name: Mapped[str] = mapped_column(Text)
    #: Codes of the service groups that it can serve.
    groups: Mapped[list[str]] = mapped_column(ARRAY(Text))
    #: A counter that was given up is kept, and not planned or called to any more.
    active: Mapped[bool] = mapped_column(default=True)

    __table_args__ = (Index("uq_counter_number", "office_code", "number", unique=True),)


class PartnerDesk(Base):
    """A desk of a partner in an office's hall (EMS, purchase tax, insurance, medical examination), by its own hours."""

    __tablename__ = "partner_desk"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    office_code: Mapped[str] = mapped_column(ForeignKey("office.code"))
    #: As services name what they need: ``ems``, ``purchase_tax``, ``insurance``, ``medical``.
    partner: Mapped[str] = mapped_column(Text)
    #: As citizens read it: 购置税窗口.
    name: Mapped[str] = mapped_column(Text)
    #: Where in the hall: 大厅东侧 8 号.
    where: Mapped[str] = mapped_column(Text)

    __table_args__ = (Index("uq_partner_desk_partner", "office_code", "partner", unique=True),)


class DeskHours(Base):
    """When a partner's desk is open on a day of the week."""

    __tablename__ = "desk_hours"
    desk_id: Mapped[UUID] = mapped_column(ForeignKey("partner_desk.id"), primary_key=True)
    #: Monday is 0.
    weekday: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    #: ``08:30-11:30``; a day without a row is one on which it is closed.
    spans: Mapped[list[str]] = mapped_column(ARRAY(Text))

    __table_args__ = (CheckConstraint("weekday BETWEEN 0 AND 6", name="weekday"),)


class DeskDay(Base):
    """When a partner's desk is open on one date, otherwise than its week and the calendar say."""

    __tablename__ = "desk_day"
    desk_id: Mapped[UUID] = mapped_column(ForeignKey("partner_desk.id"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    spans: Mapped[list[str]] = mapped_column(ARRAY(Text))
    #: Why, as citizens read it.
    words: Mapped[str] = mapped_column(Text)


class OpeningRule(Base):
    """What a week is laid out from: a window by weekday, with its capacities and when its slots are released."""

    __tablename__ = "opening_rule"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    office_code: Mapped[str] = mapped_column(ForeignKey("office.code"), index=True)
    group_code: Mapped[str] = mapped_column(Text)
    #: Monday is 0.
    weekday: Mapped[int] = mapped_column(SmallInteger)
    #: Local times of Shanghai.
    starts: Mapped[time] = mapped_column()
    ends: Mapped[time] = mapped_column()
    slot_minutes: Mapped[int] = mapped_column(SmallInteger)
    #: Numbers of the counters that are opened for it.
    counters: Mapped[list[int]] = mapped_column(ARRAY(SmallInteger))
    #: People a slot: with an appointment, and without one.
    booked: Mapped[int] = mapped_column(SmallInteger)
    walk_in: Mapped[int] = mapped_column(SmallInteger)
    #: How many days before, and at what time, its slots can be booked; they follow one another by so many seconds,
    #: so that not everybody comes at the same moment.
    release_days: Mapped[int] = mapped_column(SmallInteger)
    release_time: Mapped[time] = mapped_column()
    release_spread_s: Mapped[int] = mapped_column(SmallInteger)
    #: The days on which the rule holds, the last one included.
    from_day: Mapped[date] = mapped_column()
    until_day: Mapped[date | None] = mapped_column()

    __table_args__ = (
        ForeignKeyConstraint(
            ["office_code", "group_code"],
            ["service_group.office_code", "service_group.code"],
            name="fk_opening_rule_service_group",
        ),
        CheckConstraint("weekday BETWEEN 0 AND 6", name="weekday"),
        CheckConstraint("starts < ends", name="order"),
        CheckConstraint("slot_minutes BETWEEN 5 AND 240", name="slot_minutes"),
        CheckConstraint("booked >= 0 AND walk_in >= 0", name="capacity"),
    )


class OpeningException(Base):
    """A date on which an office's rules don't hold: closed, or laid out otherwise, and why."""

    __tablename__ = "opening_exception"
    office_code: Mapped[str] = mapped_column(ForeignKey("office.code"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    #: Like which weekday it is laid out (Monday is 0); None: closed.
    as_weekday: Mapped[int | None] = mapped_column(SmallInteger)
    #: Why, as citizens read it: 防汛值班.
    words: Mapped[str] = mapped_column(Text)

    __table_args__ = (CheckConstraint("as_weekday BETWEEN 0 AND 6", name="as_weekday"),)


class PlanWeek(Base):
    """An office's plan of one week: edited as a whole, published as a whole."""

    __tablename__ = "plan_week"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    office_code: Mapped[str] = mapped_column(ForeignKey("office.code"))
    #: Its Monday.
    monday: Mapped[date] = mapped_column()
    #: Raised by each edit: two planners that edit at once don't overwrite each other.
    version: Mapped[int] = mapped_column(default=1)
    #: When what stands in it was last published (business time) and by whom; None: never.
    published_at: Mapped[datetime | None] = mapped_column(timestamp)
    published_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    #: Whether something was changed since.
    changed: Mapped[bool] = mapped_column(default=True)

    __table_args__ = (
        Index("uq_plan_week_monday", "office_code", "monday", unique=True),
        CheckConstraint("extract(isodow FROM monday) = 1", name="monday"),
    )


class PlanWindow(Base):
    """A window of a week's plan: one service group, one day, from when to when, at which counters, for how many."""

    __tablename__ = "plan_window"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    week_id: Mapped[UUID] = mapped_column(ForeignKey("plan_week.id"), index=True)
    office_code: Mapped[str] = mapped_column(ForeignKey("office.code"))
    group_code: Mapped[str] = mapped_column(Text)
    day: Mapped[date] = mapped_column()
    #: Local times of Shanghai.
    starts: Mapped[time] = mapped_column()
    ends: Mapped[time] = mapped_column()
    slot_minutes: Mapped[int] = mapped_column(SmallInteger)
    counters: Mapped[list[int]] = mapped_column(ARRAY(SmallInteger))
    #: People a slot: with an appointment, and without one.
    booked: Mapped[int] = mapped_column(SmallInteger)
    walk_in: Mapped[int] = mapped_column(SmallInteger)
    release_days: Mapped[int] = mapped_column(SmallInteger)
    release_time: Mapped[time] = mapped_column()
    release_spread_s: Mapped[int] = mapped_column(SmallInteger)
    #: ``planned`` (not published as it stands), ``published``, ``closed``.
    state: Mapped[str] = mapped_column(Text, default="planned")

    __table_args__ = (
        ForeignKeyConstraint(
            ["office_code", "group_code"],
            ["service_group.office_code", "service_group.code"],
            name="fk_plan_window_service_group",
        ),
        CheckConstraint("starts < ends", name="order"),
        CheckConstraint("slot_minutes BETWEEN 5 AND 240", name="slot_minutes"),
        CheckConstraint("booked >= 0 AND walk_in >= 0", name="capacity"),
        CheckConstraint("state IN ('planned', 'published', 'closed')", name="state"),
    )


class Slot(Base):
    """A time at which a service group is open at an office, and how many people it takes in each way.

    ``taken`` and ``walk_in_taken`` are kept by the database itself (booking_models.PLACES): a hold or an appointment
    more than ``capacity`` can't be stored, whoever writes it.
    """

    __tablename__ = "slot"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    office_code: Mapped[str] = mapped_column(ForeignKey("office.code"))
    group_code: Mapped[str] = mapped_column(Text)
    window_id: Mapped[UUID | None] = mapped_column(ForeignKey("plan_window.id"), index=True)
    #: Business times.
    starts_at: Mapped[datetime] = mapped_column(timestamp)
    ends_at: Mapped[datetime] = mapped_column(timestamp)
    #: From when on it can be booked.
    released_at: Mapped[datetime] = mapped_column(timestamp)
    #: Places to book; those taken: held, offered to somebody who waits, or booked and not over.
    capacity: Mapped[int] = mapped_column(SmallInteger)
    taken: Mapped[int] = mapped_column(SmallInteger, default=0, server_default=text("0"))
    #: Places for people who come without an appointment, and how many tickets were given out.
    walk_in: Mapped[int] = mapped_column(SmallInteger)
    walk_in_taken: Mapped[int] = mapped_column(SmallInteger, default=0, server_default=text("0"))
    #: ``open``, ``closed``.
    state: Mapped[str] = mapped_column(Text, default="open", server_default=text("'open'"))

    __table_args__ = (
        ForeignKeyConstraint(
            ["office_code", "group_code"],
            ["service_group.office_code", "service_group.code"],
            name="fk_slot_service_group",
        ),
        # What is offered next, and that a group is open once at a time. ``taken`` is in no index: it changes in place.
        Index(
            "uq_slot_open",
            "office_code",
            "group_code",
            "starts_at",
            unique=True,
            postgresql_where=text("state = 'open'"),
        ),
        CheckConstraint("starts_at < ends_at", name="order"),
        CheckConstraint("taken BETWEEN 0 AND capacity", name="not_overbooked"),
        CheckConstraint("walk_in_taken >= 0 AND walk_in >= 0", name="walk_in"),
        CheckConstraint("state IN ('open', 'closed')", name="state"),
        {"postgresql_with": {"fillfactor": 70}},
    )
