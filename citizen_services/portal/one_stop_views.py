"""One stop (一站式): a page that says of a matter what each desk and register has done, and what is left to do."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from citizen_services.catalogue.counter import CounterService
from citizen_services.catalogue.registry import UnknownItem
from citizen_services.catalogue.vocabulary import ServiceItem
from citizen_services.exchange.traffic import VehicleName
from citizen_services.filling import one_stop
from citizen_services.parts import parts
from citizen_services.people import limits
from citizen_services.people.errors import TooMany
from citizen_services.portal.guards import citizen_required, current_citizen, the_citizen
from citizen_services.portal.home_views import tell_refusals
from citizen_services.rules.errors import RuleError
from citizen_services.rules.plates import PLATE_KINDS

bp = Blueprint("portal_one_stop", __name__, url_prefix="/h5/one-stop")
tell_refusals(bp)

_WORDS = {
    "done": ("已办好", "ok", "check"),
    "missing": ("还没有办", "wait", "alert-triangle"),
    "away": ("暂时查不到", "off", "help-circle"),
    "unnamed": ("写明车辆后再查", "off", "help-circle"),
    "hall": ("到场时办", "info", "building"),
    "not_yours": ("到窗口核对", "info", "building"),
}


def _service(code: str) -> ServiceItem | CounterService:
    service = parts().catalogue.service(code)
    if not service.parts:
        raise UnknownItem(code)
    return service


@bp.get("/<code>")
def page(code: str) -> ResponseReturnValue:
    """What the matter needs of whom; for whoever is known also how it stands, as far as no vehicle is to be named."""
    service = _service(code)
    if current_citizen() is None:
        return _page(service, None)
    return _page(service, one_stop.view(the_citizen(), service))


@bp.post("/<code>")
@citizen_required
def look(code: str) -> ResponseReturnValue:
    """The same with a vehicle named. A form and no link: plates and numbers stand in no address."""
    service, error = _service(code), ""
    vehicle: VehicleName | None = None
    try:
        vehicle = one_stop.typed_vehicle(request.form)
        if vehicle is None:
            error = "请选择或者填写车辆。"
        else:
            limits.reserve("name_vehicle", {"citizen": str(the_citizen().id)})
    except RuleError as fault:
        error = fault.sentence
    except TooMany as fault:
        vehicle, error = None, fault.sentence
    shown = one_stop.view(the_citizen(), service, vehicle)
    return _page(service, shown, error), 422 if error else 200


def _page(service: ServiceItem | CounterService, shown: one_stop.OneStop | None, error: str = "") -> str:
    by_vin, names = one_stop.by_vin(service), one_stop.needs_vehicle(service)
    cars = one_stop.owned(the_citizen()) if shown is not None and names and not by_vin else []
    return render_template(
        "h5/one_stop.html",
        service=service,
        rows=[_row(one) for one in shown.parts] if shown else [],
        parts=service.parts,
        ready=shown.ready if shown else None,
        known=shown is not None,
        named=shown is not None and all(one.state != "unnamed" for one in shown.parts),
        inputs=_inputs(by_vin, cars, error) if names else [],
        errors={"vehicle": [error]} if error else {},
        back=f"/h5/items/{service.code}",
    )


def _row(one: one_stop.PartShown) -> dict[str, Any]:
    words, tone, icon = _WORDS[one.state]
    return {
        "name": one.part.name,
        "words": words,
        "tone": tone,
        "icon": icon,
        "text": one.text,
        "todo": one.todo,
        "source": one.source,
        "as_of": one.as_of,
        "law": str(one.part.source),
        "state": one.state,
        "code": one.part.code,
        "optional": one.part.optional,
    }


def _inputs(by_vin: bool, cars: list[Any], error: str) -> list[dict[str, Any]]:
    errors = [error] if error else []
    shared: dict[str, Any] = {"required": True, "errors": errors}
    form = request.form
    if by_vin:
        hint = "购车发票和合格证上的17位代号"
        return [
            shared
            | {
                "name": "vin",
                "label": "车辆识别代号",
                "hint": hint,
                "kind": "text",
                "maxlength": 20,
                "value": form.get("vin", "")[:20],
            }
        ]
    if cars:
        choices = [(f"{c['plate_kind']}-{c['plate']}", c["plate"], PLATE_KINDS[c["plate_kind"]]) for c in cars]
        label = {"name": "vehicle", "label": "您名下的哪辆车", "kind": "radio", "choices": choices}
        return [shared | label | {"value": form.get("vehicle", choices[0][0] if len(choices) == 1 else "")}]
    kinds = [(code, words, "") for code, words in PLATE_KINDS.items()]
    return [
        {
            "name": "plate_kind",
            "label": "号牌种类",
            "kind": "select",
            "choices": kinds,
            "value": form.get("plate_kind", "02"),
            "required": True,
            "errors": [],
        },
        shared
        | {
            "name": "plate",
            "label": "号牌号码",
            "hint": "例如浙B12345",
            "kind": "text",
            "maxlength": 12,
            "value": form.get("plate", "")[:12],
        },
    ]
