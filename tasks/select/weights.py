"""`weights`: pick what a number speaks for: a score of predictions, a column, a key of the metadata."""

import numpy as np
from pydantic import Field, model_validator

from tasks.select.columns import numbers
from tasks.select.greedy import Change, Places, Term, Values
from tasks.select.pool import Pool
from tasks.select.strength import Strength
from tasks.store.settings import StrictModel

LEAST = 1e-9
"""What a number of 0 counts, if the greatest counts 1."""


class TargetRange(StrictModel):
    """Bounds of the sum over the picks."""

    min_sum: float | None = Field(default=None, description="The sum shall reach it; unit of the column.")
    max_sum: float | None = Field(default=None, description="The sum does not exceed it; unit of the column.")

    @model_validator(mode="after")
    def _in_order(self) -> "TargetRange":
        if self.bounds[0] > self.bounds[1]:
            raise ValueError("min_sum is above max_sum")
        return self

    @property
    def bounds(self) -> tuple[float, float]:
        """Least and most."""
        least = -np.inf if self.min_sum is None else self.min_sum
        return least, np.inf if self.max_sum is None else self.max_sum


class Weights(StrictModel):
    """The number itself is the objective; where some are negative, its distance from the least. Without one: last."""

    column: str = Field(
        description="predictions.margin (or least_confidence, entropy, object_count, object_frequency, "
        "objectness_least_confidence), findings.weak_slice (how far the model is behind on slices that a sample is of, "
        "0 to 1), a numeric column of samples, a key of their metadata, or random."
    )
    categories: list[str] = Field(default=[], description="Classes that predictions.object_count counts; all without.")
    strength: Strength = 1.0
    max_sum: float | None = Field(
        default=None, description="The pass ends before the sum over the picks exceeds it; unit of the column."
    )
    target_range: TargetRange | None = Field(default=None, description="Where the sum over the picks shall end.")

    def terms(self, pool: Pool) -> list[Term]:
        """The weight of each candidate."""
        return [Term(Weighing(self, numbers(pool, self.column, self.categories), pool.budget), self.strength)]


class Weighing:
    """A weight for each candidate, and the sum over the picks."""

    def __init__(self, asked: Weights, stated: Values, budget: int) -> None:
        self.name = f"weights {asked.column}"
        self.asked, self.budget = asked, min(budget, len(stated))
        self.change: Change = "freely" if asked.target_range else "never"
        self.block = 1
        self.stated = np.nan_to_num(stated, nan=0.0, posinf=1e300, neginf=-1e300)
        above = self.stated - min(0.0, float(self.stated.min(initial=0.0)))
        self.scale = float(above.max(initial=0.0)) or 1.0
        self.worth = np.maximum(above / self.scale, LEAST)
        self.lacking, self.lacks = np.isnan(stated), f"has no number as {asked.column}"
        self.left = np.ones(len(stated), bool)
        self.sum = 0.0
        self.picks = 0

    def values(self, rows: Places) -> Values:
        """The weights; 0 for what would lead out of the range that is asked for."""
        if self.asked.target_range is None:
            return self.worth[rows]
        return np.where(self._in_range(rows, self.asked.target_range), self.worth[rows], 0.0)

    def add(self, row: int) -> None:
        """It counts in the sum."""
        self.sum += float(self.stated[row])
        self.left[row] = False
        self.picks += 1

    def ends(self, row: int) -> str | None:
        """With max_sum, before it is exceeded."""
        if self.asked.max_sum is None or self.sum + self.stated[row] <= self.asked.max_sum:
            return None
        return f"{self.name}: the sum would exceed {self.asked.max_sum:g}"

    def words(self, value: float) -> str:
        """The weight."""
        return f"{self.asked.column} speaks for it ({value * self.scale:.3g})"

    def reached(self) -> object:
        """The sum over the picks."""
        return {"sum": self.sum}

    def _in_range(self, rows: Places, target: TargetRange) -> np.ndarray:
        """After which picks the range can still be reached with the picks that remain, as far as it can be at all."""
        least, most = target.bounds
        rest = np.sort(self.stated[self.left])
        more = max(0, min(self.budget - self.picks, len(rest)) - 1)
        each = self.stated[rows]
        highest = np.minimum(each + rest[len(rest) - more :].sum(), rest[len(rest) - more - 1 :].sum())
        lowest = np.maximum(each + rest[:more].sum(), rest[: more + 1].sum())
        slack = 1e-9 * (1 + np.abs(rest).sum())
        enough = self.sum + highest >= min(least, self.sum + rest[len(rest) - more - 1 :].sum()) - slack
        not_too_much = self.sum + lowest <= max(most, self.sum + rest[: more + 1].sum()) + slack
        fits = self.sum + each <= most + slack
        reachable: np.ndarray = enough & not_too_much & (fits | (each < 0))
        return reachable
