"""Keep contests of ratings (申诉复核), and before whom a clock that runs out was put."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def _states(table: str, name: str, condition: str) -> None:
    """What a column may say, anew."""
    op.drop_constraint(op.f(f"ck_{table}_{name}"), table, type_="check")
    op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, condition)


def upgrade() -> None:
    """Create and widen."""
    _states("rectification", "state", "state IN ('open', 'contested', 'done', 'dropped')")
    _states("escalation", "kind", "kind IN ('soon', 'today', 'late')")
    op.create_table(
        "rating_contest",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("rating_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("office_code", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.LargeBinary(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decision", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("(state = 'open') = (decided_at IS NULL)", name=op.f("ck_rating_contest_decided")),
        sa.CheckConstraint("state IN ('open', 'upheld', 'rejected')", name=op.f("ck_rating_contest_state")),
        sa.CheckConstraint("decided_by IS NULL OR decided_by <> asked_by", name=op.f("ck_rating_contest_four_eyes")),
        sa.ForeignKeyConstraint(["asked_by"], ["staff.id"], name=op.f("fk_rating_contest_asked_by")),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_rating_contest_case_id")),
        sa.ForeignKeyConstraint(["decided_by"], ["staff.id"], name=op.f("fk_rating_contest_decided_by")),
        sa.ForeignKeyConstraint(["office_code"], ["office.code"], name=op.f("fk_rating_contest_office_code")),
        sa.ForeignKeyConstraint(["rating_id"], ["rating.id"], name=op.f("fk_rating_contest_rating_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rating_contest")),
        sa.UniqueConstraint("rating_id", name=op.f("uq_rating_contest_rating_id")),
    )
    op.create_index("ix_rating_contest_decided", "rating_contest", ["office_code", "decided_at", "id"], unique=False)
    op.create_index(
        "ix_rating_contest_open",
        "rating_contest",
        ["office_code", "asked_at", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.add_column("escalation", sa.Column("holder_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(op.f("fk_escalation_holder_id"), "escalation", "staff", ["holder_id"], ["id"])
    op.create_index(
        "ix_escalation_holder",
        "escalation",
        ["holder_id", "due", "id"],
        unique=False,
        postgresql_where=sa.text("seen_at IS NULL"),
    )
    op.add_column("rating", sa.Column("set_aside_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_rating_set_aside", "rating", ["at"], unique=False, postgresql_where=sa.text("set_aside_at IS NOT NULL")
    )


def downgrade() -> None:
    """Remove, and let what only this version knows be open or unsaid again."""
    op.execute("UPDATE rectification SET state = 'open' WHERE state IN ('contested', 'dropped')")
    op.execute("DELETE FROM escalation WHERE kind = 'soon'")
    _states("rectification", "state", "state IN ('open', 'done')")
    _states("escalation", "kind", "kind IN ('today', 'late')")
    op.drop_index("ix_rating_set_aside", table_name="rating", postgresql_where=sa.text("set_aside_at IS NOT NULL"))
    op.drop_column("rating", "set_aside_at")
    op.drop_index("ix_escalation_holder", table_name="escalation", postgresql_where=sa.text("seen_at IS NULL"))
    op.drop_constraint(op.f("fk_escalation_holder_id"), "escalation", type_="foreignkey")
    op.drop_column("escalation", "holder_id")
    op.drop_index("ix_rating_contest_open", table_name="rating_contest", postgresql_where=sa.text("state = 'open'"))
    op.drop_index("ix_rating_contest_decided", table_name="rating_contest")
    op.drop_table("rating_contest")
