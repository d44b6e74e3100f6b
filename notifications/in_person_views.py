"""The list of documents to bring (上门送达), each with its person and address, and how it was served."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError, fields, validate
from sqlalchemy import select

from citizen_services import clock
from citizen_services.cases import documents
from citizen_services.cases.errors import NotToBeBrought, WrongDay
from citizen_services.cases.once import do_once, note
from citizen_services.cases.seeing import role_of
from citizen_services.console.access import ReasonWanted, office_case, tell_refusals
from citizen_services.console.guards import current_actor, staff_required
from citizen_services.console.listed import case_url
from citizen_services.console.schemas import FormSchema, WordsField, once_of, read_form
from citizen_services.database import Change, commit, db
from citizen_services.database.base import rollback
from citizen_services.database.idempotency import Once
from citizen_services.pages import render_error
from citizen_services.people import looks
from citizen_services.people.actors import Actor
from citizen_services.people.models import Citizen
from citizen_services.printing.paper import pdf
from citizen_services.registers.queries import current_registration
from citizen_services.rules.dates import local_date
from citizen_services.rules.keyset import place_from_text, place_to_text
from citizen_services.rules.masking import mask_name
from citizen_services.security import new_token
from notifications import console_rows, in_person, letters
from notifications.letter_views import STALE
from notifications.served import WAYS

bp = Blueprint("console_in_person", __name__, url_prefix="/console/serving")
tell_refusals(bp)

#: Who serves what the post did not.
ROLES = ("clerk", "community_officer")
REASON = "文书上门送达"
_HINTS: Mapping[str, str] = {
    "direct": "交给本人，本人签收",
    "left": "本人拒收，留在住处，有见证人或者拍照录像",
    "announced": "下落不明，公告期已满",
}
_CHOICES = [(way, label, _HINTS[way]) for way, label in WAYS.items()]
_DAY = "请填写送达日期，例如 2026-05-23"


class ServedSchema(FormSchema):
    """How a document was served by hand, and on which day."""

    way = fields.String(
        required=True,
        validate=validate.OneOf(list(WAYS), error="请选择怎样送达的。"),
        error_messages={"required": "请选择怎样送达的。"},
    )
    day = fields.Date(required=True, error_messages={"required": _DAY, "invalid": _DAY})
    how = WordsField("请写明谁送达、谁签收或见证、在哪里，4 至 300 个字。", least=4, most=300)


_SERVED = ServedSchema()


@bp.errorhandler(ReasonWanted)
def _not_here(fault: ReasonWanted) -> ResponseReturnValue:
    return render_error(404)


@bp.app_context_processor
def _counted() -> dict[str, Any]:
    """``to_serve()`` for the page of telling: how many this office has to bring; None for who brings none."""

    def to_serve() -> int | None:
        actor = current_actor()
        return in_person.count(console_rows.cases_of(actor)) if actor.roles & set(ROLES) else None

    return {"to_serve": to_serve}


@bp.get("")
@staff_required(*ROLES)
def page() -> ResponseReturnValue:
    """What this office has to bring; names are masked."""
    actor, place = current_actor(), place_from_text(request.args.get("after", ""))
    rows, after = in_person.waiting(console_rows.cases_of(actor), place[1] if place else None)
    people = {case.citizen_id for _, _, case in rows}
    query = select(Citizen.id, Citizen.name).where(Citizen.id.in_(people))
    names = {one.id: one.name for one in db.session.execute(query)}
    return render_template(
        "console/in_person.html",
        rows=[
            {"id": document.id, "title": document.title, "number": document.number, "since": served.in_person_since,
             "case": case.number, "href": case_url(case.id, actor, "serving"),
             "applicant": mask_name(names[case.citizen_id])}
            for served, document, case in rows
        ],
        pager={
            "prev": url_for(".page") if place else None,
            "next": url_for(".page", after=place_to_text((None, after))) if after else None,
            "text": "",
        },
    )  # fmt: skip


def _known(actor: Actor, document_id: UUID) -> in_person.Found:
    """A document of this office's cases, not of the officer's own matter; ends with 404."""
    found = in_person.one(document_id, console_rows.cases_of(actor))
    if found is None:
        abort(404)
    office_case(actor, found[2].id)
    return found


def _look(actor: Actor, found: in_person.Found) -> None:
    change, case = Change(clock.now()), found[2]
    looks.note(change, actor, case.citizen_id, "unmasked", REASON, role=role_of(actor), case_id=case.id)
    change.write()


@bp.get("/<uuid:document_id>")
@staff_required(*ROLES)
def one(document_id: UUID) -> ResponseReturnValue:
    """The person, where they may be found, what the post tried; that it was seen is recorded."""
    actor = current_actor()
    return _seen(actor, _known(actor, document_id))


def _seen(
    actor: Actor, found: in_person.Found, errors: Mapping[str, Any] | None = None, status: int = 200
) -> ResponseReturnValue:
    """The page, and the look on record: a form that is sent back shows as much as the page did."""
    shown = _page(found, errors, status)
    _look(actor, found)
    commit()
    return shown


def _page(found: in_person.Found, errors: Mapping[str, Any] | None = None, status: int = 200) -> ResponseReturnValue:
    _, document, case = found
    person = db.session.get_one(Citizen, case.citizen_id)
    home = current_registration(person.id)
    page = render_template(
        "console/in_person_one.html",
        document=document,
        case=case,
        href=case_url(case.id, current_actor(), "serving"),
        name=person.name,
        phone=person.phone,
        home=home.address if home is not None else None,
        tried=[
            {
                "nth": letter.nth,
                "tracking": parcel.tracking,
                "course": letters.TROUBLE.get(parcel.course, "没有寄出" if not parcel.tracking else "没有签收"),
                "address": parcel.receiver["address"],
            }
            for letter, parcel in in_person.tried(document.id)
        ],
        choices=_CHOICES,
        form=request.form,
        today=clock.today(),
        issued=local_date(document.at),
        errors=errors or {},
        form_token=new_token(12),
    )
    return page, status


@bp.get("/<uuid:document_id>.pdf")
@staff_required(*ROLES)
def paper(document_id: UUID) -> ResponseReturnValue:
    """The document as it is printed; that it was seen is recorded."""
    actor = current_actor()
    found = _known(actor, document_id)
    content = pdf(documents.paper_of(found[1]))
    _look(actor, found)
    commit()
    answer = Response(content, mimetype="application/pdf")
    answer.headers["Content-Disposition"] = f'inline; filename="{found[1].number}.pdf"'
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


@bp.post("/<uuid:document_id>")
@staff_required(*ROLES)
def serve(document_id: UUID) -> ResponseReturnValue:
    """Write down how it was served; from that day the periods run."""
    actor = current_actor()
    found = _known(actor, document_id)
    try:
        given = read_form(_SERVED)
    except ValidationError as fault:
        if "form_token" in fault.normalized_messages():
            abort(400, description=STALE)
        return _seen(actor, found, fault.normalized_messages(), 422)
    by = actor.id
    if by is None:
        abort(403)

    def act(once: Once) -> str:
        in_person.note(document_id, given["way"], given["day"], given["how"], by)
        answer: str = note(once, "served")
        return answer

    try:
        do_once(once_of(actor, given["form_token"]), act)
    except WrongDay as fault:
        rollback()
        return _seen(actor, found, {"day": [fault.sentence]}, 422)
    except NotToBeBrought as fault:
        rollback()
        flash(fault.sentence, "info")
        return redirect(url_for(".page"), 303)
    flash("已登记送达，本人能看到送达日期和可以申请复议的期限。", "ok")
    return redirect(url_for(".page"), 303)
