"""Keep fee orders, payments, refunds, and where a partner's bill differs from them.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

#: Money only moves along its way, whoever writes: what is owed, paid or given back never changes its amount, what was
#: paid stays paid, what was given back is not given back again.
MONEY = (
    """
CREATE FUNCTION money_moves() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ways text[] := CASE TG_TABLE_NAME
        WHEN 'fee_order' THEN ARRAY[
            'due>ordered', 'due>paid', 'due>expired', 'due>cancelled',
            'ordered>due', 'ordered>paid', 'ordered>expired', 'ordered>cancelled',
            'paid>refunding', 'expired>refunding', 'cancelled>refunding', 'refunded>refunding',
            'refunding>refunded', 'refunding>disputed', 'disputed>refunding', 'disputed>refunded']
        WHEN 'payment' THEN ARRAY[
            'sending>open', 'sending>closed', 'sending>paid', 'open>closed', 'open>paid', 'closed>paid']
        ELSE ARRAY[
            'due>sending', 'due>processing', 'due>done', 'due>failed', 'sending>due', 'sending>processing',
            'sending>done', 'sending>failed', 'processing>done', 'processing>failed', 'at_counter>done',
            'failed>due', 'failed>done']
        END;
BEGIN
    IF OLD.state <> NEW.state AND NOT OLD.state || '>' || NEW.state = ANY (ways) THEN
        RAISE EXCEPTION 'a % does not go from % to %', TG_TABLE_NAME, OLD.state, NEW.state
            USING ERRCODE = 'check_violation', TABLE = TG_TABLE_NAME, CONSTRAINT = 'money_moves';
    END IF;
    IF OLD.amount_fen <> NEW.amount_fen THEN
        RAISE EXCEPTION 'the amount of a % never changes', TG_TABLE_NAME
            USING ERRCODE = 'check_violation', TABLE = TG_TABLE_NAME, CONSTRAINT = 'money_moves';
    END IF;
    RETURN NEW;
END $$
""",
    *(
        f"CREATE TRIGGER {table}_moves BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION money_moves()"
        for table in ("fee_order", "payment", "refund")
    ),
)


def upgrade() -> None:
    """Create the tables, and hold money to its way."""
    op.execute(sa.schema.CreateSequence(sa.Sequence("fee_number")))
    op.create_table(
        "bill_day",
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("compared_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("payments", sa.Integer(), nullable=False),
        sa.Column("payments_fen", sa.BigInteger(), nullable=False),
        sa.Column("refunds", sa.Integer(), nullable=False),
        sa.Column("refunds_fen", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("partner", "day", name=op.f("pk_bill_day")),
    )
    op.create_table(
        "fee_order",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("duty", sa.Text(), nullable=False),
        sa.Column("citizen_id", sa.Uuid(), nullable=False),
        sa.Column("office_code", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("lines", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("pay_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state <> 'paid' OR paid_at IS NOT NULL", name=op.f("ck_fee_order_paid")),
        sa.CheckConstraint(
            "state IN ('due', 'ordered', 'paid', 'expired', 'cancelled', 'refunding', 'refunded', 'disputed')",
            name=op.f("ck_fee_order_state"),
        ),
        sa.CheckConstraint(
            "state NOT IN ('expired', 'cancelled') OR ended_at IS NOT NULL", name=op.f("ck_fee_order_ended")
        ),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_fee_order_amount")),
        sa.ForeignKeyConstraint(["citizen_id"], ["citizen.id"], name=op.f("fk_fee_order_citizen_id")),
        sa.ForeignKeyConstraint(["office_code"], ["office.code"], name=op.f("fk_fee_order_office_code")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fee_order")),
        sa.UniqueConstraint("number", name=op.f("uq_fee_order_number")),
    )
    op.create_index("ix_fee_order_citizen_id", "fee_order", ["citizen_id"], unique=False)
    op.create_index("ix_fee_order_duty_made_at", "fee_order", ["duty", "made_at"], unique=False)
    op.create_index("ix_fee_order_made_at", "fee_order", ["made_at", "id"], unique=False)
    op.create_index(
        "ix_fee_order_pay_until",
        "fee_order",
        ["pay_until"],
        unique=False,
        postgresql_where=sa.text("state IN ('due', 'ordered')"),
    )
    op.create_index(
        "uq_fee_order_duty",
        "fee_order",
        ["duty"],
        unique=True,
        postgresql_where=sa.text("state IN ('due', 'ordered', 'paid')"),
    )
    op.create_table(
        "fee_difference",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("our_ref", sa.Text(), nullable=False),
        sa.Column("ours_fen", sa.BigInteger(), nullable=True),
        sa.Column("theirs_fen", sa.BigInteger(), nullable=True),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_by", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('payment_missing_here', 'payment_missing_there', 'payment_amount', 'refund_missing_here', 'refund_missing_there', 'refund_amount')",
            name=op.f("ck_fee_difference_kind"),
        ),
        sa.CheckConstraint("(settled_at IS NULL) = (reason IS NULL)", name=op.f("ck_fee_difference_reason")),
        sa.CheckConstraint("(settled_at IS NULL) = (settled_by IS NULL)", name=op.f("ck_fee_difference_settled")),
        sa.ForeignKeyConstraint(["settled_by"], ["staff.id"], name=op.f("fk_fee_difference_settled_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fee_difference")),
    )
    op.create_index(
        "ix_fee_difference_open",
        "fee_difference",
        ["found_at", "id"],
        unique=False,
        postgresql_where=sa.text("settled_at IS NULL"),
    )
    op.create_index("uq_fee_difference", "fee_difference", ["partner", "day", "kind", "our_ref"], unique=True)
    op.create_table(
        "payment",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("way", sa.Text(), nullable=False),
        sa.Column("our_ref", sa.Text(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("prepay", sa.LargeBinary(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("usable_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("look_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.Column("partner_ref", sa.Text(), nullable=True),
        sa.Column("paid_fen", sa.BigInteger(), nullable=True),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("kept", sa.Boolean(), nullable=False),
        sa.Column("taken_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "(state = 'paid') = (paid_fen IS NOT NULL AND paid_at IS NOT NULL AND partner_ref IS NOT NULL)",
            name=op.f("ck_payment_paid"),
        ),
        sa.CheckConstraint("(way IN ('cash', 'pos')) = (taken_by IS NOT NULL)", name=op.f("ck_payment_taken_by")),
        sa.CheckConstraint("NOT kept OR (state = 'paid' AND paid_fen = amount_fen)", name=op.f("ck_payment_kept")),
        sa.CheckConstraint("state IN ('sending', 'open', 'paid', 'closed')", name=op.f("ck_payment_state")),
        sa.CheckConstraint(
            "way IN ('wechat_jsapi', 'wechat_native', 'wechat_h5', 'cash', 'pos')", name=op.f("ck_payment_way")
        ),
        sa.CheckConstraint("amount_fen > 0 AND (paid_fen IS NULL OR paid_fen > 0)", name=op.f("ck_payment_amounts")),
        sa.ForeignKeyConstraint(["order_id"], ["fee_order.id"], name=op.f("fk_payment_order_id")),
        sa.ForeignKeyConstraint(["taken_by"], ["staff.id"], name=op.f("fk_payment_taken_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment")),
        sa.UniqueConstraint("our_ref", name=op.f("uq_payment_our_ref")),
    )
    op.create_index(
        "ix_payment_look_at",
        "payment",
        ["look_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('sending', 'open')"),
    )
    op.create_index(op.f("ix_payment_order_id"), "payment", ["order_id"], unique=False)
    op.create_index(
        "ix_payment_paid_at", "payment", ["paid_at"], unique=False, postgresql_where=sa.text("state = 'paid'")
    )
    op.create_index("uq_payment_order_kept", "payment", ["order_id"], unique=True, postgresql_where=sa.text("kept"))
    op.create_index(
        "uq_payment_order_open",
        "payment",
        ["order_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('sending', 'open')"),
    )
    op.create_index(
        "uq_payment_partner_ref",
        "payment",
        ["way", "partner_ref"],
        unique=True,
        postgresql_where=sa.text("partner_ref IS NOT NULL"),
    )
    op.create_table(
        "refund",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("our_ref", sa.Text(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("look_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("partner_ref", sa.Text(), nullable=True),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_by", sa.Uuid(), nullable=True),
        sa.Column("how", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("(state = 'done') = (done_at IS NOT NULL)", name=op.f("ck_refund_done")),
        sa.CheckConstraint(
            "state IN ('due', 'sending', 'processing', 'at_counter', 'done', 'failed')", name=op.f("ck_refund_state")
        ),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_refund_amount")),
        sa.ForeignKeyConstraint(["done_by"], ["staff.id"], name=op.f("fk_refund_done_by")),
        sa.ForeignKeyConstraint(["order_id"], ["fee_order.id"], name=op.f("fk_refund_order_id")),
        sa.ForeignKeyConstraint(["payment_id"], ["payment.id"], name=op.f("fk_refund_payment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refund")),
        sa.UniqueConstraint("our_ref", name=op.f("uq_refund_our_ref")),
        sa.UniqueConstraint("payment_id", name=op.f("uq_refund_payment_id")),
    )
    op.create_index(
        "ix_refund_by_hand",
        "refund",
        ["made_at", "id"],
        unique=False,
        postgresql_where=sa.text("state IN ('at_counter', 'failed')"),
    )
    op.create_index(
        "ix_refund_look_at",
        "refund",
        ["look_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('due', 'sending', 'processing')"),
    )
    op.create_index(op.f("ix_refund_order_id"), "refund", ["order_id"], unique=False)
    for statement in MONEY:
        op.execute(statement)


def downgrade() -> None:
    """Take it all away."""
    op.drop_index(op.f("ix_refund_order_id"), table_name="refund")
    op.drop_index(
        "ix_refund_look_at", table_name="refund", postgresql_where=sa.text("state IN ('due', 'sending', 'processing')")
    )
    op.drop_index(
        "ix_refund_by_hand", table_name="refund", postgresql_where=sa.text("state IN ('at_counter', 'failed')")
    )
    op.drop_table("refund")
    op.drop_index("uq_payment_partner_ref", table_name="payment", postgresql_where=sa.text("partner_ref IS NOT NULL"))
    op.drop_index(
        "uq_payment_order_open", table_name="payment", postgresql_where=sa.text("state IN ('sending', 'open')")
    )
    op.drop_index("uq_payment_order_kept", table_name="payment", postgresql_where=sa.text("kept"))
    op.drop_index("ix_payment_paid_at", table_name="payment", postgresql_where=sa.text("state = 'paid'"))
    op.drop_index(op.f("ix_payment_order_id"), table_name="payment")
    op.drop_index("ix_payment_look_at", table_name="payment", postgresql_where=sa.text("state IN ('sending', 'open')"))
    op.drop_table("payment")
    op.drop_index("uq_fee_difference", table_name="fee_difference")
    op.drop_index("ix_fee_difference_open", table_name="fee_difference", postgresql_where=sa.text("settled_at IS NULL"))
    op.drop_table("fee_difference")
    op.drop_index(
        "uq_fee_order_duty", table_name="fee_order", postgresql_where=sa.text("state IN ('due', 'ordered', 'paid')")
    )
    op.drop_index(
        "ix_fee_order_pay_until", table_name="fee_order", postgresql_where=sa.text("state IN ('due', 'ordered')")
    )
    op.drop_index("ix_fee_order_made_at", table_name="fee_order")
    op.drop_index("ix_fee_order_duty_made_at", table_name="fee_order")
    op.drop_index("ix_fee_order_citizen_id", table_name="fee_order")
    op.drop_table("fee_order")
    op.drop_table("bill_day")
    op.execute("DROP FUNCTION money_moves()")
    op.execute(sa.schema.DropSequence(sa.Sequence("fee_number")))
