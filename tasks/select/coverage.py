"""`coverage`: pick what stands for the most of the pool that nothing chosen stands for yet."""

import heapq

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tasks.progress import advance
from tasks.select.pool import Pick, Pool, Vectors
from tasks.store.settings import StrictModel

REFERENCE = 10_000
"""Above twice as many samples, coverage is measured on a seeded draw of so many of them."""

DENSE_ENTRIES = 100_000_000
"""A kernel of so many entries (400 MB) is kept; rows of a larger one are computed when they are asked for."""

BLOCK = 32
"""Gains brought up to date together, by one matrix product."""


class Coverage(StrictModel):
    """RBF kernel coverage, maximised greedily with lazy evaluation.

    MaxHerding: Bae et al., "Generalized Coverage for More Robust Low-Budget Active Learning", 2024.
    """

    strength: float = Field(default=1.0, description="Weight against others; changes nothing for a single one.")

    def pick(self, pool: Pool, budget: int) -> list[Pick]:
        """Up to `budget` picks, best first. The gain is the share of the pool that a pick newly covers."""
        return cover(pool.vectors, pool.chosen, budget)


def cover(vectors: Vectors, chosen: Vectors, budget: int) -> list[Pick]:
    """Greedy coverage of unit rows.

    Args:
        vectors: (n, d) float32 candidates, unit rows; the pool to be covered at the same time.
        chosen: (m, d) float32, unit rows that cover already.
        budget: picks at most.
    """
    reference = _reference(vectors)
    kernel = _Kernel(vectors, reference)
    covered = _covered_by(chosen, reference)
    bounds = [(-float(gain), place) for place, gain in enumerate(_first_gains(kernel, covered))]
    heapq.heapify(bounds)
    picks: list[Pick] = []
    fresh: dict[int, int] = {}
    while bounds and len(picks) < budget:
        gain, best = bounds[0]
        if fresh.get(best) != len(picks):
            _refresh(bounds, fresh, kernel, covered, len(picks))
            continue
        heapq.heappop(bounds)
        covered = np.maximum(covered, kernel.rows([best])[0])
        picks.append(Pick(best, -gain / len(reference), _reason(-gain, len(reference), len(vectors))))
        advance("select", 1)
    return picks


class _Kernel:
    """exp(-|x - y|^2) of candidates (rows) and reference samples (columns), with unit rows on both sides."""

    def __init__(self, vectors: Vectors, reference: Vectors) -> None:
        self.vectors, self.reference = vectors, reference
        self.dense: Vectors | None = None
        if len(vectors) * len(reference) <= DENSE_ENTRIES:
            self.dense = _similarity(vectors, reference)

    def rows(self, places: list[int]) -> Vectors:
        """(len(places), r) float32."""
        if self.dense is None:
            return _similarity(self.vectors[places], self.reference)
        return self.dense[places[0] : places[0] + 1] if len(places) == 1 else self.dense[places]


def _similarity(left: Vectors, right: Vectors) -> Vectors:
    cosine = left @ right.T
    cosine -= 1
    cosine *= 2
    similarity: Vectors = np.exp(cosine, out=cosine)
    return similarity


def _reference(vectors: Vectors) -> Vectors:
    if len(vectors) <= 2 * REFERENCE:
        return vectors
    drawn: NDArray[np.int64] = np.random.default_rng(0).choice(len(vectors), REFERENCE, replace=False)
    return vectors[np.sort(drawn)]


def _covered_by(chosen: Vectors, reference: Vectors) -> Vectors:
    covered = np.zeros(len(reference), np.float32)
    for start in range(0, len(chosen), 1024):
        np.maximum(covered, _similarity(chosen[start : start + 1024], reference).max(axis=0), out=covered)
    return covered


def _first_gains(kernel: _Kernel, covered: Vectors) -> Vectors:
    gains = []
    for start in range(0, len(kernel.vectors), 1024):
        rows = kernel.rows(list(range(start, min(start + 1024, len(kernel.vectors)))))
        gains.append(_gains(rows, covered))
    return np.concatenate(gains) if gains else np.zeros(0, np.float32)


def _gains(rows: Vectors, covered: Vectors) -> Vectors:
    gains: Vectors = np.maximum(rows - covered, 0).sum(axis=1)
    return gains


def _refresh(
    bounds: list[tuple[float, int]], fresh: dict[int, int], kernel: _Kernel, covered: Vectors, step: int
) -> None:
    """Bring the largest outdated gains up to date. Gains only fall, so an old one is an upper bound."""
    outdated: list[int] = []
    kept: list[tuple[float, int]] = []
    while bounds and len(outdated) < (BLOCK if kernel.dense is None else 1):
        bound, place = heapq.heappop(bounds)
        if fresh.get(place) == step:
            kept.append((bound, place))
            break
        outdated.append(place)
    for place, gain in zip(outdated, _gains(kernel.rows(outdated), covered), strict=True):
        fresh[place] = step
        kept.append((-float(gain), place))
    for entry in kept:
        heapq.heappush(bounds, entry)


def _reason(gain: float, reference: int, pool: int) -> str:
    share = gain / reference
    return f"covers {100 * share:.2g} % of the pool ({share * pool:.1f} samples) that nothing chosen covered"
