"""Whoever comes to the counter for the first time: card shown, register asked. No face and no WeChat are needed."""

from __future__ import annotations

import logging

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate
from sqlalchemy.exc import IntegrityError

from citizen_services import clock
from citizen_services.cases import visits
from citizen_services.catalogue.fields import IdNumberField, NameField, PhoneField
from citizen_services.catalogue.forms import form_data
from citizen_services.console.counter_place import DESKS, at_home, tell_refusals_here
from citizen_services.console.guards import current_actor, staff_required
from citizen_services.database import Change, commit
from citizen_services.database.base import rollback
from citizen_services.exchange.outcomes import OutsideError
from citizen_services.exchange.population import Population
from citizen_services.parts import parts
from citizen_services.people import binding, limits
from citizen_services.people.binding import Claim
from citizen_services.people.errors import GuardianNeeded, PeopleError, TooMany
from citizen_services.people.queries import citizen_by_id_number
from citizen_services.rules.masking import mask_name
from citizen_services.security import new_token

log = logging.getLogger(__name__)

bp = Blueprint("console_counter_people", __name__, url_prefix="/console/counter/new")
tell_refusals_here(bp)

REGISTER_AWAY = "人口信息库暂时连不上，没有登记。请稍后再试。"
_NOT_THE_SAME = "人口信息库里没有这个号码，或者姓名与号码不一致。请对照身份证原件核对后再试。"


def _ticked(sentence: str) -> fields.String:
    return fields.String(
        required=True, validate=validate.Equal("yes", error=sentence), error_messages={"required": sentence}
    )


class PersonSchema(Schema):
    """Who shows the card: as it says, with a phone for the SMS."""

    name = NameField("姓名", most=50)
    id_number = IdNumberField("请录入或读取身份证号码。")
    phone = PhoneField()
    card_shown = _ticked("请当面核对身份证原件与本人一致后再勾选。")
    notice_read = _ticked("请先把下面的说明告诉申请人，再勾选。")


_PERSON = PersonSchema()


def _page(status: int = 200, errors: object = None) -> ResponseReturnValue:
    page = render_template(
        "console/counter_new.html",
        form={name: request.form.get(name, "") for name in _PERSON.fields},
        errors=errors or {},
        notice=binding.NOTICE_WORDS,
        form_token=new_token(12),
    )
    return page, status


@bp.get("")
@staff_required(*DESKS)
def page() -> ResponseReturnValue:
    """The form for whoever comes for the first time, or has another phone."""
    return _page()


@bp.post("")
@staff_required(*DESKS)
def register() -> ResponseReturnValue:
    """Ask the register about the card's name and number, know the person from now on, and note that they are here."""
    actor = current_actor()
    try:
        given = _PERSON.load(form_data(request.form, _PERSON), unknown=EXCLUDE)
    except ValidationError as fault:
        return _page(422, fault.normalized_messages())
    claim = Claim(given["name"], given["id_number"], given["phone"])
    try:
        one = binding.reserve_counter(actor)
        waiting = binding.claim_at_counter(claim, actor)
    except TooMany as fault:
        rollback()
        return _page(429, {"id_number": [fault.sentence]})
    except PeopleError as fault:
        rollback()
        return _page(422, {"id_number": [fault.sentence]})
    register: Population = parts().clients["population"]
    # Nothing is locked while the register is asked.
    commit()
    try:
        known = register.person(claim.id_number).value
    except OutsideError as fault:
        log.warning("%s", fault)
        limits.not_made(one)
        commit()
        return _page(503, REGISTER_AWAY)
    change = Change(clock.now())
    before = citizen_by_id_number(claim.id_number)
    try:
        citizen_id = binding.bind_at_counter(one, waiting, known, actor, change)
        cases = visits.open_cases(citizen_id, actor.district or "") if before is not None else []
        here = visits.at_office(cases, actor.office or "")
        visits.check_in(change, citizen_id, actor, here, known_by="id_number", card_seen=True, home=at_home(actor))
        change.write()
        commit()
    except GuardianNeeded as fault:
        rollback()
        return _page(422, {"id_number": [fault.sentence]})
    except PeopleError:
        rollback()
        return _page(422, {"name": [_NOT_THE_SAME]})
    except IntegrityError:
        # The same form, or another desk, a moment ago.
        rollback()
        found = citizen_by_id_number(claim.id_number)
        if found is None:
            raise
        citizen_id = found.id
    flash(f"已核对并登记{mask_name(claim.name)}，以后办事不用再登记。", "ok")
    return redirect(url_for("console_counter.person", citizen_id=citizen_id), 303)
