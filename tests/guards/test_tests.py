"""The tests themselves: each can fail, none is left out, and warnings are errors."""

from __future__ import annotations

import ast
import random
import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date

from tests import factories
from tests.house import ROOT

_LEFT_OUT = re.compile(
    r"\b(?:pytest\.(?:skip|xfail|importorskip)|mark\.(?:skip|skipif|xfail|flaky)|unittest\.skip\w*)\b"
)
#: What fails a test by itself: our own helpers are followed by their names.
_FAILS = {"raises", "warns", "fail", "expect", "check_returncode", "raise_for_status"}
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def modules() -> dict[str, str]:
    """Every module of the tests by its path."""
    return {str(p.relative_to(ROOT)): p.read_text(encoding="utf-8") for p in sorted((ROOT / "tests").rglob("*.py"))}


def left_out(files: Mapping[str, str]) -> Iterator[str]:
    """Tests that are skipped or expected to fail."""
    for name, source in files.items():
        for number, line in enumerate(source.splitlines(), 1):
            if _LEFT_OUT.search(line) and "re.compile" not in line:
                yield f"{name}:{number}: {line.strip()}"


def cannot_fail(files: Mapping[str, str]) -> list[str]:
    """Tests without anything that could fail them, in themselves or in the helpers that they call."""
    functions: dict[str, list[ast.AST]] = {}
    tests: list[tuple[str, ast.AST, str]] = []
    for name, source in files.items():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, _FUNCTIONS):
                functions.setdefault(node.name, []).append(node)
                if node.name.startswith("test_"):
                    tests.append((name, node, node.name))
    return [f"{name}: {function}" for name, node, function in tests if not _may_fail(node, functions, set())]


def _may_fail(node: ast.AST, functions: Mapping[str, list[ast.AST]], seen: set[str]) -> bool:
    called = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Assert | ast.Raise):
            return True
        if isinstance(part, ast.Call):
            called.add(ast.unparse(part.func).rpartition(".")[2])
    if called & _FAILS:
        return True
    helpers = called & functions.keys() - seen
    seen |= helpers
    return any(_may_fail(one, functions, seen) for name in helpers for one in functions[name])


def test_no_test_is_left_out() -> None:
    assert not list(left_out(modules()))


def test_every_test_can_fail() -> None:
    assert len(modules()) > 50
    assert not cannot_fail(modules())


def test_warnings_are_errors_without_exception() -> None:
    options = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]["ini_options"]
    assert options["filterwarnings"] == ["error"]
    assert options["xfail_strict"]


def test_planted_tests_that_are_left_out_or_cannot_fail_are_seen() -> None:
    planted = {
        "tests/test_a.py": "@pytest.mark." + "skip\ndef test_one():\n    assert 1\n",
        "tests/test_b.py": "def helper():\n    return 1\n\ndef test_two():\n    helper()\n\ndef good():\n    assert 1\n"
        "\ndef test_three():\n    good()\n\ndef test_four():\n    with pytest.raises(ValueError):\n        helper()\n",
    }
    assert list(left_out(planted)) == ["tests/test_a.py:1: @pytest.mark." + "skip"]
    assert cannot_fail(planted) == ["tests/test_b.py: test_two"]


def test_people_of_one_birthday_never_get_one_number() -> None:
    numbers = [factories.new_number(random.Random(1 + n // 2), "522601", date(1994, 5, 23), True) for n in range(100)]
    assert len(set(numbers)) == 100
