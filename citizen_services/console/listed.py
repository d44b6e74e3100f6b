"""Links from a list of one's own work (bad ratings to put right, whom to tell, who stands here) to its cases.

What stands on such a list is opened without asking why: the list is the reason, and it goes on record. A link is good
for whom it was made, for one case, and for a working day; of who stands at the counter, as long as they do.
"""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from flask import request, url_for
from itsdangerous import BadSignature, URLSafeTimedSerializer

from citizen_services.cases import visits
from citizen_services.cases.queries import case_for_staff
from citizen_services.console.counter_place import at_home
from citizen_services.parts import parts
from citizen_services.people.actors import Actor

#: The list of who stands here.
COUNTER = "counter"
#: The lists, as the person whose case is opened reads them.
LISTS: Mapping[str, str] = {
    "ratings": "差评回访和整改",
    "telling": "告知与寄递",
    "serving": "文书当面送达",
    COUNTER: "申请人在窗口，已核对身份证",
}
#: Seconds; longer than a shift.
GOOD_FOR_S = 12 * 3600


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(parts().settings.secret_key, salt="case-listed")


def case_url(case_id: UUID, actor: Actor, which: str) -> str:
    """The address of a case as a list of LISTS links to it, for whoever is shown the list now."""
    mark = _signer().dumps([which, case_id.hex, str(actor.id)])
    return url_for("console_cases.show", case_id=case_id, listed=mark)


def list_of(case_id: UUID, actor: Actor) -> str:
    """From which list the request comes, in the list's words; empty where from none, or by another's link."""
    try:
        which, case, whose = _signer().loads(request.args.get("listed", ""), max_age=GOOD_FOR_S)
    except (BadSignature, ValueError, TypeError):
        return ""
    if (case, whose) != (case_id.hex, str(actor.id)) or (which == COUNTER and not _stands_here(case_id, actor)):
        return ""
    return LISTS[which]


def _stands_here(case_id: UUID, actor: Actor) -> bool:
    """Whether a case's person is at the actor's desk still, card seen: a link outlasts whoever went home."""
    visit = visits.present(case_for_staff(actor, case_id).citizen_id, actor.office or "", home=at_home(actor))
    return visit is not None and visit.card_seen_at is not None
