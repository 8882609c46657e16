"""Both hashes: what they do not see, and what they do."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.image.phash import orientations, perceptual_hash
from tasks.image.ringhash import ring_hash
from tests.made import photograph


def grey(seed: int) -> np.ndarray:
    return cv2.cvtColor(photograph(seed, 256, 256), cv2.COLOR_RGB2GRAY)


def bits(left: bytes, right: bytes) -> int:
    return int(np.unpackbits(np.frombuffer(left, np.uint8) ^ np.frombuffer(right, np.uint8)).sum())


def turned(picture: np.ndarray) -> list[np.ndarray]:
    return [np.ascontiguousarray(np.rot90(one, turns)) for one in (picture, picture[:, ::-1]) for turns in range(4)]


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_orientations__are_the_hashes_of_the_turned_pictures(seed: int) -> None:
    picture = grey(seed)
    made = {
        version.tobytes() for version in orientations(np.frombuffer(perceptual_hash(picture), np.uint8)[None])[:, 0]
    }
    seen = [perceptual_hash(version) for version in turned(picture)]
    assert all(min(bits(version, other) for other in made) <= 2 for version in seen)
    assert len(made) == 8


def test_orientations__the_first_is_the_hash_itself() -> None:
    hashes = np.frombuffer(perceptual_hash(grey(1)) + perceptual_hash(grey(2)), np.uint8).reshape(2, 32)
    assert np.array_equal(orientations(hashes)[0], hashes)


@pytest.mark.parametrize("seed", range(8))
def test_perceptual_hash__survives_size_compression_and_exposure(seed: int) -> None:
    picture = grey(seed)
    code = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 20])[1]
    versions = [
        cv2.resize(picture, (96, 96), interpolation=cv2.INTER_AREA),
        cv2.imdecode(code, cv2.IMREAD_GRAYSCALE),
        cv2.convertScaleAbs(picture, alpha=0.8, beta=10),
    ]
    assert max(bits(perceptual_hash(picture), perceptual_hash(version)) for version in versions) <= 20


@pytest.mark.parametrize("angle", [7, 25, 45, 100, 170])
def test_ring_hash__does_not_see_a_rotation(angle: int) -> None:
    for seed in range(6):
        picture = grey(seed)
        matrix = cv2.getRotationMatrix2D((127.5, 127.5), angle, 1)
        other = cv2.warpAffine(picture, matrix, (256, 256))
        assert bits(ring_hash(picture), ring_hash(other)) <= 32


def test_ring_hash__is_the_same_for_every_orientation() -> None:
    assert max(bits(ring_hash(grey(3)), ring_hash(version)) for version in turned(grey(3))) <= 4


@pytest.mark.parametrize("compute", [perceptual_hash, ring_hash])
def test_hashes__unrelated_pictures_are_far_apart(compute: object) -> None:
    codes = [compute(grey(seed)) for seed in range(40)]  # type: ignore[operator]
    assert min(bits(left, right) for place, left in enumerate(codes) for right in codes[:place]) > 48


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (3, 7)])
@pytest.mark.parametrize("compute", [perceptual_hash, ring_hash])
def test_hashes__of_any_shape(compute: object, shape: tuple[int, int]) -> None:
    assert len(compute(np.full(shape, 9, np.uint8))) == 32  # type: ignore[operator]


@pytest.mark.parametrize("compute", [perceptual_hash, ring_hash])
def test_hashes__an_even_picture_has_no_noise_in_its_hash(compute: object) -> None:
    assert compute(np.full((200, 300), 31, np.uint8)) == compute(np.full((100, 80), 200, np.uint8))  # type: ignore[operator]
