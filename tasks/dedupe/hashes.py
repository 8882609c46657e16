"""Compare by hashes: which samples differ in no more than so many bits."""

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.dedupe.hamming import Found, HammingIndex, Hashes
from tasks.dedupe.stars import MOST_TRIES, Near

MOST_UNSURE = 2
"""Of the samples beyond the radius, only so many are worth a look."""


def every_fourth(hashes: Hashes) -> Hashes:
    """Every fourth byte: (n, 32) to (n, 8)."""
    return hashes[:, ::4]


class HashLook:
    """A look (see stars.Look) that compares hashes."""

    def __init__(
        self,
        hashes: Hashes,
        kept: Hashes,
        radius: int,
        versions: Callable[[Hashes], Hashes] = lambda hashes: hashes[None],
        *,
        unsure: int = 0,
        quarter: Callable[[Hashes], Hashes] = every_fourth,
    ) -> None:
        """Look at new samples beside kept ones.

        Args:
            hashes: (n, 32) uint8 of the new samples.
            kept: (m, 32) uint8 of the samples that are kept already.
            radius: bits in which two hashes may differ, inclusive; -1 for none.
            versions: (n, 32) to (v, n, 32): the versions of a new sample that are compared with the kept ones.
            unsure: bits beyond the radius in which the nearest few are worth a look at the pictures.
            quarter: (n, 32) to (n, 8): the bits that are compared first where there are many.
        """
        self.hashes, self.radius, self.versions, self.unsure, self.quarter = hashes, radius, versions, unsure, quarter
        self.kept = HammingIndex(kept, quarter)

    def near_kept(self, start: int, stop: int) -> Near:
        """The nearest of the kept entries within the radius."""
        return self._near(*_nearest(*self._found(self.kept, self.hashes[start:stop])))

    def near_each_other(self, start: int, stop: int) -> Near:
        """New samples within the radius of each other."""
        block = self.hashes[start:stop]
        near = self._near(*self._found(HammingIndex(block, self.quarter), block))
        for place, entries in near.items():
            entries.pop(place, None)
        return near

    def keep(self, places: Sequence[int]) -> None:
        """Add new samples to what is kept."""
        self.kept.add(self.hashes[list(places)])

    def _found(self, index: HammingIndex, block: Hashes) -> Found:
        if self.radius < 0:
            nothing = np.zeros(0, np.int64)
            return nothing, nothing, nothing
        return index.within(self.versions(block), self.radius, self.unsure)

    def _near(self, rows: NDArray[np.int64], entries: NDArray[np.int64], distances: NDArray[np.int64]) -> Near:
        near: Near = defaultdict(dict)
        for row, entry, bits in zip(rows.tolist(), entries.tolist(), distances.tolist(), strict=True):
            if entry not in near[row] or bits < near[row][entry][1]:
                near[row][entry] = (bits / (self.radius + 0.5), bits)
        return {row: _without_many_unsure(found) for row, found in near.items()} if self.unsure else near


def _nearest(rows: NDArray[np.int64], entries: NDArray[np.int64], bits: NDArray[np.int64]) -> Found:
    """Of every row some of the nearest, more than are tried, and all that are as near as the nearest.

    A camera that does not move has thousands within the radius.
    """
    order = np.lexsort((bits, rows))
    rows, entries, bits = rows[order], entries[order], bits[order]
    first = np.searchsorted(rows, rows)
    near = (np.arange(len(rows)) - first < 8 * MOST_TRIES) | (bits == bits[first])
    return rows[near], entries[near], bits[near]


def _without_many_unsure(entries: dict[int, tuple[float, float]]) -> dict[int, tuple[float, float]]:
    """All entries within the radius, and the nearest of the others."""
    beyond = sorted((*found, entry) for entry, found in entries.items() if found[0] > 1)[MOST_UNSURE:]
    for _, _, entry in beyond:
        del entries[entry]
    return entries
