"""Broken shapes: outside the picture, tiny, drawn twice, of two classes at once, likely missing, jumping."""

from collections.abc import Iterator, Sequence

import numpy as np

from tasks.labels.values import Value, as_text, bounds, canonical, outside, shapes
from tasks.review.doubts import Doubt
from tasks.review.match import iou_matrix

DOUBLE_IOU = 0.9
"""Two shapes of one class that overlap more are one thing."""

CONFLICT_IOU = 0.8
"""Two shapes of different classes that overlap more are hardly two things."""

UNSEEN_IOU = 0.3
"""A predicted shape that overlaps every label less than this has none."""

JUMP = 2.0
"""A track that moves by more than so many of its sides from one frame to the next, jumps."""

RESIZED = 4.0
"""A track whose area changes more than so many times from one frame to the next, jumps."""


def broken_shapes(value: Value, width: int, height: int, min_side: float) -> Iterator[Doubt]:
    """What is wrong with the shapes of a label, whatever the picture shows.

    Args:
        value: the label.
        width: pixels of the upright original.
        height: pixels of the upright original.
        min_side: pixels; shapes with a shorter side are too small.
    """
    found = shapes(value)
    beyond = list(outside(value, width, height))
    for place, shape in enumerate(found):
        if shape in beyond:
            clipped = _clipped(shape, width, height)
            told = f"{_named(shape)} reaches beyond the picture of {width} x {height} pixels"
            yield Doubt("shape_outside", 1.0, told, _with(value, place, clipped), as_text(shape))
        left, top, right, bottom = bounds(shape)
        if min(right - left, bottom - top) < min_side:
            told = f"{_named(shape)} is {right - left:.1f} x {bottom - top:.1f} pixels small"
            yield Doubt("shape_tiny", 0.9, told, _with(value, place, None), as_text(shape))
    yield from _overlapping(value, found)


def missing_shapes(value: Value, predicted: Sequence[Value], least: float) -> Iterator[Doubt]:
    """Shapes that a model is sure of and nobody drew.

    Args:
        value: the label.
        predicted: shapes of a model, with a score.
        least: score from which a model is taken for sure.
    """
    sure = [shape for shape in predicted if shape.get("score", 0.0) >= least]
    overlap = iou_matrix(sure, shapes(value))
    for shape, seen in zip(sure, overlap.max(axis=1, initial=0.0), strict=True):
        if seen < UNSEEN_IOU:
            added = {name: part for name, part in shape.items() if name not in ("score", "track")}
            told = f"a model is sure of {_named(shape)} ({shape['score']:.2f}) and nothing is drawn there"
            grown = _with(value, None, added)
            yield Doubt("shape_missing", float(shape["score"]), told, grown, as_text(added))


def track_jumps(before: Value, after: Value) -> Iterator[Doubt]:
    """Tracks that are somewhere else, or of another size or class, than in the frame before; doubts about `after`."""
    known = {shape["track"]: shape for shape in shapes(before) if "track" in shape}
    for shape in shapes(after):
        if shape.get("track") in known:
            told = _jump(known[shape["track"]], shape)
            if told:
                yield Doubt("track_jump", 0.8, f"track {shape['track']!r} {told}", None, as_text(shape))


def _overlapping(value: Value, found: list[Value]) -> Iterator[Doubt]:
    overlap = iou_matrix(found, found)
    for one, other in np.argwhere(np.triu(overlap, 1) > min(DOUBLE_IOU, CONFLICT_IOU)).tolist():
        pair, iou = (found[one], found[other]), float(overlap[one, other])
        if any(shape.get("crowd") for shape in pair):
            continue
        if pair[0]["class"] == pair[1]["class"] and iou > DOUBLE_IOU:
            told = f"{_named(pair[0])} is drawn twice (IoU {iou:.2f})"
            yield Doubt("shape_double", iou, told, _with(value, other, None), _both(pair))
        elif pair[0]["class"] != pair[1]["class"] and iou > CONFLICT_IOU:
            told = f"{_named(pair[0])} is also drawn as {pair[1]['class']!r} (IoU {iou:.2f})"
            yield Doubt("shape_conflict", iou, told, None, _both(pair))


def _jump(was: Value, now: Value) -> str | None:
    """What is odd, in words."""
    if was["class"] != now["class"]:
        return f"was {was['class']!r} in the frame before and is {now['class']!r}"
    corners = np.array([bounds(was), bounds(now)])
    sides = np.maximum(corners[:, 2:] - corners[:, :2], 1e-9)
    moved = np.linalg.norm(np.diff(corners[:, :2] + sides / 2, axis=0)) / np.sqrt(sides.prod(axis=1)).max()
    if moved > JUMP:
        return f"moved by {moved:.1f} times its size since the frame before"
    areas = sides.prod(axis=1)
    resized = float(areas.max() / areas.min())
    return f"changed its area {resized:.1f} times since the frame before" if resized > RESIZED else None


def _with(value: Value, place: int | None, shape: Value | None) -> Value:
    """The label with a shape in that place (None: behind the others); without the one there, if there is no shape."""
    key = next((name for name in ("boxes", "masks") if name in value), "masks" if _is_mask(shape) else "boxes")
    kept = [one for number, one in enumerate(value.get(key, [])) if number != place]
    if shape is not None:
        kept.insert(len(kept) if place is None else place, shape)
    plain = {name: part for name, part in value.items() if name == "attributes"}
    return canonical("masks" if key == "masks" else "boxes", {**plain, key: kept})


def _is_mask(shape: Value | None) -> bool:
    return shape is not None and "width" not in shape


def _clipped(shape: Value, width: int, height: int) -> Value | None:
    """The part inside; None if there is none, and of run lengths, which are drawn on a picture of another size."""
    if "polygons" in shape:
        rings = [np.clip(np.reshape(ring, (-1, 2)), 0, (width, height)) for ring in shape["polygons"]]
        inside = [ring.ravel().tolist() for ring in rings if (np.ptp(ring, axis=0) > 0).all()]
        return {**shape, "polygons": inside} if inside else None
    if "width" not in shape:
        return None
    left, top, right, bottom = bounds(shape)
    left, top, right, bottom = max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height))
    if right <= left or bottom <= top:
        return None
    return {**shape, "x": left, "y": top, "width": right - left, "height": bottom - top}


def _named(shape: Value) -> str:
    left, top, right, bottom = bounds(shape)
    return f"{shape['class']!r} at {left:.0f}, {top:.0f} ({right - left:.0f} x {bottom - top:.0f})"


def _both(pair: tuple[Value, Value]) -> str:
    return "\n".join(sorted(map(as_text, pair)))
