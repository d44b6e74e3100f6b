"""Doctor: what an operator asks first when something seems wrong, each answer with what to do."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import redis
from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError

from citizen_services.clock import protocol_now
from citizen_services.database import db
from citizen_services.database.migrate import OLDEST_SERVER, head, is_current
from citizen_services.database.models import HEARTBEAT_LIFETIME, Heartbeat
from citizen_services.fees import desk, reconciling, tariff
from citizen_services.parts import Parts
from citizen_services.people import data_requests

#: More than this between our clock and the database's makes leases and signatures go wrong, in seconds.
_MOST_SKEW_S = 2.0


@dataclass(frozen=True)
class Finding:
    """One thing looked at: whether it is well, what was found, what to do where it isn't."""

    check: str
    ok: bool
    found: str
    todo: str = ""


def examine(parts: Parts) -> list[Finding]:
    """Look at everything that serving needs; needs an application context."""
    findings = list(_database())
    findings += list(_redis(parts))
    findings += list(_partners(parts))
    findings.append(_sms(parts))
    findings += list(_fees(parts))
    findings += list(_data_officer(parts))
    return findings


def _database() -> Iterator[Finding]:
    try:
        version = int(db.session.execute(text("SHOW server_version_num")).scalar_one()) // 10_000
        skew = abs((db.session.execute(select(func.clock_timestamp())).scalar_one() - protocol_now()).total_seconds())
        current = is_current(db.engine)
    except SQLAlchemyError as fault:
        yield Finding("database", False, type(fault).__name__, "start PostgreSQL, or mend DATABASE_URL")
        return
    yield Finding(
        "database", version >= OLDEST_SERVER, f"PostgreSQL {version}", f"use PostgreSQL {OLDEST_SERVER} or newer"
    )
    yield Finding("migrations", current, "current" if current else f"not at {head()}", "run `app.py migrate`")
    yield Finding(
        "clock", skew < _MOST_SKEW_S, f"{skew:.1f} s apart from the database", "set both machines' clocks by NTP"
    )
    if current:
        yield from _processes()


def _processes() -> Iterator[Finding]:
    since = protocol_now() - HEARTBEAT_LIFETIME
    living = dict(
        db.session.execute(
            select(Heartbeat.kind, func.count()).where(Heartbeat.at >= since).group_by(Heartbeat.kind)
        ).all()
    )
    for kind in ("web", "worker", "scheduler"):
        yield Finding(f"{kind} processes", bool(living.get(kind)), f"{living.get(kind, 0)} alive", f"start the {kind}")


def _redis(parts: Parts) -> Iterator[Finding]:
    yield _tried(
        "redis", parts.redis.ping, redis.RedisError, "start Redis: nothing is lost, but notices wait for the sweep"
    )


def _partners(parts: Parts) -> Iterator[Finding]:
    for name, partner in parts.settings.partners.items():
        address = urlsplit(partner.base_url)
        port = address.port or (443 if address.scheme == "https" else 80)

        def reach(host: str = address.hostname or "", port: int = port) -> None:
            socket.create_connection((host, port), timeout=2).close()

        yield _tried(f"partner {name}", reach, OSError, f"look at the network and at {name.upper()}_BASE_URL")


def _sms(parts: Parts) -> Finding:
    """Whether there is a gateway, whichever: codes, and whoever has no WeChat, depend on one."""
    gateways = parts.settings.sms_gateways
    return Finding(
        "sms gateways",
        bool(gateways),
        ", then ".join(gateways) or "none",
        "set SMS_ALIYUN_… or SMS_TENCENT_…: without one nobody gets a code",
    )


def _fees(parts: Parts) -> Iterator[Finding]:
    """Whether what costs something can be paid, and whether money waits for somebody."""
    online = "wechat_pay" in parts.settings.partners
    try:
        charged = [item.code for item in parts.catalogue.items() if tariff.lines(item)]
        stuck = len(desk.to_look_after())
        open_ = len(reconciling.open_differences())
    except SQLAlchemyError:
        # Said above: the database is away or not at this version.
        return
    yield Finding(
        "fees: payment",
        online or not charged,
        f"{len(charged)} services cost something, " + ("paid online and at the counter" if online else "counter only"),
        "set WECHAT_PAY_…, or let them be paid at the counter",
    )
    yield Finding("fees: refunds", not stuck, f"{stuck} wait for the cashier", "look after them on /console/fees")
    yield Finding("fees: bills", not open_, f"{open_} differences", "settle them on /console/fees")


def _data_officer(parts: Parts) -> Iterator[Finding]:
    """Whether somebody is named who reads and answers what people ask of their own data."""
    try:
        named = data_requests.officers(parts.settings.district)
        waiting = data_requests.waiting().count
    except SQLAlchemyError:
        # Said above: the database is away or not at this version.
        return
    yield Finding(
        "data officer",
        bool(named),
        f"{len(named)} named, {waiting} requests wait",
        "ask for the role data_officer on /console/admin, and have it approved",
    )


def _tried(check: str, attempt: Callable[[], object], fault: type[Exception], todo: str) -> Finding:
    try:
        attempt()
    except fault as error:
        return Finding(check, False, type(error).__name__, todo)
    return Finding(check, True, "answers")
