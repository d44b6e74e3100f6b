"""The guide of a service item, the pre-check before anything is filled in, and the beginning of an application."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from citizen_services.cases import drafts, eligibility, handing_over, opening, standing
from citizen_services.cases.errors import NoSuchCase, NotEligible
from citizen_services.cases.standing import Standing
from citizen_services.catalogue.counter import PARTNER_DESKS, CounterService
from citizen_services.catalogue.vocabulary import ServiceItem
from citizen_services.fees import postage, tariff
from citizen_services.filling import beginning, fields, registers
from citizen_services.filling.posted import Posted
from citizen_services.parts import parts
from citizen_services.people.models import Citizen
from citizen_services.people.queries import office, offices
from citizen_services.portal import render
from citizen_services.portal.acting import named, place_for
from citizen_services.portal.guards import citizen_required, current_citizen, the_citizen
from citizen_services.portal.home_views import draft_card, tell_refusals
from citizen_services.security import new_token
from citizen_services.windows import slots
from citizen_services.windows.hours import hours_of_service

bp = Blueprint("portal_items", __name__, url_prefix="/h5/items")
tell_refusals(bp)


@bp.get("/<code>")
def guide(code: str) -> ResponseReturnValue:
    """The guide, for everybody; with the pre-check's results for whoever is known."""
    service = parts().catalogue.service(code)
    if isinstance(service, CounterService):
        return _counter_page(service)
    item = service
    if current_citizen() is None:
        return _page(item, None, None)
    citizen = _applicant(item).principal
    answers = registers.ask(citizen, item.suppliers())
    return _page(item, citizen, _judged(citizen, item, answers))


def _counter_page(service: CounterService) -> str:
    """The guide of what is done at a window only: what to bring, who must come, how long it takes."""
    return render_template(
        "h5/counter_service.html",
        service=service,
        desks=[PARTNER_DESKS[desk] for desk in service.desks],
        opening=_hours(service.code),
        bookable=bool(slots.groups_of(service.code)),
        back="/h5/",
        live=True,
    )


def _halls(code: str) -> list[str]:
    """The offices whose windows do a service; none for what is done at the station of one's address."""
    return list(dict.fromkeys(group.office_code for group in slots.groups_of(code)))


def _hours(code: str) -> list[opening.Hours]:
    """When those are open who do a service: nobody is sent to a hall that does others."""
    if _halls(code):
        return hours_of_service(code)
    there = _traffic_offices()
    return opening.hours_of(there if _by_the_platform(code) else [one for one in offices() if one not in there])


def _own(code: str) -> str:
    """Who works on a service's cases, as citizens say it."""
    places = _halls(code) or (_traffic_offices() if _by_the_platform(code) else [])
    return "、".join(office(place).name for place in places) or "居住地派出所"


def _traffic_offices() -> list[str]:
    return [one.code for one in offices().values() if one.kind == "traffic"]


def _by_the_platform(code: str) -> bool:
    """Whether the national platform decides it: a traffic office's matter, whatever windows are laid out there."""
    service = parts().catalogue.service(code)
    return isinstance(service, ServiceItem) and handing_over.decided_there(service)


def _applicant(item: ServiceItem) -> Standing:
    """For whom the item is begun here; NoSuchCase where the visitor may not begin it for them."""
    by = named()
    if by is None:
        return standing.of(the_citizen(), the_citizen().id)
    if item not in standing.items_by(by):
        raise NoSuchCase("没有可以替这个人办理这个事项的委托。")
    return by


def _judged(citizen: Citizen, item: ServiceItem, answers: registers.Answers) -> Any:
    """The conditions on what registers say, and on what the person declared in a draft."""
    draft = drafts.open_draft(citizen.id, item.code)
    return eligibility.judge(item, eligibility.facts_of(citizen, answers, draft.data if draft else None))


@bp.post("/<code>")
@citizen_required
def start(code: str) -> ResponseReturnValue:
    """Begin an application, or go on with the one begun earlier."""
    item = parts().catalogue.item(code)
    by, posted = _applicant(item), Posted.read()
    citizen = by.principal
    try:
        draft_id = beginning.begin(place_for(by), citizen, item, posted)
    except NotEligible:
        answers = registers.ask(citizen, item.suppliers())
        return _page(item, citizen, _judged(citizen, item, answers)), 422
    return redirect(url_for("portal_drafts.show", draft_id=draft_id), 303)


def _excuses(item: ServiceItem, failed: Any) -> list[dict[str, Any]]:
    """What may be declared where a condition is not met, as inputs; nothing where another one can't be excused."""
    excuses = [one.check.excuse for one in failed]
    if not all(excuses):
        return []
    return [f for group, name in excuses for f in fields.fields_of(item.group(group), {}, {}) if f["name"] == name]


def _page(item: ServiceItem, citizen: Citizen | None, judged: Any) -> str:
    failed = [one for one in judged or () if not one.verdict.met and one.verdict.certain]
    draft = drafts.open_draft(citizen.id, item.code) if citizen else None
    return render_template(
        "h5/item.html",
        item=item,
        fee_words=tariff.words(item),
        priced=bool(tariff.lines(item)),
        postage=postage.words() if any(group.code == "delivery" for group in item.groups) else "",
        citizen=citizen,
        conditions=fields.conditions_of(item, judged),
        judged=judged is not None,
        refusal=eligibility.refusal_of([one.verdict for one in failed]) if failed else None,
        excuses=_excuses(item, failed),
        materials=render.materials_of(item),
        steps=render.steps_of(item, _own(item.code)),
        periods=render.periods_of(item),
        visits=render.visits_of(item),
        purposes=render.purposes_of(item, _own(item.code)),
        opening=_hours(item.code),
        draft=draft_card(draft) if draft else None,
        running=beginning.running(citizen, item) if citizen else None,
        form_token=new_token(16),
        acting=g.get("acting_for"),
        back=url_for("portal_for.person", principal_id=citizen.id) if citizen and g.get("acting_for") else "/h5/",
        live=True,
    )
