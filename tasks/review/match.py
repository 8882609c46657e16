"""Which shapes of one picture are the same thing: overlap of boxes and masks, pairs of two lists, groups of several."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from tasks.labels.values import Value, bounds

SAME_IOU = 0.5
"""Shapes that overlap less are not the same thing: what COCO and Pascal VOC count as found."""

_CANVAS_MAX = 32_768
"""Pixels; masks are compared on no larger a canvas, whatever their polygons claim."""


def iou_matrix(one: Sequence[Value], other: Sequence[Value]) -> NDArray[np.float64]:
    """Intersection over union of every shape with every other: (len(one), len(other)), 0 to 1."""
    if not one or not other:
        return np.zeros((len(one), len(other)))
    if all("width" in shape for shape in (*one, *other)):
        return _box_iou(_corners(one), _corners(other))
    return _mask_iou(one, other)


def match(one: Sequence[Value], other: Sequence[Value], least: float = SAME_IOU) -> list[tuple[int, int, float]]:
    """Pairs (place in `one`, place in `other`, IoU) that are the same thing, whatever their classes.

    The assignment with the largest total (Kuhn, "The Hungarian method for the assignment problem", 1955), in which a
    pair of one class goes before any overlap: a rider is not taken for the horse.
    """
    overlap = iou_matrix(one, other)
    same = np.array([[a["class"] == b["class"] for b in other] for a in one]).reshape(overlap.shape)
    worth = np.where(overlap >= least, overlap + same, 0.0)
    rows, columns = linear_sum_assignment(worth, maximize=True)
    return [
        (int(a), int(b), float(overlap[a, b])) for a, b in zip(rows, columns, strict=True) if overlap[a, b] >= least
    ]


def group(drawn: Mapping[str, Sequence[Value]], least: float = SAME_IOU) -> list[dict[str, Value]]:
    """The things that several annotators drew: for each, who drew it and how.

    Annotators are taken in the order of their names, each matched with what was found so far; a group is represented by
    its first shape.
    """
    groups: list[dict[str, Value]] = []
    for annotator in sorted(drawn):
        pairs = match([next(iter(one.values())) for one in groups], drawn[annotator], least)
        taken = {column for _, column, _ in pairs}
        for row, column, _ in pairs:
            groups[row][annotator] = drawn[annotator][column]
        groups += [{annotator: shape} for place, shape in enumerate(drawn[annotator]) if place not in taken]
    return groups


def _corners(boxes: Sequence[Value]) -> NDArray[np.float64]:
    """(n, 4): left, top, right, bottom."""
    return np.array([bounds(box) for box in boxes], np.float64)


def _box_iou(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    sides = np.minimum(one[:, None, 2:], other[None, :, 2:]) - np.maximum(one[:, None, :2], other[None, :, :2])
    shared: NDArray[np.float64] = np.prod(np.maximum(sides, 0), axis=2)
    areas = [np.prod(corners[:, 2:] - corners[:, :2], axis=1) for corners in (one, other)]
    union = areas[0][:, None] + areas[1][None, :] - shared
    overlap: NDArray[np.float64] = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return overlap


def _mask_iou(one: Sequence[Value], other: Sequence[Value]) -> NDArray[np.float64]:
    """On the canvas that a run-length mask states, else on one that holds all polygons."""
    from pycocotools import mask

    stated = [shape["rle"]["size"] for shape in (*one, *other) if "rle" in shape]
    reach = np.array([bounds(shape)[2:] for shape in (*one, *other)]).max(axis=0)
    height, width = stated[0] if stated else (int(np.ceil(side)) for side in reach[::-1])
    height, width = (min(max(1, int(side)), _CANVAS_MAX) for side in (height, width))
    runs = [[_runs(shape, height, width) for shape in shapes] for shapes in (one, other)]
    return np.clip(np.asarray(mask.iou(runs[0], runs[1], [0] * len(other)), np.float64), 0.0, 1.0)


def _runs(shape: Value, height: int, width: int) -> Any:
    from pycocotools import mask

    if "rle" in shape:
        return {"size": shape["rle"]["size"], "counts": shape["rle"]["counts"].encode("ascii", "replace")}
    if "polygons" in shape:
        rings = [np.clip(np.reshape(ring, (-1, 2)), 0, (width, height)).ravel() for ring in shape["polygons"]]
    else:
        left, top, right, bottom = np.clip(bounds(shape), 0, (width, height, width, height))
        rings = [np.array([left, top, right, top, right, bottom, left, bottom])]
    return mask.merge(mask.frPyObjects([ring.tolist() for ring in rings], height, width))
