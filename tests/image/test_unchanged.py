"""A camera that does not move: what is no change, and what is one, however small."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from tasks.image.decode import decode_thumbnail
from tasks.image.thumbnail import encode, shrink
from tasks.image.unchanged import SIDE, unchanged
from tasks.image.verify import Sight
from tests.made import photograph


def seen(pixels: np.ndarray) -> np.ndarray:
    """Pixels as they are compared: through a thumbnail."""
    thumbnail = encode(np.ascontiguousarray(shrink(pixels.clip(0, 255).astype(np.uint8), 256)))
    return Sight(decode_thumbnail(thumbnail)).pixels


def scene(seed: int = 1) -> np.ndarray:
    """A photograph as floats, so that it can be darkened and made noisy."""
    return 30 + 0.7 * photograph(seed, 640, 480).astype(np.float32)


@pytest.mark.parametrize(
    "another",
    [
        lambda pixels: pixels + np.random.default_rng(0).normal(0, 6, pixels.shape),
        lambda pixels: pixels * 0.7,
        lambda pixels: pixels * [0.9, 1.0, 1.1] + 8,
        lambda pixels: np.roll(pixels, (4, -5), axis=(0, 1)),
        lambda pixels: cv2.GaussianBlur(pixels, (0, 0), 1.2),
    ],
    ids=["noise", "darker", "another white balance", "shaken", "out of focus"],
)
def test_unchanged__what_a_camera_does_by_itself(another: object) -> None:
    assert unchanged(seen(scene()), seen(another(scene())))  # type: ignore[operator]


@pytest.mark.parametrize("place", [(0, 0), (200, 300), (440, 600)])
def test_unchanged__a_small_thing_that_came_is_a_change(place: tuple[int, int]) -> None:
    pixels = scene()
    area = pixels[place[0] : place[0] + 40, place[1] : place[1] + 40]
    area[:] = 255 - area.mean()
    assert not unchanged(seen(scene()), seen(pixels))


def test_unchanged__a_thing_of_another_colour_as_bright_is_a_change() -> None:
    road = np.full((480, 640, 3), 85, np.float32)
    red = road.copy()
    red[200:260, 300:360] = [200, 30, 68]
    assert abs(red @ [0.299, 0.587, 0.114] - 85).max() < 1
    assert not unchanged(seen(road), seen(red))


def test_unchanged__pictures_of_different_shapes_are_not() -> None:
    assert not unchanged(np.zeros((SIDE, 200, 3), np.uint8), np.zeros((200, SIDE, 3), np.uint8))


def test_unchanged__cars_on_a_road(data: Path) -> None:
    """One frame a second of a real clip, in which the light changes and the camera sways; looked at by eye."""
    video = cv2.VideoCapture(str(data / "videos" / "intel" / "car-detection.mp4"))
    frames = {}
    for second in range(31):
        video.set(cv2.CAP_PROP_POS_FRAMES, round(second * 12.5))
        frames[second] = seen(cv2.cvtColor(video.read()[1], cv2.COLOR_BGR2RGB))
    cars = [5, 6, 7, 8, 15, 16, 17, 18, 26, 27]
    empty = [0, 1, 2, 3, 4, 10, 11, 12, 13, 14, 20, 21, 22, 23, 24, 25, 29, 30]
    assert not any(unchanged(frames[one], frames[other]) for one in cars for other in frames if one != other)
    alike = [unchanged(frames[one], frames[other]) for one in empty for other in empty]
    assert np.mean(alike) > 0.95
