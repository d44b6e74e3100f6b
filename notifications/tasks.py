"""What workers run: a channel or an id in; what is to be done stands in the database. None raises for a row's sake."""

from __future__ import annotations

import contextlib
import logging
import time
from collections import deque
from uuid import UUID

from flask import Flask, current_app
from sqlalchemy.exc import SQLAlchemyError

from citizen_services.console.export_work import make_next
from citizen_services.database import commit, db
from citizen_services.database.base import rollback
from citizen_services.exchange.outcomes import OutsideError
from citizen_services.parts import parts
from notifications import outbox, parcels, queue, rounds
from notifications.channels import channel
from notifications.claimed import Claimed
from notifications.models import Parcel
from notifications.receipts import settlement

log = logging.getLogger(__name__)

#: No row of a batch is begun later than this, so that none is begun whose lease could end during its call.
BATCH_FOR_S = 15.0
#: A job gives way to other queues after this; the sweep wakes the next one.
JOB_FOR_S = 20.0


def _application() -> Flask:
    application: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    return application


class _Backlog:
    """What is due on a channel, claimed batch by batch."""

    def __init__(self, channel: str) -> None:
        self._channel = channel
        self._claim_until = time.monotonic() + JOB_FOR_S
        self._begin_until = 0.0
        self._was_full = True
        self.rows: deque[Claimed] = deque()

    def take(self) -> Claimed | None:
        """The next row, None where none may be begun."""
        return self.rows.popleft() if self.rows and self._may_begin() else None

    def refill(self, idle: bool) -> bool:
        """Claim more where nothing is left: while calls are under way only if there surely is more."""
        if not self.rows and (idle or self._was_full) and not queue.stopping.is_set():
            now = time.monotonic()
            if now < self._claim_until:
                self.rows.extend(outbox.claim(self._channel))
                self._begin_until = now + BATCH_FOR_S
                self._was_full = len(self.rows) == outbox.BATCH
        return bool(self.rows) and self._may_begin()

    def _may_begin(self) -> bool:
        return time.monotonic() < self._begin_until and not queue.stopping.is_set()


def send(name: str) -> None:
    """Send everything that is due on a channel until nothing is; the calls are made by threads."""
    app = _application()
    backlog = _Backlog(name)
    with app.app_context(), contextlib.ExitStack() as stack:
        try:
            if backlog.refill(True):
                hands = rounds.Threads(app, channel(name).hands, f"send-{name}")
                stack.callback(hands.close)
                rounds.work_through(backlog.take, hands, backlog.refill)
            outbox.release(list(backlog.rows))
        except SQLAlchemyError as fault:
            rollback()
            log.error("sending on %s stopped: %s; leases end by themselves", name, type(fault).__name__)


def settle() -> None:
    """Settle every receipt that is due."""
    until = time.monotonic() + JOB_FOR_S
    with _application().app_context():
        try:
            while time.monotonic() < until and not queue.stopping.is_set() and settlement.settle_next():
                pass
        except SQLAlchemyError as fault:
            log.error("settling receipts stopped: %s", type(fault).__name__)


def export() -> None:
    """Make one long export that waits; the sweep wakes a worker for the next one, so that others have their turn."""
    with _application().app_context():
        try:
            make_next(queue.stopping.is_set)
        except SQLAlchemyError as fault:
            rollback()
            log.error("an export stopped: %s; its lease ends by itself", type(fault).__name__)


def track(parcel_id: str) -> None:
    """Ask the courier for all events of a parcel, which is how sub-codes of deliveries are learned."""
    id_ = UUID(parcel_id)
    with _application().app_context():
        try:
            parcel = db.session.get(Parcel, id_)
            if parcel is None or parcel.tracking is None:
                return
            tracking = parcel.tracking
            parcels.touch_asked(id_)
            commit()
            events = parts().clients["ems"].track(tracking)
            parcels.record(parcels.lock(id_), [event for event in events if event.tracking == tracking])
            commit()
        except OutsideError as fault:
            log.warning("parcel %s can't be tracked now: %s", parcel_id, fault)
        except SQLAlchemyError as fault:
            db.session.rollback()
            log.error("parcel %s can't be tracked: %s", parcel_id, type(fault).__name__)
