"""The square around an object: it holds the object, and is grey where the picture ends."""

import cv2
import numpy as np
import pytest

from tasks.image.square import GREY, central_square, square_around
from tests.made import photograph

SCENE = photograph(3, 200, 100)


@pytest.mark.parametrize(
    "edges", [(60, 20, 100, 60), (0, 0, 200, 100), (190, 90, 200, 100), (0, 40, 10, 41), (50.3, 20.2, 90.7, 30.9)]
)
def test_square_around__the_middle_holds_all_of_the_object(edges: tuple[float, float, float, float]) -> None:
    left, top, right, bottom = edges
    longest = max(right - left, bottom - top)
    square = square_around(SCENE, edges, 0.875, 1000)
    assert square.shape[0] == square.shape[1] == max(1, round(longest / 0.875))
    assert square.dtype == np.uint8
    assert central_square(square, 224, 0.875).shape == (224, 224, 3)


def test_square_around__is_cut_out_unscaled() -> None:
    assert np.array_equal(square_around(SCENE, (60, 20, 100, 60), 1.0, 1000), SCENE[20:60, 60:100])
    assert np.array_equal(square_around(SCENE, (60, 30, 100, 50), 1.0, 1000), SCENE[20:60, 60:100])


def test_square_around__is_grey_where_the_picture_ends() -> None:
    square = square_around(SCENE, (0, 0, 200, 100), 1.0, 1000)
    assert np.array_equal(square[50:150], SCENE)
    assert (square[:50] == GREY).all()
    assert (square[150:] == GREY).all()


def test_square_around__what_is_thinner_than_a_pixel_is_one() -> None:
    for edges in ((199.9, 99.9, 200.0, 100.0), (0.0, 0.0, 0.1, 0.1), (100.0, 50.0, 100.1, 50.1)):
        assert square_around(SCENE, edges, 1.0, 1000).shape == (1, 1, 3)


@pytest.mark.parametrize("edges", [(0, 0, 200, 100), (150, 60, 200, 100), (20, 10, 60, 90), (0, 0, 3, 100)])
def test_square_around__a_large_one_is_scaled(edges: tuple[int, int, int, int]) -> None:
    whole, small = (square_around(SCENE, edges, 0.875, most) for most in (1000, 40))
    assert small.shape == (40, 40, 3)
    expected = cv2.resize(whole, (40, 40), interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(int) - expected).mean() < 12


def test_square_around__of_a_strip_takes_no_more_memory_than_it_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    real = np.full
    monkeypatch.setattr(np, "full", lambda shape, *told: made.append(int(np.prod(shape))) or real(shape, *told))
    assert square_around(np.zeros((3, 20_000, 3), np.uint8), (0, 0, 20_000, 3), 0.875, 256).shape == (256, 256, 3)
    assert made == [256 * 256 * 3]
