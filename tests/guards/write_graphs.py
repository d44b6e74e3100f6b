"""Draw every declaration into docs/services/: ``python -m tests.guards.write_graphs``."""

from __future__ import annotations

import workflows
from citizen_services.catalogue.graph import page
from tests.house import ROOT

FOLDER = ROOT / "docs" / "services"


def drawn() -> dict[str, str]:
    """The page of each declared item, in its newest version, by its file's name."""
    oldest_first = sorted(workflows.declared(), key=lambda item: item.version)
    return {f"{item.code}.md": page(item) for item in oldest_first}


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in drawn().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
