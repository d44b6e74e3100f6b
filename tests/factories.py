"""People and applications as tests need them, made through the rooms' own operations where there are any."""

from __future__ import annotations

import itertools
import random
from collections import deque
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select

from citizen_services import clock
from citizen_services.cases import drafts, operations
from citizen_services.cases.models import Draft
from citizen_services.database import commit, db, new_id
from citizen_services.exchange.models import RegisterAnswer
from citizen_services.parts import parts
from citizen_services.people.actors import Actor
from citizen_services.people.models import Citizen, Office, RoleGrant, Staff
from citizen_services.registers.models import ResidencePermit, ResidenceRegistration
from citizen_services.registers.operations import window_opens
from citizen_services.rules import permit_years
from citizen_services.rules.identity import invent, parse_identity
from citizen_services.rules.names import name_key
from citizen_services.rules.phones import invent_mobile
from citizen_services.security import keyring

STATION = "330213001000"
_seeds = itertools.count(1)
_given: deque[str] = deque(maxlen=200)


def new_number(rng: random.Random, division: str, born: date, male: bool) -> str:
    """A number that none of the last people got: a day and a place have only some five hundred."""
    while (number := invent(rng, division, born, male)) in _given:
        pass
    _given.append(number)
    return number


def citizen(name: str = "李雷", hukou_code: str = "522601", born: date = date(1994, 5, 23)) -> Citizen:
    """A bound migrant worker of Kaili, Guizhou; committed."""
    rng = random.Random(next(_seeds))
    number = new_number(rng, hukou_code, born, male=True)
    phone = invent_mobile(rng)
    person = Citizen(
        id=new_id(),
        name=name,
        name_lookup=keyring().lookup("name", name_key(name)),
        id_number=number,
        id_lookup=keyring().lookup("id_number", number),
        phone=phone,
        phone_lookup=keyring().lookup("phone", phone),
        hukou_code=hukou_code,
        hukou_address="贵州省凯里市三棵树镇",
        gender="male",
        birth_date=parse_identity(number, clock.today()).born,
        proved_by="face",
        proved_at=clock.now(),
    )
    db.session.add(person)
    commit()
    return person


def registered(person: Citizen, months: int = 8) -> None:
    """The person has been registered at an address of the station for some months; committed."""
    since = clock.today() - timedelta(days=31 * months)
    db.session.add(
        ResidenceRegistration(
            id=new_id(),
            number=f"JD{new_id().hex[-12:]}",
            citizen_id=person.id,
            case_id=new_id(),
            address_code="330213001000000001",
            address="宁波市奉化区岳林街道金钟路18号3幢502室",
            kind="rented",
            office_code=STATION,
            district="330213",
            since=since,
            until=None,
            province_number=None,
            at=clock.now(),
        )
    )
    commit()


def answer(person: Citizen, source: str, topic: str, content: Any, outcome: str = "found") -> str:
    """A register's answer about a person; the id that drafts and cases keep. Not committed."""
    row = RegisterAnswer(
        id=new_id(),
        citizen_id=person.id,
        source=source,
        topic=topic,
        outcome=outcome,
        content=content,
        our_ref="test",
        at=clock.now(),
        fresh_until=clock.protocol_now() + timedelta(minutes=30),
    )
    db.session.add(row)
    return str(row.id)


PERMIT_DATA = {
    "ground": {"ground": "employment"},
    "employment": {"employment_correct": "yes"},
    "portrait": {"portrait_correct": "yes"},
    "delivery": {
        "receiver": "李雷",
        "receiver_phone": "13800138000",
        "province": "浙江省",
        "city": "宁波市",
        "county": "奉化区",
        "postal_address": "岳林街道金钟路18号3幢502室",
    },
}


def permit(person: Citizen, issued_on: date, **more: Any) -> ResidencePermit:
    """A permit of the person's with its card, issued that day and never endorsed since; committed."""
    until = permit_years.first_until(issued_on, issued_on)
    number = f"330213{next(_seeds):08d}"
    row: dict[str, Any] = {
        "citizen_id": person.id,
        "case_id": new_id(),
        "card_number": number,
        "card_lookup": keyring().lookup("permit_card", number),
        "issued_on": issued_on,
        "counted_from": issued_on,
        "endorsed_until": until,
        "remind_on": window_opens(until),
        "checked_on": clock.today(),
        "issued_by": "宁波市公安局奉化分局",
        "district": "330213",
        "ground": "employment",
        "address": "宁波市奉化区岳林街道金钟路18号3幢502室",
        "state": "current",
        "at": clock.now(),
    }
    made = ResidencePermit(id=new_id(), **row | more)
    db.session.add(made)
    commit()
    return made


def employment(person: Citizen) -> str:
    """The social-insurance register's answer that the person is employed; its id. Not committed."""
    content = {
        "employer": "奉化区宏达机械厂",
        "credit_code": "91330283MA2AXXXX0X",
        "since": "2025-03-01",
        "until": None,
    }
    return answer(person, "social_insurance", "employment", content)


def permit_draft(person: Citizen, data: dict[str, Any] | None = None) -> Draft:
    """A complete draft of a first permit; committed."""
    answers = {
        "social_insurance.employment": employment(person),
        "migrants.history": answer(person, "migrants", "history", {"registrations": [], "permits": []}),
    }
    db.session.flush()
    item = parts().catalogue.item("residence-permit-first")
    draft = drafts.begin(item, person.id, "wechat", answers)
    draft.data = data or PERMIT_DATA
    draft.done = list(PERMIT_DATA)
    commit()
    return draft


def applicant(person: Citizen) -> Actor:
    """The person, acting."""
    return Actor("citizen", person.id)


def submitted_permit(person: Citizen | None = None) -> UUID:
    """The id of a first-permit case that was just sent; committed."""
    person = person or citizen()
    registered(person)
    outcome = operations.submit(parts().catalogue, permit_draft(person), applicant(person))
    commit()
    return outcome.case_id


def staff(login: str) -> Actor:
    """A member of the demo staff, acting."""
    member = db.session.scalars(select(Staff).where(Staff.login == login)).one()
    office = db.session.get_one(Office, member.office_code)
    roles = db.session.scalars(select(RoleGrant.role).where(RoleGrant.staff_id == member.id))
    return Actor(
        "staff", member.id, login, office.code, office.kind, office.district, frozenset(roles), member.standing,
        member.id_lookup,
    )  # fmt: skip
