"""Logits to probabilities, and these to the values that are stored."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.labels.values import LabelType, as_text

Floats = NDArray[np.floating[Any]]
Shares = NDArray[np.float64]

LEAST = 1e-9
"""No probability is stored below it, so that each has a logarithm."""


def shares_of(logits: Floats, label_type: LabelType, temperature: float = 1.0) -> Shares:
    """Probabilities (n, k) of logits (n, k): of classes they sum to 1 a row, of multilabel each stands for itself."""
    from scipy.special import expit, softmax

    scaled = np.asarray(logits, np.float64) / temperature
    shares: Shares = expit(scaled) if label_type == "multilabel" else softmax(scaled, axis=1)
    return shares


def logits_of(shares: Floats, label_type: LabelType) -> Shares:
    """Logits (n, k) that `shares_of` makes these probabilities of."""
    kept = np.clip(np.asarray(shares, np.float64), LEAST, 1 - LEAST)
    return np.log(kept) - np.log1p(-kept) if label_type == "multilabel" else np.log(kept)


def as_values(classes: Sequence[str], shares: Floats) -> list[str]:
    """The stored value of each row of probabilities (n, k)."""
    kept = np.clip(np.asarray(shares, np.float64), LEAST, 1.0)
    return [
        as_text({"probabilities": {name: float(f"{share:.7g}") for name, share in zip(classes, row, strict=True)}})
        for row in kept.tolist()
    ]
