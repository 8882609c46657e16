"""`balance`: pick so that categories come in the shares that are asked for."""

from collections import Counter
from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from tasks.select.columns import kinds
from tasks.select.greedy import FLOOR, Change, Places, Term, Values
from tasks.select.pool import Pool
from tasks.select.strength import Strength
from tasks.store.settings import StrictModel

MOST_TOLD = 20
"""Categories whose shares are told, the largest ones."""


class Balance(StrictModel):
    """A category has the quotient of its wanted share and how often it is chosen; a sample has their mean.

    Quotients of Sainte-Lague, share / (count + 1/2), which share out seats most in proportion: Balinski and Young,
    "Fair Representation", 1982. What was chosen before counts. A sample without a category comes last.
    """

    column: str = Field(
        description="predictions.class (each object that a model predicts), labels.class (the labels of what was "
        "chosen, predictions for the pool), a column of samples, or a key of their metadata."
    )
    distribution: Literal["target", "uniform", "input"] = Field(
        default="uniform", description="Shares as in `target`, the same for all, or as in the pool."
    )
    target: dict[str, float] = Field(
        default_factory=dict,
        description="Share of a category among the chosen, 0 to 1; all that are not named share the remainder.",
    )
    strength: Strength = 1.0

    @model_validator(mode="before")
    @classmethod
    def _a_target_is_one(cls, stated: object) -> object:
        if isinstance(stated, dict) and stated.get("target") and "distribution" not in stated:
            return {**stated, "distribution": "target"}
        return stated

    @model_validator(mode="after")
    def _shares(self) -> "Balance":
        if (self.distribution == "target") != bool(self.target):
            raise ValueError("a target goes with distribution: target, and no other")
        if any(share < 0 for share in self.target.values()) or sum(self.target.values()) > 1 + 1e-9:
            raise ValueError("the shares of target are 0 to 1, and 1 at most together")
        return self

    def terms(self, pool: Pool) -> list[Term]:
        """How much each candidate's categories are wanted."""
        among, before = kinds(pool, self.column)
        return [Term(Balancing(self, among, before), self.strength)]


class Balancing:
    """How much the categories of each candidate are wanted, given what is chosen.

    Args:
        asked: the settings.
        among: of each candidate, how often it has each category.
        before: the same of each sample that was chosen before.
    """

    change: Change = "falls"
    block = 32

    def __init__(self, asked: Balance, among: Sequence[Counter[str]], before: Sequence[Counter[str]]) -> None:
        from scipy.sparse import csr_array

        self.name = f"balance {asked.column}"
        whole = sum(before, sum(among, Counter[str]()))
        self.categories = sorted({*whole, *asked.target})
        place = {category: column for column, category in enumerate(self.categories)}
        entries = [(row, place[one], count) for row, each in enumerate(among) for one, count in each.items()]
        rows, columns, counts = (np.array(part) for part in zip(*entries, strict=True)) if entries else (_NONE,) * 3
        self.counts = csr_array((counts.astype(float), (rows, columns)), shape=(len(among), len(place)))
        self.objects = np.asarray(self.counts.sum(axis=1)).ravel()
        self.lacking, self.lacks = self.objects == 0, f"has nothing as {asked.column}"
        self.shares = _shares_of(asked, self.categories, np.asarray(self.counts.sum(axis=0)).ravel())
        self.chosen = np.zeros(len(place))
        for each in before:
            for category, count in each.items():
                self.chosen[place[category]] += count

    def values(self, rows: Places) -> Values:
        """Mean quotients of the categories."""
        quotients = np.maximum(self.shares / (self.chosen + 0.5), FLOOR)
        wanted: Values = np.asarray(self.counts[rows] @ quotients) / np.maximum(self.objects[rows], 1)
        return wanted

    def add(self, row: int) -> None:
        """Its categories are less wanted from now on."""
        self.chosen += self.counts[[row]].toarray()[0]

    def ends(self, _row: int) -> str | None:
        """Never."""
        return None

    def words(self, _value: float) -> str:
        """What it serves."""
        return f"{self.name}: of what is wanted most"

    def reached(self) -> object:
        """Shares of the categories among all that is chosen, and those wanted."""
        shares = self.chosen / max(self.chosen.sum(), 1e-12)
        order = np.argsort(-np.maximum(shares, self.shares), kind="stable")[:MOST_TOLD]
        return {
            self.categories[place]: {"share": float(shares[place]), "wanted": float(self.shares[place])}
            for place in order
        }


_NONE = np.zeros(0, np.int64)


def _shares_of(asked: Balance, categories: list[str], frequencies: Values) -> Values:
    """Wanted shares of the categories."""
    if asked.distribution == "input":
        input_shares: Values = frequencies / max(frequencies.sum(), 1e-12)
        return input_shares
    if asked.distribution == "uniform":
        return np.full(len(categories), 1 / max(1, len(categories)))
    others = len(set(categories) - set(asked.target))
    remainder = max(0.0, 1 - sum(asked.target.values())) / max(1, others)
    stated: Values = np.array([asked.target.get(category, remainder) for category in categories], np.float64)
    return stated
