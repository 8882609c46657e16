"""What a detector is shown: boxes stay on what they are around, and a synthetic copy is another picture."""

from pathlib import Path

import numpy as np
import pytest

from tasks.learn.fit.detector import _Shown
from tasks.learn.fit.draws import Draw

SIDE = 64
BOX = (8, 20, 28, 44)


@pytest.mark.parametrize("changing", [False, True])
def test_shown__a_synthetic_copy_is_another_picture_with_its_boxes_in_place(tmp_path: Path, changing: bool) -> None:
    left, top, right, bottom = BOX
    square = np.zeros((1, SIDE, SIDE, 3), np.uint8)
    square[0, top:bottom, left:right, 1] = 255
    np.save(tmp_path / "squares.npy", square)
    shown = _Shown(tmp_path / "squares.npy", [np.array([BOX], np.float32)], [np.array([1])], changing)
    plain = [shown[Draw(0, seed)][0].numpy() for seed in range(8)]
    sizes = set()
    for seed in range(8):
        pixels, target = shown[Draw(0, seed, altered=True)]
        (box,) = target["boxes"].numpy().round().astype(int)
        green = pixels.numpy()[1] - pixels.numpy()[0] > 0.25
        rows, columns = np.nonzero(green)
        assert np.abs(np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]) - box).max() <= 1
        assert not any(np.array_equal(pixels, other) for other in plain)
        sizes.add(int(box[2] - box[0]))
    assert len(sizes) > 3
    assert max(sizes) < right - left
    assert np.array_equal(plain[0], square[0].transpose(2, 0, 1) / np.float32(255)) or changing
