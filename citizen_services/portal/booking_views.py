"""预约: which day, which slot, kept for some minutes, confirmed; and the waiting list where nothing is free.

Choosing a slot keeps it; the page after that says until when, and what to bring.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from citizen_services import clock
from citizen_services.cases.once import do_once, note
from citizen_services.catalogue import CounterService
from citizen_services.catalogue.vocabulary import ServiceItem
from citizen_services.database import db
from citizen_services.database.idempotency import Once
from citizen_services.filling.posted import Posted
from citizen_services.parts import parts
from citizen_services.people.queries import office
from citizen_services.portal.guards import citizen_actor, citizen_required, the_citizen
from citizen_services.portal.home_views import tell_refusals
from citizen_services.rules.masking import mask_phone
from citizen_services.rules.plates import PLATE_KINDS
from citizen_services.security import new_token
from citizen_services.windows import appointments, holds, waiting
from citizen_services.windows.booking_models import Hold
from citizen_services.windows.bring import bring_of
from citizen_services.windows.choosing import choice_of, day_named, offices_of, subject_named
from citizen_services.windows.errors import BookingError, NoSuchBooking, NotOffered, NotYours, SlotFull
from citizen_services.windows.models import Slot
from citizen_services.windows.slots import slot_words
from citizen_services.windows.subjects import about_a_vehicle

bp = Blueprint("portal_booking", __name__, url_prefix="/h5/book")
tell_refusals(bp)


def _service(code: str) -> ServiceItem | CounterService:
    return parts().catalogue.service(code)


@bp.get("/<service>")
@citizen_required
def choose(service: str) -> ResponseReturnValue:
    """The days and slots of a service at an office."""
    return _choose(_service(service))


def _choose(
    service: ServiceItem | CounterService, errors: Mapping[str, Any] | None = None, status: int = 200, near: Any = ()
) -> ResponseReturnValue:
    places = offices_of(service.code)
    asked = request.values.get("office", "")
    where = asked if asked in {code for code, _, _ in places} else (places[0][0] if places else "")
    found = (
        choice_of(service.code, where, day_named(request.values.get("day", ""))) if where else {"days": [], "slots": []}
    )
    page = render_template(
        "h5/book.html",
        service=service,
        wants_plate=about_a_vehicle(service),
        places=places,
        where=where,
        place=office(where) if where else None,
        plate_kinds=[(code, name, "") for code, name in PLATE_KINDS.items()],
        near=[(str(one.slot_id), slot_words(one), f"余 {one.free}") for one in near],
        form=request.form,
        errors=errors or {},
        form_token=new_token(16),
        back=url_for("portal_items.guide", code=service.code),
        **found,
    )
    return page, status


@bp.post("/<service>/hold")
@citizen_required
def keep(service: str) -> ResponseReturnValue:
    """Keep the chosen slot for some minutes."""
    declared, posted = _service(service), Posted.read()
    try:
        slot_id = UUID(posted.form.get("slot_id", ""))
    except ValueError:
        return _choose(declared, {"slot_id": ["请选择一个时段。"]}, 422)
    try:
        subject = subject_named(the_citizen().id, declared, posted.form)
        answer = holds.take(posted.once(citizen_actor()), the_citizen().id, slot_id, declared.code, subject)
    except NotYours as fault:
        return _choose(declared, {"plate": [fault.sentence]}, 422)
    except SlotFull as fault:
        return _choose(declared, {"slot_id": [fault.sentence]}, 422, fault.nearest)
    except BookingError as fault:
        return _choose(declared, {"slot_id": [fault.sentence]}, 422)
    return redirect(url_for("portal_booking.confirm", service=service, hold_id=answer["hold_id"]), 303)


def _own_hold(hold_id: UUID) -> tuple[Hold, Slot]:
    hold = db.session.get(Hold, hold_id)
    if hold is None or hold.citizen_id != the_citizen().id:
        raise NoSuchBooking
    return hold, db.session.get_one(Slot, hold.slot_id)


@bp.get("/<service>/confirm/<uuid:hold_id>")
@citizen_required
def confirm(service: str, hold_id: UUID) -> ResponseReturnValue:
    """What was chosen, until when it is kept, what to bring; one button."""
    declared = _service(service)
    hold, slot = _own_hold(hold_id)
    if hold.service != declared.code:
        raise NoSuchBooking
    if hold.state != "held" or hold.expires_at <= clock.now():
        flash("为您保留的时间已经过了，请重新选择时段。", "info")
        return redirect(url_for("portal_booking.choose", service=service), 303)
    place = office(slot.office_code)
    rows = [
        {"label": "办理事项", "value": declared.name},
        {"label": "时间", "value": slot_words(slot)},
        {"label": "地点", "value": f"{place.name}，{place.address}"},
        {"label": "预约给", "value": (hold.plate or "").partition("-")[2] or "本人"},
        {"label": "提醒发到", "value": mask_phone(the_citizen().phone)},
    ]
    left = max(1, round((hold.expires_at - clock.now()) / timedelta(minutes=1)))
    return render_template(
        "h5/book_confirm.html",
        service=declared,
        rows=rows,
        bring=bring_of(declared),
        left=left,
        until=hold.expires_at,
        hold=hold,
        form_token=new_token(16),
        release_token=new_token(16),
        back=url_for("portal_booking.choose", service=service, office=slot.office_code),
    )


@bp.post("/<service>/confirm/<uuid:hold_id>")
@citizen_required
def book(service: str, hold_id: UUID) -> ResponseReturnValue:
    """Book what is kept, or give it back."""
    posted = Posted.read()
    hold, _ = _own_hold(hold_id)
    if posted.action == "release":

        def give_back(once: Once) -> Any:
            holds.release(the_citizen().id, hold_id)
            return note(once, {"released": True})

        do_once(posted.once(citizen_actor()), give_back)
        flash("已经放弃这个时段。", "ok")
        return redirect(url_for("portal_booking.choose", service=service), 303)
    try:
        answer = appointments.book(posted.once(citizen_actor()), the_citizen().id, hold.id, "h5")
    except BookingError as fault:
        flash(fault.sentence, "bad")
        return redirect(url_for("portal_booking.choose", service=service), 303)
    flash("预约成功。", "ok")
    return redirect(url_for("portal_appointments.show", appointment_id=answer["appointment_id"]), 303)


@bp.get("/<service>/wait")
@citizen_required
def waiting_page(service: str) -> ResponseReturnValue:
    """Where, and between which days, somebody waits for a freed slot."""
    return _waiting_page(_service(service))


def _waiting_page(
    service: ServiceItem | CounterService, errors: Mapping[str, Any] | None = None, status: int = 200
) -> ResponseReturnValue:
    places = offices_of(service.code)
    if not places:
        raise NotOffered("这项业务不用预约，直接到窗口取号办理。")
    page = render_template(
        "h5/book_wait.html",
        service=service,
        wants_plate=about_a_vehicle(service),
        places=places,
        where=request.values.get("office") or places[0][0],
        plate_kinds=[(code, name, "") for code, name in PLATE_KINDS.items()],
        form=request.form,
        errors=errors or {},
        today=clock.today(),
        most=waiting.MOST_DAYS,
        form_token=new_token(16),
        back=url_for("portal_booking.choose", service=service.code),
    )
    return page, status


@bp.post("/<service>/wait")
@citizen_required
def wait(service: str) -> ResponseReturnValue:
    """Wait for a freed slot between two days."""
    declared, posted = _service(service), Posted.read()
    first, last = day_named(posted.form.get("from_day", "")), day_named(posted.form.get("until_day", ""))
    if first is None or last is None:
        return _waiting_page(declared, {"from_day" if first is None else "until_day": ["请选择日期。"]}, 422)

    def enter(once: Once) -> Any:
        where, subject = posted.form.get("office", ""), subject_named(the_citizen().id, declared, posted.form)
        entry = waiting.wait(the_citizen().id, declared.code, where, first, last, subject)
        return note(once, {"waiting_id": str(entry)})

    try:
        do_once(posted.once(citizen_actor()), enter)
    except NotYours as fault:
        return _waiting_page(declared, {"plate": [fault.sentence]}, 422)
    except NotOffered as fault:
        return _waiting_page(declared, {"office": [fault.sentence]}, 422)
    except BookingError as fault:
        return _waiting_page(declared, {"from_day": [fault.sentence]}, 422)
    flash("已登记候补。有空出的号源，会按先后通知您，并为您保留一段时间。", "ok")
    return redirect(url_for("portal_appointments.mine"), 303)
