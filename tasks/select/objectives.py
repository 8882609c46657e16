"""Objectives that several strategies share: values that do not change as others are picked."""

import numpy as np
from numpy.typing import NDArray

from tasks.select.greedy import Change, Places, Values


class Fixed:
    """A value for each candidate, whatever else is picked; 0 for one that must not be picked.

    Args:
        name: as people read it.
        stated: (n,) values.
        words: why one of a value is picked, with {} for the value.
        lacking: (n,) those of which there is nothing to say, if there are any.
        lacks: why that is, in words.
    """

    change: Change = "never"
    block = 1

    def __init__(
        self, name: str, stated: Values, words: str, lacking: NDArray[np.bool_] | None = None, lacks: str = ""
    ) -> None:
        self.name, self.stated, self.told = name, stated, words
        self.lacking, self.lacks = lacking, lacks
        self.picked: list[int] = []

    def values(self, rows: Places) -> Values:
        """As stated."""
        return self.stated[rows]

    def add(self, row: int) -> None:
        """Keep who was picked, if there is anything to say of it."""
        if self.lacking is None or not self.lacking[row]:
            self.picked.append(row)

    def ends(self, _row: int) -> str | None:
        """Never."""
        return None

    def words(self, value: float) -> str:
        """The value in its words."""
        return self.told.format(value)

    def reached(self) -> object:
        """The mean of the picks."""
        return float(self.stated[self.picked].mean()) if self.picked else 0.0
