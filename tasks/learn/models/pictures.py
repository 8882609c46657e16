"""Pictures as networks of ours are shown them: from thumbnails, or from originals where settings of training say so."""

from collections.abc import Sequence
from typing import Any

from tasks.image.decode import Pixels, decode_thumbnail
from tasks.image.original import original_of
from tasks.image.seen import Seen, seen_again
from tasks.image.square import central_square, letterboxed
from tasks.learn.fit.settings import Source
from tasks.store import tables
from tasks.store.root import Root

Picture = tuple[dict[str, Any], Pixels, bool]
"""A row with sample_id, width and height; its pixels, (h, w, 3) uint8 RGB; whether they are of a thumbnail."""


AT_ONCE = 128
"""Pictures that are read at a time: enough for all processors to decode, few enough for memory."""


def pictures_of(root: Root, samples: Sequence[str], source: Source, side: int, *, whole: bool) -> list[Picture]:
    """Those of the samples that are there, in their order.

    Args:
        root: where they are.
        samples: ids.
        source: what is read; an original that is gone or changed is seen as its thumbnail.
        side: of the square that is made of each, pixels: of an original no more is read.
        whole: whether the square holds all of it; else its middle.

    Raises:
        WinnowError: a store fails that originals are in.
    """
    columns = ["thumbnail", "width", "height", *(("uri", "media") if source == "original" else ())]
    rows = tables.lookup(tables.open_table(root, "samples"), "sample_id", samples, columns).to_pylist()
    if source == "original":
        again = list(seen_again([(original_of(row), Seen(_short_side(row, side, whole))) for row in rows]))
    else:
        again = [None] * len(rows)
    return [
        (row, decode_thumbnail(row["thumbnail"]), True) if found is None else (row, found[0], False)
        for row, found in zip(rows, again, strict=True)
    ]


def _short_side(row: dict[str, Any], side: int, whole: bool) -> int:
    """Pixels that are enough on the short side."""
    short, long = sorted((row["width"], row["height"]))
    return max(1, -(-side * short // long)) if whole else side


def square_of(pixels: Pixels, side: int, *, whole: bool) -> Pixels:
    """All of a picture in the upper left of a square, black beyond it, for a detector; else its middle."""
    return letterboxed(pixels, side)[0] if whole else central_square(pixels, side, 1.0)


def is_enlarged(picture: Picture, side: int, *, whole: bool) -> bool:
    """Whether that square shows less than the original has."""
    row, pixels, _ = picture
    sides = (pixels.shape[:2], (row["width"], row["height"]))
    shown, there = (int(max(each) if whole else min(each)) for each in sides)
    return shown < min(side, there)
