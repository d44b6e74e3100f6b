"""The rows that telling adds to a change: a notice, and its first try on the first step of the ladder that reaches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, bindparam, func, select
from sqlalchemy.orm import aliased

from citizen_services import clock
from citizen_services.catalogue.vocabulary import Notice as DeclaredNotice
from citizen_services.catalogue.vocabulary import SmsTemplate
from citizen_services.database import Change, db, new_id
from citizen_services.database.direct import Direct
from citizen_services.people.models import Citizen, WeChatBinding
from citizen_services.rules.templates import fill, fit_sms_value, fit_value, placeholders
from citizen_services.wechat.models import Follower
from notifications import daytime, ladder, queue
from notifications.models import NOT_SENT, Delivery, Notice, TellingChoice


@dataclass(frozen=True)
class About:
    """What a notice is about besides its person: a case, another thing (told once of each), the page to open."""

    case_id: UUID | None = None
    other: UUID | None = None
    path: str | None = None


def tell(
    change: Change,
    declared: DeclaredNotice,
    values: Mapping[str, str],
    citizen: Citizen,
    about: About,
    *,
    by_day: bool = False,
    things: Sequence[str] = (),
    more_than_sms: bool = False,
    expires_at: datetime | None = None,
    way: Way | None = None,
) -> UUID | None:
    """A notice on the step of the ladder that the person chose and can be reached on; ``by_day``: not at night.

    Its id; None where the person does not wish to be sent such.

    ``things`` are those to bring. ``more_than_sms``: an SMS can't say all of it; whoever has no WeChat is called. After
    ``expires_at`` (machine time) telling it has no use. ``way`` is how they are told, where that was read already.
    """
    way = way or way_to(citizen.id)
    must = declared.must_be_known
    if way.less and not must:
        add_notice(change, declared, values, citizen.id, about, state="cancelled")
        return None
    more: Any = {"by_day": by_day, "expires_at": expires_at}
    sms = sms_content(declared.sms_template, declared.sms, values)
    notice_id = add_notice(change, declared, values, citizen.id, about, things=things, expires_at=expires_at, sms=sms)
    if must and (way.first == "call" or (more_than_sms and way.openid is None)):
        add_delivery(change, "call", notice_id=notice_id, payload={}, must_be_known=True, **more)
    elif way.first == "wechat" and way.openid is not None:
        add_wechat(change, declared, values, notice_id, way.openid, about.path, **more)
    else:
        payload = {"phone": citizen.phone, **sms}
        add_delivery(change, "sms", notice_id=notice_id, payload=payload, must_be_known=must, **more)
    return notice_id


def add_notice(
    change: Change,
    declared: DeclaredNotice,
    values: Mapping[str, str],
    citizen_id: UUID,
    about: About,
    phone: str | None = None,
    state: str = "pending",
    things: Sequence[str] = (),
    expires_at: datetime | None = None,
    sms: Mapping[str, Any] | None = None,
) -> UUID:
    """The notice alone, ``cancelled`` where the person does not wish to be sent such; its id.

    ``phone`` where it must go to another one than the citizen's; ``sms`` is its content where that was made already.
    """
    notice_id = new_id()
    kept: dict[str, Any] = {"sms": sms or sms_content(declared.sms_template, declared.sms, values)}
    if phone is not None:
        kept["phone"] = phone
    if things:
        kept["bring"] = list(things)
    change.add(
        Notice,
        id=notice_id,
        kind=declared.code,
        citizen_id=citizen_id,
        case_id=about.case_id,
        about=about.other,
        values=kept,
        text=fill(declared.text, values),
        state=state,
        at=change.at,
        expires_at=expires_at,
    )
    return notice_id


def add_wechat(
    change: Change,
    declared: DeclaredNotice,
    values: Mapping[str, str],
    notice_id: UUID,
    openid: str,
    path: str | None,
    *,
    by_day: bool = False,
    expires_at: datetime | None = None,
) -> None:
    """Its try in WeChat."""
    fields = {key: fit_value(key, fill(text, values)) for key, text in declared.wechat.items()}
    begins = daytime.next_after(change.at) if by_day else change.at
    add_delivery(
        change,
        "wechat",
        notice_id=notice_id,
        payload={"openid": openid, "template": declared.wechat_template.key, "fields": fields, "path": path},
        must_be_known=declared.must_be_known,
        pass_on_at=begins + ladder.PASS_ON_AFTER,
        by_day=by_day,
        expires_at=expires_at,
    )


def sms_content(template: SmsTemplate, variables: Mapping[str, str], values: Mapping[str, str]) -> dict[str, Any]:
    """``{template, values, in_order}`` as the SMS channel takes them: values as they stand in the template's text."""
    return {
        "template": template.key,
        "values": {name: fit_sms_value(fill(variables[name], values)) for name in placeholders(template.text)},
        "in_order": True,
    }


def add_delivery(
    change: Change,
    channel: str,
    *,
    payload: Mapping[str, Any],
    notice_id: UUID | None = None,
    parcel_id: UUID | None = None,
    about: UUID | None = None,
    person: UUID | None = None,
    must_be_known: bool = False,
    expires_at: datetime | None = None,
    pass_on_at: datetime | None = None,
    by_day: bool = False,
) -> UUID:
    """One channel's try, due at once, and a wake-up after the commit. Its id, which is our reference outside.

    What people do by hand stands on their list until its time ends, and wakes nobody; neither does a letter's rung.
    """
    now, id_ = clock.protocol_now(), new_id()
    by_hand = channel in NOT_SENT
    if by_hand and pass_on_at is None and (wait := ladder.waits(channel)) is not None:
        pass_on_at = change.at + wait
    change.add(
        Delivery,
        id=id_,
        notice_id=notice_id,
        parcel_id=parcel_id,
        about=about,
        person=person,
        channel=channel,
        payload=dict(payload),
        state="pending",
        must_be_known=must_be_known,
        by_day=by_day,
        made_at=now,
        due_at=None if by_hand else now,
        expires_at=expires_at,
        pass_on_at=pass_on_at,
        attempts=0,
        checks=0,
    )
    if not by_hand:
        change.after(queue.waking(queue.sending_queue(channel)))
    return id_


@dataclass(frozen=True)
class Way:
    """How a person is told: by which rung first, whether of less, and their WeChat if it is bound and follows us."""

    openid: str | None = None
    first: str = "wechat"
    less: bool = False


def way_to(citizen_id: UUID) -> Way:
    """The person's choice, and their WeChat where it is reachable: nobody else gets template messages."""
    row = _WAY.first(citizen_id=citizen_id)
    return Way() if row is None else Way(row[0], row[1] or "wechat", bool(row[2]))


_WAY = Direct(
    select(Follower.openid, TellingChoice.first, TellingChoice.less)
    .select_from(Citizen)
    .outerjoin(WeChatBinding, (WeChatBinding.citizen_id == Citizen.id) & WeChatBinding.ended_at.is_(None))
    .outerjoin(Follower, (Follower.openid == WeChatBinding.openid) & Follower.left_at.is_(None))
    .outerjoin(TellingChoice, TellingChoice.citizen_id == Citizen.id)
    .where(Citizen.id == bindparam("citizen_id"))
)


def way_read(citizen_id: ColumnElement[UUID]) -> ColumnElement[Any]:
    """The way to whoever has that id, as one value of a larger question; see ``way_in``."""
    return (
        select(func.json_build_array(Follower.openid, TellingChoice.first, TellingChoice.less))
        .select_from(_PERSON)
        .outerjoin(WeChatBinding, (WeChatBinding.citizen_id == _PERSON.id) & WeChatBinding.ended_at.is_(None))
        .outerjoin(Follower, (Follower.openid == WeChatBinding.openid) & Follower.left_at.is_(None))
        .outerjoin(TellingChoice, TellingChoice.citizen_id == _PERSON.id)
        .where(_PERSON.id == citizen_id)
        .correlate(citizen_id.table)
        .scalar_subquery()
    )


def way_in(read: Sequence[Any] | None) -> Way | None:
    """The way in an answer of ``way_read``; None where it was not asked for."""
    return None if read is None else Way(read[0], read[1] or "wechat", bool(read[2]))


_PERSON = aliased(Citizen)


def follows(openid: str) -> bool:
    """Whether an account follows us now."""
    row = db.session.get(Follower, openid)
    return row is not None and row.left_at is None
