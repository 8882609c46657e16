"""Masks as runs of pixels (COCO's RLE): checked before any C code sees them, turned into rings, stretched."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.labels.values import BadLabel, Value

MAX_PIXELS = 1_000_000_000


def as_runs(stated: Any) -> Value:
    """Runs as `values` has them, from COCO's compressed or uncompressed ones.

    Raises:
        BadLabel: they do not fill the picture exactly.
    """
    height, width = (int(side) for side in stated["size"])
    if height < 1 or width < 1 or height * width > MAX_PIXELS:
        raise BadLabel(f"runs of {width} x {height} pixels")
    counts = stated["counts"]
    lengths = _lengths(counts) if isinstance(counts, str) else [int(one) for one in counts]
    if min(lengths, default=-1) < 0 or sum(lengths) != height * width:
        raise BadLabel(f"the runs do not fill {width} x {height} pixels")
    if isinstance(counts, str):
        return {"size": [height, width], "counts": counts}
    from pycocotools import mask

    packed: Any = mask.frPyObjects({"size": [height, width], "counts": lengths}, height, width)  # type: ignore
    return {"size": [height, width], "counts": packed["counts"].decode()}


def pixels(runs: Value) -> NDArray[np.uint8]:
    """The mask: (height, width) uint8, 1 where it is."""
    from pycocotools import mask

    found: NDArray[np.uint8] = mask.decode(as_runs(runs))  # type: ignore[arg-type]
    return found


def from_pixels(found: NDArray[np.uint8]) -> Value:
    """Runs of a (height, width) uint8 mask."""
    from pycocotools import mask

    packed: Any = mask.encode(np.asfortranarray(found))
    return {"size": [int(side) for side in found.shape], "counts": packed["counts"].decode()}


def rings(runs: Value) -> list[list[float]]:
    """Outlines of the parts of a mask, as polygons; holes are filled."""
    import cv2

    # Twice the size, so that outlines run along the edges of pixels and not through their middles.
    found = np.repeat(np.repeat(pixels(runs), 2, axis=0), 2, axis=1)
    outlines, _ = cv2.findContours(found, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return [((outline.reshape(-1) + 0.5) / 2).tolist() for outline in outlines if len(outline) > 2]


def resized(runs: Value, across: float, down: float) -> Value:
    """Runs of the same mask in a picture of another size; nearest pixel."""
    import cv2

    found = pixels(runs)
    size = max(1, math.floor(found.shape[1] * across + 0.5)), max(1, math.floor(found.shape[0] * down + 0.5))
    return from_pixels(cv2.resize(found, size, interpolation=cv2.INTER_NEAREST))


def _lengths(counts: str) -> list[int]:
    """Lengths of compressed runs, as pycocotools' `rleFrString` reads them: five bits a character, the lowest first.

    From the third on each is told as its difference from the one but one before.
    """
    found: list[int] = []
    value = shift = 0
    for letter in counts:
        code = ord(letter) - 48
        if not 0 <= code < 64 or shift > 40:
            raise BadLabel("the runs are no compressed runs")
        value |= (code & 31) << shift
        shift += 5
        if code & 32:
            continue
        if code & 16:
            value -= 1 << shift
        found.append(value + (found[-2] if len(found) > 2 else 0))
        value = shift = 0
    if shift:
        raise BadLabel("the runs break off")
    return found
