"""Conditions on what was filled in: small comparable objects, so that server, page and API hide the same questions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

Answers = Mapping[str, Mapping[str, Any]]


class Condition(Protocol):
    """Something that holds, or not, of the answers given so far (``{group: {field: value}}``)."""

    def holds(self, answers: Answers) -> bool:
        """Whether it holds."""
        ...

    def fields(self) -> tuple[tuple[str, str], ...]:
        """The (group, field) pairs that it looks at."""
        ...


@dataclass(frozen=True)
class Equals(Condition):
    """A field has one value."""

    group: str
    field: str
    value: Any

    def holds(self, answers: Answers) -> bool:
        return bool(answers.get(self.group, {}).get(self.field) == self.value)

    def fields(self) -> tuple[tuple[str, str], ...]:
        return ((self.group, self.field),)


@dataclass(frozen=True)
class IsIn(Condition):
    """A field has one of some values."""

    group: str
    field: str
    values: tuple[Any, ...]

    def holds(self, answers: Answers) -> bool:
        return answers.get(self.group, {}).get(self.field) in self.values

    def fields(self) -> tuple[tuple[str, str], ...]:
        return ((self.group, self.field),)


@dataclass(frozen=True)
class Not(Condition):
    """The other condition does not hold."""

    other: Condition

    def holds(self, answers: Answers) -> bool:
        return not self.other.holds(answers)

    def fields(self) -> tuple[tuple[str, str], ...]:
        return self.other.fields()


@dataclass(frozen=True)
class All(Condition):
    """Every one of some conditions holds."""

    of: tuple[Condition, ...]

    def holds(self, answers: Answers) -> bool:
        return all(condition.holds(answers) for condition in self.of)

    def fields(self) -> tuple[tuple[str, str], ...]:
        return tuple(pair for condition in self.of for pair in condition.fields())
