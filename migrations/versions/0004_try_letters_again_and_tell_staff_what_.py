"""Try letters again and tell staff what is stuck."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "staff_digest",
        sa.Column("office_code", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("counts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(["office_code"], ["office.code"], name=op.f("fk_staff_digest_office_code")),
        sa.PrimaryKeyConstraint("office_code", "day", name=op.f("pk_staff_digest")),
    )
    op.create_table(
        "digest_wish",
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("phone", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_digest_wish_staff_id")),
        sa.PrimaryKeyConstraint("staff_id", name=op.f("pk_digest_wish")),
    )
    op.add_column("letter", sa.Column("nth", sa.Integer(), nullable=False))
    op.add_column("letter", sa.Column("given_by", sa.Text(), nullable=False))
    op.add_column("letter", sa.Column("given_by_id", sa.Uuid(), nullable=True))
    op.add_column("letter", sa.Column("signed_at", sa.DateTime(timezone=True), nullable=True))
    op.drop_constraint(op.f("uq_letter_document_id"), "letter", type_="unique")
    op.create_index("uq_letter_document_id_nth", "letter", ["document_id", "nth"], unique=True)
    op.create_foreign_key(op.f("fk_letter_given_by_id"), "letter", "staff", ["given_by_id"], ["id"])
    op.add_column("serving", sa.Column("in_person_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("serving", sa.Column("by_id", sa.Uuid(), nullable=True))
    op.add_column("serving", sa.Column("how", sa.LargeBinary(), nullable=True))
    op.create_index(
        "ix_serving_in_person",
        "serving",
        ["document_id"],
        unique=False,
        postgresql_where=sa.text("in_person_since IS NOT NULL AND served_at IS NULL"),
    )
    op.create_foreign_key(op.f("fk_serving_by_id"), "serving", "staff", ["by_id"], ["id"])


def downgrade() -> None:
    op.drop_constraint(op.f("fk_serving_by_id"), "serving", type_="foreignkey")
    op.drop_index(
        "ix_serving_in_person",
        table_name="serving",
        postgresql_where=sa.text("in_person_since IS NOT NULL AND served_at IS NULL"),
    )
    op.drop_column("serving", "how")
    op.drop_column("serving", "by_id")
    op.drop_column("serving", "in_person_since")
    op.drop_constraint(op.f("fk_letter_given_by_id"), "letter", type_="foreignkey")
    op.drop_index("uq_letter_document_id_nth", table_name="letter")
    op.create_unique_constraint(
        op.f("uq_letter_document_id"), "letter", ["document_id"], postgresql_nulls_not_distinct=False
    )
    op.drop_column("letter", "signed_at")
    op.drop_column("letter", "given_by_id")
    op.drop_column("letter", "given_by")
    op.drop_column("letter", "nth")
    op.drop_table("digest_wish")
    op.drop_table("staff_digest")
