"""What a receipt means: an SMS or template message delivered or not, a parcel's event. Only ever forward.

Each receipt is settled in a transaction of its own. One that can't be settled yet is tried again; one that crashes is
set aside with its reason after bounded tries.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import LargeBinary, and_, func, or_, select, type_coerce, update

from citizen_services.database import SecretJSON, commit, db
from citizen_services.database.base import after_commit
from citizen_services.exchange.ems import TrackEvent
from citizen_services.exchange.platform import PlatformAnswer
from citizen_services.people.models import WeChatBinding
from notifications import ladder, parcels, platform, queue
from notifications.channels.wechat import SUBSCRIPTION
from notifications.models import FINAL_NOTICE_STATES, NOT_SENT, Delivery, Notice, Parcel, Receipt

log = logging.getLogger(__name__)

MOST_TRIES = 6
#: What waits for a message under way is tried until well after the lease of a process that died with it
#: (outbox.LEASE), at most this far apart.
MOST_TRIES_NOT_YET = 12
NOT_YET_S = 15.0
#: Carriers give up an SMS after three days.
REPORTED_WITHIN = timedelta(days=3)


class NotYet(Exception):
    """What the receipt is about is still on its way; to be tried again."""


class NotOurs(Exception):
    """Nothing of ours fits the receipt; it is kept and moves nothing."""


def settle_next() -> bool:
    """Settle the oldest receipt that is due, and commit; False where none is."""
    sealed = type_coerce(Receipt.__table__.c.body, LargeBinary).label("sealed")
    row = db.session.execute(
        select(Receipt.id, Receipt.partner, Receipt.tries, sealed)
        .where(Receipt.settled_at.is_(None), Receipt.due_at <= func.now())
        .order_by(Receipt.due_at, Receipt.received_at, Receipt.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).first()
    if row is None:
        db.session.rollback()
        return False
    values: dict[str, Any] = {"settled_at": func.now(), "fault": None}
    try:
        with db.session.begin_nested():
            body = SecretJSON("receipt.body").process_result_value(bytes(row.sealed), None)
            _SETTLERS[row.partner](body)
    except NotOurs as fault:
        values["fault"] = str(fault)
    except Exception as fault:
        waits = isinstance(fault, NotYet)
        if not waits:
            log.error("receipt %s of %s can't be settled: %s", row.id, row.partner, type(fault).__name__)
        given_up = row.tries + 1 >= (MOST_TRIES_NOT_YET if waits else MOST_TRIES)
        values = {
            "tries": row.tries + 1,
            "fault": f"not yet: {fault}" if waits else type(fault).__name__,
            "due_at": func.now() + timedelta(seconds=min(2.0**row.tries, NOT_YET_S) if waits else 2.0**row.tries),
            "settled_at": func.now() if given_up else None,
        }
    db.session.execute(update(Receipt).where(Receipt.id == row.id).values(**values))
    commit()
    return True


def move(delivery_id: UUID, delivered: bool, code: str, partner_ref: str | None) -> bool:
    """End a try by its receipt; False where it had ended before. A message that failed goes to the next channel."""
    # A row that waits to be sent again is not ended by the failure of the try before.
    open_states = ("pending", "sending", "uncertain", "sent") if delivered else ("sending", "uncertain", "sent")
    moved = db.session.execute(
        update(Delivery)
        .where(Delivery.id == delivery_id, Delivery.state.in_(open_states))
        .values(
            state=ladder.success() if delivered else "failed",
            reason=ladder.success_reason() if delivered else f"reported failed: {code}",
            partner_ref=func.coalesce(Delivery.partner_ref, partner_ref),
            due_at=None,
            pass_on_at=None,
            lease=None,
            leased_until=None,
            done_at=func.now(),
        )
        .returning(Delivery.notice_id, Delivery.channel)
    ).first()
    if moved is None:
        return False
    if moved.notice_id is not None:
        following = None if delivered else ladder.pass_on(moved.notice_id, moved.channel)
        if following and following not in NOT_SENT:
            after_commit(queue.waking(queue.sending_queue(following)))
        ladder.refresh([moved.notice_id])
    return True


# --- SMS ---------------------------------------------------------------------------------------------------------


def _settle_sms(gateway: str, body: Mapping[str, Any]) -> None:
    """By our reference, or by the gateway's; and only where the phone is the one that we wrote to."""
    found = select(Delivery).where(Delivery.channel == "sms")
    out_id = _uuid(body["out_id"])
    if out_id is not None:
        found = found.where(Delivery.id == out_id)
    elif body["biz_id"]:
        found = found.where(Delivery.partner_ref == body["biz_id"])
    else:
        raise NotOurs("it names no message of ours")
    rows = db.session.scalars(found.limit(2).execution_options(populate_existing=True)).all()
    if not rows and out_id is None and gateway == "sms_tencent":
        rows = [_of_unknown_fate(gateway, body)]
    if len(rows) != 1 or not _is_to(rows[0], body["phone"]):
        raise NotOurs("no message of ours to that phone")
    if not body["delivered"] and rows[0].gateway not in (None, gateway):
        raise NotOurs("another gateway has it by now")
    move(rows[0].id, body["delivered"], body["err_code"], body["biz_id"] or None)


def _is_to(row: Delivery, phone: object) -> bool:
    return str(phone)[-11:] == str(row.payload["phone"])[-11:]


def _of_unknown_fate(gateway: str, body: Mapping[str, Any]) -> Delivery:
    """A message whose answer was lost adopts a report without our reference while it is the only such to that phone."""
    since = func.now() - REPORTED_WITHIN
    query = select(Delivery).where(
        Delivery.channel == "sms",
        Delivery.gateway == gateway,
        Delivery.state.in_(("sending", "uncertain")),
        Delivery.sent_at > since,
    )
    rows = db.session.scalars(query.execution_options(populate_existing=True))
    mine = [row for row in rows if row.partner_ref is None and _is_to(row, body["phone"])]
    if any(row.state == "sending" for row in mine):
        raise NotYet("a message to that phone is on its way")
    if len(mine) != 1:
        raise NotOurs(f"{len(mine)} messages of unknown fate to that phone")
    return mine[0]


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


# --- WeChat ------------------------------------------------------------------------------------------------------


def _settle_wechat(body: Mapping[str, Any]) -> None:
    """TEMPLATESENDJOBFINISH, by msgid; one whose msgid we never learned adopts it while it is the person's only one."""
    msgid, openid, status = str(body["msgid"]), body["openid"], str(body["status"])
    known = db.session.scalars(
        select(Delivery).where(Delivery.channel == "wechat", Delivery.partner_ref == msgid).limit(2)
    ).all()
    # WeChat counts msgids a sender; should one ever come twice, the addressee decides.
    mine = [row for row in known if row.payload["openid"] == openid]
    if len(mine) == 1:
        move(mine[0].id, status.startswith("success"), status, msgid)
        return
    open_ones = [row for row in _open_to(openid) if row.payload["openid"] == openid and row.partner_ref is None]
    template = body.get("template")
    if template is not None:
        # A subscription message's answer names no number: taken or in doubt, it is told from others by its template.
        open_ones = [row for row in open_ones if row.gateway == SUBSCRIPTION and row.payload["template"] == template]
    else:
        open_ones = [row for row in open_ones if row.gateway != SUBSCRIPTION]
    if any(row.state == "sending" for row in open_ones):
        raise NotYet("a message to that person is on its way")
    if len(open_ones) != 1:
        raise NotOurs(f"{len(open_ones)} messages of unknown fate to that person")
    move(open_ones[0].id, status.startswith("success"), status, msgid)


def _open_to(openid: str) -> list[Delivery]:
    citizens = select(WeChatBinding.citizen_id).where(WeChatBinding.openid == openid)
    rows = db.session.scalars(
        select(Delivery)
        .join(Notice, Notice.id == Delivery.notice_id)
        .where(
            Notice.citizen_id.in_(citizens),
            Delivery.channel == "wechat",
            or_(
                Delivery.state.in_(("sending", "uncertain")),
                and_(Delivery.state == "sent", Delivery.gateway == SUBSCRIPTION),
            ),
        )
        .execution_options(populate_existing=True)
    )
    return list(rows)


# --- EMS ---------------------------------------------------------------------------------------------------------


def _settle_ems(body: Mapping[str, Any]) -> None:
    """One event of a parcel, found by its number, or by our order where the number was lost on its way to us."""
    event = TrackEvent(
        **{
            **{k: v for k, v in body.items() if k != "serial"},
            "op_time": datetime.fromisoformat(body["op_time"]),
        }
    )
    parcel_id = db.session.scalars(
        select(Parcel.id).where(Parcel.tracking == event.tracking).order_by(Parcel.at.desc(), Parcel.id.desc()).limit(1)
    ).first()
    if parcel_id is None:
        parcel_id = _by_order(event)
    parcel = parcels.lock(parcel_id)
    if parcel.tracking != event.tracking:
        # It was the second number, which is being cancelled: its events are not the parcel's.
        return
    if parcels.record(parcel, [event]):
        after_commit(lambda: _track(parcel.id))


def _track(parcel_id: UUID) -> None:
    queue.wake_tracking(parcel_id)


def _by_order(event: TrackEvent) -> UUID:
    order = _uuid(event.order_ref or "")
    row = None
    if order is not None:
        row = db.session.execute(
            select(Delivery.id, Delivery.parcel_id, Delivery.state)
            .where(Delivery.id == order, Delivery.channel == "ems")
            .with_for_update()
        ).first()
    if row is None or row.parcel_id is None:
        raise NotOurs("no parcel of ours has that number")
    if row.state == "sending":
        raise NotYet("the order is on its way")
    parcels.ordered(row.parcel_id, event.tracking)
    if row.state not in (*FINAL_NOTICE_STATES, "sent"):
        # The order was taken though its answer was lost: it must not be repeated.
        db.session.execute(
            update(Delivery)
            .where(Delivery.id == row.id)
            .values(state="sent", partner_ref=event.tracking, reason=None, due_at=None, lease=None, leased_until=None)
        )
    return row.parcel_id


# --- the national platform -----------------------------------------------------------------------------------------


def _settle_platform(body: Mapping[str, Any]) -> None:
    """An answer to an application, found by our reference."""
    told = PlatformAnswer(**{**body, "at": datetime.fromisoformat(body["at"])})
    case_id = platform.case_of_ref(told.our_ref)
    if case_id is None or not platform.record(case_id, UUID(told.our_ref), told):
        raise NotOurs("no application of ours went under that reference")


_SETTLERS: Mapping[str, Callable[[Mapping[str, Any]], None]] = {
    "sms_aliyun": partial(_settle_sms, "sms_aliyun"),
    "sms_tencent": partial(_settle_sms, "sms_tencent"),
    "wechat_api": _settle_wechat,
    "ems": _settle_ems,
    "platform": _settle_platform,
}
