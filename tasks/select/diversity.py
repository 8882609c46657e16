"""`diversity`: pick what is farthest from everything chosen."""

import numpy as np
from pydantic import Field

from tasks.progress import advance
from tasks.select.greedy import FLOOR, Change, Places, Term, Values
from tasks.select.parts import LACKS, Of, Parts, named
from tasks.select.pool import Pool
from tasks.select.strength import Strength
from tasks.select.vectors import Vectors, nearest_cosines
from tasks.store.settings import StrictModel

CANDIDATES = 1024
"""Farthest samples that are settled among themselves before all others are brought up to date."""


class Diversity(StrictModel):
    """Farthest-first traversal, exact, in blocks, so that most of it is matrix products.

    A 2-approximation of k-center: Gonzalez, "Clustering to minimize the maximum intercluster distance", 1985. Of
    crops, an image is as far away as the one of its crops that is farthest from all that are chosen.
    """

    strength: Strength = 1.0
    of: Of = "images"
    min_distance: float = Field(
        default=0.0,
        ge=0,
        le=2,
        description="Nothing nearer to a chosen one is picked; of unit vectors, 0 to 2.",
    )

    def terms(self, pool: Pool) -> list[Term]:
        """The distance of a candidate to the nearest chosen one, 0 to 2."""
        parts, chosen = pool.parts(self.of)
        return [Term(Spreading(parts, chosen, self.min_distance), self.strength)]


class Spreading:
    """The distance of each candidate to the nearest chosen row, and to those that are picked.

    Args:
        parts: candidates, or crops of them: then the one that is farthest away counts.
        chosen: (m, d) float32, unit rows that are chosen already; without any, every candidate is 2 away at first.
        min_distance: nearer ones must not be picked, nor what has no crops.
    """

    change: Change = "falls"
    block = 32

    lacks = LACKS

    def __init__(self, parts: Parts, chosen: Vectors, min_distance: float) -> None:
        self.name = named("diversity", parts.of)
        self.parts, self.chosen, self.min_distance = parts, chosen, min_distance
        self.lacking = None if min_distance else parts.lacking
        self.nearest = nearest_cosines(parts.vectors, chosen)
        self.seen = np.zeros(len(parts.vectors), np.int64)
        self.picked: list[int] = []
        self.least = 2.0

    def values(self, rows: Places) -> Values:
        """Distances, 0 to 2; 0 for what is nearer than allowed."""
        places = self.parts.places(rows)
        outdated = places[self.seen[places] < len(self.picked)]
        if len(outdated):
            since = self.parts.vectors[self.picked[int(self.seen[outdated].min()) :]]
            now = nearest_cosines(self.parts.vectors[outdated], since)
            self.nearest[outdated], self.seen[outdated] = np.maximum(self.nearest[outdated], now), len(self.picked)
        each = np.sqrt(np.maximum(0.0, 2 - 2 * self.nearest[places].astype(np.float64)))
        distances = self.parts.join(rows, each, np.maximum)
        return np.where(distances < self.min_distance, 0.0, np.maximum(distances, FLOOR))

    def add(self, row: int) -> None:
        """What is near it is less wanted from now on."""
        places = self.parts.places(np.array([row])).tolist()
        if places:
            self.least = min(self.least, float(self.values(np.array([row]))[0]))
            self.picked += places

    def ends(self, _row: int) -> str | None:
        """Never: what is too near is left out, and others may be picked."""
        return None

    def words(self, value: float) -> str:
        """The distance."""
        if self.parts.of == "images":
            return f"{value:.3f} away from everything chosen before" if value < 2 else "the first pick"
        return f"shows something {value:.3f} away from all that was chosen before"

    def reached(self) -> object:
        """The least distance of a pick to what was chosen before it."""
        return {"least distance": self.least}


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
    nearest = nearest_cosines(vectors, chosen)
    order: list[int] = []
    distances: list[float] = []
    if not len(chosen) and len(vectors) and budget > 0:
        first = int(np.argmax(vectors @ vectors.mean(axis=0)))
        order, distances = [first], [2.0]
        nearest = nearest_cosines(vectors, vectors[[first]])
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
        np.maximum(nearest, nearest_cosines(vectors, vectors[rows]), out=nearest)
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


def _distance(cosine: float) -> float:
    return float(np.sqrt(max(0.0, 2 - 2 * cosine)))
