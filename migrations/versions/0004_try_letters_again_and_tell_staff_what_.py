"""Try letters again, serve in person what no letter reached, and tell staff what is stuck."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create and widen; letters of before are the first ones of their documents."""
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
    op.add_column("letter", sa.Column("nth", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("letter", sa.Column("given_by", sa.Text(), nullable=False, server_default="application"))
    op.alter_column("letter", "nth", server_default=None)
    op.alter_column("letter", "given_by", server_default=None)
    op.add_column("letter", sa.Column("given_by_id", sa.Uuid(), nullable=True))
    op.add_column("letter", sa.Column("signed_at", sa.DateTime(timezone=True), nullable=True))
    op.execute(
        "UPDATE letter SET signed_at = serving.served_at FROM serving"
        " WHERE serving.document_id = letter.document_id AND serving.way = 'ems'"
    )
    op.drop_constraint(op.f("uq_letter_document_id"), "letter", type_="unique")
    op.create_index("uq_letter_document_id_nth", "letter", ["document_id", "nth"], unique=True)
    op.create_check_constraint(op.f("ck_letter_nth"), "letter", "nth >= 1")
    op.create_check_constraint(op.f("ck_letter_given_by"), "letter", "given_by IN ('application', 'citizen', 'staff')")
    op.create_check_constraint(
        op.f("ck_letter_given_by_id"), "letter", "(given_by = 'staff') = (given_by_id IS NOT NULL)"
    )
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
    op.drop_constraint(op.f("ck_serving_way"), "serving", type_="check")
    op.create_check_constraint(
        op.f("ck_serving_way"), "serving", "way IN ('electronic', 'ems', 'direct', 'left', 'announced')"
    )
    op.create_check_constraint(op.f("ck_serving_by"), "serving", "(way IN ('electronic', 'ems')) = (by_id IS NULL)")


def downgrade() -> None:
    """Remove; of several letters of a document the last one stays, of a service in person that it is not served."""
    op.drop_constraint(op.f("ck_serving_by"), "serving", type_="check")
    op.drop_constraint(op.f("ck_serving_way"), "serving", type_="check")
    op.execute("UPDATE serving SET way = 'ems', served_at = NULL WHERE way NOT IN ('electronic', 'ems')")
    op.create_check_constraint(op.f("ck_serving_way"), "serving", "way IN ('electronic', 'ems')")
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
    for name in ("given_by_id", "given_by", "nth"):
        op.drop_constraint(op.f(f"ck_letter_{name}"), "letter", type_="check")
    op.drop_index("uq_letter_document_id_nth", table_name="letter")
    op.execute(
        "DELETE FROM letter USING letter AS later"
        " WHERE later.document_id = letter.document_id AND later.nth > letter.nth"
    )
    op.create_unique_constraint(op.f("uq_letter_document_id"), "letter", ["document_id"])
    for name in ("signed_at", "given_by_id", "given_by", "nth"):
        op.drop_column("letter", name)
    op.drop_table("digest_wish")
    op.drop_table("staff_digest")
