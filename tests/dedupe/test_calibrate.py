"""Calibration: unrelated pictures stay apart, true duplicates only make the radius smaller."""

from datetime import UTC, datetime

import numpy as np

from tasks.dedupe.calibrate import LARGEST_RADIUS, SMALLEST_RADIUS, calibrated_radius
from tasks.image.phash import orientations
from tests.dedupe.test_stars import scattered

NOWHERE = (None, None, None)


def test_calibrated_radius__hardly_any_unrelated_pair_is_within() -> None:
    hashes = np.random.default_rng(0).integers(0, 256, (1500, 32), dtype=np.uint8)
    radius = calibrated_radius(hashes, orientations, [NOWHERE] * 1500, 127)
    bits = np.unpackbits(hashes, axis=1).astype(int)
    nearest = min(int(np.abs(bits[place + 1 :] - bits[place]).sum(axis=1).min()) for place in range(200))
    assert radius < nearest
    assert radius > 40


def test_calibrated_radius__duplicates_do_not_make_it_larger() -> None:
    clean = np.random.default_rng(1).integers(0, 256, (1500, 32), dtype=np.uint8)
    spoilt = np.concatenate([clean[:1300], scattered(200, 20, 6, 2)])
    radii = [calibrated_radius(hashes, orientations, [NOWHERE] * 1500, LARGEST_RADIUS) for hashes in (clean, spoilt)]
    assert radii[1] <= radii[0]
    assert radii[1] >= SMALLEST_RADIUS


def test_calibrated_radius__pairs_of_one_scene_do_not_count() -> None:
    chance = np.random.default_rng(3)
    burst = np.repeat(chance.integers(0, 256, (30, 32), dtype=np.uint8), 50, axis=0)
    in_sequences = [(str(place // 50), None, None) for place in range(1500)]
    on_days = [(None, str(place // 50), datetime(2026, 1, 1, tzinfo=UTC)) for place in range(1500)]
    unknown = calibrated_radius(burst, orientations, [NOWHERE] * 1500, 64)
    assert unknown == SMALLEST_RADIUS
    assert calibrated_radius(burst, orientations, in_sequences, 64) > 40
    assert calibrated_radius(burst, orientations, on_days, 64) > 40
