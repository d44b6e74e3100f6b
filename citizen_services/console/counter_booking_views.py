"""窗口代约: a clerk books, moves and gives up for a person who stands at the counter or phones.

Who it is, is told by identity number and name, which the record of looks keeps with the reason; what is done is told to
the person by WeChat or SMS at once. Nobody becomes known by a call: their card is compared at the counter first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError

from citizen_services import clock
from citizen_services.cases import visits
from citizen_services.cases.once import do_once
from citizen_services.catalogue import CounterService
from citizen_services.catalogue.vocabulary import ServiceItem
from citizen_services.console.access import tell_refusals
from citizen_services.console.counter_place import record_at_desk, refuse_own
from citizen_services.console.guards import current_actor, staff_required
from citizen_services.console.schemas import once_of, read_form
from citizen_services.console.schemas_bookings import REASONS, FindSchema, MoveSchema, SlotSchema, VersionSchema
from citizen_services.database import Change, commit
from citizen_services.database.base import rollback
from citizen_services.database.idempotency import Once
from citizen_services.pages import render_error
from citizen_services.parts import parts
from citizen_services.people import limits, looks
from citizen_services.people.actors import Actor
from citizen_services.people.errors import TooMany
from citizen_services.people.models import Citizen
from citizen_services.people.queries import citizen, citizen_by_id_number, is_bound_to_wechat, office
from citizen_services.rules.dates import chinese_full_day, local_date
from citizen_services.rules.masking import mask_name, mask_phone
from citizen_services.rules.names import same_name
from citizen_services.rules.plates import PLATE_KINDS
from citizen_services.security import new_token
from citizen_services.windows import appointments, at_counter, plans, slots, waiting
from citizen_services.windows.appointments import Booked, Noted
from citizen_services.windows.bring import bring_of
from citizen_services.windows.choosing import choice_of, day_named, subject_named
from citizen_services.windows.errors import BookingError, NoSuchBooking, NotOffered, NotYours, SlotFull
from citizen_services.windows.slots import slot_words
from citizen_services.windows.subjects import about_a_vehicle

bp = Blueprint("console_bookings", __name__, url_prefix="/console/bookings")
tell_refusals(bp)

ROLE = "clerk"


class _NotKnown(Exception):
    """Nobody found this person a moment ago: who it is, is told and recorded first."""


_FIND, _SLOT, _VERSION, _MOVE = FindSchema(), SlotSchema(), VersionSchema(), MoveSchema()


def _here(actor: Actor) -> str:
    return actor.office or ""


def _services(office_code: str) -> Sequence[ServiceItem | CounterService]:
    """What the office's windows are booked for, in the order in which they are shown."""
    groups = plans.groups_of(office_code).values()
    return [parts().catalogue.service(code) for code in dict.fromkeys(s for group in groups for s in group.services)]


# --- Who it is ----------------------------------------------------------------------------------------------------


@bp.get("")
@staff_required(ROLE)
def page() -> ResponseReturnValue:
    """The form that finds somebody."""
    return _page()


def _page(errors: Mapping[str, Any] | None = None, status: int = 200, unknown: bool = False) -> ResponseReturnValue:
    here = _here(current_actor())
    page = render_template(
        "console/bookings.html",
        place=office(here),
        services=_services(here),
        unknown=unknown,
        form={name: request.form.get(name, "") for name in _FIND.fields},
        errors=errors or {},
        form_token=lambda: new_token(12),
    )
    return page, status


@bp.post("")
@staff_required(ROLE)
def find() -> ResponseReturnValue:
    """Find the person by number and name, and record who looked and why."""
    actor = current_actor()
    try:
        given = read_form(_FIND)
    except ValidationError as fault:
        return _page(fault.normalized_messages(), 422)
    try:
        one = limits.reserve("counter_find", {"staff": str(actor.id)})
    except TooMany as fault:
        rollback()
        return _page({"id_number": [fault.sentence]}, 429)
    # Counted whatever becomes of it: numbers and names are not tried out.
    commit()
    who = citizen_by_id_number(given["id_number"])
    if who is None:
        return _page({"id_number": ["系统里还没有这个人，不能代约。"]}, 422, unknown=True)
    if not same_name(who.name, given["name"]):
        return _page({"name": ["姓名和身份证号码对不上，请对方再报一遍。"]}, 422)
    refuse_own(actor, who)

    def note(once: Once) -> str:
        change = Change(clock.now())
        looks.note(change, actor, who.id, "searched", REASONS[given["how"]], role=ROLE)
        limits.succeeded(one)
        once.remember(change, "found")
        change.write()
        return "found"

    do_once(Once.of(actor.key, request.endpoint or "", given["form_token"], {"person": str(who.id)}), note)
    return redirect(url_for(".person", citizen_id=who.id), 303)


def _known(citizen_id: UUID) -> Citizen:
    """Whom the clerk speaks with: found a moment ago, or noted as being here. Raises _NotKnown, OwnMatter."""
    actor, who = current_actor(), citizen(citizen_id)
    if who is None or not (_found(actor, citizen_id) or visits.present(citizen_id, _here(actor))):
        raise _NotKnown
    refuse_own(actor, who)
    if not _found(actor, citizen_id):
        record_at_desk(actor, who, REASONS["here"])
    return who


def _found(actor: Actor, citizen_id: UUID) -> bool:
    since = clock.now() - looks.COVERS
    return any(
        one.staff_id == actor.id and one.reason in REASONS.values() and one.at > since
        for one in looks.looks_at(citizen_id, limit=20)
    )


# --- The person and what they have --------------------------------------------------------------------------------


@bp.get("/people/<uuid:citizen_id>")
@staff_required(ROLE)
def person(citizen_id: UUID) -> ResponseReturnValue:
    """What somebody has booked and waits for, and what can be booked here."""
    who, here = _known(citizen_id), _here(current_actor())
    paused = at_counter.paused_until(who.id)
    return render_template(
        "console/booking_person.html",
        who=who,
        mine=_mine(who),
        waits=[parts().catalogue.service(one.service).name for one in waiting.of_citizen(who.id)],
        booked=[_row(one, here) for one in at_counter.active(who.id)],
        services=[(one.code, one.name) for one in _services(here)],
        place=office(here),
        paused=chinese_full_day(local_date(paused)) if paused else "",
    )


def _mine(who: Citizen) -> Mapping[str, str]:
    return {
        "name": mask_name(who.name),
        "phone": mask_phone(who.phone),
        "told": "微信，收不到再发短信" if is_bound_to_wechat(who.id) else "短信（没有绑定微信）",
    }


def _row(booked: Booked, here: str) -> Mapping[str, Any]:
    appointment = booked.appointment
    return {
        "id": appointment.id,
        "number": appointment.number,
        "service": booked.service.name,
        "when": slot_words(booked.slot),
        "state": appointment.state,
        "plate": _plate(booked),
        "elsewhere": "" if booked.slot.office_code == here else f"{booked.office.name}（{booked.office.phone}）",
    }


def _plate(booked: Booked) -> str:
    return (booked.appointment.plate or "").partition("-")[2]


# --- Booking ------------------------------------------------------------------------------------------------------


def _offered(service: str) -> ServiceItem | CounterService:
    """A service that this office's windows are booked for; raises NotOffered for every other one."""
    found = next((one for one in _services(_here(current_actor())) if one.code == service), None)
    if found is None:
        raise NotOffered("本单位的窗口不办理这项业务。")
    return found


@bp.get("/people/<uuid:citizen_id>/book/<service>")
@staff_required(ROLE)
def choose(citizen_id: UUID, service: str) -> ResponseReturnValue:
    """The days and slots of a service at this office."""
    return _choose(_known(citizen_id), _offered(service))


def _choose(
    who: Citizen,
    service: ServiceItem | CounterService,
    errors: Mapping[str, Any] | None = None,
    status: int = 200,
    near: Sequence[slots.Free] = (),
    moved: Booked | None = None,
) -> ResponseReturnValue:
    page = render_template(
        "console/booking_choose.html",
        who=who,
        mine=_mine(who),
        service=service,
        wants_plate=about_a_vehicle(service) and moved is None,
        plate_kinds=[(code, name, "") for code, name in PLATE_KINDS.items()],
        moved=moved,
        now=slot_words(moved.slot) if moved else "",
        near=[(str(one.slot_id), slot_words(one), f"余 {one.free}") for one in near],
        form=request.form,
        errors=errors or {},
        form_token=lambda: new_token(16),
        **choice_of(service.code, _here(current_actor()), day_named(request.values.get("day", ""))),
    )
    return page, status


@bp.post("/people/<uuid:citizen_id>/book/<service>")
@staff_required(ROLE)
def book(citizen_id: UUID, service: str) -> ResponseReturnValue:
    """Book the chosen slot for the person, once; they are told at once."""
    who, declared, actor = _known(citizen_id), _offered(service), current_actor()
    try:
        given = read_form(_SLOT)
    except ValidationError as fault:
        return _choose(who, declared, fault.normalized_messages(), 422)
    once = once_of(actor, given["form_token"])
    kept = replace(once, route=f"{once.route} hold")
    try:
        at_counter.refuse_elsewhere(given["slot_id"], _here(actor))
        subject = subject_named(who.id, declared, given)
        noted = _noted(actor, "预约")
        answer = at_counter.book(kept, once, who.id, given["slot_id"], declared.code, subject, noted)
    except BookingError as fault:
        return _choose(who, declared, _errors(fault), 422, fault.nearest if isinstance(fault, SlotFull) else ())
    flash("预约成功，系统会通知本人。请把时间、地点和要带的材料念给对方听。", "ok")
    return redirect(url_for(".show", citizen_id=who.id, appointment_id=answer["appointment_id"]), 303)


def _errors(fault: BookingError) -> Mapping[str, Any]:
    rollback()
    return {"plate" if isinstance(fault, NotYours) else "slot_id": [fault.sentence]}


def _noted(actor: Actor, did: str) -> Noted:
    """What the record keeps of an act: who of the staff did what with which appointment."""

    def note(change: Change, booked: Booked) -> None:
        words = f"替本人{did}：{booked.service.name}（{booked.appointment.number}）"
        looks.note(change, actor, booked.citizen.id, "opened", words, role=ROLE)

    return note


# --- One appointment ----------------------------------------------------------------------------------------------


def _of_here(who: Citizen, appointment_id: UUID) -> Booked:
    """The person's own appointment, at this office; NoSuchBooking for every other one."""
    booked = appointments.own(who.id, appointment_id)
    if booked.slot.office_code != _here(current_actor()):
        raise NoSuchBooking
    return booked


@bp.get("/people/<uuid:citizen_id>/appointments/<uuid:appointment_id>")
@staff_required(ROLE)
def show(citizen_id: UUID, appointment_id: UUID) -> ResponseReturnValue:
    """An appointment to be read out: when, where, what to bring."""
    who = _known(citizen_id)
    return _show(who, _of_here(who, appointment_id))


def _show(who: Citizen, booked: Booked, status: int = 200, sentence: str = "") -> ResponseReturnValue:
    page = render_template(
        "console/booking_show.html",
        who=who,
        mine=_mine(who),
        booked=booked,
        plate=_plate(booked),
        when=slot_words(booked.slot),
        place=booked.office,
        bring=bring_of(booked.service),
        open=booked.appointment.state == "booked" and booked.slot.starts_at > clock.now(),
        sentence=sentence,
        form_token=lambda: new_token(16),
    )
    return page, status


@bp.post("/people/<uuid:citizen_id>/appointments/<uuid:appointment_id>")
@staff_required(ROLE)
def cancel(citizen_id: UUID, appointment_id: UUID) -> ResponseReturnValue:
    """Give the appointment up for the person, once."""
    who, actor = _known(citizen_id), current_actor()
    booked = _of_here(who, appointment_id)
    try:
        given = read_form(_VERSION)
    except ValidationError:
        return _show(who, booked, 422, "请刷新页面后再试。")
    try:
        once, noted = once_of(actor, given["form_token"]), _noted(actor, "取消预约")
        appointments.cancel(once, who.id, appointment_id, given["version"], noted=noted)
    except BookingError as fault:
        rollback()
        return _show(who, _of_here(who, appointment_id), 409, fault.sentence)
    flash("预约已经取消，系统会通知本人。", "ok")
    return redirect(url_for(".person", citizen_id=who.id), 303)


@bp.get("/people/<uuid:citizen_id>/appointments/<uuid:appointment_id>/move")
@staff_required(ROLE)
def other(citizen_id: UUID, appointment_id: UUID) -> ResponseReturnValue:
    """The other slots of the same service."""
    who = _known(citizen_id)
    booked = _of_here(who, appointment_id)
    return _choose(who, booked.service, moved=booked)


@bp.post("/people/<uuid:citizen_id>/appointments/<uuid:appointment_id>/move")
@staff_required(ROLE)
def move(citizen_id: UUID, appointment_id: UUID) -> ResponseReturnValue:
    """Move the appointment to the chosen slot, once; its number stays."""
    who, actor = _known(citizen_id), current_actor()
    booked = _of_here(who, appointment_id)
    try:
        given = read_form(_MOVE)
    except ValidationError as fault:
        return _choose(who, booked.service, fault.normalized_messages(), 422, moved=booked)
    try:
        at_counter.refuse_elsewhere(given["slot_id"], _here(actor))
        once, noted = once_of(actor, given["form_token"]), _noted(actor, "改期")
        appointments.move(once, who.id, appointment_id, given["version"], given["slot_id"], noted=noted)
    except BookingError as fault:
        near = fault.nearest if isinstance(fault, SlotFull) else ()
        errors = _errors(fault)
        return _choose(who, booked.service, errors, 422, near, _of_here(who, appointment_id))
    flash("已经改到新的时间，系统会通知本人。", "ok")
    return redirect(url_for(".show", citizen_id=who.id, appointment_id=appointment_id), 303)


@bp.errorhandler(BookingError)
def _not_done(fault: BookingError) -> ResponseReturnValue:
    rollback()
    return render_error(fault.status, text=fault.sentence, back=url_for(".page"))


@bp.errorhandler(_NotKnown)
def _not_known(fault: _NotKnown) -> ResponseReturnValue:
    flash("请先录入对方的身份证号码和姓名：每次查看都要有记录。", "warn")
    return redirect(url_for(".page"), 303)
