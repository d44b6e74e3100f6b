"""Who may have a residence permit, and from which day."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citizen_services.catalogue import Facts, Verdict
from citizen_services.rules.dates import half_year_after
from workflows.permit_grounds import continuous_since
from workflows.residence_permit import ITEM

TODAY = date(2026, 11, 25)
EMPLOYMENT = {"employer": "宏达机械厂", "credit_code": "", "since": "2025-01-01", "until": None}
EMPLOYED = {"outcome": "found", "content": EMPLOYMENT}


def facts(*spans: tuple[date, date | None], **changes: Any) -> Facts:
    """A migrant worker registered with us for these spans."""
    rows = [{"since": since, "until": until, "district": "330213", "address": ""} for since, until in spans]
    given = Facts(
        today=TODAY,
        birth_date=date(1994, 5, 23),
        hukou_code="522601",
        district="330213",
        answers={"social_insurance.employment": EMPLOYED, "migrants.history": {"outcome": "none", "content": None}},
        registrations=rows,
    )
    return replace(given, **changes)


def verdict(check: str, of: Facts) -> Verdict:
    return next(c.test for c in ITEM.pre_checks if c.code == check)(of)


def history(**content: Any) -> dict[str, Any]:
    return {
        "social_insurance.employment": EMPLOYED,
        "migrants.history": {"outcome": "found", "content": {"registrations": [], "permits": [], **content}},
    }


@pytest.mark.parametrize(
    ("today", "met"),
    [
        (date(2026, 11, 23), False),  # the half year ends at 24:00 of this day
        (date(2026, 11, 24), True),  # the first day on which one may apply
    ],
)
def test_registered_on_the_23rd_of_may_one_may_apply_from_the_24th_of_november(today: date, met: bool) -> None:
    found = verdict("half_year", facts((date(2026, 5, 23), None), today=today))
    assert found.met is met
    if not met:
        assert found.from_day == date(2026, 11, 24)
        assert "2026年11月24日" in found.todo


def test_an_earlier_registration_elsewhere_in_the_province_counts() -> None:
    earlier = [{"address": "杭州", "district": "330105", "since": "2025-09-01", "until": "2026-11-01"}]
    alone = facts((date(2026, 11, 5), None))
    assert not verdict("half_year", alone).met
    assert verdict("half_year", replace(alone, answers=history(registrations=earlier))).met


@pytest.mark.parametrize(
    ("gap", "kept"),
    [(0, True), (10, True), (11, False)],  # art 13 gives ten days to declare the new address
)
def test_the_half_year_survives_ten_days_between_two_addresses(gap: int, kept: bool) -> None:
    moved = date(2026, 9, 1)
    found = continuous_since(facts((date(2026, 1, 1), moved), (moved + timedelta(days=gap), None)))
    assert found == (date(2026, 1, 1) if kept else moved + timedelta(days=gap))


def test_whoever_left_longer_than_ten_days_ago_is_registered_no_more() -> None:
    assert continuous_since(facts((date(2026, 1, 1), TODAY - timedelta(days=10)))) == date(2026, 1, 1)
    assert continuous_since(facts((date(2026, 1, 1), TODAY - timedelta(days=11)))) is None


@pytest.mark.parametrize(
    ("hukou", "met"),
    [
        ("522601", True),  # another province
        ("330281", True),  # 余姚: Ningbo's, but a city of its own
        ("330212", False),  # 鄞州: the same 市区
        ("330213", False),  # 奉化 itself
    ],
)
def test_people_of_ningbos_own_districts_need_no_permit(hukou: str, met: bool) -> None:
    assert verdict("migrant", facts(hukou_code=hukou)).met is met


def test_who_has_a_permit_of_ningbos_districts_needs_no_second_one() -> None:
    permit = {"number": "3302120001", "issued": "2025-12-01", "district": "330212", "state": "valid"}
    assert not verdict("no_permit", facts(answers=history(permits=[permit]))).met
    assert verdict("no_permit", facts(answers=history(permits=[permit | {"district": "330281"}]))).met
    assert verdict("no_permit", facts(answers=history(permits=[permit | {"state": "cancelled"}]))).met


def test_employment_that_ended_is_none_and_a_register_that_is_silent_or_away_stops_nobody() -> None:
    assert verdict("employed", facts()) == Verdict(True)
    ended = {"outcome": "found", "content": EMPLOYMENT | {"until": "2026-10-31"}}
    for answer in (ended, {"outcome": "none", "content": None}, {"outcome": "unavailable", "content": None}):
        found = verdict("employed", facts(answers={"social_insurance.employment": answer}))
        assert (found.met, found.certain) == (False, False)
        assert "查不到也可以申请：请在申请中上传劳动合同等证明" in found.why


@given(st.lists(st.tuples(st.integers(0, 900), st.integers(1, 300)), min_size=1, max_size=6))
def test_more_registrations_never_shorten_the_time(spans: list[tuple[int, int]]) -> None:
    days = [
        (TODAY - timedelta(days=start), min(TODAY, TODAY - timedelta(days=start) + timedelta(days=length)))
        for start, length in spans
    ]
    current = (TODAY - timedelta(days=3), None)
    alone = continuous_since(facts(current))
    together = continuous_since(facts(*days, current))
    assert together is not None
    assert alone is not None
    assert together <= alone


@given(st.dates(date(2020, 1, 1), date(2030, 12, 31)))
def test_the_day_told_is_the_first_on_which_it_is_met(since: date) -> None:
    day = half_year_after(since)
    for today, met in ((day - timedelta(days=1), False), (day, True)):
        assert verdict("half_year", facts((since, None), today=today)).met is met
