"""The pool: samples that are kept after all comparing, and neither labelled nor queued; and what is chosen already."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tasks.store import tables, views
from tasks.store.root import Root

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Pool:
    """What a strategy picks from.

    Attributes:
        columns: the samples' columns (no pixels, no hashes), n rows in the order of their ids, with `tags`.
        vectors: (n, d) float32, unit rows.
        chosen: (m, d) float32, unit rows: vectors of samples that were selected or labelled before.
    """

    columns: pa.Table
    vectors: Vectors
    chosen: Vectors

    @property
    def ids(self) -> list[str]:
        """Sample ids."""
        ids: list[str] = self.columns["sample_id"].to_pylist()
        return ids

    def __len__(self) -> int:
        return len(self.columns)

    def where(self, mask: NDArray[np.bool_]) -> "Pool":
        """The samples for which the mask is true; what was chosen stays."""
        return Pool(self.columns.filter(pa.array(mask)), self.vectors[mask], self.chosen)


@dataclass(frozen=True)
class Pick:
    """One picked sample: its row in the pool, what it added in the unit of the strategy, and why, in words."""

    row: int
    gain: float
    reason: str


def read_pool(root: Root, table: str, model: str) -> Pool:
    """The pool of a root, with the vectors of one model."""
    connection = views.connect(root)
    columns = connection.sql(_POOL, params=[model]).to_arrow_table()
    chosen = connection.sql(_CHOSEN).to_arrow_table()["sample_id"].to_pylist()
    return Pool(columns, _vectors(root, table, columns["sample_id"].to_pylist()), _vectors(root, table, chosen))


def pool_size(root: Root, model: str) -> int:
    """How many samples the pool has, for vectors of one model."""
    return int(views.connect(root).execute(f"SELECT count(*) FROM ({_POOL})", [model]).fetchall()[0][0])


def open_tasks(root: Root) -> int:
    """Samples that were selected and are not labelled yet: the length of the label queue."""
    rows = views.connect(root).sql(
        "SELECT count(DISTINCT sample_id) AS waiting FROM selections "
        "WHERE sample_id NOT IN (SELECT sample_id FROM labels)"
    )
    return int(rows.fetchall()[0][0])


_POOL = """
    SELECT k.* EXCLUDE (thumbnail, phash, ringhash),
           (SELECT list(DISTINCT tag) FROM tags t WHERE t.sample_id = k.sample_id) AS tags
    FROM kept k
    WHERE k.sample_id IN (SELECT sample_id FROM embeddings WHERE model = ?)
      AND k.batch_id IN (SELECT batch_id FROM batches WHERE event = 'committed' AND stage = 'compare')
      AND k.sample_id NOT IN (SELECT sample_id FROM selections)
      AND k.sample_id NOT IN (SELECT sample_id FROM labels)
    ORDER BY k.sample_id"""

_CHOSEN = """
    SELECT sample_id FROM selections UNION SELECT sample_id FROM labels ORDER BY sample_id"""


def _vectors(root: Root, table: str, ids: Sequence[str]) -> Vectors:
    """Vectors of the samples that have one, in the order of `ids`."""
    dataset = tables.open_table(root, table)
    if dataset is None:
        return np.zeros((0, 0), np.float32)
    dimensions = dataset.schema.field("vector").type.list_size
    if not ids:
        return np.zeros((0, dimensions), np.float32)
    stored = dataset.to_table(columns=["sample_id"])["sample_id"]
    places = pc.index_in(stored, value_set=pa.array(ids, pa.string())).fill_null(-1).to_numpy()
    hits = places >= 0
    matrix: Vectors = np.zeros((len(ids), dimensions), np.float32)
    start = 0
    for rows in tables.batches_of(dataset, ["vector"]):
        part = slice(start, start + len(rows))
        matrix[places[part][hits[part]]] = tables.matrix(rows["vector"])[hits[part]]
        start += len(rows)
    found = np.zeros(len(ids), bool)
    found[places[hits]] = True
    matrix = matrix if found.all() else matrix[found]
    matrix /= np.maximum(np.sqrt(np.einsum("ij,ij->i", matrix, matrix)), 1e-12)[:, None]
    return matrix
