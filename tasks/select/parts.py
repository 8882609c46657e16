"""What strategies compare: whole samples, or crops of them, of which a sample has several, one or none."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

Vectors = NDArray[np.float32]
Places = NDArray[np.int64]
Values = NDArray[np.float64]

Of = Annotated[
    Literal["images", "crops"],
    Field(
        description="What is compared: whole images; or crops, what boxes and masks cut out of them: those of labels "
        "where there are any, else those that a model predicts. An image without crops comes last."
    ),
]


LACKS = "shows nothing that a box or mask cuts out"
"""Of samples without any part, in words."""


def named(strategy: str, of: Of) -> str:
    """What a strategy is called where people read it."""
    return strategy if of == "images" else f"{strategy} of crops"


@dataclass(frozen=True)
class Parts:
    """Parts of samples.

    Attributes:
        vectors: (k, d) float32, unit rows; those of a sample together, in the order of the samples.
        starts: (n + 1,) where the parts of each sample begin, and where the last ones end.
        of: what they are.
    """

    vectors: Vectors
    starts: Places
    of: Of

    @staticmethod
    def whole(vectors: Vectors) -> "Parts":
        """Each sample is its only part."""
        return Parts(vectors, np.arange(len(vectors) + 1), "images")

    @staticmethod
    def of_each(vectors: Vectors, counts: Iterable[int]) -> "Parts":
        """Crops, so many of each sample."""
        ends = np.cumsum(np.fromiter(counts, np.int64))
        return Parts(vectors, np.concatenate([[0], ends]).astype(np.int64), "crops")

    def __len__(self) -> int:
        """Samples."""
        return len(self.starts) - 1

    @cached_property
    def counts(self) -> Places:
        """(n,) parts of each sample."""
        return np.diff(self.starts)

    @cached_property
    def are_whole(self) -> bool:
        """Whether every sample is one part."""
        return bool((self.counts == 1).all())

    @cached_property
    def lacking(self) -> NDArray[np.bool_] | None:
        """(n,) samples without any part; None where there are none."""
        none = self.counts == 0
        return none if none.any() else None

    @cached_property
    def owners(self) -> Places:
        """(k,) the sample of each part."""
        return np.repeat(np.arange(len(self)), self.counts)

    def where(self, mask: NDArray[np.bool_]) -> "Parts":
        """Of the samples for which the mask is true."""
        return replace(Parts.of_each(self.vectors[mask[self.owners]], self.counts[mask]), of=self.of)

    def places(self, rows: Places) -> Places:
        """Where the parts of some samples are, in the order of these."""
        if self.are_whole:
            return rows
        counts = self.counts[rows]
        begins = np.repeat(self.starts[rows] - (np.cumsum(counts) - counts), counts)
        return begins + np.arange(len(begins))

    def blank_own(self, matrix: Vectors, places: Places, columns: Places | None, value: float) -> None:
        """Put a value where parts of a sample meet each other.

        Args:
            matrix: (p, c), a row for each of `places`.
            places: p parts.
            columns: c parts in their order; all if None.
            value: to put there.
        """
        whose, asked = self.owners if columns is None else self.owners[columns], self.owners[places]
        first, behind = np.searchsorted(whose, asked, "left"), np.searchsorted(whose, asked, "right")
        counts = behind - first
        met = np.repeat(first - (np.cumsum(counts) - counts), counts) + np.arange(counts.sum())
        matrix[np.repeat(np.arange(len(asked)), counts), met] = value

    def chunks(self, rows: Places, most: int) -> Iterator[slice]:
        """Slices of samples that have at most so many parts together, or one sample each."""
        ends = np.cumsum(self.counts[rows])
        start = 0
        while start < len(rows):
            before = ends[start - 1] if start else 0
            stop = max(start + 1, int(np.searchsorted(ends, before + most, "right")))
            yield slice(start, stop)
            start = stop

    def join(self, rows: Places, values: NDArray[Any], how: np.ufunc, empty: float = 0.0) -> NDArray[Any]:
        """One value a sample from those of its parts.

        Args:
            rows: r samples.
            values: (p, ...) of the parts of these, as `places` has them.
            how: np.maximum, np.add or another that joins two.
            empty: value of a sample without parts.
        """
        if self.are_whole:
            return values
        counts = self.counts[rows]
        joined = np.full((len(rows), *values.shape[1:]), empty, values.dtype)
        if len(values):
            filled = counts > 0
            joined[filled] = how.reduceat(values, (np.cumsum(counts) - counts)[filled], axis=0)
        return joined
