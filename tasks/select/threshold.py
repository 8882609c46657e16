"""`threshold`: only samples whose number under a column lies in a range."""

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from tasks.select.columns import numbers
from tasks.select.pool import Pool
from tasks.store.settings import StrictModel


class Threshold(StrictModel):
    """Keeps samples whose number meets every bound that is given; a sample without a number is left out."""

    column: str = Field(
        description="A numeric column of samples, as sharpness, a key of their metadata, as weather.temperature, a "
        "figure of predictions, as predictions.margin, or random (0 to 1)."
    )
    categories: list[str] = Field(default=[], description="Classes that predictions.object_count counts; all without.")
    at_least: float | None = Field(default=None, description="Smallest value, in the unit of the column.")
    at_most: float | None = Field(default=None, description="Largest value, in the unit of the column.")
    bigger: float | None = Field(default=None, description="Values are above it.")
    bigger_equal: float | None = Field(default=None, description="The same as at_least.")
    smaller: float | None = Field(default=None, description="Values are below it.")
    smaller_equal: float | None = Field(default=None, description="The same as at_most.")

    @model_validator(mode="after")
    def _some_bound(self) -> "Threshold":
        if all(getattr(self, name) is None for name in _BOUNDS):
            raise ValueError("give at_least, at_most or both, or one of bigger and smaller")
        return self

    def keep(self, pool: Pool) -> NDArray[np.bool_]:
        """Which samples stay. Raises UsageError if there is no such column of numbers."""
        values = numbers(pool, self.column, self.categories)
        kept = ~np.isnan(values)
        for name, meets in _BOUNDS.items():
            bound = getattr(self, name)
            if bound is not None:
                kept &= meets(values, bound)
        return kept


_BOUNDS = {
    "at_least": np.greater_equal,
    "at_most": np.less_equal,
    "bigger": np.greater,
    "bigger_equal": np.greater_equal,
    "smaller": np.less,
    "smaller_equal": np.less_equal,
}
