"""Contact sheets: the pictures of all samples, small, many in one file; a sheet is drawn once, when it is full."""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import pyarrow as pa
import simplejpeg

from tasks.image.decode import Pixels
from tasks.store import staging, tables
from tasks.store.root import Root

CELL = 96
"""Pixels a side: no picture on a sheet is larger. Blocks of JPEG are 16 pixels, so pictures do not bleed."""

ACROSS = 16
A_SHEET = ACROSS * ACROSS
QUALITY = 72
GREY = 128


@dataclass(frozen=True)
class Sheets:
    """Where the pictures are: `ids[n]` (None for a sample that is gone) in cell n % A_SHEET of sheet n // A_SHEET."""

    ids: list[str | None]
    names: list[str]
    byte_size: int


def draw_sheets(root: Root, samples: Sequence[str], still: Callable[[list[str]], set[str]]) -> Sheets:
    """Bring the sheets up to date; the cost grows with what is new.

    Args:
        root: where the dataset is.
        samples: those that the page shows, new ones last.
        still: which of some samples, on the sheets and not on the page, are there still.
    """
    before = staging.read_rows(root, _order_uri(root))
    drawn = _drawn(before)
    cells = before["sample_id"].to_pylist() if before else []
    left_out = [sample for sample in set(cells) - set(samples) if sample is not None]
    ids = in_cells(cells, [*samples, *still(left_out)] if left_out else samples)
    members = [ids[start : start + A_SHEET] for start in range(0, len(ids), A_SHEET)]
    names = [sheet_name(number, sheet) for number, sheet in enumerate(members)]
    missing = [(name, sheet) for name, sheet in zip(names, members, strict=True) if name not in drawn]
    sizes = {**drawn, **_draw(root, missing)}
    if missing:
        metadata = {name: str(sizes[name]) for name in names}
        order = pa.table({"sample_id": pa.array(ids, pa.string())}).replace_schema_metadata(metadata)
        staging.write_rows(root, _order_uri(root), order)
    return Sheets(ids, names, sum(sizes[name] for name in names))


def forget_older_sheets(root: Root, sheets: Sheets) -> None:
    """Remove the sheets that `sheets` has no more; called when the page that showed them is replaced."""
    kept = set(sheets.names)
    for entry in list(root.storage.list(root.at("reports", "thumbnails"))):
        if not isinstance(entry, str) and entry.uri.rpartition("/")[2] not in kept:
            root.storage.delete(entry.uri)


def sheet_uri(root: Root, name: str) -> str:
    """Where a sheet is."""
    return root.at("reports", "thumbnails", name)


def in_cells(before: list[str | None], samples: Sequence[str]) -> list[str | None]:
    """Who is in which cell: nobody moves, new ones come last, the cells of those who are gone stay empty."""
    there = set(samples)
    known = set(before)
    return [sample if sample in there else None for sample in before] + [one for one in samples if one not in known]


def sheet_name(number: int, members: Sequence[str | None]) -> str:
    """Name of a sheet, another one for other members, so that no reader meets the pictures of another order."""
    return f"{number:05d}-{hashlib.blake2b(repr(list(members)).encode(), digest_size=6).hexdigest()}.jpg"


def contain(thumbnail: bytes) -> Pixels:
    """A thumbnail fitted into a cell, (h, w, 3) uint8; grey if it cannot be decoded."""
    try:
        pixels = simplejpeg.decode_jpeg(thumbnail, "RGB", min_height=CELL, min_width=CELL, min_factor=1)
    except ValueError:
        return np.full((CELL, CELL, 3), GREY, np.uint8)
    height, width = pixels.shape[:2]
    scale = CELL / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    fitted: Pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return fitted


def _draw(root: Root, missing: list[tuple[str, list[str | None]]]) -> dict[str, int]:
    """Draw and write sheets; bytes by name."""
    sizes: dict[str, int] = {}

    def draw(work: tuple[str, list[bytes | None]]) -> None:
        name, pictures = work
        content = simplejpeg.encode_jpeg(_sheet(pictures), QUALITY, "RGB", "420")
        root.storage.write(sheet_uri(root, name), content)
        sizes[name] = len(content)

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for several in _with_pictures(root, missing):
            list(pool.map(draw, several))
    return sizes


def _with_pictures(
    root: Root, missing: list[tuple[str, list[str | None]]]
) -> Iterator[list[tuple[str, list[bytes | None]]]]:
    """Some sheets at a time with the thumbnails of their members."""
    samples = tables.open_table(root, "samples")
    for start in range(0, len(missing), 8):
        some = missing[start : start + 8]
        wanted = [sample for _, members in some for sample in members if sample is not None]
        rows = tables.lookup(samples, "sample_id", wanted, ["thumbnail"])
        found = dict(zip(rows["sample_id"].to_pylist(), rows["thumbnail"].to_pylist(), strict=True))
        yield [(name, [found.get(sample) for sample in members]) for name, members in some]


def _sheet(pictures: list[bytes | None]) -> Pixels:
    down = -(-len(pictures) // ACROSS)
    sheet = np.full((down * CELL, ACROSS * CELL, 3), GREY, np.uint8)
    for cell, picture in enumerate(pictures):
        if picture is not None:
            top, left = cell // ACROSS * CELL, cell % ACROSS * CELL
            pixels = contain(picture)
            height, width = pixels.shape[:2]
            sheet[top : top + height, left : left + width] = pixels
    return sheet


def _drawn(before: pa.Table | None) -> dict[str, int]:
    metadata = (before.schema.metadata if before else None) or {}
    return {name.decode(): int(size) for name, size in metadata.items() if name.endswith(b".jpg")}


def _order_uri(root: Root) -> str:
    return root.at("indexes", "thumbnails.parquet")
