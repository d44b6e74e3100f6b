"""What people asked of their own data: read, and answered in writing, by whoever is named for it (个人信息保护负责人).

Who supervises is told how many wait, and where nobody is named; not what was asked, nor by whom.
"""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import Schema, ValidationError, fields, validate

from citizen_services import clock
from citizen_services.cases import recusal
from citizen_services.cases.disposal import kept_here
from citizen_services.console.access import OwnMatter, tell_refusals
from citizen_services.console.guards import current_actor, staff_required
from citizen_services.database import Change, commit, db
from citizen_services.database.base import rollback
from citizen_services.pages import render_error
from citizen_services.people import data_requests, looks
from citizen_services.people.data_models import DataRequest
from citizen_services.people.models import Citizen
from citizen_services.rules.dates import chinese_full_day, last_day
from citizen_services.rules.masking import mask_name

bp = Blueprint("console_data", __name__, url_prefix="/console/data-requests")
tell_refusals(bp)

ROLE = data_requests.OFFICER
#: Who sees that some wait.
TOLD = "supervisor"
_WHY = "答复个人信息请求"


class AnswerSchema(Schema):
    """What the person reads."""

    answer = fields.String(
        required=True,
        validate=validate.Length(10, 1000, error="请用 10 到 1000 个字写明处理结果和理由。"),
        error_messages={"required": "请写明处理结果和理由。"},
    )


_ANSWER = AnswerSchema()


@bp.get("")
@staff_required(ROLE, TOLD)
def page() -> ResponseReturnValue:
    """What waits for an answer, the one that is due first on top; for supervisors how many, and who answers."""
    actor = current_actor()
    if ROLE not in actor.roles:
        waits = data_requests.waiting()
        return render_template(
            "console/data_waiting.html",
            count=waits.count,
            most=data_requests.MOST,
            due=chinese_full_day(last_day(waits.first_due)) if waits.first_due else "",
            late=waits.first_due is not None and waits.first_due <= clock.now(),
            officers=data_requests.officers(actor.district or ""),
        )
    rows = [
        {
            "href": url_for("console_data.show", request_id=one.id),
            "who": mask_name(citizen.name),
            "kind": data_requests.KINDS[one.kind],
            "due": chinese_full_day(last_day(one.due)),
            "late": one.due <= clock.now(),
            "when": one.at,
        }
        for one, citizen in data_requests.open_ones()
    ]
    return render_template("console/data_requests.html", rows=rows)


def _found(request_id: UUID) -> tuple[DataRequest, Citizen]:
    found = db.session.get(DataRequest, request_id)
    if found is None:
        abort(404)
    citizen = db.session.get_one(Citizen, found.citizen_id)
    why = recusal.why_apart_from(citizen.id_lookup, current_actor())
    if why is not None:
        raise OwnMatter(why)
    return found, citizen


def _page(found: DataRequest, citizen: Citizen, status: int = 200, errors: object = None) -> ResponseReturnValue:
    shown = render_template(
        "console/data_request.html",
        request_id=found.id,
        kind=data_requests.KINDS[found.kind],
        who=mask_name(citizen.name),
        words=found.words,
        due=chinese_full_day(last_day(found.due)),
        answered=found.answer,
        keeps=[(kept.what, kept.how_long, kept.why) for kept in kept_here()],
        form=request.form,
        errors=errors or {},
    )
    return shown, status


@bp.get("/<uuid:request_id>")
@staff_required(ROLE)
def show(request_id: UUID) -> ResponseReturnValue:
    """One request, what law makes us keep beside it; that it was read stands on record."""
    return _recorded(*_found(request_id))


def _recorded(found: DataRequest, citizen: Citizen, status: int = 200, errors: object = None) -> ResponseReturnValue:
    """The page, and the look on record: a form that is sent back shows as much as the page did."""
    change = Change(clock.now())
    looks.note(change, current_actor(), citizen.id, "opened", _WHY, role=ROLE)
    shown = _page(found, citizen, status, errors)
    change.write()
    commit()
    return shown


@bp.post("/<uuid:request_id>")
@staff_required(ROLE)
def answer(request_id: UUID) -> ResponseReturnValue:
    """Answer it; the person is told."""
    found, citizen = _found(request_id)
    change = Change(clock.now())
    try:
        words = _ANSWER.load({"answer": request.form.get("answer", "").strip()})["answer"]
        data_requests.answer(current_actor(), request_id, words, change)
        change.write()
    except ValidationError as fault:
        return _recorded(found, citizen, 422, fault.messages)
    except data_requests.NoSuchRequest as fault:
        rollback()
        return render_error(409, text=fault.sentence, back=url_for("console_data.page"))
    commit()
    flash("已答复，申请人会收到通知。", "ok")
    return redirect(url_for("console_data.page"), 303)
