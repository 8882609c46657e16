"""Objectives that several strategies share: values that do not change as others are picked."""

from tasks.select.greedy import Change, Places, Values


class Fixed:
    """A value for each candidate, whatever else is picked; 0 for one that must not be picked."""

    change: Change = "never"
    block = 1

    def __init__(self, name: str, stated: Values, words: str) -> None:
        self.name, self.stated, self.told = name, stated, words
        self.picked: list[int] = []

    def values(self, rows: Places) -> Values:
        """As stated."""
        return self.stated[rows]

    def add(self, row: int) -> None:
        """Keep who was picked."""
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
