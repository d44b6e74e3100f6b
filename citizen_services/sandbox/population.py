"""The population register. Imitates our own docs/partners/population.md."""

from __future__ import annotations

import base64
import binascii
import io
from typing import Any

from flask import Blueprint
from PIL import Image, UnidentifiedImageError

from citizen_services.rules.identity import IdentityNumber
from citizen_services.sandbox.signed import Body, Operation, bad, register_blueprint
from citizen_services.sandbox.world import LARGEST_BODY, World

FACES = ("match", "no_match", "unavailable")
STATUSES = ("normal", "cancelled", "deceased")
IMAGE_LIMIT = 1024 * 1024
PORTRAIT_LIMIT = 200 * 1024


def jpeg_of(text: Any, limit: int) -> bytes:
    """Return the bytes of a Base64 JPEG that can be opened; raises ValueError."""
    if not isinstance(text, str):
        raise ValueError("Base64 text is needed")
    try:
        image = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("not Base64") from None
    if len(image) > limit:
        raise ValueError(f"more than {limit} bytes")
    try:
        with Image.open(io.BytesIO(image)) as opened:
            kind = opened.format
            opened.load()
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError):
        raise ValueError("not an image") from None
    if kind != "JPEG":
        raise ValueError("not a JPEG")
    return image


def person_row(number: IdentityNumber, body: dict[str, Any], old: dict[str, Any] | None) -> dict[str, Any]:
    """Build a person from the control's JSON (over what is already known of them); raises ValueError."""
    row = {
        "name": "",
        "phone": "",
        "gender": number.gender,
        "nation": "汉",
        "hukou_code": number.first_division,
        "hukou_address": "",
        "portrait": None,
        "face": "match",
        "status": "normal",
        "guardians": [],
    } | (old or {})
    for name in set(row) & set(body):
        row[name] = body[name]
    row |= {"id_number": number.number, "birth_date": number.born.isoformat()}
    if row["face"] not in FACES:
        raise ValueError(f"face must be one of {', '.join(FACES)}")
    if row["status"] not in STATUSES:
        raise ValueError(f"status must be one of {', '.join(STATUSES)}")
    if not isinstance(row["guardians"], list) or not all(isinstance(one, str) for one in row["guardians"]):
        raise ValueError("guardians must be a list of identity numbers")
    if not isinstance(row["name"], str) or not row["name"]:
        raise ValueError("name is missing")
    if row["portrait"] is not None:
        jpeg_of(row["portrait"], PORTRAIT_LIMIT)
    return row


def blueprint(world: World) -> Blueprint:
    """`/population/v1/…`."""

    def person_of(body: Body) -> dict[str, Any] | None:
        found = world.state.get("people", body.identity())
        return dict(found) if found else None

    def verify(body: Body) -> dict[str, Any]:
        name, phone = body.text("name", 50), body.matching("phone", r"1[3-9]\d{9}")
        person = person_of(body)
        agrees = person is not None and person["name"] == name and person["phone"] == phone
        return {"result": "match" if agrees else "no_match"}

    def person(body: Body) -> dict[str, Any]:
        row = person_of(body)
        if row is None:
            return {"found": False}
        names = ("id_number", "name", "gender", "nation", "birth_date", "hukou_code", "hukou_address", "status")
        return {"found": True, "person": {name: row[name] for name in names}}

    def guardian(body: Body) -> dict[str, Any]:
        number = body.identity()
        child = world.state.get("people", body.identity("child_id_number"))
        return {"result": "shown" if child and number in child.get("guardians", ()) else "not_shown"}

    def portrait(body: Body) -> dict[str, Any]:
        row = person_of(body)
        return {"found": True, "portrait": row["portrait"]} if row and row["portrait"] else {"found": False}

    def face(body: Body) -> dict[str, Any]:
        row = person_of(body)
        try:
            jpeg_of(body.fields.get("image"), IMAGE_LIMIT)
        except ValueError as error:
            raise bad("image", f"image: {error}") from None
        return {"result": row["face"] if row and row["portrait"] else "unavailable"}

    def named(fields: dict[str, Any]) -> str:
        return str(fields.get("name") or "")

    return register_blueprint(
        world,
        "population",
        {
            "verify": Operation("verify", verify, text=named),
            "person": Operation("person", person),
            "guardian": Operation("guardian", guardian),
            "portrait": Operation("portrait", portrait),
            "face": Operation("face", face, body_limit=LARGEST_BODY),
        },
    )
