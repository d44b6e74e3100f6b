"""What README and docs name is there: commands with options, settings, files, tests, links; and their code runs."""

from __future__ import annotations

import ast
import functools
import importlib.util
import re
from collections.abc import Iterator
from typing import Any

import click
import pytest

from app import cli
from citizen_services.catalogue import Catalogue
from citizen_services.rules.periods import packaged_calendar
from citizen_services.settings import ALL_PARTNERS
from tests.house import ROOT

DOCS = ["README.md", "CONTRIBUTING.md", "deploy/README.md", *(f"docs/{p.name}" for p in ROOT.glob("docs/*.md"))]
#: Files of the walk-through in docs/testing.md, which the reader makes.
EXAMPLES = {"workflows/id_card_loss.py", "tests/workflows/test_id_card_loss.py"}
#: Names in the application's configuration that pages read.
PAGES = {"PAGES_BUREAU", "PAGES_HELP_PHONE", "PAGES_HELP_COUNTER"}

_CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
_COMMAND = re.compile(r"\bapp\.py((?: [^\s`·|#,;)]+)*)")
_SETTING = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")
_PATH = re.compile(r"(?:app|citizen_services|deploy|docs|migrations|notifications|tests|workflows)/[\w./-]+")
_LINK = re.compile(r"(?<!\\)\[[^\]]*\]\(([^)\s]+)\)")


def settings() -> set[str]:
    """Every name that the environment may hold, as the code reads them."""
    read = "".join(
        (ROOT / name).read_text(encoding="utf-8")
        for name in (
            "citizen_services/settings.py",
            "citizen_services/metrics.py",
            "citizen_services/sandbox/config.py",
            "deploy/places.py",
        )
    ) + (ROOT / "deploy/gunicorn.conf.py").read_text(encoding="utf-8")
    found = set(
        re.findall(
            r"""(?:given\.get|environ\.get|_whole_number\(given,|_one_of\(given,|_number\(environ,|text)\(?\s*["']([A-Z][A-Z0-9_]*)["']""",
            read,
        )
    )
    for prefix, credentials in ALL_PARTNERS.items():
        found |= {f"{prefix}_BASE_URL", *(f"{prefix}_{key}" for key in credentials)}
    return found


@functools.cache
def constants() -> frozenset[str]:
    """Names in capitals that our code defines, and variables of make: documents may speak of them too."""
    folders = ("citizen_services", "deploy", "notifications", "workflows", "tests")
    code = "".join(file.read_text(encoding="utf-8") for folder in folders for file in (ROOT / folder).rglob("*.py"))
    code += (ROOT / "Makefile").read_text(encoding="utf-8")
    return frozenset(re.findall(r"^([A-Z][A-Z0-9_]*)(?::[^=\n]*)? *\??=", code, re.MULTILINE))


def targets() -> set[str]:
    """What make can make."""
    return set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def wrong_command(words: list[str]) -> str | None:
    """What is wrong with the words behind ``app.py``; None where such a command exists."""
    command: click.Command = cli
    for word in (word.strip("[]") for word in words):
        if word == "…":
            return None
        if isinstance(command, click.Group):
            if word not in command.commands:
                return f"app.py has no command {word}"
            command = command.commands[word]
        elif word.startswith("--") and word not in {name for param in command.params for name in param.opts}:
            return f"{command.name} has no option {word}"
    return None


def anchors(text: str) -> set[str]:
    """The anchors of a document's headings, as they are made where it is shown."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@functools.cache
def _tests_of(name: str) -> frozenset[str]:
    tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def _faults_of_path(path: str, test: str | None) -> Iterator[str]:
    if path in EXAMPLES:
        return
    if not (ROOT / path).exists():
        yield f"there is no {path}"
    elif test and test not in _tests_of(path):
        yield f"{path} has no {test}"


def faults(name: str, text: str) -> Iterator[str]:
    """Everything that a document names and that isn't there."""
    for code in _CODE.findall(text):
        for target in re.findall(r"\bmake ([a-z][a-z-]*)\b", code):
            if target not in targets():
                yield f"make has no {target}"
        for words in _COMMAND.findall(code):
            fault = wrong_command(words.split())
            if fault:
                yield fault
        for module in re.findall(r"python -m ((?:tests|deploy|citizen_services)[\w.]*)", code):
            if importlib.util.find_spec(module) is None:
                yield f"there is no module {module}"
        for path in _PATH.findall(code):
            test = re.search(re.escape(path) + r"::(\w+)", code)
            if not re.search(re.escape(path) + r"[<*…]", code):
                yield from _faults_of_path(path.rstrip("./"), test[1] if test else None)
        if "\n" not in code:
            unknown = set(_SETTING.findall(code)) - settings() - constants() - PAGES
            yield from (f"there is no setting {word}" for word in sorted(unknown))
    for link in _LINK.findall(_CODE.sub("", text)):
        if "://" in link or link.startswith("mailto:"):
            continue
        place, _, anchor = link.partition("#")
        file = (ROOT / name).parent / place if place else ROOT / name
        if not file.exists():
            yield f"the link {link} leads nowhere"
        elif anchor and anchor not in anchors(file.read_text(encoding="utf-8")):
            yield f"{place or name} has no heading #{anchor}"


@pytest.mark.parametrize("name", DOCS)
def test_what_a_document_names_is_there(name: str) -> None:
    assert not list(faults(name, (ROOT / name).read_text(encoding="utf-8")))


def test_every_setting_is_explained() -> None:
    table = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Settings")[2].partition("\n## ")[0]
    assert {"PORT", "APP_ENV", "SANDBOX_SPEED", "WORKERS", "EMS_SIGN_KEY"} <= settings()
    assert not sorted(word for word in settings() if f"`{word}`" not in table)


@pytest.mark.parametrize(
    ("planted", "fault"),
    [
        ("Run `make tea`.", "make has no tea"),
        ("Run `app.py brew --strong`.", "app.py has no command brew"),
        ("Run `app.py wechat brew`.", "app.py has no command brew"),
        ("```\n.venv/bin/python app.py journey --faster\n```", "journey has no option --faster"),
        ("Set `TEA_STRENGTH`.", "there is no setting TEA_STRENGTH"),
        ("See `tests/test_tea.py`.", "there is no tests/test_tea.py"),
        ("See `tests/test_story.py::test_tea_is_served`.", "tests/test_story.py has no test_tea_is_served"),
        ("By `python -m tests.guards.tea`.", "there is no module tests.guards.tea"),
        ("See [tea](docs/tea.md).", "the link docs/tea.md leads nowhere"),
        ("See [tea](docs/operations.md#tea).", "docs/operations.md has no heading #tea"),
    ],
)
def test_a_planted_fault_is_seen(planted: str, fault: str) -> None:
    assert list(faults("README.md", planted)) == [fault]


def python_of(name: str) -> list[str]:
    """The Python blocks of a document."""
    return re.findall(r"```python\n(.*?)```", (ROOT / name).read_text(encoding="utf-8"), re.DOTALL)


def test_the_walk_through_declares_a_service_that_may_be_run() -> None:
    declaration, test = python_of("docs/testing.md")
    made: dict[str, Any] = {}
    exec(compile(declaration, "docs/testing.md", "exec"), made)
    assert [item.code for item in Catalogue([made["ITEM"]], packaged_calendar()).items()] == ["id-card-loss"]
    assert "test_a_lost_card_is_reported_at_once" in test


@pytest.mark.parametrize("name", ["docs/operations.md", "docs/testing.md"])
def test_code_in_documents_imports_what_exists(name: str) -> None:
    for code in python_of(name):
        imports = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.ImportFrom)]
        assert imports
        for node in imports:
            module = importlib.import_module(str(node.module))
            for alias in node.names:
                assert hasattr(module, alias.name) or importlib.util.find_spec(f"{node.module}.{alias.name}")
