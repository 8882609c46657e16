"""`similarity`: pick what looks like samples that are named."""

import numpy as np
from pydantic import Field, model_validator

from tasks.select.greedy import FLOOR, Term
from tasks.select.objectives import Fixed
from tasks.select.objects import Query
from tasks.select.parts import Of, named
from tasks.select.pool import Pool
from tasks.select.strength import Strength
from tasks.store.errors import UsageError
from tasks.store.settings import StrictModel


class Similarity(StrictModel):
    """Cosine similarity to the nearest of some samples, from 0 (opposite) to 1 (the same).

    Of objects, it is that of the object that is most like one of theirs, or like one of them as a whole.
    """

    strength: Strength = 1.0
    of: Of = "images"
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
        parts, _ = pool.parts(self.of)
        wanted = pool.asked_for(self.query, self.of)
        if not len(wanted):
            kind, *names = self.query
            raise UsageError(f"select.strategies: similarity: no embedded sample is of {kind} {names[0][:80]!r}.")
        nearest = np.full(len(parts.vectors), -1.0)
        for start in range(0, len(wanted), 1024):
            np.maximum(nearest, (parts.vectors @ wanted[start : start + 1024].T).max(axis=1), out=nearest)
        last = FLOOR if self.strength >= 0 else 1 / FLOOR
        similar = parts.join(np.arange(len(pool)), np.clip((1 + nearest) / 2, FLOOR, 1), np.maximum, last)
        words = (
            "{:.3f} similar to what was asked for" if self.of == "images" else "shows something {:.3f} similar to it"
        )
        return [Term(Fixed(named("similarity", self.of), similar, words), self.strength)]
