"""Handing an application to the national platform of traffic administration, and what it answers: effects and schemas.

For declarations of vehicle and licence items. The platform decides; its serial number, its officer and its reason are
given with the steps that the system takes under the actor ``platform``, so that the case's chain tells who decided.
"""

from __future__ import annotations

from typing import Any

from marshmallow import EXCLUDE, Schema, fields, validate
from sqlalchemy import select

from citizen_services.cases.models import CaseEvent
from citizen_services.cases.signals import application_unwanted, application_wanted
from citizen_services.cases.situation import Situation
from citizen_services.catalogue.vocabulary import Effect, ServiceItem
from citizen_services.database import Change, db
from citizen_services.people.models import Citizen

#: The name under which the platform's decisions are entered.
ACTOR = "platform"
#: The most of a reason that a notice repeats; the case's page has all of it.
REASON_SHOWN = 100
#: Groups of a form that are ours alone: where the result is sent.
_OURS = frozenset({"delivery"})
#: The step by which a case goes to the national platform.
ACTION = "hand_to_platform"


def decided_there(item: ServiceItem) -> bool:
    """Whether an item's cases are the national platform's to decide."""
    return any(step.action == ACTION for step in item.steps)


class SerialSchema(Schema):
    """What comes with ``accept``: the platform's serial number."""

    class Meta:
        """What the platform tells beside is no input of the step."""

        unknown = EXCLUDE

    serial_number = fields.String(
        required=True, validate=validate.Length(1, 64), metadata={"label": "交管平台流水号", "kind": "text"}
    )


class AnswerSchema(SerialSchema):
    """What comes with ``approve``, ``refuse`` and ``require_presence``: who of the platform's officers decided, why."""

    officer_name = fields.String(
        required=True, validate=validate.Length(1, 50), metadata={"label": "交管平台经办民警", "kind": "text"}
    )
    officer_number = fields.String(
        load_default="", validate=validate.Length(max=32), metadata={"label": "警号", "kind": "text"}
    )
    reason = fields.String(
        load_default="", validate=validate.Length(max=500), metadata={"label": "交管平台的答复", "kind": "textarea"}
    )
    answered_at = fields.String(
        load_default="", validate=validate.Length(max=40), metadata={"label": "答复时间", "kind": "text"}
    )


def _hand_over(situation: Situation, change: Change) -> None:
    application_wanted.send(situation.case_id, application=_application(situation, change), change=change)


def _application(situation: Situation, change: Change) -> dict[str, Any]:
    """The application as the platform takes it (docs/partners/platform.md)."""
    citizen, vehicle = situation.citizen, situation.data.get("vehicle")
    named = vehicle if vehicle and vehicle.get("plate") else None
    return {
        "item": situation.item.code,
        "case_number": situation.number,
        "id_number": citizen.id_number,
        "name": citizen.name,
        "phone": citizen.phone,
        "agent": _agent(situation, change),
        "vehicle": None if named is None else {"plate_kind": named["plate_kind"], "plate": named["plate"]},
        "fields": {group: dict(answers) for group, answers in situation.data.items() if group not in _OURS},
    }


def _agent(situation: Situation, change: Change) -> dict[str, str] | None:
    """Who filed it for its person: by the first event, since the system may hand over what an agent filed."""
    rows = [row for row in change.rows(CaseEvent) if row["seq"] == 1]
    if rows:
        kind, who = rows[0]["actor_kind"], rows[0]["actor_id"]
    elif situation.state is None:
        kind, who = situation.actor.kind, situation.actor.id
    else:
        query = select(CaseEvent.actor_kind, CaseEvent.actor_id)
        kind, who = db.session.execute(query.where(CaseEvent.case_id == situation.case_id, CaseEvent.seq == 1)).one()
    if kind != "citizen" or who is None or who == situation.citizen.id:
        return None
    agent = db.session.get_one(Citizen, who)
    return {"id_number": agent.id_number, "name": agent.name}


def _take_back(situation: Situation, change: Change) -> None:
    application_unwanted.send(situation.case_id, change=change)


def _note_serial(situation: Situation, change: Change) -> None:
    serial = situation.given["serial_number"]
    situation.results["serial_number"] = serial
    situation.values["serial"] = serial


def _note_answer(situation: Situation, change: Change) -> None:
    given = situation.given
    names = ("officer_name", "officer_number", "reason", "answered_at")
    situation.results["platform"] = {name: given[name] for name in names}
    situation.values["serial"] = given["serial_number"]
    situation.values["platform_reason"] = given["reason"][:REASON_SHOWN]
    situation.values["platform_officer"] = given["officer_name"]


#: Hand the application over to the platform, in the transaction of the step; sent by the outbox, in the case's order.
hand_over_application = Effect("hand_over_application", _hand_over)
#: Nobody wants it any more: taken back where the platform has not answered yet.
take_back_application = Effect("take_back_application", _take_back)
#: Keep the serial number that came with ``accept`` (input SerialSchema).
note_serial = Effect("note_serial", _note_serial, gives=("serial",))
#: Keep who decided and why (input AnswerSchema).
note_answer = Effect("note_answer", _note_answer, gives=("serial", "platform_reason", "platform_officer"))
