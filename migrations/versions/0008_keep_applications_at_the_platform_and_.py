"""Keep applications at the national platform, and what people want to be reminded of.

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "platform_application",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("our_ref", sa.Uuid(), nullable=True),
        sa.Column("serial_number", sa.Text(), nullable=True),
        sa.Column("handed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("answer_number", sa.Integer(), nullable=False),
        sa.Column("reason", sa.LargeBinary(), nullable=True),
        sa.Column("officer_name", sa.LargeBinary(), nullable=True),
        sa.Column("officer_number", sa.LargeBinary(), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("accept_entered", sa.Boolean(), nullable=False),
        sa.Column("entered_number", sa.Integer(), nullable=False),
        sa.Column("look_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refusals", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "answer IS NULL OR answer IN ('accepted', 'on_site', 'refused')",
            name=op.f("ck_platform_application_answer"),
        ),
        sa.CheckConstraint("(answer IS NULL) = (answer_number = 0)", name=op.f("ck_platform_application_answered")),
        sa.CheckConstraint("(our_ref IS NULL) = (serial_number IS NULL)", name=op.f("ck_platform_application_taken")),
        sa.CheckConstraint(
            "entered_number <= answer_number AND refusals >= 0", name=op.f("ck_platform_application_entered")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_platform_application")),
        sa.UniqueConstraint("case_id", name=op.f("uq_platform_application_case_id")),
        sa.UniqueConstraint("our_ref", name=op.f("uq_platform_application_our_ref")),
    )
    op.create_index(
        "ix_platform_application_look_at",
        "platform_application",
        ["look_at", "id"],
        unique=False,
        postgresql_where=sa.text("look_at IS NOT NULL"),
    )
    op.create_table(
        "watch",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("citizen_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("plate_kind", sa.Text(), nullable=False),
        sa.Column("plate", sa.LargeBinary(), nullable=False),
        sa.Column("plate_lookup", sa.LargeBinary(), nullable=False),
        sa.Column("consent_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("check_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("remind_on", sa.Date(), nullable=True),
        sa.Column("told_until", sa.Date(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(kind = 'inspection') = (plate_kind <> '')", name=op.f("ck_watch_vehicle")),
        sa.CheckConstraint("kind IN ('licence', 'inspection', 'medical')", name=op.f("ck_watch_kind")),
        sa.CheckConstraint(
            "remind_on IS NULL OR (until IS NOT NULL AND remind_on <= until)", name=op.f("ck_watch_remind_on")
        ),
        sa.ForeignKeyConstraint(["citizen_id"], ["citizen.id"], name=op.f("fk_watch_citizen_id")),
        sa.ForeignKeyConstraint(["consent_id"], ["consent.id"], name=op.f("fk_watch_consent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_watch")),
    )
    op.create_index(
        "ix_watch_check_at", "watch", ["check_at", "id"], unique=False, postgresql_where=sa.text("ended_at IS NULL")
    )
    op.create_index(
        "ix_watch_remind_on",
        "watch",
        ["remind_on", "id"],
        unique=False,
        postgresql_where=sa.text("ended_at IS NULL AND remind_on IS NOT NULL"),
    )
    op.create_index(
        "uq_watch_current",
        "watch",
        ["citizen_id", "kind", "plate_lookup"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )


def downgrade() -> None:
    """Remove them."""
    op.drop_index("uq_watch_current", table_name="watch", postgresql_where=sa.text("ended_at IS NULL"))
    op.drop_index(
        "ix_watch_remind_on", table_name="watch", postgresql_where=sa.text("ended_at IS NULL AND remind_on IS NOT NULL")
    )
    op.drop_index("ix_watch_check_at", table_name="watch", postgresql_where=sa.text("ended_at IS NULL"))
    op.drop_table("watch")
    op.drop_index(
        "ix_platform_application_look_at",
        table_name="platform_application",
        postgresql_where=sa.text("look_at IS NOT NULL"),
    )
    op.drop_table("platform_application")
