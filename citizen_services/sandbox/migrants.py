"""The province's register of migrants. Imitates our own docs/partners/migrants.md."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from flask import Blueprint

from citizen_services.sandbox.signed import CHINA, Body, Operation, bad, register_blueprint, taken_once
from citizen_services.sandbox.world import World

TABLE = "migrants"
#: What was written, by our reference.
REFS = "migrants_refs"
#: Whose permit a number is.
HOLDERS = "permit_holders"
NEW_CARDS = ("first", "renew", "replace")
KINDS = (*NEW_CARDS, "endorse", "change")
DISTRICT = r"\d{6}"
NUMBER = r"[0-9A-Z]{6,32}"


def _day(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{name}: a date is needed")
    return date.fromisoformat(value).isoformat()


def rows_from_control(world: World, body: dict[str, Any]) -> dict[str, Any]:
    """Build a person's entries from the control's JSON; raises ValueError or KeyError."""
    registrations = [
        {
            "register_number": new_number(world, str(row["district"])),
            "written_ref": None,
            "address": str(row["address"]),
            "address_code": row.get("address_code"),
            "district": str(row["district"]),
            "since": _day(row["since"], "since"),
            "until": None if row.get("until") is None else _day(row["until"], "until"),
        }
        for row in body.get("registrations") or []
    ]
    permits = [
        {
            "register_number": new_number(world, str(row["district"])),
            "written_ref": None,
            "number": str(row["number"]),
            "district": str(row["district"]),
            "issued": _day(row["issued"], "issued"),
            "endorsed_until": _day(row["endorsed_until"], "endorsed_until"),
            "state": str(row.get("state") or "valid"),
        }
        for row in body.get("permits") or []
    ]
    return {"registrations": registrations, "permits": permits}


def new_number(world: World, district: str) -> str:
    """Return the register's next number: district, today, 7 digits."""
    today = datetime.fromtimestamp(world.now(), CHINA)
    return f"{district}{today:%Y%m%d}{world.state.next_number('migrants'):07d}"


def blueprint(world: World) -> Blueprint:
    """`/migrants/v1/…`."""

    def rows(id_number: str) -> dict[str, Any]:
        kept = world.state.get(TABLE, id_number) or {"registrations": [], "permits": []}
        return {name: [dict(row) for row in kept[name]] for name in ("registrations", "permits")}

    def person(body: Body) -> dict[str, Any]:
        kept = rows(body.identity())
        names = ("register_number", "written_ref", "address", "address_code", "district", "since", "until")
        registrations = sorted(kept["registrations"], key=lambda row: row["since"])
        permits = sorted(kept["permits"], key=lambda row: row["issued"])
        shown = ("register_number", "written_ref", "number", "district", "issued", "endorsed_until", "state")
        return {
            "registrations": [{name: row[name] for name in names} for row in registrations],
            "permits": [{name: row[name] for name in shown} for row in permits],
        }

    def write_registration(body: Body) -> dict[str, Any]:
        id_number, district = body.identity(), body.matching("district", DISTRICT)
        body.text("name", 50)
        body.matching("phone", r"1[3-9]\d{9}")
        body.matching("hukou_code", DISTRICT)
        body.text("hukou_address")
        body.text_or_none("employer")
        entry = {
            "address": body.text("address"),
            "address_code": body.text_or_none("address_code", 32),
            "district": district,
            "since": body.day("since"),
            "until": None,
        }

        def write(ref: str) -> str:
            kept, number = rows(id_number), new_number(world, district)
            for row in kept["registrations"]:
                if row["until"] is None:
                    row["until"] = entry["since"]
            kept["registrations"].append({"register_number": number, "written_ref": ref, **entry})
            world.state.put(TABLE, id_number, kept)
            return number

        return taken_once(world, REFS, body, "registration", write)

    def write_permit(body: Body) -> dict[str, Any]:
        kind, number = body.text("kind", 20), body.matching("number", NUMBER)
        if kind not in KINDS:
            raise bad("kind", f"kind must be one of {', '.join(KINDS)}")
        id_number, district = body.identity(), body.matching("district", DISTRICT)
        body.text("name", 50)
        body.text("address")
        body.text_or_none("address_code", 32)
        employer = body.text_or_none("employer", 100)
        issued, endorsed_until = body.day("issued"), body.day("endorsed_until")

        def new_card(ref: str, kept: dict[str, Any]) -> str:
            if world.state.get(HOLDERS, number) not in (None, id_number):
                raise bad("number", "another person holds a permit of that number")
            world.state.put(HOLDERS, number, id_number)
            for row in kept["permits"]:
                if row["state"] == "valid":
                    row["state"] = "replaced"
            entry = {
                "register_number": new_number(world, district),
                "written_ref": ref,
                "number": number,
                "district": district,
                "issued": issued,
                "endorsed_until": endorsed_until,
                "employer": employer,
                "state": "valid",
            }
            kept["permits"].append(entry)
            return str(entry["register_number"])

        def changed_card(ref: str, kept: dict[str, Any]) -> str:
            for row in kept["permits"]:
                if row["number"] == number and row["state"] == "valid":
                    row |= {"written_ref": ref}
                    changed = {"district": district, "employer": employer}
                    row |= {"endorsed_until": endorsed_until} if kind == "endorse" else changed
                    return str(row["register_number"])
            raise bad("number", "no valid permit of that number")

        def write(ref: str) -> str:
            kept = rows(id_number)
            register_number = (new_card if kind in NEW_CARDS else changed_card)(ref, kept)
            world.state.put(TABLE, id_number, kept)
            return register_number

        return taken_once(world, REFS, body, "permit", write)

    def by_reference(body: Body) -> dict[str, Any]:
        known = world.state.get(REFS, body.text("written_ref", 64))
        if known is None:
            return {"found": False}
        return {"found": True} | {name: known[name] for name in ("kind", "register_number", "written_at")}

    def registration_text(fields: dict[str, Any]) -> str:
        return f"居住登记 {fields.get('name')} {fields.get('address')} 自 {fields.get('since')}"

    def permit_text(fields: dict[str, Any]) -> str:
        works = f" 服务处所 {fields['employer']}" if fields.get("employer") else ""
        until = f"至 {fields.get('endorsed_until')}"
        return f"居住证 {fields.get('kind')} {fields.get('name')} {fields.get('number')} {until}{works}"

    return register_blueprint(
        world,
        "migrants",
        {
            "person": Operation("person", person),
            "registrations": Operation("registrations", write_registration, text=registration_text, writes=True),
            "permits": Operation("permits", write_permit, text=permit_text, writes=True),
            "refs": Operation("refs", by_reference, to="written_ref"),
        },
    )
