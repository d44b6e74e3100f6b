"""Tables of booking: holds, appointments and the waiting list, and the places that the database itself counts."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import DDL, CheckConstraint, ForeignKey, Index, LargeBinary, Sequence, Text, event, text
from sqlalchemy.orm import Mapped, mapped_column

from citizen_services.database import Base, Secret, new_id, timestamp
from citizen_services.windows.models import Slot

#: One series of appointment numbers for the district; gaps are allowed.
appointment_number_sequence = Sequence("appointment_number_seq", metadata=Base.metadata)


class Hold(Base):
    """A place kept for a bound person for some minutes: chosen by them, or offered to them from the waiting list."""

    __tablename__ = "hold"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    slot_id: Mapped[UUID] = mapped_column(ForeignKey("slot.id"))
    citizen_id: Mapped[UUID] = mapped_column(ForeignKey("citizen.id"))
    #: Code of an item or a counter-only service.
    service: Mapped[str] = mapped_column(Text)
    #: ``person`` or ``vehicle``; a vehicle's plate kind (GA/T 16.7) and number.
    subject_kind: Mapped[str] = mapped_column(Text)
    plate: Mapped[str | None] = mapped_column(Secret("hold.plate"))
    #: Keyed hash of the vehicle, or of the person where it is about none.
    subject_lookup: Mapped[bytes] = mapped_column(LargeBinary)
    #: ``own`` (chosen) or ``offer`` (from the waiting list).
    kind: Mapped[str] = mapped_column(Text)
    #: ``held``, ``booked``, ``released``, ``expired``.
    state: Mapped[str] = mapped_column(Text)
    #: Business times.
    at: Mapped[datetime] = mapped_column(timestamp)
    expires_at: Mapped[datetime] = mapped_column(timestamp)
    ended_at: Mapped[datetime | None] = mapped_column(timestamp)

    __table_args__ = (
        # One person keeps one place a service, and waits for one offer of it.
        Index("uq_hold_current", "citizen_id", "service", "kind", unique=True, postgresql_where=text("state = 'held'")),
        Index("ix_hold_running_out", "expires_at", postgresql_where=text("state = 'held'")),
        Index("ix_hold_slot_held", "slot_id", postgresql_where=text("state = 'held'")),
        # How many a person took today, and how they ended.
        Index(None, "citizen_id", "at"),
        CheckConstraint("subject_kind IN ('person', 'vehicle')", name="subject_kind"),
        CheckConstraint("(subject_kind = 'vehicle') = (plate IS NOT NULL)", name="plate"),
        CheckConstraint("kind IN ('own', 'offer')", name="kind"),
        CheckConstraint("state IN ('held', 'booked', 'released', 'expired')", name="state"),
    )


class Appointment(Base):
    """A booked place (预约). A move keeps the id and the number."""

    __tablename__ = "appointment"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    #: As people say it on the phone.
    number: Mapped[str] = mapped_column(Text, unique=True)
    slot_id: Mapped[UUID] = mapped_column(ForeignKey("slot.id"), index=True)
    citizen_id: Mapped[UUID] = mapped_column(ForeignKey("citizen.id"))
    service: Mapped[str] = mapped_column(Text)
    subject_kind: Mapped[str] = mapped_column(Text)
    plate: Mapped[str | None] = mapped_column(Secret("appointment.plate"))
    subject_lookup: Mapped[bytes] = mapped_column(LargeBinary)
    #: ``booked, checked_in, serving, served, cancelled, no_show``.
    state: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(default=1)
    #: What the QR at check-in says, and its keyed hash.
    checkin_code: Mapped[str] = mapped_column(Secret("appointment.checkin_code"))
    checkin_lookup: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    #: The case that has to be finished there; most have none.
    case_id: Mapped[UUID | None] = mapped_column(ForeignKey("case.id"), index=True)
    #: ``h5``, ``chat``, ``counter``, ``api``, ``waiting`` (an offer that was taken).
    door: Mapped[str] = mapped_column(Text)
    #: Business times.
    at: Mapped[datetime] = mapped_column(timestamp)
    ended_at: Mapped[datetime | None] = mapped_column(timestamp)
    #: When its person is reminded next; None: no more.
    remind_at: Mapped[datetime | None] = mapped_column(timestamp)
    #: Moved by us, since its window was closed: until then it may be declined without a no-show. The slot that it had.
    decline_until: Mapped[datetime | None] = mapped_column(timestamp)
    moved_from: Mapped[UUID | None] = mapped_column(ForeignKey("slot.id"))

    __table_args__ = (
        # One active booking a vehicle and service, or a person and service where no vehicle is concerned.
        Index(
            "uq_appointment_active",
            "subject_lookup",
            "service",
            unique=True,
            postgresql_where=text("state IN ('booked', 'checked_in', 'serving')"),
        ),
        Index("ix_appointment_remind", "remind_at", postgresql_where=text("remind_at IS NOT NULL")),
        Index("ix_appointment_citizen_id_at", "citizen_id", "at"),
        CheckConstraint("subject_kind IN ('person', 'vehicle')", name="subject_kind"),
        CheckConstraint("(subject_kind = 'vehicle') = (plate IS NOT NULL)", name="plate"),
        CheckConstraint("state IN ('booked', 'checked_in', 'serving', 'served', 'cancelled', 'no_show')", name="state"),
        CheckConstraint("(state IN ('served', 'cancelled', 'no_show')) = (ended_at IS NOT NULL)", name="ended"),
    )


class WaitingEntry(Base):
    """Somebody who waits for a freed slot (候补) of a service, at an office, between two days."""

    __tablename__ = "waiting_entry"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    citizen_id: Mapped[UUID] = mapped_column(ForeignKey("citizen.id"), index=True)
    office_code: Mapped[str] = mapped_column(ForeignKey("office.code"))
    group_code: Mapped[str] = mapped_column(Text)
    service: Mapped[str] = mapped_column(Text)
    subject_kind: Mapped[str] = mapped_column(Text)
    plate: Mapped[str | None] = mapped_column(Secret("waiting_entry.plate"))
    subject_lookup: Mapped[bytes] = mapped_column(LargeBinary)
    #: The days that suit, the last one included.
    from_day: Mapped[date] = mapped_column()
    until_day: Mapped[date] = mapped_column()
    #: ``waiting, offered, taken, passed, ended``.
    state: Mapped[str] = mapped_column(Text)
    #: The order: 0 for whoever lost a place by our closing, else 1; then who came first.
    rank: Mapped[int] = mapped_column(default=1)
    #: The hold that is offered now.
    hold_id: Mapped[UUID | None] = mapped_column(ForeignKey("hold.id"))
    #: How many offers were let pass.
    passed: Mapped[int] = mapped_column(default=0)
    at: Mapped[datetime] = mapped_column(timestamp)
    ended_at: Mapped[datetime | None] = mapped_column(timestamp)

    __table_args__ = (
        Index(
            "ix_waiting_entry_next",
            "office_code",
            "group_code",
            "rank",
            "id",
            postgresql_where=text("state = 'waiting'"),
        ),
        Index(
            "uq_waiting_entry_current",
            "subject_lookup",
            "service",
            "office_code",
            unique=True,
            postgresql_where=text("state IN ('waiting', 'offered')"),
        ),
        Index("ix_waiting_entry_hold_id", "hold_id", postgresql_where=text("hold_id IS NOT NULL")),
        CheckConstraint("subject_kind IN ('person', 'vehicle')", name="subject_kind"),
        CheckConstraint("(subject_kind = 'vehicle') = (plate IS NOT NULL)", name="plate"),
        CheckConstraint("from_day <= until_day", name="days"),
        CheckConstraint("state IN ('waiting', 'offered', 'taken', 'passed', 'ended')", name="state"),
        CheckConstraint("(state = 'offered') = (hold_id IS NOT NULL)", name="offered"),
        CheckConstraint("(state IN ('taken', 'passed', 'ended')) = (ended_at IS NOT NULL)", name="over"),
    )


class BookingPause(Base):
    """Until when a person can't book by themselves, and why; walking in is never closed to them."""

    __tablename__ = "booking_pause"
    citizen_id: Mapped[UUID] = mapped_column(ForeignKey("citizen.id"), primary_key=True)
    #: ``no_show`` (repeated ones) or ``holds`` (two that ran out).
    why: Mapped[str] = mapped_column(Text, primary_key=True)
    until: Mapped[datetime] = mapped_column(timestamp)

    __table_args__ = (CheckConstraint("why IN ('no_show', 'holds')", name="why"),)


#: Places are counted where they are stored: whoever adds, moves or ends a hold or an appointment, by whatever way,
#: turns its slot's counter in the same statement, and ck_slot_not_overbooked refuses one too many.
PLACES = (
    """
CREATE OR REPLACE FUNCTION count_places() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    active CONSTANT text[] := CASE TG_TABLE_NAME
        WHEN 'hold' THEN ARRAY['held'] ELSE ARRAY['booked', 'checked_in', 'serving', 'served', 'no_show'] END;
    left_slot uuid; came_slot uuid;
BEGIN
    IF TG_OP <> 'INSERT' AND OLD.state = ANY (active) THEN left_slot := OLD.slot_id; END IF;
    IF TG_OP <> 'DELETE' AND NEW.state = ANY (active) THEN came_slot := NEW.slot_id; END IF;
    IF left_slot IS NOT DISTINCT FROM came_slot THEN RETURN NULL; END IF;
    IF left_slot < came_slot THEN
        UPDATE slot SET taken = taken - 1 WHERE id = left_slot;
    END IF;
    IF came_slot IS NOT NULL THEN
        UPDATE slot SET taken = taken + 1 WHERE id = came_slot AND state = 'open';
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the slot is closed'
                USING ERRCODE = 'check_violation', TABLE = 'slot', CONSTRAINT = 'slot_closed';
        END IF;
    END IF;
    IF left_slot IS NOT NULL AND (came_slot IS NULL OR left_slot > came_slot) THEN
        UPDATE slot SET taken = taken - 1 WHERE id = left_slot;
    END IF;
    RETURN NULL;
END $$
""",
    """
CREATE OR REPLACE TRIGGER hold_places AFTER INSERT OR DELETE OR UPDATE OF state, slot_id ON hold
    FOR EACH ROW EXECUTE FUNCTION count_places()
""",
    """
CREATE OR REPLACE TRIGGER appointment_places AFTER INSERT OR DELETE OR UPDATE OF state, slot_id ON appointment
    FOR EACH ROW EXECUTE FUNCTION count_places()
""",
    """
CREATE OR REPLACE FUNCTION keep_places() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_trigger_depth() < 2 AND NEW.taken <> OLD.taken THEN
        RAISE EXCEPTION 'places of a slot are counted from its holds and appointments'
            USING ERRCODE = 'check_violation', TABLE = 'slot', CONSTRAINT = 'counted_places';
    END IF;
    RETURN NEW;
END $$
""",
    """
CREATE OR REPLACE TRIGGER slot_places BEFORE UPDATE OF taken ON slot
    FOR EACH ROW EXECUTE FUNCTION keep_places()
""",
)
for _statement, _table in zip(PLACES, (Hold, Hold, Appointment, Slot, Slot), strict=True):
    event.listen(_table.__table__, "after_create", DDL(_statement.replace("%", "%%")))
for _function in ("count_places", "keep_places"):
    event.listen(Base.metadata, "after_drop", DDL(f"DROP FUNCTION IF EXISTS {_function}()"))
