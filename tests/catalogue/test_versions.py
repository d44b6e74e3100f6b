"""Versions: what was released never changes, cases stay on theirs, and one that only adds serves those before."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import workflows
from citizen_services.catalogue import By, InvalidDeclaration, Period, ServiceItem, State, Step, UnknownItem
from citizen_services.catalogue.describe import golden
from tests.catalogue.test_declarations import PERMIT, accept_notice, catalogue, with_notice, with_step
from workflows.earlier import before

GOLDEN = Path(__file__).parent / "golden"
VERSIONS = {f"{item.code}.v{item.version}": item for item in workflows.declared()}
#: What each released golden file is, as `sha256sum` writes it.
RELEASED = GOLDEN / "released.sha256"


def test_a_case_stays_on_its_version_and_new_ones_get_the_newest() -> None:
    both = catalogue(*three("居住证首次申领（新）"))
    assert both.item("residence-permit-first").version == 7
    assert both.item("residence-permit-first").name == "居住证首次申领（新）"
    assert both.item("residence-permit-first", 5).version == 5
    assert [item.version for item in both.items()] == [7]
    assert [item.version for item in both.every()] == [5, 6, 7]
    with pytest.raises(UnknownItem):
        both.item("residence-permit-first", 8)


def test_an_earlier_version_is_made_of_the_present_one_by_undoing_what_changed() -> None:
    added = Step("accepted", "pause", "paused", By.staff("clerk"), "暂停", "已暂停")
    pause = State("paused", "待受理", "请稍候。", final=True)
    present = replace(PERMIT, version=6, steps=(added, *PERMIT.steps), states=(*PERMIT.states, pause), continues=(5,))
    undone = before(present, 5, steps={("accepted", "pause")}, states={"paused"})
    assert undone == replace(PERMIT, version=5, continues=())
    assert before(present, 5, name="别名").name == "别名"
    with pytest.raises(ValueError, match="has no"):
        before(present, 5, steps={("accepted", "sleep")})


def three(name: str = PERMIT.name, **changes: Any) -> list[ServiceItem]:
    """The permit as version 5, 6 and 7, of which the last is changed."""
    alone = replace(PERMIT, version=5, continues=())
    return [alone, replace(alone, version=6), replace(alone, version=7, name=name, **changes)]


def test_a_version_that_only_adds_serves_the_cases_of_those_that_it_continues() -> None:
    five, six, seven = three()
    pause = State("paused", "待受理", "请稍候。", desk="own")
    added = (
        Step("accepted", "pause", "paused", By.staff("clerk"), "暂停", "已暂停"),
        Step("paused", "resume", "accepted", By.staff("clerk"), "继续", "已继续"),
    )
    six = replace(six, states=(pause, *six.states), steps=(*added[:1], *six.steps, *added[1:]), continues=(5,))
    seven = replace(six, version=7, guide=replace(six.guide, summary="写得更清楚。"), continues=(6,))
    known = catalogue(five, six, seven)
    assert {known.item("residence-permit-first", version).version for version in (5, 6, 7)} == {7}
    assert known.item("residence-permit-first", 5).step("accepted", "pause") is not None
    assert known.versions() == {("residence-permit-first", version) for version in (5, 6, 7)}


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"steps": with_step("approve", label="同意").steps}, "continues 5, but changes steps: approve from accepted"),
        ({"clocks": replace(PERMIT.clocks, promised=Period(1, "working"))}, "continues 5, but changes clocks"),
        ({"documents": (*PERMIT.documents[1:],)}, "continues 5, but changes documents: voucher"),
        ({"groups": PERMIT.groups[::-1]}, "continues 5, but changes groups"),
        ({"continues": (8,)}, "continues 8, which is no earlier version"),
        ({"continues": (4,)}, "continues 4, which is no earlier version"),
    ],
)
def test_a_version_that_takes_something_away_continues_none(changes: dict[str, Any], fault: str) -> None:
    five, _, seven = three(**{"continues": (5,)} | changes)
    with pytest.raises(InvalidDeclaration) as caught:
        catalogue(five, seven)
    assert any(fault in found for found in caught.value.faults), caught.value.faults


def test_one_key_of_a_template_has_one_text_in_all_versions() -> None:
    other = replace(accept_notice().sms_template, text="您申请的{item}（{number}）受理了，{due}前办结。")
    five, _, seven = three(steps=with_notice(sms_template=other).steps)
    with pytest.raises(InvalidDeclaration, match="version 7 has another text under the key case_accepted"):
        catalogue(five, seven)


@pytest.mark.parametrize("name", VERSIONS)
def test_a_released_version_does_not_change(name: str) -> None:
    kept = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    assert golden(VERSIONS[name]) == kept, (
        f"{name} is not what its golden file says: raise the version, or, where it was never released, "
        "write it anew with `python -m tests.catalogue.write_golden` (docs/versions.md)"
    )


def released() -> dict[str, str]:
    """The digest of each released golden file by its name."""
    lines = RELEASED.read_text(encoding="utf-8").splitlines()
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def test_the_golden_file_of_a_released_version_is_written_once() -> None:
    found = {name: hashlib.sha256((GOLDEN / name).read_bytes()).hexdigest() for name in released()}
    assert found == released()
    assert {path.name for path in GOLDEN.glob("*.json")} == {f"{name}.json" for name in VERSIONS}


def test_a_changed_promise_is_seen_and_what_the_vocabulary_gained_since_is_not() -> None:
    first = next(item for name, item in VERSIONS.items() if name == "residence-permit-first.v1")
    kept = json.loads((GOLDEN / "residence-permit-first.v1.json").read_text(encoding="utf-8"))
    assert golden(replace(first, clocks=replace(first.clocks, promised=Period(3, "working")))) != kept
    assert "continues" not in kept
    assert golden(replace(first, continues=(1,)))["continues"] == [1]
