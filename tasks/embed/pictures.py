"""The pixels that a model is shown of the members of a batch: from thumbnails, or from originals if settings say so."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pyarrow as pa

from tasks.embed.members import are_crops
from tasks.image.decode import Pixels, Undecodable, decode, decode_thumbnail
from tasks.image.isolation import run_isolated
from tasks.image.original import MAX_PIXELS, Original, original_of, read_again
from tasks.image.square import square_around
from tasks.image.thumbnail import shrink
from tasks.store import tables
from tasks.store.errors import Unreachable, WinnowError
from tasks.store.root import Root
from tasks.store.storage import shown

MAX_CPU_S = 60
"""Processor seconds that decoding one original may take."""

Edges = tuple[float, float, float, float]


@dataclass(frozen=True)
class Seen:
    """What is to be seen of one picture.

    Attributes:
        short_side: pixels that are enough on the short side.
        crop: share of a square around an object that holds it.
        edges: left, top, right and bottom of each object, in pixels of the original; none for the whole picture.
    """

    short_side: int
    crop: float
    edges: tuple[Edges, ...] = ()

    def of(self, pixels: Pixels, scale: tuple[float, float] = (1.0, 1.0)) -> list[Pixels]:
        """It, of upright pixels that are `scale` times the original's, across and down."""
        if not self.edges:
            return [shrink(pixels, self.short_side)]
        across, down = scale
        scaled = [(left * across, top * down, right * across, low * down) for left, top, right, low in self.edges]
        return [square_around(pixels, edges, self.crop, self.short_side) for edges in scaled]


class Pictures:
    """Pixels of members, a part of them at a time, from any thread.

    Args:
        root: where they are.
        members: rows of SAMPLES or CROPS, those of one sample together.
        originals: read originals, each in a process of its own; those that are gone or changed are seen as thumbnails.
        short_side: pixels that are enough on the short side.
        crop: share of a square around an object that holds it.

    Attributes:
        small: places of members that were seen as thumbnails though originals were asked for.

    Raises:
        WinnowError: from `of`, when a store fails: what is there may be had later.
    """

    def __init__(self, root: Root, members: pa.Table, *, originals: bool, short_side: int, crop: float) -> None:
        self.members, self.originals, self.short_side, self.crop = members, originals, short_side, crop
        ids = list(dict.fromkeys(members["sample_id"].to_pylist()))
        samples = tables.open_table(root, "samples")
        columns = ["thumbnail", "width", "height", *(("uri", "media") if originals else ())]
        self.samples = {row["sample_id"]: row for row in tables.lookup(samples, "sample_id", ids, columns).to_pylist()}
        self.small: list[int] = []

    def __len__(self) -> int:
        return len(self.members)

    def of(self, part: slice) -> list[Pixels]:
        """(h, w, 3) uint8 RGB of each member of a part."""
        asked = self._asked(part)
        answers = self._reread(asked) if self.originals else [None] * len(asked)
        pixels: list[Pixels] = []
        for (sample, seen), found in zip(asked, answers, strict=True):
            if self.originals and found is None:
                place = (part.start or 0) + len(pixels)
                self.small += range(place, place + max(1, len(seen.edges)))
            pixels += found or _of_thumbnail(sample, seen)
        return pixels

    def _asked(self, part: slice) -> list[tuple[dict[str, Any], Seen]]:
        """Samples, and what is to be seen of each."""
        rows = self.members.slice(part.start or 0, (part.stop or len(self)) - (part.start or 0)).to_pylist()
        if not are_crops(self.members):
            whole = Seen(self.short_side, self.crop)
            return [(self.samples[row["sample_id"]], whole) for row in rows]
        groups = ((name, list(some)) for name, some in groupby(rows, lambda row: row["sample_id"]))
        return [(self.samples[name], Seen(self.short_side, self.crop, _edges(some))) for name, some in groups]

    def _reread(self, asked: Sequence[tuple[dict[str, Any], Seen]]) -> Iterator[list[Pixels] | None]:
        jobs = [(original_of(sample), seen) for sample, seen in asked]
        for chunk in run_isolated(see_original, jobs, max_pixels=MAX_PIXELS, max_cpu_s=MAX_CPU_S):
            yield from (None if isinstance(found, Undecodable) else found for found in chunk)


def see_original(job: tuple[Original, Seen]) -> list[Pixels] | None:
    """What is to be seen of an original, in a process of its own; None if it is gone or is no longer the same."""
    original, seen = job
    try:
        content = read_again(original)
    except Unreachable as error:
        raise WinnowError(f"{shown(original.uri)} cannot be read now ({error}): run the same command again.") from error
    if content is None:
        return None
    return seen.of(decode(content, max_pixels=MAX_PIXELS, short_side=None if seen.edges else seen.short_side).pixels)


def _of_thumbnail(sample: dict[str, Any], seen: Seen) -> list[Pixels]:
    pixels = decode_thumbnail(sample["thumbnail"])
    height, width = pixels.shape[:2]
    return seen.of(pixels, (width / sample["width"], height / sample["height"])) if seen.edges else [pixels]


def _edges(rows: Sequence[dict[str, Any]]) -> tuple[Edges, ...]:
    return tuple((row["left"], row["top"], row["right"], row["bottom"]) for row in rows)
