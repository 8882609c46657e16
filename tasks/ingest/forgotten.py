"""What was forgotten stays away: neither the same object comes back, nor the same bytes under another name."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from tasks.store.ids import object_id
from tasks.store.reasons import Reject
from tasks.store.root import Root
from tasks.store.schema import OBJECTS
from tasks.store.schema_tombstones import TOMBSTONES
from tasks.store.table import Table
from tasks.store.tombstones import forgotten, tombstones

_SAID_OF_A_FILE = ("uri", "version", "modified_at", "detail", "metadata", "sensor_id", "sequence_id", "sample_id")
"""Columns of objects that would say again what was forgotten."""


def not_forgotten(root: Root, files: pa.Table) -> pa.Table:
    """The listed files without those that were forgotten: they count as known, and nothing is said of them again."""
    gone = forgotten(root, "object")
    if not len(gone):
        return files
    pairs = zip(files["uri"].to_pylist(), files["version"].to_pylist(), strict=True)
    ids = pa.array([object_id(uri, version, 0) for uri, version in pairs], pa.string())
    return files.filter(pc.invert(pc.is_in(ids, value_set=gone)))


def forgotten_rows(rows: pa.Table, gone: pa.Array) -> pa.Table:
    """Resolved rows, with those rejected that have forgotten bytes."""
    again = pc.fill_null(pc.is_in(rows["content_id"], value_set=gone), False)
    if not pc.any(again).as_py():
        return rows
    for name, value in (("outcome", "reject"), ("reason", Reject.FORGOTTEN.value)):
        told = pc.if_else(again, pa.scalar(value), rows[name]) if name in rows.column_names else None
        rows = rows if told is None else rows.set_column(rows.column_names.index(name), name, told)
    return rows


def unsaid(objects: pa.Table, batch: str) -> Iterator[tuple[Table, pa.Table]]:
    """Rows of objects as they are committed: of what was forgotten only that, and a tombstone for its new name."""
    again = pc.fill_null(pc.equal(objects["reason"], Reject.FORGOTTEN.value), False)
    if pc.any(again).as_py():
        here = objects.filter(again).select(["uri", "version"]).to_pylist()
        ids = [object_id(row["uri"], row["version"], 0) for row in here]
        yield TOMBSTONES, tombstones("object", ids, batch)
        for name in _SAID_OF_A_FILE:
            place = objects.schema.get_field_index(name)
            hidden = pc.if_else(again, pa.scalar(None, objects.schema.field(name).type), objects[name])
            objects = objects.set_column(place, objects.schema.field(name), hidden)
    yield OBJECTS, objects
