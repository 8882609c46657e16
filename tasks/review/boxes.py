"""Which pictures have wrong boxes, by what a model found in them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.labels.values import Value, bounds, shapes
from tasks.review.doubts import Doubt

_WHAT_IS_WRONG = ("something is not drawn", "a box is in the wrong place", "a box has the wrong class")


def doubted_boxes(labels: Sequence[Value], predicted: Sequence[Value], classes: Sequence[str]) -> list[Doubt | None]:
    """A doubt for each picture whose boxes a model contradicts, None for the others.

    ObjectLab, as cleanlab has it: Tkachenko et al., "ObjectLab: Automated Diagnosis of Mislabeled Images in Object
    Detection Data", 2023.

    Args:
        labels: of each picture; boxes, or that there are none.
        predicted: of each picture; boxes with a score.
        classes: of the ontology; predictions of others are passed over.
    """
    from cleanlab.object_detection import rank

    codes = {name: code for code, name in enumerate(classes)}
    given = [_given(value, codes) for value in labels]
    found = [_found(value, codes) for value in predicted]
    if not any(len(one["labels"]) for one in given) or not any(len(part) for one in found for part in one):
        return [None] * len(labels)
    quality = rank.get_label_quality_scores(given, found, verbose=False)
    parts = (rank.compute_overlooked_box_scores, rank.compute_badloc_box_scores, rank.compute_swap_box_scores)
    least = np.stack([_least(part(labels=given, predictions=found)) for part in parts], axis=1)
    return [
        Doubt("label_error", float(1 - score), f"a model disagrees: {_WHAT_IS_WRONG[worst]}") if score < 0.5 else None
        for score, worst in zip(quality, least.argmin(axis=1), strict=True)
    ]


def _given(value: Value, codes: dict[str, int]) -> dict[str, NDArray[np.float64]]:
    boxes = shapes(value)
    corners = np.array([bounds(box) for box in boxes], np.float64).reshape(-1, 4)
    return {"bboxes": corners, "labels": np.array([codes[box["class"]] for box in boxes], np.int64)}


def _found(value: Value, codes: dict[str, int]) -> list[NDArray[np.float64]]:
    """For each class (n, 5): left, top, right, bottom, score."""
    rows: list[list[tuple[float, ...]]] = [[] for _ in codes]
    for box in shapes(value):
        if box["class"] in codes:
            rows[codes[box["class"]]].append((*bounds(box), float(box.get("score", 1.0))))
    return [np.array(part, np.float64).reshape(-1, 5) for part in rows]


def _least(scores: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """The worst score of each picture; 1 where there is none."""
    return np.array([np.nanmin([*one, 1.0]) for one in scores])
