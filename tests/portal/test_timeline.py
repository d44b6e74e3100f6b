"""The road that a case has ahead, as guides and progress show it."""

from __future__ import annotations

import workflows
from citizen_services.portal import timeline


def test_no_road_ahead_leads_over_an_unpaid_fee_or_the_counter() -> None:
    for item in workflows.declared():
        submit = item.step(None, "submit")
        assert submit is not None
        for state in {submit.end, "paying"} & {one.code for one in item.states}:
            road = [step.action for step in timeline.road_ahead(item, state)]
            assert not {"lapse", "require_presence"} & set(road), (item.code, road)
        assert timeline.good_end(item) == "completed", item.code
