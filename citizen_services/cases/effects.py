"""Effects that declarations of any service may name: documents, parcels."""

from __future__ import annotations

from collections.abc import Callable

from citizen_services.cases import documents, serving, standing, visits
from citizen_services.cases.models import Case, Document
from citizen_services.cases.signals import old_document_due, parcel_unwanted, parcel_wanted
from citizen_services.cases.situation import Situation
from citizen_services.catalogue.vocabulary import Doc, Effect, OldDocument
from citizen_services.database import Change, new_id
from citizen_services.parts import parts
from citizen_services.people.queries import office
from citizen_services.rules.dates import chinese_moment
from citizen_services.rules.templates import fill


def issue(document: Doc) -> Effect:
    """Issue a document of the declaration: numbered by case and event, its text kept with its hash."""

    def do(situation: Situation, change: Change) -> None:
        place = office(situation.office or "")
        values = {
            "name": situation.citizen.name,
            "office": place.name,
            "issuer": parts().settings.bureau,
            "at": chinese_moment(situation.at),
            **situation.values,
        }
        paragraphs = [fill(paragraph, values) for paragraph in document.paragraphs]
        content = {"paragraphs": paragraphs + standing.who_applied(situation.results)}
        number, sha256 = f"{situation.number}-{situation.seq:02d}", documents.digest_of(content)
        kind, title, at = document.kind, document.title, change.at
        document_id = new_id()
        change.add(
            Document,
            id=document_id,
            number=number,
            case_id=situation.case_id,
            kind=kind,
            title=title,
            content=content,
            sha256=sha256,
            mark=documents.mark_of(number=number, kind=kind, title=title, sha256=sha256, issued_by=place.code, at=at),
            issued_by=place.code,
            at=at,
        )
        if document.served:
            serving.serve(situation, change, document_id)

    return Effect(f"issue_{document.kind}", do)


def _want_parcel(situation: Situation, change: Change, direction: str, old: OldDocument | None = None) -> None:
    delivery = situation.data["delivery"]
    parcel_wanted.send(
        situation.case_id,
        receiver={
            "name": delivery["receiver"],
            "phone": delivery["receiver_phone"],
            "province": delivery["province"],
            "city": delivery["city"],
            "county": delivery["county"],
            "address": delivery["postal_address"],
        },
        direction=direction,
        old=old,
        change=change,
    )


def _order_parcel(situation: Situation, change: Change) -> None:
    _want_parcel(situation, change, "out")


def _fetch_old(situation: Situation, change: Change) -> None:
    # Sent again, the first order to fetch it still stands.
    if not situation.results.get("fetched"):
        situation.results["fetched"] = True
        _want_parcel(situation, change, "back", situation.item.old_document)


def _expect_old(situation: Situation, change: Change) -> None:
    old = situation.item.old_document
    if old is not None and not situation.results.get("fetched"):
        situation.results["fetched"] = True
        old_document_due.send(situation.case_id, old=old, change=change)


#: Have the result posted to the address of the group ``delivery``.
order_parcel = Effect("order_parcel", _order_parcel)
#: Have the courier bring what the new result takes the place of, from the same address, at our cost.
fetch_old = Effect("fetch_old", _fetch_old)
#: What the new result takes the place of (``old_document``) is brought or sent by its person: the duty begins.
expect_old = Effect("expect_old", _expect_old)


def call_back(what: str) -> Effect:
    """The parcel on its way is cancelled where the courier has not got it yet, else called back; ``what`` lies in it.

    Nothing happens where no parcel is on its way, or it is back already.
    """

    def do(situation: Situation, change: Change) -> None:
        if not situation.results.get("back"):
            parcel_unwanted.send(situation.case_id, what=what, change=change)

    return Effect("call_back", do)


def _note_tracking(situation: Situation, change: Change) -> None:
    situation.results["tracking"] = situation.given["tracking"]
    situation.values["tracking"] = situation.given["tracking"]


#: The courier gave a tracking number.
note_tracking = Effect("note_tracking", _note_tracking, gives=("tracking",))


def record_visit(by_choice: Callable[[Situation], bool]) -> Effect:
    """The person is here: this visit serves the case, marked where they chose to come though a way without it exists.

    Whoever was checked in a moment ago is not counted again.
    """

    def do(situation: Situation, change: Change) -> None:
        served = {situation.case_id: by_choice(situation)}
        if visits.serve(change, situation.citizen.id, situation.actor, served, known_by="step").counted:
            situation.columns["visits"] = Case.visits + 1
            situation.values["visits"] = str(int(situation.values["visits"]) + 1)

    return Effect("record_visit", do)
