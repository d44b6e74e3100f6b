"""Keep by which gateway an SMS went, which one refused it, and who consented to subscription messages.

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
    """Add the columns and the table."""
    op.add_column("delivery", sa.Column("gateway", sa.Text(), nullable=True))
    op.add_column("delivery", sa.Column("refused_by", sa.Text(), nullable=True))
    op.create_table(
        "message_consent",
        sa.Column("openid", sa.Text(), nullable=False),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("lasting", sa.Boolean(), nullable=False),
        sa.Column("remaining", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("remaining >= 0", name=op.f("ck_message_consent_remaining")),
        sa.PrimaryKeyConstraint("openid", "template", name=op.f("pk_message_consent")),
    )


def downgrade() -> None:
    """Take them away."""
    op.drop_table("message_consent")
    op.drop_column("delivery", "refused_by")
    op.drop_column("delivery", "gateway")
