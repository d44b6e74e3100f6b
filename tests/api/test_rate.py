"""How often somebody may call: counted in each process, told to the others in time, nearly exact over all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from citizen_services.api.callers import _AHEAD, PER_MINUTE, _Counted


def _shared(said: Counter[str], subject: str = "somebody") -> Callable[[int], int]:
    """What Redis does: adds what a process says, and gives the sum of all."""

    def tell(count: int) -> int:
        said[subject] += count
        return said[subject]

    return tell


def test_a_few_requests_are_counted_without_asking_and_many_are_told_to_the_others() -> None:
    said: Counter[str] = Counter()
    here = _Counted()
    numbers = [here.add("somebody", 1, PER_MINUTE, _shared(said)) for _ in range(_AHEAD - 1)]
    assert (numbers, said["somebody"]) == (list(range(1, _AHEAD)), 0)
    assert here.add("somebody", 1, PER_MINUTE, _shared(said)) == _AHEAD
    assert said["somebody"] == _AHEAD
    # Another person, and another minute, begin anew.
    assert here.add("another", 1, PER_MINUTE, _shared(said, "another")) == 1
    assert here.add("somebody", 2, PER_MINUTE, _shared(said)) == 1


def test_near_the_rate_every_request_is_told_so_that_processes_let_pass_a_few_more_at_most() -> None:
    said: Counter[str] = Counter()
    processes = [_Counted() for _ in range(4)]
    passed = 0
    for turn in range(4 * PER_MINUTE):
        number = processes[turn % 4].add("somebody", 1, PER_MINUTE, _shared(said))
        passed += number <= PER_MINUTE
    assert PER_MINUTE <= passed <= PER_MINUTE + 3 * (_AHEAD - 1)
    # All by one process: exactly the rate.
    one, told = _Counted(), Counter[str]()
    numbers = [one.add("somebody", 1, PER_MINUTE, _shared(told)) for _ in range(PER_MINUTE + 5)]
    assert numbers == list(range(1, PER_MINUTE + 6))


def test_a_rate_of_few_is_kept_by_asking_from_its_half_on() -> None:
    said: Counter[str] = Counter()
    here, there = _Counted(), _Counted()
    numbers = [where.add("key", 1, 4, _shared(said, "key")) for where in (here, there, here, there, here, there)]
    # Each keeps its first ones to itself; what comes then is added up.
    assert numbers[-1] > 4
    assert said["key"] == 6


def test_while_redis_is_away_each_process_counts_for_itself() -> None:
    here = _Counted()
    numbers = [here.add("somebody", 1, PER_MINUTE, lambda _: 0) for _ in range(PER_MINUTE + 1)]
    assert numbers == list(range(1, PER_MINUTE + 2))
