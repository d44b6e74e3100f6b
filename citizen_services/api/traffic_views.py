"""Vehicles and driving licences: what other desks have done for a matter, and reminders before something runs out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from citizen_services.api import traffic_schemas as shapes
from citizen_services.api.callers import the_citizen
from citizen_services.api.once import do
from citizen_services.api.operation import blueprint, operation
from citizen_services.api.problems import Problem
from citizen_services.cases.once import note
from citizen_services.catalogue.registry import UnknownItem
from citizen_services.database.idempotency import Once
from citizen_services.filling import one_stop
from citizen_services.parts import parts
from citizen_services.people import limits, watches
from citizen_services.people.errors import TooMany
from citizen_services.people.watches import TooManyWatches, Wish
from citizen_services.registers.watch_models import Watch
from citizen_services.rules.errors import RuleError
from citizen_services.rules.plates import parse_plate

bp = blueprint("traffic", "", "车辆和驾驶证")


@bp.post("/one-stop")
@operation(
    bp, "各部门的事办好了没有", shapes.OneStopSchema, body=shapes.AskOneStopSchema, once=True, who=("citizen",),
    problems=(404,),
)  # fmt: skip
def ask_one_stop(body: Mapping[str, Any]) -> Any:
    """Each partner's part of a service as it stands; a POST, since plates and numbers stand in no address."""
    citizen = the_citizen()
    service = parts().catalogue.service(body["service"])
    if not service.parts:
        raise UnknownItem(body["service"])
    vehicle = None
    if body["vehicle"] is not None:
        try:
            limits.reserve("name_vehicle", {"citizen": str(citizen.id)})
            vehicle = one_stop.typed_vehicle(body["vehicle"])
        except RuleError as fault:
            raise _invalid("vehicle", fault.sentence) from None
        except TooMany as fault:
            raise Problem("too-many-requests", 429, "Too many requests", fault.sentence) from None
    shown = one_stop.view(citizen, service, vehicle)
    told = {
        "service": service.code,
        "ready": shown.ready,
        "parts": [
            {
                "code": one.part.code,
                "name": one.part.name,
                "state": one.state,
                "text": one.text,
                "todo": one.todo,
                "desk": one.desk,
                "optional": one.part.optional,
                "source": one.source,
                "as_of": one.as_of.isoformat() if one.as_of else None,
            }
            for one in shown.parts
        ],
    }
    return do(dict(body), lambda once: note(once, told))


@bp.get("/watches")
@operation(bp, "到期提醒", shapes.WatchesPage, who=("citizen",))
def mine() -> dict[str, Any]:
    """What one is reminded of."""
    return {"items": [_row(watch) for watch in watches.current(the_citizen().id)], "next": None}


@bp.post("/watches")
@operation(
    bp, "设一项到期提醒", shapes.WatchAskedSchema, status=201, body=shapes.AskWatchSchema, once=True, who=("citizen",)
)
def ask(body: Mapping[str, Any]) -> Any:
    """Be reminded before something runs out; asked for once more it is the same reminder."""
    citizen_id = the_citizen().id
    try:
        plate = parse_plate(body["plate_kind"], body["plate"]) if body["kind"] == "inspection" else None
    except RuleError as fault:
        raise _invalid("plate", fault.sentence) from None

    def act(once: Once) -> Any:
        try:
            return note(once, {"id": str(watches.ask(citizen_id, Wish(body["kind"], plate)))})
        except TooManyWatches as fault:
            raise _invalid("kind", fault.sentence) from None

    return do(dict(body), act)


@bp.post("/watches/<uuid:watch_id>/stop")
@operation(bp, "停止一项到期提醒", shapes.WatchStoppedSchema, once=True, who=("citizen",))
def stop(watch_id: UUID) -> Any:
    """No more of it; what is not there, or was stopped before, stays so."""
    citizen_id = the_citizen().id
    return do({}, lambda once: note(once, {"id": str(watch_id), "stopped": watches.stop(citizen_id, watch_id)}))


def _row(watch: Watch) -> dict[str, Any]:
    return {
        "id": watch.id,
        "kind": watch.kind,
        "plate": watch.plate or None,
        "until": watch.until,
        "checked_at": watch.checked_at,
        "told": watch.until is not None and watch.told_until == watch.until,
    }


def _invalid(field: str, sentence: str) -> Problem:
    return Problem("invalid", 422, "Invalid", sentence, errors={field: [sentence]})
