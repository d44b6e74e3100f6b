"""叫号台: a counter calls who is next, serves, and takes in who comes: booked people by their code, others by a ticket.

By keyboard alone: N next, R recall, S start, D done, P passed over, U take back; a scanner types into its own field.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError, fields, validate
from sqlalchemy import select

from citizen_services import clock
from citizen_services.cases.once import do_once, note
from citizen_services.console.access import tell_refusals
from citizen_services.console.guards import current_actor, staff_required
from citizen_services.console.schemas import FormSchema, once_of, read_form
from citizen_services.database import db
from citizen_services.parts import parts
from citizen_services.people.actors import Actor
from citizen_services.people.queries import office
from citizen_services.rules import qr
from citizen_services.rules.masking import mask_name
from citizen_services.security import new_token
from citizen_services.windows import board, hall, standings
from citizen_services.windows.errors import BookingError, NoSuchBooking, NotThis
from citizen_services.windows.hall_models import Ticket
from citizen_services.windows.models import Counter, ServiceGroup

bp = Blueprint("console_desk", __name__, url_prefix="/console/desk")
tell_refusals(bp)

ROLES = ("clerk", "supervisor")
#: Whoever answers for the hall: screens, and letting somebody in beyond the day's places.
KEEPERS = ("supervisor", "planner")
_COUNTER = "desk_counter"


class CounterSchema(FormSchema):
    """Which counter one sits at."""

    counter = fields.Integer(required=True, validate=validate.Range(1, 999))


class ActSchema(FormSchema):
    """What is done with which ticket; ``group`` where it is handed on."""

    action = fields.String(
        required=True,
        validate=validate.OneOf(("next", "recall", "skip", "start", "finish", "transfer", "undo", "take_up")),
    )
    ticket = fields.UUID(load_default=None, allow_none=True)
    group = fields.String(load_default="", validate=validate.Length(max=40))


class ScanSchema(FormSchema):
    """The code or number of a booking."""

    scan = fields.String(required=True, validate=validate.Length(1, 100), error_messages={"required": "请扫码或录入。"})


class DrawSchema(FormSchema):
    """What somebody without a booking has come for; ``beyond``: let in though the day's places are given out."""

    service = fields.String(
        required=True, validate=validate.Length(1, 60), error_messages={"required": "请选择要办的业务。"}
    )
    beyond = fields.Boolean(load_default=False)


class ScreenSchema(FormSchema):
    """A screen: where it hangs, and whether it shows masked names."""

    name = fields.String(
        required=True,
        validate=validate.Length(2, 30, error="请写明挂在哪里，2 至 30 个字。"),
        error_messages={"required": "请写明挂在哪里。"},
    )
    names = fields.Boolean(load_default=False)


class RevokeSchema(FormSchema):
    """A screen whose address is turned off."""

    screen = fields.UUID(required=True)


_SIT, _ACT, _SCAN, _DRAW = CounterSchema(), ActSchema(), ScanSchema(), DrawSchema()
_SCREEN, _REVOKE = ScreenSchema(), RevokeSchema()


def _here(actor: Actor) -> str:
    return actor.office or ""


def _counter(actor: Actor) -> Counter | None:
    """The counter that this browser sits at, where it is one of the office."""
    number = session.get(_COUNTER)
    return next((one for one in hall.counters_of(_here(actor)) if one.number == number), None)


def _groups(office_code: str) -> Mapping[str, ServiceGroup]:
    query = select(ServiceGroup).where(ServiceGroup.office_code == office_code).order_by(ServiceGroup.place)
    return {group.code: group for group in db.session.scalars(query)}


@bp.get("")
@staff_required(*ROLES)
def page() -> ResponseReturnValue:
    """The counter's desk."""
    return _page()


def _page(errors: Mapping[str, Any] | None = None, status: int = 200) -> ResponseReturnValue:
    actor = current_actor()
    counter, groups = _counter(actor), _groups(_here(actor))
    serving = hall.at_counter(counter.id) if counter is not None else None
    page = render_template(
        "console/desk.html",
        place=office(_here(actor)),
        counters=hall.counters_of(_here(actor)),
        counter=counter,
        serving=_card(serving, groups) if serving is not None else None,
        others=[(code, group.name) for code, group in groups.items() if serving and code != serving.group_code],
        rows=_rows(counter, groups),
        services=_services(groups),
        last=_last(actor),
        keeper=bool(actor.roles & set(KEEPERS)),
        errors=errors or {},
        form=request.form,
        form_token=lambda: new_token(12),
    )
    return page, status


def _services(groups: Mapping[str, ServiceGroup]) -> list[tuple[str, str, str]]:
    catalogue = parts().catalogue
    return [(code, catalogue.service(code).name, "") for group in groups.values() for code in group.services]


def _card(ticket: Ticket, groups: Mapping[str, ServiceGroup]) -> dict[str, Any]:
    since = ticket.serving_at or ticket.called_at or ticket.drawn_at
    return {
        "id": ticket.id,
        "number": ticket.number,
        "state": ticket.state,
        "name": mask_name(ticket.name) if ticket.name else "",
        "service": parts().catalogue.service(ticket.service).name,
        "group": groups[ticket.group_code].name if ticket.group_code in groups else ticket.group_code,
        "channel": "预约" if ticket.channel == "booked" else "现场",
        "calls": ticket.calls,
        "minutes": max(0, int((clock.now() - since).total_seconds() // 60)),
    }


def _rows(counter: Counter | None, groups: Mapping[str, ServiceGroup]) -> list[dict[str, Any]]:
    if counter is None:
        return []
    return [
        {**_card(one, groups), "due": one.due_at, "waits": one.state == "waiting"}
        for one in standings.waiting_list(counter.office_code, counter.groups)
    ]


def _last(actor: Actor) -> dict[str, Any] | None:
    """What this desk did last and may take back."""
    query = select(Ticket).where(Ticket.staff_id == actor.id, Ticket.state.in_(("done", "skipped")))
    found = db.session.scalars(query.order_by(Ticket.called_at.desc(), Ticket.id.desc()).limit(1)).first()
    return {"id": found.id, "number": found.number, "state": found.state} if found is not None else None


@bp.get("/rows")
@staff_required(*ROLES)
def rows() -> ResponseReturnValue:
    """The table of who waits, for the page to renew itself; 204 where it is as the page has it."""
    actor = current_actor()
    counter = _counter(actor)
    shown = render_template("console/_desk_rows.html", rows=_rows(counter, _groups(_here(actor))))
    answer = Response(shown)
    answer.add_etag(weak=True)
    answer.make_conditional(request)
    return answer if answer.status_code != 304 else Response(status=204)


@bp.post("/counter")
@staff_required(*ROLES)
def sit() -> ResponseReturnValue:
    """Say which counter one sits at."""
    try:
        given = read_form(_SIT)
    except ValidationError:
        return _page({"counter": ["请选择窗口。"]}, 422)
    if given["counter"] not in {one.number for one in hall.counters_of(_here(current_actor()))}:
        return _page({"counter": ["请选择窗口。"]}, 422)
    session[_COUNTER] = given["counter"]
    return redirect(url_for(".page"), 303)


@bp.post("")
@staff_required(*ROLES)
def act() -> ResponseReturnValue:
    """Call, recall, skip, serve, hand on, finish, take back: each once."""
    try:
        given = read_form(_ACT)
    except ValidationError as fault:
        return _page(fault.normalized_messages(), 422)
    actor = current_actor()
    counter = _counter(actor)
    if counter is None:
        return _page({"counter": ["请先选择您坐的窗口。"]}, 422)

    def once_done(once: Any) -> Any:
        _do(counter, actor, given)
        return note(once, "done")

    try:
        do_once(once_of(actor, given["form_token"]), once_done)
    except BookingError as fault:
        flash(fault.sentence, "warn")
    return redirect(url_for(".page"), 303)


def _do(counter: Counter, actor: Actor, given: Mapping[str, Any]) -> None:
    action = given["action"]
    if action == "next":
        hall.call_next(counter, actor)
        return
    if given["ticket"] is None:
        raise NotThis("请先叫号。")
    ticket = hall.ticket_of(counter.office_code, given["ticket"])
    if action == "take_up":
        hall.take_up(ticket)
        return
    if action == "undo":
        hall.undo(ticket, actor, counter)
        return
    if ticket.counter_id != counter.id:
        raise NotThis("这个号不在您的窗口。")
    if action == "recall":
        hall.recall(ticket)
    elif action == "skip":
        hall.skip(ticket)
    elif action == "start":
        hall.start(ticket, actor)
    elif action == "finish":
        hall.finish(ticket)
    else:
        hall.transfer(ticket, given["group"])


@bp.post("/check-in")
@staff_required(*ROLES)
def check_in() -> ResponseReturnValue:
    """Take in somebody who booked, by their code or number."""
    try:
        given = read_form(_SCAN)
    except ValidationError as fault:
        return _page(fault.normalized_messages(), 422)
    actor = current_actor()
    return _give_out("scan", given, lambda: hall.check_in(_here(actor), given["scan"]))


@bp.post("/draw")
@staff_required(*ROLES)
def draw() -> ResponseReturnValue:
    """A ticket for somebody who walked in."""
    try:
        given = read_form(_DRAW)
    except ValidationError as fault:
        return _page(fault.normalized_messages(), 422)
    actor = current_actor()
    force = given["beyond"] and bool(actor.roles & set(KEEPERS))
    return _give_out("service", given, lambda: hall.draw(_here(actor), given["service"], force=force))


def _give_out(field: str, given: Mapping[str, Any], make: Any) -> ResponseReturnValue:
    """Give a ticket out, once, and lead to what is printed."""

    def once_done(once: Any) -> Any:
        drawn = make()
        return note(once, {"ticket": str(drawn.ticket_id), "token": drawn.token})

    try:
        answer = do_once(once_of(current_actor(), given["form_token"]), once_done)
    except BookingError as fault:
        return _page({field: [fault.sentence]}, 422)
    return redirect(url_for(".ticket", ticket_id=answer["ticket"], token=answer["token"]), 303)


@bp.get("/tickets/<uuid:ticket_id>")
@staff_required(*ROLES)
def ticket(ticket_id: UUID) -> ResponseReturnValue:
    """The ticket as it is printed: the number, how many are ahead, the address of its page as a QR code."""
    found = hall.ticket_of(_here(current_actor()), ticket_id)
    token = request.args.get("token", "")
    if token and standings.by_token(token).id != found.id:
        raise NoSuchBooking
    return render_template(
        "console/ticket.html",
        ticket=found,
        place=office(found.office_code),
        service=parts().catalogue.service(found.service),
        stands=standings.standing(found),
        token=token,
        heading=f"号票 {found.number}",
    )


@bp.get("/tickets/<uuid:ticket_id>/qr.png")
@staff_required(*ROLES)
def ticket_code(ticket_id: UUID) -> ResponseReturnValue:
    """The address of the ticket's page on the phone, which says nothing about anybody."""
    token = request.args.get("token", "")
    if standings.by_token(token).id != ticket_id:
        raise NoSuchBooking
    address = parts().settings.public_base_url.rstrip("/") + f"/h5/queue/{token}"
    answer = Response(qr.png(address, "print"), mimetype="image/png")
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


# --- Screens ------------------------------------------------------------------------------------------------------


@bp.get("/screens")
@staff_required(*KEEPERS)
def screens() -> ResponseReturnValue:
    """The hall's screens, and what the day was like."""
    return _screens()


def _screens(errors: Mapping[str, Any] | None = None, status: int = 200, address: str = "") -> ResponseReturnValue:
    here = _here(current_actor())
    groups = _groups(here)
    page = render_template(
        "console/screens.html",
        heading="叫号屏和当天情况",
        place=office(here),
        screens=board.screens_of(here),
        address=address,
        day=[
            {"name": groups[one.group].name if one.group in groups else one.group, "of": one}
            for one in standings.day_of(here, clock.today())
        ],
        errors=errors or {},
        form=request.form,
        form_token=lambda: new_token(12),
    )
    return page, status


@bp.post("/screens")
@staff_required(*KEEPERS)
def add_screen() -> ResponseReturnValue:
    """A new screen; its address is shown this once."""
    try:
        given = read_form(_SCREEN)
    except ValidationError as fault:
        return _screens(fault.normalized_messages(), 422)
    actor = current_actor()

    def once_done(once: Any) -> Any:
        return note(once, {"token": board.add_screen(actor, given["name"], given["names"])})

    answer = do_once(once_of(actor, given["form_token"]), once_done)
    return _screens(address=parts().settings.public_base_url.rstrip("/") + f"/board/{answer['token']}")


@bp.post("/screens/revoke")
@staff_required(*KEEPERS)
def revoke() -> ResponseReturnValue:
    """Turn a screen's address off."""
    try:
        given = read_form(_REVOKE)
    except ValidationError as fault:
        return _screens(fault.normalized_messages(), 422)
    actor = current_actor()

    def once_done(once: Any) -> Any:
        board.revoke_screen(actor, given["screen"])
        return note(once, "done")

    do_once(once_of(actor, given["form_token"]), once_done)
    flash("这个叫号屏的地址已经停用。", "ok")
    return redirect(url_for(".screens"), 303)
