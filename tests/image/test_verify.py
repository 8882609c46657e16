"""Local features and pixels: what lies in another picture, and what only looks like it."""

import cv2
import numpy as np
import pytest

from tasks.image.decode import decode_thumbnail
from tasks.image.thumbnail import encode, shrink
from tasks.image.verify import Sight, repeats
from tasks.ingest.example import PHOTOGRAPHS, _photograph
from tests.benchmarks.edit_photograph import edits

KEPT = _photograph("coffee")[:400, :600]


def sight(pixels: np.ndarray) -> Sight:
    """What is remembered of a picture, through its thumbnail."""
    return Sight(decode_thumbnail(encode(np.ascontiguousarray(shrink(pixels, 256)))))


@pytest.mark.parametrize("kind", ["crop10", "crop30", "crop50", "mixed", "mirrored", "turned90", "rotated5", "quarter"])
def test_repeats__edits(kind: str) -> None:
    edited = dict(edits(KEPT, 0))[kind]
    assert repeats(Sight(decode_thumbnail(edited)), sight(KEPT))


def test_repeats__the_whole_is_not_to_be_seen_in_its_part() -> None:
    part = KEPT[60:340, 100:480]
    assert repeats(sight(part), sight(KEPT))
    assert not repeats(sight(KEPT), sight(part))


@pytest.mark.parametrize("name", [name for name in PHOTOGRAPHS if name != "coffee"])
def test_repeats__another_photograph_does_not(name: str) -> None:
    assert not repeats(sight(_photograph(name)), sight(KEPT))


def test_repeats__two_things_on_one_backdrop_do_not() -> None:
    pictures = []
    for place, name in enumerate(("chelsea", "astronaut")):
        picture = KEPT.copy()
        picture[60:300, 150:430] = _photograph(name)[:240, :280]
        pictures.append(sight(picture[10 * place :, 15 * place :]))
    assert not repeats(*pictures)


def test_repeats__something_small_came_where_the_camera_stands_still() -> None:
    changed = KEPT.copy()
    changed[300:340, 40:80] = 255 - KEPT[300:340, 40:80].mean(axis=(0, 1)).astype(np.uint8)
    assert repeats(sight(cv2.GaussianBlur(KEPT, (0, 0), 1)), sight(KEPT))
    assert not repeats(sight(changed), sight(KEPT))


def test_repeats__what_has_no_structure_repeats_nothing() -> None:
    wall = sight(np.full((300, 400, 3), 120, np.uint8))
    assert not repeats(wall, wall)
    assert not repeats(wall, sight(KEPT))


def test_repeats__what_is_likely_a_copy_may_be_written_on() -> None:
    written = sight(cv2.putText(KEPT.copy(), "sold", (200, 200), cv2.FONT_HERSHEY_SIMPLEX, 1.5, (255, 255, 255), 4))
    assert repeats(written, sight(KEPT), likely=True)
    assert not repeats(written, sight(KEPT))


def test_repeats__things_of_one_shape_do_not_however_likely() -> None:
    pictures = []
    for seed in (1, 2):
        picture = np.full((400, 300, 3), 200, np.uint8)
        picture[40:360, 80:220] = cv2.resize(_photograph("gravel" if seed == 1 else "grass"), (140, 320)) // 2
        pictures.append(sight(picture))
    assert not repeats(*pictures, likely=True)
