"""`threshold`: only samples whose column lies in a range."""

import numpy as np
import pyarrow.types as types
from numpy.typing import NDArray
from pydantic import Field, model_validator

from tasks.select.pool import Pool
from tasks.store.errors import UsageError
from tasks.store.settings import StrictModel


class Threshold(StrictModel):
    """Keeps samples with `at_least` <= column <= `at_most`; a sample without a value is left out."""

    column: str = Field(description="A numeric column of samples, as sharpness.")
    at_least: float | None = Field(default=None, description="Smallest value, in the unit of the column.")
    at_most: float | None = Field(default=None, description="Largest value, in the unit of the column.")

    @model_validator(mode="after")
    def _some_bound(self) -> "Threshold":
        if self.at_least is None and self.at_most is None:
            raise ValueError("give at_least, at_most or both")
        return self

    def keep(self, pool: Pool) -> NDArray[np.bool_]:
        """Which samples stay. Raises UsageError if there is no such numeric column."""
        numeric = [
            field.name for field in pool.columns.schema if types.is_integer(field.type) or types.is_floating(field.type)
        ]
        if self.column not in numeric:
            raise UsageError(
                f"select.strategies: threshold.column {self.column!r} is none of the numeric columns "
                f"{', '.join(sorted(numeric))}."
            )
        values = pool.columns[self.column].to_numpy().astype(np.float64)
        low = -np.inf if self.at_least is None else self.at_least
        high = np.inf if self.at_most is None else self.at_most
        kept: NDArray[np.bool_] = (values >= low) & (values <= high)
        return kept
