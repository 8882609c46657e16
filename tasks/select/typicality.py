"""`typicality`: pick what many others look like."""

import numpy as np
from pydantic import Field

from tasks.select.coverage import blank, own_columns, reference_of
from tasks.select.greedy import Term, Values
from tasks.select.objectives import Fixed
from tasks.select.pool import Pool, Vectors
from tasks.select.strength import Strength
from tasks.store.settings import StrictModel

ROWS = 1024
"""Candidates whose neighbours are looked for together."""


class Typicality(StrictModel):
    """How near the nearest neighbours are: 1 / (1 + mean distance), from 1/3 to 1. With diversity it avoids repeats.

    Hacohen et al., "Active Learning on a Budget: Opposite Strategies Suit High and Low Budgets", 2022.
    """

    strength: Strength = 1.0
    num_nearest_neighbors: int = Field(default=20, ge=2, description="Neighbours that are looked at.")
    min_typicality: float = Field(default=0.0, ge=0, le=1, description="Nothing less typical is picked, 0 to 1.")

    def terms(self, pool: Pool) -> list[Term]:
        """The typicality of each candidate."""
        found = typicality_of(pool.vectors, self.num_nearest_neighbors)
        found[found < self.min_typicality] = 0
        return [Term(Fixed("typicality", found, "of typicality {:.3f}"), self.strength)]


def typicality_of(vectors: Vectors, neighbours: int) -> Values:
    """(n,) typicality of unit rows, among themselves; of many, among a seeded draw of them."""
    drawn = reference_of(len(vectors))
    several, own = vectors if drawn is None else vectors[drawn], own_columns(len(vectors), drawn)
    most = min(neighbours, len(several) - 1)
    found = np.ones(len(vectors))
    for start in range(0, len(vectors) if most > 0 else 0, ROWS):
        cosines = vectors[start : start + ROWS] @ several.T
        blank(cosines, own[start : start + ROWS], -np.inf)
        nearest = -np.partition(-cosines, most - 1, axis=1)[:, :most]
        distances = np.sqrt(np.maximum(0.0, 2 - 2 * nearest.astype(np.float64)))
        found[start : start + ROWS] = 1 / (1 + distances.mean(axis=1))
    return found
