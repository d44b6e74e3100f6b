"""Money that goes back, told to whoever it belongs to: that it was asked for, that it is done, that it did not work."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from citizen_services.cases import charging
from citizen_services.database import Change, db
from citizen_services.fees.models import FeeOrder
from citizen_services.fees.money import yuan
from citizen_services.parts import parts
from citizen_services.people.models import Citizen
from citizen_services.people.queries import service_centre
from notifications import refund_texts, rows
from notifications.models import Notice

_NOTICES = {"asked": refund_texts.ASKED, "done": refund_texts.DONE, "failed": refund_texts.FAILED}


def tell(
    what: str, *, order: FeeOrder, refund_id: UUID, fen: int, reason: str, by_partner: bool, change: Change
) -> None:
    """Something happened to a refund: its payer hears of it, of each thing once."""
    notice = _NOTICES[what]
    # A refund that was tried anew may fail anew. Whoever moves a refund holds its order's lock: nobody is between.
    if what == "failed" and _was_told(notice.code, refund_id):
        return
    values = {
        "item": order.title,
        "amount": yuan(fen),
        "order_number": order.number,
        "refund_way": (refund_texts.CAME if what == "done" else refund_texts.WAYS)[by_partner],
        "refund_reason": reason,
        "phone": service_centre(parts().settings.district).phone,
    }
    about = rows.About(charging.case_of(order.duty), refund_id, f"/h5/pay/{order.id}")
    rows.tell(change, notice, values, db.session.get_one(Citizen, order.citizen_id), about)


def _was_told(code: str, refund_id: UUID) -> bool:
    query = select(Notice.id).where(Notice.kind == code, Notice.about == refund_id)
    return db.session.execute(query).first() is not None
