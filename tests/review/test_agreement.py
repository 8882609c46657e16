"""Agreement: the figures of independent implementations, on random cases; and what is special about shapes."""

import warnings

import krippendorff
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from tasks.review.agreement import (
    MISSING,
    cohen_kappa,
    krippendorff_alpha,
    panoptic_quality,
    shape_agreement,
    shape_units,
)
from tasks.review.match import group, iou_matrix, match

SQUARE = {"class": "dog", "x": 0.0, "y": 0.0, "width": 10.0, "height": 10.0}
SHIFTED = SQUARE | {"x": 2.0}
FAR = SQUARE | {"x": 50.0}


def random_codes(seed: int) -> np.ndarray:
    """Answers of annotators who often agree, with gaps: (units, annotators)."""
    chance = np.random.default_rng(seed)
    units, people, kinds = chance.integers(2, 60), chance.integers(2, 6), chance.integers(2, 7)
    truth = chance.integers(0, kinds, (units, 1))
    codes = np.where(chance.random((units, people)) < 0.6, truth, chance.integers(0, kinds, (units, people)))
    return np.where(chance.random((units, people)) < chance.uniform(0, 0.6), MISSING, codes)


@pytest.mark.parametrize("seed", range(100))
def test_krippendorff_alpha__is_that_of_the_package(seed: int) -> None:
    codes = random_codes(seed)
    asked = np.where(codes == MISSING, np.nan, codes).T
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = krippendorff.alpha(reliability_data=asked, level_of_measurement="nominal")
    except ValueError:  # one code in all, or no pair
        expected = float("nan")
    ours = krippendorff_alpha(codes)
    assert np.isnan(expected) if ours is None else ours == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("seed", range(100))
def test_cohen_kappa__is_that_of_scikit_learn(seed: int) -> None:
    codes = random_codes(seed)
    both = codes[(codes[:, :2] != MISSING).all(axis=1)]
    ours = cohen_kappa(codes[:, 0], codes[:, 1])
    if ours is None:
        assert not len(both) or len(np.unique(both[:, :2])) == 1
    else:
        assert ours == pytest.approx(cohen_kappa_score(both[:, 0], both[:, 1]), abs=1e-9)


def test_nobody_can_tell_how_far_those_agree_who_share_nothing_or_have_one_answer() -> None:
    assert krippendorff_alpha([[0, MISSING], [MISSING, 1]]) is None
    assert krippendorff_alpha([[2, 2], [2, 2]]) is None
    assert krippendorff_alpha(np.zeros((0, 2), int)) is None
    assert cohen_kappa([0, MISSING], [MISSING, 0]) is None


def test_boxes_and_masks_overlap_by_their_area() -> None:
    rings = [{"class": "dog", "polygons": [[x, 0, x + 10, 0, x + 10, 10, x, 10]]} for x in (0, 2, 50)]
    expected = [[1, 8 / 12, 0], [8 / 12, 1, 0], [0, 0, 1]]
    assert iou_matrix([SQUARE, SHIFTED, FAR], [SQUARE, SHIFTED, FAR]) == pytest.approx(np.array(expected))
    assert iou_matrix(rings, rings) == pytest.approx(np.array(expected))
    assert iou_matrix([], [SQUARE]).shape == (0, 1)


def test_run_lengths_and_polygons_are_compared_on_one_canvas() -> None:
    from pycocotools import mask

    drawn = np.zeros((40, 60), np.uint8, order="F")
    drawn[:10, :10] = 1
    runs = mask.encode(drawn)
    as_runs = {"class": "dog", "rle": {"size": [40, 60], "counts": runs["counts"].decode()}}
    as_ring = {"class": "dog", "polygons": [[0, 0, 10, 0, 10, 10, 0, 10]]}
    endless = {"class": "dog", "polygons": [[0, 0, 1e9, 0, 1e9, 1e9, 0, 1e9]]}
    assert iou_matrix([as_runs], [as_ring, endless]).tolist() == [[1.0, 100 / 2400]]


def test_a_rider_is_not_taken_for_the_horse() -> None:
    horse, rider = {**SQUARE, "class": "horse"}, {**SHIFTED, "class": "rider"}
    crossed = [{**SHIFTED, "class": "horse"}, {**SQUARE, "class": "rider"}]
    assert [(a, b) for a, b, _ in match([horse, rider], crossed)] == [(0, 0), (1, 1)]
    assert group({"ann": [horse], "bob": [{**horse, "x": 1.0}], "eve": [rider, FAR]})[-1] == {"eve": FAR}


@given(st.lists(st.tuples(*[st.floats(0, 90)] * 2, *[st.floats(1, 40)] * 2, st.sampled_from("ab")), max_size=6))
def test_panoptic_quality__is_one_with_oneself_and_the_same_from_both_sides(corners: list[tuple]) -> None:
    boxes = [dict(zip(("x", "y", "width", "height", "class"), corner, strict=True)) for corner in corners]
    fewer = [box | {"x": box["x"] + 1} for box in boxes[1:]]
    assert panoptic_quality(boxes, boxes) == pytest.approx(1)
    assert panoptic_quality(boxes, fewer) == pytest.approx(panoptic_quality(fewer, boxes))


def test_shapes_agree_by_where_and_what_they_are() -> None:
    assert shape_agreement({"ann": [SQUARE]}) is None
    assert shape_agreement({"ann": [], "bob": []}) == 1
    assert shape_agreement({"ann": [SQUARE], "bob": [SHIFTED]}) == pytest.approx(8 / 12)
    assert shape_agreement({"ann": [SQUARE], "bob": [{**SQUARE, "class": "cat"}]}) == 0
    assert shape_agreement({"ann": [SQUARE, FAR], "bob": [SQUARE]}) == pytest.approx(2 / 3)
    assert shape_units({"ann": [SQUARE, FAR], "bob": [{**SQUARE, "class": "cat"}]}) == [
        {"ann": "dog", "bob": "cat"},
        {"ann": "dog", "bob": None},
    ]
