"""Outliers: kept samples that are far from all others, the corner cases worth a look."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.store import choices, tables, views
from tasks.store.root import Root

NEIGHBOURS = 5
REFERENCE = 10_000
LOOKED_AT = 20_000
"""At most so many samples are compared, with at most REFERENCE others."""


@dataclass(frozen=True)
class Outlier:
    """A sample and its mean cosine distance to its nearest neighbours."""

    sample_id: str
    distance: float


def find_outliers(root: Root, most: int) -> list[Outlier]:
    """The samples whose nearest neighbours are farthest, farthest first.

    kNN distance, after Sun et al., "Out-of-Distribution Detection with Deep Nearest Neighbors", 2022.
    """
    model = choices.recall(root, "embed.model")
    dataset = tables.open_table(root, model["table"]) if model else None
    if dataset is None:
        return []
    kept = views.connect(root).sql("SELECT sample_id FROM kept ORDER BY hash(sample_id), sample_id").to_arrow_table()
    drawn = kept["sample_id"].to_pylist()[:LOOKED_AT]
    rows = tables.lookup(dataset, "sample_id", drawn, ["vector"])
    ids = rows["sample_id"].to_pylist()
    if len(ids) <= NEIGHBOURS:
        return []
    vectors = tables.matrix(rows["vector"])
    distances = neighbour_distance(vectors, vectors[:REFERENCE])
    order = np.argsort(-distances, kind="stable")[:most]
    return [Outlier(ids[place], float(distances[place])) for place in order]


def neighbour_distance(vectors: NDArray[np.float32], reference: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean cosine distance to the NEIGHBOURS nearest rows of `reference`, which starts with the same rows as `vectors`.

    Args:
        vectors: (n, d) float32, unit rows.
        reference: (r, d) float32, unit rows, r <= n, r > NEIGHBOURS.
    """
    nearest = []
    for start in range(0, len(vectors), 2048):
        cosine = vectors[start : start + 2048] @ reference.T
        own = np.arange(start, start + len(cosine))
        inside = own < len(reference)
        cosine[np.flatnonzero(inside), own[inside]] = -2
        nearest.append(np.partition(cosine, -NEIGHBOURS, axis=1)[:, -NEIGHBOURS:].mean(axis=1))
    return 1 - np.concatenate(nearest)
