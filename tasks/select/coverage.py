"""`coverage`: pick what stands for the most of the pool that nothing chosen stands for yet."""

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tasks.select.greedy import Change, Places, Term, Values
from tasks.select.parts import LACKS, Of, Parts, named
from tasks.select.pool import Pool
from tasks.select.strength import Strength
from tasks.select.vectors import Vectors
from tasks.store.settings import StrictModel

REFERENCE = 10_000
"""Above twice as many parts, coverage is measured on a seeded draw of so many of them."""

PARTS_AT_ONCE = 1024
"""Rows of a kernel that are computed together."""

DENSE_ENTRIES = 100_000_000
"""A kernel of so many entries (400 MB) is kept; rows of a larger one are computed when they are asked for."""

BLOCK = 32
"""Gains of such a large kernel that are brought up to date together, by one matrix product."""


class Coverage(StrictModel):
    """RBF kernel coverage, maximised greedily with lazy evaluation.

    MaxHerding: Bae et al., "Generalized Coverage for More Robust Low-Budget Active Learning", 2024. Of crops, those of
    an image cover those of all images together.
    """

    strength: Strength = 1.0
    of: Of = "images"
    radius: float = Field(
        default=1.0, gt=0, le=2, description="Distance of unit vectors at which a pick covers 1/e of a sample, 0 to 2."
    )

    def terms(self, pool: Pool) -> list[Term]:
        """The share of the pool that a candidate newly covers."""
        parts, chosen = pool.parts(self.of)
        return [Term(Covering(parts, chosen, self.radius), self.strength)]


class Covering:
    """Coverage by unit rows: the gain of each candidate is the share of the weighted pool that it newly covers.

    Where some parts stand for all, those of a candidate do not count themselves: it would be ahead of what was not
    drawn.

    Args:
        parts: candidates, or crops of them; what is to be covered at the same time.
        chosen: (m, d) float32, unit rows that cover already.
        radius: distance at which a row covers 1/e of another.
        weights: (k,) float32, how much each part is worth to be covered; 1 without it.
    """

    change: Change = "falls"
    lacks = LACKS

    def __init__(
        self, parts: Parts, chosen: Vectors, radius: float = 1.0, weights: NDArray[np.float32] | None = None
    ) -> None:
        vectors = parts.vectors
        self.name = named("coverage", parts.of)
        self.parts, self.lacking, self.drawn = parts, parts.lacking, reference_of(len(vectors))
        reference = vectors if self.drawn is None else vectors[self.drawn]
        weights = np.ones(len(vectors), np.float32) if weights is None else weights
        self.weights = weights if self.drawn is None else weights[self.drawn]
        self.weights = self.weights / max(float(self.weights.sum()), 1e-12)
        self.kernel = _Kernel(vectors, reference, radius)
        self.covered = _covered_by(chosen, reference, radius)
        self.share_before = self._share()
        self.block = 1 if self.kernel.dense is not None else BLOCK

    def values(self, rows: Places) -> Values:
        """Shares of the pool, 0 to 1."""
        gains = np.zeros(len(rows))
        for chunk in self.parts.chunks(rows, PARTS_AT_ONCE):
            some = rows[chunk]
            places = self.parts.places(some)
            newly = self.kernel.rows(places) - self.covered
            if self.drawn is not None:
                self.parts.blank_own(newly, places, self.drawn, 0)
            newly = self.parts.join(some, newly, np.maximum)
            gains[chunk] = np.maximum(newly, 0, out=newly) @ self.weights
        return np.maximum(gains, 1e-12)

    def add(self, row: int) -> None:
        """It covers from now on."""
        for place in self.parts.places(np.array([row])):
            np.maximum(self.covered, self.kernel.rows(np.array([place]))[0], out=self.covered)

    def ends(self, _row: int) -> str | None:
        """Never."""
        return None

    def words(self, value: float) -> str:
        """The share, and what it is in samples."""
        what = ("the pool", "samples") if self.parts.of == "images" else ("the crops", "crops")
        count = value * len(self.parts.vectors)
        return f"covers {100 * value:.2g} % of {what[0]} ({count:.1f} {what[1]}) that nothing chosen covered"

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
            self.dense = similarity(vectors, reference, radius)

    def rows(self, places: Places) -> Vectors:
        """(len(places), r) float32."""
        if self.dense is None:
            return similarity(self.vectors[places], self.reference, self.radius)
        return self.dense[places[0] : places[0] + 1] if len(places) == 1 else self.dense[places]


def similarity(left: Vectors, right: Vectors, radius: float) -> Vectors:
    """(l, r) float32, how much unit rows cover each other: exp(-|x - y|^2 / radius^2)."""
    cosine = left @ right.T
    cosine -= 1
    cosine *= 2 / radius**2
    kernel: Vectors = np.exp(cosine, out=cosine)
    return kernel


def reference_of(size: int) -> NDArray[np.int64] | None:
    """Which of so many stand for all, in their order; None for all of them."""
    if size <= 2 * REFERENCE:
        return None
    return np.sort(np.random.default_rng(0).choice(size, REFERENCE, replace=False))


def _covered_by(chosen: Vectors, reference: Vectors, radius: float) -> Vectors:
    covered = np.zeros(len(reference), np.float32)
    for start in range(0, len(chosen), 1024):
        np.maximum(covered, similarity(chosen[start : start + 1024], reference, radius).max(axis=0), out=covered)
    return covered
