"""Settings of select."""

from typing import Any

from pydantic import Field, field_validator, model_validator

from tasks.select.coverage import Coverage
from tasks.select.diversity import Diversity
from tasks.select.random_draw import Random
from tasks.select.tagged import Tags
from tasks.select.threshold import Threshold
from tasks.store.settings import StrictModel

Picker = Coverage | Diversity | Random
Filter = Threshold | Tags


class Strategy(StrictModel):
    """One entry of `strategies`: exactly one of these keys. `tasks/select/` has a file for each."""

    coverage: Coverage | None = None
    diversity: Diversity | None = None
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

    budget: int | str = Field(default=500, description="Samples a selection at most: a number, or a share as `10%`.")
    open_tasks_max: int = Field(
        default=1000,
        ge=1,
        description="The label queue is topped up to so many samples that wait for a label.",
    )
    strategies: list[Strategy] = Field(
        default=[Strategy(coverage=Coverage())],
        description="Filters (threshold, tags) first, then exactly one of coverage, diversity, random.",
    )

    @field_validator("budget")
    @classmethod
    def _a_number_or_a_share(cls, budget: int | str) -> int | str:
        if isinstance(budget, str) and budget.isdecimal():
            budget = int(budget)
        if isinstance(budget, int):
            if budget < 1:
                raise ValueError("must be at least 1")
            return budget
        try:
            share = float(budget.removesuffix("%"))
        except ValueError:
            share = -1.0
        if not budget.endswith("%") or not 0 < share <= 100:
            raise ValueError("must be a number of samples, or a share between 0% and 100%")
        return budget

    @model_validator(mode="after")
    def _one_picker(self) -> "SelectSettings":
        if len(self.pickers) != 1:
            raise ValueError("strategies: name exactly one of coverage, diversity, random")
        return self

    @property
    def pickers(self) -> list[Picker]:
        """Strategies that rank samples."""
        return [entry.named for entry in self.strategies if not isinstance(entry.named, Threshold | Tags)]

    @property
    def filters(self) -> list[Filter]:
        """Strategies that only leave samples out."""
        return [entry.named for entry in self.strategies if isinstance(entry.named, Threshold | Tags)]

    def picks_of(self, pool: int) -> int:
        """The budget as a number of samples, for a pool of that size."""
        if isinstance(self.budget, int):
            return self.budget
        return max(1, round(pool * float(self.budget.removesuffix("%")) / 100))

    def dumped(self) -> dict[str, Any]:
        """As plain data, for hashes."""
        return self.model_dump(mode="json", exclude_none=True)
