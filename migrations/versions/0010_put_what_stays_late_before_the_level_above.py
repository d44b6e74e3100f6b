"""Put what stays late before the level above.

A clock that ran out is told to the office's supervisor; what stays late for some days more to the district's, once.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let a reminder be for the level above, and find those by an index of their own."""
    _kinds("kind IN ('soon', 'today', 'late', 'above')")
    op.create_index(
        "ix_escalation_above",
        "escalation",
        ["office_code", "due", "id"],
        unique=False,
        postgresql_where=sa.text("kind = 'above' AND seen_at IS NULL"),
    )


def downgrade() -> None:
    """Remove what only this version knows."""
    op.execute("DELETE FROM escalation WHERE kind = 'above'")
    op.drop_index(
        "ix_escalation_above",
        table_name="escalation",
        postgresql_where=sa.text("kind = 'above' AND seen_at IS NULL"),
    )
    _kinds("kind IN ('soon', 'today', 'late')")


def _kinds(condition: str) -> None:
    op.drop_constraint(op.f("ck_escalation_kind"), "escalation", type_="check")
    op.create_check_constraint(op.f("ck_escalation_kind"), "escalation", condition)
