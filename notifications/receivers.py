"""What is told and ordered when something happens: rows of the same change, so that a notice exists only with its fact.

Receivers read little, call nobody, and let exceptions through: an act that can't be told of is not done.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from citizen_services import clock
from citizen_services.cases.signals import case_moved, parcel_wanted
from citizen_services.cases.situation import Situation
from citizen_services.catalogue.vocabulary import Notice as DeclaredNotice
from citizen_services.catalogue.vocabulary import SmsTemplate, Step
from citizen_services.database import Change, db, new_id
from citizen_services.parts import parts
from citizen_services.people.models import WeChatBinding
from citizen_services.people.queries import office, service_centre
from citizen_services.people.signals import binding_moved, code_wanted
from citizen_services.rules.dates import chinese_moment
from citizen_services.rules.divisions import NINGBO
from citizen_services.rules.templates import fill, fit_sms_value, fit_value
from citizen_services.wechat.models import Follower
from citizen_services.wechat.signals import template_finished
from notifications import ladder, queue, texts
from notifications.models import Delivery, Notice, Parcel, Receipt

#: What lies in every parcel of ours, as the courier prints it.
CONTENTS = "居民证件"
NOTE = "证件，须本人签收"


def connect() -> None:
    """Connect every receiver; called by ``init_app``. Connecting twice is connecting once."""
    for signal, receiver in RECEIVERS:
        # Weakly connected ones would be dropped silently.
        signal.connect(receiver, weak=False)


# --- cases -------------------------------------------------------------------------------------------------------


def tell_of_step(action: str, *, situation: Situation, step: Step, change: Change) -> None:
    """A step was taken: tell the person what its declaration says."""
    declared = step.tell
    if declared is None:
        return
    values = {
        "state": situation.item.state(step.end).word,
        "at": chinese_moment(situation.at),
        "office": office(situation.office).name if situation.office else "",
        **situation.values,
    }
    path = f"/h5/cases/{situation.case_id}"
    citizen = situation.citizen
    _tell(change, declared, values, citizen.id, _reachable_openid(citizen.id), citizen.phone, situation.case_id, path)


def order_parcel(case_id: UUID, *, receiver: Mapping[str, str], direction: str, change: Change) -> None:
    """A parcel is to be ordered: to the person from the service centre, or the other way."""
    centre = service_centre(parts().settings.district)
    ours = {
        "name": centre.name,
        "phone": centre.phone,
        "province": "浙江省",
        "city": "宁波市",
        "county": NINGBO[centre.district],
        "address": centre.address,
    }
    theirs = dict(receiver)
    parcel_id = new_id()
    change.add(
        Parcel,
        id=parcel_id,
        case_id=case_id,
        direction=direction,
        receiver=theirs if direction == "out" else ours,
        tracking=None,
        state="ordered",
        at=change.at,
    )
    _add_delivery(
        change,
        "ems",
        parcel_id=parcel_id,
        payload={
            "sender": ours if direction == "out" else theirs,
            "receiver": theirs if direction == "out" else ours,
            "contents": CONTENTS,
            "note": NOTE,
        },
    )


# --- people ------------------------------------------------------------------------------------------------------


def send_code(purpose: str, *, phone: str, code: str, expires_at: datetime, change: Change) -> None:
    """A six-digit code to a phone, by SMS only; of no use once it has expired."""
    template = texts.CODES[purpose]
    sms = _sms(template, {"code": "{code}"}, {"code": code})
    notice_id = new_id()
    change.add(
        Notice,
        id=notice_id,
        kind=template.key,
        citizen_id=None,
        case_id=None,
        values={"sms": sms, "phone": phone},
        text=fill(template.text, {"code": "******"}),
        state="pending",
        at=change.at,
        expires_at=expires_at,
    )
    _add_delivery(change, "sms", notice_id=notice_id, payload={"phone": phone, **sms}, expires_at=expires_at)


def warn_of_move(citizen_id: UUID, *, openid: str | None, phone: str, change: Change) -> None:
    """An account was taken elsewhere: whoever held it hears of it on the earlier phone, and in the earlier WeChat."""
    values = {"at": chinese_moment(change.at), "phone": service_centre(parts().settings.district).phone}
    declared = texts.BINDING_MOVED
    notice_id = _add_notice(change, declared, values, citizen_id, None, phone)
    _add_delivery(
        change,
        "sms",
        notice_id=notice_id,
        payload={"phone": phone, **_sms(declared.sms_template, declared.sms, values)},
        must_be_known=True,
    )
    if openid is not None and _follows(openid):
        _add_wechat(change, declared, values, notice_id, openid, None)


# --- WeChat ------------------------------------------------------------------------------------------------------


def keep_template_report(sender: str, *, msgid: int, openid: str, status: str, change: Change) -> None:
    """WeChat says what became of a template message: kept with its push, settled afterwards."""
    settle_template(msgid, openid, status, change)


def settle_template(msgid: int, openid: str, status: str, change: Change) -> None:
    """Store a TEMPLATESENDJOBFINISH as a receipt of the door's own change, and wake whoever settles receipts."""
    id_, now = new_id(), clock.protocol_now()
    change.add(
        Receipt,
        id=id_,
        partner="wechat_api",
        # The push's own row keeps repetitions out; settling one twice changes nothing anyway.
        same=str(id_),
        body={"msgid": str(msgid), "openid": openid, "status": status},
        received_at=now,
        settled_at=None,
        due_at=now,
        tries=0,
    )
    change.after(queue.waking(queue.RECEIPTS))


# --- rows --------------------------------------------------------------------------------------------------------


def _tell(
    change: Change,
    declared: DeclaredNotice,
    values: Mapping[str, str],
    citizen_id: UUID,
    openid: str | None,
    phone: str,
    case_id: UUID | None,
    path: str | None,
) -> None:
    """A notice on the first step of the ladder that the person can be reached on."""
    notice_id = _add_notice(change, declared, values, citizen_id, case_id, None)
    if openid is not None:
        _add_wechat(change, declared, values, notice_id, openid, path)
    else:
        payload = {"phone": phone, **_sms(declared.sms_template, declared.sms, values)}
        _add_delivery(change, "sms", notice_id=notice_id, payload=payload, must_be_known=declared.must_be_known)


def _add_notice(
    change: Change,
    declared: DeclaredNotice,
    values: Mapping[str, str],
    citizen_id: UUID,
    case_id: UUID | None,
    phone: str | None,
) -> UUID:
    notice_id = new_id()
    kept: dict[str, Any] = {"sms": _sms(declared.sms_template, declared.sms, values)}
    if phone is not None:
        kept["phone"] = phone
    change.add(
        Notice,
        id=notice_id,
        kind=declared.code,
        citizen_id=citizen_id,
        case_id=case_id,
        values=kept,
        text=fill(declared.text, values),
        state="pending",
        at=change.at,
        expires_at=None,
    )
    return notice_id


def _add_wechat(
    change: Change,
    declared: DeclaredNotice,
    values: Mapping[str, str],
    notice_id: UUID,
    openid: str,
    path: str | None,
) -> None:
    fields = {key: fit_value(key, fill(text, values)) for key, text in declared.wechat.items()}
    _add_delivery(
        change,
        "wechat",
        notice_id=notice_id,
        payload={"openid": openid, "template": declared.wechat_template.key, "fields": fields, "path": path},
        must_be_known=declared.must_be_known,
        pass_on_at=change.at + ladder.PASS_ON_AFTER,
    )


def _sms(template: SmsTemplate, variables: Mapping[str, str], values: Mapping[str, str]) -> dict[str, Any]:
    return {
        "template": template.key,
        "values": {name: fit_sms_value(fill(text, values)) for name, text in variables.items()},
    }


def _add_delivery(
    change: Change,
    channel: str,
    *,
    payload: Mapping[str, Any],
    notice_id: UUID | None = None,
    parcel_id: UUID | None = None,
    must_be_known: bool = False,
    expires_at: datetime | None = None,
    pass_on_at: datetime | None = None,
) -> None:
    now = clock.protocol_now()
    change.add(
        Delivery,
        id=new_id(),
        notice_id=notice_id,
        parcel_id=parcel_id,
        channel=channel,
        payload=dict(payload),
        state="pending",
        must_be_known=must_be_known,
        made_at=now,
        due_at=now,
        expires_at=expires_at,
        pass_on_at=pass_on_at,
        attempts=0,
        checks=0,
    )
    change.after(queue.waking(queue.sending_queue(channel)))


def _reachable_openid(citizen_id: UUID) -> str | None:
    """The citizen's WeChat, if it is bound now and follows us: nobody else gets template messages."""
    return db.session.scalar(
        select(WeChatBinding.openid)
        .join(Follower, Follower.openid == WeChatBinding.openid)
        .where(WeChatBinding.citizen_id == citizen_id, WeChatBinding.ended_at.is_(None), Follower.left_at.is_(None))
    )


def _follows(openid: str) -> bool:
    row = db.session.get(Follower, openid)
    return row is not None and row.left_at is None


#: Every signal and its receiver: the exact list, which a test asserts.
RECEIVERS = (
    (case_moved, tell_of_step),
    (parcel_wanted, order_parcel),
    (code_wanted, send_code),
    (binding_moved, warn_of_move),
    (template_finished, keep_template_report),
)
