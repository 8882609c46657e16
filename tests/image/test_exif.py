"""EXIF: the right time, the camera, the position; never a crash."""

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.ExifTags import IFD, Base

from tasks.image import exif
from tasks.image.decode import decode


def made(main: dict[int, Any] | None = None, details: dict[int, Any] | None = None, gps: Any = None) -> Image.Exif:
    block = Image.Exif()
    for tag, value in (main or {}).items():
        block[tag] = value
    block.get_ifd(IFD.Exif).update(details or {})
    if gps is not None:
        block.get_ifd(IFD.GPSInfo).update(gps)
    return block


def test_captured_at__uses_the_stated_offset() -> None:
    block = made(details={Base.DateTimeOriginal: "2026:05:04 08:30:00", Base.OffsetTimeOriginal: "+02:00"})
    assert exif.captured_at(block) == datetime(2026, 5, 4, 6, 30, tzinfo=UTC)


def test_captured_at__else_the_zone_of_the_settings() -> None:
    block = made(details={Base.DateTimeOriginal: "2026:05:04 08:30:00", Base.SubsecTimeOriginal: "25"})
    assert exif.captured_at(block, ZoneInfo("Asia/Tokyo")) == datetime(2026, 5, 3, 23, 30, 0, 250_000, tzinfo=UTC)


@pytest.mark.parametrize(("fraction", "microsecond"), [("9" * 17, 999_999), ("29", 290_000), ("0000001", 0), ("x", 0)])
def test_captured_at__fractions_of_a_second(fraction: str, microsecond: int) -> None:
    block = made(details={Base.DateTimeOriginal: "2026:05:04 08:30:00", Base.SubsecTimeOriginal: fraction})
    assert exif.captured_at(block) == datetime(2026, 5, 4, 8, 30, 0, microsecond, tzinfo=UTC)


def test_captured_at__else_the_digitized_time() -> None:
    block = made(details={Base.DateTimeOriginal: "0000:00:00 00:00:00", Base.DateTimeDigitized: "2001:02:03 04:05:06"})
    assert exif.captured_at(block) == datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("make", "model", "camera"),
    [("Canon", "Canon EOS 40D", "Canon EOS 40D"), ("Apple", "iPhone 11", "Apple iPhone 11"), (None, None, None),
     ("NIKON CORPORATION", "NIKON D70", "NIKON D70"), ("X\0junk", "\x07Y ", "X Y")],
)  # fmt: skip
def test_camera__make_and_model(make: str | None, model: str | None, camera: str | None) -> None:
    tags = {Base.Make: make, Base.Model: model}
    assert exif.camera(made({tag: value for tag, value in tags.items() if value})) == camera


def test_position__degrees_with_their_sign() -> None:
    gps = {1: "S", 2: (12.0, 30.0, 0.0), 3: "W", 4: (45.0, 0.0, 36.0)}
    assert exif.position(made(gps=gps)) == (-12.5, -45.01)


@given(st.one_of(st.none(), st.text(), st.binary(), st.floats(), st.tuples(st.floats(), st.floats(), st.floats())))
def test_everything__survives_any_value(value: Any) -> None:
    class Broken(dict):  # type: ignore[type-arg]
        def get(self, _key: Any, _default: Any = None) -> Any:
            return value

        def get_ifd(self, _name: Any) -> Any:
            return dict.fromkeys(range(40_000, 40_010), value) | dict.fromkeys(
                [*range(8), *range(36_860, 36_890)], value
            )

    block: Any = Broken()
    taken, maker, found, place = (
        exif.captured_at(block),
        exif.camera(block),
        exif.settings(block),
        exif.position(block),
    )
    assert taken is None or taken.tzinfo is UTC
    assert maker is None or (maker == maker.strip() and 0 < len(maker) <= 401)
    for name, setting in found.items():
        assert setting if isinstance(setting, str) else math.isfinite(setting), name
    assert {name for name, setting in found.items() if isinstance(setting, str)} <= {"make", "model", "lens"}
    assert place is None or (abs(place[0]) <= 90 and abs(place[1]) <= 180)


@pytest.mark.parametrize(
    ("file", "taken", "camera", "located"),
    [
        ("heic/IMG_5195.HEIC", datetime(2021, 4, 11, 20, 47, 53, 54_000, tzinfo=UTC), "Apple iPhone 11 Pro Max", True),
        ("jpg/Canon_40D.jpg", datetime(2008, 5, 30, 15, 56, 1, tzinfo=UTC), "Canon EOS 40D", False),
        ("jpg/gps/DSCN0010.jpg", datetime(2008, 10, 22, 16, 28, 39, tzinfo=UTC), "NIKON COOLPIX P6000", True),
        ("jpg/xmp/BlueSquare.jpg", None, None, False),
    ],
)
def test_real_files(data: Path, file: str, taken: datetime | None, camera: str | None, located: bool) -> None:
    block = decode((data / "exif" / "samples" / file).read_bytes(), max_pixels=10**8, short_side=256).exif
    assert exif.captured_at(block) == taken
    assert exif.camera(block) == camera
    assert (exif.position(block) is not None) == located
    assert not any("gps" in name.lower() for name in exif.settings(block))
