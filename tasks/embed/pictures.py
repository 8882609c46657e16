"""The pixels that a model is shown of the members of a batch: from thumbnails, or from originals if settings say so."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import pyarrow as pa

from tasks.embed.members import are_crops
from tasks.image.decode import Pixels, decode_thumbnail
from tasks.image.original import original_of
from tasks.image.seen import Edges, Seen, seen_again
from tasks.store import tables
from tasks.store.root import Root


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
        return seen_again([(original_of(sample), seen) for sample, seen in asked])


def _of_thumbnail(sample: dict[str, Any], seen: Seen) -> list[Pixels]:
    pixels = decode_thumbnail(sample["thumbnail"])
    height, width = pixels.shape[:2]
    return seen.of(pixels, (width / sample["width"], height / sample["height"])) if seen.edges else [pixels]


def _edges(rows: Sequence[dict[str, Any]]) -> tuple[Edges, ...]:
    return tuple((row["left"], row["top"], row["right"], row["bottom"]) for row in rows)
