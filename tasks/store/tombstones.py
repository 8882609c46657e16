"""Tombstones: what was forgotten, by its ids alone, so that it is known again and never comes back."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from tasks.store import tables
from tasks.store.ids import make_id
from tasks.store.root import Root
from tasks.store.schema_tombstones import TOMBSTONES

Kind = Literal["object", "content", "sample"]


def forgotten(root: Root, kind: Kind, batch: str | None = None) -> pa.Array:
    """Ids of everything of that kind that was forgotten; of what one forgetting took, if its `batch` is given."""
    dataset = tables.open_table(root, TOMBSTONES.name)
    if dataset is None:
        return pa.array([], pa.string())
    where = pc.field("kind") == kind
    if batch is not None:
        where &= pc.field("batch_id") == batch
    return dataset.scanner(columns=["forgotten_id"], filter=where).to_table()["forgotten_id"].combine_chunks()


def tombstones(kind: Kind, ids: Iterable[str], batch: str) -> pa.Table:
    """Rows of the table."""
    now = datetime.now(UTC)
    same = {"kind": kind, "batch_id": batch, "created_at": now}
    rows = [{"tombstone_id": make_id(kind, one), "forgotten_id": one, **same} for one in ids]
    return pa.Table.from_pylist(rows, schema=TOMBSTONES.schema)
