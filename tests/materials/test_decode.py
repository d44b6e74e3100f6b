"""Decoding apart: what comes out of photos, honest and hostile, by the real process."""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from PIL import Image

from citizen_services.materials import decode as decoding
from citizen_services.materials.decode import Bounds, Picture, decode
from citizen_services.materials.errors import Busy, TooHard, TooLarge, Unreadable
from citizen_services.materials.judge import Judged, judge
from tests.house import ROOT
from tests.materials import pictures as make


def taken(file: bytes) -> Picture:
    """What is kept of a file."""
    return decode(file, judge(file))


def decoders() -> list[psutil.Process]:
    """The decoding processes of this one that live; servers of the tests are not among them."""
    return [one for one in psutil.Process().children() if one.name().startswith("python")]


def opened(photo: bytes) -> Image.Image:
    """A kept photo, decoded."""
    picture = Image.open(io.BytesIO(photo))
    picture.load()
    assert picture.format == "JPEG"
    return picture


def is_red(picture: Image.Image, x: float, y: float) -> bool:
    """Whether the red mark is at a place, given in parts of the sides."""
    red, green, blue = picture.convert("RGB").getpixel((int(picture.width * x), int(picture.height * y)))
    return red > 150 and green < 90 and blue < 90


def assert_upright_paper(file: Picture) -> None:
    """The paper, its red mark in the upper left and nowhere else."""
    for picture in (opened(file.photo), opened(file.thumbnail)):
        corners = [is_red(picture, x, y) for x, y in ((0.1, 0.1), (0.9, 0.1), (0.1, 0.9), (0.9, 0.9))]
        assert corners == [True, False, False, False]
        assert picture.width > picture.height


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_photo_stands_upright_however_the_camera_was_held(turn: int) -> None:
    kept = taken(make.held(turn))
    assert (kept.width, kept.height) == (640, 480)
    assert_upright_paper(kept)


@pytest.mark.parametrize("said", [0, 9, 65535])
def test_a_camera_that_says_nonsense_of_how_it_was_held_spoils_nothing(said: int) -> None:
    assert_upright_paper(taken(make.jpeg(exif=make.exif(said))))


@pytest.mark.parametrize(
    "remark",
    [
        # A directory that says to have 65535 entries, one that points to itself, one beyond the end, and noise.
        b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\x12\x01\x03\0\x01\0\0\0\x01\0\0\0" * 5000,
        # Words, and two values, where a number belongs.
        b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x02\0\0\0\x046\0\0\0\0\0\0\0",
        b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x02\xff\xff\xff\xff\0\0\0\0",
        b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x87\x69\0\x04\0\0\0\x01\0\0\0\x08\0\0\0\x08",
        b"Exif\0\0MM\0*\xff\xff\xff\xf0",
        b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x04\xff\xff\xff\xff\0\0\0\x08",
        b"Exif\0\0" + make.noise(60_000),
    ],
)
def test_a_bomb_in_what_the_camera_says_harms_nothing(remark: bytes) -> None:
    assert_upright_paper(taken(make.with_segment(make.jpeg(), 0xE1, remark)))


def test_nothing_but_pixels_is_kept() -> None:
    secret = make.PLACE.encode()
    file = make.jpeg(exif=make.exif(1), icc_profile=make.srgb_profile(), comment=secret, dpi=(350, 350))
    for content in (b"http://ns.adobe.com/xap/1.0/\0<x>" + secret, b"<script>alert(1)</script>"):
        file = make.with_segment(file, 0xE1, content)
    file += make.zip_file(content=secret) + b"<html>" + secret
    assert secret in file
    kept = taken(file)
    for part in (kept.photo, kept.thumbnail):
        picture = opened(part)
        assert not picture.getexif()
        assert set(picture.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
        assert picture.info.get("jfif_density") == (1, 1)
        assert picture.mode == "RGB"
        assert part.endswith(b"\xff\xd9")
        assert part.index(b"\xff\xd9") == len(part) - 2
        for trace in (secret, b"Exif", b"ICC_PROFILE", b"PK\x03\x04", b"script", b"PhoneMaker"):
            assert trace not in part
    assert_upright_paper(kept)


def test_every_kind_of_photo_becomes_the_same_kind_of_file() -> None:
    paper = make.paper()
    files = {
        "heic": make.heic(),
        "png": make.encoded(paper, "PNG"),
        "palette": make.encoded(paper.convert("P"), "PNG"),
        "transparent": make.encoded(paper.convert("RGBA"), "PNG"),
        "one transparent colour": make.encoded(paper.convert("P"), "PNG", transparency=3),
        "progressive": make.jpeg(progressive=True),
        "print colours": make.encoded(paper.convert("CMYK"), "JPEG"),
        "with a profile": make.jpeg(icc_profile=make.srgb_profile()),
        "two pictures": make.mpo(),
        "two pictures in HEIC": make.two_heic(),
    }
    for what, file in files.items():
        kept = taken(file)
        assert (kept.width, kept.height) == (640, 480), what
        assert_upright_paper(kept)
    grey = opened(taken(make.encoded(paper.convert("L"), "JPEG")).photo)
    assert grey.mode == "RGB"
    deep = Image.new("I;16", (640, 480), 0xF000)
    deep.paste(0x1000, (0, 0, 160, 120))
    scanned = opened(taken(make.encoded(deep, "PNG")).photo).convert("L")
    assert scanned.getpixel((10, 10)) < 40 < 200 < scanned.getpixel((600, 400))


def test_what_is_transparent_becomes_white_and_large_photos_small() -> None:
    clear = Image.new("RGBA", (640, 480), (0, 0, 0, 0))
    assert opened(taken(make.encoded(clear, "PNG")).photo).getpixel((300, 300)) == (255, 255, 255)
    kept = taken(make.jpeg(8064, 6048, quality=70))
    assert (kept.width, kept.height) == (2400, 1800)
    assert max(opened(kept.thumbnail).size) == 320
    assert_upright_paper(kept)
    kept = taken(make.heic(4032, 3024))
    assert (kept.width, kept.height) == (2400, 1800)


@pytest.mark.parametrize("size", [70_000, 3_000_000])
def test_a_huge_or_broken_colour_profile_is_left_out(size: int) -> None:
    assert_upright_paper(taken(make.jpeg(icc_profile=make.srgb_profile() + make.noise(size))))
    assert_upright_paper(taken(make.jpeg(icc_profile=make.noise(3000))))
    assert_upright_paper(taken(make.jpeg(icc_profile=make.srgb_profile()[:-300])))


@pytest.mark.parametrize("part", [0.3, 0.5, 0.8, 0.97])
@pytest.mark.parametrize("kind", ["jpeg", "png", "heic"])
def test_a_file_that_is_cut_off_is_told_as_such(kind: str, part: float) -> None:
    picture = Image.effect_noise((800, 600), 80).convert("RGB")
    file = make.encoded(picture, {"jpeg": "JPEG", "png": "PNG", "heic": "HEIF"}[kind])
    with pytest.raises(Unreadable) as refused:
        taken(file[: int(len(file) * part)])
    assert "没有传完整" in refused.value.sentence


def test_a_second_header_behind_the_judged_one_is_found_out() -> None:
    # The judge reads the first; a decoder may believe the second.
    second = make.header(30_000, 30_000, 1, 0)
    with pytest.raises((Unreadable, TooLarge, TooHard)):
        taken(make.png_with(second))
    small, large = make.jpeg(), make.png_of_zeros(9000, 9000, 1, 0)
    with pytest.raises(TooLarge):
        decode(large, Judged("png", 640, 480))
    frame = small.index(b"\xff\xc0")
    doubled = small[: frame + 19] + small[frame : frame + 5] + b"\xf0\xf0\xf0\xf0" + small[frame + 9 :]
    with pytest.raises((Unreadable, TooLarge)):
        taken(doubled)


def test_compressed_remarks_that_unpack_to_gigabytes_are_refused_or_left_out() -> None:
    zeros = make.compressed_zeros(1 << 30)
    for remark in (b"iCCP" + b"x\0\0", b"zTXt" + b"x\0\0", b"iTXt" + b"x\0\1\0\0\0"):
        file = make.png_with(make.chunk(remark[:4], remark[4:] + zeros))
        try:
            kept = taken(file)
        except (Unreadable, TooHard):
            continue
        assert len(kept.photo) < 200_000


def test_an_honest_looking_bomb_is_killed_by_memory_or_time() -> None:
    # 25 million pixels with four channels of 16 bits: allowed by its header, and more than the bound given here.
    bomb = make.png_of_zeros(5000, 5000, 16, 6)
    assert len(bomb) < 1_000_000
    with pytest.raises(TooHard):
        decode(bomb, judge(bomb), Bounds(memory=150 * 1024 * 1024))
    scans = make.scan_bomb()
    begun = time.monotonic()
    with pytest.raises(TooHard):
        decode(scans, judge(scans), Bounds(cpu_s=1))
    assert time.monotonic() - begun < 8
    begun = time.monotonic()
    with pytest.raises(TooHard) as refused:
        decode(scans, judge(scans), Bounds(wall_s=0.5))
    assert time.monotonic() - begun < 8
    assert "普通拍照模式" in refused.value.sentence
    assert not decoders()


def test_the_bounds_are_wide_enough_for_the_largest_honest_photos() -> None:
    picture = make.paper(8900, 6700)
    for file in (
        make.encoded(picture, "JPEG", quality=85, progressive=True, subsampling=0),
        make.encoded(make.paper(5770, 4330).convert("RGBA"), "PNG"),
        make.encoded(make.paper(8064, 6048), "HEIF", quality=40, enc_params={"preset": "ultrafast"}),
    ):
        kept = taken(file)
        assert max(kept.width, kept.height) == 2400
        assert_upright_paper(kept)


_GROWTH = """
import sys
sys.path.insert(0, {root!r})
from citizen_services.materials.decode import Bounds, decode
from citizen_services.materials.errors import MaterialError
from citizen_services.materials.judge import judge, Judged
def most():
    return int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0])
files = [open(name, "rb").read() for name in sys.argv[2:]]
if sys.argv[1] == "planted":
    import io
    from PIL import Image
    Image.MAX_IMAGE_PIXELS = None
before = most()
for file in files:
    if sys.argv[1] == "planted":
        Image.open(io.BytesIO(file)).load()
        continue
    for judged in (judge(file), Judged("png", 640, 480)):
        try:
            decode(file, judged, Bounds(wall_s=10))
        except MaterialError as refused:
            print(type(refused).__name__, file=sys.stderr)
print(most() - before)
"""


def test_a_bomb_takes_no_memory_of_the_process_that_serves_people(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.png"
    bomb.write_bytes(make.png_of_zeros(5000, 5000, 8, 6))

    def growth(how: str) -> int:
        script = _GROWTH.format(root=str(ROOT))
        done = subprocess.run(
            [sys.executable, "-c", script, how, str(bomb)], capture_output=True, text=True, check=True, timeout=60
        )
        return int(done.stdout)

    assert growth("apart") < 20 * 1024
    # Planted: decoding it here is what this test would see.
    assert growth("planted") > 90 * 1024


def test_no_more_than_two_are_decoded_at_once_and_nobody_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    file = make.encoded(make.paper(4000, 3000).convert("RGBA"), "PNG")
    done: list[Picture] = []
    threads = [threading.Thread(target=lambda: done.append(taken(file))) for _ in range(5)]
    for thread in threads:
        thread.start()
    most = 0
    while any(thread.is_alive() for thread in threads):
        most = max(most, len(decoders()))
        time.sleep(0.005)
    assert len(done) == 5
    assert most == 2
    monkeypatch.setattr(decoding, "PATIENCE_S", 0.1)
    monkeypatch.setattr(decoding, "_places", threading.BoundedSemaphore(1))
    with decoding._place(), pytest.raises(Busy) as refused:
        taken(file)
    assert "请稍等几秒" in refused.value.sentence
    assert taken(file).width == 2400


_CONFINED = """
import resource, socket, sys
sys.path.insert(0, {root!r})
from citizen_services.materials.decoder import confine
confine(300 * 1024 * 1024, 5)
for what in (lambda: socket.socket(), lambda: open("/etc/hostname"), lambda: open("/tmp/x", "w"),
             lambda: __import__("os").pipe(), lambda: bytearray(400 * 1024 * 1024)):
    try:
        what()
        print("did it")
    except (OSError, MemoryError) as fault:
        print(type(fault).__name__)
print(resource.getrlimit(resource.RLIMIT_CORE))
"""


def test_the_decoding_process_can_open_nothing_and_knows_nothing_of_the_house(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = _CONFINED.format(root=str(ROOT))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.splitlines() == ["OSError"] * 4 + ["MemoryError", "(0, 0)"]
    monkeypatch.setenv("SECRET_KEY", "known-to-the-parent")
    code, said = _planted(
        monkeypatch, tmp_path, "import os, sys\nsys.stdout.write(repr(dict(os.environ)) + os.getcwd())"
    )
    assert code == 0
    assert b"known-to-the-parent" not in said
    assert said.endswith(b"/")
    assert set(ast.literal_eval(said[:-1].decode())) <= {"MALLOC_ARENA_MAX", "LC_ALL", "LC_CTYPE"}


def _planted(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> tuple[int, bytes]:
    """Run another script in the decoder's place: what a decoder does that was taken over by a file."""
    path = folder / "planted.py"
    path.write_text(script)
    monkeypatch.setattr(decoding, "_SCRIPT", path)
    return decoding._run(bytes(5_000_000), Judged("jpeg", 640, 480), Bounds(wall_s=5))


_TAKEN_OVER: dict[str, tuple[str, Callable[[int, bytes], bool]]] = {
    "answers without end": (
        "import sys\nsys.stdin.buffer.read()\nwhile True: sys.stdout.buffer.write(bytes(1 << 20))",
        lambda code, said: code == -9 and len(said) <= 14 * 1024 * 1024,
    ),
    "reads nothing": ("import sys\nsys.exit(3)", lambda code, said: code == 3 and not said),
    "closes its ears and waits": (
        "import os, time\nos.close(0)\nos.close(1)\ntime.sleep(60)",
        lambda code, said: code == -9 and not said,
    ),
}


@pytest.mark.parametrize("what", _TAKEN_OVER)
def test_a_decoder_that_was_taken_over_is_ended(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script, expected = _TAKEN_OVER[what]
    begun = time.monotonic()
    code, said = _planted(monkeypatch, tmp_path, script)
    assert expected(code, said), (code, len(said))
    assert time.monotonic() - begun < 10
    assert not decoders()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"GIF89a",
        b"\0\0\2\0" * 2 + b"\0\0\0\x04" * 2 + b"\xff\xd8\xff\xe0" + b"<svg",
        b"\0\0\2\0" * 2 + b"\0\0\0\x04" * 2 + b"\xff\xd8\xff\xe0" * 3,
        b"\0\1\0\0" * 2 + b"\0\0\0\x04" * 2 + b"\xff\xd8\xff\xe0" * 2,
        b"\0\0\0\0" * 2 + b"\0\0\0\x04" * 2 + b"\xff\xd8\xff\xe0" * 2,
    ],
)
def test_an_answer_that_is_none_is_not_believed(answer: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "planted.py"
    path.write_text(f"import sys\nsys.stdin.buffer.read()\nsys.stdout.buffer.write({answer!r})")
    monkeypatch.setattr(decoding, "_SCRIPT", path)
    with pytest.raises(TooHard):
        decode(b"anything", Judged("jpeg", 640, 480))
