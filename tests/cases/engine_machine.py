"""The engine's machine: some people apply, everybody does what they like, couriers report, and days pass."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run
from sqlalchemy import select, text

from citizen_services import clock
from citizen_services.cases import audit, corrections, queries, years
from citizen_services.cases.automatic import lapse_overdue, lapse_unpaid
from citizen_services.cases.errors import CaseError
from citizen_services.cases.models import Case, Correction
from citizen_services.catalogue.vocabulary import ServiceItem, Step
from citizen_services.database import commit, db
from citizen_services.database.base import rollback
from citizen_services.database.idempotency import KeyReused
from citizen_services.parts import parts
from citizen_services.people.actors import Actor
from citizen_services.people.models import Citizen
from tests import factories as make
from tests.cases import engine_world as world
from tests.cases.engine_drafts import bring
from tests.cases.engine_invariants import holds, registers_hold
from tests.cases.engine_world import COURIER, FIRED, PLAYED, REPORT_FOR, STAFF, Hands
from tests.cases.test_years import YEAR
from tests.fees.kit import charge

_numbers = st.integers(0, 2**32 - 1)


def all_actions() -> list[str]:
    """Every action that a declaration names, those that the system takes by itself included."""
    return sorted({step.action for code in PLAYED for step in parts().catalogue.item(code).steps})


class EngineMachine(RuleBasedStateMachine):
    """Some people apply, everybody does what they like, couriers report, and days pass."""

    hands: Hands

    @initialize(
        items=st.lists(st.sampled_from(sorted(PLAYED)), min_size=3, max_size=3),
        ways=st.lists(st.tuples(_numbers, _numbers), min_size=2, max_size=3),
    )
    def the_district_opens(self, items: list[str], ways: list[tuple[int, int]]) -> None:
        """Of three people, registered with us, one of whom works here, some have applied; their cases are somewhere.

        What comes then meets cases in all of their states.
        """
        world.empty()
        self.hands = Hands()
        clock.use(self.hands)
        self.people = [make.citizen(name) for name in ("李雷", "韩梅梅", "郑卫东")]
        for person in self.people:
            make.registered(person)
        charge()
        self.staff = world.staff_of_the_house(self.people[2])
        self.cases: list[UUID] = []
        self.touched: set[UUID] = set()
        self.calendars = 0
        for number, (person, item) in enumerate(zip(self.people, items, strict=False)):
            self._apply(person, item, number)
        for number, (destination, variant) in enumerate(ways):
            self.a_case_goes_far(number, destination, variant)

    # --- what happens

    @rule(who=st.integers(0, 2), which=st.sampled_from(sorted(PLAYED)), variant=_numbers)
    def somebody_applies(self, who: int, which: str, variant: int) -> None:
        """For whichever item, open cases or not."""
        self._apply(self.people[who], which, variant)

    def _apply(self, person: Citizen, which: str, variant: int) -> None:
        key = world.new_key()
        done = self._try("submit", lambda: world.send(person, which, variant, key), check=False)
        if done is None:
            return
        self._note(UUID(done["case_id"]))
        # The system's own steps, which followed at once.
        for event in _events(self.cases[-1])[1:]:
            FIRED[event] += 1

    @rule(
        which=_numbers,
        action=_numbers,
        login=st.sampled_from([*STAFF, "applicant", "stranger", "system"]),
        version=st.sampled_from(["right", "right", "right", "old", "future", "none"]),
        bad=st.sampled_from([None, None, None, 0, 1, 2, 3]),
        variant=_numbers,
        again=st.booleans(),
    )
    @precondition(lambda self: self.cases)
    def anybody_does_anything(
        self, which: int, action: int, login: str, version: str, bad: int | None, variant: int, again: bool
    ) -> None:
        """Any action of the catalogue, those of the state more often, by anybody, on any version, with any data."""
        case, item = self._case(which)
        here = [step.action for step in item.steps_from(case.state)]
        names = here * 4 + all_actions()
        name = names[action % len(names)]
        actor = self._actor(login, case)
        given = {"right": case.version, "old": case.version - 1, "future": case.version + 1, "none": None}[version]
        step = item.step(case.state, name)
        data = world.BAD[bad] if bad is not None else world.given_with(step, name, item, case, variant)
        self._press(case, name, actor, given, data, again)

    @rule(which=_numbers, choice=_numbers, variant=_numbers)
    @precondition(lambda self: self.cases)
    def somebody_who_may_does_the_right_thing(self, which: int, choice: int, variant: int) -> None:
        """One of the steps that lead on, by whom it belongs to, on what they saw."""
        case, item = self._case(which)
        steps = [step for step in item.steps_from(case.state) if not step.automatic]
        if steps:
            self._take(case, item, steps[choice % len(steps)], variant)

    @rule(which=_numbers, destination=_numbers, variant=_numbers)
    @precondition(lambda self: self.cases)
    def a_case_goes_far(self, which: int, destination: int, variant: int) -> None:
        """Along the shortest way to any step that it can still take, and that step."""
        case, item = self._case(which)
        roads = _roads(item, case.state)
        if roads:
            for step in roads[destination % len(roads)]:
                self._get_over(case.id, item, step, variant)

    @rule(which=_numbers, what=st.sampled_from(sorted(COURIER)))
    @precondition(lambda self: self.cases)
    def the_courier_reports(self, which: int, what: str) -> None:
        """Anything, of any parcel, in any order."""
        case, _ = self._case(which)
        parcel = world.last_parcel(case.id)
        if parcel is not None:
            FIRED[f"courier: {what}"] += 1
            self._moving(case, lambda: world.courier_reports(parcel.id, what))

    @rule(days=st.sampled_from([0, 1, 3, 8, 16, 30]))
    def days_pass(self, days: int) -> None:
        """Leases end, and the scheduler does what it does when a day has come."""
        FIRED["days pass"] += 1
        self.hands.at += timedelta(days=days)
        db.session.execute(text("UPDATE \"case\" SET claimed_until = now() - interval '1 s' WHERE claimed_by NOTNULL"))
        commit()
        self._sweep()

    @rule(which=_numbers, login=st.sampled_from(STAFF), kind=st.sampled_from(["part", "relative", "no more"]))
    @precondition(lambda self: self.cases)
    def somebody_must_keep_away(self, which: int, login: str, kind: str) -> None:
        """From a case in which they have a part, or from all of a relative's, until these are none any more."""
        case, _ = self._case(which)
        if self._try(f"recusal: {kind}", lambda: world.keep_away(case, self.staff[login], kind), check=False):
            self.touched.add(case.id)

    @rule(which=_numbers)
    @precondition(lambda self: self.cases)
    def a_receipt_shows_that_the_person_knows(self, which: int) -> None:
        """Of the correction that is asked for."""
        case, _ = self._case(which)
        corrections.note_reached(case.id, clock.now())
        commit()

    @rule()
    @precondition(lambda self: self.calendars < 1)
    def the_next_years_calendar_is_loaded(self) -> None:
        """The dates that waited for it are counted anew."""
        years.load_year(json.dumps(YEAR))
        commit()
        FIRED["calendar"] += 1
        self.calendars += 1
        self.touched.update(self.cases)

    # --- how

    def _get_over(self, case_id: UUID, item: ServiceItem, step: Step, variant: int) -> None:
        """One step of a way; where a guard is in its way, what can be done there comes first, then a way around."""
        if self._taken(case_id, item, step, variant):
            return
        for other in item.steps_from(step.start):
            if other.end == other.start and other is not step and other.action != "claim":
                self._taken(case_id, item, other, variant)
        if self._taken(case_id, item, step, variant):
            return
        for other in item.steps_from(step.start):
            back = next((road for road in _roads(item, other.end) if road[-1].end == step.start), None)
            if (
                other.end != other.start
                and back
                and all(self._taken(case_id, item, s, variant) for s in (other, *back))
            ):
                break
        self._taken(case_id, item, step, variant)

    def _taken(self, case_id: UUID, item: ServiceItem, step: Step, variant: int) -> bool:
        case = db.session.get_one(Case, case_id, populate_existing=True)
        return case.state == step.start and self._take(case, item, step, variant)

    def _case(self, which: int) -> tuple[Case, ServiceItem]:
        case = db.session.get_one(Case, self.cases[which % len(self.cases)], populate_existing=True)
        return case, parts().catalogue.item(case.item, case.item_version)

    def _actor(self, login: str, case: Case) -> Actor:
        if login == "applicant":
            return Actor("citizen", case.citizen_id)
        if login == "stranger":
            return next(make.applicant(person) for person in self.people if person.id != case.citizen_id)
        return Actor.system("test") if login == "system" else self.staff[login]

    def _note(self, case_id: UUID) -> None:
        if case_id not in self.cases:
            self.cases.append(case_id)
        self.touched.add(case_id)

    def _try(self, name: str, act: Any, *, check: bool = True) -> Any:
        """Do an act; where it is refused, nothing at all has changed. What it answered, None where refused."""
        before = world.everything() if check else None
        try:
            done = act()
        except (CaseError, KeyReused) as fault:
            rollback()
            FIRED[f"refused: {type(fault).__name__}"] += 1
            assert before is None or world.everything() == before, "a refused act changes nothing"
            return None
        FIRED[name] += 1
        return done

    def _press(
        self, case: Case, name: str, actor: Actor, version: int | None, data: dict[str, Any], again: bool
    ) -> bool:
        """An act as a door does it, perhaps sent twice; True where it was done."""
        id_, was, key = case.id, case.version, world.new_key()
        done = self._try(name, lambda: world.press(id_, name, actor, version, data, key))
        self.touched.add(id_)
        if done is None:
            return False
        assert version == was or (version is None and actor.kind == "system"), "decided on what was not there any more"
        for event in _events(id_)[was + 1 :]:
            # The system's own steps, which followed at once.
            FIRED[event] += 1
        if again:
            before = world.everything()
            found = world.press(id_, name, actor, version, data, key)
            assert done.items() <= found.items(), "the same form finds the same answer"
            assert world.everything() == before
            FIRED["sent again"] += 1
        return True

    def _moving(self, case: Case, happens: Any) -> None:
        """Something from outside; which actions it made the case take is counted."""
        before = case.version
        happens()
        self.touched.add(case.id)
        for event in _events(case.id)[before:]:
            FIRED[event] += 1

    def _take(self, case: Case, item: ServiceItem, step: Step, variant: int) -> bool:
        """One step by whom it belongs to; False where nobody could."""
        if step.by.kind == "system":
            return self._system_takes(case, step)
        if step.action == "note_call":
            # Whom no receipt showed to be reached is called when the date has passed.
            self.hands.at += timedelta(days=20)
        actor = self._actor("applicant", case)
        if step.by.kind == "staff":
            # Beginning with somebody else each time.
            people = [self.staff[STAFF[(variant + place) % len(STAFF)]] for place in range(len(STAFF))]
            fit = (one for one in people if one.roles & step.by.roles and one.standing in step.by.standings)
            right = next((one for one in fit if step in queries.steps_for(item, case, one)), None)
            if right is None:
                return False
            actor = right
        asked = corrections.open_correction(case.id)
        if step.action == "answer_correction" and asked is not None:
            for material in corrections.papers_of(item, asked):
                bring(case.citizen_id, asked.id, material.code)
        data = world.given_with(step, step.action, item, case, variant)
        return self._press(case, step.action, actor, case.version, data, variant % 3 == 0)

    def _system_takes(self, case: Case, step: Step) -> bool:
        before = case.state
        parcel = world.last_parcel(case.id)
        if step.action == "fee_paid":
            self._moving(case, lambda: world.pays(case.id))
        elif step.action == "lapse":
            corrections.note_reached(case.id, clock.now())
            commit()
            for _ in range(3):
                self.hands.at += timedelta(days=16)
                self._sweep()
        elif step.action == "parcel_ordered" and parcel is not None:
            tracking = world.GOOD["parcel_ordered"](parts().catalogue.item(case.item), case, 0)["tracking"]
            self._moving(case, lambda: world.courier_takes_order(parcel.id, tracking))
        elif step.action in world.FACT_FOR:
            self._moving(case, lambda: world.register_tells(case.citizen_id, world.FACT_FOR[step.action]))
        elif step.action in REPORT_FOR and parcel is not None:
            self._moving(case, lambda: world.courier_reports(parcel.id, REPORT_FOR[step.action]))
        else:
            return False
        return db.session.get_one(Case, case.id, populate_existing=True).state == step.end or before == step.end

    def _sweep(self) -> None:
        waiting = list(
            db.session.scalars(select(Correction.case_id).where(Correction.state == "open").order_by(Correction.id))
        )
        waiting += db.session.scalars(select(Case.id).where(Case.state == "paying").order_by(Case.id)).all()
        lapsed = lapse_overdue() + lapse_unpaid()
        FIRED["lapse"] += lapsed
        self.touched.update(waiting)

    # --- what must always be so

    @invariant()
    def every_case_is_what_its_record_says(self) -> None:
        """Of those that this step touched."""
        touched: set[UUID] = getattr(self, "touched", set())
        self.touched = set()
        for case_id in sorted(touched):
            holds(case_id)
        if touched:
            registers_hold()

    def teardown(self) -> None:
        """The whole record verifies, sealed."""
        audit.seal_due()
        commit()
        found = audit.verify(parts().catalogue)
        assert found["ok"], found["broken"]
        rollback()


def _events(case_id: UUID) -> list[str]:
    return [event.action for event in queries.events_of(case_id)]


def _roads(item: ServiceItem, start: str) -> list[list[Step]]:
    """The shortest way to each step that can be taken yet, and that step."""
    roads: dict[str, list[Step]] = {start: []}
    waiting, steps = [start], []
    for state in waiting:
        for step in item.steps_from(state):
            if step.automatic:
                continue
            steps.append(step)
            if step.end not in roads:
                roads[step.end] = [*roads[state], step]
                waiting.append(step.end)
    return [[*roads[step.start or ""], step] for step in steps]


def play(**more: Any) -> None:
    """Let Hypothesis play; the same plays each time."""
    run(
        EngineMachine,
        settings=settings(
            stateful_step_count=25,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
            # A failing order is short enough to be read, and a step too dear to look for a shorter one.
            phases=[Phase.generate],
            report_multiple_bugs=False,
            **more,
        ),
    )


def tour() -> None:
    """Play the same rules by hand until each action was taken at least once: chance alone comes to few of the last."""
    for code, (_, start) in PLAYED.items():
        item = parts().catalogue.item(code)
        ways = [*enumerate(_roads(item, start))]
        for number, road in reversed(ways):
            # What is chosen on the way varies: not every choice leads to every step.
            for variant in range(6):
                if road[-1].action not in FIRED:
                    _toured(item, number, variant, None)
        for step in item.steps:
            if step.automatic and step.action not in FIRED:
                number = next(number for number, road in ways if road[-1].end == step.start)
                _toured(item, number, number, step)


def _toured(item: ServiceItem, number: int, variant: int, then: Step | None) -> None:
    machine = EngineMachine()
    # Somebody else goes before, so that the tour begins with another variant of the application.
    machine.the_district_opens(items=[sorted(PLAYED)[0], item.code], ways=[])
    machine.a_case_goes_far(1, number, variant)
    if then is not None:
        machine._get_over(machine.cases[1], item, then, 1)
    machine.every_case_is_what_its_record_says()
    machine.teardown()
