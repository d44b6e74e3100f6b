"""Situation: what guards and effects of a declaration see of a case while the engine decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from citizen_services.catalogue.vocabulary import ServiceItem
from citizen_services.clock import SHANGHAI
from citizen_services.people.actors import Actor
from citizen_services.people.models import Citizen
from citizen_services.registers.queries import Home, homes_of


@dataclass
class Situation:
    """One act on one case, under decision. ``columns`` and ``results`` are what it will change.

    Nothing else is mutable.

    ``data`` is what was filled in (``{group: {field: value}}``), ``given`` what came with the action, ``answers`` the
    register answers by ``source.topic`` (``{"outcome", "content", "at"}``), ``values`` the placeholders for notices
    and documents.
    """

    item: ServiceItem
    case_id: UUID
    number: str
    district: str
    door: str
    state: str | None
    citizen: Citizen
    actor: Actor
    at: datetime
    data: Mapping[str, Mapping[str, Any]]
    answers: Mapping[str, Mapping[str, Any]]
    office: str | None = None
    #: Number of the event that the step under decision will be.
    seq: int = 1
    given: Mapping[str, Any] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)
    columns: dict[str, Any] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)
    #: The person's registrations with us, where they were read for this act.
    homes: Sequence[Home] | None = None

    @property
    def home(self) -> Home | None:
        """Where the person is registered with us as living now; read once in an act."""
        if self.homes is None:
            self.homes = homes_of(self.citizen.id)
        return next((home for home in self.homes if home.until is None), None)

    @property
    def today(self) -> date:
        """The act's date in Asia/Shanghai."""
        return self.at.astimezone(SHANGHAI).date()

    def content(self, key: str) -> Any | None:
        """What the register of that ``source.topic`` answered; None where it knew nothing or could not be asked."""
        answer = self.answers.get(key)
        return answer["content"] if answer and answer["outcome"] == "found" else None
