"""Compare by hashes: which samples differ in no more than so many bits."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.dedupe.stars import Near

Hashes = NDArray[np.uint8]

MOST_UNSURE = 2
"""Of the samples beyond the radius, only so many are worth a look."""


class HashLook:
    """A look (see stars.Look) that compares hashes. Exact: faiss compares all pairs."""

    def __init__(
        self,
        hashes: Hashes,
        kept: Hashes,
        radius: int,
        versions: Callable[[Hashes], Hashes] = lambda hashes: hashes[None],
        unsure: int = 0,
    ) -> None:
        """Look at new samples beside kept ones.

        Args:
            hashes: (n, 32) uint8 of the new samples.
            kept: (m, 32) uint8 of the samples that are kept already.
            radius: bits in which two hashes may differ, inclusive; -1 for none.
            versions: (n, 32) to (v, n, 32): the versions of a new sample that are compared with the kept ones.
            unsure: bits beyond the radius in which the nearest few are worth a look at the pictures.
        """
        self.hashes, self.radius, self.versions, self.unsure = hashes, radius, versions, unsure
        self.kept = _index(kept)

    def near_kept(self, start: int, stop: int) -> Near:
        """Kept entries within the radius."""
        return self._near(self.kept, self.hashes[start:stop])

    def near_each_other(self, start: int, stop: int) -> Near:
        """New samples within the radius of each other."""
        near = self._near(_index(self.hashes[start:stop]), self.hashes[start:stop])
        for place, entries in near.items():
            entries.pop(place, None)
        return near

    def keep(self, places: Sequence[int]) -> None:
        """Add new samples to what is kept."""
        self.kept.add(np.ascontiguousarray(self.hashes[list(places)]))

    def _near(self, index: Any, block: Hashes) -> Near:
        near: Near = defaultdict(dict)
        if self.radius < 0:
            return near
        versions = np.ascontiguousarray(self.versions(block).reshape(-1, block.shape[1]))
        limits, distances, entries = index.range_search(versions, self.radius + self.unsure + 1)
        rows = np.repeat(np.arange(len(versions)) % len(block), np.diff(limits.astype(np.int64)))
        for row, entry, bits in zip(rows.tolist(), entries.tolist(), distances.astype(int).tolist(), strict=True):
            if entry not in near[row] or bits < near[row][entry][1]:
                near[row][entry] = (bits / (self.radius + 0.5), bits)
        return {row: _without_many_unsure(entries) for row, entries in near.items()} if self.unsure else near


def _without_many_unsure(entries: dict[int, tuple[float, float]]) -> dict[int, tuple[float, float]]:
    """All entries within the radius, and the nearest of the others."""
    beyond = sorted(((*found, entry) for entry, found in entries.items() if found[0] > 1))[MOST_UNSURE:]
    for _, _, entry in beyond:
        del entries[entry]
    return entries


def _index(hashes: Hashes) -> Any:
    import faiss

    index = faiss.IndexBinaryFlat(hashes.shape[1] * 8)
    index.add(np.ascontiguousarray(hashes))
    return index
