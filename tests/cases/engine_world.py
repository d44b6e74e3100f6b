"""The world of the engine's machine: people, staff, papers, couriers and time, and what each act is given.

Everything goes through the rooms' own operations, on the real declarations. A new service item needs a line in
``PLAYED`` (how it is applied for, and where it stands then), or in ``LEFT_OUT`` with the reason; a new action with an
input needs its answer in ``GOOD``.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, text, update

from citizen_services import clock
from citizen_services.cases import charging, corrections, operations, payments, permit_facts, recusal
from citizen_services.cases.models import Case, Draft
from citizen_services.cases.once import do_once
from citizen_services.catalogue import BY_HAND
from citizen_services.catalogue.vocabulary import ServiceItem, Step
from citizen_services.database import Change, commit, db
from citizen_services.database.idempotency import Once
from citizen_services.exchange.ems import TrackEvent
from citizen_services.fees import queries
from citizen_services.fees.models import PAYABLE
from citizen_services.parts import parts
from citizen_services.people import relations
from citizen_services.people.actors import Actor
from citizen_services.people.models import Citizen, Staff
from citizen_services.rules.errors import RuleError
from notifications import parcels
from notifications.models import Parcel
from tests import factories as make
from tests.cases.engine_drafts import (
    ADDRESSES,
    TYPED,
    endorsement,
    permit,
    permit_change,
    registration,
    renewal,
    replacement,
)
from tests.house import START
from workflows import licences, vehicles

#: Everybody who tries to act on cases, in the order in which a right one is looked for.
STAFF = (
    "yl-clerk", "yl-auxiliary", "yl-both", "yl-officer", "yl-community", "jp-clerk", "jp-officer", "jp-community",
    "xk-clerk", "xk-officer", "fw-clerk", "fw-supervisor", "fw-cashier",
)  # fmt: skip
#: Who is one of the applicants.
APPLICANT_AT_WORK = "yl-both"
REASONS = {"reasons": "经核实，不符合办理条件，请补齐后再申请。", "ground": "《居住证暂行条例》第二条"}
ADDRESS = make.PERMIT_DATA["delivery"] | {"postal_address": "岳林街道金钟路18号9幢101室"}
#: What the courier reports: code, sub-code of a delivery, sub-code of a failed one.
COURIER: Mapping[str, tuple[str, str | None, str | None]] = {
    "collected": ("203", None, None),
    "on the road": ("702", None, None),
    "signed": ("704", "10", None),
    "signed by others": ("704", "20", None),
    "delivered, not said how": ("704", None, None),
    "refused": ("705", None, "7"),
    "wrong address": ("705", None, "1"),
    "on its way back": ("708", None, None),
    "returned": ("711", None, None),
    "lost": ("987", None, None),
    "delivery taken back": ("743", None, None),
    "failure taken back": ("744", None, None),
}
#: Which report makes the case take which step.
REPORT_FOR = {
    "complete": "signed",
    "parcel_refused": "refused",
    "parcel_returning": "on its way back",
    "parcel_returned": "returned",
    "parcel_lost": "lost",
    "parcel_signed_by_other": "signed by others",
    "parcel_moves": "on the road",
}
#: What the population register must say for the system to take which step.
FACT_FOR: Mapping[str, Mapping[str, str]] = {
    "permit_ended": {"hukou_code": "330212", "status": "normal"},
    "holder_died": {"hukou_code": "522601", "status": "deceased"},
}
#: Good values of fields that corrections name.
MENDED: Mapping[str, Any] = {
    "delivery.postal_address": "岳林街道金钟路18号9幢101室",
    "delivery.receiver_phone": "13900139000",
    "employment.employment_correct": "no",
    "ground.ground": "residence",
    "address.address_code": BY_HAND,
}
FIRED: Counter[str] = Counter()
_cards = itertools.count(1)
_keys = itertools.count(1)


class Hands(clock.Clock):
    """A business clock whose hands the machine moves; each look at it is a little later than the one before."""

    def __init__(self) -> None:
        super().__init__()
        self.at = START.astimezone(UTC)

    def now(self) -> datetime:
        """Business time."""
        self.at += timedelta(milliseconds=1)
        return self.at


#: How an application of each item is made, which a number varies; and the state in which people meet it then.
PLAYED: Mapping[str, tuple[Callable[[Citizen, int], Draft], str]] = {
    "residence-permit-first": (permit, "submitted"),
    "residence-registration": (registration, "verifying"),
    "residence-permit-endorse": (endorsement, "submitted"),
    "residence-permit-replace": (replacement, "submitted"),
    "residence-permit-renew": (renewal, "submitted"),
    "residence-permit-change": (permit_change, "submitted"),
}
#: Which items are not played, and why not.
_PLATFORM = "decided by the national platform, which the machine doesn't know: tests/portal/test_traffic_items.py"
LEFT_OUT: Mapping[str, str] = {item.code: _PLATFORM for item in (*licences.ITEMS, *vehicles.ITEMS)}


# --- What is given with an action ---------------------------------------------------------------------------------


def pays(case_id: UUID) -> None:
    """The person pays at the counter what is owed for the case."""
    order = queries.holding(charging.duty_of(case_id))
    if order is not None and order.state in PAYABLE:
        payments.take_at_counter(order.id, "cash", "", order.amount_fen, make.staff("fw-cashier"))


def _named(item: ServiceItem, case: Case, variant: int) -> dict[str, Any]:
    """What a clerk asks to be mended: one to three of the case's fields and papers."""
    names = [code for code in MENDED if code.split(".")[0] in {g.code for g in item.active_groups(case.data)}]
    names += [m.code for m in item.active_materials(case.data) if m.upload] or ["identity"]
    chosen = [names[(variant + step) % len(names)] for step in range(1 + variant % 3)]
    because = None if variant % 5 == 0 else "登记信息有新的变化"
    items = [{"code": code, "why": "请核对后改正"} for code in dict.fromkeys(chosen)]
    return {"items": items, "new_because": because}


def _answers(item: ServiceItem, case: Case, variant: int) -> dict[str, Any]:
    asked = corrections.open_correction(case.id)
    given: dict[str, dict[str, Any]] = {}
    for code in (one["code"] for one in asked.items) if asked else ():
        group, _, name = code.partition(".")
        if name:
            given.setdefault(group, {})[name] = MENDED[code]
    registers = {}
    if "address" in given and variant % 2:
        # Found in the register by now.
        person = db.session.get_one(Citizen, case.citizen_id)
        given["address"]["address_code"] = ADDRESSES[0]["code"]
        registers["addresses.address"] = make.answer(person, "addresses", "address", ADDRESSES[0])
        commit()
    elif "address" in given:
        given["by_hand"] = TYPED
    if given.get("ground", {}).get("ground") == "employment":
        given["employment"] = {"employment_correct": "no"}
    return {"answers": given, "registers": registers}


def _choice(item: ServiceItem, case: Case, variant: int) -> dict[str, Any]:
    return {"way": "post", **ADDRESS} if variant % 2 else {"way": "counter"}


_HOW = {"how": "电话联系本人核实"}
_FACT = {"day": "2026-11-01", "how": "已查看户口簿"}
GOOD: Mapping[str, Callable[[ServiceItem, Case, int], dict[str, Any]]] = {
    "request_correction": _named,
    "answer_correction": _answers,
    "decline": lambda *_: REASONS,
    "refuse": lambda *_: REASONS,
    "revoke_acceptance": lambda *_: REASONS,
    "send_back": lambda *_: {"note": "请再核对一次"},
    "hand_over": lambda item, case, variant: {"office": f"33021300{1 + variant % 3}000"},
    "make": lambda *_: {"card_number": f"330213{next(_cards):08d}"},
    "parcel_ordered": lambda *_: {"tracking": f"11{next(_cards):011d}"},
    "post": lambda item, case, variant: {"tracking": case.results.get("tracking", "1")},
    "receive_back": lambda item, case, variant: {"tracking": case.results.get("tracking", "1")},
    "collect": lambda item, case, variant: {"card_number": case.results.get("card_number", "1")},
    "choose_delivery": _choice,
    "note_choice": _choice,
    "confirm_received": lambda *_: _HOW,
    "report_lost": lambda *_: _HOW,
    "make_again": lambda *_: _HOW,
    "confirm": lambda *_: _HOW,
    "correct_address": lambda *_: _HOW | {"found_address": "奉化区溪口镇上宋村12号"},
    "not_found": lambda *_: {"why": "请写明在哪条路上"},
    "close_unfound": lambda *_: _HOW,
    "end_for_fact": lambda *_: {**_FACT, "fact": "hukou_moved"},
    "end_for_death": lambda *_: _FACT,
    "permit_ended": lambda *_: {"fact": "new_permit", "day": "2026-11-01"},
    "holder_died": lambda *_: {"fact": "death", "day": "2026-11-01"},
}
#: What is not to be taken: nothing, something else, the wrong kind of thing.
BAD: tuple[dict[str, Any], ...] = (
    {},
    {"colour": "red"},
    {"reasons": "不", "ground": ["x"], "items": [], "office": "999", "tracking": "1" * 99, "way": "pigeon", "how": 7},
    {"items": [{"code": "delivery.colour", "why": "好奇"}], "answers": {"delivery": {"city": "杭州市"}}, "note": "x"},
)


def given_with(step: Step | None, action: str, item: ServiceItem, case: Case, variant: int) -> dict[str, Any]:
    """Good data of an action on a case."""
    maker = GOOD.get(action)
    if maker is None:
        assert step is None or step.input is None, f"say in GOOD what {action} is given"
        return {}
    return maker(item, case, variant)


# --- What happens -------------------------------------------------------------------------------------------------


def everything() -> Any:
    """A fingerprint of all that the database holds."""
    if not _EVERYTHING:
        tables = [name for name in db.metadata.tables if name not in ("installation", "heartbeat")]
        looks = (f"SELECT '{t}', count(*), sum(hashtextextended(t::text, 0)) FROM \"{t}\" t" for t in tables)
        # What PostgreSQL adds up side by side comes in any order.
        _EVERYTHING.append(" UNION ALL ".join(f"({look})" for look in looks) + " ORDER BY 1")
    found = db.session.execute(text(_EVERYTHING[0])).all()
    db.session.rollback()
    return [tuple(row) for row in found]


_EVERYTHING: list[str] = []


def empty() -> None:
    """Take out what an earlier play left; offices and staff stay."""
    db.session.rollback()
    keep = {"installation", "office", "staff", "role_grant", "heartbeat"}
    with db.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("; ".join(f'DELETE FROM "{name}"' for name in db.metadata.tables if name not in keep)))


def staff_of_the_house(applicant: Citizen) -> dict[str, Actor]:
    """Everybody who works here; one of them is an applicant."""
    db.session.execute(update(Staff).where(Staff.login == APPLICANT_AT_WORK).values(id_lookup=applicant.id_lookup))
    commit()
    db.session.expire_all()
    return {login: make.staff(login) for login in STAFF}


def send(person: Citizen, code: str, variant: int, key: str) -> Any:
    """Send an application as a door does: once a key."""
    draft = PLAYED[code][0](person, variant)
    actor = make.applicant(person)
    once = Once.of(actor.key, "submit", key, {"draft": str(draft.id)})

    def submit(once: Once) -> Any:
        done = operations.submit(parts().catalogue, draft, actor, once=once)
        return {"case_id": str(done.case_id), "number": done.number, "state": done.state}

    return do_once(once, submit)


def press(case_id: UUID, action: str, actor: Actor, version: int | None, data: Mapping[str, Any], key: str) -> Any:
    """Take a step as a door does: once a key."""
    once = Once.of(actor.key, f"act/{case_id}", key, {"action": action, "version": version, "data": data})

    def perform(once: Once) -> Any:
        done = operations.perform(parts().catalogue, case_id, action, actor, version, data, once=once)
        return {"case_id": str(done.case_id), "number": done.number, "state": done.state}

    return do_once(once, perform)


def new_key() -> str:
    """A form's token."""
    return f"key-{next(_keys)}"


def last_parcel(case_id: UUID) -> Parcel | None:
    """The parcel that counts: what goes to the person."""
    query = select(Parcel).where(Parcel.case_id == case_id, Parcel.direction == "out")
    query = query.order_by(Parcel.id.desc()).limit(1)
    return db.session.scalars(query).first()


def courier_reports(parcel_id: UUID, what: str) -> None:
    """An event of a parcel comes in, by whose number the parcel is known at the latest; committed."""
    if parcels.lock(parcel_id).tracking is None:
        parcels.ordered(parcel_id, f"11{next(_cards):011d}")
    code, delivered, failed = COURIER[what]
    event = TrackEvent("", None, code, clock.now(), delivered, failed, what, what)
    parcels.record(parcels.lock(parcel_id), [event])
    commit()


def register_tells(citizen_id: UUID, content: Mapping[str, str]) -> None:
    """A look at the population register finds that; committed."""
    permit_facts.end_if_told(citizen_id, {"population.person": {"outcome": "found", "content": content}})
    commit()


def courier_takes_order(parcel_id: UUID, tracking: str) -> None:
    """The courier answers an order; committed."""
    parcels.ordered(parcel_id, tracking)
    commit()


def keep_away(case: Case, actor: Actor, kind: str) -> bool:
    """Somebody has a part in a case, or its applicant is their relative, or no more; committed. False: as before."""
    change, person = Change(clock.now()), db.session.get_one(Citizen, case.citizen_id)
    if kind == "part":
        recusal.recuse(change, case, actor, "申请人是我的房客")
    elif kind == "relative":
        try:
            relations.declare(change, actor, person.id_number, "sibling")
        except RuleError:
            return False
    else:
        assert actor.id is not None
        for row in relations.of(actor.id):
            relations.end(change, actor, row.id)
    change.write()
    commit()
    return True
