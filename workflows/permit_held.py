"""The permit that a person already holds: what every service about one asks of it before and at the sending."""

from __future__ import annotations

from collections.abc import Callable

from citizen_services.cases.errors import GuardFailed, NoSuchCase
from citizen_services.cases.queries import cases_of, own_case
from citizen_services.cases.situation import Situation
from citizen_services.catalogue import Effect, Facts, Guard, Verdict
from citizen_services.database import Change
from citizen_services.registers.models import ResidencePermit
from citizen_services.registers.operations import report_card_lost
from citizen_services.registers.queries import current_permit

#: The services that make another card, and their states before it is decided that one is made.
_OF_CARDS = frozenset({"residence-permit-replace", "residence-permit-renew"})
_UNDECIDED = frozenset({"submitted", "correcting", "accepted"})


def holds_card(in_making: str, elsewhere: str) -> Callable[[Facts], Verdict]:
    """The condition that the person has a permit's card of ours.

    ``in_making`` is said where the card is still to be made, ``elsewhere`` where no permit of ours is known.
    """

    def known(facts: Facts) -> Verdict:
        ours = [permit for permit in facts.permits if permit["state"] != "ended"]
        if any(permit["state"] == "current" for permit in ours):
            return Verdict(True)
        if ours:
            return Verdict(False, in_making, "证件在寄送途中丢失的，由我们免费补制。")
        return Verdict(False, "没有查到本区签发或签注过的居住证。", elsewhere)

    return known


def permit_of(situation: Situation) -> ResidencePermit:
    """The applicant's permit; raises GuardFailed where it has ended."""
    ours = current_permit(situation.citizen.id)
    if ours is None:
        raise GuardFailed(CURRENT.name, CURRENT.sentence)
    return ours


def is_another_card(situation: Situation) -> bool:
    """Whether the card that was just made is not the one that the permit has."""
    ours = current_permit(situation.citizen.id)
    return ours is None or str(situation.given.get("card_number", "")).strip().upper() != ours.card_number


def route(situation: Situation) -> str:
    """The station of the applicant's registered home."""
    return situation.home.office_code if situation.home else ""


def _still_registered(situation: Situation) -> bool:
    return situation.home is not None


def _is_current(situation: Situation) -> bool:
    ours = current_permit(situation.citizen.id)
    return ours is not None and ours.state == "current"


def _is_not_lost(situation: Situation) -> bool:
    ours = current_permit(situation.citizen.id)
    return ours is None or ours.card_lost_on is None


def _is_handed_over(situation: Situation) -> bool:
    """Whether the card has left the case that it was made for: until then its loss is ours to mend."""
    ours = current_permit(situation.citizen.id)
    if ours is None:
        return False
    others = [case for case in cases_of(situation.citizen.id) if case.ended_at is None and case.id != situation.case_id]
    if any(case.item in _OF_CARDS and case.state not in _UNDECIDED for case in others):
        return False
    try:
        return own_case(situation.citizen.id, ours.case_id).ended_at is not None
    except NoSuchCase:
        # The register outlives the case files.
        return True


def _report_lost(situation: Situation, change: Change) -> None:
    report_card_lost(change, permit_of(situation), situation.today)


#: The card is void: its person reported it lost, or it was lost on its way to them.
REPORT_LOST = Effect("report_lost", _report_lost)

REGISTERED = Guard("registered", "您的居住登记已经变化，请重新办理居住登记后再申请。", _still_registered)
CURRENT = Guard("permit_current", "申请人的居住证已经不在有效登记中，不能办理。", _is_current)
NOT_LOST = Guard("not_lost", "您的居住证卡片已经挂失，请办理补领。", _is_not_lost)
HANDED_OVER = Guard(
    "handed_over", "您的居住证还在制作或寄送中，请在原来的办件中查看；途中丢失的由我们免费补制。", _is_handed_over
)
