"""What is told and ordered when something happens: rows of the same change, so that a notice exists only with its fact.

Receivers read little, call nobody, and let exceptions through: an act that can't be told of is not done.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import NAMESPACE_OID, UUID, uuid5

from citizen_services import clock
from citizen_services.cases.models import Case, Correction
from citizen_services.cases.signals import (
    application_unwanted,
    application_wanted,
    case_files_removed,
    case_moved,
    case_rated,
    contest_decided,
    correction_extended,
    draft_waits,
    export_wanted,
    household_invited,
    invitation_ended,
    letter_wanted,
    old_document_due,
    parcel_unwanted,
    parcel_wanted,
    rating_set_aside,
)
from citizen_services.cases.situation import Situation
from citizen_services.catalogue.vocabulary import Notice as DeclaredNotice
from citizen_services.catalogue.vocabulary import OldDocument, Step
from citizen_services.database import Change, db, new_id
from citizen_services.fees.signals import refund_moved
from citizen_services.parts import parts
from citizen_services.people.models import Citizen
from citizen_services.people.queries import office, service_centre
from citizen_services.people.signals import (
    account_unbound,
    binding_moved,
    code_wanted,
    data_answered,
    follower_bound,
    worker_joined,
)
from citizen_services.registers.signals import (
    permit_carded,
    permit_changed,
    permit_ended,
    permit_endorsed,
    residence_registered,
)
from citizen_services.rules.dates import chinese_moment
from citizen_services.rules.periods import Deadline
from citizen_services.rules.templates import fill
from citizen_services.wechat.signals import bound_follower_came, template_finished
from citizen_services.windows.signals import appointment_moved, offer_withdrawn, slot_offered
from notifications import (
    archived,
    bookings,
    bringing,
    drafts,
    invitations,
    letters,
    on_behalf,
    own,
    permits,
    platform,
    queue,
    refunds,
    reports,
    rows,
    texts,
    writeback,
)
from notifications import old as old_documents
from notifications.models import Notice, Parcel, Receipt

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
    _tell_of_agent(situation, step, change)
    if not step.tells:
        return
    values = {
        "state": situation.item.state(step.end).word,
        "at": chinese_moment(situation.at),
        "office": office(situation.office).name if situation.office else "",
        **situation.values,
    }
    about = rows.About(situation.case_id, path=f"/h5/cases/{situation.case_id}")
    if step.bring is not None and step.bring.needed(situation):
        bringing.tell(change, step.bring, situation, values, about)
    elif step.tell is not None:
        notice_id = rows.tell(change, step.tell, values, situation.citizen, about)
        letters.climb(change, notice_id, step.tell)


def _tell_of_agent(situation: Situation, step: Step, change: Change) -> None:
    """An agent acted: the person is told at every turn, whatever else they are told; so is a child of its guardian.

    And whoever had a community officer apply for them at home.
    """
    actor = situation.actor
    if actor.on_behalf_of is not None:
        who = on_behalf.who_of(actor)
    elif actor.kind == "staff" and situation.door == "community" and step.start is None:
        who = f"{office(actor.office or '').name}上门的社区民警"
    else:
        return
    act = step.public or step.label
    on_behalf.tell(change, who, act, situation.case_id, situation.number, situation.item.name, situation.citizen)


def tell_of_grace(case_id: UUID, *, correction: Correction, due: Deadline, change: Change) -> None:
    """A request for corrections has another date, since its person heard of it after the first one."""
    case = db.session.get_one(Case, case_id)
    item = parts().catalogue.item(case.item, case.item_version)
    values = {"number": case.number, "item": item.name, "until": f"{due.last_day.month}月{due.last_day.day}日"}
    citizen = db.session.get_one(Citizen, case.citizen_id)
    rows.tell(
        change, texts.CORRECTION_EXTENDED, values, citizen, rows.About(case_id, correction.id, f"/h5/cases/{case_id}")
    )


def tell_of_rating(case_id: UUID, *, case: Case, decision: str, change: Change) -> None:
    """A rating counts no more: whoever gave it is told why."""
    item = parts().catalogue.item(case.item, case.item_version)
    values = {"number": case.number, "item": item.name, "decision": decision}
    citizen = db.session.get_one(Citizen, case.citizen_id)
    rows.tell(change, texts.RATING_SET_ASIDE, values, citizen, rows.About(case_id, path=f"/h5/cases/{case_id}"))


def order_parcel(
    case_id: UUID, *, receiver: Mapping[str, str], direction: str, change: Change, old: OldDocument | None = None
) -> None:
    """A parcel is to be ordered: to the person from the service centre, or the other way, where it fetches ``old``."""
    settings = parts().settings
    centre = service_centre(settings.district)
    ours = {
        "name": centre.name,
        "phone": centre.phone,
        "province": settings.province_name,
        "city": settings.city_name,
        "county": settings.district_name,
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
    if old is not None:
        old_documents.expect(case_id, old=old, parcel_id=parcel_id, change=change)
    rows.add_delivery(
        change,
        "ems",
        parcel_id=parcel_id,
        payload={
            "sender": ours if direction == "out" else theirs,
            "receiver": theirs if direction == "out" else ours,
            "receiver_pays": direction == "out" and settings.postage == "recipient",
            "contents": CONTENTS,
            "note": NOTE,
        },
    )


# --- people ------------------------------------------------------------------------------------------------------


def send_code(purpose: str, *, phone: str, code: str, expires_at: datetime, change: Change) -> None:
    """A six-digit code to a phone, by SMS only; of no use once it has expired."""
    template = texts.CODES[purpose]
    sms = rows.sms_content(template, {"code": "{code}"}, {"code": code})
    notice_id = new_id()
    change.add(
        Notice,
        id=notice_id,
        kind=template.key,
        citizen_id=None,
        case_id=None,
        about=None,
        values={"sms": sms, "phone": phone},
        text=fill(template.text, {"code": "******"}),
        state="pending",
        at=change.at,
        expires_at=expires_at,
    )
    rows.add_delivery(change, "sms", notice_id=notice_id, payload={"phone": phone, **sms}, expires_at=expires_at)


def warn_of_move(citizen_id: UUID, *, openid: str | None, phone: str, change: Change) -> None:
    """An account was taken elsewhere: whoever held it hears of it on the earlier phone, and in the earlier WeChat."""
    _warn(texts.BINDING_MOVED, citizen_id, openid, phone, change)


def tell_of_unbinding(citizen_id: UUID, *, openid: str | None, phone: str, change: Change) -> None:
    """A person unbound their WeChat: they hear of it on their phone, and there for the last time."""
    _warn(texts.UNBOUND, citizen_id, openid, phone, change)


def _warn(declared: DeclaredNotice, citizen_id: UUID, openid: str | None, phone: str, change: Change) -> None:
    values = {"at": chinese_moment(change.at), "phone": service_centre(parts().settings.district).phone}
    notice_id = rows.add_notice(change, declared, values, citizen_id, rows.About(), phone)
    rows.add_delivery(
        change,
        "sms",
        notice_id=notice_id,
        payload={"phone": phone, **rows.sms_content(declared.sms_template, declared.sms, values)},
        must_be_known=True,
    )
    if openid is not None and rows.follows(openid):
        rows.add_wechat(change, declared, values, notice_id, openid, None)


def tell_worker(report_id: UUID, *, organisation: str, citizen: Citizen | None, phone: str, change: Change) -> None:
    """An employer reported somebody who began to work there: they are told to declare where they live (art 8)."""
    declared, values = texts.WORKER_JOINED, {"org": organisation}
    if citizen is not None:
        rows.tell(change, declared, values, citizen, rows.About(None, report_id, "/h5/items/residence-registration"))
        return
    sms = rows.sms_content(declared.sms_template, declared.sms, values)
    notice_id = new_id()
    change.add(
        Notice,
        id=notice_id,
        kind=declared.code,
        citizen_id=None,
        case_id=None,
        about=report_id,
        values={"sms": sms, "phone": phone},
        text=fill(declared.text, values),
        state="pending",
        at=change.at,
        expires_at=None,
    )
    rows.add_delivery(change, "sms", notice_id=notice_id, payload={"phone": phone, **sms})


# --- WeChat ------------------------------------------------------------------------------------------------------


def tag_follower(openid: str, *, change: Change) -> None:
    """A follower is bound, or no longer, or came back: a worker sees to the tag by which their menu is chosen."""
    rows.add_delivery(change, "wechat_tag", person=uuid5(NAMESPACE_OID, openid), payload={"openid": openid})


def keep_template_report(
    sender: str, *, msgid: int, openid: str, status: str, change: Change, template: str | None = None
) -> None:
    """WeChat says what became of a message: kept with its push, settled afterwards. ``template``: of a subscription."""
    settle_template(msgid, openid, status, change, template)


def settle_template(msgid: int, openid: str, status: str, change: Change, template: str | None = None) -> None:
    """Store what WeChat reported as a receipt of the door's own change, and wake whoever settles receipts."""
    id_, now = new_id(), clock.protocol_now()
    change.add(
        Receipt,
        id=id_,
        partner="wechat_api",
        # The push's own row keeps repetitions out; settling one twice changes nothing anyway.
        same=str(id_),
        body={"msgid": str(msgid), "openid": openid, "status": status, "template": template},
        received_at=now,
        settled_at=None,
        due_at=now,
        tries=0,
    )
    change.after(queue.waking(queue.RECEIPTS))


#: Every signal and its receiver: the exact list, which a test asserts.
def wake_exporter(export_id: UUID, *, change: Change) -> None:
    """A long export waits: wake a worker for it."""
    change.after(queue.waking(queue.EXPORTS))


RECEIVERS = (
    (case_moved, tell_of_step),
    (case_moved, reports.report_step),
    (case_rated, reports.report_rating),
    (contest_decided, reports.report_contest),
    (rating_set_aside, tell_of_rating),
    (correction_extended, tell_of_grace),
    (draft_waits, drafts.remind),
    (export_wanted, wake_exporter),
    (application_wanted, platform.hand_over),
    (application_unwanted, platform.take_back),
    (case_files_removed, archived.remove),
    (parcel_wanted, order_parcel),
    (parcel_unwanted, old_documents.call_back),
    (old_document_due, old_documents.expect),
    (letter_wanted, letters.order),
    (household_invited, invitations.tell),
    (invitation_ended, invitations.withdraw),
    (residence_registered, writeback.write_registration),
    (permit_carded, writeback.write_permit),
    (permit_ended, permits.tell_of_end),
    (permit_endorsed, writeback.write_endorsement),
    (permit_changed, writeback.write_change),
    (code_wanted, send_code),
    (binding_moved, warn_of_move),
    (account_unbound, tell_of_unbinding),
    (worker_joined, tell_worker),
    (data_answered, own.tell_answer),
    (template_finished, keep_template_report),
    (appointment_moved, bookings.tell),
    (slot_offered, bookings.offer),
    (offer_withdrawn, bookings.withdraw),
    (refund_moved, refunds.tell),
    (follower_bound, tag_follower),
    (bound_follower_came, tag_follower),
)
