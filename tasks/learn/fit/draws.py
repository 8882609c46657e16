"""Which samples an epoch sees, in which order: a function of seed and epoch alone, so that a training can go on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Rebalance = Literal["none", "sampling", "synthetic"]


@dataclass(frozen=True)
class Draw:
    """A sample to look at.

    Attributes:
        row: of the examples.
        seed: of all chance in how it is shown.
        altered: whether it is a synthetic copy: changed more, so that it is not the same picture again.
    """

    row: int
    seed: int
    altered: bool = False


def draws_of(
    rows: NDArray[np.int64], there: NDArray[np.float32], rebalance: Rebalance, seed: int, epoch: int
) -> list[Draw]:
    """The samples of an epoch.

    `sampling` draws a sample oftener the rarer its rarest class: by the inverse of how many have it where each sample
    has one class, else by its root (Gupta et al., "LVIS", 2019). `synthetic` adds altered copies of rare classes up to
    the median one.

    Args:
        rows: of the train side.
        there: (n, k) 1 where an example has a class.
        rebalance: against the long tail.
        seed: of the training.
        epoch: from 1.
    """
    chance = np.random.default_rng([seed, epoch])
    some = there[rows] > 0
    counts = some.sum(axis=0)
    copies: list[int] = []
    drawn = rows
    if rebalance == "sampling":
        single = bool((some.sum(axis=1) == 1).all())
        rarity = np.where(some, (1.0 / np.maximum(counts, 1)) ** (1.0 if single else 0.5), 0).max(axis=1)
        rarity[rarity == 0] = np.median(rarity[rarity > 0])
        drawn = chance.choice(rows, len(rows), p=rarity / rarity.sum())
    if rebalance == "synthetic":
        median = int(np.median(counts[counts > 0]))
        for kind in np.flatnonzero((counts > 0) & (counts < median)):
            copies += chance.choice(rows[some[:, kind]], median - counts[kind]).tolist()
    shown = [(int(row), False) for row in drawn] + [(row, True) for row in copies]
    order = chance.permutation(len(shown))
    seeds = chance.integers(0, 2**31, len(shown))
    return [Draw(shown[at][0], int(seeds[place]), shown[at][1]) for place, at in enumerate(order)]


def batches_of(draws: Sequence[Draw], size: int) -> Iterator[list[Draw]]:
    """Batches of one size; what is left over is filled up from the start, so that each epoch has as many steps."""
    for start in range(0, len(draws), size):
        some = list(draws[start : start + size])
        yield some if len(draws) < size else some + list(draws[: size - len(some)])
