"""How close two unrelated pictures come: sets what counts as near from the pictures themselves."""

from collections.abc import Callable
from datetime import datetime

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tasks.image.phash import BITS

DEFAULT_RADIUS = 48
DEFAULT_TURNED_RADIUS = 32
"""Bits, until a batch is large enough to calibrate: no false duplicate among edited photographs (tests/benchmarks)."""

ENOUGH_SAMPLES = 1000
LARGEST_RADIUS = 64
LARGEST_TURNED_RADIUS = 40
SMALLEST_RADIUS = 8
_MOST_SAMPLES = 4096
_ENOUGH_PAIRS = 100_000


Scene = tuple[str | None, str | None, datetime | None]
"""Sequence, sensor and capture time of a sample, as far as they are known."""


def scenes_of(samples: pa.Table) -> list[Scene]:
    """The scene of each row with sequence_id, sensor_id and captured_at."""
    columns = [samples[name].to_pylist() for name in ("sequence_id", "sensor_id", "captured_at")]
    return list(zip(*columns, strict=True))


def calibrated_radius(
    hashes: NDArray[np.uint8],
    versions: Callable[[NDArray[np.uint8]], NDArray[np.uint8]],
    scenes: list[Scene],
    most: int,
) -> int:
    """The radius at which about one in ten million unrelated pairs would be called duplicates.

    The tail is extrapolated from the 1 % and the 0.1 % quantile of the distances between pairs, which falls by about
    the same number of bits a decade further down; true duplicates among the pairs, being rarer than that, do not move
    it much, and if they are not rarer they make it smaller, which is the safe side.

    Args:
        hashes: (n, 32) uint8, n >= ENOUGH_SAMPLES.
        versions: (n, 32) to (v, n, 32): the versions in which a sample is compared.
        scenes: of each sample; pairs of one sequence, or of one sensor on one day, do not count as unrelated.
        most: the radius is never larger.
    """
    chosen = np.linspace(0, len(hashes) - 1, min(len(hashes), _MOST_SAMPLES)).astype(int)
    distances = _distances(hashes[chosen], versions)
    unrelated = _unrelated([scenes[place] for place in chosen])
    one_percent, one_per_mille = np.quantile(distances[unrelated], (0.01, 0.001))
    radius = one_per_mille - 4 * (one_percent - one_per_mille)
    return int(np.clip(radius, SMALLEST_RADIUS, most))


def calibrated_similarities(vectors: NDArray[np.float32], scenes: list[Scene]) -> tuple[float, float]:
    """Cosines that 1 in 20 and 1 in 100,000 unrelated pairs reach: to look closer, and to decide without looking.

    True duplicates among the pairs make them larger, which is the safe side.

    Args:
        vectors: (n, d) float32, unit rows less their mean, n >= ENOUGH_SAMPLES.
        scenes: of each sample, as for calibrated_radius.
    """
    chosen = np.linspace(0, len(vectors) - 1, min(len(vectors), _MOST_SAMPLES)).astype(int)
    unrelated = _unrelated([scenes[place] for place in chosen])
    cosines = (vectors[chosen] @ vectors[chosen].T)[unrelated]
    closer, decided = np.quantile(cosines, (1 - 5e-2, 1 - 1e-5))
    return round(float(closer), 4), round(float(decided), 4)


def _unrelated(scenes: list[Scene]) -> NDArray[np.bool_]:
    """(n, n): which pairs count, each once; all of them, if too few are of different scenes."""
    unrelated = np.triu(~_same_scene(scenes), 1)
    return unrelated if unrelated.sum() >= _ENOUGH_PAIRS else np.triu(np.ones_like(unrelated), 1)


def _distances(
    hashes: NDArray[np.uint8], versions: Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
) -> NDArray[np.float32]:
    """(n, n) bits that differ, the smallest over all versions, by matrix products of signs."""
    signs = np.unpackbits(hashes, axis=1).astype(np.float32) * 2 - 1
    most = np.full((len(hashes), len(hashes)), -BITS, np.float32)
    for turned in versions(hashes):
        np.maximum(most, (np.unpackbits(turned, axis=1).astype(np.float32) * 2 - 1) @ signs.T, out=most)
    return np.asarray((BITS - most) / 2, np.float32)


def _same_scene(scenes: list[Scene]) -> NDArray[np.bool_]:
    sequences = _codes([sequence for sequence, _, _ in scenes])
    days = _codes([(sensor, time.date()) if sensor and time else None for _, sensor, time in scenes])
    same = np.zeros((len(scenes), len(scenes)), bool)
    for codes in (sequences, days):
        same |= (codes[:, None] == codes[None, :]) & (codes[:, None] >= 0)
    return same


def _codes(values: list[object]) -> NDArray[np.int64]:
    known = {value: code for code, value in enumerate(dict.fromkeys(value for value in values if value is not None))}
    return np.array([known.get(value, -1) for value in values], np.int64)
