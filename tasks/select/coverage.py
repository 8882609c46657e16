"""`coverage`: pick what stands for the most of the pool that nothing chosen stands for yet."""

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tasks.select.greedy import Change, Places, Term, Values
from tasks.select.pool import Pool, Vectors
from tasks.select.strength import Strength
from tasks.store.settings import StrictModel

REFERENCE = 10_000
"""Above twice as many samples, coverage is measured on a seeded draw of so many of them."""

DENSE_ENTRIES = 100_000_000
"""A kernel of so many entries (400 MB) is kept; rows of a larger one are computed when they are asked for."""

BLOCK = 32
"""Gains of such a large kernel that are brought up to date together, by one matrix product."""


class Coverage(StrictModel):
    """RBF kernel coverage, maximised greedily with lazy evaluation.

    MaxHerding: Bae et al., "Generalized Coverage for More Robust Low-Budget Active Learning", 2024.
    """

    strength: Strength = 1.0
    radius: float = Field(
        default=1.0, gt=0, le=2, description="Distance of unit vectors at which a pick covers 1/e of a sample, 0 to 2."
    )

    def terms(self, pool: Pool) -> list[Term]:
        """The share of the pool that a candidate newly covers."""
        return [Term(Covering(pool.vectors, pool.chosen, self.radius), self.strength)]


class Covering:
    """Coverage by unit rows: the gain of each candidate is the share of the weighted pool that it newly covers.

    Where some samples stand for all, none of them counts itself: it would be ahead of those that were not drawn.

    Args:
        vectors: (n, d) float32 candidates, unit rows; the pool to be covered at the same time.
        chosen: (m, d) float32, unit rows that cover already.
        radius: distance at which a row covers 1/e of another.
        weights: (n,) float32, how much each sample of the pool is worth to be covered; 1 without it.
    """

    name = "coverage"
    change: Change = "falls"

    def __init__(
        self, vectors: Vectors, chosen: Vectors, radius: float = 1.0, weights: NDArray[np.float32] | None = None
    ) -> None:
        drawn = reference_of(len(vectors))
        self.own = None if drawn is None else own_columns(len(vectors), drawn)
        reference = vectors if drawn is None else vectors[drawn]
        weights = np.ones(len(vectors), np.float32) if weights is None else weights
        self.weights = weights if drawn is None else weights[drawn]
        self.weights = self.weights / max(float(self.weights.sum()), 1e-12)
        self.kernel = _Kernel(vectors, reference, radius)
        self.covered = _covered_by(chosen, reference, radius)
        self.share_before = self._share()
        self.pool = len(vectors)
        self.block = 1 if self.kernel.dense is not None else BLOCK

    def values(self, rows: Places) -> Values:
        """Shares of the pool, 0 to 1."""
        gains = np.zeros(len(rows))
        for start in range(0, len(rows), 1024):
            part = self.kernel.rows(rows[start : start + 1024]) - self.covered
            if self.own is not None:
                blank(part, self.own[rows[start : start + 1024]], 0)
            gains[start : start + 1024] = np.maximum(part, 0, out=part) @ self.weights
        return np.maximum(gains, 1e-12)

    def add(self, row: int) -> None:
        """It covers from now on."""
        np.maximum(self.covered, self.kernel.rows(np.array([row]))[0], out=self.covered)

    def ends(self, _row: int) -> str | None:
        """Never."""
        return None

    def words(self, value: float) -> str:
        """The share, and what it is in samples."""
        return f"covers {100 * value:.2g} % of the pool ({value * self.pool:.1f} samples) that nothing chosen covered"

    def reached(self) -> object:
        """Shares of the pool that are covered, before and after."""
        return {"before": self.share_before, "after": self._share()}

    def _share(self) -> float:
        return float(self.covered @ self.weights)


class _Kernel:
    """exp(-|x - y|^2 / radius^2) of candidates (rows) and reference samples (columns), with unit rows on both sides."""

    def __init__(self, vectors: Vectors, reference: Vectors, radius: float) -> None:
        self.vectors, self.reference, self.radius = vectors, reference, radius
        self.dense: Vectors | None = None
        if len(vectors) * len(reference) <= DENSE_ENTRIES:
            self.dense = _similarity(vectors, reference, radius)

    def rows(self, places: Places) -> Vectors:
        """(len(places), r) float32."""
        if self.dense is None:
            return _similarity(self.vectors[places], self.reference, self.radius)
        return self.dense[places[0] : places[0] + 1] if len(places) == 1 else self.dense[places]


def _similarity(left: Vectors, right: Vectors, radius: float) -> Vectors:
    cosine = left @ right.T
    cosine -= 1
    cosine *= 2 / radius**2
    similarity: Vectors = np.exp(cosine, out=cosine)
    return similarity


def reference_of(size: int) -> NDArray[np.int64] | None:
    """Which samples stand for all; None for all of them."""
    if size <= 2 * REFERENCE:
        return None
    return np.sort(np.random.default_rng(0).choice(size, REFERENCE, replace=False))


def own_columns(size: int, drawn: NDArray[np.int64] | None) -> NDArray[np.int64]:
    """(size,) column of each sample among those that stand for all; -1 where it is none of them."""
    if drawn is None:
        return np.arange(size)
    own = np.full(size, -1)
    own[drawn] = np.arange(len(drawn))
    return own


def blank(matrix: Vectors, columns: NDArray[np.int64], value: float) -> None:
    """Put a value where each row meets its column, if it has one."""
    rows = np.flatnonzero(columns >= 0)
    matrix[rows, columns[rows]] = value


def _covered_by(chosen: Vectors, reference: Vectors, radius: float) -> Vectors:
    covered = np.zeros(len(reference), np.float32)
    for start in range(0, len(chosen), 1024):
        np.maximum(covered, _similarity(chosen[start : start + 1024], reference, radius).max(axis=0), out=covered)
    return covered
