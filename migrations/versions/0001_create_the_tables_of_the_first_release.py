"""Create the tables of the first release."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


#: What has ended stays as it ended, whoever writes.
FORWARD_ONLY = (
    """
CREATE OR REPLACE FUNCTION forward_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state IN ('delivered', 'failed', 'expired', 'cancelled')
       OR (OLD.state = 'sent' AND TG_TABLE_NAME = 'delivery' AND NEW.state IN ('pending', 'sending', 'uncertain')) THEN
        RAISE EXCEPTION 'a % does not go from % to %', TG_TABLE_NAME, OLD.state, NEW.state
            USING ERRCODE = 'check_violation', TABLE = TG_TABLE_NAME, CONSTRAINT = 'forward_only';
    END IF;
    RETURN NEW;
END $$
""",
    """
CREATE OR REPLACE TRIGGER delivery_forward_only BEFORE UPDATE OF state ON delivery
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION forward_only()
""",
    """
CREATE OR REPLACE TRIGGER notice_forward_only BEFORE UPDATE OF state ON notice
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION forward_only()
""",
)


def upgrade() -> None:
    """Create everything."""
    op.execute(sa.schema.CreateSequence(sa.Sequence("case_number_seq")))
    op.create_table(
        "attempt",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.LargeBinary(), nullable=False),
        sa.Column("succeeded", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempt")),
    )
    op.create_index(op.f("ix_attempt_at"), "attempt", ["at"], unique=False)
    op.create_index(op.f("ix_attempt_kind_subject_at"), "attempt", ["kind", "subject", "at"], unique=False)
    op.create_table(
        "calendar_year",
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("content", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("loaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("year", name=op.f("pk_calendar_year")),
    )
    op.create_table(
        "channel_hold",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("channel", name=op.f("pk_channel_hold")),
    )
    op.create_table(
        "citizen",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.Column("name_lookup", sa.LargeBinary(), nullable=False),
        sa.Column("id_number", sa.LargeBinary(), nullable=False),
        sa.Column("id_lookup", sa.LargeBinary(), nullable=False),
        sa.Column("phone", sa.LargeBinary(), nullable=False),
        sa.Column("phone_lookup", sa.LargeBinary(), nullable=False),
        sa.Column("hukou_code", sa.Text(), nullable=False),
        sa.Column("hukou_address", sa.LargeBinary(), nullable=False),
        sa.Column("gender", sa.Text(), nullable=False),
        sa.Column("birth_date", sa.Date(), nullable=False),
        sa.Column("large_type", sa.Boolean(), nullable=True),
        sa.Column("proved_by", sa.Text(), nullable=False),
        sa.Column("proved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.CheckConstraint("proved_by IN ('face', 'counter', 'guardian')", name=op.f("ck_citizen_proved_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_citizen")),
        sa.UniqueConstraint("id_lookup", name=op.f("uq_citizen_id_lookup")),
    )
    op.create_index(op.f("ix_citizen_name_lookup"), "citizen", ["name_lookup"], unique=False)
    op.create_index(op.f("ix_citizen_phone_lookup"), "citizen", ["phone_lookup"], unique=False)
    op.create_table(
        "follower",
        sa.Column("openid", sa.Text(), nullable=False),
        sa.Column("followed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("openid", name=op.f("pk_follower")),
    )
    op.create_table(
        "heartbeat",
        sa.Column("process", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("process", name=op.f("pk_heartbeat")),
    )
    op.create_index(op.f("ix_heartbeat_kind_at"), "heartbeat", ["kind", "at"], unique=False)
    op.create_table(
        "idempotency_key",
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("actor", "route", "key", name=op.f("pk_idempotency_key")),
    )
    op.create_index(op.f("ix_idempotency_key_at"), "idempotency_key", ["at"], unique=False)
    op.create_table(
        "installation",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_installation")),
    )
    op.create_table(
        "month_figure",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("office_code", sa.Text(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("sent", sa.Integer(), nullable=False),
        sa.Column("ended", sa.Integer(), nullable=False),
        sa.Column("completed", sa.Integer(), nullable=False),
        sa.Column("without_trip", sa.Integer(), nullable=False),
        sa.Column("one_trip_at_most", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("withdrawn", sa.Integer(), nullable=False),
        sa.Column("promised", sa.Integer(), nullable=False),
        sa.Column("in_time", sa.Integer(), nullable=False),
        sa.Column("waiting_median_s", sa.Double(), nullable=True),
        sa.Column("waiting_p90_s", sa.Double(), nullable=True),
        sa.Column("handling_median_s", sa.Double(), nullable=True),
        sa.Column("handling_p90_s", sa.Double(), nullable=True),
        sa.Column("corrections", sa.Integer(), nullable=False),
        sa.Column("corrections_new", sa.Integer(), nullable=False),
        sa.Column("ratings", sa.Integer(), nullable=False),
        sa.Column("ratings_bad", sa.Integer(), nullable=False),
        sa.Column("grades", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("month", "office_code", "item", name=op.f("pk_month_figure")),
    )
    op.create_index("ix_month_figure_office_code_month", "month_figure", ["office_code", "month"], unique=False)
    op.create_table(
        "oauth_state",
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.Column("browser", sa.LargeBinary(), nullable=False),
        sa.Column("next_path", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("state", name=op.f("pk_oauth_state")),
    )
    op.create_table(
        "office",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("district", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("serves", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint("kind IN ('station', 'service_centre')", name=op.f("ck_office_kind")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_office")),
    )
    op.create_table(
        "parcel",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("receiver", sa.LargeBinary(), nullable=False),
        sa.Column("tracking", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("course", sa.Text(), nullable=False),
        sa.Column("told", sa.Text(), nullable=False),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("direction IN ('out', 'back', 'letter')", name=op.f("ck_parcel_direction")),
        sa.CheckConstraint(
            "state IN ('ordered', 'collected', 'in_transit', 'delivering', 'signed', 'signed_by_other', 'refused', 'returned', 'lost')",
            name=op.f("ck_parcel_state"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parcel")),
    )
    op.create_index(
        "ix_parcel_awaited",
        "parcel",
        ["asked_at"],
        unique=False,
        postgresql_where=sa.text(
            "tracking IS NOT NULL AND state IN ('ordered', 'collected', 'in_transit', 'delivering', 'refused')"
        ),
    )
    op.create_index(op.f("ix_parcel_case_id"), "parcel", ["case_id"], unique=False)
    op.create_index(
        "ix_parcel_moves",
        "parcel",
        [sa.literal_column("coalesce(heard_at, at)"), "id"],
        unique=False,
        postgresql_where=sa.text("tracking IS NOT NULL AND course IN ('moving', 'refused', 'back')"),
    )
    op.create_index(op.f("ix_parcel_tracking"), "parcel", ["tracking"], unique=False)
    op.create_index(
        "ix_parcel_trouble",
        "parcel",
        ["course", "id"],
        unique=False,
        postgresql_where=sa.text("course NOT IN ('moving', 'signed')"),
    )
    op.create_index(
        "ix_parcel_untold",
        "parcel",
        ["id"],
        unique=False,
        postgresql_where=sa.text("direction = 'out' AND tracking IS NOT NULL AND (noted_at IS NULL OR course <> told)"),
    )
    op.create_table(
        "partner_token",
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("refreshed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("partner", name=op.f("pk_partner_token")),
    )
    op.create_table(
        "phone_code",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("phone_lookup", sa.LargeBinary(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_phone_code")),
    )
    op.create_index(
        op.f("ix_phone_code_phone_lookup_purpose_at"), "phone_code", ["phone_lookup", "purpose", "at"], unique=False
    )
    op.create_table(
        "push",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_push")),
    )
    op.create_index(op.f("ix_push_at"), "push", ["at"], unique=False)
    op.create_table(
        "push_memory",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_push_memory")),
    )
    op.create_index(op.f("ix_push_memory_until"), "push_memory", ["until"], unique=False)
    op.create_table(
        "receipt",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("same", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("fault", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipt")),
        sa.UniqueConstraint("same", name=op.f("uq_receipt_same")),
    )
    op.create_index(
        "ix_receipt_unsettled", "receipt", ["due_at"], unique=False, postgresql_where=sa.text("settled_at IS NULL")
    )
    op.create_table(
        "seal",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("heads", sa.LargeBinary(), nullable=False),
        sa.Column("mark", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seal")),
    )
    op.create_table(
        "authorisation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("principal_id", sa.Uuid(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("items", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("from_day", sa.Date(), nullable=False),
        sa.Column("until_day", sa.Date(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("cardinality(items) > 0", name=op.f("ck_authorisation_items")),
        sa.CheckConstraint("from_day <= until_day", name=op.f("ck_authorisation_days")),
        sa.CheckConstraint("principal_id <> agent_id", name=op.f("ck_authorisation_another")),
        sa.ForeignKeyConstraint(["agent_id"], ["citizen.id"], name=op.f("fk_authorisation_agent_id")),
        sa.ForeignKeyConstraint(["principal_id"], ["citizen.id"], name=op.f("fk_authorisation_principal_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_authorisation")),
    )
    op.create_index(op.f("ix_authorisation_agent_id"), "authorisation", ["agent_id"], unique=False)
    op.create_index(op.f("ix_authorisation_principal_id"), "authorisation", ["principal_id"], unique=False)
    op.create_index(
        "uq_authorisation_running",
        "authorisation",
        ["principal_id", "agent_id"],
        unique=True,
        postgresql_where=sa.text("given_at IS NOT NULL AND ended_at IS NULL"),
    )
    op.create_table(
        "consent",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("citizen_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by_id", sa.Uuid(), nullable=True),
        sa.Column("case_id", sa.Uuid(), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["by_id"], ["citizen.id"], name=op.f("fk_consent_by_id")),
        sa.ForeignKeyConstraint(["citizen_id"], ["citizen.id"], name=op.f("fk_consent_citizen_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
    )
    op.create_index(
        "ix_consent_by_id", "consent", ["by_id"], unique=False, postgresql_where=sa.text("by_id IS NOT NULL")
    )
    op.create_index(op.f("ix_consent_citizen_id"), "consent", ["citizen_id"], unique=False)
    op.create_table(
        "draft",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("citizen_id", sa.Uuid(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("item_version", sa.Integer(), nullable=False),
        sa.Column("door", sa.Text(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("done", sa.LargeBinary(), nullable=False),
        sa.Column("answers", sa.LargeBinary(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("typed", sa.LargeBinary(), nullable=True),
        sa.Column("shapes", sa.LargeBinary(), nullable=True),
        sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("case_id", sa.Uuid(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["citizen_id"], ["citizen.id"], name=op.f("fk_draft_citizen_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_draft")),
    )
    op.create_index(
        "ix_draft_waiting",
        "draft",
        ["saved_at"],
        unique=False,
        postgresql_where=sa.text("ended_at IS NULL AND reminded_at IS NULL"),
    )
    op.create_index(
        "uq_draft_open", "draft", ["citizen_id", "item"], unique=True, postgresql_where=sa.text("ended_at IS NULL")
    )
    op.create_table(
        "household",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("head_id", sa.Uuid(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("address", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["head_id"], ["citizen.id"], name=op.f("fk_household_head_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_household")),
    )
    op.create_index(op.f("ix_household_head_id"), "household", ["head_id"], unique=False)
    op.create_table(
        "notice",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("citizen_id", sa.Uuid(), nullable=True),
        sa.Column("case_id", sa.Uuid(), nullable=True),
        sa.Column("about", sa.Uuid(), nullable=True),
        sa.Column("values", sa.LargeBinary(), nullable=False),
        sa.Column("text", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("requeued_as", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "state IN ('pending', 'sending', 'uncertain', 'sent', 'delivered', 'failed', 'expired', 'cancelled')",
            name=op.f("ck_notice_state"),
        ),
        sa.ForeignKeyConstraint(["citizen_id"], ["citizen.id"], name=op.f("fk_notice_citizen_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
    )
    op.create_index(op.f("ix_notice_case_id"), "notice", ["case_id"], unique=False)
    op.create_index(op.f("ix_notice_citizen_id_at"), "notice", ["citizen_id", "at"], unique=False)
    op.create_index(
        "uq_notice_kind_about", "notice", ["kind", "about"], unique=True, postgresql_where=sa.text("about IS NOT NULL")
    )
    op.create_table(
        "office_day",
        sa.Column("office_code", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("spans", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["office_code"], ["office.code"], name=op.f("fk_office_day_office_code")),
        sa.PrimaryKeyConstraint("office_code", "day", name=op.f("pk_office_day")),
    )
    op.create_table(
        "office_hours",
        sa.Column("office_code", sa.Text(), nullable=False),
        sa.Column("weekday", sa.Integer(), nullable=False),
        sa.Column("spans", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.CheckConstraint("weekday BETWEEN 0 AND 6", name=op.f("ck_office_hours_weekday")),
        sa.ForeignKeyConstraint(["office_code"], ["office.code"], name=op.f("fk_office_hours_office_code")),
        sa.PrimaryKeyConstraint("office_code", "weekday", name=op.f("pk_office_hours")),
    )
    op.create_table(
        "organisation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("credit_code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("head_id", sa.Uuid(), nullable=False),
        sa.Column("bound_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["head_id"], ["citizen.id"], name=op.f("fk_organisation_head_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisation")),
        sa.UniqueConstraint("credit_code", name=op.f("uq_organisation_credit_code")),
    )
    op.create_index(op.f("ix_organisation_head_id"), "organisation", ["head_id"], unique=False)
    op.create_table(
        "parcel_event",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("parcel_id", sa.Uuid(), nullable=False),
        sa.Column("op_code", sa.Text(), nullable=False),
        sa.Column("op_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deliver_code", sa.Text(), nullable=True),
        sa.Column("attempt_code", sa.Text(), nullable=True),
        sa.Column("description", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["parcel_id"], ["parcel.id"], name=op.f("fk_parcel_event_parcel_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parcel_event")),
    )
    op.create_index(
        "ix_parcel_event_unclear",
        "parcel_event",
        ["parcel_id", "received_at"],
        unique=False,
        postgresql_where=sa.text(
            "op_code = '704' AND deliver_code IS NULL OR op_code = '705' AND attempt_code IS NULL"
        ),
    )
    op.create_index("uq_parcel_event", "parcel_event", ["parcel_id", "op_code", "op_time"], unique=True)
    op.create_table(
        "register_answer",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("citizen_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("our_ref", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fresh_until", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("outcome IN ('found', 'none', 'unavailable')", name=op.f("ck_register_answer_outcome")),
        sa.ForeignKeyConstraint(["citizen_id"], ["citizen.id"], name=op.f("fk_register_answer_citizen_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_register_answer")),
    )
    op.create_index(
        op.f("ix_register_answer_citizen_id_source_topic_at"),
        "register_answer",
        ["citizen_id", "source", "topic", "at"],
        unique=False,
    )
    op.create_table(
        "residence_permit",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("citizen_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("card_number", sa.LargeBinary(), nullable=True),
        sa.Column("card_lookup", sa.LargeBinary(), nullable=True),
        sa.Column("card_lost_on", sa.Date(), nullable=True),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("counted_from", sa.Date(), nullable=False),
        sa.Column("endorsed_until", sa.Date(), nullable=False),
        sa.Column("issued_by", sa.Text(), nullable=False),
        sa.Column("district", sa.Text(), nullable=False),
        sa.Column("ground", sa.Text(), nullable=False),
        sa.Column("address", sa.LargeBinary(), nullable=False),
        sa.Column("checked_on", sa.Date(), nullable=False),
        sa.Column("remind_on", sa.Date(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("ended_reason", sa.Text(), nullable=True),
        sa.Column("ended_on", sa.Date(), nullable=True),
        sa.Column("province_number", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(state = 'ended') = (ended_on IS NOT NULL AND ended_reason IS NOT NULL) AND (ended_reason IS NULL OR ended_reason IN ('hukou_moved', 'death', 'new_permit'))",
            name=op.f("ck_residence_permit_ended"),
        ),
        sa.CheckConstraint("state IN ('approved', 'current', 'ended')", name=op.f("ck_residence_permit_state")),
        sa.CheckConstraint("endorsed_until > counted_from", name=op.f("ck_residence_permit_years")),
        sa.ForeignKeyConstraint(["citizen_id"], ["citizen.id"], name=op.f("fk_residence_permit_citizen_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_residence_permit")),
        sa.UniqueConstraint("card_lookup", name=op.f("uq_residence_permit_card_lookup")),
        sa.UniqueConstraint("case_id", name=op.f("uq_residence_permit_case_id")),
    )
    op.create_index(
        "ix_residence_permit_checked",
        "residence_permit",
        ["checked_on", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'current'"),
    )
    op.create_index(op.f("ix_residence_permit_citizen_id"), "residence_permit", ["citizen_id"], unique=False)
    op.create_index(
        "ix_residence_permit_remind",
        "residence_permit",
        ["remind_on", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'current'"),
    )
    op.create_index(
        "uq_residence_permit_current",
        "residence_permit",
        ["citizen_id"],
        unique=True,
        postgresql_where=sa.text("state <> 'ended'"),
    )
    op.create_table(
        "residence_registration",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("citizen_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("address_code", sa.Text(), nullable=False),
        sa.Column("address", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("confirmed_by", sa.Text(), server_default="register", nullable=False),
        sa.Column("office_code", sa.Text(), nullable=False),
        sa.Column("district", sa.Text(), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("province_number", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "confirmed_by IN ('register', 'officer', 'open', 'not_found')",
            name=op.f("ck_residence_registration_confirmed_by"),
        ),
        sa.CheckConstraint("until IS NULL OR until >= since", name=op.f("ck_residence_registration_order")),
        sa.ForeignKeyConstraint(["citizen_id"], ["citizen.id"], name=op.f("fk_residence_registration_citizen_id")),
        sa.ForeignKeyConstraint(["office_code"], ["office.code"], name=op.f("fk_residence_registration_office_code")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_residence_registration")),
        sa.UniqueConstraint("number", name=op.f("uq_residence_registration_number")),
    )
    op.create_index(
        op.f("ix_residence_registration_citizen_id"), "residence_registration", ["citizen_id"], unique=False
    )
    op.create_index(
        op.f("ix_residence_registration_office_code"), "residence_registration", ["office_code"], unique=False
    )
    op.create_index(
        "uq_residence_registration_current",
        "residence_registration",
        ["citizen_id"],
        unique=True,
        postgresql_where=sa.text("until IS NULL"),
    )
    op.create_table(
        "staff",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.Column("standing", sa.Text(), nullable=False),
        sa.Column("under_id", sa.Uuid(), nullable=True),
        sa.Column("office_code", sa.Text(), nullable=False),
        sa.Column("must_change_password", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("password_changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("id_lookup", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint(
            "standing <> 'auxiliary' OR under_id IS NOT NULL", name=op.f("ck_staff_auxiliary_under_officer")
        ),
        sa.CheckConstraint("standing IN ('officer', 'auxiliary', 'civilian')", name=op.f("ck_staff_standing")),
        sa.ForeignKeyConstraint(["office_code"], ["office.code"], name=op.f("fk_staff_office_code")),
        sa.ForeignKeyConstraint(["under_id"], ["staff.id"], name=op.f("fk_staff_under_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff")),
        sa.UniqueConstraint("login", name=op.f("uq_staff_login")),
    )
    op.create_index(op.f("ix_staff_office_code"), "staff", ["office_code"], unique=False)
    op.create_table(
        "data_request",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("citizen_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("words", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_by", sa.Uuid(), nullable=True),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("(answered_at IS NULL) = (answer IS NULL)", name=op.f("ck_data_request_answered")),
        sa.CheckConstraint("kind IN ('correction', 'deletion')", name=op.f("ck_data_request_kind")),
        sa.ForeignKeyConstraint(["answered_by"], ["staff.id"], name=op.f("fk_data_request_answered_by")),
        sa.ForeignKeyConstraint(["citizen_id"], ["citizen.id"], name=op.f("fk_data_request_citizen_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_request")),
    )
    op.create_index(op.f("ix_data_request_citizen_id"), "data_request", ["citizen_id"], unique=False)
    op.create_index(
        "ix_data_request_due",
        "data_request",
        ["due", "id"],
        unique=False,
        postgresql_where=sa.text("answered_at IS NULL"),
    )
    op.create_index(
        "uq_data_request_open",
        "data_request",
        ["citizen_id", "kind"],
        unique=True,
        postgresql_where=sa.text("answered_at IS NULL"),
    )
    op.create_table(
        "telling_choice",
        sa.Column("citizen_id", sa.Uuid(), nullable=False),
        sa.Column("first", sa.Text(), nullable=False),
        sa.Column("less", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("first IN ('wechat', 'sms', 'call')", name=op.f("ck_telling_choice_first")),
        sa.ForeignKeyConstraint(["citizen_id"], ["citizen.id"], name=op.f("fk_telling_choice_citizen_id")),
        sa.PrimaryKeyConstraint("citizen_id", name=op.f("pk_telling_choice")),
    )
    op.create_table(
        "wechat_binding",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("openid", sa.Text(), nullable=False),
        sa.Column("citizen_id", sa.Uuid(), nullable=False),
        sa.Column("bound_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["citizen_id"], ["citizen.id"], name=op.f("fk_wechat_binding_citizen_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wechat_binding")),
    )
    op.create_index(
        "uq_wechat_binding_citizen_current",
        "wechat_binding",
        ["citizen_id"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "uq_wechat_binding_openid_current",
        "wechat_binding",
        ["openid"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "admin_act",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=True),
        sa.Column("office_code", sa.Text(), nullable=True),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("before", sa.LargeBinary(), nullable=False),
        sa.Column("after", sa.LargeBinary(), nullable=False),
        sa.Column("mark", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_admin_act_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_admin_act")),
    )
    op.create_index(op.f("ix_admin_act_target_id"), "admin_act", ["target", "id"], unique=False)
    op.create_table(
        "api_key",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("per_minute", sa.Integer(), nullable=False),
        sa.Column("asked_by", sa.Uuid(), nullable=False),
        sa.Column("approved_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("approved_by IS NULL OR approved_by <> asked_by", name=op.f("ck_api_key_four_eyes")),
        sa.CheckConstraint("per_minute > 0", name=op.f("ck_api_key_per_minute")),
        sa.ForeignKeyConstraint(["approved_by"], ["staff.id"], name=op.f("fk_api_key_approved_by")),
        sa.ForeignKeyConstraint(["asked_by"], ["staff.id"], name=op.f("fk_api_key_asked_by")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_api_key_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("token", name=op.f("uq_api_key_token")),
    )
    op.create_index(op.f("ix_api_key_staff_id"), "api_key", ["staff_id"], unique=False)
    op.create_table(
        "case",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("district", sa.Text(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("item_version", sa.Integer(), nullable=False),
        sa.Column("citizen_id", sa.Uuid(), nullable=False),
        sa.Column("door", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("office_code", sa.Text(), nullable=False),
        sa.Column("desk_code", sa.Text(), nullable=True),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("answers", sa.LargeBinary(), nullable=False),
        sa.Column("results", sa.LargeBinary(), nullable=False),
        sa.Column("claimed_by", sa.Uuid(), nullable=True),
        sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("first_answer_due", sa.DateTime(timezone=True), nullable=True),
        sa.Column("first_answer_met_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("statutory_due", sa.DateTime(timezone=True), nullable=True),
        sa.Column("promised_due", sa.DateTime(timezone=True), nullable=True),
        sa.Column("result_met_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_provisional", sa.Boolean(), nullable=False),
        sa.Column("next_due", sa.DateTime(timezone=True), nullable=True),
        sa.Column("visits", sa.Integer(), nullable=False),
        sa.Column("head", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("version >= 1", name=op.f("ck_case_version")),
        sa.CheckConstraint("visits >= 0", name=op.f("ck_case_visits")),
        sa.ForeignKeyConstraint(["citizen_id"], ["citizen.id"], name=op.f("fk_case_citizen_id")),
        sa.ForeignKeyConstraint(["claimed_by"], ["staff.id"], name=op.f("fk_case_claimed_by")),
        sa.ForeignKeyConstraint(["desk_code"], ["office.code"], name=op.f("fk_case_desk_code")),
        sa.ForeignKeyConstraint(["office_code"], ["office.code"], name=op.f("fk_case_office_code")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case")),
        sa.UniqueConstraint("number", name=op.f("uq_case_number")),
    )
    op.create_index("ix_case_citizen_id_submitted_at", "case", ["citizen_id", "submitted_at"], unique=False)
    op.create_index(
        "ix_case_claimed",
        "case",
        ["claimed_by", "next_due", "id"],
        unique=False,
        postgresql_where=sa.text("claimed_by IS NOT NULL"),
    )
    op.create_index(
        "ix_case_desk_open",
        "case",
        ["desk_code", "next_due", "id"],
        unique=False,
        postgresql_where=sa.text("desk_code IS NOT NULL"),
    )
    op.create_index(
        "ix_case_office_code_ended_at",
        "case",
        ["office_code", "ended_at", "id"],
        unique=False,
        postgresql_where=sa.text("ended_at IS NOT NULL"),
    )
    op.create_index("ix_case_office_code_state", "case", ["office_code", "state", "submitted_at", "id"], unique=False)
    op.create_index("ix_case_office_code_submitted_at", "case", ["office_code", "submitted_at", "id"], unique=False)
    op.create_index(
        "ix_case_refused",
        "case",
        ["office_code", "ended_at", "id"],
        unique=False,
        postgresql_where=sa.text("state IN ('declined', 'refused', 'revoked')"),
    )
    op.create_index(
        "ix_case_visited",
        "case",
        ["office_code", "ended_at", "id"],
        unique=False,
        postgresql_where=sa.text("ended_at IS NOT NULL AND visits > 0"),
    )
    op.create_index(
        "uq_case_open_per_person",
        "case",
        ["citizen_id", "item"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "credential_request",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Uuid(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(state = 'open') = (decided_by IS NULL)", name=op.f("ck_credential_request_decided")),
        sa.CheckConstraint("state IN ('open', 'approved', 'rejected')", name=op.f("ck_credential_request_state")),
        sa.CheckConstraint("what IN ('password', 'second_factor')", name=op.f("ck_credential_request_what")),
        sa.CheckConstraint(
            "decided_by IS NULL OR decided_by NOT IN (asked_by, staff_id)", name=op.f("ck_credential_request_four_eyes")
        ),
        sa.ForeignKeyConstraint(["asked_by"], ["staff.id"], name=op.f("fk_credential_request_asked_by")),
        sa.ForeignKeyConstraint(["decided_by"], ["staff.id"], name=op.f("fk_credential_request_decided_by")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_credential_request_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credential_request")),
    )
    op.create_index(
        "uq_credential_request_open",
        "credential_request",
        ["staff_id", "what"],
        unique=True,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "delivery",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("notice_id", sa.Uuid(), nullable=True),
        sa.Column("parcel_id", sa.Uuid(), nullable=True),
        sa.Column("about", sa.Uuid(), nullable=True),
        sa.Column("person", sa.Uuid(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("must_be_known", sa.Boolean(), nullable=False),
        sa.Column("by_day", sa.Boolean(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("pass_on_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease", sa.Uuid(), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("checks", sa.Integer(), nullable=False),
        sa.Column("partner_ref", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("words", sa.LargeBinary(), nullable=True),
        sa.Column("requeued_as", sa.Uuid(), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('pending', 'sending', 'uncertain', 'sent', 'delivered', 'failed', 'expired', 'cancelled')",
            name=op.f("ck_delivery_state"),
        ),
        sa.CheckConstraint("attempts >= 0 AND checks >= 0", name=op.f("ck_delivery_counts")),
        sa.ForeignKeyConstraint(["notice_id"], ["notice.id"], name=op.f("fk_delivery_notice_id")),
        sa.ForeignKeyConstraint(["parcel_id"], ["parcel.id"], name=op.f("fk_delivery_parcel_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
    )
    op.create_index(
        "ix_delivery_about", "delivery", ["about", "id"], unique=False, postgresql_where=sa.text("about IS NOT NULL")
    )
    op.create_index(
        "ix_delivery_by_day",
        "delivery",
        ["channel"],
        unique=False,
        postgresql_where=sa.text("by_day AND state = 'pending'"),
    )
    op.create_index(
        "ix_delivery_by_hand",
        "delivery",
        ["channel", "id"],
        unique=False,
        postgresql_where=sa.text("channel IN ('call', 'visit') AND state = 'pending'"),
    )
    op.create_index(
        "ix_delivery_dead",
        "delivery",
        ["channel", "id"],
        unique=False,
        postgresql_where=sa.text("state IN ('failed', 'expired') AND requeued_as IS NULL"),
    )
    op.create_index(
        "ix_delivery_doubtful",
        "delivery",
        ["id"],
        unique=False,
        postgresql_where=sa.text("state = 'uncertain' AND due_at IS NULL"),
    )
    op.create_index(
        "ix_delivery_due",
        "delivery",
        ["channel", "state", "due_at"],
        unique=False,
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index(
        "ix_delivery_expires",
        "delivery",
        ["channel", "expires_at"],
        unique=False,
        postgresql_where=sa.text("state = 'pending' AND expires_at IS NOT NULL"),
    )
    op.create_index(op.f("ix_delivery_notice_id"), "delivery", ["notice_id"], unique=False)
    op.create_index(op.f("ix_delivery_parcel_id"), "delivery", ["parcel_id"], unique=False)
    op.create_index(op.f("ix_delivery_partner_ref"), "delivery", ["partner_ref"], unique=False)
    op.create_index(
        "ix_delivery_pass_on_at",
        "delivery",
        ["pass_on_at"],
        unique=False,
        postgresql_where=sa.text("pass_on_at IS NOT NULL"),
    )
    op.create_index(
        "ix_delivery_person_open",
        "delivery",
        ["person", "channel", "id"],
        unique=False,
        postgresql_where=sa.text("person IS NOT NULL AND state IN ('pending', 'sending', 'uncertain', 'sent')"),
    )
    op.create_index("uq_delivery_notice_id_channel", "delivery", ["notice_id", "channel"], unique=True)
    op.create_index(
        "uq_delivery_success",
        "delivery",
        ["notice_id"],
        unique=True,
        postgresql_where=sa.text("state = 'delivered' AND notice_id IS NOT NULL"),
    )
    op.create_table(
        "deputy",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("office_code", sa.Text(), nullable=False),
        sa.Column("absent_id", sa.Uuid(), nullable=False),
        sa.Column("deputy_id", sa.Uuid(), nullable=False),
        sa.Column("from_day", sa.Date(), nullable=False),
        sa.Column("until_day", sa.Date(), nullable=False),
        sa.Column("named_by", sa.Uuid(), nullable=False),
        sa.Column("named_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint("(ended_at IS NULL) = (ended_by IS NULL)", name=op.f("ck_deputy_ended")),
        sa.CheckConstraint("absent_id <> deputy_id", name=op.f("ck_deputy_another")),
        sa.CheckConstraint("from_day <= until_day", name=op.f("ck_deputy_days")),
        sa.CheckConstraint("named_by <> deputy_id", name=op.f("ck_deputy_not_oneself")),
        sa.ForeignKeyConstraint(["absent_id"], ["staff.id"], name=op.f("fk_deputy_absent_id")),
        sa.ForeignKeyConstraint(["deputy_id"], ["staff.id"], name=op.f("fk_deputy_deputy_id")),
        sa.ForeignKeyConstraint(["ended_by"], ["staff.id"], name=op.f("fk_deputy_ended_by")),
        sa.ForeignKeyConstraint(["named_by"], ["staff.id"], name=op.f("fk_deputy_named_by")),
        sa.ForeignKeyConstraint(["office_code"], ["office.code"], name=op.f("fk_deputy_office_code")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deputy")),
    )
    op.create_index(op.f("ix_deputy_deputy_id"), "deputy", ["deputy_id"], unique=False)
    op.create_index(op.f("ix_deputy_office_code"), "deputy", ["office_code"], unique=False)
    op.create_table(
        "export_job",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("office_code", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("reason", sa.LargeBinary(), nullable=False),
        sa.Column("offices", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("figures_of", sa.Text(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("lease", sa.Uuid(), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(state = 'ready') = (expires_at IS NOT NULL)", name=op.f("ck_export_job_expires")),
        sa.CheckConstraint(
            "state IN ('waiting', 'running', 'ready', 'failed', 'gone')", name=op.f("ck_export_job_state")
        ),
        sa.ForeignKeyConstraint(["office_code"], ["office.code"], name=op.f("fk_export_job_office_code")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_export_job_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_export_job")),
    )
    op.create_index(
        "ix_export_job_due",
        "export_job",
        ["due_at", "id"],
        unique=False,
        postgresql_where=sa.text("state IN ('waiting', 'running')"),
    )
    op.create_index(
        "ix_export_job_expires_at",
        "export_job",
        ["expires_at"],
        unique=False,
        postgresql_where=sa.text("state = 'ready'"),
    )
    op.create_index("ix_export_job_staff_id_at", "export_job", ["staff_id", "at"], unique=False)
    op.create_table(
        "household_member",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("household_id", sa.Uuid(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("relation", sa.Text(), nullable=False),
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.Column("id_number", sa.LargeBinary(), nullable=False),
        sa.Column("id_lookup", sa.LargeBinary(), nullable=False),
        sa.Column("citizen_id", sa.Uuid(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("until_day", sa.Date(), nullable=True),
        sa.Column("draft_id", sa.Uuid(), nullable=True),
        sa.Column("case_id", sa.Uuid(), nullable=True),
        sa.Column("trouble", sa.LargeBinary(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "relation IN ('self', 'spouse', 'child', 'parent', 'other')", name=op.f("ck_household_member_relation")
        ),
        sa.CheckConstraint("state = 'going' OR until_day IS NOT NULL", name=op.f("ck_household_member_until")),
        sa.CheckConstraint("state IN ('going', 'invited', 'declined')", name=op.f("ck_household_member_state")),
        sa.ForeignKeyConstraint(["citizen_id"], ["citizen.id"], name=op.f("fk_household_member_citizen_id")),
        sa.ForeignKeyConstraint(["household_id"], ["household.id"], name=op.f("fk_household_member_household_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_household_member")),
    )
    op.create_index(op.f("ix_household_member_citizen_id"), "household_member", ["citizen_id"], unique=False)
    op.create_index(
        "ix_household_member_invited",
        "household_member",
        ["id_lookup"],
        unique=False,
        postgresql_where=sa.text("state = 'invited'"),
    )
    op.create_index(
        "uq_household_member_household_id_id_lookup", "household_member", ["household_id", "id_lookup"], unique=True
    )
    op.create_table(
        "look",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("office_code", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("citizen_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=True),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("reason", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["citizen_id"], ["citizen.id"], name=op.f("fk_look_citizen_id")),
        sa.ForeignKeyConstraint(["office_code"], ["office.code"], name=op.f("fk_look_office_code")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_look_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_look")),
    )
    op.create_index("ix_look_citizen_id_at", "look", ["citizen_id", "at", "id"], unique=False)
    op.create_index("ix_look_citizen_id_case_id_at", "look", ["citizen_id", "case_id", "at", "id"], unique=False)
    op.create_index(op.f("ix_look_staff_id"), "look", ["staff_id"], unique=False)
    op.create_table(
        "organisation_person",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("citizen_id", sa.Uuid(), nullable=False),
        sa.Column("named_by", sa.Uuid(), nullable=False),
        sa.Column("named_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("matters", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("until_day", sa.Date(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("cardinality(matters) > 0", name=op.f("ck_organisation_person_matters")),
        sa.ForeignKeyConstraint(["citizen_id"], ["citizen.id"], name=op.f("fk_organisation_person_citizen_id")),
        sa.ForeignKeyConstraint(["named_by"], ["citizen.id"], name=op.f("fk_organisation_person_named_by")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_organisation_person_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisation_person")),
    )
    op.create_index(op.f("ix_organisation_person_citizen_id"), "organisation_person", ["citizen_id"], unique=False)
    op.create_index(
        "uq_organisation_person_running",
        "organisation_person",
        ["organisation_id", "citizen_id"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "parameter_change",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.Column("from_day", sa.Date(), nullable=False),
        sa.Column("asked_by", sa.Uuid(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(state = 'open') = (decided_by IS NULL)", name=op.f("ck_parameter_change_decided")),
        sa.CheckConstraint("state IN ('open', 'approved', 'rejected')", name=op.f("ck_parameter_change_state")),
        sa.CheckConstraint("decided_by IS NULL OR decided_by <> asked_by", name=op.f("ck_parameter_change_four_eyes")),
        sa.ForeignKeyConstraint(["asked_by"], ["staff.id"], name=op.f("fk_parameter_change_asked_by")),
        sa.ForeignKeyConstraint(["decided_by"], ["staff.id"], name=op.f("fk_parameter_change_decided_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parameter_change")),
    )
    op.create_index(
        "uq_parameter_change_open",
        "parameter_change",
        ["name"],
        unique=True,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "recovery_code",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_recovery_code_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_code")),
    )
    op.create_index("uq_recovery_code_staff_id_code_hash", "recovery_code", ["staff_id", "code_hash"], unique=True)
    op.create_table(
        "role_grant",
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_role_grant_staff_id")),
        sa.PrimaryKeyConstraint("staff_id", "role", name=op.f("pk_role_grant")),
    )
    op.create_table(
        "role_request",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("grant", sa.Boolean(), nullable=False),
        sa.Column("asked_by", sa.Uuid(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(state = 'open') = (decided_by IS NULL)", name=op.f("ck_role_request_decided")),
        sa.CheckConstraint("state IN ('open', 'approved', 'rejected')", name=op.f("ck_role_request_state")),
        sa.CheckConstraint(
            "decided_by IS NULL OR decided_by NOT IN (asked_by, staff_id)", name=op.f("ck_role_request_four_eyes")
        ),
        sa.ForeignKeyConstraint(["asked_by"], ["staff.id"], name=op.f("fk_role_request_asked_by")),
        sa.ForeignKeyConstraint(["decided_by"], ["staff.id"], name=op.f("fk_role_request_decided_by")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_role_request_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role_request")),
    )
    op.create_index(
        "uq_role_request_open",
        "role_request",
        ["staff_id", "role"],
        unique=True,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "second_factor",
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_step", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_second_factor_staff_id")),
        sa.PrimaryKeyConstraint("staff_id", name=op.f("pk_second_factor")),
    )
    op.create_table(
        "session",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("citizen_id", sa.Uuid(), nullable=True),
        sa.Column("staff_id", sa.Uuid(), nullable=True),
        sa.Column("openid", sa.Text(), nullable=True),
        sa.Column("phone", sa.LargeBinary(), nullable=True),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("factor_pending", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(kind = 'staff') = (staff_id IS NOT NULL)", name=op.f("ck_session_staff")),
        sa.CheckConstraint("kind IN ('citizen', 'staff')", name=op.f("ck_session_kind")),
        sa.ForeignKeyConstraint(["citizen_id"], ["citizen.id"], name=op.f("fk_session_citizen_id")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_session_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_session")),
        sa.UniqueConstraint("token", name=op.f("uq_session_token")),
    )
    op.create_index(op.f("ix_session_citizen_id"), "session", ["citizen_id"], unique=False)
    op.create_index(op.f("ix_session_expires_at"), "session", ["expires_at"], unique=False)
    op.create_index(op.f("ix_session_staff_id"), "session", ["staff_id"], unique=False)
    op.create_table(
        "staff_relation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("id_number", sa.LargeBinary(), nullable=False),
        sa.Column("id_lookup", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.LargeBinary(), nullable=False),
        sa.Column("declared_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_staff_relation_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_relation")),
    )
    op.create_index(
        "uq_staff_relation_current",
        "staff_relation",
        ["staff_id", "id_lookup"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "upload",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("citizen_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=True),
        sa.Column("storage_key", sa.Text(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("thumbnail_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "octet_length(sha256) = 32 AND octet_length(thumbnail_sha256) = 32", name=op.f("ck_upload_sha256")
        ),
        sa.CheckConstraint("width > 0 AND height > 0 AND size > 0", name=op.f("ck_upload_size")),
        sa.ForeignKeyConstraint(["citizen_id"], ["citizen.id"], name=op.f("fk_upload_citizen_id")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_upload_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_upload")),
        sa.UniqueConstraint("storage_key", name=op.f("uq_upload_storage_key")),
    )
    op.create_index("ix_upload_at", "upload", ["at", "id"], unique=False)
    op.create_index("ix_upload_citizen_id_at", "upload", ["citizen_id", "at"], unique=False)
    op.create_index(
        "ix_upload_staff_id", "upload", ["staff_id"], unique=False, postgresql_where=sa.text("staff_id IS NOT NULL")
    )
    op.create_table(
        "visit",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("citizen_id", sa.Uuid(), nullable=False),
        sa.Column("office_code", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("known_by", sa.Text(), nullable=False),
        sa.Column("noted_by", sa.Uuid(), nullable=True),
        sa.Column("card_seen_by", sa.Uuid(), nullable=True),
        sa.Column("card_seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("known_by IN ('case', 'id_number', 'step', 'home')", name=op.f("ck_visit_known_by")),
        sa.CheckConstraint("(card_seen_by IS NULL) = (card_seen_at IS NULL)", name=op.f("ck_visit_card_seen")),
        sa.ForeignKeyConstraint(["card_seen_by"], ["staff.id"], name=op.f("fk_visit_card_seen_by")),
        sa.ForeignKeyConstraint(["citizen_id"], ["citizen.id"], name=op.f("fk_visit_citizen_id")),
        sa.ForeignKeyConstraint(["noted_by"], ["staff.id"], name=op.f("fk_visit_noted_by")),
        sa.ForeignKeyConstraint(["office_code"], ["office.code"], name=op.f("fk_visit_office_code")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_visit")),
    )
    op.create_index("ix_visit_citizen_id_at", "visit", ["citizen_id", "at"], unique=False)
    op.create_table(
        "worker_report",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("office_code", sa.Text(), nullable=False),
        sa.Column("reported_by", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.Column("id_number", sa.LargeBinary(), nullable=False),
        sa.Column("id_lookup", sa.LargeBinary(), nullable=False),
        sa.Column("phone", sa.LargeBinary(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('joined', 'left')", name=op.f("ck_worker_report_kind")),
        sa.ForeignKeyConstraint(["office_code"], ["office.code"], name=op.f("fk_worker_report_office_code")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_worker_report_organisation_id")
        ),
        sa.ForeignKeyConstraint(["reported_by"], ["citizen.id"], name=op.f("fk_worker_report_reported_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_worker_report")),
    )
    op.create_index("ix_worker_report_office_code_at", "worker_report", ["office_code", "at", "id"], unique=False)
    op.create_index(
        "uq_worker_report_same", "worker_report", ["organisation_id", "id_lookup", "kind", "day"], unique=True
    )
    op.create_table(
        "binding_request",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("openid", sa.Text(), nullable=True),
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.Column("id_number", sa.LargeBinary(), nullable=False),
        sa.Column("phone", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("counter_code", sa.LargeBinary(), nullable=True),
        sa.Column("counter_lookup", sa.LargeBinary(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("face_agreed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("guardian_code", sa.LargeBinary(), nullable=True),
        sa.Column("guardian_lookup", sa.LargeBinary(), nullable=True),
        sa.Column("guardian_id", sa.Uuid(), nullable=True),
        sa.Column("guardian_relation", sa.Text(), nullable=True),
        sa.Column("guardian_agreed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("guardian_face", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("citizen_id", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('guardian', 'face', 'counter', 'done', 'refused')", name=op.f("ck_binding_request_state")
        ),
        sa.ForeignKeyConstraint(["citizen_id"], ["citizen.id"], name=op.f("fk_binding_request_citizen_id")),
        sa.ForeignKeyConstraint(["guardian_id"], ["citizen.id"], name=op.f("fk_binding_request_guardian_id")),
        sa.ForeignKeyConstraint(
            ["session_id"], ["session.id"], name=op.f("fk_binding_request_session_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_binding_request")),
    )
    op.create_index(op.f("ix_binding_request_counter_lookup"), "binding_request", ["counter_lookup"], unique=False)
    op.create_index(op.f("ix_binding_request_expires_at"), "binding_request", ["expires_at"], unique=False)
    op.create_index(op.f("ix_binding_request_guardian_lookup"), "binding_request", ["guardian_lookup"], unique=False)
    op.create_index(op.f("ix_binding_request_session_id"), "binding_request", ["session_id"], unique=False)
    op.create_table(
        "case_event",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("actor_office", sa.Text(), nullable=True),
        sa.Column("actor_role", sa.Text(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("from_state", sa.Text(), nullable=True),
        sa.Column("to_state", sa.Text(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("mark", sa.LargeBinary(), nullable=False),
        sa.Column("seal_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("actor_kind IN ('citizen', 'staff', 'system')", name=op.f("ck_case_event_actor_kind")),
        sa.CheckConstraint("seq >= 1", name=op.f("ck_case_event_seq")),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_case_event_case_id")),
        sa.ForeignKeyConstraint(["seal_id"], ["seal.id"], name=op.f("fk_case_event_seal_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_event")),
    )
    op.create_index(
        "ix_case_event_unsealed", "case_event", ["id"], unique=False, postgresql_where=sa.text("seal_id IS NULL")
    )
    op.create_index("uq_case_event_case_id_seq", "case_event", ["case_id", "seq"], unique=True)
    op.create_table(
        "correction",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.Uuid(), nullable=False),
        sa.Column("items", sa.LargeBinary(), nullable=False),
        sa.Column("new_because", sa.LargeBinary(), nullable=True),
        sa.Column("typed", sa.LargeBinary(), nullable=True),
        sa.Column("due", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_provisional", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reached_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('open', 'answered', 'lapsed', 'dropped')", name=op.f("ck_correction_state")),
        sa.ForeignKeyConstraint(["asked_by"], ["staff.id"], name=op.f("fk_correction_asked_by")),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_correction_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_correction")),
    )
    op.create_index("ix_correction_asked_at", "correction", ["asked_at", "id"], unique=False)
    op.create_index(op.f("ix_correction_case_id"), "correction", ["case_id"], unique=False)
    op.create_index(
        "ix_correction_due",
        "correction",
        ["due"],
        unique=False,
        postgresql_where=sa.text("state = 'open' AND reached_at IS NOT NULL"),
    )
    op.create_index(
        "uq_correction_open", "correction", ["case_id"], unique=True, postgresql_where=sa.text("state = 'open'")
    )
    op.create_table(
        "document",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("mark", sa.LargeBinary(), nullable=False),
        sa.Column("issued_by", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_document_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document")),
        sa.UniqueConstraint("number", name=op.f("uq_document_number")),
    )
    op.create_index(op.f("ix_document_case_id"), "document", ["case_id"], unique=False)
    op.create_table(
        "escalation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("office_code", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("due", sa.DateTime(timezone=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seen_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint("kind IN ('today', 'late')", name=op.f("ck_escalation_kind")),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_escalation_case_id")),
        sa.ForeignKeyConstraint(["office_code"], ["office.code"], name=op.f("fk_escalation_office_code")),
        sa.ForeignKeyConstraint(["seen_by"], ["staff.id"], name=op.f("fk_escalation_seen_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_escalation")),
    )
    op.create_index(
        "ix_escalation_unseen",
        "escalation",
        ["office_code", "due", "id"],
        unique=False,
        postgresql_where=sa.text("seen_at IS NULL"),
    )
    op.create_index("uq_escalation_case_id_kind_due", "escalation", ["case_id", "kind", "due"], unique=True)
    op.create_table(
        "export_piece",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("export_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["export_id"], ["export_job.id"], name=op.f("fk_export_piece_export_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_export_piece")),
    )
    op.create_index("uq_export_piece_export_id_number", "export_piece", ["export_id", "number"], unique=True)
    op.create_table(
        "material",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("upload_id", sa.Uuid(), nullable=False),
        sa.Column("draft_id", sa.Uuid(), nullable=True),
        sa.Column("case_id", sa.Uuid(), nullable=True),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(draft_id IS NULL) <> (case_id IS NULL)", name=op.f("ck_material_one_place")),
        sa.CheckConstraint("position >= 1", name=op.f("ck_material_position")),
        sa.CheckConstraint("replaced_at IS NULL OR case_id IS NOT NULL", name=op.f("ck_material_replaced")),
        sa.ForeignKeyConstraint(["upload_id"], ["upload.id"], name=op.f("fk_material_upload_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_material")),
    )
    op.create_index(op.f("ix_material_upload_id"), "material", ["upload_id"], unique=False)
    op.create_index(
        "uq_material_case_position",
        "material",
        ["case_id", "code", "position"],
        unique=True,
        postgresql_where=sa.text("case_id IS NOT NULL"),
    )
    op.create_index(
        "uq_material_draft_position",
        "material",
        ["draft_id", "code", "position"],
        unique=True,
        postgresql_where=sa.text("draft_id IS NOT NULL"),
    )
    op.create_index(
        "uq_material_draft_upload",
        "material",
        ["draft_id", "code", "upload_id"],
        unique=True,
        postgresql_where=sa.text("draft_id IS NOT NULL"),
    )
    op.create_table(
        "rating",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("office_code", sa.Text(), nullable=False),
        sa.Column("grade", sa.Integer(), nullable=False),
        sa.Column("words", sa.LargeBinary(), nullable=True),
        sa.Column("door", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("grade BETWEEN 1 AND 5", name=op.f("ck_rating_grade")),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_rating_case_id")),
        sa.ForeignKeyConstraint(["office_code"], ["office.code"], name=op.f("fk_rating_office_code")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rating")),
        sa.UniqueConstraint("case_id", name=op.f("uq_rating_case_id")),
    )
    op.create_index("ix_rating_office_code_at", "rating", ["office_code", "at"], unique=False)
    op.create_table(
        "recusal",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("office_code", sa.Text(), nullable=False),
        sa.Column("reason", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_recusal_case_id")),
        sa.ForeignKeyConstraint(["office_code"], ["office.code"], name=op.f("fk_recusal_office_code")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_recusal_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recusal")),
    )
    op.create_index("uq_recusal_case_id_staff_id", "recusal", ["case_id", "staff_id"], unique=True)
    op.create_table(
        "visit_case",
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("by_choice", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_visit_case_case_id")),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_visit_case_visit_id")),
        sa.PrimaryKeyConstraint("visit_id", "case_id", name=op.f("pk_visit_case")),
    )
    op.create_index(op.f("ix_visit_case_case_id"), "visit_case", ["case_id"], unique=False)
    op.create_table(
        "letter",
        sa.Column("parcel_id", sa.Uuid(), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("handed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("handed_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_letter_document_id")),
        sa.ForeignKeyConstraint(["handed_by"], ["staff.id"], name=op.f("fk_letter_handed_by")),
        sa.ForeignKeyConstraint(["parcel_id"], ["parcel.id"], name=op.f("fk_letter_parcel_id")),
        sa.PrimaryKeyConstraint("parcel_id", name=op.f("pk_letter")),
        sa.UniqueConstraint("document_id", name=op.f("uq_letter_document_id")),
    )
    op.create_index(
        "ix_letter_waiting", "letter", ["parcel_id"], unique=False, postgresql_where=sa.text("handed_at IS NULL")
    )
    op.create_table(
        "rectification",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("rating_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("office_code", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_provisional", sa.Boolean(), nullable=False),
        sa.Column("called_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("called_by", sa.Uuid(), nullable=True),
        sa.Column("call_note", sa.LargeBinary(), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_by", sa.Uuid(), nullable=True),
        sa.Column("measures", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("(state = 'done') = (done_at IS NOT NULL)", name=op.f("ck_rectification_done")),
        sa.CheckConstraint("state IN ('open', 'done')", name=op.f("ck_rectification_state")),
        sa.ForeignKeyConstraint(["called_by"], ["staff.id"], name=op.f("fk_rectification_called_by")),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_rectification_case_id")),
        sa.ForeignKeyConstraint(["done_by"], ["staff.id"], name=op.f("fk_rectification_done_by")),
        sa.ForeignKeyConstraint(["office_code"], ["office.code"], name=op.f("fk_rectification_office_code")),
        sa.ForeignKeyConstraint(["rating_id"], ["rating.id"], name=op.f("fk_rectification_rating_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rectification")),
        sa.UniqueConstraint("rating_id", name=op.f("uq_rectification_rating_id")),
    )
    op.create_index(
        "ix_rectification_open",
        "rectification",
        ["office_code", "due"],
        unique=False,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "serving",
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("way", sa.Text(), nullable=False),
        sa.Column("served_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("way IN ('electronic', 'ems')", name=op.f("ck_serving_way")),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_serving_case_id")),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_serving_document_id")),
        sa.PrimaryKeyConstraint("document_id", name=op.f("pk_serving")),
    )
    op.create_index(op.f("ix_serving_case_id"), "serving", ["case_id"], unique=False)
    for statement in FORWARD_ONLY:
        op.execute(statement)


def downgrade() -> None:
    """Remove everything."""
    op.drop_index(op.f("ix_serving_case_id"), table_name="serving")
    op.drop_table("serving")
    op.drop_index("ix_rectification_open", table_name="rectification", postgresql_where=sa.text("state = 'open'"))
    op.drop_table("rectification")
    op.drop_index("ix_letter_waiting", table_name="letter", postgresql_where=sa.text("handed_at IS NULL"))
    op.drop_table("letter")
    op.drop_index(op.f("ix_visit_case_case_id"), table_name="visit_case")
    op.drop_table("visit_case")
    op.drop_index("uq_recusal_case_id_staff_id", table_name="recusal")
    op.drop_table("recusal")
    op.drop_index("ix_rating_office_code_at", table_name="rating")
    op.drop_table("rating")
    op.drop_index("uq_material_draft_upload", table_name="material", postgresql_where=sa.text("draft_id IS NOT NULL"))
    op.drop_index("uq_material_draft_position", table_name="material", postgresql_where=sa.text("draft_id IS NOT NULL"))
    op.drop_index("uq_material_case_position", table_name="material", postgresql_where=sa.text("case_id IS NOT NULL"))
    op.drop_index(op.f("ix_material_upload_id"), table_name="material")
    op.drop_table("material")
    op.drop_index("uq_export_piece_export_id_number", table_name="export_piece")
    op.drop_table("export_piece")
    op.drop_index("uq_escalation_case_id_kind_due", table_name="escalation")
    op.drop_index("ix_escalation_unseen", table_name="escalation", postgresql_where=sa.text("seen_at IS NULL"))
    op.drop_table("escalation")
    op.drop_index(op.f("ix_document_case_id"), table_name="document")
    op.drop_table("document")
    op.drop_index("uq_correction_open", table_name="correction", postgresql_where=sa.text("state = 'open'"))
    op.drop_index(
        "ix_correction_due",
        table_name="correction",
        postgresql_where=sa.text("state = 'open' AND reached_at IS NOT NULL"),
    )
    op.drop_index(op.f("ix_correction_case_id"), table_name="correction")
    op.drop_index("ix_correction_asked_at", table_name="correction")
    op.drop_table("correction")
    op.drop_index("uq_case_event_case_id_seq", table_name="case_event")
    op.drop_index("ix_case_event_unsealed", table_name="case_event", postgresql_where=sa.text("seal_id IS NULL"))
    op.drop_table("case_event")
    op.drop_index(op.f("ix_binding_request_session_id"), table_name="binding_request")
    op.drop_index(op.f("ix_binding_request_guardian_lookup"), table_name="binding_request")
    op.drop_index(op.f("ix_binding_request_expires_at"), table_name="binding_request")
    op.drop_index(op.f("ix_binding_request_counter_lookup"), table_name="binding_request")
    op.drop_table("binding_request")
    op.drop_index("uq_worker_report_same", table_name="worker_report")
    op.drop_index("ix_worker_report_office_code_at", table_name="worker_report")
    op.drop_table("worker_report")
    op.drop_index("ix_visit_citizen_id_at", table_name="visit")
    op.drop_table("visit")
    op.drop_index("ix_upload_staff_id", table_name="upload", postgresql_where=sa.text("staff_id IS NOT NULL"))
    op.drop_index("ix_upload_citizen_id_at", table_name="upload")
    op.drop_index("ix_upload_at", table_name="upload")
    op.drop_table("upload")
    op.drop_index(
        "uq_staff_relation_current", table_name="staff_relation", postgresql_where=sa.text("ended_at IS NULL")
    )
    op.drop_table("staff_relation")
    op.drop_index(op.f("ix_session_staff_id"), table_name="session")
    op.drop_index(op.f("ix_session_expires_at"), table_name="session")
    op.drop_index(op.f("ix_session_citizen_id"), table_name="session")
    op.drop_table("session")
    op.drop_table("second_factor")
    op.drop_index("uq_role_request_open", table_name="role_request", postgresql_where=sa.text("state = 'open'"))
    op.drop_table("role_request")
    op.drop_table("role_grant")
    op.drop_index("uq_recovery_code_staff_id_code_hash", table_name="recovery_code")
    op.drop_table("recovery_code")
    op.drop_index("uq_parameter_change_open", table_name="parameter_change", postgresql_where=sa.text("state = 'open'"))
    op.drop_table("parameter_change")
    op.drop_index(
        "uq_organisation_person_running", table_name="organisation_person", postgresql_where=sa.text("ended_at IS NULL")
    )
    op.drop_index(op.f("ix_organisation_person_citizen_id"), table_name="organisation_person")
    op.drop_table("organisation_person")
    op.drop_index(op.f("ix_look_staff_id"), table_name="look")
    op.drop_index("ix_look_citizen_id_case_id_at", table_name="look")
    op.drop_index("ix_look_citizen_id_at", table_name="look")
    op.drop_table("look")
    op.drop_index("uq_household_member_household_id_id_lookup", table_name="household_member")
    op.drop_index(
        "ix_household_member_invited", table_name="household_member", postgresql_where=sa.text("state = 'invited'")
    )
    op.drop_index(op.f("ix_household_member_citizen_id"), table_name="household_member")
    op.drop_table("household_member")
    op.drop_index("ix_export_job_staff_id_at", table_name="export_job")
    op.drop_index("ix_export_job_expires_at", table_name="export_job", postgresql_where=sa.text("state = 'ready'"))
    op.drop_index(
        "ix_export_job_due", table_name="export_job", postgresql_where=sa.text("state IN ('waiting', 'running')")
    )
    op.drop_table("export_job")
    op.drop_index(op.f("ix_deputy_office_code"), table_name="deputy")
    op.drop_index(op.f("ix_deputy_deputy_id"), table_name="deputy")
    op.drop_table("deputy")
    op.drop_index(
        "uq_delivery_success",
        table_name="delivery",
        postgresql_where=sa.text("state = 'delivered' AND notice_id IS NOT NULL"),
    )
    op.drop_index("uq_delivery_notice_id_channel", table_name="delivery")
    op.drop_index(
        "ix_delivery_person_open",
        table_name="delivery",
        postgresql_where=sa.text("person IS NOT NULL AND state IN ('pending', 'sending', 'uncertain', 'sent')"),
    )
    op.drop_index("ix_delivery_pass_on_at", table_name="delivery", postgresql_where=sa.text("pass_on_at IS NOT NULL"))
    op.drop_index(op.f("ix_delivery_partner_ref"), table_name="delivery")
    op.drop_index(op.f("ix_delivery_parcel_id"), table_name="delivery")
    op.drop_index(op.f("ix_delivery_notice_id"), table_name="delivery")
    op.drop_index(
        "ix_delivery_expires",
        table_name="delivery",
        postgresql_where=sa.text("state = 'pending' AND expires_at IS NOT NULL"),
    )
    op.drop_index("ix_delivery_due", table_name="delivery", postgresql_where=sa.text("due_at IS NOT NULL"))
    op.drop_index(
        "ix_delivery_doubtful",
        table_name="delivery",
        postgresql_where=sa.text("state = 'uncertain' AND due_at IS NULL"),
    )
    op.drop_index(
        "ix_delivery_dead",
        table_name="delivery",
        postgresql_where=sa.text("state IN ('failed', 'expired') AND requeued_as IS NULL"),
    )
    op.drop_index(
        "ix_delivery_by_hand",
        table_name="delivery",
        postgresql_where=sa.text("channel IN ('call', 'visit') AND state = 'pending'"),
    )
    op.drop_index("ix_delivery_by_day", table_name="delivery", postgresql_where=sa.text("by_day AND state = 'pending'"))
    op.drop_index("ix_delivery_about", table_name="delivery", postgresql_where=sa.text("about IS NOT NULL"))
    op.drop_table("delivery")
    op.drop_index(
        "uq_credential_request_open", table_name="credential_request", postgresql_where=sa.text("state = 'open'")
    )
    op.drop_table("credential_request")
    op.drop_index("uq_case_open_per_person", table_name="case", postgresql_where=sa.text("ended_at IS NULL"))
    op.drop_index("ix_case_visited", table_name="case", postgresql_where=sa.text("ended_at IS NOT NULL AND visits > 0"))
    op.drop_index(
        "ix_case_refused", table_name="case", postgresql_where=sa.text("state IN ('declined', 'refused', 'revoked')")
    )
    op.drop_index("ix_case_office_code_submitted_at", table_name="case")
    op.drop_index("ix_case_office_code_state", table_name="case")
    op.drop_index("ix_case_office_code_ended_at", table_name="case", postgresql_where=sa.text("ended_at IS NOT NULL"))
    op.drop_index("ix_case_desk_open", table_name="case", postgresql_where=sa.text("desk_code IS NOT NULL"))
    op.drop_index("ix_case_claimed", table_name="case", postgresql_where=sa.text("claimed_by IS NOT NULL"))
    op.drop_index("ix_case_citizen_id_submitted_at", table_name="case")
    op.drop_table("case")
    op.drop_index(op.f("ix_api_key_staff_id"), table_name="api_key")
    op.drop_table("api_key")
    op.drop_index(op.f("ix_admin_act_target_id"), table_name="admin_act")
    op.drop_table("admin_act")
    op.drop_index(
        "uq_wechat_binding_openid_current", table_name="wechat_binding", postgresql_where=sa.text("ended_at IS NULL")
    )
    op.drop_index(
        "uq_wechat_binding_citizen_current", table_name="wechat_binding", postgresql_where=sa.text("ended_at IS NULL")
    )
    op.drop_table("wechat_binding")
    op.drop_table("telling_choice")
    op.drop_table("data_request")
    op.drop_index(op.f("ix_staff_office_code"), table_name="staff")
    op.drop_table("staff")
    op.drop_index(
        "uq_residence_registration_current",
        table_name="residence_registration",
        postgresql_where=sa.text("until IS NULL"),
    )
    op.drop_index(op.f("ix_residence_registration_office_code"), table_name="residence_registration")
    op.drop_index(op.f("ix_residence_registration_citizen_id"), table_name="residence_registration")
    op.drop_table("residence_registration")
    op.drop_index(
        "uq_residence_permit_current", table_name="residence_permit", postgresql_where=sa.text("state <> 'ended'")
    )
    op.drop_index(
        "ix_residence_permit_remind", table_name="residence_permit", postgresql_where=sa.text("state = 'current'")
    )
    op.drop_index(op.f("ix_residence_permit_citizen_id"), table_name="residence_permit")
    op.drop_index(
        "ix_residence_permit_checked", table_name="residence_permit", postgresql_where=sa.text("state = 'current'")
    )
    op.drop_table("residence_permit")
    op.drop_index(op.f("ix_register_answer_citizen_id_source_topic_at"), table_name="register_answer")
    op.drop_table("register_answer")
    op.drop_index("uq_parcel_event", table_name="parcel_event")
    op.drop_index(
        "ix_parcel_event_unclear",
        table_name="parcel_event",
        postgresql_where=sa.text(
            "op_code = '704' AND deliver_code IS NULL OR op_code = '705' AND attempt_code IS NULL"
        ),
    )
    op.drop_table("parcel_event")
    op.drop_index(op.f("ix_organisation_head_id"), table_name="organisation")
    op.drop_table("organisation")
    op.drop_table("office_hours")
    op.drop_table("office_day")
    op.drop_index("uq_notice_kind_about", table_name="notice", postgresql_where=sa.text("about IS NOT NULL"))
    op.drop_index(op.f("ix_notice_citizen_id_at"), table_name="notice")
    op.drop_index(op.f("ix_notice_case_id"), table_name="notice")
    op.drop_table("notice")
    op.drop_index(op.f("ix_household_head_id"), table_name="household")
    op.drop_table("household")
    op.drop_index("uq_draft_open", table_name="draft", postgresql_where=sa.text("ended_at IS NULL"))
    op.drop_index(
        "ix_draft_waiting", table_name="draft", postgresql_where=sa.text("ended_at IS NULL AND reminded_at IS NULL")
    )
    op.drop_table("draft")
    op.drop_index(op.f("ix_consent_citizen_id"), table_name="consent")
    op.drop_index("ix_consent_by_id", table_name="consent", postgresql_where=sa.text("by_id IS NOT NULL"))
    op.drop_table("consent")
    op.drop_index(
        "uq_authorisation_running",
        table_name="authorisation",
        postgresql_where=sa.text("given_at IS NOT NULL AND ended_at IS NULL"),
    )
    op.drop_index(op.f("ix_authorisation_principal_id"), table_name="authorisation")
    op.drop_index(op.f("ix_authorisation_agent_id"), table_name="authorisation")
    op.drop_table("authorisation")
    op.drop_table("seal")
    op.drop_index("ix_receipt_unsettled", table_name="receipt", postgresql_where=sa.text("settled_at IS NULL"))
    op.drop_table("receipt")
    op.drop_index(op.f("ix_push_memory_until"), table_name="push_memory")
    op.drop_table("push_memory")
    op.drop_index(op.f("ix_push_at"), table_name="push")
    op.drop_table("push")
    op.drop_index(op.f("ix_phone_code_phone_lookup_purpose_at"), table_name="phone_code")
    op.drop_table("phone_code")
    op.drop_table("partner_token")
    op.drop_index(
        "ix_parcel_untold",
        table_name="parcel",
        postgresql_where=sa.text("direction = 'out' AND tracking IS NOT NULL AND (noted_at IS NULL OR course <> told)"),
    )
    op.drop_index(
        "ix_parcel_trouble", table_name="parcel", postgresql_where=sa.text("course NOT IN ('moving', 'signed')")
    )
    op.drop_index(op.f("ix_parcel_tracking"), table_name="parcel")
    op.drop_index(
        "ix_parcel_moves",
        table_name="parcel",
        postgresql_where=sa.text("tracking IS NOT NULL AND course IN ('moving', 'refused', 'back')"),
    )
    op.drop_index(op.f("ix_parcel_case_id"), table_name="parcel")
    op.drop_index(
        "ix_parcel_awaited",
        table_name="parcel",
        postgresql_where=sa.text(
            "tracking IS NOT NULL AND state IN ('ordered', 'collected', 'in_transit', 'delivering', 'refused')"
        ),
    )
    op.drop_table("parcel")
    op.drop_table("office")
    op.drop_table("oauth_state")
    op.drop_index("ix_month_figure_office_code_month", table_name="month_figure")
    op.drop_table("month_figure")
    op.drop_table("installation")
    op.drop_index(op.f("ix_idempotency_key_at"), table_name="idempotency_key")
    op.drop_table("idempotency_key")
    op.drop_index(op.f("ix_heartbeat_kind_at"), table_name="heartbeat")
    op.drop_table("heartbeat")
    op.drop_table("follower")
    op.drop_index(op.f("ix_citizen_phone_lookup"), table_name="citizen")
    op.drop_index(op.f("ix_citizen_name_lookup"), table_name="citizen")
    op.drop_table("citizen")
    op.drop_table("channel_hold")
    op.drop_table("calendar_year")
    op.drop_index(op.f("ix_attempt_kind_subject_at"), table_name="attempt")
    op.drop_index(op.f("ix_attempt_at"), table_name="attempt")
    op.drop_table("attempt")
    op.execute(sa.schema.DropSequence(sa.Sequence("case_number_seq")))
    op.execute("DROP FUNCTION forward_only()")
