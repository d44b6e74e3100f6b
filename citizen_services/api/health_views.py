"""Whether this installation lives and can serve: ``/healthz`` and ``/readyz``."""

from __future__ import annotations

import logging

import redis
from flask import Blueprint, Response, jsonify
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from citizen_services.clock import protocol_now
from citizen_services.database import db
from citizen_services.database.migrate import is_current
from citizen_services.database.models import HEARTBEAT_LIFETIME, Heartbeat
from citizen_services.parts import parts

bp = Blueprint("health", __name__)
log = logging.getLogger(__name__)


@bp.get("/healthz")
def healthz() -> Response:
    """This process answers."""
    return jsonify(alive=True)


@bp.get("/readyz")
def readyz() -> tuple[Response, int]:
    """Whether all that serving needs is there; 503 without the database, a worker, or the schema.

    Redis away is ``degraded`` and stays green: nothing is lost without it. Heartbeats are rows by machine time.
    """
    checks = {"database": "away", "redis": _redis(), "workers": "away", "scheduler": "away", "migrations": "unknown"}
    try:
        since = protocol_now() - HEARTBEAT_LIFETIME
        kinds = dict(
            db.session.execute(
                select(Heartbeat.kind, func.count()).where(Heartbeat.at >= since).group_by(Heartbeat.kind)
            ).all()
        )
        checks["database"] = "ok"
        checks["workers"] = "ok" if kinds.get("worker") else "away"
        checks["scheduler"] = "ok" if kinds.get("scheduler") else "away"
        checks["migrations"] = "ok" if is_current(db.engine) else "pending"
    except SQLAlchemyError as fault:
        log.warning("the database is away: %s", type(fault).__name__)
    ready = checks["database"] == checks["workers"] == checks["migrations"] == "ok"
    return jsonify(ready=ready, checks=checks), 200 if ready else 503


def _redis() -> str:
    try:
        parts().redis.ping()
    except redis.RedisError:
        return "degraded"
    return "ok"
