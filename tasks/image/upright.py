"""Upright JPEGs of samples in a folder, for other tools: from the original where it is still there, else small."""

import itertools
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import simplejpeg

from tasks.image import thumbnail
from tasks.image.decode import Undecodable, decode
from tasks.image.isolation import run_isolated
from tasks.image.original import MAX_PIXELS, Original, original_of, read_again
from tasks.store import tables
from tasks.store.errors import Unreachable
from tasks.store.root import Root
from tasks.store.storage import write_all

CHUNK = 256
"""Thumbnails read at a time."""

WRITTEN_AT_ONCE = 16
"""Pictures written at a time: bounds the memory that they take."""


def write_upright(
    root: Root, folder: str, samples: pa.Table, *, quality: int | None, max_cpu_s: int
) -> Iterator[list[dict[str, Any]]]:
    """Write `<folder>/<sample_id>.jpg` of every sample, without any metadata, so that all tools show the same pixels.

    Args:
        root: where the dataset is.
        folder: URI of the folder to write into.
        samples: rows with sample_id, uri and media at least.
        quality: JPEG quality of the images; None for thumbnails only.
        max_cpu_s: processor seconds that decoding one original may take.

    Yields:
        The rows of some samples, in order, with what was written: `pixels` (`original` or `thumbnail`), `file_width`
        and `file_height`.
    """
    table = tables.open_table(root, "samples")
    for start in range(0, len(samples), CHUNK):
        part = samples.slice(start, CHUNK)
        small = tables.lookup(table, "sample_id", part["sample_id"].to_pylist(), ["thumbnail"])["thumbnail"]
        full = _rendered(part, quality, max_cpu_s) if quality else iter([None] * len(part))
        pictures = zip(part.to_pylist(), small.to_pylist(), full, strict=True)
        while some := list(itertools.islice(pictures, WRITTEN_AT_ONCE)):
            jpegs = {row["sample_id"]: original or shrunken for row, shrunken, original in some}
            write_all({f"{folder}/{sample_id}.jpg": jpeg for sample_id, jpeg in jpegs.items()})
            yield [_written(row, jpegs[row["sample_id"]], original is None) for row, _, original in some]


def _written(row: dict[str, Any], jpeg: bytes, is_small: bool) -> dict[str, Any]:
    height, width = simplejpeg.decode_jpeg_header(jpeg)[:2]
    pixels = "thumbnail" if is_small else "original"
    return {**row, "pixels": pixels, "file_width": width, "file_height": height}


def render(asked: tuple[Original, int]) -> bytes | None:
    """An upright JPEG of an original, of that quality, in a process of its own; None if it cannot be had."""
    original, quality = asked
    try:
        content = read_again(original)
        return content and thumbnail.encode(decode(content, max_pixels=MAX_PIXELS).pixels, quality)
    except (Undecodable, Unreachable):
        return None


def _rendered(samples: pa.Table, quality: int, max_cpu_s: int) -> Iterator[bytes | None]:
    jobs = [(original_of(row), quality) for row in samples.select(["uri", "media", "sample_id"]).to_pylist()]
    for chunk in run_isolated(render, jobs, max_pixels=MAX_PIXELS, max_cpu_s=max_cpu_s):
        yield from (None if isinstance(jpeg, Undecodable) else jpeg for jpeg in chunk)
