"""Hashes within a radius: exactly, and through the sieve."""

import numpy as np
import pytest

from tasks.dedupe import hamming
from tasks.dedupe.hamming import HammingIndex
from tasks.image.phash import orientations, unmirrored
from tests.dedupe.test_stars import scattered


def pairs(index: HammingIndex, hashes: np.ndarray, radius: int) -> set[tuple[int, int, int, int]]:
    """Row, entry, bits and version of all that is found."""
    found = index.within(orientations(hashes), radius)
    return set(zip(*(column.tolist() for column in found), strict=True))


def test_within__through_the_sieve_finds_what_is_within(monkeypatch: pytest.MonkeyPatch) -> None:
    hashes = scattered(600, 40, 40, 0)
    exact = HammingIndex(hashes[:300], unmirrored)
    monkeypatch.setattr(hamming, "EXACT_UP_TO", 100)
    sieved = HammingIndex(hashes[:200], unmirrored)
    sieved.add(hashes[200:300])
    assert (sieved.flat, exact.sieve) == (None, None)
    expected = pairs(exact, hashes[300:], 50)
    found = pairs(sieved, hashes[300:], 50)
    assert found <= expected
    assert len(found) > 0.99 * len(expected) > 1000
    assert {version for *_, version in found} == set(range(8))


def test_unmirrored__bits_are_the_same_in_mirrored_pictures() -> None:
    hashes = scattered(20, 20, 0, 1)
    bits = [unmirrored(version) for version in orientations(hashes)]
    assert bits[0].shape == (20, 8)
    assert all(np.array_equal(bits[0], bits[place]) for place in range(4))
    assert not np.array_equal(bits[0], bits[4])
