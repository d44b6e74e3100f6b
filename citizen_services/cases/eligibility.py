"""Who may apply: the conditions of an item, tested on what we and the registers know, before anything is filled in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from citizen_services import clock
from citizen_services.catalogue import forms
from citizen_services.catalogue.vocabulary import Facts, PreCheck, ServiceItem, Verdict
from citizen_services.parts import parts
from citizen_services.people.guardians import has_guardian
from citizen_services.people.models import Citizen
from citizen_services.registers.queries import Held, homes_of, permits_in_short


@dataclass(frozen=True)
class Refusal:
    """What a page says of conditions that are not met: its heading, the sentences below, and the day, where it's time.

    ``from_day`` is there only where time alone is missing.
    """

    heading: str
    verdicts: Sequence[Verdict]
    from_day: date | None


def refusal_of(failed: Sequence[Verdict]) -> Refusal:
    """How it is said that somebody can't apply, of the verdicts that failed (one at least).

    Where the matter is over, not needed or done elsewhere, that alone is said: whoever needs no new licence is not sent
    to the doctor for one.
    """
    instead = [one for one in failed if one.instead]
    said = instead[:1] or list(failed)
    days = [one.from_day for one in said if one.from_day]
    by_time = len(days) == len(said)
    return Refusal(instead[0].instead if instead else "现在还不能申请", said, max(days) if by_time else None)


@dataclass(frozen=True)
class Judged:
    """A condition and what was found."""

    check: PreCheck
    verdict: Verdict


def facts_of(
    citizen: Citizen,
    answers: Mapping[str, Mapping[str, Any]],
    data: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    held: Held | None = None,
) -> Facts:
    """What is known of a person today.

    ``answers`` are the registers' by ``source.topic``, ``data`` what the person declares, ``held`` their registrations
    and permits with us where the caller has just read them.
    """
    settings = parts().settings
    held = held or Held(homes_of(citizen.id), permits_in_short(citizen.id))
    return Facts(
        today=clock.today(),
        birth_date=citizen.birth_date,
        hukou_code=citizen.hukou_code,
        district=settings.district,
        city_area=settings.city_area,
        data=data or {},
        guarded=has_guardian(citizen),
        answers=answers,
        registrations=[
            {"since": row.since, "until": row.until, "district": row.district, "address": row.address, "source": "ours"}
            for row in held.homes
        ],
        permits=[permit._asdict() for permit in held.permits],
    )


def judge(item: ServiceItem, facts: Facts) -> Sequence[Judged]:
    """Every condition of the item with its verdict."""
    return [Judged(check, check.test(facts)) for check in item.pre_checks]


def excused(item: ServiceItem, form: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """What a form declares of conditions that are not asked of its person: ``{group: {field: value}}``, if valid."""
    declared: dict[str, dict[str, Any]] = {}
    for check in item.pre_checks:
        if check.excuse and form.get(check.excuse[1]):
            group, name = item.group(check.excuse[0]), check.excuse[1]
            valid, _ = forms.check_group(group.schema, {name: form[name]}, partial=True)
            if name in valid:
                declared.setdefault(group.code, {})[name] = valid[name]
    return declared


def unmet(item: ServiceItem, facts: Facts) -> Sequence[Judged]:
    """The conditions that are certainly not met."""
    return [judged for judged in judge(item, facts) if not judged.verdict.met and judged.verdict.certain]
