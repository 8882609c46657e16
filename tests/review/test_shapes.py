"""Broken shapes: each kind is found, told in words with a mended label, and sound labels raise no doubt."""

from typing import Any

import numpy as np
import pytest

from tasks.labels.values import EMPTY, Value
from tasks.review.boxes import doubted_boxes
from tasks.review.doubts import Doubt, finding_rows
from tasks.review.shapes import broken_shapes, missing_shapes, track_jumps

DOG = {"class": "dog", "x": 10.0, "y": 10.0, "width": 30.0, "height": 20.0}
CAT = {**DOG, "class": "cat", "x": 60.0}
RING = {"class": "dog", "polygons": [[0.0, 0.0, 20.0, 0.0, 20.0, 20.0, 0.0, 20.0]]}


def found(value: Value) -> list[Doubt]:
    return list(broken_shapes(value, 100, 80, min_side=3))


@pytest.mark.parametrize(
    ("boxes", "kind", "mended"),
    [
        ([DOG, {**CAT, "width": 70.0}], "shape_outside", {"boxes": [DOG, {**CAT, "width": 40.0}]}),
        ([DOG, {**CAT, "x": 300.0}], "shape_outside", {"boxes": [DOG]}),
        ([DOG, {**CAT, "width": 1.5}], "shape_tiny", {"boxes": [DOG]}),
        ([DOG, CAT, {**DOG, "x": 10.5}], "shape_double", {"boxes": [DOG, CAT]}),
        ([DOG, {**DOG, "class": "cat", "x": 11.0}], "shape_conflict", None),
    ],
)
def test_what_is_broken_is_found_and_mended(boxes: list[Value], kind: str, mended: Any) -> None:
    (doubt,) = found({"boxes": boxes})
    assert (doubt.kind, doubt.value) == (kind, mended)
    assert "'dog'" in doubt.reason or "'cat'" in doubt.reason


def test_a_polygon_beyond_the_picture_is_cut_and_the_last_tiny_shape_leaves_an_empty_label() -> None:
    (doubt,) = found({"masks": [{**RING, "polygons": [[90.0, 0.0, 120.0, 0.0, 120.0, 20.0, 90.0, 20.0]]}]})
    assert doubt.value == {"masks": [{**RING, "polygons": [[90.0, 0.0, 100.0, 0.0, 100.0, 20.0, 90.0, 20.0]]}]}
    (tiny,) = found({"boxes": [{**DOG, "height": 1.0}]})
    assert tiny.value == EMPTY


@pytest.mark.parametrize("value", [{"boxes": [DOG, CAT]}, {"masks": [RING]}, EMPTY, {"answer": "unusable"}])
def test_a_sound_label_raises_no_doubt(value: Value) -> None:
    assert found(value) == []


def test_a_crowd_may_hold_what_is_drawn_on_its_own() -> None:
    assert found({"boxes": [DOG, {**DOG, "crowd": True}]}) == []


def test_what_a_model_is_sure_of_and_nobody_drew_is_missing() -> None:
    predicted = [{**DOG, "score": 0.99}, {**CAT, "score": 0.9}, {**CAT, "x": 30.0, "y": 50.0, "score": 0.3}]
    (doubt,) = missing_shapes({"boxes": [DOG]}, predicted, least=0.8)
    assert (doubt.kind, doubt.score, doubt.value) == ("shape_missing", 0.9, {"boxes": [DOG, CAT]})
    assert [one.value for one in missing_shapes(EMPTY, predicted[:1], 0.8)] == [{"boxes": [DOG]}]


@pytest.mark.parametrize(
    ("after", "told"),
    [
        ({**DOG, "x": 14.0}, None),
        ({**DOG, "x": 90.0}, "moved"),
        ({**DOG, "width": 90.0, "height": 60.0}, "area"),
        ({**DOG, "class": "cat"}, "was 'dog'"),
        ({**DOG, "x": 90.0, "track": 8}, None),
    ],
)
def test_a_track_that_jumps_is_told(after: Value, told: str | None) -> None:
    doubts = list(track_jumps({"boxes": [{**DOG, "track": 7}]}, {"boxes": [{"track": 7, **after}]}))
    assert [doubt.kind for doubt in doubts] == (["track_jump"] if told else [])
    assert not told or told in doubts[0].reason


def test_boxes_that_a_model_contradicts_are_the_worst() -> None:
    chance = np.random.default_rng(0)
    labels, predicted = [], []
    for _ in range(30):
        boxes = [
            {"class": name, "x": float(x), "y": float(y), "width": 30.0, "height": 30.0}
            for name, x, y in zip(("dog", "cat"), (5, 55), chance.integers(5, 50, 2), strict=True)
        ]
        labels.append({"boxes": boxes})
        predicted.append({"boxes": [{**box, "score": 0.97} for box in boxes]})
    labels[3] = {"boxes": [{**box, "class": "cat"} for box in labels[3]["boxes"]]}
    labels[7] = {"boxes": labels[7]["boxes"][:1]}
    labels[9] = EMPTY
    doubts = doubted_boxes(labels, predicted, ["dog", "cat"])
    assert [place for place, doubt in enumerate(doubts) if doubt] == [3, 7, 9]
    told = [doubts[place] for place in (3, 7, 9)]
    assert ["wrong class" in one.reason for one in told if one] == [True, False, False]
    assert ["not drawn" in one.reason for one in told if one] == [False, True, True]
    assert doubted_boxes([EMPTY], [EMPTY], ["dog"]) == [None]


def test_a_doubt_found_again_is_the_same_finding_and_two_boxes_are_two() -> None:
    doubts = found({"boxes": [{**DOG, "x": -20.0}, {**CAT, "x": 90.0}]})
    rows = [finding_rows([("s", "a", doubt) for doubt in doubts]) for _ in range(2)]
    ids = [table["finding_id"].to_pylist() for table in rows]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 2
    assert rows[0]["status"].to_pylist() == ["open", "open"]
