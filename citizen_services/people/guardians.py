"""A child's binding: a guardian who is bound themselves agrees in their own account, before anybody is asked about it.

Under fourteen the guardian's consent is asked for by 个人信息保护法 art 31, under sixteen a guardian acts by
浙江省流动人口居住登记条例; one rule serves both. Until the guardian has agreed, what was typed goes to no register.
That somebody is the guardian is their own declaration, kept with both people; a counter looks at papers where it doubts
it.
"""

from __future__ import annotations

import secrets
from datetime import date
from uuid import UUID

from sqlalchemy import select, update

from citizen_services import clock
from citizen_services.clock import protocol_now
from citizen_services.database import Change, db, new_id
from citizen_services.people import limits
from citizen_services.people.errors import NoGuardian, WrongGuardianCode
from citizen_services.people.limits import Try
from citizen_services.people.models import BindingRequest, Citizen, Consent
from citizen_services.rules.identity import age_on, parse_identity
from citizen_services.rules.text import compact
from citizen_services.security import equal, keyring

ACTS_UNDER = 16
GUARDIAN_FROM = 18
RELATIONS = {"father": "父亲", "mother": "母亲", "other": "其他监护人"}

GUARDIAN_WORDS = (
    "我是这名未成年人的监护人，知道并同意：为核实身份，将其姓名、身份证号码和手机号码送人口信息库比对；"
    "核实后只用于为其申请的事项和通知进度，由办理事项的公安机关使用，不提供给其他单位或个人。"
    "未满十六周岁的，申请由监护人办理。所述监护关系如有不实，由我承担责任。"
)
GUARDIAN_FACE_WORDS = (
    "我另外同意拍摄这名未成年人的面部照片，送人口信息库与登记照片比对一次，比对后立即删除，不保存。"
    "不同意的，可以带证件到窗口核验。"
)


def needs_guardian(born: date) -> bool:
    """Whether somebody born on that day is too young to be bound without a guardian."""
    return age_on(born, clock.today()) < ACTS_UNDER


def is_child(id_number: str) -> bool:
    """The same by an identity number that was checked before."""
    return needs_guardian(parse_identity(id_number, clock.today()).born)


def new_code() -> dict[str, object]:
    """The columns of a request that waits for a guardian: a code to tell them, and its lookup."""
    code = f"{secrets.randbelow(10**6):06d}"
    return {"guardian_code": code, "guardian_lookup": keyring().lookup("guardian_code", code)}


def reserve_search(guardian: Citizen) -> Try:
    """Count a guardian's try at a code; the caller commits. Raises TooMany."""
    return limits.reserve("guardian", {"citizen": str(guardian.id)})


def find_child(code: str, id_number: str, guardian: Citizen) -> BindingRequest:
    """The binding that waits for a guardian under a code and the child's number, now opened for this one.

    Raises NoGuardian where the person isn't of age or is the child, WrongGuardianCode for everything else.
    """
    if age_on(guardian.birth_date, clock.today()) < GUARDIAN_FROM or guardian.id_number == id_number:
        raise NoGuardian
    waiting = db.session.scalars(
        select(BindingRequest).where(
            BindingRequest.guardian_lookup.in_(keyring().lookups("guardian_code", compact(code))),
            BindingRequest.state == "guardian",
            BindingRequest.guardian_agreed_at.is_(None),
            BindingRequest.expires_at > protocol_now(),
        )
    )
    found = next((one for one in waiting if equal(one.id_number, id_number)), None)
    if found is None:
        raise WrongGuardianCode
    found.guardian_id = guardian.id
    return found


def opened_for(guardian: Citizen, request_id: UUID) -> BindingRequest:
    """A binding that this guardian found and has not answered; WrongGuardianCode for any other."""
    found = db.session.scalar(
        select(BindingRequest).where(
            BindingRequest.id == request_id,
            BindingRequest.guardian_id == guardian.id,
            BindingRequest.state == "guardian",
            BindingRequest.guardian_agreed_at.is_(None),
            BindingRequest.expires_at > protocol_now(),
        )
    )
    if found is None:
        raise WrongGuardianCode
    return found


def agree(request: BindingRequest, guardian: Citizen, relation: str, *, face: bool) -> None:
    """Note that the guardian agrees, with ``face`` to the comparison of the child's face too.

    Raises WrongGuardianCode where that was answered meanwhile.
    """
    agreed = db.session.execute(
        update(BindingRequest)
        .where(
            BindingRequest.id == request.id,
            BindingRequest.guardian_id == guardian.id,
            BindingRequest.guardian_agreed_at.is_(None),
        )
        .values(guardian_agreed_at=clock.now(), guardian_relation=relation, guardian_face=face)
        .returning(BindingRequest.id)
        .execution_options(synchronize_session=False)
    )
    if agreed.first() is None:
        raise WrongGuardianCode


def keep_consents(request: BindingRequest, citizen_id: UUID, change: Change) -> None:
    """Keep what a guardian agreed to for the child, in whose words and by whom; nothing where none had to."""
    if request.guardian_agreed_at is None:
        return
    relation = RELATIONS.get(request.guardian_relation or "", "")
    agreed = [("guardian", f"{GUARDIAN_WORDS}（{relation}）")]
    if request.guardian_face:
        agreed.append(("guardian_face", GUARDIAN_FACE_WORDS))
    for purpose, words in agreed:
        change.add(
            Consent,
            id=new_id(),
            citizen_id=citizen_id,
            purpose=purpose,
            words=words,
            at=request.guardian_agreed_at,
            by_id=request.guardian_id,
        )


def has_guardian(child: Citizen) -> bool:
    """Whether somebody is a child whose guardian is known, and agreed at the binding."""
    if not needs_guardian(child.birth_date):
        return False
    agreed = select(Consent.id).where(
        Consent.citizen_id == child.id, Consent.purpose == "guardian", Consent.by_id.is_not(None)
    )
    return db.session.scalar(agreed.limit(1)) is not None


def children_of(guardian_id: UUID) -> list[Citizen]:
    """The children for whom somebody agreed at their binding, as long as they are too young to act."""
    agreed = select(Consent.citizen_id).where(Consent.purpose == "guardian", Consent.by_id == guardian_id)
    found = db.session.scalars(select(Citizen).where(Citizen.id.in_(agreed)).order_by(Citizen.proved_at, Citizen.id))
    return [child for child in found if needs_guardian(child.birth_date)]
