"""``/metrics``: figures for the operator's Prometheus, for whoever holds METRICS_TOKEN."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from flask import Blueprint, Response, request
from prometheus_client.metrics_core import Metric
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from citizen_services import metrics
from citizen_services.cases.models import Case
from citizen_services.clock import protocol_now
from citizen_services.database import db
from citizen_services.database.base import rollback
from citizen_services.database.models import HEARTBEAT_LIFETIME, Heartbeat
from citizen_services.parts import parts
from citizen_services.security import equal

bp = Blueprint("metrics", __name__)
log = logging.getLogger(__name__)


@bp.get("/metrics")
def show() -> Response:
    """Everything that is counted and read; 401 without the token. What needs the database is left out without it."""
    token = parts().settings.metrics_token
    kind, _, given = request.headers.get("Authorization", "").partition(" ")
    if not token or kind.lower() != "bearer" or not equal(given.strip(), token):
        return Response("", 401, headers={"WWW-Authenticate": "Bearer"}, content_type="text/plain; charset=utf-8")
    answer = Response(metrics.exposition(_read()), content_type=metrics.CONTENT_TYPE)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _read() -> Iterator[Metric]:
    found: list[Metric] = []
    up = 1
    try:
        found.append(_processes())
        found.append(metrics.gauge("open_cases", "Cases that have not ended.", ("item", "state"), open_by_state()))
        for reading in metrics.readings():
            found.extend(reading())
    except SQLAlchemyError as fault:
        log.warning("figures without the database: %s", type(fault).__name__)
        rollback()
        up = 0
    yield metrics.gauge("database_up", "Whether PostgreSQL answered.", (), [(up,)])
    yield from found


def _processes() -> Metric:
    since = protocol_now() - HEARTBEAT_LIFETIME
    query = select(Heartbeat.kind, func.count()).where(Heartbeat.at >= since).group_by(Heartbeat.kind)
    found = dict(db.session.execute(query).all())
    # A kind of which none lives says 0 instead of vanishing: an alarm must have something to compare.
    rows = [(kind, found.get(kind, 0)) for kind in ("web", "worker", "scheduler")]
    return metrics.gauge("processes", "Processes that say that they live.", ("kind",), rows)


def open_by_state() -> list[tuple[str, str, int]]:
    """How many cases are under way: ``(item, state, number)``."""
    counted = select(Case.item, Case.state, func.count()).where(Case.ended_at.is_(None)).group_by(Case.item, Case.state)
    rows = db.session.execute(counted.order_by(Case.item, Case.state))
    return [(item, state, number) for item, state, number in rows]
