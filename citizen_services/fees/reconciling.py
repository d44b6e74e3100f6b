"""Daily reconciliation (对账): a partner's bill against what we have. Every difference is a row until it is settled.

Days are the partner's, by machine time in Shanghai, since its bill is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from citizen_services import clock
from citizen_services.database import db, new_id
from citizen_services.exchange.payments import BillLine
from citizen_services.fees.errors import Faster
from citizen_services.fees.models import ONLINE, BillDay, FeeDifference, Payment, Refund
from citizen_services.people.actors import Actor
from citizen_services.rules.dates import start_of_day

PARTNER = "wechat_pay"


def missing(days: Sequence[date]) -> list[date]:
    """Those of the days that were not compared yet."""
    known = set(db.session.scalars(select(BillDay.day).where(BillDay.partner == PARTNER, BillDay.day.in_(days))))
    return [day for day in days if day not in known]


def _paid(refs: Iterable[str]) -> dict[str, int]:
    query = select(Payment.our_ref, Payment.paid_fen).where(Payment.our_ref.in_(list(refs)), Payment.state == "paid")
    return {ref: fen for ref, fen in db.session.execute(query) if fen is not None}


def _given_back(refs: Iterable[str]) -> dict[str, int]:
    query = select(Refund.our_ref, Refund.amount_fen).where(Refund.our_ref.in_(list(refs)), Refund.state == "done")
    return {row.our_ref: row.amount_fen for row in db.session.execute(query)}


def _of_day(day: date) -> tuple[dict[str, int], dict[str, int]]:
    """What we say was paid, and was given back, at the partner that day."""
    begin, end = start_of_day(day), start_of_day(day + timedelta(days=1))
    paid = select(Payment.our_ref, Payment.paid_fen).where(
        Payment.state == "paid", Payment.way.in_(ONLINE), Payment.paid_at >= begin, Payment.paid_at < end
    )
    # What a cashier settled otherwise never went through the partner.
    back = (
        select(Refund.our_ref, Refund.amount_fen)
        .join(Payment, Payment.id == Refund.payment_id)
        .where(
            Refund.state == "done", Refund.done_by.is_(None), Payment.way.in_(ONLINE),
            Refund.done_at >= begin, Refund.done_at < end,
        )
    )  # fmt: skip
    return (
        {ref: fen for ref, fen in db.session.execute(paid) if fen is not None},
        {row.our_ref: row.amount_fen for row in db.session.execute(back)},
    )


def compare(day: date, lines: Sequence[BillLine]) -> list[dict[str, Any]]:
    """Compare a day's bill with what we have, and note each difference once. The differences; the caller commits."""
    theirs: dict[str, dict[str, int]] = {"payment": {}, "refund": {}}
    for line in lines:
        theirs[line.kind][line.our_ref] = line.fen
    paid, back = _of_day(day)
    known = {"payment": _paid(theirs["payment"]), "refund": _given_back(theirs["refund"])}
    found: list[dict[str, Any]] = []
    for kind, ours in (("payment", paid), ("refund", back)):
        found += _differences(kind, ours, known[kind], theirs[kind])
    at = clock.protocol_now()
    for one in found:
        row = {"id": new_id(), "partner": PARTNER, "day": day, "found_at": at, **one}
        db.session.execute(insert(FeeDifference).values(row).on_conflict_do_nothing())
    db.session.execute(
        insert(BillDay)
        .values(
            partner=PARTNER,
            day=day,
            compared_at=at,
            payments=len(theirs["payment"]),
            payments_fen=sum(theirs["payment"].values()),
            refunds=len(theirs["refund"]),
            refunds_fen=sum(theirs["refund"].values()),
        )
        .on_conflict_do_nothing()
    )
    return found


def _differences(
    kind: str, of_day: dict[str, int], known: dict[str, int], theirs: dict[str, int]
) -> Iterator[dict[str, Any]]:
    """``of_day``: ours of that day; ``known``: ours of whatever day under the bill's references."""
    for ref, fen in theirs.items():
        ours = known.get(ref)
        if ours is None:
            yield {"kind": f"{kind}_missing_here", "our_ref": ref, "ours_fen": None, "theirs_fen": fen}
        elif ours != fen:
            yield {"kind": f"{kind}_amount", "our_ref": ref, "ours_fen": ours, "theirs_fen": fen}
    for ref, fen in of_day.items():
        if ref not in theirs:
            yield {"kind": f"{kind}_missing_there", "our_ref": ref, "ours_fen": fen, "theirs_fen": None}


def open_differences(most: int = 100) -> Sequence[FeeDifference]:
    """Differences that nobody has settled, the oldest first."""
    query = select(FeeDifference).where(FeeDifference.settled_at.is_(None))
    return db.session.scalars(query.order_by(FeeDifference.found_at, FeeDifference.id).limit(most)).all()


def newest_days(most: int = 7) -> Sequence[BillDay]:
    """The bills that were compared last."""
    return db.session.scalars(select(BillDay).order_by(BillDay.day.desc()).limit(most)).all()


def difference(difference_id: UUID) -> FeeDifference | None:
    """One of them."""
    return db.session.get(FeeDifference, difference_id)


def settle(difference_id: UUID, cashier: Actor, reason: str) -> None:
    """Settle a difference, with the reason. Raises Faster. The caller commits."""
    row = db.session.get(FeeDifference, difference_id, with_for_update=True, populate_existing=True)
    if row is None or row.settled_at is not None:
        raise Faster
    row.settled_at, row.settled_by, row.reason = clock.now(), cashier.id, reason
    db.session.flush()
