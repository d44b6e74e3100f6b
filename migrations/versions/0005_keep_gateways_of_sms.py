"""Keep by which gateway an SMS went, and which one refused it.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("delivery", sa.Column("gateway", sa.Text(), nullable=True))
    op.add_column("delivery", sa.Column("refused_by", sa.Text(), nullable=True))


def downgrade() -> None:
    """Take them away."""
    op.drop_column("delivery", "refused_by")
    op.drop_column("delivery", "gateway")
