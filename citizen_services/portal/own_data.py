"""Everything about a person as one document that programs can read (个人信息保护法 art 45)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from citizen_services import clock
from citizen_services.cases import charging
from citizen_services.cases.disposal import kept_here
from citizen_services.cases.models import Case, Draft
from citizen_services.cases.queries import documents_of, events_of, register_answers
from citizen_services.database import db
from citizen_services.fees.queries import of_duty
from citizen_services.people import authorisations, own_data, watches
from citizen_services.people.models import Citizen, Look
from citizen_services.people.queries import offices
from citizen_services.registers.queries import permits_of, registrations_of
from citizen_services.words import state_word


def everything(citizen: Citizen) -> dict[str, Any]:
    """What is held of a person, whole and unmasked; of the staff only office and role, of photos only in the case."""
    bound = own_data.binding_of(citizen.id)
    held = select(Case).where(Case.citizen_id == citizen.id).order_by(Case.submitted_at, Case.id)
    begun = (
        select(Draft)
        .where(Draft.citizen_id == citizen.id, Draft.ended_at.is_(None))
        .order_by(Draft.started_at, Draft.id)
    )
    return {
        "made_at": clock.now(),
        "identity": {
            name: getattr(citizen, name)
            for name in (
                "name", "id_number", "phone", "hukou_code", "hukou_address", "gender", "birth_date", "proved_by",
                "proved_at",
            )
        },
        "wechat": {"openid": bound.openid, "bound_at": bound.bound_at} if bound is not None else None,
        "consents": [
            {"purpose": one.purpose, "words": one.words, "at": one.at, "withdrawn_at": one.withdrawn_at}
            for one in own_data.consents_of(citizen.id)
        ],
        "authorisations": [
            {"items": one.items, "until": one.until_day, "words": one.words}
            for one in authorisations.given_by(citizen.id)
        ],
        "registrations": [
            {"address": one.address, "since": one.since, "until": one.until} for one in registrations_of(citizen.id)
        ],
        "permits": [
            {
                "card_number": one.card_number, "address": one.address, "issued_on": one.issued_on,
                "endorsed_until": one.endorsed_until, "state": one.state, "workplace": one.workplace,
            }
            for one in permits_of(citizen.id)
        ],
        "watches": [
            {"kind": one.kind, "plate": one.plate or None, "at": one.at, "until": one.until}
            for one in watches.current(citizen.id)
        ],
        "cases": [_case(case) for case in db.session.scalars(held)],
        "drafts": [
            {"item": one.item, "started_at": one.started_at, "saved_at": one.saved_at, "data": one.data}
            for one in db.session.scalars(begun)
        ],
        "looks": _looks(citizen),
        "kept": [
            {"what": kept.what, "why": kept.why, "who": kept.who, "how_long": kept.how_long} for kept in kept_here()
        ],
    }  # fmt: skip


def _case(case: Case) -> dict[str, Any]:
    return {
        "number": case.number,
        "item": case.item,
        "state": case.state,
        "door": case.door,
        "submitted_at": case.submitted_at,
        "ended_at": case.ended_at,
        "data": case.data,
        "register_answers": register_answers(case.answers),
        "events": [
            {"at": event.at, "by": event.actor_kind, "action": event.action, "to": event.to_state}
            for event in events_of(case.id)
        ],
        "documents": [
            {"number": one.number, "title": one.title, "at": one.at, "content": one.content}
            for one in documents_of(case.id)
        ],
        "fees": [
            {
                "number": one.number,
                "amount_fen": one.amount_fen,
                "fee_state": state_word(one.state, "fee").text,
                "paid_at": one.paid_at,
            }
            for one in of_duty(charging.duty_of(case.id))
        ],
    }


def _looks(citizen: Citizen) -> list[dict[str, Any]]:
    known = offices()
    query = select(Look).where(Look.citizen_id == citizen.id).order_by(Look.at, Look.id)
    return [
        {"at": one.at, "office": known[one.office_code].name, "role": one.role, "what": one.what, "reason": one.reason}
        for one in db.session.scalars(query)
    ]
