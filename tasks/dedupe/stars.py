"""Star groups: every sample within the radius of a kept one is its duplicate, and no two kept ones are as close."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.progress import advance

Hashes = NDArray[np.uint8]

BLOCK = 512
"""Samples compared at a time: bounds the memory of a burst in which all are alike."""


@dataclass(frozen=True)
class Look:
    """One way in which pictures can be alike.

    Attributes:
        hashes: (n, 32) uint8 of the new samples.
        kept: (m, 32) uint8 of the samples that are kept already.
        radius: bits in which two hashes may differ, inclusive; -1 for none.
        versions: (n, 32) to (v, n, 32): the versions of a new sample that are compared with the kept ones.
    """

    hashes: Hashes
    kept: Hashes
    radius: int
    versions: Callable[[Hashes], Hashes] = lambda hashes: hashes[None]


@dataclass(frozen=True)
class Match:
    """The kept sample that another one repeats, and in how many bits of their hashes they differ."""

    kept_id: str
    distance: int


def find_stars(looks: Sequence[Look], ids: Sequence[str], kept_ids: Sequence[str]) -> list[Match | None]:
    """Compare new samples, best first, with what is kept already and with each other.

    A sample that is within the radius of kept ones, in any look, repeats the nearest of them (distances of different
    looks are compared as shares of their radius; of equally near ones that with the smaller id). Otherwise it is kept
    itself. Exact: faiss compares all pairs, which for radii around 60 of 256 bits is faster than any complete index.

    Args:
        looks: how to compare; at least one.
        ids: n sample ids, in the order in which samples are preferred.
        kept_ids: m ids of samples that are kept already; none of them is dethroned.

    Returns:
        One entry a new sample, None where it is kept.
    """
    kept = [_index(look.kept) for look in looks]
    names = list(kept_ids)
    matches: list[Match | None] = []
    for start in range(0, len(ids), BLOCK):
        block_ids = ids[start : start + BLOCK]
        blocks = [look.hashes[start : start + BLOCK] for look in looks]
        before = [_near(index, block, look) for index, block, look in zip(kept, blocks, looks, strict=True)]
        within = [_near(_index(block), block, look) for block, look in zip(blocks, looks, strict=True)]
        fresh: list[int] = []
        for place in range(len(block_ids)):
            candidates = [(*near, names[other]) for found in before for other, near in found[place].items()]
            candidates += [
                (*found[place][other], block_ids[other]) for found in within for other in fresh if other in found[place]
            ]
            nearest = min(candidates, key=lambda one: (one[0], one[2]), default=None)
            matches.append(Match(nearest[2], nearest[1]) if nearest else None)
            if nearest is None:
                fresh.append(place)
        for index, block in zip(kept, blocks, strict=True):
            index.add(np.ascontiguousarray(block[fresh]))
        names += [block_ids[place] for place in fresh]
        advance("dedupe", len(block_ids))
    return matches


Near = dict[int, dict[int, tuple[float, int]]]
"""For each row of a block: entries within the radius, with the share of the radius and the bits."""


def _index(hashes: Hashes) -> Any:
    import faiss

    index = faiss.IndexBinaryFlat(hashes.shape[1] * 8)
    index.add(np.ascontiguousarray(hashes))
    return index


def _near(index: Any, block: Hashes, look: Look) -> Near:
    near: Near = defaultdict(dict)
    if look.radius < 0:
        return near
    versions = np.ascontiguousarray(look.versions(block).reshape(-1, block.shape[1]))
    limits, distances, entries = index.range_search(versions, look.radius + 1)
    rows = np.repeat(np.arange(len(versions)) % len(block), np.diff(limits.astype(np.int64)))
    for row, entry, bits in zip(rows.tolist(), entries.tolist(), distances.astype(int).tolist(), strict=True):
        if entry not in near[row] or bits < near[row][entry][1]:
            near[row][entry] = (bits / (look.radius + 1), bits)
    return near
