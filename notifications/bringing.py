"""What somebody brings who has to come: the usual list by the item's own SMS, a personal difference as one variable.

Where the difference has no room there, the SMS says how many things and where to tap; whoever has no WeChat to tap in
is called, with the whole list before the caller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from citizen_services.cases.situation import Situation
from citizen_services.catalogue.vocabulary import Bring
from citizen_services.database import Change
from citizen_services.rules.errors import RuleError
from citizen_services.rules.templates import fit_sms_value
from notifications import rows


def tell(change: Change, bring: Bring, situation: Situation, values: Mapping[str, str], about: rows.About) -> None:
    """Tell the person of a step what to bring, by the template that says all of it, else the one that says how much."""
    differs = bring.differs(situation)
    things = (*bring.usual, *differs)
    also = "、".join(differs)
    fits = not differs or _fits(also)
    usual, one_more, many = bring.notices
    notice = many if not fits else one_more if differs else usual
    given = {**values, "bring": listed(things), "things": str(len(things)), "also": also}
    rows.tell(change, notice, given, situation.citizen, about, things=things, more_than_sms=not fits)


def listed(things: Sequence[str]) -> str:
    """The whole list as the notice's text has it."""
    return "；".join(f"{n}. {thing}" for n, thing in enumerate(things, start=1))


def _fits(also: str) -> bool:
    """Whether an SMS takes it as it is: nothing cut off, nothing that the gateway refuses."""
    try:
        return fit_sms_value(also) == also
    except RuleError:
        return False
