"""`similarity`: pick what looks like samples that are named."""

import numpy as np
from pydantic import Field, model_validator

from tasks.select.crops import Query
from tasks.select.greedy import FLOOR, Term
from tasks.select.objectives import Fixed
from tasks.select.parts import LACKS, Of, named
from tasks.select.pool import Pool
from tasks.select.strength import Strength
from tasks.select.vectors import nearest_cosines
from tasks.store.errors import UsageError
from tasks.store.settings import StrictModel


class Similarity(StrictModel):
    """Cosine similarity to the nearest of some samples, from 0 (opposite) to 1 (the same).

    Of crops, it is that of the crop that is most like one of theirs, or like one of them as a whole.
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
        each = np.clip((1 + nearest_cosines(parts.vectors, wanted)) / 2, FLOOR, 1)
        similar = parts.join(np.arange(len(pool)), each, np.maximum)
        words = "{:.3f} similar to what was asked for" if self.of == "images" else "shows something {:.3f} similar"
        return [Term(Fixed(named("similarity", self.of), similar, words, parts.lacking, LACKS), self.strength)]
