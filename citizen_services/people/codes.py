"""Six-digit codes sent to phones: they prove that somebody holds the phone now."""

from __future__ import annotations

import secrets
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select, update

from citizen_services.clock import protocol_now
from citizen_services.database import Change, db, new_id
from citizen_services.people import limits
from citizen_services.people.models import PhoneCode
from citizen_services.people.signals import code_wanted
from citizen_services.security import equal, keyring

LIFETIME = timedelta(minutes=5)
TRIES = 5

#: How long a page lets the person wait before asking for another code, in seconds: the first limit of ``send_code``.
RESEND_S = 60


def _content(phone: str, purpose: str, about: str, code: str) -> str:
    return f"{purpose}\0{about}\0{phone}\0{code}"


def send(phone: str, purpose: str, address: str, change: Change, *, about: str = "") -> None:
    """Make a code and have it sent to a phone (digits); an earlier one of the same purpose is dead by that.

    ``about`` names the one thing that it proves, where a purpose has several: it proves no other.

    Nobody is looked up: the answer can't tell whether we know the phone. Raises TooMany.
    """
    one = limits.reserve("send_code", {"phone": phone, "address": address})
    limits.succeeded(one)
    code = f"{secrets.randbelow(10**6):06d}"
    now = protocol_now()
    change.add(
        PhoneCode,
        id=new_id(),
        phone_lookup=keyring().lookup("phone", phone),
        purpose=purpose,
        code_hash=keyring().lookup("phone_code", _content(phone, purpose, about, code)),
        attempts=0,
        at=now,
        expires_at=now + LIFETIME,
    )
    code_wanted.send(purpose, phone=phone, code=code, expires_at=now + LIFETIME, change=change)


def check(phone: str, purpose: str, code: str, address: str, *, about: str = "") -> bool:
    """Whether this is the code that was sent last for that purpose, about the same thing; True once only.

    Everything that it counts must be committed whatever the answer. Raises TooMany.
    """
    one = limits.reserve("check_code", {"phone": phone, "address": address})
    newest = db.session.scalar(
        select(PhoneCode.id)
        .where(PhoneCode.phone_lookup.in_(keyring().lookups("phone", phone)), PhoneCode.purpose == purpose)
        .order_by(PhoneCode.at.desc(), PhoneCode.id.desc())
        .limit(1)
    )
    if newest is None or not _matches(newest, _content(phone, purpose, about, code)):
        return False
    limits.succeeded(one)
    return True


def _matches(id: UUID, content: str) -> bool:
    # The counting UPDATE comes first: it locks the row, so of guesses made at once no more than TRIES are compared.
    stored = db.session.scalar(
        update(PhoneCode)
        .where(
            PhoneCode.id == id,
            PhoneCode.used_at.is_(None),
            PhoneCode.attempts < TRIES,
            PhoneCode.expires_at > protocol_now(),
        )
        .values(attempts=PhoneCode.attempts + 1)
        .returning(PhoneCode.code_hash)
    )
    if stored is None or not any(equal(stored, candidate) for candidate in keyring().lookups("phone_code", content)):
        return False
    db.session.execute(update(PhoneCode).where(PhoneCode.id == id).values(used_at=protocol_now()))
    return True
