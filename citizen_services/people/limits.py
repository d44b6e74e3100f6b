"""Limits on tries: counted in PostgreSQL by keyed subject, under a lock, so that tries made at once can't slip through.

A try is reserved (and committed by whoever opened the door) before it is made, and settled after it; so a guess is
counted even where the process dies between.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, func, insert, select, update

from citizen_services.clock import protocol_now
from citizen_services.database import db, new_id
from citizen_services.people.errors import TooMany
from citizen_services.people.models import Attempt
from citizen_services.security import keyring


@dataclass(frozen=True)
class Limit:
    """At most ``times`` within a span, counted ``by`` one kind of subject.

    ``failures``: only what failed counts. ``since_success``: and only after the last success.
    """

    by: str
    times: int
    within: timedelta
    failures: bool = False
    since_success: bool = False


_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
_QUARTER = timedelta(minutes=15)

#: A hall or a phone network stands behind one address: its limits are much wider than those of what is one person's.
LIMITS: Mapping[str, Sequence[Limit]] = {
    "staff_login": (
        Limit("login", 5, _QUARTER, failures=True, since_success=True),
        Limit("address", 30, _QUARTER, failures=True),
    ),
    "own_password": (Limit("staff", 5, _QUARTER, failures=True, since_success=True),),
    "second_factor": (Limit("staff", 5, _QUARTER, failures=True, since_success=True),),
    "send_code": (
        Limit("phone", 1, _MINUTE),
        Limit("phone", 5, _HOUR),
        Limit("phone", 10, _DAY),
        Limit("address", 30, _MINUTE),
        Limit("address", 300, _HOUR),
        Limit("address", 2000, _DAY),
    ),
    "check_code": (
        Limit("phone", 10, _HOUR, failures=True),
        Limit("address", 300, _HOUR, failures=True),
    ),
    "whose_phone": (Limit("phone", 5, _HOUR, failures=True),),
    "bind": (
        Limit("phone", 5, _HOUR, failures=True),
        Limit("id_number", 5, _HOUR, failures=True),
        Limit("address", 300, _HOUR, failures=True),
    ),
    "face": (Limit("id_number", 6, _DAY, failures=True),),
    "counter_bind": (Limit("staff", 10, _QUARTER, failures=True),),
    # A number that is known and one that is not are told apart there: a clerk has to know which.
    "counter_find": (Limit("staff", 10, _QUARTER, failures=True),),
    "guardian": (Limit("citizen", 5, _QUARTER, failures=True),),
    "organisation": (Limit("citizen", 5, _HOUR, failures=True),),
    # Nobody has so many vehicles: whoever tries out plates and numbers finds little.
    "name_vehicle": (Limit("citizen", 30, _DAY),),
    # Each one sends a message to a phone that somebody else typed.
    "worker_report": (Limit("organisation", 200, _DAY),),
    # Each one asks the register about a child, or writes to somebody's account.
    "household": (Limit("citizen", 30, _DAY),),
    # A hall's visitors share an address; sixteen digits of a code are not found by so many guesses.
    "verify": (Limit("address", 60, _HOUR, failures=True),),
    "authorise": (Limit("citizen", 5, _HOUR, failures=True),),
}


@dataclass(frozen=True)
class Try:
    """A try that was counted and is still to be settled."""

    ids: tuple[UUID, ...]


def address_subject(address: str | None) -> str:
    """What of a network address is limited: an IPv4 address, a /64 of IPv6 (one household or office holds as many)."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def reserve(kind: str, subjects: Mapping[str, str]) -> Try:
    """Count one try of ``kind`` for each subject (``{"phone": digits, "address": …}``) as failed until it is settled.

    Raises TooMany, and then counts nothing: waiting is never made longer by trying again.
    """
    hashes = {by: keyring().lookup(f"attempt_{by}", value) for by, value in subjects.items()}
    # One order for all, else two tries that share both subjects could wait for each other.
    for subject in sorted(hashes.values()):
        number = int.from_bytes(subject[:8], signed=True)
        db.session.execute(select(func.pg_advisory_xact_lock(number)))
    waits = [_wait(kind, limit, hashes[limit.by]) for limit in LIMITS[kind] if limit.by in hashes]
    longest = max(waits, default=0.0)
    if longest > 0:
        raise TooMany(longest)
    at = protocol_now()
    ids = tuple(new_id() for _ in hashes)
    db.session.execute(
        insert(Attempt),
        [
            {"id": id_, "kind": kind, "subject": subject, "succeeded": False, "at": at}
            for id_, subject in zip(ids, hashes.values(), strict=True)
        ],
    )
    return Try(ids)


def _wait(kind: str, limit: Limit, subject: bytes) -> float:
    """Seconds until a further try is within the limit; 0 where it is now."""
    now = protocol_now()
    since = now - limit.within
    of_subject = (Attempt.kind == kind) & (Attempt.subject == subject)
    if limit.since_success:
        success = db.session.scalar(select(func.max(Attempt.at)).where(of_subject, Attempt.succeeded))
        since = max(since, success) if success else since
    counted = select(Attempt.at).where(of_subject, Attempt.at > since)
    if limit.failures:
        counted = counted.where(~Attempt.succeeded)
    last = db.session.scalars(counted.order_by(Attempt.at.desc(), Attempt.id.desc()).limit(limit.times)).all()
    if len(last) < limit.times:
        return 0.0
    return (last[-1] + limit.within - now).total_seconds()


def succeeded(one: Try) -> None:
    """The try did what it was made for."""
    db.session.execute(update(Attempt).where(Attempt.id.in_(one.ids)).values(succeeded=True))


def not_made(one: Try) -> None:
    """The try could not be made for a reason of ours or a partner's: it doesn't count."""
    db.session.execute(delete(Attempt).where(Attempt.id.in_(one.ids)))
