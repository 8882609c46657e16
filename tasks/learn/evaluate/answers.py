"""What is true of samples and what a model says of them: one question, asked of every kind of label."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Marks = NDArray[np.bool_]

_LEAST_SHARE = 1e-9


@dataclass(frozen=True)
class Figures:
    """Figures of b weightings of the samples.

    Attributes:
        metrics: (b,) by name; the first one is what models are compared by.
        per_class: (b, k) by name; NaN where there is nothing to tell.
    """

    metrics: Mapping[str, Floats]
    per_class: Mapping[str, Floats]


@dataclass(frozen=True)
class Mistake:
    """Something that a model got wrong.

    Attributes:
        place: of the sample.
        label: class that is true; empty where there is nothing.
        predicted: class that the model sees; empty where it sees nothing.
        probability: that the model gives to what it says, 0 to 1.
        kind: confusion, false_positive or false_negative.
        box: x, y, width and height in pixels, of shapes.
    """

    place: int
    label: str
    predicted: str
    probability: float
    kind: str
    box: tuple[float, ...] | None = None


class Answers(Protocol):
    """n samples of k classes: their labels, and what a model says."""

    @property
    def classes(self) -> Sequence[str]:
        """Names of the k classes."""

    @property
    def right(self) -> Floats:
        """(n,) how right the model is about each sample, 0 to 1."""

    @property
    def present(self) -> Marks:
        """(n, k) which classes a sample truly has."""

    @property
    def support(self) -> Codes:
        """(k,) how often each class is there."""

    @property
    def chance(self) -> float:
        """What the first metric is of a model that always says the same."""

    def figures(self, weights: Floats) -> Figures:
        """Figures of the samples, each counted as often as its weight says: (b, n)."""

    def take(self, places: Codes) -> Self:
        """Some of the samples."""

    def beside(self, other: Self) -> Self:
        """These n samples, and after them those of another model."""

    def temperature(self) -> float | None:
        """What logits are to be divided by, so that probabilities mean what they say; None if nobody can tell."""

    def calibrated(self, temperature: float) -> Self:
        """The same with the probabilities at a temperature."""

    def tuned_on(self, other: Self) -> Self:
        """The same, deciding in the way that serves best on other samples, where there is anything to decide."""

    def certainty(self) -> tuple[Floats, Marks]:
        """What the model said with which probability, and whether it was so: (m,) each."""

    def mistakes(self) -> list[Mistake]:
        """All of them, the surest first."""


def ratio(part: Any, whole: Any) -> Any:
    """Part / whole; NaN where the whole is nothing."""
    part, whole = np.broadcast_arrays(np.asarray(part, np.float64), np.asarray(whole, np.float64))
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)


def mean_of_known(figures: Floats) -> Floats:
    """(b,) mean of each row without its NaN; NaN where nothing is known."""
    known = ~np.isnan(figures)
    means: Floats = ratio(np.where(known, figures, 0).sum(axis=1), known.sum(axis=1))
    return means


def surest(mistakes: list[Mistake]) -> list[Mistake]:
    """The surest first; those of one probability in the order of their samples."""
    return sorted(mistakes, key=lambda one: (-one.probability, one.place, one.predicted, one.label))


def log_odds(shares: Floats) -> Floats:
    """Logarithm of the odds, kept finite."""
    kept = np.clip(shares, _LEAST_SHARE, 1 - _LEAST_SHARE)
    odds: Floats = np.log(kept) - np.log1p(-kept)
    return odds


def at_temperature(shares: Floats, temperature: float) -> Floats:
    """Probabilities whose log odds are divided by the temperature; 0 and 1 stay."""
    powers, others = shares ** (1 / temperature), (1 - shares) ** (1 / temperature)
    moved: Floats = powers / (powers + others)
    return moved
