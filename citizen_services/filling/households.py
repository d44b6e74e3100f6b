"""Registering a household: each member's application filled in from the shared answers and sent by itself.

A member's trouble is noted with them and stops nobody else; whatever was cut off goes on from where it was, by the
same keys, so that nobody gets two cases.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy.exc import DBAPIError, IntegrityError

from citizen_services import clock
from citizen_services.cases import drafts, households, standing
from citizen_services.cases.errors import AlreadyOpen, CaseError, InvalidInput, NoSuchCase
from citizen_services.cases.household_models import Household, HouseholdMember
from citizen_services.cases.households import Named, Seen
from citizen_services.cases.standing import Standing
from citizen_services.catalogue import UnknownItem
from citizen_services.catalogue.vocabulary import ServiceItem
from citizen_services.database import Change, Conflict, commit, violated_constraint
from citizen_services.database.base import rollback
from citizen_services.database.idempotency import KeyReused, Once
from citizen_services.exchange.outcomes import OutsideError
from citizen_services.filling import registers
from citizen_services.filling.pages import Filled, filled_of
from citizen_services.filling.place import Place
from citizen_services.filling.sending import Hindrance
from citizen_services.filling.whole import Hindered, SaysOtherwise, fill_in, send_whole
from citizen_services.parts import parts
from citizen_services.people import children, limits
from citizen_services.people.errors import PeopleError
from citizen_services.people.guardians import is_child
from citizen_services.people.models import Citizen
from citizen_services.people.queries import NoSuchOffice, citizen, citizen_by_id_number
from citizen_services.rules.names import same_name

log = logging.getLogger(__name__)

AWAY = "人口信息库暂时连不上，过几分钟可以再试，其他人的登记不受影响。"
OURS = "系统这边出了问题，已经记下，可以再试一次，其他人的登记不受影响。"
THEIRS = "对方自己有一份没有提交的申请，没有动它；请对方自己提交或删除后再试。"
TWICE = "这个人已经在名单里了。"
NOT_COVERED = "委托已经收回或到期，没有替这个人办理。"


@dataclass(frozen=True)
class Right:
    """By what right a member is registered, and at which place their application is filled in.

    ``own``: a draft that they began themselves may be gone on with.
    """

    who: Citizen
    place: Place
    own: bool


#: How a place is made for those in whose name somebody acts.
PlaceOf = Callable[[Standing], Place]
#: The right by which a visitor registers somebody for an item (visitor, item, who); NoSuchCase where there is none.
RightOf = Callable[[Citizen, ServiceItem, Citizen], Right]


def by_standing(place_of: PlaceOf) -> RightOf:
    """Whoever the visitor may act for: themselves, their children, people who authorised them."""

    def right(visitor: Citizen, item: ServiceItem, who: Citizen) -> Right:
        by = standing.of(visitor, who.id)
        if not by.covers(item.code):
            raise NoSuchCase(NOT_COVERED)
        return Right(by.principal, place_of(by), own=by.kind != "agent")

    return right


class Unfit(Exception):
    """Who was named can't be: sentences by the row's number."""

    def __init__(self, errors: Mapping[int, str]) -> None:
        super().__init__()
        self.errors = errors


def may_come_along(head: Citizen, item: ServiceItem) -> list[Standing]:
    """Those in whose name somebody may apply for the item today: children, and whoever authorised them."""
    return [one for one in standing.others(head) if item in standing.items_by(one)]


def named(
    head: Citizen, item: ServiceItem, chosen: Sequence[UUID], rows: Sequence[tuple[str, str, str]]
) -> list[Named]:
    """Who is to be registered besides the head: chosen ones, and rows of (relation, name, identity number).

    A child under sixteen is the head's to register where the register shows it; everybody else is invited. Raises
    NoSuchCase for somebody in whose name the head may not act, Unfit.
    """
    mine = {one.principal.id: one for one in may_come_along(head, item)}
    found: list[Named] = []
    for id_ in dict.fromkeys(chosen):
        if id_ not in mine:
            raise NoSuchCase("没有可以替这个人办理这个事项的委托。")
        who, kind = mine[id_].principal, mine[id_].kind
        found.append(Named("child" if kind == "guardian" else "other", who.name, who.id_number, who.id))
    errors: dict[int, str] = {}
    numbers = {head.id_number, *(one.id_number for one in found)}
    for at, (relation, name, number) in enumerate(rows):
        if number in numbers:
            errors[at] = TWICE
            continue
        numbers.add(number)
        if is_child(number):
            found.append(Named("child" if relation == "spouse" else relation, name, number, None))
        else:
            found.append(Named(relation, name, number, None, invited=True))
    if len(found) >= households.MOST:
        errors.setdefault(max(0, len(rows) - 1), f"一次最多登记 {households.MOST} 人，其余的请另办。")
    if errors:
        raise Unfit(errors)
    return found


def named_here(
    head: Citizen, rows: Sequence[tuple[str, str, str]], away: Collection[int], here: Callable[[str, str], UUID]
) -> list[Named]:
    """Who is registered besides the head where all of them stand at a counter: rows of (relation, name, number).

    ``here`` gives who an adult is that was compared with the card; it raises ValueError with the sentence where they
    were not. Adults whose row is in ``away`` are invited. Raises Unfit.
    """
    found: list[Named] = []
    errors: dict[int, str] = {}
    numbers = {head.id_number}
    for at, (relation, name, number) in enumerate(rows):
        if number in numbers:
            errors[at] = TWICE
            continue
        numbers.add(number)
        if is_child(number):
            found.append(Named("child" if relation == "spouse" else relation, name, number, None))
        elif at in away:
            found.append(Named(relation, name, number, None, invited=True))
        else:
            try:
                found.append(Named(relation, name, number, here(name, number)))
            except ValueError as fault:
                errors[at] = str(fault)
    if errors:
        raise Unfit(errors)
    return found


def begin(filled: Filled, others: Sequence[Named], once: Once) -> UUID:
    """Keep a household with the answers of its head's draft; its id. The caller commits. Raises TooMany."""
    for one in others:
        if one.citizen_id is None:
            limits.succeeded(limits.reserve("household", {"citizen": str(filled.citizen.id)}))
    chosen = registers.chosen_address(filled.draft)
    change = Change(clock.now())
    household_id = households.begin(
        change, filled.item, filled.citizen, filled.draft, str(chosen["text"]) if chosen else "", others
    )
    once.remember(change, {"household": str(household_id)})
    change.write()
    return household_id


def go_on(household: Household, visitor: Citizen, right_of: RightOf) -> None:
    """Register whoever is still to be registered and in whose name the visitor may act; each for themselves. Commits.

    Safe to be called again at any time, and twice at once.
    """
    item = parts().catalogue.item(household.item)
    for seen in households.members_of(household.id):
        if seen.state == "going":
            one(household, item, seen.member.id, visitor, right_of)


def one(household: Household, item: ServiceItem, member_id: UUID, visitor: Citizen, right_of: RightOf) -> None:
    """Register one member; what hinders it is noted with them. Commits."""
    household_id, visitor_id = household.id, visitor.id
    try:
        why = _register(household, item, households.member(member_id).member, visitor, right_of)
    except DBAPIError as fault:
        # The database is away: the next one would fare no better.
        rollback()
        if not isinstance(fault, IntegrityError):
            raise
        log.warning("a member of household %s: %s", household_id, violated_constraint(fault))
        why = OURS
    except Exception as fault:
        rollback()
        log.error("a member of household %s, by %s: %s", household_id, visitor_id, type(fault).__name__)
        why = OURS
    if not why:
        return
    rollback()
    if households.member(member_id).case is None:
        households.stuck(member_id, why)
    commit()


def _register(
    household: Household, item: ServiceItem, member: HouseholdMember, visitor: Citizen, right_of: RightOf
) -> str:
    """Register one member: nothing, or why it could not be done."""
    try:
        who = citizen(member.citizen_id) if member.citizen_id is not None else _child(member, visitor)
        if who is None:
            raise NoSuchCase
        return _send(household, item, member, right_of(visitor, item, who))
    except AlreadyOpen:
        return "这个人已有一件同样的申请正在办理，没有重复提交。"
    except InvalidInput as fault:
        return _sentences(fault.errors) or fault.sentence
    except (CaseError, PeopleError, NoSuchOffice, UnknownItem, KeyReused) as fault:
        return str(getattr(fault, "sentence", "")) or OURS
    except OutsideError:
        return AWAY
    except SaysOtherwise:
        return "登记信息刚刚有了变化，请打开这份申请重新核对后提交。"
    except Hindered as fault:
        return _hindered(fault.wrong)


def _send(household: Household, item: ServiceItem, member: HouseholdMember, right: Right) -> str:
    who, place, member_id = right.who, right.place, member.id
    once = Once.of(f"household:{household.id}", "household member", f"{member_id}/{member.tries}", {})
    done = once.answer()
    if done is not None:
        return ""
    own = drafts.open_draft(who.id, item.code)
    if member.relation == "self" and member.draft_id is not None:
        filled = filled_of(place, who, member.draft_id)
    else:
        ours = own is not None and (own.id == member.draft_id or _begun(once) == str(own.id))
        if not right.own and own is not None and not ours:
            return THEIRS
        data = households.answers_for(item, household, member.relation)
        filled = fill_in(place, who, item, data, once)
        households.filled_in(member_id, filled.draft.id)
        commit()
    if filled.draft.case_id is not None:
        return ""
    version = filled.draft.version

    def also(sent: Any) -> None:
        households.sent(member_id, UUID(sent["case_id"]))

    # Whoever sends the household ticked each box for all of it.
    send_whole(filled, once, version=version, ticked=[name for name, _ in place.boxes], also=also)
    return ""


def _begun(once: Once) -> str:
    begun: Any = replace(once, key=f"{once.key}/begin").answer()
    return str(begun["draft"]) if begun else ""


def _child(member: HouseholdMember, guardian: Citizen) -> Citizen | None:
    """The child that a member is, known from now on where the register shows the guardian. Commits."""
    id_number, name = member.id_number, member.name
    known = children.own_child(guardian, id_number)
    change = Change(clock.now())
    if known is None:
        # Nothing is locked while the register is asked.
        commit()
        person = children.ask(guardian, name, id_number)
        change = Change(clock.now())
        known = children.know(guardian, person, change)
    households.known(member, known, change)
    try:
        change.write()
        commit()
    except (Conflict, IntegrityError):
        # Another page of the guardian's, a moment ago.
        rollback()
    found = citizen_by_id_number(id_number)
    return found if found is not None and same_name(found.name, name) else None


def _hindered(wrong: Sequence[Hindrance]) -> str:
    first = wrong[0]
    if first.what == "ended":
        return "这份申请已经删除，可以再试一次。"
    if first.what == "papers":
        return "还要上传证明的照片，请打开这份申请接着办。"
    if first.what in ("unsaved", "moved"):
        return "这份申请刚刚在别的页面改过，请打开核对后提交。"
    return _sentences(first.errors) or "还有内容没有填好，请打开这份申请接着办。"


def _sentences(errors: Mapping[str, Any]) -> str:
    return "".join(str(one) for several in errors.values() for one in (several if isinstance(several, list) else ()))


def to_open(household: Household, seen: Seen, visitor: Citizen) -> UUID | None:
    """The draft of a member who is stuck, where the visitor may go on with it; None where there is nothing to open."""
    citizen_id = seen.member.citizen_id
    if seen.state != "trouble" or citizen_id is None:
        return None
    draft = drafts.open_draft(citizen_id, household.item)
    if draft is None or draft.id != seen.member.draft_id:
        return None
    try:
        by = standing.of(visitor, citizen_id)
    except NoSuchCase:
        return None
    return draft.id if by.covers(household.item) else None
