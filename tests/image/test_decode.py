"""Decoding: every format upright, every damage named, no bomb goes off."""

import csv
import io
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms
from PIL.ExifTags import Base

from tasks.image.decode import Undecodable, decode, upright
from tasks.store.reasons import Reject
from tests.made import jpeg, photograph

LIMIT = 200_000_000


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    content = io.BytesIO()
    image.save(content, format=form, **options)
    return content.getvalue()


@pytest.mark.parametrize(
    ("form", "mode", "tolerance"),
    [
        ("JPEG", "RGB", 6), ("JPEG", "L", 40), ("JPEG", "CMYK", 12), ("PNG", "RGB", 0), ("PNG", "RGBA", 0),
        ("PNG", "P", 40), ("PNG", "L", 40), ("PNG", "LA", 40), ("PNG", "1", 140), ("WEBP", "RGB", 12),
        ("TIFF", "RGB", 0), ("TIFF", "CMYK", 2), ("BMP", "RGB", 0), ("GIF", "P", 40), ("AVIF", "RGB", 12),
        ("HEIF", "RGB", 14), ("PPM", "RGB", 0), ("JPEG2000", "RGB", 2),
    ],
)  # fmt: skip
def test_decode__formats_and_modes(form: str, mode: str, tolerance: int) -> None:
    scene = photograph(1)
    picture = decode(saved(Image.fromarray(scene).convert(mode), form), max_pixels=LIMIT)
    assert picture.pixels.shape == scene.shape
    assert (picture.width, picture.height, picture.format) == (96, 72, form)
    grey = mode in ("L", "LA", "1")
    expected = np.asarray(Image.fromarray(scene).convert("L").convert("RGB")) if grey else scene
    assert np.abs(picture.pixels.astype(int) - expected).mean() <= tolerance


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_decode__sixteen_bits_are_stretched(form: str) -> None:
    ramp = np.linspace(1000, 3000, 64 * 64).reshape(64, 64).astype(np.uint16)
    pixels = decode(saved(Image.fromarray(ramp), form), max_pixels=LIMIT).pixels
    assert pixels.min() == 0
    assert pixels.max() == 255
    assert np.all(np.diff(pixels[:, :, 0].ravel().astype(int)) >= 0)


def test_decode__floats_with_holes_are_stretched() -> None:
    values = np.linspace(-1, 1, 64 * 64).reshape(64, 64).astype(np.float32)
    values[0, 0] = np.nan
    pixels = decode(saved(Image.fromarray(values), "TIFF"), max_pixels=LIMIT).pixels
    assert int(pixels.max()) - int(pixels.min()) == 255


def test_decode__transparency_is_laid_on_white() -> None:
    clear = Image.new("RGBA", (10, 10), (200, 0, 0, 0))
    assert decode(saved(clear, "PNG"), max_pixels=LIMIT).pixels.min() == 255


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "WEBP", "PNG", "TIFF"])
def test_decode__is_upright_for_every_orientation(orientation: int, form: str) -> None:
    scene = photograph(2)
    flipped = scene[::-1, ::-1]
    stored = {1: scene, 2: scene[:, ::-1], 3: flipped, 4: scene[::-1], 5: scene.transpose(1, 0, 2),
              6: np.rot90(scene), 7: flipped.transpose(1, 0, 2), 8: np.rot90(scene, 3)}[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = saved(Image.fromarray(np.ascontiguousarray(stored)), form, exif=exif)
    picture = decode(content, max_pixels=LIMIT)
    assert (picture.width, picture.height) == (96, 72)
    assert np.abs(picture.pixels.astype(int) - scene).mean() < 8


def test_decode__scaled_is_the_same_picture_smaller() -> None:
    scene = photograph(3, 1600, 1200)
    full = decode(jpeg(scene), max_pixels=LIMIT)
    scaled = decode(jpeg(scene), max_pixels=LIMIT, short_side=256)
    assert min(scaled.pixels.shape[:2]) >= 256
    assert scaled.pixels.size < full.pixels.size / 4
    assert (scaled.width, scaled.height) == (full.width, full.height) == (1600, 1200)


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_decode__a_plain_jpeg_is_what_pillow_sees(mode: str) -> None:
    image = Image.fromarray(photograph(3, 700, 500)).convert(mode)
    exif = Image.Exif()
    exif[Base.Make] = "Winnow"
    plain = decode(saved(image, "JPEG"), max_pixels=LIMIT, short_side=256)
    other = decode(saved(image, "JPEG", exif=exif), max_pixels=LIMIT, short_side=256)
    assert np.array_equal(plain.pixels, other.pixels)
    assert (plain.width, plain.height, plain.format, plain.mode) == (700, 500, "JPEG", mode)
    assert (other.width, other.height, other.format, other.mode) == (700, 500, "JPEG", mode)
    assert (dict(plain.exif), dict(other.exif)) == ({}, {Base.Make: "Winnow"})


@pytest.mark.parametrize(
    ("size", "expected"),
    [((1023, 511), (1023, 511)), ((1025, 513), (513, 257)), ((1111, 1600), (278, 400)), ((96, 72), (96, 72))],
)
def test_decode__only_at_scales_that_are_quick(size: tuple[int, int], expected: tuple[int, int]) -> None:
    pixels = decode(jpeg(photograph(3, *size)), max_pixels=LIMIT, short_side=256).pixels
    assert (pixels.shape[1], pixels.shape[0]) == expected


@pytest.mark.parametrize(
    "damage",
    ["cut", "cut with an end mark", "zeros", "png cut", "webp cut", "tiff cut"],
)
def test_decode__damage_is_named(damage: str) -> None:
    good = jpeg(photograph(4, 640, 480))
    image = Image.fromarray(photograph(4, 640, 480))
    half = {
        "cut": lambda: good[: len(good) * 7 // 10],
        "cut with an end mark": lambda: good[: len(good) * 7 // 10] + b"\xff\xd9",
        "zeros": lambda: good[: len(good) // 2] + bytes(1024) + good[len(good) // 2 + 1024 :],
        "png cut": lambda: saved(image, "PNG")[:-2000],
        "webp cut": lambda: saved(image, "WEBP")[:-2000],
        "tiff cut": lambda: saved(image, "TIFF", compression="tiff_lzw")[:4000],
    }[damage]()
    with pytest.raises(Undecodable) as told:
        decode(half, max_pixels=LIMIT, short_side=256)
    assert told.value.reason in (Reject.DAMAGED, Reject.NOT_AN_IMAGE)


def test_decode__trailing_garbage_is_no_damage() -> None:
    assert decode(jpeg(photograph(5)) + bytes(64), max_pixels=LIMIT).width == 96


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", Reject.EMPTY), (b"no picture", Reject.NOT_AN_IMAGE), (b"<svg/>", Reject.NOT_AN_IMAGE)],
)
def test_decode__what_is_no_picture(content: bytes, reason: Reject) -> None:
    with pytest.raises(Undecodable) as told:
        decode(content, max_pixels=LIMIT)
    assert told.value.reason == reason


def test_decode__too_many_pixels_are_refused_before_they_are_read() -> None:
    with pytest.raises(Undecodable) as told:
        decode(jpeg(photograph(6)), max_pixels=96 * 72 - 1)
    assert told.value.reason == Reject.TOO_MANY_PIXELS
    assert decode(jpeg(photograph(6)), max_pixels=96 * 72).width == 96


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_decode__any_spoilt_bytes_give_pixels_or_a_reason(data: st.DataObject) -> None:
    form = data.draw(st.sampled_from(["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"]))
    content = bytearray(saved(Image.fromarray(photograph(7, 48, 32)), form))
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        picture = decode(bytes(content), max_pixels=1_000_000)
    except Undecodable:
        return
    assert picture.pixels.dtype == np.uint8
    assert picture.pixels.ndim == 3


@given(st.integers(-3, 12))
def test_upright__odd_orientations_leave_the_picture(orientation: int) -> None:
    scene = photograph(8)
    if orientation not in range(2, 9):
        assert np.array_equal(upright(scene, orientation), scene)


def test_decode__real_hostile_files_as_well_as_pillow_does(data: Path) -> None:
    for row in csv.DictReader((data / "hostile" / "MANIFEST.csv").open()):
        content = (data / "hostile" / row["file"]).read_bytes()
        started = time.process_time()
        try:
            decode(content, max_pixels=LIMIT, short_side=256)
            fine = True
        except Undecodable:
            fine = False
        assert fine == (row["pillow_result"] == "ok"), row
        assert time.process_time() - started < 2, row


def test_decode__real_upright_examples_look_alike(data: Path) -> None:
    for kind in ("Landscape", "Portrait"):
        reference = decode(
            (data / "exif" / "orientation" / f"{kind}_1.jpg").read_bytes(), max_pixels=LIMIT, short_side=256
        )
        for number in range(2, 9):
            other = decode(
                (data / "exif" / "orientation" / f"{kind}_{number}.jpg").read_bytes(), max_pixels=LIMIT, short_side=256
            )
            assert other.pixels.shape == reference.pixels.shape
            difference = np.abs(other.pixels.astype(int) - reference.pixels)
            assert np.median(difference) < 12, (kind, number)


def test_decode__an_embedded_colour_profile_is_no_obstacle() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert decode(jpeg(photograph(9), icc_profile=profile), max_pixels=LIMIT).width == 96
