"""The population register: who somebody is, and whether a face is theirs (docs/partners/population.md)."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import date
from typing import Literal, cast

from citizen_services.exchange.http import PAGE, Caller, Patience
from citizen_services.exchange.signing import Answered, Fields, Malformed, Register
from citizen_services.settings import Partner

FaceResult = Literal["match", "no_match", "unavailable"]
#: A face comparison takes the register longer than a look-up.
_FACE = Patience(1.0, 5.0, 6.0)


@dataclass(frozen=True)
class Person:
    """A registered person; ``gender``: ``male``, ``female``; ``status``: ``normal``, ``cancelled``, ``deceased``."""

    id_number: str
    name: str
    gender: str
    nation: str
    birth_date: date
    hukou_code: str
    hukou_address: str
    status: str


class Population:
    """Client of the population register. Every method raises OutsideError."""

    def __init__(self, partner: Partner, caller: Caller | None = None) -> None:
        self._register = Register(partner, caller)

    def verify(self, name: str, id_number: str, phone: str, *, patience: Patience = PAGE) -> bool:
        """Whether name, number and phone belong together; a number that isn't known is a no."""

        def read(data: Fields) -> bool:
            return data.one_of("result", "match", "no_match") == "match"

        fields = {"name": name, "id_number": id_number, "phone": phone}
        return self._register.ask("verify", fields, read, patience=patience).value

    def person(self, id_number: str, *, ref: str | None = None, patience: Patience = PAGE) -> Answered[Person | None]:
        """The person of a number, None where the register knows nobody."""
        return self._register.ask("person", {"id_number": id_number}, _person, ref=ref, patience=patience)

    def portrait(self, id_number: str, *, ref: str | None = None, patience: Patience = PAGE) -> Answered[bytes | None]:
        """The kept photograph (JPEG), None where there is none."""
        return self._register.ask("portrait", {"id_number": id_number}, _portrait, ref=ref, patience=patience)

    def guards(self, guardian: str, child: str, *, patience: Patience = PAGE) -> bool:
        """Whether the register shows somebody as the guardian of a child, both by number; not shown is a no."""

        def read(data: Fields) -> bool:
            return data.one_of("result", "shown", "not_shown") == "shown"

        fields = {"id_number": guardian, "child_id_number": child}
        return self._register.ask("guardian", fields, read, patience=patience).value

    def face(self, id_number: str, image: bytes, *, patience: Patience = _FACE) -> FaceResult:
        """Whether a JPEG of at most 1 MiB shows that person; ``unavailable`` says nothing about the person."""

        def read(data: Fields) -> FaceResult:
            return cast(FaceResult, data.one_of("result", "match", "no_match", "unavailable"))

        fields = {"id_number": id_number, "image": base64.b64encode(image).decode()}
        return self._register.ask("face", fields, read, patience=patience).value


def _person(data: Fields) -> Person | None:
    if not data.flag("found"):
        return None
    person = data.part("person")
    return Person(
        id_number=person.text("id_number"),
        name=person.text("name"),
        gender=person.one_of("gender", "male", "female"),
        nation=person.text("nation"),
        birth_date=person.day("birth_date"),
        hukou_code=person.text("hukou_code"),
        hukou_address=person.text_or_empty("hukou_address"),
        status=person.one_of("status", "normal", "cancelled", "deceased"),
    )


def _portrait(data: Fields) -> bytes | None:
    if not data.flag("found"):
        return None
    try:
        return base64.b64decode(data.text("portrait"), validate=True)
    except binascii.Error:
        raise Malformed("portrait") from None
