"""For which offices somebody answers: at the service centre for the whole district, elsewhere for their own one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import request

from citizen_services import clock
from citizen_services.cases.figures import MONTHS, month_of
from citizen_services.people.actors import Actor
from citizen_services.people.models import Office
from citizen_services.people.queries import offices
from citizen_services.rules.dates import add_months


@dataclass(frozen=True)
class Scope:
    """What a page of supervision is about: the offices, the one that was chosen (empty: all of them), the month."""

    offices: Sequence[Office]
    chosen: str
    month: date

    @property
    def codes(self) -> list[str]:
        """The codes of the offices that are shown."""
        return [self.chosen] if self.chosen else [office.code for office in self.offices]

    @property
    def figures_of(self) -> str:
        """The office under which figures are kept: empty for the whole district."""
        return self.chosen

    @property
    def query(self) -> dict[str, Any]:
        """What addresses carry of it."""
        chosen = {"office": self.chosen} if self.chosen and len(self.offices) > 1 else {}
        return {**chosen, "month": f"{self.month:%Y-%m}"}


def answers_for(actor: Actor) -> list[Office]:
    """The offices for which a supervisor answers, in order of their codes."""
    known = sorted(offices().values(), key=lambda office: office.code)
    whole = actor.office_kind == "service_centre"
    return [one for one in known if one.district == actor.district and (whole or one.code == actor.office)]


def shown_months() -> list[date]:
    """The months whose figures are kept for pages, newest first."""
    this = month_of(clock.today())
    return [add_months(this, -back) for back in range(MONTHS)]


def scope_of(actor: Actor) -> Scope:
    """The scope that a request asks for; what isn't the actor's to see, or no month of ours, counts as not asked."""
    mine = answers_for(actor)
    asked = request.values.get("office", "")
    chosen = asked if asked in {one.code for one in mine} else ""
    if len(mine) == 1:
        chosen = mine[0].code
    months = shown_months()
    wanted = request.values.get("month", "")
    month = next((one for one in months if f"{one:%Y-%m}" == wanted), months[0])
    return Scope(mine, chosen, month)
