"""Lance tables: open, insert what is new, look rows up by key. Only `commit` and the log call `insert`."""

import errno
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tasks.store.root import Root
from tasks.store.table import Table

SLICE_ROWS = 2048
"""Rows a merge: a merge buffers its payload, so slices keep memory flat."""

LOGS = ("batches", "gates")
"""Tables that get a few rows at a time, all the time: whoever inserts into them keeps them in few fragments."""

MOST_FRAGMENTS = 64
"""A log in more fragments is compacted: every insert makes one, and every read opens all."""


def open_table(root: Root, name: str) -> Any | None:
    """The newest version of a table as a `lance.LanceDataset`; None if it was never written."""
    import lance

    try:
        return lance.dataset(root.table_location(name))
    except ValueError as error:
        if "was not found" in str(error):
            return None
        raise


def insert(root: Root, table: Table, rows: pa.Table) -> int:
    """Insert the rows whose key is not there yet; how many that were.

    No new version is made when nothing is left. Safe beside other writers of the same keys: the key is declared to
    Lance, and the merge leaves indexes out, since with an index on the key concurrent merges double rows.
    """
    rows = drop_repeated(rows, table.key)
    dataset = open_table(root, table.name) or _create(root, table)
    inserted = 0
    for start in range(0, len(rows), SLICE_ROWS):
        part = rows.slice(start, SLICE_ROWS)
        known = existing(dataset, table.key, part[table.key])
        part = part.filter(pc.invert(pc.is_in(part[table.key], value_set=known)))
        if len(part):
            merge = dataset.merge_insert(table.key).when_not_matched_insert_all()
            result = merge.use_index(False).conflict_retries(10).execute(part.cast(table.schema))
            inserted += int(result["num_inserted_rows"])
    if table.name in LOGS and len(dataset.get_fragments()) > MOST_FRAGMENTS:
        _compact(dataset)
    return inserted


def drop_repeated(rows: pa.Table, key: str) -> pa.Table:
    """The first row of each key, in order."""
    places: dict[Any, int] = {}
    for place, value in enumerate(rows[key].to_pylist()):
        places.setdefault(value, place)
    return rows if len(places) == len(rows) else rows.take(list(places.values()))


def existing(dataset: Any, key: str, values: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Those of `values` that are keys of the table in the version at hand."""
    if not len(values) or dataset.count_rows() == 0:
        return pa.array([], values.type)
    found = dataset.scanner(columns=[key], filter=pc.field(key).isin(_array(values))).to_table()
    return found[key].combine_chunks()


def lookup(dataset: Any, key: str, values: Iterable[str], columns: list[str]) -> pa.Table:
    """`columns` (and the key) of the rows with those keys, in the order of `values`; missing ones are left out."""
    wanted = pa.array(values, pa.string())
    found = dataset.scanner(columns=[key, *columns], filter=pc.field(key).isin(wanted)).to_table()
    places = pc.index_in(wanted, value_set=found[key].combine_chunks()).drop_null()
    return found.take(places)


def rows_of_batches(root: Root, table: Table, batches: pa.Array, columns: list[str]) -> pa.Table:
    """`columns` and batch_id of what the batches brought; of all other rows no more than the batch_id is read."""
    dataset = open_table(root, table.name)
    columns = [*columns, "batch_id"]
    if dataset is None or not len(batches):
        return pa.schema([table.schema.field(name) for name in columns]).empty_table()
    return dataset.scanner(columns=columns, filter=pc.field("batch_id").isin(batches)).to_table()


def newest_file(dataset: Any) -> str | None:
    """Name of the file that was written last, never given twice: tells tables of equal version at one place apart."""
    fragments = dataset.get_fragments()
    return str(fragments[-1].data_files()[0].path) if fragments else None


def batches_of(dataset: Any, columns: list[str], where: Any = None) -> Iterator[pa.RecordBatch]:
    """Stream rows, a few thousand at a time."""
    yield from dataset.scanner(columns=columns, filter=where, batch_size=SLICE_ROWS).to_batches()


def matrix(column: pa.ChunkedArray | pa.Array) -> NDArray[np.float32]:
    """A column of vectors as (n, d) float32."""
    flat = _array(column).flatten().to_numpy(zero_copy_only=False).astype(np.float32)
    rows: NDArray[np.float32] = flat.reshape(len(column), column.type.list_size)
    return rows


def _create(root: Root, table: Table) -> Any:
    """Make an empty table beside and move it into place, so that exactly one of several makers succeeds.

    Lance's own `create` turns into an overwrite when two of them race, and takes along what was inserted in between.
    """
    import lance

    location = Path(root.table_location(table.name))
    beside = location.with_name(f".{uuid.uuid4().hex}.lance")
    lance.write_dataset(table.schema.empty_table(), str(beside), mode="create")
    try:
        os.rename(beside, location)
    except OSError as error:
        shutil.rmtree(beside)
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
    return lance.dataset(str(location))


def _compact(dataset: Any) -> None:
    """Put the rows into one fragment; the same rows stay visible throughout. Of several that try, one does it."""
    try:
        dataset.optimize.compact_files()
    except OSError as error:
        if "commit conflict" not in str(error):
            raise


def _array(values: pa.ChunkedArray | pa.Array) -> pa.Array:
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
