"""Crops of the samples of a pool, what boxes and masks cut out: their vectors, in the table that embed made of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tasks.labels.crops import STAGE, Crop, read_crops
from tasks.select.parts import Parts
from tasks.select.vectors import Vectors, read_vectors
from tasks.store import tables
from tasks.store.log import Log
from tasks.store.root import Root

Query = tuple[str, ...]
"""Samples that something is compared with: ("tag", name), ("selection", name) or ("samples", id, id, ...)."""


@dataclass(frozen=True)
class Crops:
    """Crops of the n samples in a pool, of the m that were chosen before, and of those that were asked for.

    Of the latter, a sample without a crop stands as a whole: a photograph of one thing needs no box.
    """

    pool: Parts
    before: Parts
    queries: Mapping[Query, Vectors]

    def where(self, mask: NDArray[np.bool_]) -> "Crops":
        """Of the samples in the pool for which the mask is true; what was chosen stays."""
        return replace(self, pool=self.pool.where(mask))

    def forgetting(self, mask: NDArray[np.bool_]) -> "Crops":
        """Without those that were chosen before for which the mask is true."""
        return replace(self, before=self.before.where(~mask))


@dataclass(frozen=True)
class Asked:
    """Samples whose crops are asked for: ids in the pool, of what was chosen before, and by query."""

    pool: Sequence[str]
    before: Sequence[str]
    queries: Mapping[Query, Sequence[str]]


def crops_in(root: Root, log: Log, connection: Any, table: str, asked: Asked, model: str, least_score: float) -> Crops:
    """The crops that samples have and that have a vector: one whose batch is held has none yet.

    Args:
        root: where they are.
        log: of the root, read before its tables.
        connection: has the views, see tasks/store/views.py.
        table: the vectors of whole samples.
        asked: samples.
        model: version whose predictions say where crops are.
        least_score: what is predicted with a lower score is none, 0 to 1.
    """
    crops = read_crops(connection, model, least_score)
    samples = {*asked.pool, *asked.before, *(one for ids in asked.queries.values() for one in ids)}
    shown = [crop for sample, some in crops.items() if sample in samples for crop in some]
    vectors, shown = _embedded(root, log, table.replace("embeddings_", "crops_", 1), shown)
    places: dict[str, list[int]] = {}
    for place, crop in enumerate(shown):
        places.setdefault(crop.sample_id, []).append(place)

    def parts(ids: Sequence[str]) -> Parts:
        of_each = [places.get(sample, []) for sample in ids]
        every = np.array([place for some in of_each for place in some], np.int64)
        return Parts.of_each(vectors[every], map(len, of_each))

    def compared(ids: Sequence[str]) -> Vectors:
        whole = read_vectors(root, table, "sample_id", [sample for sample in ids if sample not in places])[0]
        cut = parts(ids).vectors
        return np.concatenate([cut, whole]) if len(cut) else whole

    queries = {query: compared(ids) for query, ids in asked.queries.items()}
    return Crops(parts(asked.pool), parts(asked.before), queries)


def _embedded(root: Root, log: Log, table: str, crops: Sequence[Crop]) -> tuple[Vectors, list[Crop]]:
    """Vectors of the crops that have one which readers see, and these."""
    dataset = tables.open_table(root, table)
    if dataset is None:
        return np.zeros((0, 0), np.float32), []
    rows = dataset.to_table(columns=["crop_id", "batch_id"])
    visible = pc.is_in(rows["batch_id"], value_set=pa.array(log.visible(STAGE), pa.string()))
    known = set(rows.filter(visible)["crop_id"].to_pylist())
    by_id = {crop.crop_id: crop for crop in crops}
    there = [crop_id for crop_id in by_id if crop_id in known]
    vectors, found = read_vectors(root, table, "crop_id", there)
    return vectors, [by_id[crop_id] for crop_id, is_there in zip(there, found.tolist(), strict=True) if is_there]
