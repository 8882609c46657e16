"""Vectors of a table: in the order of the ids that are asked for, found with one look at them."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from tasks.select.vectors import read_vectors
from tasks.store import tables
from tasks.store.root import Root
from tasks.store.schema_vectors import embeddings

TABLE = embeddings("made", 4)


def _insert(root: Root, ids: list[str], vectors: np.ndarray) -> None:
    flat = pa.array(vectors.astype(np.float16).ravel(), pa.float16())
    columns = [ids, pa.FixedSizeListArray.from_arrays(flat, 4), ["made"] * len(ids), ["b"] * len(ids)]
    tables.insert(root, TABLE, pa.table(columns, schema=TABLE.schema))


def test_vectors__come_in_the_order_of_the_ids_hashed_once(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = np.random.default_rng(0)
    ids = [f"s-{number:03d}" for number in chance.permutation(300)]
    vectors = chance.normal(size=(300, 4)).astype(np.float16).astype(np.float32)
    for start in (0, 100, 200):
        _insert(root, ids[start : start + 100], vectors[start : start + 100])
    monkeypatch.setattr(tables, "SLICE_ROWS", 16)
    hashed: list[int] = []
    real = pc.index_in

    def index_in(values: Any, *, value_set: Any) -> Any:
        hashed.append(len(value_set))
        return real(values, value_set=value_set)

    monkeypatch.setattr(pc, "index_in", index_in)
    wanted = [*sorted(ids[50:250]), "s-unknown"]
    found, there = read_vectors(root, TABLE.name, "sample_id", wanted)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    assert np.allclose(found, [unit[ids.index(one)] for one in wanted[:-1]], atol=1e-6)
    assert there.tolist() == [True] * 200 + [False]
    assert sum(hashed) <= len(wanted)
    assert read_vectors(root, TABLE.name, "sample_id", [])[0].shape == (0, 4)
    assert read_vectors(root, "embeddings_none", "sample_id", wanted)[0].shape == (0, 0)
