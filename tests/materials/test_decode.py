"""What comes out of photos, honest and hostile, by the real process."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from citizen_services.materials.decode import Picture, decode
from citizen_services.materials.errors import TooHard, TooLarge, Unreadable
from citizen_services.materials.judge import Judged, judge
from tests.materials import pictures as make


def taken(file: bytes) -> Picture:
    """What is kept of a file."""
    return decode(file, judge(file))


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


@pytest.mark.parametrize("more", [{}, {"icc_profile": make.srgb_profile()}])
def test_nothing_but_pixels_is_kept(more: dict[str, bytes]) -> None:
    secret = make.PLACE.encode()
    file = make.jpeg(exif=make.exif(1), comment=secret, dpi=(350, 350), **more)
    for content in (b"http:" + b"//ns.adobe.com/xap/1.0/\0<x>" + secret, b"<script>alert(1)</script>"):
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
    file = make.noisy(kind)
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


def test_the_bounds_are_wide_enough_for_the_largest_honest_photos() -> None:
    picture = make.paper(8900, 6700)
    for file in (
        make.encoded(picture, "JPEG", quality=85, progressive=True, subsampling=0),
        make.encoded(make.paper(5770, 4330).convert("RGBA"), "PNG"),
        make.heic(8064, 6048),
    ):
        kept = taken(file)
        assert max(kept.width, kept.height) == 2400
        assert_upright_paper(kept)
