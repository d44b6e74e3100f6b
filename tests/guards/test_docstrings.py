"""Every public module, class and function says what it is for."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.house import ROOT

PACKAGES = ("citizen_services", "workflows", "notifications", "deploy")
_DEFINES = (ast.FunctionDef, ast.AsyncFunctionDef)


def sources() -> dict[str, str]:
    """Every module that must speak for itself, by its path."""
    paths = [ROOT / "app.py", *(path for name in PACKAGES for path in sorted((ROOT / name).rglob("*.py")))]
    return {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in paths if _ours(path)}


def _ours(path: Path) -> bool:
    return "vendor" not in path.parts and "node_modules" not in path.parts


def undocumented(modules: Mapping[str, str]) -> list[str]:
    """Public names without a docstring; a method that a base class of ours describes counts as described."""
    trees = {name: ast.parse(source) for name, source in modules.items()}
    classes = [node for tree in trees.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    described = {
        one.name: {f.name for f in one.body if isinstance(f, _DEFINES) and ast.get_docstring(f)} for one in classes
    }
    bases = {one.name: [base.id for base in one.bases if isinstance(base, ast.Name)] for one in classes}

    def inherited(name: str, method: str) -> bool:
        return any(method in described.get(base, ()) or inherited(base, method) for base in bases.get(name, ()))

    def look(node: ast.Module | ast.ClassDef, where: str) -> Iterator[str]:
        if not ast.get_docstring(node):
            yield where
        for part in node.body:
            if getattr(part, "name", "_").startswith("_"):
                continue
            if isinstance(part, ast.ClassDef):
                yield from look(part, f"{where}: {part.name}")
            elif isinstance(part, _DEFINES) and not ast.get_docstring(part):
                owner = node.name if isinstance(node, ast.ClassDef) else ""
                again = any(ast.unparse(d).endswith(("overload", ".setter")) for d in part.decorator_list)
                if not again and not inherited(owner, part.name):
                    yield f"{where}: {part.name}"

    return [fault for name, tree in trees.items() for fault in look(tree, name)]


def test_every_public_name_has_a_docstring() -> None:
    found = undocumented(sources())
    assert not found, "\n".join(found)


def test_a_planted_name_without_a_docstring_is_seen() -> None:
    planted = '''
class Base:
    """It is."""

    def told(self):
        """Told once."""

class Bare(Base):
    def told(self):
        pass

    def untold(self):
        pass

    def _own(self):
        pass

def loose():
    pass
'''
    assert undocumented({"m.py": planted}) == ["m.py", "m.py: Bare", "m.py: Bare: untold", "m.py: loose"]
