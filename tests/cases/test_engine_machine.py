"""Any order of acts by anybody, with right and wrong versions and data: no invariant of a case breaks.

``-s`` prints how often each action fired; one that never did fails the test, since it proves nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import text

from citizen_services import clock
from citizen_services.cases import chain, clocks, operations, permission
from citizen_services.cases.models import Case
from citizen_services.catalogue.vocabulary import By
from citizen_services.database import db
from citizen_services.parts import parts
from citizen_services.people.actors import Actor
from tests.cases import engine_world as world
from tests.cases.engine_machine import EngineMachine, all_actions, play, tour
from tests.cases.engine_world import FIRED, LEFT_OUT, PLAYED


@pytest.fixture(autouse=True)
def _clock() -> Iterator[None]:
    before = clock._clock
    yield
    clock.use(before)


def test_no_order_of_acts_by_anybody_breaks_an_invariant(app: Flask) -> None:
    FIRED.clear()
    began, worked = time.monotonic(), time.process_time()
    tour()
    after = time.monotonic()
    play(max_examples=15)
    print(f"\n{after - began:.0f} s by hand, {time.monotonic() - after:.0f} s by chance")
    print(f"{time.process_time() - worked:.0f} s of work")
    print("\n".join(f"{times:6} {name}" for name, times in sorted(FIRED.items())))
    declared = {item.code for item in parts().catalogue.items()}
    assert sorted([*PLAYED, *LEFT_OUT]) == sorted(declared), "say in PLAYED how it is applied for, or why not"
    assert all(LEFT_OUT.values())
    never = set(all_actions()) - set(FIRED)
    assert not never, f"an action that never fired proves nothing: {sorted(never)}"


# --- Planted faults: what the machine must notice -----------------------------------------------------------------


def _nobody_remembers_who_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    real = permission.refusal
    monkeypatch.setattr(permission, "refusal", lambda *args, **more: real(*args, **more | {"did_before": frozenset()}))


def _clocks_run_on_while_a_person_mends(monkeypatch: pytest.MonkeyPatch) -> None:
    real = clocks.next_due
    monkeypatch.setattr(clocks, "next_due", lambda state, dates: real(state, dates) or dates.get("first_answer_due"))


def _events_stand_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    real = operations._Act._record

    def record(act: Any, *args: Any) -> None:
        act.head = chain.START
        real(act, *args)

    monkeypatch.setattr(operations._Act, "_record", record)


def _auxiliaries_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    real = permission.refusal

    def refusal(by: By, actor: Actor, **more: Any) -> str | None:
        return real(replace(by, standings=frozenset({"officer", "auxiliary", "civilian"})), actor, **more)

    monkeypatch.setattr(permission, "refusal", refusal)


def _the_version_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    real = operations.perform

    def perform(catalogue: Any, case_id: UUID, action: str, actor: Actor, version: Any, *args: Any, **more: Any) -> Any:
        return real(catalogue, case_id, action, actor, db.session.get_one(Case, case_id).version, *args, **more)

    monkeypatch.setattr(operations, "perform", perform)


def _a_refused_act_leaves_something(monkeypatch: pytest.MonkeyPatch) -> None:
    real = permission.refusal

    def refusal(*args: Any, **more: Any) -> str | None:
        why = real(*args, **more)
        if why and "岗位" in why:
            db.session.execute(text("UPDATE office SET phone = phone || '1' WHERE code = '330213000000'"))
            db.session.commit()
        return why

    monkeypatch.setattr(permission, "refusal", refusal)


@pytest.mark.parametrize(
    "plant",
    [
        _nobody_remembers_who_accepted,
        _clocks_run_on_while_a_person_mends,
        _events_stand_alone,
        _auxiliaries_decide,
        _the_version_is_not_looked_at,
        _a_refused_act_leaves_something,
    ],
    ids=lambda plant: plant.__name__.strip("_"),
)
def test_the_machine_notices(
    app: Flask, plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    FIRED.clear()
    by_hand()
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        by_hand()


#: Acts in order: by whom, on which version, given what.
BY_HAND: tuple[tuple[str, str, int, dict[str, Any]], ...] = (
    ("claim", "yl-clerk", -1, {}),
    ("accept", "fw-supervisor", 0, {}),
    ("decline", "yl-auxiliary", 0, world.REASONS),
    ("request_correction", "yl-clerk", 0, {"items": [{"code": "delivery.postal_address", "why": "请写明房间号"}]}),
    ("answer_correction", "applicant", 0, {"answers": {"delivery": {"postal_address": "金钟路18号9幢101室"}}}),
    ("accept", "yl-both", 0, {}),
    ("approve", "yl-both", 0, {}),
)


def by_hand() -> None:
    """The machine's own rules in an order in which each of the faults planted here would show."""
    machine = EngineMachine()
    machine.the_district_opens(items=["residence-permit-first"], ways=[])
    for action, login, version, data in BY_HAND:
        case, _ = machine._case(0)
        machine._press(case, action, machine._actor(login, case), case.version + version, data, again=False)
        machine.every_case_is_what_its_record_says()
    machine.teardown()
