"""`diversity`: pick what is farthest from everything chosen."""

import numpy as np
from pydantic import Field

from tasks.progress import advance
from tasks.select.pool import Pick, Pool, Vectors
from tasks.store.settings import StrictModel

CANDIDATES = 1024
"""Farthest samples that are settled among themselves before all others are brought up to date."""


class Diversity(StrictModel):
    """Farthest-first traversal, exact, in blocks, so that most of it is matrix products.

    A 2-approximation of k-center: Gonzalez, "Clustering to minimize the maximum intercluster distance", 1985.
    """

    strength: float = Field(default=1.0, description="Weight against others; changes nothing for a single one.")
    min_distance: float = Field(
        default=0.0,
        ge=0,
        le=2,
        description="Stop when the next pick is nearer to a chosen one; of unit vectors, 0 to 2.",
    )

    def pick(self, pool: Pool, budget: int) -> list[Pick]:
        """Up to `budget` picks, farthest first. The gain is the distance to the nearest chosen one, 0 to 2."""
        order, distances = spread(pool.vectors, pool.chosen, budget, self.min_distance)
        return [
            Pick(
                row,
                distance,
                f"{distance:.3f} away from everything chosen before" if distance < 2 else "the first pick",
            )
            for row, distance in zip(order, distances, strict=True)
        ]


def spread(vectors: Vectors, chosen: Vectors, budget: int, min_distance: float) -> tuple[list[int], list[float]]:
    """Exact farthest-first traversal of unit rows.

    Among the CANDIDATES farthest rows the next picks are exact as long as they are at least as far as every row outside
    was, since distances only fall; then all rows are brought up to date by one matrix product.

    Args:
        vectors: (n, d) float32, unit rows.
        chosen: (m, d) float32, unit rows that are chosen already; without any, the row nearest the mean comes first.
        budget: picks at most.
        min_distance: Euclidean; the traversal ends before a pick that is nearer.

    Returns:
        Rows in the order of their picks, and their distances to what was chosen before (2 for the very first).
    """
    nearest = np.full(len(vectors), -1, np.float32)  # cosine to the nearest chosen row
    _bring_up_to_date(nearest, vectors, chosen)
    order: list[int] = []
    distances: list[float] = []
    if not len(chosen) and len(vectors) and budget > 0:
        first = int(np.argmax(vectors @ vectors.mean(axis=0)))
        order, distances = [first], [2.0]
        _bring_up_to_date(nearest, vectors, vectors[[first]])
        nearest[first] = 2
    while len(order) < min(budget, len(vectors)):
        rows, cosines = _settle(nearest, vectors, min(budget, len(vectors)) - len(order))
        near_enough = [place for place, cosine in enumerate(cosines) if _distance(cosine) < min_distance]
        if near_enough:
            rows, cosines = rows[: near_enough[0]], cosines[: near_enough[0]]
        order += rows
        distances += [_distance(cosine) for cosine in cosines]
        advance("select", len(rows))
        if near_enough:
            break
        _bring_up_to_date(nearest, vectors, vectors[rows])
        nearest[rows] = 2
    return order, distances


def _settle(nearest: Vectors, vectors: Vectors, most: int) -> tuple[list[int], list[float]]:
    """The next picks among the farthest rows, at least one, with their cosines to the nearest chosen row."""
    size = min(CANDIDATES, len(nearest))
    candidates = np.argpartition(nearest, size - 1)[:size]
    candidates = candidates[np.lexsort((candidates, nearest[candidates]))]
    outside = float(nearest[candidates[-1]]) if size < len(nearest) else 2.0
    cosines = nearest[candidates].copy()
    among = vectors[candidates] @ vectors[candidates].T
    rows: list[int] = []
    found: list[float] = []
    while len(rows) < most:
        farthest = int(np.argmin(cosines))
        cosine = float(cosines[farthest])
        if cosine >= 2 or (rows and cosine > outside):
            break
        rows.append(int(candidates[farthest]))
        found.append(cosine)
        np.maximum(cosines, among[farthest], out=cosines)
        cosines[farthest] = 2
    return rows, found


def _bring_up_to_date(nearest: Vectors, vectors: Vectors, picked: Vectors) -> None:
    for start in range(0, len(picked), 1024):
        part = picked[start : start + 1024]
        for first in range(0, len(vectors), 8192):
            rows = slice(first, first + 8192)
            np.maximum(nearest[rows], (vectors[rows] @ part.T).max(axis=1), out=nearest[rows])


def _distance(cosine: float) -> float:
    return float(np.sqrt(max(0.0, 2 - 2 * cosine)))
