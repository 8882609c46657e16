"""Search hashes by the bits in which they differ: exactly among some 100,000, through a sieve among more.

The sieve compares a quarter of the bits first. Where those are the bits that mirroring leaves as they are, it does so
for two of the eight orientations, an eighth of the work altogether. A pair is missed only if its differing bits crowd
into that quarter: of 3,648 edited photographs within the radius none was, of those just beyond it a quarter.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint8]
Found = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]

EXACT_UP_TO = 100_000

_SLACK = 6
"""Bits by which a pair may differ in the quarter beyond a quarter of the radius."""


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
        """Rows, entries and bits of what differs in at most so many bits; a pair once for each version that does.

        Args:
            versions: (v, n, 32) uint8: n hashes in v versions.
            radius: bits, inclusive.
            unsure: bits beyond the radius; the sieve, made for the radius, lets fewer of these pairs through.
        """
        if self.flat is not None:
            rows, entries, bits = _pairs(self.flat, versions.reshape(-1, versions.shape[2]), radius + unsure)
            return rows % versions.shape[1], entries, bits
        sieved = [self.quarter(version) for version in versions]
        parts: list[Found] = []
        for first, code in enumerate(sieved):
            alike = [place for place, other in enumerate(sieved) if np.array_equal(code, other)]
            if first == alike[0]:
                rows, entries, _ = _pairs(self.sieve, code, radius // 4 + _SLACK)
                parts += [self._compared(versions[place], rows, entries, radius + unsure) for place in alike]
        rows, entries, bits = (np.concatenate(column) for column in zip(*parts, strict=True))
        return rows, entries, bits

    def _compared(self, version: Hashes, rows: NDArray[np.int64], entries: NDArray[np.int64], radius: int) -> Found:
        """Those of the pairs whose hashes differ in at most so many bits."""
        here, there = np.ascontiguousarray(version).view(np.uint64), self.hashes.view(np.uint64)
        bits = sum(np.bitwise_count(here[rows, word] ^ there[entries, word]).astype(np.int64) for word in range(4))
        near = np.asarray(bits) <= radius
        return rows[near], entries[near], np.asarray(bits)[near]


def _flat(hashes: Hashes) -> Any:
    import faiss

    index = faiss.IndexBinaryFlat(hashes.shape[1] * 8)
    index.add(np.ascontiguousarray(hashes))
    return index


def _pairs(index: Any, codes: Hashes, radius: int) -> Found:
    limits, bits, entries = index.range_search(np.ascontiguousarray(codes), radius + 1)
    rows = np.repeat(np.arange(len(codes)), np.diff(limits.astype(np.int64)))
    return rows, entries, bits.astype(np.int64)
