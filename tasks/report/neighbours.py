"""How far a sample is from those that are most like it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

NEIGHBOURS = 5


def neighbour_distance(
    vectors: NDArray[np.float32], ids: Sequence[str], reference: NDArray[np.float32], named: Sequence[str]
) -> NDArray[np.float32]:
    """Mean cosine distance of each to the NEIGHBOURS nearest rows of `reference`, themselves left out.

    Args:
        vectors: (n, d) float32, unit rows.
        ids: of the vectors.
        reference: (r, d) float32, unit rows, r > NEIGHBOURS.
        named: ids of the reference.
    """
    own = {name: place for place, name in enumerate(named)}
    nearest = [np.zeros(0, np.float32)]
    for start in range(0, len(vectors), 2048):
        cosine = vectors[start : start + 2048] @ reference.T
        inside = [(row, own[one]) for row, one in enumerate(ids[start : start + 2048]) if one in own]
        cosine[tuple(np.array(inside, np.int64).reshape(-1, 2).T)] = -2
        nearest.append(np.partition(cosine, -NEIGHBOURS, axis=1)[:, -NEIGHBOURS:].mean(axis=1))
    return 1 - np.concatenate(nearest)
