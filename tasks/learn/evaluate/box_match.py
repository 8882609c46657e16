"""Which box of a model is which box of the label, at every overlap that COCO asks for."""

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tasks.labels.values import Value, shapes
from tasks.learn.evaluate.answers import Codes, Floats, Marks

MOST = 100
"""Boxes of a class in a picture that count, those with the highest scores."""


@dataclass(frozen=True)
class Found:
    """m boxes that a model sees, picture by picture.

    Attributes:
        place: (m,) the picture.
        code: (m,) the class.
        score: (m,) 0 to 1.
        hit: (t, m) whether it is a box of the label, at t overlaps from 0.5 to 0.95.
        ignored: (t, m) whether it is part of a crowd, and counts for nothing.
        box: (m, 4) x, y, width, height in pixels.
    """

    place: Codes
    code: Codes
    score: Floats
    hit: Marks
    ignored: Marks
    box: Floats

    def moved(self, to: Codes) -> Self:
        """The boxes of the pictures that have another place, in the order of these; -1 where they have none."""
        rows = _moved(self.place, to)
        parts = (self.code[rows], self.score[rows], self.hit[:, rows], self.ignored[:, rows], self.box[rows])
        return type(self)(to[self.place[rows]], *parts)

    def joined(self, other: Self) -> Self:
        """These, and after them the other's."""
        return type(self)(
            np.concatenate([self.place, other.place]),
            np.concatenate([self.code, other.code]),
            np.concatenate([self.score, other.score]),
            np.concatenate([self.hit, other.hit], axis=1),
            np.concatenate([self.ignored, other.ignored], axis=1),
            np.concatenate([self.box, other.box]),
        )


@dataclass(frozen=True)
class Missed:
    """Boxes of labels, those of crowds left out, and how they were found.

    Attributes:
        place: (m,) the picture.
        code: (m,) the class.
        score: (m,) of the box that found it, at an overlap of 0.5; 0 where none did.
        box: (m, 4) x, y, width, height in pixels.
    """

    place: Codes
    code: Codes
    score: Floats
    box: Floats

    def moved(self, to: Codes) -> Self:
        """The boxes of the pictures that have another place, in the order of these; -1 where they have none."""
        rows = _moved(self.place, to)
        return type(self)(to[self.place[rows]], self.code[rows], self.score[rows], self.box[rows])

    def joined(self, other: Self) -> Self:
        """These, and after them the other's."""
        pairs = zip(_parts(self), _parts(other), strict=True)
        return type(self)(*(np.concatenate(pair) for pair in pairs))


def match_boxes(
    classes: Sequence[str], labels: Sequence[Value], said: Sequence[Value | None]
) -> tuple[Codes, Found, Missed]:
    """Match the boxes of n pictures.

    Args:
        classes: the k classes; boxes of others are left out.
        labels: of the pictures.
        said: what a model says of them; None counts as no box.

    Returns:
        (n, k) boxes of each class, the boxes that the model sees, and those of the labels.
    """
    true = _annotations(classes, labels, "crowd")
    seen = _annotations(classes, [one or {} for one in said], "score")
    counts: Codes = np.zeros((len(labels), len(classes)), np.int64)
    for one in true.values():
        counts[one["image_id"], one["category_id"]] += not one["iscrowd"]
    found, missed = _matched(true, seen, len(labels), len(classes))
    return counts, found, missed


def _annotations(classes: Sequence[str], values: Sequence[Value], what: str) -> dict[int, dict[str, Any]]:
    """COCO's annotations by their ids, from 1: to COCO, 0 says that nothing matched."""
    codes = {name: code for code, name in enumerate(classes)}
    every = ((place, box) for place, value in enumerate(values) for box in shapes(value) if box["class"] in codes)
    return {
        number: {
            "id": number,
            "image_id": place,
            "category_id": codes[box["class"]],
            "bbox": [box["x"], box["y"], box["width"], box["height"]],
            "area": box["width"] * box["height"],
            "iscrowd": int(what == "crowd" and box.get("crowd", False)),
            "score": box.get("score", 1.0),
        }
        for number, (place, box) in enumerate(every, 1)
    }


def _matched(
    true: dict[int, dict[str, Any]], seen: dict[int, dict[str, Any]], pictures: int, kinds: int
) -> tuple[Found, Missed]:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    sides = []
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        for annotations in (true, seen):
            side: Any = COCO()
            side.dataset = {
                "images": [{"id": place} for place in range(pictures)],
                "categories": [{"id": code} for code in range(kinds)],
                "annotations": [dict(one) for one in annotations.values()],
            }
            side.createIndex()
            sides.append(side)
        judge = COCOeval(sides[0], sides[1], "bbox")
        judge.params.areaRng, judge.params.areaRngLbl, judge.params.maxDets = [[0, 1e10]], ["all"], [MOST]
        judge.evaluate()
    levels = len(judge.params.iouThrs)
    compared: list[Any] = [one for one in judge.evalImgs if one is not None]
    compared.sort(key=lambda one: (one["image_id"], one["category_id"]))
    return _found(compared, seen, levels), _missed(compared, true, seen)


def _found(compared: list[Any], seen: dict[int, dict[str, Any]], levels: int) -> Found:
    rows = [seen[number] for one in compared for number in one["dtIds"]]
    none = np.zeros((levels, 0))
    hit = np.concatenate([none, *(one["dtMatches"] for one in compared)], axis=1) > 0
    ignored = np.concatenate([none, *(one["dtIgnore"] for one in compared)], axis=1) > 0
    return Found(*_columns(rows), hit, ignored, _boxes(rows))


def _missed(compared: list[Any], true: dict[int, dict[str, Any]], seen: dict[int, dict[str, Any]]) -> Missed:
    pairs = [
        (true[number], int(by))
        for one in compared
        for number, by in zip(one["gtIds"], one["gtMatches"][0], strict=True)
        if not true[number]["iscrowd"]
    ]
    rows = [row for row, _ in pairs]
    place, code, _ = _columns(rows)
    score = np.array([seen[by]["score"] if by else 0.0 for _, by in pairs], np.float64)
    return Missed(place, code, score, _boxes(rows))


def _columns(rows: list[dict[str, Any]]) -> tuple[Codes, Codes, Floats]:
    place, code = (np.array([row[name] for row in rows], np.int64) for name in ("image_id", "category_id"))
    return place, code, np.array([row["score"] for row in rows], np.float64)


def _boxes(rows: list[dict[str, Any]]) -> Floats:
    return np.array([row["bbox"] for row in rows], np.float64).reshape(-1, 4)


def _moved(place: Codes, to: Codes) -> Codes:
    """Rows whose picture stays, in the order of the new places."""
    (kept,) = np.nonzero(to[place] >= 0)
    return kept[np.argsort(to[place[kept]], kind="stable")]


def _parts(one: Missed) -> tuple[NDArray[Any], ...]:
    return one.place, one.code, one.score, one.box
