"""Service items: open to everybody, as the guide is."""

from __future__ import annotations

from typing import Any

from citizen_services.api import schemas
from citizen_services.api.operation import blueprint, operation
from citizen_services.catalogue import describe
from citizen_services.parts import parts

bp = blueprint("items", "/items", "事项")


@bp.get("")
@operation(bp, "事项列表", schemas.ItemsPage)
def items() -> dict[str, Any]:
    """The service items that are offered, current versions."""
    return {"items": [describe.summary(item) for item in parts().catalogue.services()], "next": None}


@bp.get("/<string:code>")
@operation(bp, "一个事项", schemas.WholeItemSchema, problems=(404,))
def item(code: str) -> dict[str, Any]:
    """One service item: its form, materials, states, actions and clocks."""
    return describe.whole(parts().catalogue.service(code))
