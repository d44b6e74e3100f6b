"""Registers that were away when a case was sent: the system asks them again, so that whoever decides sees both.

What the case rests on stays as it was; the later answer stands beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select

from citizen_services import clock
from citizen_services.cases.models import Case
from citizen_services.cases.permit_facts import end_if_told
from citizen_services.cases.queries import register_answers
from citizen_services.catalogue import Supplier
from citizen_services.catalogue.vehicles import GROUP
from citizen_services.database import commit, db
from citizen_services.exchange.models import RegisterAnswer
from citizen_services.exchange.of_vehicles import answers_of_vehicle
from citizen_services.exchange.operations import TOPICS, gather
from citizen_services.exchange.queries import OF_VEHICLE, answers_of
from citizen_services.exchange.traffic import VehicleName
from citizen_services.people.models import Citizen

#: A register that was away is left alone for so long.
REST = timedelta(minutes=10)
#: So many cases at once; the others come next time.
_MOST = 50


def later_answers(case: Case) -> dict[str, dict[str, Any]]:
    """What registers told since that could not tell anything when the case was sent: as ``answers_of``.

    Empty where all were there.
    """
    away = _away(case.answers)
    known = answers_of(case.citizen_id, away) if away else {}
    vehicle = _vehicle(case)
    known = {key: one for key, one in known.items() if key not in OF_VEHICLE or _is_of(one, vehicle)}
    return {
        key: one for key, one in known.items() if one["outcome"] != "unavailable" and one["at"] >= case.submitted_at
    }


def ask_away_registers() -> int:
    """Ask again for what no register could tell when open cases were sent; returns how many answers came. Commits."""
    came = 0
    open_cases = (
        select(Case.id)
        .where(
            Case.ended_at.is_(None),
            Case.result_met_at.is_(None),
            select(RegisterAnswer.id)
            .where(RegisterAnswer.citizen_id == Case.citizen_id, RegisterAnswer.outcome == "unavailable")
            .exists(),
        )
        .order_by(Case.id)
    )
    asked = 0
    for case_id in db.session.scalars(open_cases).all():
        case = db.session.get_one(Case, case_id)
        needs = _needs(case)
        if not needs:
            continue
        citizen = db.session.get_one(Citizen, case.citizen_id)
        answers = gather(citizen.id, citizen.id_number, citizen.name, needs)
        vehicle = _vehicle(case)
        if vehicle is not None:
            keys = [need.key for need in needs]
            answers |= answers_of_vehicle(citizen.id, citizen.id_number, vehicle, keys)
        commit()
        if end_if_told(citizen.id, answers):
            commit()
        came += sum(1 for need in needs if answers[need.key]["outcome"] != "unavailable")
        asked += 1
        if asked == _MOST:
            break
    commit()
    return came


def _vehicle(case: Case) -> VehicleName | None:
    given = case.data.get(GROUP, {})
    if "plate" not in given:
        return None
    return VehicleName(given["plate_kind"], given["plate"])


def _is_of(answer: Mapping[str, Any], vehicle: VehicleName | None) -> bool:
    return vehicle is not None and (answer["content"] or {}).get("vehicle") == vehicle.key


def _away(ids: Mapping[str, str]) -> list[str]:
    return [key for key, answer in register_answers(ids).items() if answer["outcome"] == "unavailable"]


def _needs(case: Case) -> list[Supplier]:
    """What is still unknown of a case, and was not asked for just now."""
    told = later_answers(case)
    known = {*TOPICS, *(OF_VEHICLE if _vehicle(case) is not None else ())}
    away = [key for key in _away(case.answers) if key in known and key not in told]
    if not away:
        return []
    asked = db.session.execute(
        select(RegisterAnswer.source, RegisterAnswer.topic, func.max(RegisterAnswer.at))
        .where(RegisterAnswer.citizen_id == case.citizen_id)
        .group_by(RegisterAnswer.source, RegisterAnswer.topic)
    )
    last = {f"{source}.{topic}": at for source, topic, at in asked}
    return [Supplier(*key.split(".", 1)) for key in away if clock.now() - last[key] >= REST]
