"""Keep documents that are to come back, parcels that nobody wants any more, and the workplace on a permit.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_STATES = (
    "'ordered', 'collected', 'in_transit', 'delivering', 'signed', 'signed_by_other', 'refused', 'returned', 'lost'"
)


def upgrade() -> None:
    """Create the table, add the columns, and let a parcel be cancelled."""
    op.create_table(
        "document_due",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("parcel_id", sa.Uuid(), nullable=True),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("remind_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("remind_days", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("reminded", sa.Integer(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_as", sa.Text(), nullable=True),
        sa.Column("ended_by", sa.Uuid(), nullable=True),
        sa.Column("note", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint(
            "(ended_at IS NULL) = (ended_as IS NULL)"
            " AND (ended_as IS NULL OR ended_as IN ('came', 'cancelled', 'received', 'written_off'))"
            " AND (ended_by IS NOT NULL) = (ended_as IS NOT NULL AND ended_as IN ('received', 'written_off'))",
            name=op.f("ck_document_due_ended"),
        ),
        sa.CheckConstraint("kind IN ('old', 'called_back')", name=op.f("ck_document_due_kind")),
        sa.CheckConstraint("remind_at IS NULL OR ended_at IS NULL", name=op.f("ck_document_due_reminded_while_due")),
        sa.ForeignKeyConstraint(["ended_by"], ["staff.id"], name=op.f("fk_document_due_ended_by")),
        sa.ForeignKeyConstraint(["parcel_id"], ["parcel.id"], name=op.f("fk_document_due_parcel_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document_due")),
    )
    op.create_index(
        "ix_document_due_open",
        "document_due",
        ["since", "id"],
        unique=False,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(op.f("ix_document_due_parcel_id"), "document_due", ["parcel_id"], unique=False)
    op.create_index(
        "ix_document_due_remind",
        "document_due",
        ["remind_at", "id"],
        unique=False,
        postgresql_where=sa.text("remind_at IS NOT NULL"),
    )
    op.create_index("uq_document_due_case_id_kind", "document_due", ["case_id", "kind"], unique=True)
    op.add_column("parcel", sa.Column("unwanted_at", sa.DateTime(timezone=True), nullable=True))
    _let_parcels_be(f"{_STATES}, 'cancelled'")
    op.add_column("residence_permit", sa.Column("workplace", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    """Take them away; what was cancelled was never sent."""
    op.drop_column("residence_permit", "workplace")
    op.execute("UPDATE parcel SET state = 'ordered', course = 'moving', told = 'moving' WHERE state = 'cancelled'")
    _let_parcels_be(_STATES)
    op.drop_column("parcel", "unwanted_at")
    op.drop_table("document_due")


def _let_parcels_be(states: str) -> None:
    op.drop_constraint(op.f("ck_parcel_state"), "parcel", type_="check")
    op.create_check_constraint(op.f("ck_parcel_state"), "parcel", f"state IN ({states})")
