"""`threshold`: only samples whose column, or key of their metadata, lies in a range."""

import json
from typing import Any

import numpy as np
import pyarrow.types as types
from numpy.typing import NDArray
from pydantic import Field, model_validator

from tasks.select.pool import Pool
from tasks.store.errors import UsageError
from tasks.store.settings import StrictModel


class Threshold(StrictModel):
    """Keeps samples with `at_least` <= column <= `at_most`; a sample without a value is left out."""

    column: str = Field(
        description="A numeric column of samples, as sharpness, or a key of their metadata, as temperature."
    )
    at_least: float | None = Field(default=None, description="Smallest value, in the unit of the column.")
    at_most: float | None = Field(default=None, description="Largest value, in the unit of the column.")

    @model_validator(mode="after")
    def _some_bound(self) -> "Threshold":
        if self.at_least is None and self.at_most is None:
            raise ValueError("give at_least, at_most or both")
        return self

    def keep(self, pool: Pool) -> NDArray[np.bool_]:
        """Which samples stay. Raises UsageError if there is no such numeric column, and no number under such a key."""
        numeric = [
            field.name for field in pool.columns.schema if types.is_integer(field.type) or types.is_floating(field.type)
        ]
        if self.column in numeric:
            values = pool.columns[self.column].to_numpy().astype(np.float64)
        else:
            values = _under_key(pool, self.column.removeprefix("metadata."))
        if len(pool) and self.column not in numeric and np.isnan(values).all():
            raise UsageError(
                f"select.strategies: threshold.column {self.column!r} is none of the numeric columns "
                f"{', '.join(sorted(numeric))}, and no key under which the metadata of a sample has a number."
            )
        low = -np.inf if self.at_least is None else self.at_least
        high = np.inf if self.at_most is None else self.at_most
        kept: NDArray[np.bool_] = (values >= low) & (values <= high)
        return kept


def _under_key(pool: Pool, key: str) -> NDArray[np.float64]:
    """(n,) numbers that the samples' metadata have under a key; NaN where there is none."""
    stated = (json.loads(text or "{}").get(key) for text in pool.columns["metadata"].to_pylist())
    return np.array([_number(value) for value in stated], np.float64)


def _number(value: Any) -> float:
    try:
        return float("nan") if value is None else float(value)
    except (TypeError, ValueError):
        return float("nan")
