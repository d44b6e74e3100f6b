"""A photo of a face is judged and decoded like any stranger's file: apart, and as the register takes it."""

from __future__ import annotations

import ast
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from citizen_services.materials import decode as decoding
from citizen_services.materials import faces
from citizen_services.people.errors import FaceNotUsable
from tests.house import ROOT
from tests.materials import pictures as make

_NOISE = 2000


def noise_jpeg() -> bytes:
    """As hard to compress as a picture can be."""
    picture = Image.effect_noise((_NOISE, _NOISE), 250).convert("RGB")
    return make.encoded(picture, "JPEG", quality=80)


@pytest.mark.parametrize(
    "file",
    [make.jpeg(3000, 4000), make.heic(900, 1200), make.held(6), noise_jpeg(), make.encoded(make.paper(), "PNG")],
    ids=["phone", "iphone", "on its side", "noise", "png"],
)
def test_the_register_gets_an_upright_small_jpeg_without_metadata(file: bytes) -> None:
    sent = faces.prepare(file)
    assert len(sent) <= 1024 * 1024
    with Image.open(io.BytesIO(sent)) as opened:
        assert opened.format == "JPEG"
        assert max(opened.size) <= 1280
        assert not opened.getexif()


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (b"", "请先拍一张"),
        (b"\xff\xd8\xff" + bytes(10 * 1024 * 1024), "10 MB"),
        (make.jpeg(150, 400), "看不清面部"),
        (make.png_of_zeros(9000, 9000), "尺寸太大"),
        (make.animated_png(), "动图"),
        (make.jpeg(900, 1200)[:3000], "打不开"),
    ],
    ids=["nothing", "too many bytes", "too small", "bomb", "moving", "cut off"],
)
def test_what_is_no_photo_of_a_face_is_refused_with_what_to_do(file: bytes, words: str) -> None:
    with pytest.raises(FaceNotUsable) as refused:
        faces.prepare(file)
    assert words in refused.value.sentence


def test_a_face_is_decoded_within_the_bounds_of_papers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    planted = tmp_path / "planted.py"
    planted.write_text("import sys\nsys.stdin.buffer.read()\nsys.exit(5)")
    monkeypatch.setattr(decoding, "_SCRIPT", planted)
    with pytest.raises(FaceNotUsable):
        faces.prepare(make.jpeg())


def importers(source: str) -> Iterator[str]:
    """The decoding libraries that a module imports."""
    for node in ast.walk(ast.parse(source)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        yield from (name for name in names if name.partition(".")[0] in ("PIL", "pillow_heif"))


def test_nothing_that_serves_people_decodes_a_picture_itself() -> None:
    planted = "def view():\n    from PIL import Image\n"
    assert list(importers(planted)) == ["PIL"]
    folders = [ROOT / name for name in ("citizen_services", "notifications", "workflows")]
    found = {
        file.relative_to(ROOT).as_posix()
        for folder in folders
        for file in folder.rglob("*.py")
        if any(importers(file.read_text(encoding="utf-8")))
    }
    assert found == {"citizen_services/materials/decoder.py", "citizen_services/sandbox/population.py"}
