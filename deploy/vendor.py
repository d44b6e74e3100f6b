"""The pages' libraries: which few files of the npm packages are served, and how they get into static/vendor.

The font of printed papers comes the same way, into printing/vendor, which nobody is served from. Vendor files are never
edited and never committed. Each folder carries its version, so that browsers may keep it for ever, and the licences of
what is in it; manifest.json holds the SHA-384 of every file.
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
    # The common charts with both renderers; the bridges of what it contains stand in its licences.
    Library(
        "echarts",
        "echarts",
        ("dist/echarts.common.min.js",),
        ("echarts/LICENSE", "echarts/NOTICE", "echarts/licenses/LICENSE-d3", "zrender/LICENSE", "tslib/LICENSE.txt"),
    ),
    Library("jweixin", "weixin-js-sdk", (), ("weixin-js-sdk/LICENSE",), wrapped={"index.js": "jweixin.js"}),
)

#: What papers are printed with.
FONTS = (
    Library(
        "noto-sans-sc",
        "@expo-google-fonts/noto-sans-sc",
        ("400Regular/NotoSansSC_400Regular.ttf",),
        ("@expo-google-fonts/noto-sans-sc/LICENSE_FONT",),
    ),
)


def wrap(source: str) -> str:
    """Give a CommonJS module a `module` of its own, and the page the name `wx` that WeChat's documents use."""
    return "(function(){var module={exports:{}};" + source + "\n;window.wx=window.jWeixin=module.exports;})();\n"


def _places(root: Path) -> tuple[tuple[Path, tuple[Library, ...]], ...]:
    rooms = root / "citizen_services"
    return (rooms / "static" / "vendor", LIBRARIES), (rooms / "printing" / "vendor", FONTS)


def complete(root: Path, wanted: str) -> bool:
    """Whether both vendor folders hold what `wanted` (a fingerprint of pins and recipe) stands for, unchanged."""
    return all(_whole(folder, wanted) for folder, _ in _places(root))


def _whole(folder: Path, wanted: str) -> bool:
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
    """Fill both vendor folders from node_modules, each whole or not at all."""
    for folder, libraries in _places(root):
        _fill(folder, libraries, root / "node_modules", made_from)


def _fill(served: Path, libraries: tuple[Library, ...], modules: Path, made_from: str) -> None:
    half = served.with_name(f"vendor.{os.getpid()}")
    shutil.rmtree(half, ignore_errors=True)
    for library in libraries:
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
