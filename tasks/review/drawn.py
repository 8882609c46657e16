"""Doubts about boxes and masks: what is broken in itself, what jumps between frames, what a model contradicts."""

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

from tasks.labels.values import shapes
from tasks.review.boxes import doubted_boxes
from tasks.review.doubts import Doubt
from tasks.review.material import Current, Material
from tasks.review.settings import ReviewSettings
from tasks.review.shapes import broken_shapes, missing_shapes, track_jumps
from tasks.review.suspects import Suspects


def broken_labels(material: Material, settings: ReviewSettings) -> Iterator[tuple[Current, Doubt]]:
    """Doubts that shapes, their picture, the frame before and a model raise, label by label."""
    for one in material.current:
        predicted = shapes(material.predicted.get(one.row.sample_id, {}))
        found = [
            *(
                broken_shapes(one.row.value, one.width, one.height, settings.min_side)
                if one.width and one.height
                else ()
            ),
            *missing_shapes(one.row.value, predicted, settings.missing_score),
        ]
        yield from ((one, doubt) for doubt in found)
    yield from _jumping(material.current, settings.track_gap_s)


def contradicted_boxes(material: Material, settings: ReviewSettings) -> Suspects:
    """Labels whose boxes a model contradicts."""
    seen = [
        one
        for one in material.current
        if "boxes" in material.predicted.get(one.row.sample_id, {}) and one.row.value.get("answer") != "unusable"
    ]
    if material.ontology.type != "boxes" or not seen:
        return Suspects([], 0, [])
    predicted = [material.predicted[one.row.sample_id] for one in seen]
    doubts = doubted_boxes([one.row.value for one in seen], predicted, material.ontology.class_names)
    found = [(one, doubt) for one, doubt in zip(seen, doubts, strict=True) if doubt is not None]
    found.sort(key=lambda pair: (-pair[1].score, pair[0].row.sample_id))
    return Suspects(found[: settings.suspects], len(seen), [one.row.annotator for one, _ in found])


def _jumping(current: Sequence[Current], most_s: float) -> Iterator[tuple[Current, Doubt]]:
    """Tracks that jump between labelled frames of one sequence that are no more than `most_s` seconds apart."""
    frames = sorted(
        (one.sequence, one.time, one.row.sample_id, one) for one in current if one.sequence and one.time is not None
    )
    for _, frame in groupby(frames, key=lambda frame: frame[0]):
        for before, after in pairwise(frame):
            if after[1] - before[1] <= most_s:
                yield from ((after[3], doubt) for doubt in track_jumps(before[3].row.value, after[3].row.value))
