"""收费: the cashier's page. Takes money at the counter, looks after refunds, settles differences; never accepts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError, fields, validate

from citizen_services import clock
from citizen_services.cases import charging, fee_cards, payments
from citizen_services.cases.errors import CaseError
from citizen_services.cases.models import Case
from citizen_services.cases.once import do_once, note
from citizen_services.console.access import tell_refusals
from citizen_services.console.guards import current_actor, staff_required
from citizen_services.console.schemas import FormSchema, WordsField, once_of, read_form
from citizen_services.database import db
from citizen_services.database.base import rollback
from citizen_services.exchange.outcomes import OutsideError
from citizen_services.fees import desk, queries, reconciling, refunding
from citizen_services.fees.errors import FeeError
from citizen_services.fees.models import FeeOrder
from citizen_services.fees.money import yuan
from citizen_services.fees.paying import UnknownPayment
from citizen_services.pages import render_error
from citizen_services.people.models import Citizen
from citizen_services.rules.dates import local_date
from citizen_services.rules.masking import mask_name
from citizen_services.security import new_token

bp = Blueprint("console_fees", __name__, url_prefix="/console/fees")
tell_refusals(bp)

ROLE = "cashier"
_KINDS = {
    "payment_missing_here": "对方有付款，我方没有",
    "payment_missing_there": "我方有付款，对方没有",
    "payment_amount": "付款金额不同",
    "refund_missing_here": "对方有退款，我方没有",
    "refund_missing_there": "我方有退款，对方没有",
    "refund_amount": "退款金额不同",
}
_TROUBLES = {
    "ABNORMAL": "退款异常：付款人的账户收不了",
    "CLOSED": "支付机构关闭了退款",
    "NOT_ENOUGH": "商户账户余额不足",
    "NO_ANSWER": "支付机构多次没有答复",
    "UNKNOWN": "支付机构没有这笔退款",
    "AMOUNT": "退款金额与应退不一致",
}
_AWAY = "支付机构没有答复，请过一会儿再试。"


class TakeSchema(FormSchema):
    """What the cashier took: cash, or a card with the number on its slip."""

    way = fields.String(
        required=True,
        validate=validate.OneOf(("cash", "pos"), error="请选择现金或刷卡。"),
        error_messages={"required": "请选择现金或刷卡。"},
    )
    slip = fields.String(load_default="", validate=validate.Length(max=40, error="凭条号最多40个字符。"))
    amount = fields.Decimal(
        required=True, places=2, error_messages={"invalid": "请填写实收金额。", "required": "请填写实收金额。"}
    )


class HowSchema(FormSchema):
    """How a refund was settled, or why a difference is none."""

    how = WordsField("请用 4 到 200 个字写明怎么处理的。", least=4, most=200)


_TAKE, _HOW, _PLAIN = TakeSchema(), HowSchema(), FormSchema()


@bp.get("")
@staff_required(ROLE)
def page() -> ResponseReturnValue:
    """An order by its number, what has to be looked after, the bank's bills."""
    return _page()


def _page(status: int = 200, errors: Mapping[str, Any] | None = None, order: FeeOrder | None = None) -> Any:
    asked = request.args.get("number", "").strip()
    order = order or (desk.by_number(asked) if asked else None)
    shown = render_template(
        "console/fees.html",
        number=order.number if order else asked,
        missing=bool(asked) and order is None,
        order=_order(order) if order else None,
        refunds=[
            {
                "id": refund.id,
                "number": order_.number,
                "amount": yuan(refund.amount_fen),
                "reason": refund.reason,
                "way": charging.WAYS[payment.way],
                "since": refund.made_at,
                "failed": refund.state == "failed",
                "trouble": _TROUBLES.get(refund.trouble or "", refund.trouble or ""),
            }
            for refund, order_, payment in desk.to_look_after()
        ],
        differences=[
            {
                "id": one.id,
                "day": one.day,
                "kind": _KINDS[one.kind],
                "ref": one.our_ref,
                "ours": yuan(one.ours_fen) if one.ours_fen is not None else "—",
                "theirs": yuan(one.theirs_fen) if one.theirs_fen is not None else "—",
                "askable": one.kind == "payment_missing_here",
            }
            for one in reconciling.open_differences()
        ],
        days=[
            {
                "day": one.day,
                "payments": f"{one.payments} 笔，{yuan(one.payments_fen)}",
                "refunds": f"{one.refunds} 笔，{yuan(one.refunds_fen)}",
            }
            for one in reconciling.newest_days()
        ],
        takings=[{"way": words, "count": count, "amount": yuan(fen)} for words, count, fen in _takings()],
        today=_today(),
        typed=request.form if errors else {},
        errors=errors,
        form_token=lambda: new_token(12),
    )
    return shown, status


def _today() -> date:
    """The bank's day, by machine time."""
    return local_date(clock.protocol_now())


def _takings() -> list[tuple[str, int, int]]:
    """Today's takings by the words of each way: what is one to the payer is one here."""
    sums: dict[str, tuple[int, int]] = {}
    for way, (count, fen) in desk.takings(_today()).items():
        before = sums.get(charging.WAYS[way], (0, 0))
        sums[charging.WAYS[way]] = (before[0] + count, before[1] + fen)
    return [(words, count, fen) for words, (count, fen) in sums.items()]


def _order(order: FeeOrder) -> dict[str, Any]:
    case_id = charging.case_of(order.duty)
    case = db.session.get(Case, case_id) if case_id is not None else None
    payer = db.session.get_one(Citizen, order.citizen_id)
    return {
        "card": fee_cards.card_of(order),
        "title": order.title,
        "payer": mask_name(payer.name),
        "case": case.number if case is not None else "",
    }


def _sentences(fault: ValidationError) -> str:
    return "；".join(str(line) for lines in fault.normalized_messages().values() for line in lines)


def _do(schema: FormSchema, act: Callable[[Mapping[str, Any]], None], words: str, back: str) -> ResponseReturnValue:
    """Do what a form asks, once; what it refuses is said on the page."""
    try:
        given = read_form(schema)

        def once_done(once: Any) -> Any:
            act(given)
            return note(once, "done")

        do_once(once_of(current_actor(), given["form_token"]), once_done)
    except ValidationError as fault:
        flash(_sentences(fault), "bad")
    except (FeeError, CaseError) as fault:
        rollback()
        flash(fault.sentence, "warn")
    else:
        flash(words, "ok")
    return redirect(back, 303)


@bp.post("/orders/<uuid:order_id>")
@staff_required(ROLE)
def take(order_id: UUID) -> ResponseReturnValue:
    """Take cash or a card; the case is accepted by others."""
    actor, order = current_actor(), queries.order(order_id)
    if order is None:
        return render_error(404)

    try:
        given = read_form(_TAKE)
        slip = given["slip"].strip() if given["way"] == "pos" else ""
        if given["way"] == "pos" and not slip:
            raise FeeError("刷卡的，请填写凭条号。")
        # Pressed twice, the second press finds it paid: what is owed is taken once.
        payments.take_at_counter(order_id, given["way"], slip, int(given["amount"] * 100), actor)
        flash("已收款，凭据已出具，办件回到窗口等受理。", "ok")
    except ValidationError as fault:
        flash(_sentences(fault), "bad")
    except (FeeError, CaseError) as fault:
        rollback()
        flash(fault.sentence, "warn")
    return redirect(url_for(".page", number=order.number), 303)


@bp.post("/refunds/<uuid:refund_id>/again")
@staff_required(ROLE)
def again(refund_id: UUID) -> ResponseReturnValue:
    """Have a failed refund tried again."""
    return _do(_PLAIN, lambda _: refunding.try_again(refund_id), "已重新提交退款。", url_for(".page"))


@bp.post("/refunds/<uuid:refund_id>/settle")
@staff_required(ROLE)
def settle(refund_id: UUID) -> ResponseReturnValue:
    """The money was handed out, or given back otherwise."""
    actor = current_actor()
    return _do(
        _HOW, lambda given: refunding.settle_by_hand(refund_id, actor, given["how"]), "已记为退还。", url_for(".page")
    )


@bp.post("/differences/<uuid:difference_id>/settle")
@staff_required(ROLE)
def settle_difference(difference_id: UUID) -> ResponseReturnValue:
    """A difference is settled, with the reason."""
    actor = current_actor()
    return _do(
        _HOW, lambda given: reconciling.settle(difference_id, actor, given["how"]), "差异已处理。", url_for(".page")
    )


@bp.post("/differences/<uuid:difference_id>/ask")
@staff_required(ROLE)
def ask(difference_id: UUID) -> ResponseReturnValue:
    """Ask the partner for a payment that it has and we do not."""
    row = reconciling.difference(difference_id)
    try:
        found = row is not None and payments.look_again(row.our_ref)
        flash("已补记这笔付款。" if found else "没有可以补记的付款。", "ok" if found else "info")
    except (OutsideError, CaseError):
        rollback()
        flash(_AWAY, "warn")
    except UnknownPayment:
        rollback()
        flash("这笔付款不是本系统下的单，请与银行核对。", "warn")
    return redirect(url_for(".page"), 303)
