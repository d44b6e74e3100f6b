"""Any order of time-outs, refusals, receipts, crashes, killed workers: at most one accepted, nobody forgotten.

The partners are played by a double that keeps a ledger: what it accepted is what counts as told. How often each rule
fired is printed at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import text

from citizen_services.parts import EXTENSION, Parts
from notifications import ladder
from notifications.channels.base import NotFound
from notifications.channels.sms import SmsChannel
from notifications.models import BY_HAND
from tests.notifications.conftest import Outside
from tests.notifications.double import FATES, FIRED, Double
from tests.notifications.notice_machine import INVARIANTS, NoticeMachine


@pytest.fixture
def double(app: Flask, partners: Outside) -> Iterator[Double]:
    """Partners that do as they are told."""
    played = Double()
    before: Parts = app.extensions[EXTENSION]
    app.extensions[EXTENSION] = Parts(
        settings=before.settings,
        catalogue=before.catalogue,
        redis=before.redis,
        clients={**before.clients, "wechat_api": played, "sms_aliyun": played},
    )
    yield played
    app.extensions[EXTENSION] = before


def bound(app: Flask, partners: Outside, double: Double) -> type[NoticeMachine]:
    """The machine of this test's application."""

    class Machine(NoticeMachine):
        """Bound to it."""

    Machine.app, Machine.partners, Machine.double = app, partners, double
    return Machine


def play(machine: type[NoticeMachine], **more: Any) -> None:
    """Let Hypothesis play the world."""
    quiet = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    run_state_machine_as_test(
        machine, settings=settings(stateful_step_count=20, deadline=None, suppress_health_check=quiet, **more)
    )


def go(machine: type[NoticeMachine], *acts: Callable[[NoticeMachine], None]) -> None:
    """Let a world of its own go through these acts, and see that all holds after each."""
    world = machine()
    for act in acts:
        act(world)
        for invariant_ in INVARIANTS:
            invariant_(world)
    world.teardown()


def tour(machine: type[NoticeMachine]) -> None:
    """Play the same rules by hand, so that each fate comes for certain: chance alone may leave one out."""

    for fate in sorted(FATES):
        for in_wechat in (False, True):
            go(machine, lambda world, to=in_wechat, fate=fate: world.a_telling_meets_its_fate(to, True, fate))  # type: ignore[misc]
    for delivered in (True, False):
        go(
            machine,
            lambda world: world.a_telling_meets_its_fate(True, True, "yes"),
            lambda world, came=delivered: world.a_receipt_comes(came, 0, 2),  # type: ignore[misc]
        )
    for result in ("told", "not_reached", "refused"):
        go(machine, lambda world, result=result: world.a_message_fails_and_people_go_on([result], []))  # type: ignore[misc]
        go(
            machine,
            lambda world: world.a_message_fails_and_people_go_on(["refused"], []),
            NoticeMachine.days_pass,
            lambda world, result=result: world.somebody_goes_through_a_list("visit", result),  # type: ignore[misc]
        )
    go(machine, NoticeMachine.a_receipt_comes_after_the_next_rung_was_chosen)
    go(
        machine,
        lambda world: world.aliyun_can_be_asked_or_not("away"),
        lambda world: world.a_telling_meets_its_fate(False, True, "lost answer"),
        NoticeMachine.leases_end,
        NoticeMachine.time_passes,
        lambda world: world.a_worker_runs("sms", ["yes"]),
    )


def tour_of_letters(machine: type[NoticeMachine]) -> None:
    """The same of what law wants on paper: each end of a letter beside each end of the other rungs."""
    for result in ("told", "not_reached", "refused"):
        go(
            machine,
            lambda world: world.a_letter_is_waited_for("posted", "refused"),
            lambda world: world.the_post_does_its_part("in vain", 0),
            lambda world, result=result: world.somebody_goes_through_a_list("visit", result),  # type: ignore[misc]
        )
    for what in ("signed", "in vain"):
        for called in ("told", "refused"):
            go(machine, lambda world, what=what, called=called: world.a_letter_is_waited_for(what, called))  # type: ignore[misc]
        go(
            machine,
            # It ends first, and is called afterwards; or its person heard by SMS.
            lambda world: world.somebody_is_to_be_told(False, True, True),
            lambda world, what=what: world.the_post_does_its_part(what, 0),  # type: ignore[misc]
            lambda world: world.a_worker_runs("sms", ["refused"]),
            lambda world: world.somebody_goes_through_a_list("call", "refused"),
        )
        go(
            machine,
            lambda world: world.somebody_is_to_be_told(False, True, True),
            lambda world: world.a_worker_runs("sms", ["yes"]),
            lambda world: world.a_receipt_comes(True, 0, 1),
            lambda world, what=what: world.the_post_does_its_part(what, 0),  # type: ignore[misc]
        )
        go(
            machine,
            # Nobody had the time to call.
            lambda world: world.somebody_is_to_be_told(False, True, True),
            lambda world: world.a_worker_runs("sms", ["refused"]),
            NoticeMachine.days_pass,
            lambda world, what=what: world.the_post_does_its_part(what, 0),  # type: ignore[misc]
        )
        go(
            machine,
            lambda world: world.somebody_is_to_be_told(False, False, True),
            lambda world: world.a_worker_runs("sms", ["refused"]),
            lambda world, what=what: world.the_post_does_its_part(what, 0),  # type: ignore[misc]
        )


def test_at_most_one_is_accepted_and_none_forgotten(app: Flask, partners: Outside, double: Double) -> None:
    FIRED.clear()
    machine = bound(app, partners, double)
    tour(machine)
    tour_of_letters(machine)
    wanted = {"killed", "receipt True", "receipt False", "receipt late", "passed on"}
    wanted |= {f"call: {fate}" for fate in FATES}
    wanted |= {f"letter {what}" for what in ("posted", "signed", "in vain")}
    wanted |= {f"{rung}: {result}" for rung in BY_HAND for result in ("told", "not_reached", "refused")}
    assert wanted <= set(FIRED), "a fate that never came proves nothing"
    play(machine, max_examples=40)
    print("\n".join(f"{times:5} {name}" for name, times in sorted(FIRED.items())))


def test_a_partner_that_is_sent_to_again_without_being_asked_is_noticed(
    app: Flask, partners: Outside, double: Double, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted: whatever is in doubt counts as never arrived."""
    monkeypatch.setattr(SmsChannel, "ask", lambda *_: NotFound())
    monkeypatch.setattr(SmsChannel, "ask_after_s", (30.0,))
    with pytest.raises(AssertionError):
        tour(bound(app, partners, double))


def test_a_message_that_is_given_up_without_the_next_channel_is_noticed(
    app: Flask, partners: Outside, double: Double, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted: the ladder has one step only."""
    monkeypatch.setattr(ladder, "pass_on", lambda *_: None)
    with pytest.raises(AssertionError):
        tour(bound(app, partners, double))


def test_a_call_to_somebody_who_knows_already_is_noticed(
    app: Flask, partners: Outside, double: Double, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted: what the other rungs had planned stays on their lists."""
    monkeypatch.setattr(ladder, "_NOT_NEEDED", text("SELECT :ids"))
    with pytest.raises(AssertionError):
        tour(bound(app, partners, double))


@pytest.mark.parametrize("door", ["_letter_under_way", "_climbs_below"])
def test_a_letter_that_nobody_stops_waiting_for_is_noticed(
    app: Flask, partners: Outside, double: Double, monkeypatch: pytest.MonkeyPatch, door: str
) -> None:
    """Planted: after a call in vain, or a letter in vain, the other one is waited for whatever became of it."""
    monkeypatch.setattr(ladder, door, lambda _: True)
    with pytest.raises(AssertionError):
        tour_of_letters(bound(app, partners, double))


def test_a_letter_that_is_called_back_since_its_person_knows_is_noticed(
    app: Flask, partners: Outside, double: Double, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted: what law wants on paper is cancelled like any other try."""
    every = ladder._NOT_NEEDED.text.replace(" AND channel <> 'letter'", "")
    monkeypatch.setattr(ladder, "_NOT_NEEDED", text(every))
    with pytest.raises(AssertionError):
        tour_of_letters(bound(app, partners, double))
