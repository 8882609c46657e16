"""Outliers: kept samples that are far from all others, the corner cases worth a look."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tasks.report.neighbours import NEIGHBOURS, neighbour_distance
from tasks.report.projection import Map
from tasks.store import tables

REFERENCE = 10_000
"""Samples that others are compared with, at most."""

AT_A_TIME = 512
"""Samples whose neighbours are looked for together, those that may be farthest first."""


@dataclass(frozen=True)
class Outlier:
    """A sample and its mean cosine distance to its nearest neighbours."""

    sample_id: str
    distance: float


def find_outliers(dataset: Any | None, kept: Sequence[str], drawn: Map | None, most: int) -> list[Outlier]:
    """The samples whose nearest neighbours are farthest, farthest first.

    kNN distance, after Sun et al., "Out-of-Distribution Detection with Deep Nearest Neighbors", 2022. Landmarks of the
    map are among the neighbours, so nobody is farther from their neighbours than from the landmarks: whoever cannot be
    among the farthest is not compared.

    Args:
        dataset: table of the vectors.
        kept: samples to be looked at, in an order by chance: the first REFERENCE are the neighbours.
        drawn: the map, with the distances to its landmarks; without it all are compared.
        most: how many are wanted.
    """
    if dataset is None or len(kept) <= NEIGHBOURS:
        return []
    apart = dict(zip(drawn.ids, drawn.apart.tolist(), strict=True)) if drawn else dict.fromkeys(kept, 2.0)
    suspects = sorted((sample for sample in kept if sample in apart), key=lambda sample: -apart[sample])
    neighbours = dict.fromkeys([*(drawn.landmarks if drawn else []), *kept[:REFERENCE]])
    around = tables.lookup(dataset, "sample_id", neighbours, ["vector"])
    reference, named = tables.matrix(around["vector"]), around["sample_id"].to_pylist()
    found: list[Outlier] = []
    for start in range(0, len(suspects), AT_A_TIME):
        if len(found) == most and found[-1].distance >= apart[suspects[start]]:
            break
        rows = tables.lookup(dataset, "sample_id", suspects[start : start + AT_A_TIME], ["vector"])
        ids = rows["sample_id"].to_pylist()
        distances = neighbour_distance(tables.matrix(rows["vector"]), ids, reference, named)
        found += [Outlier(sample, float(distance)) for sample, distance in zip(ids, distances, strict=True)]
        found = sorted(found, key=lambda one: (-one.distance, one.sample_id))[:most]
    return found
