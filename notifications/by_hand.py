"""The rungs that people climb: a call from a list with the words to say, then a visit by the community officer.

A row waits on its list until somebody says what came of it. It is never sent by a machine; told, refused, too often in
vain or too long without anybody, and the notice goes on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import defer

from citizen_services import clock
from citizen_services.cases import corrections
from citizen_services.cases.models import Case
from citizen_services.database import Change, db
from citizen_services.parts import parts
from citizen_services.people import looks
from citizen_services.people.actors import Actor
from citizen_services.registers.queries import current_registration
from notifications import bringing, ladder
from notifications.errors import NotOnList
from notifications.models import Delivery, Notice

Rung = Literal["call", "visit"]
Result = Literal["told", "not_reached", "refused"]
#: How often each is tried in vain, and how a success is noted.
MOST: Mapping[str, int] = {"call": ladder.MOST_CALLS, "visit": ladder.MOST_VISITS}
TOLD: Mapping[str, str] = {"call": "told on the telephone", "visit": ladder.TOLD_AT_HOME}
#: The reason that a look at a number or an address carries.
REASONS: Mapping[str, str] = {"call": "电话告知", "visit": "上门告知"}
PAGE = 100


def waiting(rung: Rung, within: ColumnElement[bool], limit: int = PAGE) -> Sequence[Delivery]:
    """Whom to call or visit, the longest waiting first; ``within``: of which tries alone."""
    query = select(Delivery).options(defer(Delivery.payload))
    query = query.where(Delivery.channel == rung, Delivery.state == "pending", within)
    return db.session.scalars(query.order_by(Delivery.id).limit(limit)).all()


def one(rung: Rung, delivery_id: UUID, within: ColumnElement[bool]) -> tuple[Delivery, Notice]:
    """A row of the list with its notice, whatever became of it. Raises NotOnList where there is none such."""
    query = select(Delivery).where(Delivery.id == delivery_id, Delivery.channel == rung, within)
    row = db.session.scalars(query.execution_options(populate_existing=True)).first()
    if row is None:
        raise NotOnList
    return row, db.session.get_one(Notice, row.notice_id, populate_existing=True)


def address_of(notice: Notice) -> str | None:
    """Where the person lives by the register; None where it knows no current address."""
    home = current_registration(notice.citizen_id) if notice.citizen_id is not None else None
    return None if home is None else home.address


def lines_of(notice: Notice) -> list[str]:
    """What a message has no room for and a caller says all of: what to bring, or each thing to be mended, and how."""
    if notice.values.get("bring"):
        return list(notice.values["bring"])
    if notice.kind != ladder.CORRECTION or notice.case_id is None:
        return []
    request = next((one for one in corrections.of_case(notice.case_id) if one.asked_at == notice.at), None)
    if request is None:
        return []
    case = db.session.get_one(Case, notice.case_id)
    item = parts().catalogue.item(case.item, case.item_version)
    return [f"{corrections.label_of(item, one['code'])}：{one['why']}" for one in request.items]


def words_of(notice: Notice) -> str:
    """What is said before ``lines_of``, which aren't said twice."""
    things = notice.values.get("bring")
    return notice.text.replace(bringing.listed(things), "我一样一样说") if things else notice.text


def look(actor: Actor, rung: Rung, notice: Notice, role: str) -> None:
    """Record that somebody sees the number or the address. The caller commits."""
    if notice.citizen_id is None:
        return
    change = Change(clock.now())
    looks.note(change, actor, notice.citizen_id, "unmasked", REASONS[rung], role=role, case_id=notice.case_id)
    change.write()


def note(rung: Rung, delivery_id: UUID, result: Result) -> str | None:
    """Write down what came of a call or a visit; the rung to which the notice went on, ``end`` after the last one.

    None where it stays on the list, or the person knows.

    The caller commits. Raises NotOnList where the person knows by now, or somebody else was faster.
    """
    row = db.session.execute(
        select(Delivery.id, Delivery.notice_id, Delivery.attempts)
        .where(Delivery.id == delivery_id, Delivery.channel == rung, Delivery.state == "pending")
        .with_for_update()
    ).first()
    if row is None:
        raise NotOnList
    tried = row.attempts + 1
    if result == "not_reached" and tried < MOST[rung]:
        _write(row.id, attempts=tried, sent_at=func.now(), reason="not reached")
        return None
    ended: dict[str, Any] = {"attempts": tried, "sent_at": func.now(), "done_at": func.now(), "pass_on_at": None}
    if result == "told":
        ended |= {"state": ladder.success(), "reason": ladder.success_reason(TOLD[rung])}
    else:
        why = "refused" if result == "refused" else f"not reached {tried} times"
        ended |= {"state": "failed", "reason": why}
    _write(row.id, **ended)
    following = None if result == "told" else ladder.pass_on(row.notice_id, rung) or "end"
    ladder.refresh([row.notice_id])
    return following


def _write(id_: UUID, **values: object) -> None:
    db.session.execute(update(Delivery).where(Delivery.id == id_).values(**values))


def count(rung: Rung, within: ColumnElement[bool]) -> int:
    """How many wait on a list."""
    query = select(func.count()).where(Delivery.channel == rung, Delivery.state == "pending", within)
    return db.session.execute(query).scalar_one()
