"""Keep opening plans, bookings and the hall."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


#: Places are counted where they are stored, and one too many is refused.
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


def _office_kinds(*kinds: str) -> None:
    """Which kinds of office there are, anew."""
    op.drop_constraint(op.f("ck_office_kind"), "office", type_="check")
    op.create_check_constraint(op.f("ck_office_kind"), "office", f"kind IN ({', '.join(map(repr, kinds))})")


def _visits_known_by(*ways: str) -> None:
    """By what a visit is known, anew."""
    op.drop_constraint(op.f("ck_visit_known_by"), "visit", type_="check")
    op.create_check_constraint(op.f("ck_visit_known_by"), "visit", f"known_by IN ({', '.join(map(repr, ways))})")


def upgrade() -> None:
    """Create everything."""
    _office_kinds("station", "service_centre", "traffic")
    _visits_known_by("case", "id_number", "step", "ticket", "home")
    op.execute(sa.schema.CreateSequence(sa.Sequence("appointment_number_seq")))
    op.create_table(
        "booking_pause",
        sa.Column("citizen_id", sa.Uuid(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("why IN ('no_show', 'holds')", name=op.f("ck_booking_pause_why")),
        sa.ForeignKeyConstraint(["citizen_id"], ["citizen.id"], name=op.f("fk_booking_pause_citizen_id")),
        sa.PrimaryKeyConstraint("citizen_id", "why", name=op.f("pk_booking_pause")),
    )
    op.create_table(
        "counter",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("office_code", sa.Text(), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("groups", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["office_code"], ["office.code"], name=op.f("fk_counter_office_code")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_counter")),
    )
    op.create_index("uq_counter_number", "counter", ["office_code", "number"], unique=True)
    op.create_table(
        "opening_exception",
        sa.Column("office_code", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("as_weekday", sa.SmallInteger(), nullable=True),
        sa.Column("words", sa.Text(), nullable=False),
        sa.CheckConstraint("as_weekday BETWEEN 0 AND 6", name=op.f("ck_opening_exception_as_weekday")),
        sa.ForeignKeyConstraint(["office_code"], ["office.code"], name=op.f("fk_opening_exception_office_code")),
        sa.PrimaryKeyConstraint("office_code", "day", name=op.f("pk_opening_exception")),
    )
    op.create_table(
        "partner_desk",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("office_code", sa.Text(), nullable=False),
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("where", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["office_code"], ["office.code"], name=op.f("fk_partner_desk_office_code")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_partner_desk")),
    )
    op.create_index("uq_partner_desk_partner", "partner_desk", ["office_code", "partner"], unique=True)
    op.create_table(
        "service_group",
        sa.Column("office_code", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("letter", sa.Text(), nullable=False),
        sa.Column("services", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("place", sa.SmallInteger(), nullable=False),
        sa.CheckConstraint("letter ~ '^[A-Z]$'", name=op.f("ck_service_group_letter")),
        sa.ForeignKeyConstraint(["office_code"], ["office.code"], name=op.f("fk_service_group_office_code")),
        sa.PrimaryKeyConstraint("office_code", "code", name=op.f("pk_service_group")),
    )
    op.create_index("uq_service_group_letter", "service_group", ["office_code", "letter"], unique=True)
    op.create_table(
        "ticket_series",
        sa.Column("office_code", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("letter", sa.Text(), nullable=False),
        sa.Column("last", sa.SmallInteger(), nullable=False),
        sa.ForeignKeyConstraint(["office_code"], ["office.code"], name=op.f("fk_ticket_series_office_code")),
        sa.PrimaryKeyConstraint("office_code", "day", "letter", name=op.f("pk_ticket_series")),
    )
    op.create_table(
        "board_screen",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("office_code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.Column("names", sa.Boolean(), nullable=False),
        sa.Column("made_by", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["made_by"], ["staff.id"], name=op.f("fk_board_screen_made_by")),
        sa.ForeignKeyConstraint(["office_code"], ["office.code"], name=op.f("fk_board_screen_office_code")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_board_screen")),
        sa.UniqueConstraint("token", name=op.f("uq_board_screen_token")),
    )
    op.create_index(op.f("ix_board_screen_office_code"), "board_screen", ["office_code"], unique=False)
    op.create_table(
        "desk_day",
        sa.Column("desk_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("spans", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["desk_id"], ["partner_desk.id"], name=op.f("fk_desk_day_desk_id")),
        sa.PrimaryKeyConstraint("desk_id", "day", name=op.f("pk_desk_day")),
    )
    op.create_table(
        "desk_hours",
        sa.Column("desk_id", sa.Uuid(), nullable=False),
        sa.Column("weekday", sa.SmallInteger(), nullable=False),
        sa.Column("spans", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.CheckConstraint("weekday BETWEEN 0 AND 6", name=op.f("ck_desk_hours_weekday")),
        sa.ForeignKeyConstraint(["desk_id"], ["partner_desk.id"], name=op.f("fk_desk_hours_desk_id")),
        sa.PrimaryKeyConstraint("desk_id", "weekday", name=op.f("pk_desk_hours")),
    )
    op.create_table(
        "opening_rule",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("office_code", sa.Text(), nullable=False),
        sa.Column("group_code", sa.Text(), nullable=False),
        sa.Column("weekday", sa.SmallInteger(), nullable=False),
        sa.Column("starts", sa.Time(), nullable=False),
        sa.Column("ends", sa.Time(), nullable=False),
        sa.Column("slot_minutes", sa.SmallInteger(), nullable=False),
        sa.Column("counters", postgresql.ARRAY(sa.SmallInteger()), nullable=False),
        sa.Column("booked", sa.SmallInteger(), nullable=False),
        sa.Column("walk_in", sa.SmallInteger(), nullable=False),
        sa.Column("release_days", sa.SmallInteger(), nullable=False),
        sa.Column("release_time", sa.Time(), nullable=False),
        sa.Column("release_spread_s", sa.SmallInteger(), nullable=False),
        sa.Column("from_day", sa.Date(), nullable=False),
        sa.Column("until_day", sa.Date(), nullable=True),
        sa.CheckConstraint("booked >= 0 AND walk_in >= 0", name=op.f("ck_opening_rule_capacity")),
        sa.CheckConstraint("slot_minutes BETWEEN 5 AND 240", name=op.f("ck_opening_rule_slot_minutes")),
        sa.CheckConstraint("starts < ends", name=op.f("ck_opening_rule_order")),
        sa.CheckConstraint("weekday BETWEEN 0 AND 6", name=op.f("ck_opening_rule_weekday")),
        sa.ForeignKeyConstraint(
            ["office_code", "group_code"],
            ["service_group.office_code", "service_group.code"],
            name="fk_opening_rule_service_group",
        ),
        sa.ForeignKeyConstraint(["office_code"], ["office.code"], name=op.f("fk_opening_rule_office_code")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_opening_rule")),
    )
    op.create_index(op.f("ix_opening_rule_office_code"), "opening_rule", ["office_code"], unique=False)
    op.create_table(
        "plan_week",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("office_code", sa.Text(), nullable=False),
        sa.Column("monday", sa.Date(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("published_by", sa.Uuid(), nullable=True),
        sa.Column("changed", sa.Boolean(), nullable=False),
        sa.CheckConstraint("extract(isodow FROM monday) = 1", name=op.f("ck_plan_week_monday")),
        sa.ForeignKeyConstraint(["office_code"], ["office.code"], name=op.f("fk_plan_week_office_code")),
        sa.ForeignKeyConstraint(["published_by"], ["staff.id"], name=op.f("fk_plan_week_published_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_week")),
    )
    op.create_index("uq_plan_week_monday", "plan_week", ["office_code", "monday"], unique=True)
    op.create_table(
        "roster_shift",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("office_code", sa.Text(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("counter_id", sa.Uuid(), nullable=True),
        sa.Column("made_by", sa.Uuid(), nullable=False),
        sa.CheckConstraint("starts_at < ends_at", name=op.f("ck_roster_shift_order")),
        sa.ForeignKeyConstraint(["counter_id"], ["counter.id"], name=op.f("fk_roster_shift_counter_id")),
        sa.ForeignKeyConstraint(["made_by"], ["staff.id"], name=op.f("fk_roster_shift_made_by")),
        sa.ForeignKeyConstraint(["office_code"], ["office.code"], name=op.f("fk_roster_shift_office_code")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_roster_shift_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_roster_shift")),
    )
    op.create_index(op.f("ix_roster_shift_office_code_day"), "roster_shift", ["office_code", "day"], unique=False)
    op.create_index(op.f("ix_roster_shift_staff_id_day"), "roster_shift", ["staff_id", "day"], unique=False)
    op.create_table(
        "staff_absence",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("from_day", sa.Date(), nullable=False),
        sa.Column("until_day", sa.Date(), nullable=False),
        sa.Column("kind", sa.LargeBinary(), nullable=False),
        sa.Column("made_by", sa.Uuid(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("from_day <= until_day", name=op.f("ck_staff_absence_days")),
        sa.ForeignKeyConstraint(["made_by"], ["staff.id"], name=op.f("fk_staff_absence_made_by")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_staff_absence_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_absence")),
    )
    op.create_index(
        "ix_staff_absence_running",
        "staff_absence",
        ["staff_id", "until_day"],
        unique=False,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "staff_skill",
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("group_code", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_staff_skill_staff_id")),
        sa.PrimaryKeyConstraint("staff_id", "group_code", name=op.f("pk_staff_skill")),
    )
    op.create_table(
        "plan_window",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("week_id", sa.Uuid(), nullable=False),
        sa.Column("office_code", sa.Text(), nullable=False),
        sa.Column("group_code", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("starts", sa.Time(), nullable=False),
        sa.Column("ends", sa.Time(), nullable=False),
        sa.Column("slot_minutes", sa.SmallInteger(), nullable=False),
        sa.Column("counters", postgresql.ARRAY(sa.SmallInteger()), nullable=False),
        sa.Column("booked", sa.SmallInteger(), nullable=False),
        sa.Column("walk_in", sa.SmallInteger(), nullable=False),
        sa.Column("release_days", sa.SmallInteger(), nullable=False),
        sa.Column("release_time", sa.Time(), nullable=False),
        sa.Column("release_spread_s", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.CheckConstraint("state IN ('planned', 'published', 'closed')", name=op.f("ck_plan_window_state")),
        sa.CheckConstraint("booked >= 0 AND walk_in >= 0", name=op.f("ck_plan_window_capacity")),
        sa.CheckConstraint("slot_minutes BETWEEN 5 AND 240", name=op.f("ck_plan_window_slot_minutes")),
        sa.CheckConstraint("starts < ends", name=op.f("ck_plan_window_order")),
        sa.ForeignKeyConstraint(
            ["office_code", "group_code"],
            ["service_group.office_code", "service_group.code"],
            name="fk_plan_window_service_group",
        ),
        sa.ForeignKeyConstraint(["office_code"], ["office.code"], name=op.f("fk_plan_window_office_code")),
        sa.ForeignKeyConstraint(["week_id"], ["plan_week.id"], name=op.f("fk_plan_window_week_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_window")),
    )
    op.create_index(op.f("ix_plan_window_week_id"), "plan_window", ["week_id"], unique=False)
    op.create_table(
        "slot",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("office_code", sa.Text(), nullable=False),
        sa.Column("group_code", sa.Text(), nullable=False),
        sa.Column("window_id", sa.Uuid(), nullable=True),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("capacity", sa.SmallInteger(), nullable=False),
        sa.Column("taken", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("walk_in", sa.SmallInteger(), nullable=False),
        sa.Column("walk_in_taken", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'open'"), nullable=False),
        sa.CheckConstraint("state IN ('open', 'closed')", name=op.f("ck_slot_state")),
        sa.CheckConstraint("starts_at < ends_at", name=op.f("ck_slot_order")),
        sa.CheckConstraint("taken BETWEEN 0 AND capacity", name=op.f("ck_slot_not_overbooked")),
        sa.CheckConstraint("walk_in_taken >= 0 AND walk_in >= 0", name=op.f("ck_slot_walk_in")),
        sa.ForeignKeyConstraint(
            ["office_code", "group_code"],
            ["service_group.office_code", "service_group.code"],
            name="fk_slot_service_group",
        ),
        sa.ForeignKeyConstraint(["office_code"], ["office.code"], name=op.f("fk_slot_office_code")),
        sa.ForeignKeyConstraint(["window_id"], ["plan_window.id"], name=op.f("fk_slot_window_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_slot")),
        postgresql_with={"fillfactor": 70},
    )
    op.create_index(op.f("ix_slot_window_id"), "slot", ["window_id"], unique=False)
    op.create_index(
        "uq_slot_open",
        "slot",
        ["office_code", "group_code", "starts_at"],
        unique=True,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "appointment",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("slot_id", sa.Uuid(), nullable=False),
        sa.Column("citizen_id", sa.Uuid(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("plate", sa.LargeBinary(), nullable=True),
        sa.Column("subject_lookup", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("checkin_code", sa.LargeBinary(), nullable=False),
        sa.Column("checkin_lookup", sa.LargeBinary(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=True),
        sa.Column("door", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("remind_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decline_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("moved_from", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "(state IN ('served', 'cancelled', 'no_show')) = (ended_at IS NOT NULL)", name=op.f("ck_appointment_ended")
        ),
        sa.CheckConstraint("(subject_kind = 'vehicle') = (plate IS NOT NULL)", name=op.f("ck_appointment_plate")),
        sa.CheckConstraint(
            "state IN ('booked', 'checked_in', 'serving', 'served', 'cancelled', 'no_show')",
            name=op.f("ck_appointment_state"),
        ),
        sa.CheckConstraint("subject_kind IN ('person', 'vehicle')", name=op.f("ck_appointment_subject_kind")),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_appointment_case_id")),
        sa.ForeignKeyConstraint(["citizen_id"], ["citizen.id"], name=op.f("fk_appointment_citizen_id")),
        sa.ForeignKeyConstraint(["moved_from"], ["slot.id"], name=op.f("fk_appointment_moved_from")),
        sa.ForeignKeyConstraint(["slot_id"], ["slot.id"], name=op.f("fk_appointment_slot_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appointment")),
        sa.UniqueConstraint("checkin_lookup", name=op.f("uq_appointment_checkin_lookup")),
        sa.UniqueConstraint("number", name=op.f("uq_appointment_number")),
    )
    op.create_index(op.f("ix_appointment_case_id"), "appointment", ["case_id"], unique=False)
    op.create_index("ix_appointment_citizen_id_at", "appointment", ["citizen_id", "at"], unique=False)
    op.create_index(
        "ix_appointment_remind",
        "appointment",
        ["remind_at"],
        unique=False,
        postgresql_where=sa.text("remind_at IS NOT NULL"),
    )
    op.create_index(op.f("ix_appointment_slot_id"), "appointment", ["slot_id"], unique=False)
    op.create_index(
        "uq_appointment_active",
        "appointment",
        ["subject_lookup", "service"],
        unique=True,
        postgresql_where=sa.text("state IN ('booked', 'checked_in', 'serving')"),
    )
    op.create_table(
        "hold",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("slot_id", sa.Uuid(), nullable=False),
        sa.Column("citizen_id", sa.Uuid(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("plate", sa.LargeBinary(), nullable=True),
        sa.Column("subject_lookup", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(subject_kind = 'vehicle') = (plate IS NOT NULL)", name=op.f("ck_hold_plate")),
        sa.CheckConstraint("kind IN ('own', 'offer')", name=op.f("ck_hold_kind")),
        sa.CheckConstraint("state IN ('held', 'booked', 'released', 'expired')", name=op.f("ck_hold_state")),
        sa.CheckConstraint("subject_kind IN ('person', 'vehicle')", name=op.f("ck_hold_subject_kind")),
        sa.ForeignKeyConstraint(["citizen_id"], ["citizen.id"], name=op.f("fk_hold_citizen_id")),
        sa.ForeignKeyConstraint(["slot_id"], ["slot.id"], name=op.f("fk_hold_slot_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hold")),
    )
    op.create_index(op.f("ix_hold_citizen_id_at"), "hold", ["citizen_id", "at"], unique=False)
    op.create_index(
        "ix_hold_running_out", "hold", ["expires_at"], unique=False, postgresql_where=sa.text("state = 'held'")
    )
    op.create_index("ix_hold_slot_held", "hold", ["slot_id"], unique=False, postgresql_where=sa.text("state = 'held'"))
    op.create_index(
        "uq_hold_current",
        "hold",
        ["citizen_id", "service", "kind"],
        unique=True,
        postgresql_where=sa.text("state = 'held'"),
    )
    op.create_table(
        "ticket",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("office_code", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("group_code", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("appointment_id", sa.Uuid(), nullable=True),
        sa.Column("slot_id", sa.Uuid(), nullable=True),
        sa.Column("citizen_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.LargeBinary(), nullable=True),
        sa.Column("token_lookup", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("drawn_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("called_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("serving_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("counter_id", sa.Uuid(), nullable=True),
        sa.Column("staff_id", sa.Uuid(), nullable=True),
        sa.Column("calls", sa.SmallInteger(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("overtime", sa.Boolean(), nullable=False),
        sa.CheckConstraint("(state = 'done') = (done_at IS NOT NULL)", name=op.f("ck_ticket_done")),
        sa.CheckConstraint("channel IN ('booked', 'walk_in')", name=op.f("ck_ticket_channel")),
        sa.CheckConstraint(
            "state IN ('waiting', 'called', 'skipped', 'serving', 'done')", name=op.f("ck_ticket_state")
        ),
        sa.ForeignKeyConstraint(["appointment_id"], ["appointment.id"], name=op.f("fk_ticket_appointment_id")),
        sa.ForeignKeyConstraint(["citizen_id"], ["citizen.id"], name=op.f("fk_ticket_citizen_id")),
        sa.ForeignKeyConstraint(["counter_id"], ["counter.id"], name=op.f("fk_ticket_counter_id")),
        sa.ForeignKeyConstraint(["office_code"], ["office.code"], name=op.f("fk_ticket_office_code")),
        sa.ForeignKeyConstraint(["slot_id"], ["slot.id"], name=op.f("fk_ticket_slot_id")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_ticket_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ticket")),
        sa.UniqueConstraint("appointment_id", name=op.f("uq_ticket_appointment_id")),
        sa.UniqueConstraint("token_lookup", name=op.f("uq_ticket_token_lookup")),
    )
    op.create_index(
        "ix_ticket_called",
        "ticket",
        ["office_code", "called_at"],
        unique=False,
        postgresql_where=sa.text("called_at IS NOT NULL"),
    )
    op.create_index(op.f("ix_ticket_citizen_id"), "ticket", ["citizen_id"], unique=False)
    op.create_index(
        "ix_ticket_waiting",
        "ticket",
        ["office_code", "group_code", "channel", "due_at", "drawn_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('waiting', 'skipped')"),
    )
    op.create_index(
        "uq_ticket_at_counter",
        "ticket",
        ["counter_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('called', 'serving')"),
    )
    op.create_index("uq_ticket_number", "ticket", ["office_code", "day", "number"], unique=True)
    op.create_table(
        "waiting_entry",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("citizen_id", sa.Uuid(), nullable=False),
        sa.Column("office_code", sa.Text(), nullable=False),
        sa.Column("group_code", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("plate", sa.LargeBinary(), nullable=True),
        sa.Column("subject_lookup", sa.LargeBinary(), nullable=False),
        sa.Column("from_day", sa.Date(), nullable=False),
        sa.Column("until_day", sa.Date(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("hold_id", sa.Uuid(), nullable=True),
        sa.Column("passed", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(state = 'offered') = (hold_id IS NOT NULL)", name=op.f("ck_waiting_entry_offered")),
        sa.CheckConstraint(
            "(state IN ('taken', 'passed', 'ended')) = (ended_at IS NOT NULL)", name=op.f("ck_waiting_entry_over")
        ),
        sa.CheckConstraint("(subject_kind = 'vehicle') = (plate IS NOT NULL)", name=op.f("ck_waiting_entry_plate")),
        sa.CheckConstraint(
            "state IN ('waiting', 'offered', 'taken', 'passed', 'ended')", name=op.f("ck_waiting_entry_state")
        ),
        sa.CheckConstraint("subject_kind IN ('person', 'vehicle')", name=op.f("ck_waiting_entry_subject_kind")),
        sa.CheckConstraint("from_day <= until_day", name=op.f("ck_waiting_entry_days")),
        sa.ForeignKeyConstraint(["citizen_id"], ["citizen.id"], name=op.f("fk_waiting_entry_citizen_id")),
        sa.ForeignKeyConstraint(["hold_id"], ["hold.id"], name=op.f("fk_waiting_entry_hold_id")),
        sa.ForeignKeyConstraint(["office_code"], ["office.code"], name=op.f("fk_waiting_entry_office_code")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_waiting_entry")),
    )
    op.create_index(op.f("ix_waiting_entry_citizen_id"), "waiting_entry", ["citizen_id"], unique=False)
    op.create_index(
        "ix_waiting_entry_hold_id",
        "waiting_entry",
        ["hold_id"],
        unique=False,
        postgresql_where=sa.text("hold_id IS NOT NULL"),
    )
    op.create_index(
        "ix_waiting_entry_next",
        "waiting_entry",
        ["office_code", "group_code", "rank", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_index(
        "uq_waiting_entry_current",
        "waiting_entry",
        ["subject_lookup", "service", "office_code"],
        unique=True,
        postgresql_where=sa.text("state IN ('waiting', 'offered')"),
    )
    for statement in PLACES:
        op.execute(statement)


def downgrade() -> None:
    """Remove everything; what was not known before is called by the nearest that was."""
    op.drop_index(
        "uq_waiting_entry_current",
        table_name="waiting_entry",
        postgresql_where=sa.text("state IN ('waiting', 'offered')"),
    )
    op.drop_index("ix_waiting_entry_next", table_name="waiting_entry", postgresql_where=sa.text("state = 'waiting'"))
    op.drop_index(
        "ix_waiting_entry_hold_id", table_name="waiting_entry", postgresql_where=sa.text("hold_id IS NOT NULL")
    )
    op.drop_index(op.f("ix_waiting_entry_citizen_id"), table_name="waiting_entry")
    op.drop_table("waiting_entry")
    op.drop_index("uq_ticket_number", table_name="ticket")
    op.drop_index(
        "uq_ticket_at_counter", table_name="ticket", postgresql_where=sa.text("state IN ('called', 'serving')")
    )
    op.drop_index("ix_ticket_waiting", table_name="ticket", postgresql_where=sa.text("state IN ('waiting', 'skipped')"))
    op.drop_index(op.f("ix_ticket_citizen_id"), table_name="ticket")
    op.drop_index("ix_ticket_called", table_name="ticket", postgresql_where=sa.text("called_at IS NOT NULL"))
    op.drop_table("ticket")
    op.drop_index("uq_hold_current", table_name="hold", postgresql_where=sa.text("state = 'held'"))
    op.drop_index("ix_hold_slot_held", table_name="hold", postgresql_where=sa.text("state = 'held'"))
    op.drop_index("ix_hold_running_out", table_name="hold", postgresql_where=sa.text("state = 'held'"))
    op.drop_index(op.f("ix_hold_citizen_id_at"), table_name="hold")
    op.drop_table("hold")
    op.drop_index(
        "uq_appointment_active",
        table_name="appointment",
        postgresql_where=sa.text("state IN ('booked', 'checked_in', 'serving')"),
    )
    op.drop_index(op.f("ix_appointment_slot_id"), table_name="appointment")
    op.drop_index("ix_appointment_remind", table_name="appointment", postgresql_where=sa.text("remind_at IS NOT NULL"))
    op.drop_index("ix_appointment_citizen_id_at", table_name="appointment")
    op.drop_index(op.f("ix_appointment_case_id"), table_name="appointment")
    op.drop_table("appointment")
    op.drop_index("uq_slot_open", table_name="slot", postgresql_where=sa.text("state = 'open'"))
    op.drop_index(op.f("ix_slot_window_id"), table_name="slot")
    op.drop_table("slot")
    op.drop_index(op.f("ix_plan_window_week_id"), table_name="plan_window")
    op.drop_table("plan_window")
    op.drop_table("staff_skill")
    op.drop_index("ix_staff_absence_running", table_name="staff_absence", postgresql_where=sa.text("ended_at IS NULL"))
    op.drop_table("staff_absence")
    op.drop_index(op.f("ix_roster_shift_staff_id_day"), table_name="roster_shift")
    op.drop_index(op.f("ix_roster_shift_office_code_day"), table_name="roster_shift")
    op.drop_table("roster_shift")
    op.drop_index("uq_plan_week_monday", table_name="plan_week")
    op.drop_table("plan_week")
    op.drop_index(op.f("ix_opening_rule_office_code"), table_name="opening_rule")
    op.drop_table("opening_rule")
    op.drop_table("desk_hours")
    op.drop_table("desk_day")
    op.drop_index(op.f("ix_board_screen_office_code"), table_name="board_screen")
    op.drop_table("board_screen")
    op.drop_table("ticket_series")
    op.drop_index("uq_service_group_letter", table_name="service_group")
    op.drop_table("service_group")
    op.drop_index("uq_partner_desk_partner", table_name="partner_desk")
    op.drop_table("partner_desk")
    op.drop_table("opening_exception")
    op.drop_index("uq_counter_number", table_name="counter")
    op.drop_table("counter")
    op.drop_table("booking_pause")
    for function in ("count_places", "keep_places"):
        op.execute(f"DROP FUNCTION {function}()")
    op.execute(sa.schema.DropSequence(sa.Sequence("appointment_number_seq")))
    op.execute("UPDATE office SET kind = 'service_centre' WHERE kind = 'traffic'")
    _office_kinds("station", "service_centre")
    op.execute("UPDATE visit SET known_by = 'step' WHERE known_by = 'ticket'")
    _visits_known_by("case", "id_number", "step", "home")
