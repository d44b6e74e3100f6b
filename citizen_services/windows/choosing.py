"""What a page of choosing shows, at every door that has pages: the days with free places, the slots of one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from citizen_services import clock
from citizen_services.catalogue import CounterService
from citizen_services.catalogue.vocabulary import ServiceItem
from citizen_services.people.queries import office
from citizen_services.rules.dates import chinese_day, local_date
from citizen_services.windows import slots
from citizen_services.windows.slots import times
from citizen_services.windows.subjects import Subject, about_a_vehicle, subject_of

#: How far ahead days are shown.
_AHEAD = timedelta(days=30)


def choice_of(service: str, where: str, day: date | None) -> Mapping[str, Any]:
    """What a page of choosing shows: the days with free places, and the slots of one of them.

    ``{days: [{day, words, free, chosen}], slots: [(id, words, how many are left)], chosen}``.
    """
    today = clock.today()
    free: list[slots.Free] = []
    after = None
    while True:
        page = slots.free_slots(service, where, today, today + _AHEAD, limit=slots.MOST, after=after)
        free += page.items
        if (after := page.after) is None:
            break
    by_day: dict[date, list[slots.Free]] = {}
    for one in free:
        by_day.setdefault(local_date(one.start), []).append(one)
    chosen = day if day in by_day else next(iter(by_day), None)
    return {
        "days": [
            {"day": d, "words": chinese_day(d), "free": sum(one.free for one in some), "chosen": d == chosen}
            for d, some in by_day.items()
        ],
        "slots": [(str(one.slot_id), times(one.start, one.end), f"余 {one.free}") for one in by_day.get(chosen, ())]
        if chosen
        else [],
        "chosen": chosen,
    }


def offices_of(service: str) -> Sequence[tuple[str, str, str]]:
    """The offices whose windows do a service: ``(code, name, address)``."""
    codes = dict.fromkeys(group.office_code for group in slots.groups_of(service))
    return [(code, office(code).name, office(code).address) for code in codes]


def day_named(text: str) -> date | None:
    """The day that an address or a form names; None where it names none."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def subject_named(citizen_id: UUID, service: ServiceItem | CounterService, form: Mapping[str, str]) -> Subject:
    """The subject of a form: a plate where the service is about a vehicle and one was given. Raises NotYours."""
    if about_a_vehicle(service) and (form.get("plate", "").strip() or not form.get("no_plate")):
        return subject_of(citizen_id, "vehicle", form.get("plate_kind", ""), form.get("plate", ""))
    return subject_of(citizen_id, "person")
