"""The example source: a few hundred messy files, made of photographs that scikit-image and scikit-learn install.

Crops of known photographs (labels.csv names their class), slow camera pans, near-copies (smaller, re-encoded, mirrored,
grey, turned), exact copies, other formats, and broken files. The same files, byte for byte, each time.
"""

import csv
import datetime
import io
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from PIL.ExifTags import IFD, Base

from tasks.image.decode import Pixels
from tasks.store.errors import UsageError

PHOTOGRAPHS = {
    "astronaut": "person",
    "chelsea": "cat",
    "china": "building",
    "coffee": "cup",
    "flower": "flower",
    "gravel": "texture",
    "grass": "texture",
    "hubble_deep_field": "sky",
    "motorcycle_left": "motorcycle",
    "retina": "retina",
    "rocket": "rocket",
}
"""Photographs that the packages install (larger than 400 pixels and clearly different), and their class."""

SIZE = (320, 240)
CROPS = 14
PAN = 6
EPOCH = datetime.datetime(2026, 5, 4, 6, 0, 0, tzinfo=datetime.UTC)


@dataclass(frozen=True)
class File:
    """One file to write: its name in the source, its bytes, when it was taken, and its class if it has one."""

    name: str
    content: bytes
    taken: datetime.datetime
    label: str | None = None


def write_example(folder: str) -> int:
    """Write the example source; how many files it has. Files that are there already, the same, are left alone.

    Raises:
        UsageError: something else is there, or the folder cannot be written.
    """
    place = Path(folder)
    if place.exists() and not place.is_dir():
        raise UsageError(f"{place} is a file; name a folder.")
    if place.is_dir() and any(place.iterdir()) and not (place / "labels.csv").exists():
        raise UsageError(f"{place} holds other files; name a folder that is empty or not there yet.")
    files = list(_files())
    labels = io.StringIO()
    csv.writer(labels, lineterminator="\n").writerows(
        [("file", "label"), *((file.name, file.label) for file in files if file.label)]
    )
    files += [
        File("labels.csv", labels.getvalue().encode(), EPOCH),
        File(
            "NOTES.txt",
            b"Photographs of scikit-image and scikit-learn, cut up and spoilt on purpose.\n",
            EPOCH,
        ),
    ]
    try:
        for file in files:
            _write(place / file.name, file)
    except OSError as error:
        raise UsageError(f"{place} cannot be written ({error.strerror}).") from error
    return len(files)


def _write(place: Path, file: File) -> None:
    stamp = file.taken.timestamp()
    if place.exists() and place.read_bytes() == file.content and place.stat().st_mtime == stamp:
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(file.content)
    os.utime(place, (stamp, stamp))


def _files() -> Iterator[File]:
    for number, (name, label) in enumerate(PHOTOGRAPHS.items()):
        photograph = _photograph(name)
        taken = EPOCH + datetime.timedelta(days=number // 4, hours=number % 4)
        camera = f"camera-{number % 3 + 1}"
        yield from _crops(photograph, name, label, camera, taken)
        yield from _pan(photograph, name, label, camera, taken + datetime.timedelta(minutes=30))
        yield from _near_copies(photograph, name, taken + datetime.timedelta(hours=1))
    yield from _other_formats(_photograph("coffee"))
    yield from _broken(_photograph("rocket"))


def _photograph(name: str) -> Pixels:
    """RGB pixels of an installed photograph."""
    if name in ("china", "flower"):
        from sklearn.datasets import load_sample_image

        return np.asarray(load_sample_image(f"{name}.jpg"))
    import skimage

    folder = Path(skimage.__file__).parent / "data"
    found = next(folder.glob(f"{name}.*"))
    return np.asarray(Image.open(found).convert("RGB"))


def _crops(photograph: Pixels, name: str, label: str, camera: str, taken: datetime.datetime) -> Iterator[File]:
    """Windows of different places and sizes, a minute apart."""
    chance = np.random.default_rng(list(name.encode()))
    height, width = photograph.shape[:2]
    for number in range(CROPS):
        scale = chance.uniform(0.45, 0.9)
        wide = int(min(width, height * SIZE[0] / SIZE[1]) * scale)
        high = wide * SIZE[1] // SIZE[0]
        left, top = chance.integers(0, width - wide + 1), chance.integers(0, height - high + 1)
        window = cv2.resize(photograph[top : top + high, left : left + wide], SIZE, interpolation=cv2.INTER_AREA)
        moment = taken + datetime.timedelta(minutes=number)
        yield File(f"{camera}/{name}-{number:02d}.jpg", _jpeg(window, camera, moment), moment, label)


def _pan(photograph: Pixels, name: str, label: str, camera: str, taken: datetime.datetime) -> Iterator[File]:
    """A camera that moves by two pixels a frame: frames a person would call the same picture."""
    height, width = photograph.shape[:2]
    wide = int(min(width, height * SIZE[0] / SIZE[1]) * 0.95)
    high = wide * SIZE[1] // SIZE[0]
    for number in range(PAN):
        left = min(2 * number, width - wide)
        window = cv2.resize(photograph[:high, left : left + wide], SIZE, interpolation=cv2.INTER_AREA)
        moment = taken + datetime.timedelta(seconds=number)
        yield File(f"{camera}/pan-{name}-{number:02d}.jpg", _jpeg(window, camera, moment), moment, label)


def _near_copies(photograph: Pixels, name: str, taken: datetime.datetime) -> Iterator[File]:
    """The whole photograph, and what happens to photographs that are passed on."""
    whole = cv2.resize(
        photograph, (480, 480 * photograph.shape[0] // photograph.shape[1]), interpolation=cv2.INTER_AREA
    )
    small = cv2.resize(whole, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    grey = np.repeat(cv2.cvtColor(whole, cv2.COLOR_RGB2GRAY)[:, :, None], 3, axis=2)
    versions = {
        "original": _jpeg(whole, "archive", taken),
        "again": _jpeg(whole, "archive", taken),
        "resized": _jpeg(small, "archive", taken),
        "recompressed": _jpeg(whole, "archive", taken, quality=35),
        "mirrored": _jpeg(np.ascontiguousarray(whole[:, ::-1]), "archive", taken),
        "turned": _jpeg(np.ascontiguousarray(np.rot90(whole)), "archive", taken),
        "grey": _jpeg(grey, "archive", taken),
    }
    for version, content in versions.items():
        yield File(f"archive/{name} ({version}).jpg", content, taken)


def _other_formats(photograph: Pixels) -> Iterator[File]:
    """The formats and modes that cameras and people produce, each of another part of the picture."""
    parts = [
        cv2.resize(photograph[top : top + 200, left : left + 260], SIZE) for top in (0, 190) for left in (0, 160, 330)
    ]
    images = [Image.fromarray(part) for part in parts]
    for name, image, options in (
        ("upload.png", images[0], {"format": "PNG"}),
        ("upload.webp", images[1], {"format": "WEBP", "quality": 80}),
        ("scan.tif", images[2], {"format": "TIFF", "compression": "tiff_deflate"}),
        ("screenshot.bmp", images[3], {"format": "BMP"}),
        ("animation.gif", images[4].quantize(64), {"format": "GIF"}),
        ("print.jpg", images[5].convert("CMYK"), {"format": "JPEG", "quality": 90}),
    ):
        content = io.BytesIO()
        image.save(content, **options)
        yield File(f"uploads/{name}", content.getvalue(), EPOCH)
    deep = cv2.cvtColor(cv2.resize(photograph, SIZE), cv2.COLOR_RGB2GRAY).astype(np.uint16) * 13 + 1000
    content = io.BytesIO()
    Image.fromarray(deep).save(content, format="PNG")
    yield File("uploads/thermal-16bit.png", content.getvalue(), EPOCH)


def _broken(photograph: Pixels) -> Iterator[File]:
    """Files that no run should stumble over."""
    good = _jpeg(cv2.resize(photograph, SIZE), "broken", EPOCH)
    content = io.BytesIO()
    Image.fromarray(photograph[:240, :320]).save(content, format="PNG")
    png = content.getvalue()
    header = b"IHDR" + (200_000).to_bytes(4, "big") * 2 + png[24:29]
    claims = png[:12] + header + zlib.crc32(header).to_bytes(4, "big") + png[33:]
    for name, spoilt in {
        "empty.jpg": b"",
        "cut off.jpg": good[: len(good) // 2],
        "cut off with an end mark.jpg": good[: len(good) // 2] + b"\xff\xd9",
        "zeros in the middle.jpg": good[: len(good) // 3] + bytes(2048) + good[len(good) // 3 + 2048 :],
        "not a picture.jpg": b"<html><script>alert('no')</script></html>\n",
        "cut off.png": png[: len(png) // 2],
        "claims 40 gigapixels.png": claims,
        "<b>odd</b> & 'name' \u00e4\u00f6\u00fc.jpg": good[:200],
    }.items():
        yield File(f"broken/{name}", spoilt, EPOCH)


def _jpeg(pixels: Pixels, camera: str, taken: datetime.datetime, quality: int = 90) -> bytes:
    exif = Image.Exif()
    exif[Base.Make] = "Winnow"
    exif[Base.Model] = camera
    details = exif.get_ifd(IFD.Exif)
    details[Base.DateTimeOriginal] = taken.strftime("%Y:%m:%d %H:%M:%S")
    details[Base.OffsetTimeOriginal] = "+00:00"
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, format="JPEG", quality=quality, exif=exif)
    return content.getvalue()
