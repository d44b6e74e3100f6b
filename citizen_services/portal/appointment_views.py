"""我的预约: when and where, what to bring, the code for check-in; moved, given up; and what one waits for."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from citizen_services import clock
from citizen_services.cases.once import do_once, note
from citizen_services.database import commit, db
from citizen_services.filling.posted import Posted
from citizen_services.parts import parts
from citizen_services.people.queries import office
from citizen_services.portal.guards import citizen_actor, citizen_required, the_citizen
from citizen_services.portal.home_views import tell_refusals
from citizen_services.rules import qr
from citizen_services.rules.dates import chinese_day, chinese_moment
from citizen_services.security import new_token
from citizen_services.windows import appointments, holds, waiting
from citizen_services.windows.appointments import Booked
from citizen_services.windows.booking_models import Hold, WaitingEntry
from citizen_services.windows.bring import bring_of
from citizen_services.windows.choosing import choice_of, day_named
from citizen_services.windows.errors import BookingError, NotThis, SlotFull
from citizen_services.windows.models import Slot
from citizen_services.windows.slots import slot_words

bp = Blueprint("portal_appointments", __name__, url_prefix="/h5/appointments")
tell_refusals(bp)

#: What a person reads of each state: words and tone.
STATES = {
    "booked": ("已预约", "ok"),
    "checked_in": ("已签到，等叫号", "wait"),
    "serving": ("正在办理", "wait"),
    "served": ("已办理", "off"),
    "cancelled": ("已取消", "off"),
    "no_show": ("没有到场", "bad"),
}


@bp.get("")
@citizen_required
def mine() -> ResponseReturnValue:
    """One's appointments, those to come first, and what one waits for."""
    whole = [appointments.whole(one) for one in appointments.of_citizen(the_citizen().id, limit=50)]
    coming = sorted((one for one in whole if one.appointment.ended_at is None), key=lambda one: one.slot.starts_at)
    return render_template(
        "h5/appointments.html",
        coming=[_card(one) for one in coming],
        over=[_card(one) for one in whole if one.appointment.ended_at is not None],
        waiting=[_entry(entry) for entry in waiting.of_citizen(the_citizen().id)],
        back="/h5/",
        live=True,
    )


def _card(booked: Booked) -> dict[str, str]:
    words, _ = STATES[booked.appointment.state]
    return {
        "title": booked.service.name,
        "text": f"{slot_words(booked.slot)}，{booked.office.name}",
        "meta": f"{words} · {booked.appointment.number}",
        "icon": "calendar",
        "href": url_for("portal_appointments.show", appointment_id=booked.appointment.id),
    }


def _entry(entry: WaitingEntry) -> dict[str, Any]:
    hold = db.session.get(Hold, entry.hold_id) if entry.hold_id else None
    slot = db.session.get(Slot, hold.slot_id) if hold else None
    return {
        "id": entry.id,
        "name": parts().catalogue.service(entry.service).name,
        "office": office(entry.office_code).name,
        "days": f"{chinese_day(entry.from_day)} 至 {chinese_day(entry.until_day)}",
        "offer": slot_words(slot) if slot else "",
        "until": chinese_moment(hold.expires_at) if hold else "",
        "token": new_token(16),
    }


@bp.get("/<uuid:appointment_id>")
@citizen_required
def show(appointment_id: UUID) -> ResponseReturnValue:
    """One appointment with its list of what to bring and its code."""
    return _page(appointments.own(the_citizen().id, appointment_id))


def _page(booked: Booked, status: int = 200, sentence: str = "") -> ResponseReturnValue:
    appointment = booked.appointment
    words, tone = STATES[appointment.state]
    place = booked.office
    rows = [
        {"label": "预约编号", "value": appointment.number},
        {"label": "时间", "value": slot_words(booked.slot)},
        {"label": "地点", "value": f"{place.name}，{place.address}"},
        {"label": "电话", "value": place.phone},
        {"label": "预约给", "value": (appointment.plate or "").partition("-")[2] or "本人"},
    ]
    page = render_template(
        "h5/appointment.html",
        booked=booked,
        words=words,
        tone=tone,
        rows=rows,
        bring=bring_of(booked.service),
        open=appointment.state == "booked" and booked.slot.starts_at > clock.now(),
        declines=appointment.decline_until and appointment.decline_until > clock.now(),
        before=slot_words(booked.before) if booked.before else "",
        sentence=sentence,
        form_token=new_token(16),
        back=url_for("portal_appointments.mine"),
        live=True,
    )
    return page, status


@bp.get("/<uuid:appointment_id>/qr.png")
@citizen_required
def code(appointment_id: UUID) -> ResponseReturnValue:
    """The code that is read at check-in; it says nothing about its person."""
    booked = appointments.own(the_citizen().id, appointment_id)
    answer = Response(qr.png(booked.appointment.checkin_code), mimetype="image/png")
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


@bp.post("/<uuid:appointment_id>")
@citizen_required
def act(appointment_id: UUID) -> ResponseReturnValue:
    """Give the appointment up."""
    posted = Posted.read()
    once = posted.once(citizen_actor(), {"of": str(appointment_id)})
    try:
        appointments.cancel(once, the_citizen().id, appointment_id, posted.version)
    except NotThis as fault:
        return _page(appointments.own(the_citizen().id, appointment_id), 409, fault.sentence)
    flash("预约已经取消。", "ok")
    return redirect(url_for("portal_appointments.show", appointment_id=appointment_id), 303)


@bp.get("/<uuid:appointment_id>/move")
@citizen_required
def choose(appointment_id: UUID) -> ResponseReturnValue:
    """The other slots of the same service and office."""
    return _choose(appointments.own(the_citizen().id, appointment_id))


def _choose(booked: Booked, status: int = 200, errors: Any = None, near: Any = ()) -> ResponseReturnValue:
    where = booked.slot.office_code
    page = render_template(
        "h5/appointment_move.html",
        booked=booked,
        now=slot_words(booked.slot),
        near=[(str(one.slot_id), slot_words(one), f"余 {one.free}") for one in near],
        errors=errors or {},
        form=request.form,
        form_token=new_token(16),
        back=url_for("portal_appointments.show", appointment_id=booked.appointment.id),
        **choice_of(booked.service.code, where, day_named(request.values.get("day", ""))),
    )
    return page, status


@bp.post("/<uuid:appointment_id>/move")
@citizen_required
def move(appointment_id: UUID) -> ResponseReturnValue:
    """Move it to the chosen slot; its number stays."""
    posted = Posted.read()
    once = posted.once(citizen_actor(), {"of": str(appointment_id)})
    try:
        slot_id = UUID(posted.form.get("slot_id", ""))
    except ValueError:
        booked = appointments.own(the_citizen().id, appointment_id)
        return _choose(booked, 422, {"slot_id": ["请选择一个时段。"]})
    try:
        appointments.move(once, the_citizen().id, appointment_id, posted.version, slot_id)
    except BookingError as fault:
        near = fault.nearest if isinstance(fault, SlotFull) else ()
        booked = appointments.own(the_citizen().id, appointment_id)
        return _choose(booked, 422, {"slot_id": [fault.sentence]}, near)
    flash("已经改到新的时间。", "ok")
    return redirect(url_for("portal_appointments.show", appointment_id=appointment_id), 303)


@bp.post("/waiting/<uuid:waiting_id>")
@citizen_required
def answer(waiting_id: UUID) -> ResponseReturnValue:
    """Take the offered slot, let it pass, or wait no more."""
    posted = Posted.read()
    once = posted.once(citizen_actor(), {"of": str(waiting_id)})
    done = once.answer()
    if done is None:
        try:
            done = _answer(once, waiting_id, posted.action)
        except BookingError as fault:
            flash(fault.sentence, "bad")
            return redirect(url_for("portal_appointments.mine"), 303)
    if "appointment_id" in done:
        flash("预约成功。", "ok")
        return redirect(url_for("portal_appointments.show", appointment_id=done["appointment_id"]), 303)
    flash("已经照办。", "ok")
    return redirect(url_for("portal_appointments.mine"), 303)


def _answer(once: Any, waiting_id: UUID, action: str) -> Any:
    citizen_id = the_citizen().id
    if action == "accept":
        hold_id = waiting.offered_hold(citizen_id, waiting_id)
        commit()
        return appointments.book(once, citizen_id, hold_id, "h5")

    def give_up(once: Any) -> Any:
        if action == "pass":
            holds.release(citizen_id, waiting.offered_hold(citizen_id, waiting_id))
        else:
            waiting.end(citizen_id, waiting_id)
        return note(once, {"done": True})

    return do_once(once, give_up, asked=True)
