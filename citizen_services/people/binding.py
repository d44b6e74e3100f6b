"""Binding: an account belongs to a living person, not to whoever knows a number.

Name, number and phone must agree in the population register; then the living person is shown, by a photo that the
register compares or by the card at any counter. The register is asked by the caller, between two transactions.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import or_, select, update
from sqlalchemy.engine import CursorResult

from citizen_services import clock
from citizen_services.clock import protocol_now
from citizen_services.database import Change, db, new_id
from citizen_services.exchange.population import Person
from citizen_services.people import guardians, limits, looks
from citizen_services.people.actors import Actor
from citizen_services.people.errors import BindingOver, CannotBind, GuardianNeeded, OwnBinding, WrongCounterCode
from citizen_services.people.limits import Try
from citizen_services.people.models import BindingRequest, Citizen, Consent, Session, WeChatBinding
from citizen_services.people.queries import citizen_by_id_number
from citizen_services.people.signals import binding_moved, follower_bound
from citizen_services.rules.names import name_key, same_name
from citizen_services.rules.text import compact
from citizen_services.security import equal, keyring

PHOTOS = 3
#: How long a photo may be waited for; how long a code serves at the counters.
FACE_LIFETIME = timedelta(hours=1)
COUNTER_LIFETIME = timedelta(days=7)

NOTICE_WORDS = (
    "为核实您是本人办事，我们把您填写的姓名、身份证号码和手机号码送人口信息库比对。"
    "核实后只用于您申请的事项和通知您进度；由办理事项的公安机关使用，不提供给其他单位或个人；"
    "账号注销后按档案规定的期限保存办件记录，其余删除。"
)
FACE_WORDS = (
    "我同意把这次拍摄的面部照片送人口信息库与登记照片比对一次，只用于确认是我本人在办理。"
    "照片比对后立即删除，不保存。不同意的，可以改为带身份证到窗口核验。"
)


@dataclass(frozen=True)
class Claim:
    """Who somebody says to be, normalised. Never shown by ``repr``, so that logs don't hold it."""

    name: str = field(repr=False)
    id_number: str = field(repr=False)
    phone: str = field(repr=False)


def reserve_check(claim: Claim, address: str) -> Try:
    """Count a question to the register before it is asked; the caller commits. Raises TooMany."""
    subjects = {"phone": claim.phone, "id_number": claim.id_number, "address": address}
    return limits.reserve("bind", subjects)


def begin(session_id: UUID, openid: str | None, claim: Claim, agrees: bool, change: Change) -> None:
    """Note a claim that the register was asked about: to be shown by a photo; where it disagrees, at a counter only."""
    change.add(
        BindingRequest,
        id=new_id(),
        session_id=session_id,
        openid=openid,
        name=claim.name,
        id_number=claim.id_number,
        phone=claim.phone,
        state="face" if agrees else "refused",
        attempts=0,
        at=change.at,
        expires_at=protocol_now() + FACE_LIFETIME,
    )


def wait_for_guardian(session_id: UUID, openid: str | None, claim: Claim, change: Change) -> None:
    """Note a child's claim: no register is asked before a guardian has agreed in their own account."""
    change.add(
        BindingRequest,
        id=new_id(),
        session_id=session_id,
        openid=openid,
        name=claim.name,
        id_number=claim.id_number,
        phone=claim.phone,
        state="guardian",
        attempts=0,
        at=change.at,
        expires_at=protocol_now() + COUNTER_LIFETIME,
        **guardians.new_code(),
    )


def go_on_after_guardian(request: BindingRequest, agrees: bool) -> None:
    """Note what the register says of a child whose guardian agreed. Raises BindingOver."""
    _must_hit(
        update(BindingRequest)
        .where(
            BindingRequest.id == request.id,
            BindingRequest.state == "guardian",
            BindingRequest.guardian_agreed_at.is_not(None),
        )
        .values(state="face" if agrees else "refused")
    )


def may_show_face(request: BindingRequest) -> bool:
    """Whether a photo may be compared: a child's only where the guardian agreed to that too."""
    return request.state == "face" and (request.guardian_id is None or request.guardian_face)


def request_of(session: Session) -> BindingRequest | None:
    """The latest binding of a session that is not over by time."""
    return db.session.scalar(
        select(BindingRequest)
        .where(BindingRequest.session_id == session.id, BindingRequest.expires_at > protocol_now())
        .order_by(BindingRequest.id.desc())
        .limit(1)
    )


def bound_meanwhile(session: Session) -> Citizen | None:
    """Who a session's person turned out to be at a counter (or in another tab) since it began."""
    if session.openid is not None:
        by_openid = select(WeChatBinding.citizen_id).where(
            WeChatBinding.openid == session.openid, WeChatBinding.ended_at.is_(None)
        )
        # A follower is whom the openid is bound to now, whatever an older binding said.
        found = select(Citizen).where(Citizen.id.in_(by_openid)).limit(1)
        # Read anew: the binding raised the person's epoch behind the session's back.
        return db.session.scalar(found.execution_options(populate_existing=True))
    done = (
        select(BindingRequest, Citizen)
        .join(Citizen, Citizen.id == BindingRequest.citizen_id)
        .where(BindingRequest.session_id == session.id, BindingRequest.state == "done")
        .order_by(BindingRequest.id.desc())
        .execution_options(populate_existing=True)
    )
    # Whoever was proved under another phone since then may have lost this one: its binding holds no longer.
    return next((who for request, who in db.session.execute(done) if equal(request.phone, who.phone)), None)


def reserve_photo(request: BindingRequest) -> Try:
    """Count a photo, with the consent to compare it, before it is sent; the caller commits.

    Raises BindingOver where it isn't to be shown by a photo any more, TooMany where this number was tried too often.
    """
    one = limits.reserve("face", {"id_number": request.id_number})
    _must_hit(
        update(BindingRequest)
        .where(BindingRequest.id == request.id, BindingRequest.state == "face", BindingRequest.attempts < PHOTOS)
        .values(attempts=BindingRequest.attempts + 1, face_agreed_at=clock.now())
    )
    return one


def photo_not_compared(one: Try, request: BindingRequest) -> None:
    """The register could not compare: the photo doesn't count."""
    limits.not_made(one)
    db.session.execute(
        update(BindingRequest)
        .where(BindingRequest.id == request.id, BindingRequest.attempts > 0)
        .values(attempts=BindingRequest.attempts - 1)
    )


def photo_did_not_match(request: BindingRequest) -> int:
    """The register says that it is somebody else; returns how many photos are left. At none only a counter can help."""
    used = db.session.scalar(select(BindingRequest.attempts).where(BindingRequest.id == request.id))
    left = max(0, PHOTOS - (used or 0))
    if left == 0:
        db.session.execute(
            update(BindingRequest)
            .where(BindingRequest.id == request.id, BindingRequest.state == "face")
            .values(state="refused")
        )
    return left


def go_to_counter(request: BindingRequest) -> None:
    """Give a binding a code of six digits to say at any counter, where the card's number tells equal codes apart."""
    code = f"{secrets.randbelow(10**6):06d}"
    _must_hit(
        update(BindingRequest)
        .where(BindingRequest.id == request.id, BindingRequest.state.in_(("face", "refused", "counter")))
        .values(
            state="counter",
            counter_code=code,
            counter_lookup=keyring().lookup("counter_code", code),
            expires_at=protocol_now() + COUNTER_LIFETIME,
        )
        # The objects in memory can't be brought up to date: that compares columns, which encrypted ones refuse.
        .execution_options(synchronize_session=False)
    )


def reserve_counter(actor: Actor) -> Try:
    """Count a clerk's try at a code; the caller commits. Raises TooMany."""
    return limits.reserve("counter_bind", {"staff": str(actor.id)})


def find_at_counter(code: str, id_number: str, actor: Actor) -> BindingRequest:
    """The binding that waits under a code for the holder of the card with that number.

    Raises WrongCounterCode for either, OwnBinding where the card is the clerk's own.
    """
    waiting = db.session.scalars(
        select(BindingRequest).where(
            BindingRequest.counter_lookup.in_(keyring().lookups("counter_code", compact(code))),
            BindingRequest.state == "counter",
            BindingRequest.expires_at > protocol_now(),
        )
    )
    request = next((one for one in waiting if equal(one.id_number, id_number)), None)
    if request is None:
        raise WrongCounterCode
    if actor.id_lookup is not None and actor.id_lookup in keyring().lookups("id_number", id_number):
        raise OwnBinding
    return request


def claim_at_counter(claim: Claim, actor: Actor) -> BindingRequest:
    """Note who somebody at a counter says to be, card in hand, before the register is asked; the caller commits.

    There is no session and no WeChat: their notices go by SMS. Raises OwnBinding where the card is the clerk's own.
    """
    if actor.id_lookup is not None and actor.id_lookup in keyring().lookups("id_number", claim.id_number):
        raise OwnBinding
    request = BindingRequest(
        id=new_id(),
        session_id=None,
        openid=None,
        name=claim.name,
        id_number=claim.id_number,
        phone=claim.phone,
        state="counter",
        attempts=0,
        at=clock.now(),
        expires_at=protocol_now() + FACE_LIFETIME,
    )
    db.session.add(request)
    db.session.flush()
    return request


def bind_at_counter(one: Try, request: BindingRequest, person: Person | None, actor: Actor, change: Change) -> UUID:
    """Bind whoever showed the card at a counter, and note which clerk saw it. Returns the citizen's id."""
    limits.succeeded(one)
    citizen_id = complete(request, person, "counter", change)
    clerk = "clerk" in actor.roles
    role, reason = ("clerk", "窗口核验身份证") if clerk else ("community_officer", "上门核验身份证")
    looks.note(change, actor, citizen_id, "bound", reason, role=role)
    return citizen_id


def complete(
    request: BindingRequest, person: Person | None, proved_by: Literal["face", "counter"], change: Change
) -> UUID:
    """Bind a person who was shown to be who they say: facts as the register has them, follower, consents.

    Whoever held the account until now is told and logged out. Returns the citizen's id; raises CannotBind where the
    register knows nobody of that number and name, or nobody who can act. The caller writes the change.
    """
    if person is None or person.status != "normal" or not same_name(person.name, request.name):
        raise CannotBind
    if guardians.needs_guardian(person.birth_date) and request.guardian_agreed_at is None:
        raise GuardianNeeded
    before = citizen_by_id_number(request.id_number)
    citizen_id = before.id if before is not None else new_id()
    displaced = _move_binding(request, citizen_id, change)
    facts = {
        "name": person.name,
        "name_lookup": keyring().lookup("name", name_key(person.name)),
        "id_number": request.id_number,
        "id_lookup": keyring().lookup("id_number", request.id_number),
        "phone": request.phone,
        "phone_lookup": keyring().lookup("phone", request.phone),
        "hukou_code": person.hukou_code,
        "hukou_address": person.hukou_address,
        "gender": person.gender,
        "birth_date": person.birth_date,
        "proved_by": proved_by,
        "proved_at": change.at,
    }
    if before is None:
        change.add(Citizen, id=citizen_id, epoch=0, **facts)
    else:
        taken = before.phone != request.phone or any(binding.citizen_id == before.id for binding in displaced)
        change.guard(
            update(Citizen)
            .where(Citizen.id == before.id, Citizen.epoch == before.epoch)
            .values(epoch=before.epoch + 1 if taken else before.epoch, **facts),
            BindingOver,
        )
        if taken:
            earlier = next((binding.openid for binding in displaced if binding.citizen_id == before.id), None)
            binding_moved.send(before.id, openid=earlier, phone=before.phone, change=change)
    _log_out_others(citizen_id, displaced, change)
    _keep_consents(request, citizen_id, change)
    guardians.keep_consents(request, citizen_id, change)
    # Counted last: it names the citizen, whose row is among the inserts.
    change.count(
        update(BindingRequest)
        .where(BindingRequest.id == request.id, BindingRequest.state.in_(("face", "counter")))
        .values(state="done", citizen_id=citizen_id),
        BindingOver,
    )
    return citizen_id


def _move_binding(request: BindingRequest, citizen_id: UUID, change: Change) -> list[WeChatBinding]:
    """Bind the request's follower to the citizen; returns the bindings that end by it."""
    if request.openid is None:
        return []
    current = db.session.scalars(
        select(WeChatBinding).where(
            or_(WeChatBinding.openid == request.openid, WeChatBinding.citizen_id == citizen_id),
            WeChatBinding.ended_at.is_(None),
        )
    ).all()
    if any(binding.openid == request.openid and binding.citizen_id == citizen_id for binding in current):
        return []
    for binding in current:
        change.guard(
            update(WeChatBinding)
            .where(WeChatBinding.id == binding.id, WeChatBinding.ended_at.is_(None))
            .values(ended_at=change.at),
            BindingOver,
        )
    change.add(WeChatBinding, id=new_id(), openid=request.openid, citizen_id=citizen_id, bound_at=change.at)
    for openid in dict.fromkeys((request.openid, *(binding.openid for binding in current))):
        follower_bound.send(openid, change=change)
    return list(current)


def _log_out_others(citizen_id: UUID, displaced: Collection[WeChatBinding], change: Change) -> None:
    """Another person was bound to this follower before: that account is told by phone, and its sessions end."""
    for binding in displaced:
        if binding.citizen_id == citizen_id:
            continue
        other = db.session.get(Citizen, binding.citizen_id)
        if other is None:
            raise BindingOver
        change.guard(update(Citizen).where(Citizen.id == other.id).values(epoch=Citizen.epoch + 1), BindingOver)
        binding_moved.send(other.id, openid=None, phone=other.phone, change=change)


def _keep_consents(request: BindingRequest, citizen_id: UUID, change: Change) -> None:
    agreed: list[tuple[str, str, datetime]] = [("notice", NOTICE_WORDS, request.at)]
    if request.face_agreed_at is not None:
        agreed.append(("face", FACE_WORDS, request.face_agreed_at))
    for purpose, words, at in agreed:
        change.add(Consent, id=new_id(), citizen_id=citizen_id, purpose=purpose, words=words, at=at)


def _must_hit(statement: object) -> None:
    result = db.session.execute(statement)  # type: ignore[call-overload]
    if not isinstance(result, CursorResult) or result.rowcount != 1:
        raise BindingOver
