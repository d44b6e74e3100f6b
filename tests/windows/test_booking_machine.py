"""Any order of choosing, confirming, moving, giving up, waiting, closing and letting time pass: places stay counted.

What must occur is driven by hand first (``tour``); chance then looks for orders that nobody thought of.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from hypothesis.stateful import run_state_machine_as_test as run
from sqlalchemy import func, select, text, update

from citizen_services import clock
from citizen_services.database import Change, commit, db, new_id
from citizen_services.database.base import rollback
from citizen_services.database.idempotency import Once
from citizen_services.people.models import Citizen
from citizen_services.windows import appointments, coming, holds, waiting
from citizen_services.windows.booking_models import Appointment, Hold, WaitingEntry
from citizen_services.windows.errors import BookingError
from citizen_services.windows.models import Slot
from citizen_services.windows.subjects import subject_of
from tests import factories
from tests.cases import engine_world as world
from tests.windows import hall

FIRED: Counter[str] = Counter()
#: What every play must have seen, by hand at least.
OCCURS = (
    "held", "refused held", "booked", "refused booked", "released", "ran out", "moved", "refused moved", "cancelled",
    "waited", "offered", "accepted", "passed", "closed", "no show",
)  # fmt: skip
_PEOPLE, _SLOTS = 4, 3
_who, _which = st.integers(0, _PEOPLE - 1), st.integers(0, _SLOTS - 1)


class BookingMachine(RuleBasedStateMachine):
    """Four people want three slots of one or two places each."""

    def __init__(self) -> None:
        super().__init__()
        self.hands: Any = None

    @initialize()
    def the_hall_opens(self) -> None:
        """Everything is empty and open."""
        rollback()
        world.empty()
        self.hands = world.Hands()
        clock.use(self.hands)
        self.people: list[Citizen] = [factories.citizen(f"王{name}") for name in "一二三四"]
        self.day = clock.today() + timedelta(days=3)
        times = ((9, 1), (10, 2), (11, 1))
        self.slots: list[UUID] = [hall.slot(places, day=self.day, at=hall.time(hour)) for hour, places in times]
        self.holds: dict[int, UUID] = {}

    # --- what happens

    def _try(self, name: str, act: Callable[[], Any]) -> Any:
        try:
            done = act()
            commit()
        except BookingError:
            rollback()
            FIRED[f"refused {name}"] += 1
            return None
        FIRED[name] += 1
        return done

    def _once(self, who: int) -> Once:
        return Once.of(f"citizen:{self.people[who].id}", "test", str(new_id()), {})

    @rule(who=_who, which=_which)
    def hold(self, who: int, which: int) -> None:
        """Somebody chooses a slot."""
        person = self.people[who]
        once, subject = self._once(who), subject_of(person.id, "person")
        done = self._try("held", lambda: holds.take(once, person.id, self.slots[which], hall.SERVICE, subject))
        if done is not None:
            self.holds[who] = UUID(done["hold_id"])

    @rule(who=_who)
    def book(self, who: int) -> None:
        """Somebody confirms what they chose last, however it stands."""
        if who in self.holds:
            self._try("booked", lambda: appointments.book(self._once(who), self.people[who].id, self.holds[who], "h5"))

    @rule(who=_who)
    def release(self, who: int) -> None:
        """Somebody gives a chosen slot back."""
        if who in self.holds:
            self._try("released", lambda: holds.release(self.people[who].id, self.holds[who]))

    @rule(who=_who, which=_which)
    def move(self, who: int, which: int) -> None:
        """Somebody moves their booking."""
        mine = self._booking(who)
        if mine is not None:
            before = (mine.id, mine.number)
            args = (self._once(who), self.people[who].id, mine.id, mine.version, self.slots[which])
            if self._try("moved", lambda: appointments.move(*args)) is not None:
                after = self._booking(who)
                assert after is not None
                assert (after.id, after.number) == before

    @rule(who=_who)
    def cancel(self, who: int) -> None:
        """Somebody gives their booking up."""
        mine = self._booking(who)
        if mine is not None:
            args = (self._once(who), self.people[who].id, mine.id, mine.version)
            self._try("cancelled", lambda: appointments.cancel(*args))

    @rule(who=_who)
    def wait(self, who: int) -> None:
        """Somebody waits for whatever is freed."""
        person = self.people[who]
        subject, days = subject_of(person.id, "person"), (clock.today(), self.day)
        self._try("waited", lambda: waiting.wait(person.id, hall.SERVICE, hall.OFFICE, *days, subject))

    @rule(who=_who, accepts=st.booleans())
    def answer(self, who: int, accepts: bool) -> None:
        """Somebody takes what is offered, or lets it pass."""
        person = self.people[who]
        entry = next((one for one in waiting.of_citizen(person.id) if one.hold_id is not None), None)
        if entry is None or entry.hold_id is None:
            return
        hold_id = entry.hold_id
        if accepts:
            self._try("accepted", lambda: appointments.book(self._once(who), person.id, hold_id, "h5"))
        else:
            self._try("passed", lambda: holds.release(person.id, hold_id))

    @rule(which=_which)
    def close(self, which: int) -> None:
        """We close a slot: who booked it comes to another one where there is room, else waits first."""
        slot = db.session.get_one(Slot, self.slots[which], populate_existing=True)
        if slot.state == "closed" or slot.starts_at <= clock.now():
            return
        change = Change(clock.now())
        change.guard(update(Slot).where(Slot.id == slot.id).values(state="closed"))
        for hold in db.session.scalars(
            select(Hold).where(Hold.slot_id == slot.id, Hold.state == "held").order_by(Hold.id)
        ).all():
            here = update(Hold).where(Hold.id == hold.id, Hold.state == "held")
            change.guard(here.values(state="released", ended_at=change.at))
            if hold.kind == "offer":
                waiting.pass_by(change, hold.id)
        for one in appointments.of_slots([slot.id]):
            appointments.close_by_us(change, appointments.whole(one), self.day)
        change.write()
        commit()
        FIRED["closed"] += 1

    @rule(minutes=st.sampled_from([1, 11, 70, 700, 3000]))
    def time_passes(self, minutes: int) -> None:
        """And the scheduler sweeps."""
        self.hands.at += timedelta(minutes=minutes)
        FIRED["ran out"] += len(holds.due())
        holds.expire_due()
        coming.remind_due()
        before = self._count(Appointment, "no_show")
        coming.note_no_shows()
        FIRED["no show"] += self._count(Appointment, "no_show") - before
        waiting.end_overdue()
        commit()

    def _booking(self, who: int) -> Appointment | None:
        query = select(Appointment).where(Appointment.citizen_id == self.people[who].id, Appointment.state == "booked")
        return db.session.scalars(query.execution_options(populate_existing=True)).first()

    @staticmethod
    def _count(table: Any, state: str) -> int:
        return db.session.execute(select(func.count()).where(table.state == state)).scalar_one()

    # --- what holds

    @invariant()
    def places_are_counted(self) -> None:
        """Each slot's counter is what holds and appointments say, and never beyond its places."""
        if self.hands is None:
            return
        rollback()
        for slot_id in self.slots:
            taken, capacity = hall.taken(slot_id)
            held = db.session.execute(
                select(func.count()).where(Hold.slot_id == slot_id, Hold.state == "held")
            ).scalar_one()
            booked = db.session.execute(
                select(func.count()).where(Appointment.slot_id == slot_id, Appointment.state != "cancelled")
            ).scalar_one()
            assert taken == held + booked <= capacity

    @invariant()
    def one_of_each(self) -> None:
        """Nobody has two active bookings, two holds of a kind, or waits while they are booked."""
        if self.hands is None:
            return
        FIRED["offered"] += self._count(WaitingEntry, "offered")
        for person in self.people:
            mine = select(func.count()).where(
                Appointment.citizen_id == person.id, Appointment.state.in_(("booked", "checked_in", "serving"))
            )
            assert db.session.execute(mine).scalar_one() <= 1
        offered = set(db.session.scalars(select(WaitingEntry.hold_id).where(WaitingEntry.state == "offered")))
        held = set(db.session.scalars(select(Hold.id).where(Hold.kind == "offer", Hold.state == "held")))
        assert offered == held, "an offer is a hold, and a hold of that kind is somebody's offer"
        rollback()


def tour() -> None:
    """Everything that must occur, by hand."""
    machine = BookingMachine()
    machine.the_hall_opens()
    steps: list[tuple[Callable[..., None], tuple[Any, ...]]] = [
        # One place: the first books it, two wait; given up, it is offered to one, let pass, and taken by the other.
        (machine.hold, (0, 0)), (machine.hold, (1, 0)), (machine.book, (0,)), (machine.book, (0,)),
        (machine.wait, (1,)), (machine.wait, (2,)), (machine.cancel, (0,)), (machine.answer, (1, False)),
        # Who moves away frees a place, which whoever waits still gets.
        (machine.answer, (2, True)), (machine.move, (2, 1)), (machine.answer, (1, True)),
        (machine.hold, (0, 2)), (machine.release, (0,)), (machine.hold, (0, 2)), (machine.time_passes, (11,)),
        (machine.hold, (3, 2)), (machine.book, (3,)), (machine.move, (2, 2)),
        (machine.close, (2,)), (machine.close, (1,)), (machine.hold, (0, 0)),
        (machine.time_passes, (3000,)), (machine.time_passes, (3000,)),
    ]  # fmt: skip
    for step, arguments in steps:
        step(*arguments)
        machine.places_are_counted()
        machine.one_of_each()


@pytest.fixture(autouse=True)
def _clock() -> Iterator[None]:
    before = clock._clock
    yield
    clock.use(before)


def play() -> None:
    """Chance, the same each time."""
    health = list(HealthCheck)
    run(
        BookingMachine,
        settings=settings(
            max_examples=12, stateful_step_count=25, phases=[Phase.generate], suppress_health_check=health
        ),
    )


def test_no_order_of_acts_breaks_a_booking(app: Flask) -> None:
    FIRED.clear()
    tour()
    never = [name for name in OCCURS if not FIRED[name]]
    assert not never, never
    play()
    print("\n".join(f"{times:6} {name}" for name, times in sorted(FIRED.items())))


@pytest.mark.parametrize("trigger", ["hold_places", "appointment_places"])
def test_a_table_that_is_not_counted_is_noticed(app: Flask, trigger: str) -> None:
    table = trigger.partition("_")[0]
    db.session.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}"))
    commit()
    try:
        with pytest.raises(AssertionError):
            tour()
    finally:
        rollback()
        db.session.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER {trigger}"))
        commit()


def test_an_offer_that_is_forgotten_is_noticed(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    real = waiting.pass_by

    def nobody(change: Change, hold_id: UUID) -> None:
        """Lets the entry stand as it was."""

    monkeypatch.setattr(waiting, "pass_by", nobody)
    with pytest.raises(AssertionError):
        tour()
    assert waiting.pass_by is not real
