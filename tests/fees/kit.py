"""Cases that cost something, and the payment partner's own messages about them."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from flask import Flask
from sqlalchemy import select, update

from citizen_services import clock
from citizen_services.cases import charging, operations, payments
from citizen_services.cases.models import Case, CaseEvent
from citizen_services.database import commit, db, new_id
from citizen_services.database.base import rollback
from citizen_services.fees import paying, queries
from citizen_services.fees.models import FeeOrder, Payment, Refund
from citizen_services.parts import parts
from citizen_services.people.administration_models import ParameterChange
from citizen_services.people.models import Citizen
from citizen_services.people.parameters import forget_parameters
from citizen_services.sandbox.signed import CHINA
from citizen_services.sandbox.wechat_pay_sign import sealed, signed_headers
from tests import factories as make
from tests.cases.engine_drafts import replacement
from tests.house import House

ITEM = "residence-permit-replace"
FEE = 2_000
NOBODY = paying.Payer(client_ip="127.0.0.1")


def charge(fen: int = FEE, item: str = ITEM) -> None:
    """Let another card of a permit cost so much from today on, as two administrators would; committed."""
    one, other = make.staff("fw-system").id, make.staff("fw-security").id
    at = clock.now()
    db.session.add(
        ParameterChange(
            id=new_id(), name=f"fee:{item}:card", value=fen, from_day=clock.today(), asked_by=one, asked_at=at,
            state="approved", decided_by=other, decided_at=at,
        )
    )  # fmt: skip
    commit()
    forget_parameters()


def applied(person: Citizen | None = None) -> UUID:
    """Somebody lost their card and asked for another one; the case's id. Committed."""
    person = person or make.citizen()
    make.registered(person)
    outcome = operations.submit(parts().catalogue, replacement(person, 0), make.applicant(person))
    commit()
    return outcome.case_id


def acts(case_id: UUID, action: str, login: str = "yl-clerk", data: Mapping[str, Any] | None = None) -> None:
    """A member of the staff takes a step, or the applicant does where ``login`` is empty. Committed."""
    case = case_of(case_id)
    actor = make.staff(login) if login else make.applicant(db.session.get_one(Citizen, case.citizen_id))
    operations.perform(parts().catalogue, case_id, action, actor, case.version, data or {})
    commit()


def asked() -> tuple[UUID, FeeOrder]:
    """A case whose fee was asked for, and the order."""
    case_id = applied()
    acts(case_id, "ask_fee")
    return case_id, order_of(case_id)


def case_of(case_id: UUID) -> Case:
    """The case as the database has it now."""
    rollback()
    return db.session.get_one(Case, case_id, populate_existing=True)


def order_of(case_id: UUID) -> FeeOrder:
    """The case's newest order as the database has it now."""
    rollback()
    db.session.expire_all()
    return queries.of_duty(charging.duty_of(case_id))[0]


def started(order: FeeOrder, way: str = "wechat_native") -> Payment:
    """Somebody begins to pay."""
    return payments.start(order.id, way, NOBODY)


def payments_of(case_id: UUID) -> list[Payment]:
    """Every try to pay, as the database has it now."""
    query = select(Payment).where(Payment.order_id == order_of(case_id).id).order_by(Payment.our_ref)
    return list(db.session.scalars(query))


def refunds_of(case_id: UUID) -> list[Refund]:
    """Every refund, as the database has it now."""
    return list(queries.refunds_of(order_of(case_id).id))


def history(case_id: UUID) -> list[str]:
    """The actions on a case, in turn."""
    rollback()
    query = select(CaseEvent.action).where(CaseEvent.case_id == case_id).order_by(CaseEvent.seq)
    return list(db.session.scalars(query))


def later() -> None:
    """So much machine time passes that whatever waits is due: what would be looked at, is looked at."""
    rollback()
    past = clock.protocol_now() - timedelta(seconds=1)
    for table in (Payment, Refund):
        db.session.execute(update(table).where(table.look_at.is_not(None)).values(look_at=past))
    commit()


def overdue(case_id: UUID) -> None:
    """The order's last day passes. Committed."""
    order = order_of(case_id)
    db.session.execute(
        update(FeeOrder).where(FeeOrder.id == order.id).values(pay_until=clock.now() - timedelta(seconds=1))
    )
    commit()


# --- The partner's own messages -----------------------------------------------------------------------------------


class Bank:
    """The payment partner, sending to our door by itself: every message signed with its own key."""

    def __init__(self, app: Flask, house: House) -> None:
        self._client = app.test_client()
        self._env, self._base = house.environ, house.web_url

    def content(self, payment: Payment, **more: Any) -> dict[str, Any]:
        """What a successful payment is told as."""
        fen = more.pop("fen", payment.amount_fen)
        return {
            "appid": self._env["WECHAT_APP_ID"],
            "mchid": self._env["WECHAT_PAY_MERCHANT_NO"],
            "out_trade_no": payment.our_ref,
            "transaction_id": f"42{int(payment.our_ref[:12], 16)}",
            "trade_type": "NATIVE",
            "trade_state": "SUCCESS",
            "success_time": datetime.now(CHINA).isoformat(timespec="seconds"),
            "payer": {"openid": ""},
            "amount": {"total": fen, "payer_total": fen, "currency": "CNY"},
        } | more

    def tell(
        self, content: Mapping[str, Any], *, event: str = "TRANSACTION.SUCCESS", age_s: int = 0, key: str = "",
        token: str = "", headers: Mapping[str, str] | None = None,
    ) -> int:  # fmt: skip
        """Send one message; the status that we answer."""
        kind = "refund" if event.startswith("REFUND") else "transaction"
        body = json.dumps(
            {
                "id": f"EV-{secrets.token_hex(8)}", "event_type": event, "resource_type": "encrypt-resource",
                "summary": "支付成功", "resource": sealed(self._env["WECHAT_PAY_API_V3_KEY"], kind, dict(content)),
            }
        ).encode()  # fmt: skip
        own, name = self._env["SANDBOX_WECHAT_PAY_KEY"], self._env["WECHAT_PAY_PUBLIC_KEY_ID"]
        signed = signed_headers(key or own, name, body, datetime.now(CHINA).timestamp() - age_s) | dict(headers or {})
        path = f"/receipts/wechat_pay/{token or self._env['WECHAT_PAY_RECEIPT_TOKEN']}"
        rollback()
        signed["Content-Type"] = "application/json"
        answer = self._client.post(path, data=body, headers=signed, base_url=self._base)
        db.session.expire_all()
        return answer.status_code

    def paid(self, payment: Payment, **more: Any) -> int:
        """Tell of a payment."""
        return self.tell(self.content(payment, **more))
