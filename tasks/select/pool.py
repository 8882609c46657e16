"""The pool: samples that are kept after all comparing, and neither labelled nor queued; and what is chosen already."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tasks.select.crops import Asked, Crops, Query, crops_in
from tasks.select.parts import Of, Parts
from tasks.select.vectors import Vectors, read_vectors
from tasks.store import views
from tasks.store.log import read_log
from tasks.store.root import Root


@dataclass(frozen=True)
class Wants:
    """What strategies need of a pool besides columns, tags and vectors.

    Attributes:
        model: version of the model whose predictions are read; None for none.
        ontology: whose labels are read; None for those of any.
        queries: samples that the pool is compared with.
        weak: whether the slices that the model is weak at are read.
        box_score: score from which a predicted box or mask counts, 0 to 1.
        crops: whether crops are read.
    """

    model: str | None = None
    ontology: str | None = None
    queries: tuple[Query, ...] = ()
    weak: bool = False
    box_score: float = 0.0
    crops: bool = False


@dataclass(frozen=True)
class Pool:
    """What a strategy picks from.

    Attributes:
        columns: the samples' columns (no pixels, no hashes), n rows in the order of their ids, with `tags` and what a
            model predicts of them: `prediction`, and how unsure it is: `predictions.` with `least_confidence`, `margin`
            and `entropy` behind it.
        vectors: (n, d) float32, unit rows.
        chosen: (m, d) float32, unit rows: vectors of samples that were selected or labelled before.
        before: the columns of these, in their order, their newest `label` with its `ontology`, and the `group` of each
            as set_aside.py finds it (see tasks/labels/group.py).
        queries: (q, d) float32, unit rows, of each query that was asked for.
        weak: slices that the model is significantly worse at: `behind`, by how much, and `asked`, as evaluation says
            who is of them.
        budget: picks that are asked for.
        box_score: score from which a predicted box or mask counts, 0 to 1.
        crops: of the samples, if a strategy looks at them.
    """

    columns: pa.Table
    vectors: Vectors
    chosen: Vectors
    before: pa.Table = field(default_factory=lambda: pa.table({"sample_id": pa.array([], pa.string())}))
    queries: Mapping[Query, Vectors] = field(default_factory=dict)
    weak: Sequence[Mapping[str, Any]] = ()
    budget: int = 0
    box_score: float = 0.0
    crops: Crops | None = None

    @property
    def ids(self) -> list[str]:
        """Sample ids."""
        ids: list[str] = self.columns["sample_id"].to_pylist()
        return ids

    def __len__(self) -> int:
        return len(self.columns)

    def where(self, mask: NDArray[np.bool_]) -> "Pool":
        """The samples for which the mask is true; what was chosen stays."""
        crops = self.crops and self.crops.where(mask)
        return replace(self, columns=self.columns.filter(pa.array(mask)), vectors=self.vectors[mask], crops=crops)

    def forgetting(self, mask: NDArray[np.bool_]) -> "Pool":
        """Without those that were chosen before for which the mask is true."""
        crops = self.crops and self.crops.forgetting(mask)
        return replace(self, before=self.before.filter(pa.array(~mask)), chosen=self.chosen[~mask], crops=crops)

    @property
    def shows_anything(self) -> bool:
        """Whether any sample has a crop."""
        return self.crops is not None and len(self.crops.pool.vectors) > 0

    def parts(self, of: Of) -> tuple[Parts, Vectors]:
        """What strategies compare: of the pool, and of all that was chosen before."""
        if of == "images" or self.crops is None:
            return Parts.whole(self.vectors), self.chosen
        before = self.crops.before.vectors
        return self.crops.pool, before if len(before) else self.crops.pool.vectors[:0]

    def asked_for(self, query: Query, of: Of) -> Vectors:
        """The samples, or their crops, that a query names."""
        return self.crops.queries[query] if self.crops and of == "crops" else self.queries[query]


@dataclass(frozen=True)
class Pick:
    """One picked sample: its row in the pool, what it added in the unit of the strategy, and why, in words."""

    row: int
    gain: float
    reason: str


def read_pool(root: Root, table: str, model: str, wants: Wants | None = None) -> Pool:
    """The pool of a root, with the vectors of one model."""
    wants = wants or Wants()
    log = read_log(root)
    connection = views.connect(root)
    columns = connection.sql(_POOL, params=[wants.model, model]).to_arrow_table()
    before = connection.sql(_BEFORE, params=[wants.model, wants.ontology, wants.ontology, model]).to_arrow_table()
    ids = {query: _ids_of(connection, query) for query in wants.queries}
    asked = Asked(columns["sample_id"].to_pylist(), before["sample_id"].to_pylist(), ids)
    weak = connection.sql(_WEAK, params=[wants.model]).fetchall() if wants.weak else []
    crops = None
    if wants.crops and wants.model is not None:
        crops = crops_in(root, log, connection, table, asked, wants.model, wants.box_score)
    return Pool(
        columns,
        read_vectors(root, table, "sample_id", asked.pool)[0],
        read_vectors(root, table, "sample_id", asked.before)[0],
        before,
        {query: read_vectors(root, table, "sample_id", some)[0] for query, some in ids.items()},
        [{"behind": behind, "asked": json.loads(asked_of)} for behind, asked_of in weak],
        box_score=wants.box_score,
        crops=crops,
    )


def pool_size(root: Root, model: str) -> int:
    """How many samples the pool has, for vectors of one model."""
    return int(views.connect(root).execute(f"SELECT count(*) FROM ({_POOL})", [None, model]).fetchall()[0][0])


def open_tasks(root: Root) -> int:
    """Samples that were selected and are not labelled yet: the length of the label queue."""
    rows = views.connect(root).sql(
        "SELECT count(DISTINCT sample_id) AS waiting FROM selections "
        "WHERE sample_id NOT IN (SELECT sample_id FROM labels)"
    )
    return int(rows.fetchall()[0][0])


_COLUMNS = """k.* EXCLUDE (thumbnail, phash, ringhash),
           (SELECT list(DISTINCT tag) FROM tags t WHERE t.sample_id = k.sample_id) AS tags,
           p.value AS prediction,
           p.least_confidence AS "predictions.least_confidence", p.margin AS "predictions.margin",
           p.entropy AS "predictions.entropy" """

_PREDICTED = "LEFT JOIN (SELECT * FROM predictions WHERE model_version = ?) p ON p.sample_id = k.sample_id"

_POOL = f"""
    SELECT {_COLUMNS} FROM kept k {_PREDICTED}
    WHERE k.sample_id IN (SELECT sample_id FROM embeddings WHERE model = ?)
      AND k.batch_id IN (SELECT batch_id FROM batches WHERE event = 'committed' AND stage = 'compare')
      AND k.sample_id NOT IN (SELECT sample_id FROM selections)
      AND k.sample_id NOT IN (SELECT sample_id FROM labels)
    ORDER BY k.sample_id"""

_BEFORE = f"""
    SELECT {_COLUMNS}, l.value AS label, l.ontology FROM samples k {_PREDICTED}
    LEFT JOIN (SELECT sample_id, value, ontology FROM labels WHERE ? IS NULL OR ontology = ?
               QUALIFY row_number() OVER (
                   PARTITION BY sample_id ORDER BY created_at DESC NULLS LAST, annotation_id) = 1) l
    ON l.sample_id = k.sample_id
    WHERE k.sample_id IN (SELECT sample_id FROM embeddings WHERE model = ?)
      AND k.sample_id IN (SELECT sample_id FROM selections UNION SELECT sample_id FROM labels)
    ORDER BY k.sample_id"""

_WEAK = """
    SELECT score, suggestion->'$.asked' FROM findings
    WHERE kind = 'weak_slice' AND status = 'open' AND suggestion->>'$.model' = ?
      AND json_array_length(suggestion->'$.asked') > 0
    ORDER BY finding_id"""

_QUERIES = {
    "tag": "SELECT DISTINCT sample_id FROM tags WHERE list_contains(?, tag) ORDER BY sample_id",
    "selection": "SELECT DISTINCT sample_id FROM selections WHERE list_contains(?, selection) ORDER BY sample_id",
    "samples": "SELECT sample_id FROM samples WHERE list_contains(?, sample_id) ORDER BY sample_id",
}


def _ids_of(connection: Any, query: Query) -> list[str]:
    """Samples that a query names."""
    ids: list[str] = connection.sql(_QUERIES[query[0]], params=[list(query[1:])]).to_arrow_table()[0].to_pylist()
    return ids
