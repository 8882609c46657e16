"""Compare by hashes: which samples differ in no more than so many bits."""

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np

from tasks.dedupe.hamming import Found, HammingIndex, Hashes
from tasks.dedupe.stars import MOST_TRIES, Near

MOST_UNSURE = 2
"""Of the samples beyond the radius, only so many are worth a look."""

CHANCE = 0.1
"""Pairs beyond the radius, for each new sample, that may be there by chance: each of them costs a look for nothing.

Beside 250,000 blends of other photographs a fifth of such looks is left; of 5,100 edited photographs 77 % come up
instead of 79 %, and the rest is left to the embeddings.
"""

FEW = 16
"""So few pairs cost little, and tell nothing of chance."""


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
            unsure: bits beyond the radius in which the nearest few are worth a look at the pictures, unless chance
                brings many.
            quarter: (n, 32) to (n, 8): the bits that are compared first where there are many.
        """
        self.hashes, self.radius, self.versions, self.unsure, self.quarter = hashes, radius, versions, unsure, quarter
        self.kept = HammingIndex(kept, quarter)

    def near_kept(self, start: int, stop: int) -> Near:
        """The nearest of the kept entries within the radius."""
        return self._near(self.kept, self.hashes[start:stop])

    def near_each_other(self, start: int, stop: int) -> Near:
        """New samples within the radius of each other."""
        block = self.hashes[start:stop]
        near = self._near(HammingIndex(block, self.quarter), block)
        for place, entries in near.items():
            entries.pop(place, None)
        return near

    def keep(self, places: Sequence[int]) -> None:
        """Add new samples to what is kept."""
        self.kept.add(self.hashes[list(places)])

    def _near(self, index: HammingIndex, block: Hashes) -> Near:
        near: Near = defaultdict(dict)
        if self.radius < 0:
            return near
        found = _nearest(index.within(self.versions(block), self.radius, self.unsure))
        if self.unsure:
            found = _without_chance(found, self.radius, max(FEW, int(CHANCE * len(block))))
        for row, entry, bits, _ in zip(*(column.tolist() for column in found), strict=True):
            near[row][entry] = (bits / (self.radius + 0.5), bits)
        return {row: _without_many_unsure(entries) for row, entries in near.items()}


def _nearest(found: Found) -> Found:
    """Of every row some of the nearest, more than are tried, and all that are as near as the nearest; each pair once.

    A camera that does not move has thousands within the radius.
    """
    found = found.take(np.lexsort((found.bits, found.rows)))
    first = np.searchsorted(found.rows, found.rows)
    near = (np.arange(len(first)) - first < 8 * MOST_TRIES) | (found.bits == found.bits[first])
    found = found.take(near)
    _, once = np.unique(found.rows * (found.entries.max(initial=0) + 1) + found.entries, return_index=True)
    return found.take(np.sort(once))


def _without_chance(found: Found, radius: int, most: int) -> Found:
    """Without the pairs beyond the radius that lie so far off that chance brings more than so many.

    A copy is near in one version, mostly upright, and what is near by chance in any: so the pairs in all versions but
    the commonest are counted (decoys, as in Elias and Gygi, "Target-decoy search strategy for increased confidence in
    large-scale protein identifications by mass spectrometry", 2007). The more samples are kept, the nearer this is.
    """
    beyond = found.bits > radius
    if not beyond.any():
        return found
    commonest = np.bincount(found.versions[beyond]).argmax()
    by_chance = np.sort(found.bits[beyond & (found.versions != commonest)])
    return found.take(found.bits < by_chance[most]) if len(by_chance) > most else found


def _without_many_unsure(entries: dict[int, tuple[float, float]]) -> dict[int, tuple[float, float]]:
    """All entries within the radius, and the nearest of the others."""
    beyond = sorted((*found, entry) for entry, found in entries.items() if found[0] > 1)[MOST_UNSURE:]
    for _, _, entry in beyond:
        del entries[entry]
    return entries
