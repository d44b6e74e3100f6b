"""What workers run: a channel or an id in; what is to be done stands in the database. None raises for a row's sake."""

from __future__ import annotations

import logging
import queue as queues
import threading
import time
from uuid import UUID

from flask import Flask, current_app
from sqlalchemy.exc import SQLAlchemyError

from citizen_services.database import commit, db
from citizen_services.exchange.outcomes import OutsideError
from citizen_services.parts import parts
from notifications import outbox, parcels, queue
from notifications.claimed import Claimed, place
from notifications.models import Parcel
from notifications.receipts import settlement

log = logging.getLogger(__name__)

THREADS = 4
#: No row of a batch is begun later than this, so that none is begun whose lease could end during its call.
BATCH_FOR_S = 15.0
#: A job gives way to other queues after this; the sweep wakes the next one.
JOB_FOR_S = 20.0


def _application() -> Flask:
    application: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    return application


def send(channel: str) -> None:
    """Send everything that is due on a channel, batch by batch, until a claim comes back empty."""
    app, until = _application(), time.monotonic() + JOB_FOR_S
    try:
        while time.monotonic() < until and not queue.stopping.is_set():
            if send_batch(app, channel) == 0:
                return
    except SQLAlchemyError as fault:
        log.error("sending on %s stopped: %s; leases end by themselves", channel, type(fault).__name__)


def send_batch(app: Flask, channel: str) -> int:
    """Claim one batch and send it with four threads, each on a connection of its own; returns how many were claimed."""
    with app.app_context():
        rows = outbox.claim(channel)
    if not rows:
        return 0
    waiting: queues.SimpleQueue[Claimed] = queues.SimpleQueue()
    for row in rows:
        waiting.put(row)
    rest = threading.Event()
    until = time.monotonic() + BATCH_FOR_S
    helpers = [
        threading.Thread(target=_send_some, args=(app, waiting, rest, until), name=f"send-{channel}-{number}")
        for number in range(min(THREADS, len(rows)))
    ]
    for helper in helpers:
        helper.start()
    for helper in helpers:
        helper.join()
    left = _drain(waiting)
    if left:
        with app.app_context():
            outbox.release(left)
    return len(rows) if not rest.is_set() else 0


def _send_some(app: Flask, waiting: queues.SimpleQueue[Claimed], rest: threading.Event, until: float) -> None:
    def may_begin() -> bool:
        return time.monotonic() < until and not rest.is_set() and not queue.stopping.is_set()

    def take() -> Claimed | None:
        try:
            return waiting.get_nowait() if may_begin() else None
        except queues.Empty:
            return None

    with app.app_context():
        while may_begin() and not waiting.empty():
            try:
                if not outbox.work_through(take):
                    rest.set()
            except SQLAlchemyError as fault:
                db.session.rollback()
                log.error("sending stopped at a row: the database failed (%s); its lease ends", type(fault).__name__)
            except Exception as fault:
                # Whatever it is, it is one row's: the others go on, and its lease leads it to be settled.
                db.session.rollback()
                log.error("sending stopped at a row: %s; its lease ends", place(fault))
            finally:
                db.session.remove()


def _drain(waiting: queues.SimpleQueue[Claimed]) -> list[Claimed]:
    left = []
    while True:
        try:
            left.append(waiting.get_nowait())
        except queues.Empty:
            return left


def settle() -> None:
    """Settle every receipt that is due."""
    until = time.monotonic() + JOB_FOR_S
    with _application().app_context():
        try:
            while time.monotonic() < until and not queue.stopping.is_set() and settlement.settle_next():
                pass
        except SQLAlchemyError as fault:
            log.error("settling receipts stopped: %s", type(fault).__name__)


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
