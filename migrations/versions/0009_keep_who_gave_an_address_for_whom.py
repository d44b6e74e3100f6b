"""Keep who gave an address for whom.

A guardian, or an agent, may give the address of a letter for its person: the letter keeps both.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("letter", sa.Column("acted_by", sa.Uuid(), nullable=True))
    op.create_foreign_key(op.f("fk_letter_acted_by"), "letter", "citizen", ["acted_by"], ["id"])
    op.create_check_constraint(op.f("ck_letter_acted_by"), "letter", "acted_by IS NULL OR given_by = 'citizen'")


def downgrade() -> None:
    op.drop_constraint(op.f("ck_letter_acted_by"), "letter", type_="check")
    op.drop_constraint(op.f("fk_letter_acted_by"), "letter", type_="foreignkey")
    op.drop_column("letter", "acted_by")
