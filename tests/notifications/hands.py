"""Hands of the tests' own: calls are made one after another by whoever asks for them, so that each round is seen."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from notifications import rounds
from notifications.claimed import Claimed
from notifications.results import Done
from notifications.rounds import Work


class InTurn:
    """As many calls a round as ``most``, made when they are asked for. What ends the process in one ends them all."""

    def __init__(self, most: int = 1) -> None:
        self.most = most
        self._given: list[Work] = []

    @property
    def busy(self) -> int:
        """How many calls are under way."""
        return len(self._given)

    def give(self, work: Work) -> None:
        """Have a call made."""
        self._given.append(work)

    def finished(self) -> list[Done]:
        """Make them all."""
        given, self._given = self._given, []
        return [work.do() for work in given]


def work_through(rows: Sequence[Claimed], most: int = 1) -> bool:
    """Send rows, so many a round."""
    left = deque(rows)
    return rounds.work_through(lambda: left.popleft() if left else None, InTurn(most), lambda idle: bool(left))
