"""Letters of the service centre: what is to be handed over, what came to nothing, its next address, and its label."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError

from citizen_services import clock
from citizen_services.cases import documents
from citizen_services.cases.models import Case, Document
from citizen_services.cases.once import do_once, note
from citizen_services.cases.seeing import refuse_own, role_of
from citizen_services.cases.serving_models import Serving
from citizen_services.console.access import tell_refusals
from citizen_services.console.guards import current_actor, staff_required
from citizen_services.console.schemas import FormSchema, once_of, read_form
from citizen_services.database import Change, commit, db
from citizen_services.database.base import rollback
from citizen_services.database.idempotency import Once
from citizen_services.filling.fields import step_fields, typed
from citizen_services.people import looks, parameters
from citizen_services.people.actors import Actor
from citizen_services.people.models import Citizen
from citizen_services.printing.paper import pdf
from citizen_services.rules.keyset import place_from_text, place_to_text
from citizen_services.security import new_token
from notifications import console_rows, letters
from notifications.errors import NoLetterWanted, NoMoreLetters, NotThisLabel
from notifications.letter_addresses import ADDRESS, AddressSchema, filled, place_of
from notifications.models import Letter, Parcel

bp = Blueprint("console_letters", __name__, url_prefix="/console/letters")
tell_refusals(bp)

#: The reason that the look at a document carries.
REASON = "文书邮寄送达"
#: The reason of a look at the number of whoever must be asked where they live.
ASKED = "文书送达，核实收信地址"
TABS: tuple[tuple[letters.Which, str], ...] = (("post", "要寄的"), ("trouble", "没有寄到的"))
STALE = "这个页面已经过期或不完整，请重新打开后再试。"


def _allowed() -> Actor:
    actor = current_actor()
    if "clerk" not in actor.roles or actor.office_kind != "service_centre":
        abort(403)
    return actor


@bp.app_context_processor
def _counted() -> dict[str, Any]:
    """``letters_waiting()`` for the page of telling: how many there are; None for who has nothing to do with them."""

    def letters_waiting() -> int | None:
        actor = current_actor()
        if "clerk" not in actor.roles or actor.office_kind != "service_centre":
            return None
        within = console_rows.parcels_seen_by(actor)
        return letters.count("post", within) + letters.count("trouble", within)

    return {"letters_waiting": letters_waiting}


@bp.get("", defaults={"which": "post"})
@bp.get("/trouble", defaults={"which": "trouble"})
@staff_required("clerk")
def page(which: letters.Which) -> ResponseReturnValue:
    """What is to be printed and handed over, or what came to nothing; a page at a time."""
    return _page(_allowed(), which)


def _page(
    actor: Actor, which: letters.Which = "post", wrong: UUID | None = None, words: str = "", status: int = 200
) -> ResponseReturnValue:
    within, place = console_rows.parcels_seen_by(actor), place_from_text(request.args.get("after", ""))
    # A label that was wrong stands at the letter that it was scanned for, wherever the list was opened.
    rows, after = letters.waiting(which, within, place[1] if place else None)
    if wrong is not None and (found := letters.one(wrong, within)) is not None:
        rows, after = [found], None
    return render_template(
        "console/letters.html",
        which=which,
        rows=[_row(*row) for row in rows],
        wrong=wrong,
        words=words,
        tabs=[
            {"href": url_for(".page", which=code), "label": label, "current": code == which,
             "count": letters.count(code, within)}
            for code, label in TABS
        ],
        pager={
            "prev": url_for(".page", which=which) if place or wrong else None,
            "next": url_for(".page", which=which, after=place_to_text((None, after))) if after else None,
            "text": "",
        },
    ), status  # fmt: skip


def _row(letter: Letter, parcel: Parcel, document: Document, case: Case) -> dict[str, Any]:
    return {
        "id": letter.parcel_id,
        "case": case.number,
        "title": document.title,
        "number": document.number,
        "nth": letter.nth,
        "when": parcel.at,
        "tracking": parcel.tracking,
        "address": bool(parcel.receiver["address"]),
        "trouble": letters.NOT_TAKEN if letters.not_taken(parcel) else letters.TROUBLE.get(parcel.course),
    }


@bp.get("/<uuid:letter_id>.pdf")
@staff_required("clerk")
def paper(letter_id: UUID) -> ResponseReturnValue:
    """The document as it is printed; that it was seen is recorded."""
    actor = _allowed()
    found = letters.one(letter_id, console_rows.parcels_seen_by(actor))
    if found is None:
        abort(404)
    _, _, document, case = found
    content = pdf(documents.paper_of(document))
    change = Change(clock.now())
    looks.note(change, actor, case.citizen_id, "unmasked", REASON, role=role_of(actor), case_id=case.id)
    change.write()
    commit()
    answer = Response(content, mimetype="application/pdf")
    answer.headers["Content-Disposition"] = f'inline; filename="{document.number}.pdf"'
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


@bp.post("/<uuid:letter_id>")
@staff_required("clerk")
def hand_over(letter_id: UUID) -> ResponseReturnValue:
    """The scanned label: the letter went to the courier."""
    actor = _allowed()
    found = letters.one(letter_id, console_rows.parcels_seen_by(actor))
    if found is None or actor.id is None:
        abort(404)
    try:
        letters.hand_over(letter_id, request.form.get("tracking", ""), actor.id)
    except NotThisLabel as fault:
        return _page(actor, "post", letter_id, fault.sentence, 422)
    commit()
    flash("已登记交寄。", "ok")
    return redirect(url_for("console_letters.page"), 303)


class AddressForm(FormSchema, AddressSchema):
    """Another address for the document of a letter."""


_ADDRESS_FORM = AddressForm()
_FORM = FormSchema()


@bp.get("/<uuid:letter_id>/address")
@staff_required("clerk")
def address(letter_id: UUID) -> ResponseReturnValue:
    """The person, their number and the address that was in vain, to ask for another; that it was seen is recorded."""
    actor = _allowed()
    return _seen(actor, _known(actor, letter_id))


def _seen(
    actor: Actor,
    found: letters.Found,
    errors: Mapping[str, Any] | None = None,
    status: int = 200,
    sentence: str = "",
) -> ResponseReturnValue:
    """The page, and the look on record: a form that is sent back shows as much as the page did."""
    shown, case, change = _address_page(found, errors, status, sentence), found[3], Change(clock.now())
    looks.note(change, actor, case.citizen_id, "unmasked", ASKED, role=role_of(actor), case_id=case.id)
    change.write()
    commit()
    return shown


def _known(actor: Actor, letter_id: UUID) -> letters.Found:
    """A letter of the district, not of the officer's own matter; ends with 404."""
    found = letters.one(letter_id, console_rows.parcels_seen_by(actor))
    if found is None:
        abort(404)
    refuse_own(actor, found[3])
    return found


def _address_page(
    found: letters.Found, errors: Mapping[str, Any] | None = None, status: int = 200, sentence: str = ""
) -> ResponseReturnValue:
    letter, parcel, document, case = found
    person = db.session.get_one(Citizen, case.citizen_id)
    served = db.session.get_one(Serving, document.id, populate_existing=True)
    last = letters.last_of(document.id)
    given = typed(request.form, ADDRESS) if request.method == "POST" else filled(parcel.receiver)
    page = render_template(
        "console/letter_address.html",
        letter=letter,
        parcel=parcel,
        document=document,
        case=case,
        name=person.name,
        phone=person.phone,
        trouble=letters.NOT_TAKEN if letters.not_taken(parcel) else letters.TROUBLE.get(parcel.course, ""),
        asks=last is not None and last[0].parcel_id == letter.parcel_id and letters.wants_address(served, parcel),
        most=parameters.number("letter_tries"),
        fields=step_fields(ADDRESS, given, errors or {}),
        errors=errors or {},
        sentence=sentence,
        form_token=lambda: new_token(12),
    )
    return page, status


@bp.post("/<uuid:letter_id>/address")
@staff_required("clerk")
def send_there(letter_id: UUID) -> ResponseReturnValue:
    """Send the document to the address that was written down, by a letter of its own."""
    actor = _allowed()
    found = _known(actor, letter_id)
    try:
        given = read_form(_ADDRESS_FORM)
    except ValidationError as fault:
        if "form_token" in fault.normalized_messages():
            abort(400, description=STALE)
        return _seen(actor, found, fault.normalized_messages(), 422)

    def act(once: Once) -> str:
        letters.give_address(found[2].id, place_of(given), "staff", actor.id)
        answer: str = note(once, "sent")
        return answer

    return _done(found, once_of(actor, given["form_token"]), act, "已按这个地址下单，取得邮件号后打印交寄。")


@bp.post("/<uuid:letter_id>/bring")
@staff_required("clerk")
def bring(letter_id: UUID) -> ResponseReturnValue:
    """Send no more letters: somebody of the case's office brings it."""
    actor = _allowed()
    found = _known(actor, letter_id)
    try:
        token = read_form(_FORM)["form_token"]
    except ValidationError:
        abort(400, description=STALE)

    def act(once: Once) -> str:
        letters.stop(found[2].id)
        answer: str = note(once, "brought")
        return answer

    return _done(found, once_of(actor, token), act, "已改为上门送达，由办件所在单位送达。")


def _done(found: letters.Found, once: Once, act: Callable[[Once], str], said: str) -> ResponseReturnValue:
    try:
        do_once(once, act)
    except (NoLetterWanted, NoMoreLetters) as fault:
        rollback()
        return _seen(_allowed(), found, status=409, sentence=fault.sentence)
    flash(said, "ok")
    return redirect(url_for("console_letters.page", which="trouble"), 303)
