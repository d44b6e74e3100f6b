"""Another district runs this by its settings and its office table alone: no name of ours stands in code."""

from __future__ import annotations

import re
import tokenize
from io import BytesIO
from pathlib import Path

import pytest

from tests.house import ROOT

#: What belongs to one district: its names, its city's, its area code; the city's rule that is quoted is a source.
OURS = re.compile("奉化|宁波(?!市公安机关警务辅助人员管理规定)|0574")
#: Where such names belong: invented data, defaults that settings replace, and the table of divisions.
PLACES = {
    "citizen_services/settings.py",
    "citizen_services/demo.py",
    "citizen_services/demo_people.py",
    "citizen_services/journey.py",
    "citizen_services/rules/divisions.py",
    "citizen_services/rules/identity.py",
}


def strays(name: str, text: str) -> list[str]:
    """The lines of a file that name the district; of Python, comments may."""
    if not name.endswith(".py"):
        return [f"{name}:{n}" for n, line in enumerate(text.splitlines(), 1) if OURS.search(line)]
    tokens = tokenize.tokenize(BytesIO(text.encode()).readline)
    return [f"{name}:{t.start[0]}" for t in tokens if t.type != tokenize.COMMENT and t.string and OURS.search(t.string)]


def files() -> list[Path]:
    """The code and the pages that an installation runs."""
    rooms = ("citizen_services", "workflows", "notifications")
    found = [path for room in rooms for path in (ROOT / room).rglob("*") if path.suffix in (".py", ".html", ".js")]
    return [path for path in found if "sandbox" not in path.parts]


def test_no_name_of_the_district_stands_in_code_or_pages() -> None:
    named = {str(path.relative_to(ROOT)): path for path in files()}
    assert len(named) > 100
    found = [one for name, path in named.items() if name not in PLACES for one in strays(name, path.read_text("utf-8"))]
    assert found == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("workflows/x.py", 'ISSUER = "宁波市公安局奉化分局"\n'),
        ("workflows/x.py", 'HOTLINE = f"{area}0574-1"\n'),
        ("templates/x.html", "<h1>奉化公安</h1>\n"),
    ],
)
def test_a_planted_name_is_found(name: str, text: str) -> None:
    assert strays(name, text) == [f"{name}:1"]
    assert strays("x.py", "x = 1  # 宁波市公安机关警务辅助人员管理规定 art 5\n") == []
