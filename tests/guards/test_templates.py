"""Templates of every door: nothing inline, nothing unescaped, and no page put together from strings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import pytest

from tests.guards.test_docstrings import sources
from tests.house import ROOT
from tests.pages.test_pages import unclean_lines

_BY_STRINGS = re.compile(r"\bMarkup\(|render_template_string|\bautoescape\s*=\s*False|select_autoescape\(\[\]")
_BY_SCRIPT = re.compile(r"\beval\(|new Function\(|document\.write|insertAdjacentHTML|(?:inner|outer)HTML\s*\+?=(?!=)")


def templates() -> dict[str, str]:
    """Every template of ours by its path, those of the stand-ins too."""
    found = sorted(path for path in (ROOT / "citizen_services").rglob("templates/**/*.html"))
    return {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in found}


def scripts() -> dict[str, str]:
    """Every script of ours by its path."""
    found = sorted(path for path in (ROOT / "citizen_services").rglob("static/**/*.js") if "vendor" not in str(path))
    return {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in found}


def faults(files: Mapping[str, str]) -> Iterator[str]:
    """What would let a person's text act in a page, by file and line."""
    for name, text in files.items():
        if name.endswith(".html"):
            yield from (f"{name}: {line}" for line in unclean_lines(text))
            if re.search(r"{%-?\s*autoescape\s+false", text):
                yield f"{name}: escaping is off"
            continue
        pattern = _BY_SCRIPT if name.endswith(".js") else _BY_STRINGS
        yield from (f"{name}: {line.strip()}" for line in text.splitlines() if pattern.search(line))


def test_no_page_lets_a_persons_text_act() -> None:
    assert len(templates()) > 20
    assert scripts()
    assert not list(faults({**templates(), **scripts(), **sources()}))


@pytest.mark.parametrize(
    ("name", "planted"),
    [
        ("a.html", '<p style="x">'),
        ("a.html", "{{ name | safe }}"),
        ("a.html", "{% autoescape false %}{{ name }}{% endautoescape %}"),
        ("a.html", "<script>go()</script>"),
        ("a.js", "part.innerHTML = answer;"),
        ("a.js", "eval(answer)"),
        ("a.py", "return Markup(f'<b>{name}</b>')"),
        ("a.py", "return render_template_string(text)"),
    ],
)
def test_a_planted_fault_is_seen(name: str, planted: str) -> None:
    assert len(list(faults({name: planted}))) == 1


def test_what_looks_alike_is_let_through() -> None:
    assert not list(faults({"a.js": "if (news.innerHTML === part.innerHTML) return;", "a.html": "<p>{{ name }}</p>"}))
