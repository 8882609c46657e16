"""`typicality`: pick what many others look like."""

import numpy as np
from pydantic import Field

from tasks.select.coverage import reference_of
from tasks.select.greedy import Term, Values
from tasks.select.objectives import Fixed
from tasks.select.parts import LACKS, Of, Parts, named
from tasks.select.pool import Pool
from tasks.select.strength import Strength
from tasks.store.settings import StrictModel

ROWS = 1024
"""Candidates whose neighbours are looked for together."""


class Typicality(StrictModel):
    """How near the nearest neighbours are: 1 / (1 + mean distance), from 1/3 to 1. With diversity it avoids repeats.

    Hacohen et al., "Active Learning on a Budget: Opposite Strategies Suit High and Low Budgets", 2022. Of crops,
    neighbours are those of other images, and an image has the mean of its crops.
    """

    strength: Strength = 1.0
    of: Of = "images"
    num_nearest_neighbors: int = Field(default=20, ge=2, description="Neighbours that are looked at.")
    min_typicality: float = Field(default=0.0, ge=0, le=1, description="Nothing less typical is picked, 0 to 1.")

    def terms(self, pool: Pool) -> list[Term]:
        """The typicality of each candidate."""
        parts, _ = pool.parts(self.of)
        summed = parts.join(np.arange(len(pool)), typicality_of(parts, self.num_nearest_neighbors), np.add)
        found = summed / np.maximum(parts.counts, 1)
        found[found < self.min_typicality] = 0
        lacking = None if self.min_typicality else parts.lacking
        name = named("typicality", self.of)
        return [Term(Fixed(name, found, "of typicality {:.3f}", lacking, LACKS), self.strength)]


def typicality_of(parts: Parts, neighbours: int) -> Values:
    """(k,) typicality of parts among those of other samples; of many, among a seeded draw of them."""
    vectors = parts.vectors
    drawn = reference_of(len(vectors))
    several = vectors if drawn is None else vectors[drawn]
    most = min(neighbours, len(several) - 1)
    found = np.ones(len(vectors))
    for start in range(0, len(vectors) if most > 0 else 0, ROWS):
        rows = np.arange(start, min(start + ROWS, len(vectors)))
        cosines = vectors[rows] @ several.T
        parts.blank_own(cosines, rows, drawn, -1)
        nearest = -np.partition(-cosines, most - 1, axis=1)[:, :most]
        distances = np.sqrt(np.maximum(0.0, 2 - 2 * nearest.astype(np.float64)))
        found[rows] = 1 / (1 + distances.mean(axis=1))
    return found
