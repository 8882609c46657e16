"""Measures and thumbnails against what can be worked out by hand, and against Pillow."""

import cv2
import numpy as np
import pytest
from PIL import Image, ImageStat

from tasks.image import thumbnail
from tasks.image.decode import decode_thumbnail
from tasks.image.measure import measure
from tests.made import photograph


def measured(pixels: np.ndarray) -> object:
    return measure(pixels, cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))


def test_measure__an_even_picture() -> None:
    found = measured(np.full((20, 30, 3), 51, np.uint8))
    assert found.__dict__ == {"brightness": 0.2, "contrast": 0, "sharpness": 0, "entropy": 0, "saturation": 0}


def test_measure__half_black_half_white() -> None:
    pixels = np.zeros((20, 30, 3), np.uint8)
    pixels[:, 15:] = 255
    found = measured(pixels)
    assert found.brightness == pytest.approx(0.5)
    assert found.contrast == pytest.approx(0.5)
    assert found.entropy == pytest.approx(1)


def test_measure__agrees_with_pillow() -> None:
    scene = photograph(1, 300, 200)
    image = Image.fromarray(scene)
    found = measured(scene)
    assert found.brightness * 255 == pytest.approx(ImageStat.Stat(image.convert("L")).mean[0], abs=0.6)
    assert found.entropy == pytest.approx(image.convert("L").entropy(), abs=0.05)
    assert found.saturation * 255 == pytest.approx(ImageStat.Stat(image.convert("HSV")).mean[1], abs=1.5)


def test_measure__sharpness_is_the_spread_of_the_laplacian() -> None:
    scene = photograph(1, 301, 200)
    edges = cv2.Laplacian(cv2.cvtColor(scene, cv2.COLOR_RGB2GRAY), cv2.CV_64F)
    assert measured(scene).sharpness * 255 == pytest.approx(edges.std(), rel=1e-6)


def test_measure__a_blurred_picture_is_less_sharp() -> None:
    scene = photograph(2, 300, 200)
    assert measured(cv2.GaussianBlur(scene, (0, 0), 3)).sharpness < 0.5 * measured(scene).sharpness


@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [(1024, 512, (512, 256)), (512, 1024, (256, 512)), (100, 80, (100, 80)), (10_000, 20, (4096, 20))],
)
def test_shrink__short_side_and_no_enlargement(width: int, height: int, expected: tuple[int, int]) -> None:
    small = thumbnail.shrink(np.zeros((height, width, 3), np.uint8), 256)
    assert (small.shape[1], small.shape[0]) == expected


def test_encode__comes_back_and_carries_no_metadata() -> None:
    scene = photograph(3, 300, 256)
    code = thumbnail.encode(scene)
    assert np.abs(decode_thumbnail(code).astype(int) - scene).mean() < 8
    assert b"Exif" not in code
