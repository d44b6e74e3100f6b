"""Standard addresses. Imitates our own docs/partners/addresses.md."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint

from citizen_services.sandbox.signed import Body, Operation, bad, register_blueprint
from citizen_services.sandbox.world import World

CODE = r"[0-9A-Z-]{6,32}"
FARTHEST = 1000


def is_code(text: str) -> bool:
    """Tell whether a text has the form of an address code."""
    return bool(re.fullmatch(CODE, text))


def blueprint(world: World) -> Blueprint:
    """`/addresses/v1/…`."""

    def search(body: Body) -> dict[str, Any]:
        parts = body.text("text", 100, shortest=2).split()
        page, size = body.whole("page", 1, 1, FARTHEST), body.whole("size", 20, 1, 50)
        if page * size > FARTHEST:
            raise bad("page", f"only the first {FARTHEST} hits can be paged to")
        rows = world.state.rows("addresses")
        hits = [rows[code] for code in sorted(rows) if all(part in rows[code]["text"] for part in parts)]
        shown = hits[(page - 1) * size : page * size]
        return {"items": shown, "total": len(hits), "page": page, "size": size}

    def address(body: Body) -> dict[str, Any]:
        row = world.state.get("addresses", body.matching("code", CODE))
        return {"found": True, "address": row} if row else {"found": False}

    return register_blueprint(
        world,
        "addresses",
        {
            "search": Operation("search", search, to="text", text=lambda fields: str(fields.get("text") or "")),
            "address": Operation("address", address, to="code"),
        },
    )
