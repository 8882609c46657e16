"""descriptor-1: unit length, the same for the same picture, near for near ones."""

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.embed.descriptor import DIMENSIONS, describe
from tests.made import photograph


@given(st.integers(1, 300), st.integers(1, 300), st.integers(0, 255))
@settings(max_examples=30, deadline=None)
def test_describe__unit_length_for_any_picture(width: int, height: int, level: int) -> None:
    pixels = np.full((height, width, 3), level, np.uint8)
    pixels[: height // 2] = level // 2
    vector = describe(pixels)
    assert vector.shape == (DIMENSIONS,)
    assert abs(float(np.linalg.norm(vector)) - 1) < 1e-5
    assert np.isfinite(vector).all()


def test_describe__a_resized_picture_is_nearer_than_any_other() -> None:
    scenes = [photograph(seed, 320, 240) for seed in range(30)]
    vectors = np.array([describe(scene) for scene in scenes])
    small = describe(cv2.resize(scenes[7], (160, 120), interpolation=cv2.INTER_AREA))
    assert int(np.argmax(vectors @ small)) == 7
    assert float(vectors[7] @ small) > 0.99
