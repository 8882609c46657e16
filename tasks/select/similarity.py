"""`similarity`: pick what looks like samples that are named."""

import numpy as np
from pydantic import Field, model_validator

from tasks.select.greedy import FLOOR, Term
from tasks.select.objectives import Fixed
from tasks.select.pool import Pool, Query
from tasks.select.strength import Strength
from tasks.store.errors import UsageError
from tasks.store.settings import StrictModel


class Similarity(StrictModel):
    """Cosine similarity to the nearest of some samples, from 0 (opposite) to 1 (the same)."""

    strength: Strength = 1.0
    tag: str | None = Field(default=None, description="Samples that have this tag.")
    selection: str | None = Field(default=None, description="Samples of this selection.")
    samples: list[str] | None = Field(default=None, description="Samples by their ids.")

    @model_validator(mode="after")
    def _one_of_them(self) -> "Similarity":
        if sum(one is not None for one in (self.tag, self.selection, self.samples)) != 1:
            raise ValueError("give exactly one of tag, selection and samples")
        return self

    @property
    def query(self) -> Query:
        """What the pool has to look up."""
        if self.samples is not None:
            return ("samples", *self.samples)
        return ("tag", self.tag) if self.tag is not None else ("selection", str(self.selection))

    def terms(self, pool: Pool) -> list[Term]:
        """The similarity of each candidate. Raises UsageError if no such sample has a vector."""
        wanted = pool.queries[self.query]
        if not len(wanted):
            kind, *names = self.query
            raise UsageError(f"select.strategies: similarity: no embedded sample is of {kind} {names[0][:80]!r}.")
        nearest = np.full(len(pool), -1.0)
        for start in range(0, len(wanted), 1024):
            np.maximum(nearest, (pool.vectors @ wanted[start : start + 1024].T).max(axis=1), out=nearest)
        similar = np.clip((1 + nearest) / 2, FLOOR, 1)
        return [Term(Fixed("similarity", similar, "{:.3f} similar to what was asked for"), self.strength)]
