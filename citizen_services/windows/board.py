"""The waiting-room board: numbers and counters, and nothing that says who it is unless an office turns names on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update

from citizen_services import clock
from citizen_services.database import db, new_id
from citizen_services.people.actors import Actor
from citizen_services.rules.masking import mask_name
from citizen_services.security import digest, new_token
from citizen_services.windows.errors import NoSuchBooking
from citizen_services.windows.hall_models import BoardScreen, Ticket
from citizen_services.windows.models import Counter

#: How many calls a board shows below the last one.
_SHOWN = 6


def add_screen(actor: Actor, name: str, names: bool) -> str:
    """A screen for the hall of the actor's office; its token, which is shown once. The caller commits."""
    token = new_token(32)
    row = {"office_code": actor.office, "name": name, "names": names, "made_by": actor.id, "at": clock.now()}
    db.session.add(BoardScreen(id=new_id(), token=digest(token), **row))
    db.session.flush()
    return token


def revoke_screen(actor: Actor, screen_id: UUID) -> None:
    """Turn the address of a screen of the actor's office off. The caller commits."""
    here = update(BoardScreen).where(
        BoardScreen.id == screen_id, BoardScreen.office_code == actor.office, BoardScreen.revoked_at.is_(None)
    )
    db.session.execute(here.values(revoked_at=clock.now()))


def screens_of(office_code: str) -> Sequence[BoardScreen]:
    """The screens of an office that are in use."""
    query = select(BoardScreen).where(BoardScreen.office_code == office_code, BoardScreen.revoked_at.is_(None))
    return db.session.scalars(query.order_by(BoardScreen.id)).all()


def screen(token: str) -> BoardScreen:
    """The screen of an address; NoSuchBooking for one that was revoked or never was."""
    query = select(BoardScreen).where(BoardScreen.token == digest(token), BoardScreen.revoked_at.is_(None))
    found = db.session.scalars(query).first()
    if found is None:
        raise NoSuchBooking("这个叫号屏的地址已经停用，请联系大厅管理员。")
    return found


def shown(at: BoardScreen) -> Mapping[str, Any]:
    """What a screen shows: ``{calls: [{number, counter, calls, name?}], waiting}``, the last call first."""
    query = (
        select(Ticket, Counter.number)
        .join(Counter, Counter.id == Ticket.counter_id)
        .where(
            Ticket.office_code == at.office_code,
            Ticket.day == clock.today(),
            Ticket.called_at.is_not(None),
            Ticket.state.in_(("called", "serving")),
        )
        .order_by(Ticket.called_at.desc(), Ticket.id)
        .limit(_SHOWN)
    )
    calls = []
    for ticket, counter in db.session.execute(query):
        call = {"number": ticket.number, "counter": counter, "calls": ticket.calls}
        if at.names and ticket.name:
            call["name"] = mask_name(ticket.name)
        calls.append(call)
    waiting = select(func.count()).where(
        Ticket.office_code == at.office_code, Ticket.day == clock.today(), Ticket.state == "waiting"
    )
    return {"calls": calls, "waiting": db.session.execute(waiting).scalar_one()}
