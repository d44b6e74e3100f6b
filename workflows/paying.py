"""The fee between check and acceptance: the same state, steps and receipt for every service that costs something.

A service with a ``Fee`` takes ``STATE``, ``steps(…)``, the documents ``DOCUMENTS`` and the guard
``charging.paid_or_free`` on whatever accepts; the check of declarations refuses it otherwise. An amount of 0 leaves the
way as it is without fee: the step that asks is not offered, and acceptance waits for nothing.
"""

from __future__ import annotations

from dataclasses import replace

from citizen_services.cases import charging, decisions
from citizen_services.cases.effects import issue
from citizen_services.catalogue import APPLICANT, SYSTEM, By, Doc, Fee, ServiceItem, State, Step
from workflows.telling import turn

RECEIPT = Doc(
    "fee_receipt",
    "缴费凭据（电子票据）",
    (
        "缴款人：{name}",
        "收费项目：{fee_name}（{fee_lines}）",
        "实收金额：{amount}",
        "缴费单号：{order_number}；支付流水号：{payment_ref}；缴费方式：{paid_way}；缴费时间：{paid_at}",
        "事由：{item}（办件编号{number}）。没有受理、撤回申请的，费用按原路退回。",
        "收款单位：{issuer}　{receipt_day}",
    ),
)
UNPAID = Doc(
    "fee_unpaid",
    "视为撤回告知书",
    (
        "{name}：您申请的“{item}”（办件编号{number}）到期没有缴费，视为撤回申请，没有产生费用。您可以随时重新申请。",
        decisions.REMEDIES,
        "{office}　{at}",
    ),
    served=True,
)
DOCUMENTS = (RECEIPT, UNPAID)

STATE = State("paying", "待缴费", "已核对，请在期限内缴费，缴清后受理，不需要您到场；逾期没有缴费的视为撤回申请。")


def steps(
    by: By,
    *,
    start: str = "submitted",
    back: str = "submitted",
    lapsed: str = "lapsed",
    withdrawn: str = "withdrawn",
    automatic: bool = False,
) -> tuple[Step, ...]:
    """From the check to the payment and back: ``by`` asks for the fee in ``start``, paid the case stands in ``back``.

    ``automatic``: the system asks by itself as soon as the case stands in ``start``; ``by`` is SYSTEM then. Unpaid at
    the order's expiry the case ends in ``lapsed``; its person may withdraw it until then. What accepts from ``back`` is
    guarded by ``charging.paid_or_free``.
    """
    return (
        Step(
            start, "ask_fee", "paying", by, "核对无误，通知缴费", "已核对，请缴费", guard=(charging.fee_open,),
            then=(charging.ask_fee,), automatic=automatic,
            tell=turn(
                "fee_due", "请缴费",
                text="您申请的{item}（{number}）已核对，请在{pay_until}前缴费{amount}，缴清后受理；逾期没有缴费的视为撤回申请。",
                hint="{pay_until}前缴{amount}",
                sms="您申请的{item}已核对，编号{number}，请于{pay_until}前在微信公众号“我的办件”中缴费{amount}，逾期视为撤回。",
                must_be_known=True,
            ),
        ),
        Step(
            "paying", "fee_paid", back, SYSTEM, "已收到缴费", "已缴费", guard=(charging.is_paid,),
            then=(charging.take_fee, issue(RECEIPT)),
            tell=turn(
                "fee_paid", "已收到缴费",
                text="您申请的{item}（{number}）已收到缴费{amount}，{office}将尽快受理。缴费凭据可在办件页查看。",
                hint="已收到{amount}，凭据可在线看",
                sms="您申请的{item}已收到缴费{amount}，编号{number}。缴费凭据请在微信公众号“我的办件”中查看。",
            ),
        ),
        Step(
            "paying", "lapse", lapsed, SYSTEM, "到期未缴费", "到期未缴费，视为撤回", guard=(charging.overdue,),
            then=(decisions.name_remedies, issue(UNPAID)),
            tell=turn(
                "fee_unpaid", "申请视为撤回",
                text="您申请的{item}（{number}）到期没有缴费，已视为撤回，可以随时重新申请。",
                hint="到期未缴费，已视为撤回",
                sms="您申请的{item}到期没有缴费，编号{number}，已视为撤回。您可以随时在微信公众号重新申请。",
            ),
        ),
        Step("paying", "withdraw", withdrawn, APPLICANT, "撤回申请", "已撤回申请", danger=True),
    )  # fmt: skip


def charged(item: ServiceItem, fee: Fee, *, version: int, by: By) -> ServiceItem:
    """The next version of a service that cost nothing: the same, with its fee asked for by ``by`` before acceptance."""
    waiting = tuple(
        replace(step, guard=(*step.guard, charging.paid_or_free))
        if step.action in ("accept", "accept_with_gaps")
        else step
        for step in item.steps
    )
    return replace(
        item,
        version=version,
        continues=(),
        fee=fee,
        states=(*item.states, STATE),
        steps=(*waiting, *steps(by)),
        documents=(*item.documents, *DOCUMENTS),
    )
