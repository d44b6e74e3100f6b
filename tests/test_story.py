"""The story: a migrant worker's residence permit, from WeChat to the courier's signature, without a trip."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from citizen_services import journey
from tests.house import House


def journey_of(live: House, seed: int) -> journey.Journey:
    """A journey that the test walks step by step."""
    staff = json.loads((live.folder / "staff.json").read_text())
    return journey.Journey(live.web_url, live.sandbox_url, {"staff": staff}, seed, lambda step: None)


def walk(live: House, seed: int) -> tuple[int, Path]:
    """Walk the journey against the running installation, as its command does."""
    run_file = live.folder / "run.json"
    staff = json.loads((live.folder / "staff.json").read_text())
    run_file.write_text(json.dumps({"web_url": live.web_url, "sandbox_url": live.sandbox_url, "staff": staff}))
    return journey.run(None, None, run_file, seed, as_json=True), run_file


@pytest.mark.parametrize("seed", [1, 20261109])
def test_migrant_worker_gets_permit_without_a_trip(live: House, seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    status, _ = walk(live, seed)
    said = capsys.readouterr()
    assert status == 0, said.err
    document: Mapping[str, Any] = json.loads(said.out)
    assert document["ok"]
    assert [step["name"] for step in document["steps"]][-1] == "sign"


def test_the_journey_names_the_step_at_which_a_party_sees_something_else(
    live: House, capsys: pytest.CaptureFixture[str]
) -> None:
    live.control("PUT", "faults/population", {"mode": "http_500"})
    try:
        status, _ = walk(live, 7)
    finally:
        live.control("PUT", "faults/population", {"mode": "none"})
    said = capsys.readouterr()
    assert status == 1
    assert json.loads(said.out)["broken"]
    assert "✗ after" in said.err


HALF_YEAR_S = 190 * 86_400
#: Invented, since the State Council has not published it yet: only its shape is real.
CALENDAR_2027 = {
    "year": 2027,
    "source": "为测试虚构",
    "invented": True,
    "holidays": [
        {"name": "元旦", "from": "2027-01-01", "to": "2027-01-03"},
        {"name": "劳动节", "from": "2027-05-01", "to": "2027-05-05"},
        {"name": "国庆节", "from": "2027-10-01", "to": "2027-10-07"},
    ],
    "workdays": [],
}


def app_py(live: House, *arguments: str) -> Any:
    """Run a command of the installation and return the JSON that it prints."""
    process = live.run("command", *arguments, "--json")
    assert process.popen.wait(timeout=60) == 0, process.log.read_text()[-2000:]
    text = process.log.read_text()
    process.log.unlink()
    return json.loads(text[text.index("{") :])


def test_somebody_registered_today_gets_the_permit_when_half_a_year_has_passed(live: House) -> None:
    walk = journey_of(live, 11)
    walk.world(registered_before=False)
    walk.follows_and_comes_in()
    walk.binds()
    walk.registers_the_address()
    page = walk.phone.open(f"/h5/items/{journey.PERMIT}")
    # Registered on 9 November 2026: the half year ends with 9 May 2027.
    assert "2027年5月10日" in page.text
    assert "start" not in [form.action for form in page.forms]
    moved = app_py(live, "clock", "--shift", str(HALF_YEAR_S))
    assert moved["now"].startswith("2027-05-18")
    assert moved["shift_s"] == HALF_YEAR_S
    walk.applies()
    case = walk.phone.open(f"/h5/cases/{walk.identifiers['case_id']}")
    # Nobody knows 2027's holidays yet: the dates that bind us are shown as provisional.
    assert "暂定" in case.text
    walk.is_accepted_and_approved()
    walk.card_is_made_and_posted()
    walk.signs_for_it()
    assert app_py(live, "audit", "verify")["ok"]


def test_dates_are_recomputed_when_the_calendar_of_the_next_year_is_published(live: House, tmp_path: Path) -> None:
    walk = journey_of(live, 12)
    walk.world()
    walk.follows_and_comes_in()
    walk.binds()
    app_py(live, "clock", "--shift", str(70 * 86_400))
    walk.registers_the_address()
    walk.applies()
    address = f"/h5/cases/{walk.identifiers['case_id']}"
    assert "暂定" in walk.phone.open(address).text
    file = tmp_path / "2027.json"
    file.write_text(json.dumps(CALENDAR_2027))
    loaded = app_py(live, "calendar", "load", str(file))
    assert loaded["year"] == 2027
    assert loaded["recomputed"] == 1
    assert "暂定" not in walk.phone.open(address).text
