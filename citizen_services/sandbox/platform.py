"""The national platform of traffic administration. Imitates our own docs/partners/platform.md."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from datetime import datetime
from typing import Any

from flask import Blueprint
from requests import Response as Reply

from citizen_services.sandbox import traffic
from citizen_services.sandbox.outgoing import Channel
from citizen_services.sandbox.signed import CHINA, Body, Operation, bad, register_blueprint, taken_once
from citizen_services.sandbox.world import World

NAME = "platform"
REFS = "platform_refs"
#: What was answered to an application, by our reference.
ANSWERS = "platform"
WITHDRAWN = "platform_withdrawn"
KINDS = ("accepted", "on_site", "refused")
MOST_ASKED = 100
#: Who answers where the control names nobody.
OFFICER = {"name": "陈国平", "number": "330213"}
ITEM = r"(licence|vehicle)-[a-z0-9-]{2,40}"
NUMBER = r"[A-Z]{2}\d{8}-\d{6}"
_PAUSES_S = (60.0, 300.0, 1800.0)


class Desk:
    """What the control does here: an officer of the platform answers."""

    def __init__(self, world: World) -> None:
        self._world = world

    def answer(self, our_ref: str, body: dict[str, Any]) -> dict[str, Any]:
        """Keep an answer and push it where the application is there; raises ValueError or KeyError.

        `push: false` keeps it for whoever asks.
        """
        kind = body["answer"]
        if kind not in KINDS:
            raise ValueError(f"answer must be one of {', '.join(KINDS)}")
        # The platform gives a reason for each no: where the control names none, it is this one.
        reason = str(body.get("reason") or ("" if kind == "accepted" else "经核对，提交的信息与登记不一致"))
        officer = OFFICER | (body.get("officer") or {})
        row = {
            "answer": kind,
            "reason": reason,
            "officer": {"name": str(officer["name"]), "number": str(officer["number"])},
            "at": self._now(),
            "number": self._world.state.next_number("platform_answers"),
            "push": bool(body.get("push", True)),
        }
        self._world.state.put(ANSWERS, our_ref, row)
        if row["push"] and self._world.state.get(REFS, our_ref):
            self.push(our_ref)
        return row

    def newest(self, most: int) -> list[dict[str, Any]]:
        """The newest applications as the platform tells of them, newest first."""
        refs = [ref for ref, row in self._world.state.rows(REFS).items() if row["kind"] == "application"]
        return [shown(self._world, ref) for ref in reversed(refs[-most:])]

    def push(self, our_ref: str) -> None:
        """Tell us what was answered to an application."""
        self._world.outgoing.schedule(NAME, our_ref, shown(self._world, our_ref), self._world.config.receipt_delay_s)

    def _now(self) -> str:
        return datetime.fromtimestamp(self._world.now(), CHINA).isoformat(timespec="seconds")


def shown(world: World, our_ref: str) -> dict[str, Any]:
    """An application as the platform tells of it."""
    known, row = world.state.get(REFS, our_ref), world.state.get(ANSWERS, our_ref)
    told = {"our_ref": our_ref, "serial_number": known["register_number"]}
    if row is None:
        return told | {"answer": None, "reason": "", "officer": None, "at": None, "number": 0}
    return told | {name: row[name] for name in ("answer", "reason", "officer", "at", "number")}


def _channel(world: World) -> Channel:
    config = world.config
    key = config.register_keys.get(NAME, ("", ""))[1]

    def prepare(payload: dict[str, Any]) -> tuple[bytes, dict[str, str]]:
        raw = json.dumps(payload, ensure_ascii=False).encode()
        signed = hmac.new(key.encode(), raw, hashlib.sha256).hexdigest()
        return raw, {"Content-Type": "application/json", "X-Signature": signed}

    def accepted(reply: Reply) -> bool:
        try:
            return reply.status_code == 200 and reply.json().get("code") == "ok"
        except ValueError:
            return False

    return Channel(
        partner=NAME,
        url=f"{config.public_base_url}/receipts/{NAME}/{config.platform_receipt_token}",
        prepare=prepare,
        accepted=accepted,
        pauses_s=tuple(pause / config.speed for pause in _PAUSES_S),
        timeout_s=5.0,
    )


def blueprint(world: World) -> Blueprint:
    """`/platform/v1/…`."""
    state, desk = world.state, Desk(world)
    world.doors[NAME] = desk
    world.outgoing.register(_channel(world))

    def serial() -> str:
        today = datetime.fromtimestamp(world.now(), CHINA)
        return f"330213{today:%Y%m%d}{state.next_number('platform'):07d}"

    def application(body: Body) -> dict[str, Any]:
        body.matching("item", ITEM)
        body.matching("case_number", NUMBER)
        body.identity()
        body.text("name", 50)
        body.matching("phone", r"1[3-9]\d{9}")
        _agent(body)
        _vehicle(body)
        fields = body.fields.get("fields")
        if not isinstance(fields, dict) or len(json.dumps(fields)) > 32_000:
            raise bad("fields", "fields: an object is needed")
        taken = taken_once(world, REFS, body, "application", lambda ref: serial())
        ref = str(body.fields["ref"])
        if taken["created"] and (state.get(ANSWERS, ref) or {}).get("push"):
            desk.push(ref)
        return taken

    def withdrawal(body: Body) -> dict[str, Any]:
        ref = body.text("written_ref", 64)
        if state.get(REFS, ref) is None:
            raise bad("written_ref", "no application of that reference")
        if state.get(ANSWERS, ref) is not None:
            raise bad("written_ref", "it is answered already")

        def withdraw(_: str) -> str:
            state.put(WITHDRAWN, ref, True)
            return str(state.get(REFS, ref)["register_number"])

        return taken_once(world, "platform_withdrawals", body, "withdrawal", withdraw)

    def by_reference(body: Body) -> dict[str, Any]:
        ref = body.text("written_ref", 64)
        known = state.get(REFS, ref) or state.get("platform_withdrawals", ref)
        if known is None:
            return {"found": False}
        return {"found": True} | {name: known[name] for name in ("kind", "register_number", "written_at")}

    def answers(body: Body) -> dict[str, Any]:
        refs = body.fields.get("written_refs")
        if not isinstance(refs, list) or not 1 <= len(refs) <= MOST_ASKED or not all(isinstance(r, str) for r in refs):
            raise bad("written_refs", f"written_refs: 1 to {MOST_ASKED} references")
        return {"answers": [shown(world, ref) for ref in refs if state.get(REFS, ref) is not None]}

    def expiries(body: Body) -> dict[str, Any]:
        subjects = body.fields.get("subjects")
        if not isinstance(subjects, list) or not 1 <= len(subjects) <= MOST_ASKED:
            raise bad("subjects", f"subjects: 1 to {MOST_ASKED} of them")
        return {"expiries": [_expiry(world, one) for one in subjects]}

    def text(fields: dict[str, Any]) -> str:
        return f"{fields.get('item')} {fields.get('case_number')} {fields.get('name')}"

    return register_blueprint(
        world,
        NAME,
        {
            "applications": Operation("applications", application, text=text, writes=True),
            "withdrawals": Operation("withdrawals", withdrawal, to="written_ref", writes=True),
            "refs": Operation("refs", by_reference, to="written_ref"),
            "answers": Operation("answers", answers, to="ref"),
            "expiries": Operation("expiries", expiries, to="ref"),
        },
    )


def _agent(body: Body) -> None:
    if body.fields.get("agent") is not None:
        if not isinstance(body.fields["agent"], dict):
            raise bad("agent", "agent: an object or null")
        part = Body(body.fields["agent"])
        part.identity()
        part.text("name", 50)


def _vehicle(body: Body) -> None:
    vehicle = body.fields.get("vehicle")
    if vehicle is None:
        if str(body.fields["item"]).startswith("vehicle-"):
            raise bad("vehicle", "a vehicle is needed")
        return
    if not isinstance(vehicle, dict) or not {"plate_kind", "plate"} <= vehicle.keys():
        raise bad("vehicle", "vehicle: plate_kind and plate are needed")
    try:
        traffic.vehicle_key(f"{vehicle['plate_kind']}-{vehicle['plate']}")
    except ValueError:
        raise bad("vehicle", "vehicle: no such plate") from None


def _expiry(world: World, one: Any) -> dict[str, Any]:
    """When what somebody has ends, as the registers have it; nothing where they have nothing, or it never ends."""
    if not isinstance(one, dict):
        raise bad("subjects", "a subject is an object")
    part = Body(one)
    kind, number, until = part.text("kind", 20), part.identity(), None
    if kind == "licence":
        until = (world.state.get("licences", number) or {}).get("valid_until")
    elif kind == "medical":
        until = (world.state.get("licences", number) or {}).get("medical_until")
    elif kind == "inspection":
        key = f"{part.text('plate_kind', 2)}-{part.text('plate', 10)}"
        row = world.state.get("vehicles", key)
        until = row["inspection_until"] if row and row["owner_id_number"] == number else None
    else:
        raise bad("subjects", "kind must be licence, medical or inspection")
    return {"found": until is not None, "until": until}


def is_ref(text: str) -> bool:
    """Whether a text may be a reference of ours."""
    return re.fullmatch(r"[A-Za-z0-9._:-]{1,64}", text) is not None
