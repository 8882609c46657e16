"""Settings of select."""

from typing import Any

from pydantic import Field, field_validator, model_validator

from tasks.select.balance import Balance
from tasks.select.columns import needs_predictions
from tasks.select.coverage import Coverage
from tasks.select.crops import Query
from tasks.select.default import Default
from tasks.select.diversity import Diversity
from tasks.select.random_draw import Random
from tasks.select.similarity import Similarity
from tasks.select.tagged import Tags
from tasks.select.threshold import Threshold
from tasks.select.typicality import Typicality
from tasks.select.weights import Weights
from tasks.store.settings import StrictModel

Picker = Default | Coverage | Diversity | Typicality | Similarity | Weights | Balance | Random
Filter = Threshold | Tags


class Strategy(StrictModel):
    """One entry of `strategies`: exactly one of these keys. `tasks/select/` has a file for each."""

    default: Default | None = None
    coverage: Coverage | None = None
    diversity: Diversity | None = None
    typicality: Typicality | None = None
    similarity: Similarity | None = None
    weights: Weights | None = None
    balance: Balance | None = None
    random: Random | None = None
    threshold: Threshold | None = None
    tags: Tags | None = None

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, entry: Any) -> Any:
        """`coverage` and `coverage:` stand for coverage with its defaults."""
        if isinstance(entry, str):
            return {entry: {}}
        if isinstance(entry, dict):
            return {name: {} if settings is None else settings for name, settings in entry.items()}
        return entry

    @model_validator(mode="after")
    def _exactly_one(self) -> "Strategy":
        if len([name for name in type(self).model_fields if getattr(self, name) is not None]) != 1:
            raise ValueError(f"an entry names exactly one of {', '.join(type(self).model_fields)}")
        return self

    @property
    def named(self) -> Picker | Filter:
        """The strategy that the entry names."""
        found: Picker | Filter = next(
            value for name in type(self).model_fields if (value := getattr(self, name)) is not None
        )
        return found


class SelectSettings(StrictModel):
    """How many samples are picked, and how."""

    budget: int | str = Field(
        default=500, description="Samples a selection at most: a number, a share as `10%`, or -1 for the whole pool."
    )
    open_tasks_max: int = Field(
        default=1000,
        ge=1,
        description="The label queue is topped up to so many samples that wait for a label.",
    )
    model: str | None = Field(
        default=None,
        description="Version of the model whose predictions strategies use; without it the champion, or else the only "
        "one that has predictions.",
    )
    box_score: float = Field(
        default=0.3,
        ge=0,
        le=1,
        description="Score from which a predicted box or mask counts for strategies, 0 to 1: as a crop, as an object, "
        "as one more of its class.",
    )
    strategies: list[Strategy] = Field(
        default=[Strategy(default=Default())],
        description="Filters (threshold, tags) first; then the product of all others (default, coverage, diversity, "
        "typicality, similarity, weights, balance, random), each to its strength, is maximised pick by pick.",
    )

    @field_validator("budget")
    @classmethod
    def _a_number_or_a_share(cls, budget: int | str) -> int | str:
        if isinstance(budget, str) and budget.removeprefix("-").isdecimal():
            budget = int(budget)
        if isinstance(budget, int):
            if budget < 1 and budget != -1:
                raise ValueError("must be at least 1, or -1 for the whole pool")
            return budget
        try:
            share = float(budget.removesuffix("%"))
        except ValueError:
            share = -1.0
        if not budget.endswith("%") or not 0 < share <= 100:
            raise ValueError("must be a number of samples, or a share between 0% and 100%")
        return budget

    @model_validator(mode="after")
    def _some_picker(self) -> "SelectSettings":
        if not self.pickers:
            raise ValueError("strategies: name at least one that picks, as default, coverage or random")
        return self

    @property
    def pickers(self) -> list[Picker]:
        """Strategies that rank samples."""
        return [entry.named for entry in self.strategies if not isinstance(entry.named, Threshold | Tags)]

    @property
    def filters(self) -> list[Filter]:
        """Strategies that only leave samples out."""
        return [entry.named for entry in self.strategies if isinstance(entry.named, Threshold | Tags)]

    @property
    def columns(self) -> list[str]:
        """Columns that strategies read."""
        readers = (entry.named for entry in self.strategies)
        return [one.column for one in readers if isinstance(one, Weights | Balance | Threshold)]

    @property
    def of_crops(self) -> bool:
        """Whether a strategy looks at crops."""
        return any(getattr(one, "of", "images") == "crops" for one in self.pickers)

    @property
    def reads_predictions(self) -> bool:
        """Whether a strategy looks at what a model predicts."""
        return self.of_crops or any(needs_predictions(column) for column in self.columns)

    @property
    def queries(self) -> tuple[Query, ...]:
        """Samples that the pool is compared with."""
        return tuple(one.query for one in self.pickers if isinstance(one, Similarity))

    @property
    def reads_tags(self) -> bool:
        """Whether a strategy looks at tags."""
        return any(isinstance(one, Tags) for one in self.filters) or any(kind == "tag" for kind, *_ in self.queries)

    def picks_of(self, pool: int) -> int:
        """The budget as a number of samples, for a pool of that size."""
        if isinstance(self.budget, int):
            return pool if self.budget == -1 else self.budget
        return max(1, round(pool * float(self.budget.removesuffix("%")) / 100))

    def dumped(self) -> dict[str, Any]:
        """As plain data, for hashes: what says nothing of a selection is left out."""
        plain = self.model_dump(mode="json", exclude_none=True)
        if not self.reads_predictions:
            del plain["box_score"]
        for strategy in plain["strategies"]:
            for asked in strategy.values():
                if asked.get("of") == "images":
                    del asked["of"]
        return plain
