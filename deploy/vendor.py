"""The pages' libraries: which few files of the npm packages are served, and how they get into static/vendor.

Vendor files are never edited and never committed. Each folder carries its version, so that browsers may keep it for
ever, and the licences of what is in it; manifest.json holds the SHA-384 of every file.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Library:
    """One library: its folder's name, the npm package, the served files, and the files that state its licence."""

    name: str
    package: str
    files: tuple[str, ...]
    licences: tuple[str, ...]
    wrapped: dict[str, str] = field(default_factory=dict)
    licence_note: str = ""


LIBRARIES = (
    Library("weui", "weui", ("dist/style/weui.min.css",), ("weui/LICENSE.txt",)),
    Library(
        "tabler",
        "@tabler/core",
        ("dist/css/tabler.min.css", "dist/js/tabler.min.js"),
        ("bootstrap/LICENSE", "@popperjs/core/LICENSE.md"),
        # The package brings no licence file of its own.
        licence_note="Tabler, copyright 2018-2025 The Tabler Authors and Paweł Kuna, is under the MIT licence; its "
        "terms are those below of Bootstrap and Popper, which it contains.",
    ),
    Library("htmx", "htmx.org", ("dist/htmx.min.js",), ("htmx.org/LICENSE",)),
    Library(
        "swagger-ui",
        "swagger-ui-dist",
        ("swagger-ui.css", "swagger-ui-bundle.js"),
        ("swagger-ui-dist/LICENSE", "swagger-ui-dist/swagger-ui-bundle.js.LICENSE.txt"),
    ),
    Library("jweixin", "weixin-js-sdk", (), ("weixin-js-sdk/LICENSE",), wrapped={"index.js": "jweixin.js"}),
)


def wrap(source: str) -> str:
    """Give a CommonJS module a `module` of its own, and the page the name `wx` that WeChat's documents use."""
    return "(function(){var module={exports:{}};" + source + "\n;window.wx=window.jWeixin=module.exports;})();\n"


def _served(root: Path) -> Path:
    return root / "citizen_services" / "static" / "vendor"


def complete(root: Path, wanted: str) -> bool:
    """Whether static/vendor holds what `wanted` (a fingerprint of pins and recipe) stands for, unchanged."""
    folder = _served(root)
    try:
        manifest = json.loads((folder / "manifest.json").read_text())
    except (FileNotFoundError, ValueError):
        return False
    return manifest.get("made_from") == wanted and all(
        (folder / path).is_file() and integrity(folder / path) == known for path, known in manifest["files"].items()
    )


def integrity(path: Path) -> str:
    """A file's SHA-384 as browsers write it."""
    return "sha384-" + base64.b64encode(hashlib.sha384(path.read_bytes()).digest()).decode()


def copy(root: Path, made_from: str) -> None:
    """Fill static/vendor from node_modules, whole or not at all."""
    modules, served = root / "node_modules", _served(root)
    half = served.with_name(f"vendor.{os.getpid()}")
    shutil.rmtree(half, ignore_errors=True)
    for library in LIBRARIES:
        package = modules / library.package
        version = json.loads((package / "package.json").read_text())["version"]
        folder = half / f"{library.name}-{version}"
        folder.mkdir(parents=True)
        for file in library.files:
            shutil.copyfile(package / file, folder / Path(file).name)
        for file, name in library.wrapped.items():
            (folder / name).write_text(wrap((package / file).read_text(encoding="utf-8")), encoding="utf-8")
        texts = [library.licence_note] if library.licence_note else []
        texts += [(modules / licence).read_text(encoding="utf-8").strip() for licence in library.licences]
        (folder / "LICENSE").write_text("\n\n----\n\n".join(texts) + "\n", encoding="utf-8")
    files = {str(path.relative_to(half)): integrity(path) for path in sorted(half.rglob("*")) if path.is_file()}
    (half / "manifest.json").write_text(json.dumps({"made_from": made_from, "files": files}, indent=1) + "\n")
    shutil.rmtree(served, ignore_errors=True)
    half.rename(served)
