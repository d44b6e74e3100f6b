"""The national platform of traffic administration (交管综合平台), the system of record of vehicles and licences.

See docs/partners/platform.md. An application is handed over under our reference; its serial number says that it was
taken. What an officer there answers comes by push, and can be asked for.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, cast

from citizen_services.exchange.http import WORK, Caller
from citizen_services.exchange.outcomes import Outcome, settle
from citizen_services.exchange.pushed import load_pushed
from citizen_services.exchange.signing import Fields, Malformed, Register
from citizen_services.security import equal
from citizen_services.settings import Partner

AnswerKind = Literal["accepted", "on_site", "refused"]
#: How many references, or subjects, one question may name.
MOST_ASKED = 100


class BadPush(Exception):
    """A push that is not the platform's, or not as described; ``str()`` is fit for logs."""


@dataclass(frozen=True)
class PlatformAnswer:
    """What an officer of the platform answered to an application of ours.

    ``answer`` is None while nobody has. ``number`` grows with each answer: an older one never overtakes a newer.
    ``reason`` is for the person; it is empty where it was accepted.
    """

    our_ref: str
    serial_number: str
    answer: AnswerKind | None
    reason: str
    officer_name: str
    officer_number: str
    at: datetime | None
    number: int


@dataclass(frozen=True)
class Subject:
    """What may run out: ``licence`` or ``medical`` of a person, or the ``inspection`` of a vehicle of theirs."""

    kind: Literal["licence", "medical", "inspection"]
    id_number: str
    plate_kind: str = ""
    plate: str = ""

    @property
    def fields(self) -> dict[str, str]:
        """As the platform is asked."""
        named = {"plate_kind": self.plate_kind, "plate": self.plate} if self.kind == "inspection" else {}
        return {"kind": self.kind, "id_number": self.id_number, **named}


class Platform:
    """Client of the national platform."""

    def __init__(self, partner: Partner, caller: Caller | None = None) -> None:
        self._register = Register(partner, caller)
        self._key = partner["app_key"]

    def hand_over(self, ref: str, application: Mapping[str, Any]) -> Outcome:
        """Hand over an application under our reference; accepted gives its serial number. After Unknown repeat it."""
        return self._write("applications", ref, application)

    def withdraw(self, ref: str, application_ref: str) -> Outcome:
        """Take back an application that nobody has answered; refused (never) where somebody has."""
        return self._write("withdrawals", ref, {"written_ref": application_ref})

    def by_reference(self, written_ref: str) -> str | None:
        """The serial number of an earlier hand-over; None (final 10 s after it was sent): not taken.

        Raises OutsideError.
        """

        def read(data: Fields) -> str | None:
            return data.text("register_number") if data.flag("found") else None

        return self._register.ask("refs", {"written_ref": written_ref}, read, patience=WORK).value

    def answers(self, refs: Sequence[str]) -> tuple[PlatformAnswer, ...]:
        """What was answered to applications, MOST_ASKED at most; those that it doesn't know are left out.

        Raises OutsideError.
        """

        def read(data: Fields) -> tuple[PlatformAnswer, ...]:
            return tuple(_answer(row) for row in data.parts("answers"))

        return self._register.ask("answers", {"written_refs": list(refs)}, read, patience=WORK).value

    def expiries(self, subjects: Sequence[Subject]) -> tuple[date | None, ...]:
        """Until when each of them is valid, in their order; None where there is none, or it never ends.

        Raises OutsideError; ValueError for more than MOST_ASKED.
        """
        if len(subjects) > MOST_ASKED:
            raise ValueError(f"at most {MOST_ASKED} at once")

        def read(data: Fields) -> tuple[date | None, ...]:
            rows = data.parts("expiries")
            if len(rows) != len(subjects):
                raise Malformed("expiries")
            return tuple(row.day("until") if row.flag("found") else None for row in rows)

        asked = {"subjects": [subject.fields for subject in subjects]}
        return self._register.ask("expiries", asked, read, patience=WORK).value

    def parse_push(self, body: bytes, signature: str) -> PlatformAnswer:
        """A pushed answer; BadPush for one that isn't signed with our key, or isn't as described."""
        right = hmac.new(self._key.encode(), body, hashlib.sha256).hexdigest()
        if not equal(signature, right):
            raise BadPush("the signature is wrong")
        try:
            pushed = _answer(Fields(load_pushed(body), "push"))
        except (ValueError, Malformed):
            pushed = None
        if pushed is None or pushed.answer is None:
            raise BadPush("it is no answer to an application")
        return pushed

    def _write(self, operation: str, ref: str, fields: Mapping[str, Any]) -> Outcome:
        return settle(
            lambda: (
                self._register.ask(
                    operation, fields, lambda data: data.text("register_number"), ref=ref, patience=WORK
                ).value
            )
        )


def _answer(row: Fields) -> PlatformAnswer:
    told = row.text_or_none("answer") is not None
    officer = row.part("officer") if told else None
    return PlatformAnswer(
        our_ref=row.text("our_ref"),
        serial_number=row.text("serial_number"),
        answer=cast(AnswerKind, row.one_of("answer", "accepted", "on_site", "refused")) if told else None,
        reason=row.text_or_empty("reason"),
        officer_name=officer.text("name") if officer else "",
        officer_number=officer.text("number") if officer else "",
        at=row.moment("at") if told else None,
        number=row.whole("number"),
    )
