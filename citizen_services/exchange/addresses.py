"""Standard addresses: every dwelling of the district, and which station is responsible (docs/partners/addresses.md)."""

from __future__ import annotations

from dataclasses import dataclass

from citizen_services.exchange.http import PAGE, Caller, Patience
from citizen_services.exchange.signing import Fields, Register
from citizen_services.settings import Partner

#: Bounds of a search text, in characters after trimming.
SEARCH_LENGTH = (2, 100)


@dataclass(frozen=True)
class Address:
    """A standard address; ``station`` is the code of the office that is responsible."""

    code: str
    text: str
    station: str
    community: str
    grid: str


@dataclass(frozen=True)
class Found:
    """One page of hits, and how many there are in all."""

    items: tuple[Address, ...]
    total: int


class Addresses:
    """Client of the standard addresses. Every method raises OutsideError."""

    def __init__(self, partner: Partner, caller: Caller | None = None) -> None:
        self._register = Register(partner, caller)

    def search(self, text: str, *, page: int = 1, size: int = 20, patience: Patience = PAGE) -> Found:
        """Addresses with every part of the text (2–100 characters); ``size`` 1–50, ``page`` × ``size`` ≤ 1000."""

        def read(data: Fields) -> Found:
            return Found(tuple(_address(item) for item in data.parts("items")), data.whole("total"))

        fields = {"text": text.strip(), "page": page, "size": size}
        return self._register.ask("search", fields, read, patience=patience).value

    def get(self, code: str, *, ref: str | None = None, patience: Patience = PAGE) -> Address | None:
        """The address of a code, None where there is none."""

        def read(data: Fields) -> Address | None:
            return _address(data.part("address")) if data.flag("found") else None

        return self._register.ask("address", {"code": code}, read, ref=ref, patience=patience).value


def _address(data: Fields) -> Address:
    return Address(
        code=data.text("code"),
        text=data.text("text"),
        station=data.text("station"),
        community=data.text_or_empty("community"),
        grid=data.text_or_empty("grid"),
    )
