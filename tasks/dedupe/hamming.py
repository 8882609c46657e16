"""Search hashes by the bits in which they differ: exactly among some 100,000, through a sieve among more.

The sieve compares a quarter of the bits first. Where those are the bits that mirroring leaves as they are, it does so
for two of the eight orientations, an eighth of the work altogether. A pair is missed only if its differing bits crowd
into that quarter: of 3,648 edited photographs within the radius none was, of those just beyond it a quarter.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint8]
Numbers = NDArray[np.int64]

EXACT_UP_TO = 100_000

_SLACK = 6
"""Bits by which a pair may differ in the quarter beyond a quarter of the radius."""


class Found(NamedTuple):
    """Pairs of a new hash and one of the index, as columns.

    Attributes:
        rows: places of the new hashes.
        entries: numbers of the others.
        bits: in how many they differ.
        versions: in which version of the new hash.
    """

    rows: Numbers
    entries: Numbers
    bits: Numbers
    versions: Numbers

    def take(self, which: NDArray[Any]) -> "Found":
        """Some of the pairs, by a mask or their places."""
        return Found(*(column[which] for column in self))


class HammingIndex:
    """Hashes that are searched, numbered in the order in which they were added."""

    def __init__(self, hashes: Hashes, quarter: Callable[[Hashes], Hashes]) -> None:
        """Begin with some hashes.

        Args:
            hashes: (m, 32) uint8.
            quarter: (n, 32) to (n, 8): the bits that the sieve compares.
        """
        self.quarter = quarter
        self.hashes = np.ascontiguousarray(hashes)
        self.sieve: Any = None
        self.flat: Any = None
        if len(hashes) > EXACT_UP_TO:
            self.sieve = _flat(self.quarter(self.hashes))
        else:
            self.flat = _flat(self.hashes)

    def add(self, hashes: Hashes) -> None:
        """Add more."""
        if self.flat is not None:
            self.flat.add(np.ascontiguousarray(hashes))
        else:
            self.hashes = np.concatenate([self.hashes, hashes])
            self.sieve.add(self.quarter(hashes))

    def within(self, versions: Hashes, radius: int, unsure: int = 0) -> Found:
        """Pairs that differ in at most so many bits, once for each version that does.

        Args:
            versions: (v, n, 32) uint8: n hashes in v versions.
            radius: bits, inclusive.
            unsure: bits beyond the radius; the sieve, made for the radius, lets fewer of these pairs through.
        """
        if self.flat is not None:
            rows, entries, bits = _pairs(self.flat, versions.reshape(-1, versions.shape[2]), radius + unsure)
            return Found(rows % versions.shape[1], entries, bits, rows // versions.shape[1])
        alike: dict[bytes, list[int]] = {}
        for place, version in enumerate(versions):
            alike.setdefault(self.quarter(version).tobytes(), []).append(place)
        parts = [part for places in alike.values() for part in self._sieved(versions, places, radius, unsure)]
        return Found(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def _sieved(self, versions: Hashes, places: list[int], radius: int, unsure: int) -> list[Found]:
        """The pairs of the versions at these places, whose quarters are the same, a row at a time."""
        rows, entries, _ = _pairs(self.sieve, self.quarter(versions[places[0]]), radius // 4 + _SLACK)
        here, there = np.ascontiguousarray(versions[places]).view(np.uint64), self.hashes.view(np.uint64)
        starts = np.searchsorted(rows, np.arange(1, versions.shape[1]))
        parts = []
        for row, some in enumerate(np.split(entries, starts)):
            words = np.ascontiguousarray(there.take(some, axis=0).T)
            differ = [np.bitwise_count(here[:, row, word, None] ^ words[word]) for word in range(len(words))]
            bits = np.add.reduce(differ, dtype=np.int64)
            version, place = np.nonzero(bits <= radius + unsure)
            parts.append(Found(np.full(len(place), row), some[place], bits[version, place], np.take(places, version)))
        return parts


def _flat(hashes: Hashes) -> Any:
    import faiss

    index = faiss.IndexBinaryFlat(hashes.shape[1] * 8)
    index.add(np.ascontiguousarray(hashes))
    return index


def _pairs(index: Any, codes: Hashes, radius: int) -> tuple[Numbers, Numbers, Numbers]:
    """Rows, entries and bits, row by row."""
    limits, bits, entries = index.range_search(np.ascontiguousarray(codes), radius + 1)
    rows = np.repeat(np.arange(len(codes)), np.diff(limits.astype(np.int64)))
    return rows, entries, bits.astype(np.int64)
