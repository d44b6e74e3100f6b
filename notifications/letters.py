"""Letters: documents that are served by post. Ordered with the decision, printed and handed over by the service centre.

A letter is a parcel of the direction ``letter``: it moves no case, and its signature is the day of serving. One that
came to nothing is followed by another under a parcel of its own, until LETTER_TRIES of them were in vain; then somebody
brings the document (in_person.py). Of several letters the one that was signed for first counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, func, or_, select, true, update
from sqlalchemy.orm import aliased

from citizen_services import clock
from citizen_services.cases import serving
from citizen_services.cases.models import Case, Document
from citizen_services.cases.serving_models import Serving
from citizen_services.catalogue.vocabulary import Notice as DeclaredNotice
from citizen_services.database import Change, db, new_id
from citizen_services.exchange.ems_codes import DELIVERED, standing
from citizen_services.parts import parts
from citizen_services.people import parameters
from citizen_services.people.actors import Actor
from citizen_services.people.models import Citizen
from citizen_services.people.queries import service_centre
from notifications import ladder, on_behalf, rows, texts
from notifications.errors import NoLetterWanted, NoMoreLetters, NotThisLabel
from notifications.models import LETTER, Delivery, Letter, Notice, Parcel, ParcelEvent

CONTENTS, NOTE = "公安机关法律文书", "文书，须本人签收"
PAGE = 50
#: What the list calls each course of a letter that was not signed for by its person.
TROUBLE: Mapping[str, str] = {
    "other": "他人代收，请核实",
    "refused": "拒收",
    "back": "退回途中",
    "returned": "已退回",
    "lost": "丢失",
}
#: The same for one that EMS did not take.
NOT_TAKEN = "EMS 没有接收，请核对地址"
Which = Literal["post", "trouble"]
Found = Row[Letter, Parcel, Document, Case]


# --- Ordering ---------------------------------------------------------------------------------------------------------


def order(case_id: UUID, *, document_id: UUID, receiver: Mapping[str, str], change: Change) -> None:
    """Have a letter ordered with EMS; one without an address waits on the list, and its person is asked for it."""
    parcel_id = _add(change, case_id, document_id, receiver)
    if not receiver["address"]:
        _ask_for_address(change, case_id, document_id, parcel_id)


def _add(
    change: Change,
    case_id: UUID,
    document_id: UUID,
    receiver: Mapping[str, str],
    nth: int = 1,
    given_by: str = "application",
    by_id: UUID | None = None,
    acted_by: UUID | None = None,
) -> UUID:
    parcel_id = new_id()
    change.add(
        Parcel,
        id=parcel_id,
        case_id=case_id,
        direction="letter",
        receiver=dict(receiver),
        tracking=None,
        state="ordered",
        at=change.at,
    )
    change.add(
        Letter,
        parcel_id=parcel_id,
        document_id=document_id,
        nth=nth,
        given_by=given_by,
        given_by_id=by_id,
        acted_by=acted_by,
        handed_at=None,
        handed_by=None,
        signed_at=None,
    )
    if receiver["address"]:
        _order_with_ems(change, parcel_id, receiver)
    return parcel_id


def _order_with_ems(change: Change, parcel_id: UUID, receiver: Mapping[str, str]) -> UUID:
    settings = parts().settings
    centre = service_centre(settings.district)
    ours = {
        "name": centre.name,
        "phone": centre.phone,
        "province": settings.province_name,
        "city": settings.city_name,
        "county": settings.district_name,
        "address": centre.address,
    }
    payload = {"sender": ours, "receiver": dict(receiver), "contents": CONTENTS, "note": NOTE}
    return rows.add_delivery(change, "ems", parcel_id=parcel_id, payload=payload)


def _ask_for_address(change: Change, case_id: UUID, document_id: UUID, parcel_id: UUID) -> None:
    """Tell a person that a letter waits for an address, once a letter."""
    case: Any = db.session.get(Case, case_id)
    if case is None:
        # It is decided in the transaction that makes it.
        case = SimpleNamespace(**next(row for row in change.rows(Case) if row["id"] == case_id))
    citizen = db.session.get_one(Citizen, case.citizen_id)
    about = rows.About(case_id, parcel_id, f"/h5/letters/{document_id}")
    rows.tell(change, texts.LETTER_ADDRESS, {"number": case.number}, citizen, about)


# --- The rung of the ladder -------------------------------------------------------------------------------------------


def climb(change: Change, notice_id: UUID | None, declared: DeclaredNotice) -> None:
    """Make the letter that a change orders a rung of the notice that it tells by."""
    posted = change.rows(Letter)
    if notice_id is not None and posted:
        document_id = posted[0]["document_id"]
        must = declared.must_be_known
        rows.add_delivery(change, LETTER, notice_id=notice_id, about=document_id, payload={}, must_be_known=must)


def give_up(served: Serving) -> bool:
    """Try no letter of a locked serving any more: it is brought. False where that was so, or it is served."""
    if not serving.bring_it(served):
        return False
    ladder.letter_in_vain(served.document_id)
    _ask_no_more(served.document_id, "it is brought")
    return True


def _ask_no_more(document_id: UUID, why: str) -> None:
    for parcel_id in db.session.scalars(select(Letter.parcel_id).where(Letter.document_id == document_id)).all():
        ladder.withdraw(texts.LETTER_ADDRESS.code, parcel_id, why)


def notice_of(document_id: UUID) -> UUID | None:
    """The notice of which a document's letter is a rung; None where there is none."""
    query = select(Delivery.notice_id).where(Delivery.about == document_id, Delivery.channel == LETTER)
    return db.session.execute(query).scalar()


# --- What became of it ------------------------------------------------------------------------------------------------


def follow(parcel: Parcel, events: Sequence[ParcelEvent]) -> None:
    """Keep the day of serving of a locked letter: when its person signed, none where that was revoked.

    A lost letter is sent again, and whoever did not get one is asked for an address, until as many were in vain as are
    tried; then the document is brought.
    """
    letter = db.session.get_one(Letter, parcel.id)
    signed = [event.op_time for event in standing(events) if event.op_code == DELIVERED]
    done = parcel.course == "signed" and bool(signed)
    letter.signed_at = signed[-1] if done else None
    parcel.closed_at = clock.now() if done else None
    db.session.flush()
    served = serving.lock(letter.document_id)
    every = select(func.min(Letter.signed_at), func.max(Letter.nth)).where(Letter.document_id == letter.document_id)
    first, last = db.session.execute(every).one()
    serving.reached(letter.document_id, first)
    if first is not None:
        ladder.letter_signed(letter.document_id)
        _ask_no_more(letter.document_id, "a letter was signed for")
    elif parcel.course in ("returned", "lost") and letter.nth == last and _open(served):
        _in_vain(served, letter, parcel)


def _in_vain(served: Serving, letter: Letter, parcel: Parcel) -> None:
    if letter.nth >= parameters.number("letter_tries"):
        give_up(served)
        return
    change = Change(clock.now())
    if parcel.course == "lost":
        by = letter.given_by_id
        more = (letter.nth + 1, letter.given_by, by, letter.acted_by)
        _add(change, parcel.case_id, letter.document_id, parcel.receiver, *more)
    elif not _asked(parcel.id):
        _ask_for_address(change, parcel.case_id, letter.document_id, parcel.id)
    change.write()


def _asked(parcel_id: UUID) -> bool:
    told = select(Notice.id).where(Notice.kind == texts.LETTER_ADDRESS.code, Notice.about == parcel_id)
    return db.session.scalars(told).first() is not None


def last_of(document_id: UUID) -> tuple[Letter, Parcel] | None:
    """The last letter of a document, with its parcel; None where it goes by no letter."""
    query = select(Letter, Parcel).join(Parcel, Parcel.id == Letter.parcel_id).where(Letter.document_id == document_id)
    row = db.session.execute(query.order_by(Letter.nth.desc()).execution_options(populate_existing=True)).first()
    return None if row is None else (row[0], row[1])


def give_address(
    document_id: UUID,
    place: Mapping[str, str],
    given_by: str,
    by_id: UUID | None = None,
    actor: Actor | None = None,
) -> None:
    """Send a document to another address: by its letter that had none, else by another one. The caller commits.

    ``place`` is ``{province, city, county, address}``, ``given_by`` is ``citizen`` or ``staff``. ``actor`` is who
    of the citizens gave it: where they act for the person, both are kept, and the person is told. Raises
    NoLetterWanted, NoMoreLetters.
    """
    found = last_of(document_id)
    if found is None:
        raise NoLetterWanted
    parcel = _lock(found[1].id)
    served, letter = serving.lock(document_id), last_of(document_id)
    if letter is None or letter[1].id != parcel.id or not _open(served):
        raise NoLetterWanted
    receiver = {**parcel.receiver, **place}
    change = Change(clock.now())
    acted_by = actor.id if actor is not None and actor.on_behalf_of is not None else None
    if not parcel.receiver["address"]:
        parcel.receiver = receiver
        letter[0].given_by, letter[0].given_by_id, letter[0].acted_by = given_by, by_id, acted_by
        db.session.flush()
        _order_with_ems(change, parcel.id, receiver)
    elif parcel.course not in TROUBLE and not_taken(parcel) is None:
        raise NoLetterWanted
    elif letter[0].nth >= parameters.number("letter_tries"):
        raise NoMoreLetters
    else:
        new = _add(change, parcel.case_id, document_id, receiver, letter[0].nth + 1, given_by, by_id, acted_by)
        order_id = next(row["id"] for row in change.rows(Delivery) if row["parcel_id"] == new)
        # The order that EMS refused is none to be tried once more.
        failed = (Delivery.parcel_id == parcel.id, Delivery.state == "failed", Delivery.requeued_as.is_(None))
        db.session.execute(update(Delivery).where(*failed).values(requeued_as=order_id))
    if actor is not None and acted_by is not None:
        _tell_of_address(change, parcel.case_id, actor)
    change.write()
    ladder.withdraw(texts.LETTER_ADDRESS.code, parcel.id, "an address was given")


def _tell_of_address(change: Change, case_id: UUID, actor: Actor) -> None:
    case = db.session.get_one(Case, case_id)
    item = parts().catalogue.item(case.item, case.item_version)
    citizen = db.session.get_one(Citizen, case.citizen_id)
    on_behalf.tell(change, on_behalf.who_of(actor), "填写文书的收信地址", case_id, case.number, item.name, citizen)


def stop(document_id: UUID) -> None:
    """Send no more letters of a document that did not arrive: it is brought. The caller commits; NoLetterWanted."""
    found = last_of(document_id)
    if found is None:
        raise NoLetterWanted
    parcel = _lock(found[1].id)
    if not wants_address(serving.lock(document_id), parcel) or not give_up(serving.lock(document_id)):
        raise NoLetterWanted


def wants_address(served: Serving, parcel: Parcel) -> bool:
    """Whether the last letter waits for an address, or came to nothing."""
    without = not parcel.receiver["address"]
    return _open(served) and (without or parcel.course in TROUBLE or not_taken(parcel) is not None)


def not_taken(parcel: Parcel) -> UUID | None:
    """The order that EMS refused for good, where a parcel has no other."""
    query = select(Delivery.id).where(
        Delivery.parcel_id == parcel.id, Delivery.channel == "ems", Delivery.state == "failed",
        Delivery.requeued_as.is_(None),
    )  # fmt: skip
    return db.session.execute(query).scalar() if parcel.tracking is None else None


def _open(served: Serving) -> bool:
    return served.way == "ems" and served.served_at is None and served.in_person_since is None


def _lock(parcel_id: UUID) -> Parcel:
    query = select(Parcel).where(Parcel.id == parcel_id).with_for_update()
    return db.session.scalars(query.execution_options(populate_existing=True)).one()


def of_person(citizen_id: UUID) -> list[Found]:
    """The documents that come to a person by post, each with its last letter, the newest document first."""
    later = aliased(Letter)
    newer = select(later.parcel_id).where(later.document_id == Letter.document_id, later.nth > Letter.nth)
    query = _found().where(Case.citizen_id == citizen_id, ~newer.exists())
    return list(db.session.execute(query.order_by(Document.at.desc(), Document.id.desc())).all())


# --- The list ---------------------------------------------------------------------------------------------------------


def _letters() -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Letters to be handed over, and those that came to nothing: the last ones of documents that go by post."""
    later = aliased(Letter)
    newer = select(later.parcel_id).where(later.document_id == Letter.document_id, later.nth > Letter.nth)
    open_ = select(Serving.document_id).where(
        Serving.document_id == Letter.document_id, Serving.way == "ems", Serving.served_at.is_(None),
        Serving.in_person_since.is_(None),
    )  # fmt: skip
    last = and_(~newer.exists(), open_.exists())
    return and_(Letter.handed_at.is_(None), last), and_(Letter.handed_at.isnot(None), Parcel.course.in_(TROUBLE), last)


def waiting(which: Which, within: ColumnElement[bool], after: UUID | None = None) -> tuple[list[Found], UUID | None]:
    """Letters to be printed and handed over, or those that came to nothing; oldest first, a page behind ``after``.

    Also the place to go on from, None at the end.
    """
    behind = true() if after is None else Letter.parcel_id > after
    query = _found().where(_letters()[which == "trouble"], within, behind).order_by(Letter.parcel_id)
    found = list(db.session.execute(query.limit(PAGE + 1)).all())
    return found[:PAGE], found[PAGE - 1][0].parcel_id if len(found) > PAGE else None


def count(which: Which, within: ColumnElement[bool]) -> int:
    """How many of them there are."""
    query = select(func.count()).select_from(Letter).join(Parcel, Parcel.id == Letter.parcel_id)
    query = query.join(Case, Case.id == Parcel.case_id).where(_letters()[which == "trouble"], within)
    return db.session.execute(query).scalar_one()


def undeliverable_count(within: ColumnElement[bool]) -> int:
    """How many letters need somebody: without an address, not taken by EMS, or come to nothing."""
    order = select(Delivery.id).where(Delivery.parcel_id == Parcel.id, Delivery.channel == "ems")
    failed = order.where(Delivery.state == "failed", Delivery.requeued_as.is_(None))
    to_post, trouble = _letters()
    stuck = or_(trouble, and_(to_post, Parcel.tracking.is_(None), or_(~order.exists(), failed.exists())))
    query = select(func.count()).select_from(Letter).join(Parcel, Parcel.id == Letter.parcel_id)
    return db.session.execute(query.join(Case, Case.id == Parcel.case_id).where(stuck, within)).scalar_one()


def _found() -> Select[Letter, Parcel, Document, Case]:
    return (
        select(Letter, Parcel, Document, Case)
        .join(Parcel, Parcel.id == Letter.parcel_id)
        .join(Document, Document.id == Letter.document_id)
        .join(Case, Case.id == Parcel.case_id)
    )


def one(letter_id: UUID, within: ColumnElement[bool]) -> Found | None:
    """A letter with its parcel, document and case; None where there is none such."""
    return db.session.execute(_found().where(Letter.parcel_id == letter_id, within)).first()


def hand_over(letter_id: UUID, typed: str, by: UUID) -> None:
    """The label was scanned as the letter went to the courier; twice is once. The caller commits.

    Raises NotThisLabel where the number is another letter's, or EMS has given none yet.
    """
    tracking = db.session.execute(select(Parcel.tracking).where(Parcel.id == letter_id)).scalar_one()
    if tracking is None or typed.strip().upper() != tracking:
        raise NotThisLabel
    open_ = update(Letter).where(Letter.parcel_id == letter_id, Letter.handed_at.is_(None))
    handed = open_.values(handed_at=clock.now(), handed_by=by).returning(Letter.document_id)
    document_id = db.session.execute(handed).scalar()
    if document_id is not None:
        ladder.letter_posted(document_id)
