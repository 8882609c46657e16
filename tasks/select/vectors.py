"""Vectors: of a table, by its key; and how near they are to others."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tasks.store import tables
from tasks.store.root import Root

Vectors = NDArray[np.float32]


ROWS = 8192
"""Rows of a product of matrices that are computed together."""


def nearest_cosines(vectors: Vectors, others: Vectors) -> Vectors:
    """(n,) float32, the cosine of each unit row to the nearest of some others; -1 where there are none."""
    nearest = np.full(len(vectors), -1, np.float32)
    for start in range(0, len(others), 1024):
        part = others[start : start + 1024]
        for first in range(0, len(vectors), ROWS):
            rows = slice(first, first + ROWS)
            np.maximum(nearest[rows], (vectors[rows] @ part.T).max(axis=1), out=nearest[rows])
    return nearest


def read_vectors(root: Root, table: str, key: str, ids: Sequence[str]) -> tuple[Vectors, NDArray[np.bool_]]:
    """(f, d) float32, unit rows: of the ids that have a vector, in their order; and (n,) which of them that are."""
    dataset = tables.open_table(root, table)
    found = np.zeros(len(ids), bool)
    if dataset is None:
        return np.zeros((0, 0), np.float32), found
    dimensions = dataset.schema.field("vector").type.list_size
    if not ids:
        return np.zeros((0, dimensions), np.float32), found
    stored = dataset.to_table(columns=[key])[key]
    places = pc.index_in(stored, value_set=pa.array(ids, pa.string())).fill_null(-1).to_numpy()
    hits = places >= 0
    matrix: Vectors = np.zeros((len(ids), dimensions), np.float32)
    start = 0
    for rows in tables.batches_of(dataset, ["vector"]):
        part = slice(start, start + len(rows))
        matrix[places[part][hits[part]]] = tables.matrix(rows["vector"])[hits[part]]
        start += len(rows)
    found[places[hits]] = True
    matrix = matrix if found.all() else matrix[found]
    matrix /= np.maximum(np.sqrt(np.einsum("ij,ij->i", matrix, matrix)), 1e-12)[:, None]
    return matrix, found
