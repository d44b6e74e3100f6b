"""Keep gateways of SMS, consents to subscription messages, and that case files were removed by rule.

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
    """Add the columns and the tables."""
    op.add_column("delivery", sa.Column("gateway", sa.Text(), nullable=True))
    op.add_column("delivery", sa.Column("refused_by", sa.Text(), nullable=True))
    op.create_table(
        "case_disposal",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("years", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("head", sa.LargeBinary(), nullable=False),
        sa.Column("mark", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("years >= 10", name=op.f("ck_case_disposal_years")),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_case_disposal_case_id")),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_case_disposal")),
    )
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
    op.drop_table("case_disposal")
    op.drop_column("delivery", "refused_by")
    op.drop_column("delivery", "gateway")
