"""Calibration: whether what is said with 90 % is so nine times of ten.

Guo et al., "On Calibration of Modern Neural Networks", 2017.
"""

from dataclasses import dataclass

import numpy as np

from tasks.learn.evaluate.answers import Answers, Floats, Marks

BINS = 15

FEW = 10
"""Samples below which no temperature is fitted."""


@dataclass(frozen=True)
class Bin:
    """Answers of about one probability: its mean, the share that was so, and how many they are."""

    confidence: float
    accuracy: float
    n: int


@dataclass(frozen=True)
class Calibration:
    """How well probabilities say what happens.

    Attributes:
        temperature: logits are divided by it.
        before: expected calibration error without it, 0 to 1.
        after: the same with it.
        bins: of the reliability diagram, with the temperature.
    """

    temperature: float
    before: float
    after: float
    bins: list[Bin]


def fitted_temperature(validation: Answers) -> float | None:
    """The temperature at which the labels of the validation side are likeliest; None if they are too few to tell."""
    return validation.temperature() if len(validation.right) >= FEW else None


def calibration(test: Answers, temperature: float) -> Calibration | None:
    """What the temperature does on the test side; None for a model that never says how sure it is."""
    shares, _ = test.certainty()
    if not ((shares > 0) & (shares < 1)).any():
        return None
    before, after = (reliability(*one.certainty()) for one in (test, test.calibrated(temperature)))
    return Calibration(temperature, expected_error(before), expected_error(after), after)


def reliability(shares: Floats, happened: Marks) -> list[Bin]:
    """Answers in bins of equal width, the empty ones left out."""
    place = np.clip(np.ceil(shares * BINS).astype(np.int64) - 1, 0, BINS - 1)
    parts = [place == one for one in np.unique(place)]
    return [Bin(float(shares[part].mean()), float(happened[part].mean()), int(part.sum())) for part in parts]


def expected_error(bins: list[Bin]) -> float:
    """The mean distance between confidence and accuracy, each bin weighted by its answers."""
    total = sum(one.n for one in bins)
    return sum(one.n * abs(one.confidence - one.accuracy) for one in bins) / total if total else 0.0
