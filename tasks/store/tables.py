"""Lance tables: open, insert what is new, look rows up by key. Only `commit` and the log call `insert`."""

import functools
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tasks.store.root import Root
from tasks.store.storage import in_bucket, join
from tasks.store.table import Table

SLICE_ROWS = 2048
"""Rows a merge: a merge buffers its payload, so slices keep memory flat."""

LOGS = ("batches", "gates")
"""Tables that get a few rows at a time, all the time: whoever inserts into them keeps them in few fragments."""

MOST_FRAGMENTS = 64
"""A log in more fragments is compacted: every insert makes one, and every read opens all."""

_CACHE_BYTES = 256 * 2**20

Answer = TypeVar("Answer")


def open_table(root: Root, name: str) -> Any | None:
    """The newest version of a table as a `lance.LanceDataset`; None if it was never written."""
    import lance

    place = root.table_location(name)
    try:
        return persisting(root, lambda: lance.dataset(place, **_access(root)))
    except ValueError as error:
        if "was not found" in str(error):
            return None
        raise


def open_tables(root: Root, names: Sequence[str]) -> list[Any]:
    """Several tables, as `open_table` gives them: side by side, since a bucket lets wait for each."""
    with ThreadPoolExecutor(len(names)) as pool:
        return list(pool.map(functools.partial(open_table, root), names))


def insert(root: Root, table: Table, rows: pa.Table) -> int:
    """Insert the rows whose key is not there yet; how many that were.

    No new version is made when nothing is left. Safe beside other writers of the same keys: the key is declared to
    Lance, and the merge leaves indexes out, since with an index on the key concurrent merges double rows.
    """
    rows = drop_repeated(rows, table.key)
    dataset = open_table(root, table.name)
    if dataset is None:
        dataset = _create(root, table)
    inserted = 0
    for start in range(0, len(rows), SLICE_ROWS):
        part = rows.slice(start, SLICE_ROWS).cast(table.schema)
        inserted += persisting(root, functools.partial(_merge, dataset, table.key, part))
    if table.name in LOGS and len(dataset.get_fragments()) > MOST_FRAGMENTS:
        compact(root, dataset)
    return inserted


def compact(root: Root, dataset: Any) -> None:
    """Put the rows into as few fragments as they fill; the same rows stay visible. Of several that try, one does it."""
    persisting(root, lambda: _unless_another_did(dataset.optimize.compact_files))


def index(root: Root, dataset: Any, key: str, name: str) -> None:
    """Bring the index on the key up to date, and make it first if there is none: reads use it, merges never do."""

    def refresh() -> None:
        if any(found.name == name for found in dataset.describe_indices()):
            dataset.optimize.optimize_indices(index_names=[name])
        else:
            dataset.create_scalar_index(key, "BTREE", name=name)

    persisting(root, lambda: _unless_another_did(refresh))


def forget_versions(root: Root, dataset: Any, older_than: timedelta) -> None:
    """Remove the files of versions that old that no newer one needs; the newest version stays."""
    forget = functools.partial(dataset.cleanup_old_versions, older_than, error_if_tagged_old_versions=False)
    persisting(root, lambda: _unless_another_did(forget))


def _merge(dataset: Any, key: str, rows: pa.Table) -> int:
    """Merge what is not there yet; done again after an error whose commit went through, it inserts nothing."""
    known = existing(dataset, key, rows[key])
    rows = rows.filter(pc.invert(pc.is_in(rows[key], value_set=known)))
    if not len(rows):
        return 0
    merge = dataset.merge_insert(key).when_not_matched_insert_all()
    return int(merge.use_index(False).conflict_retries(10).execute(rows)["num_inserted_rows"])


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
    """Make an empty table elsewhere and copy it, its manifest last and unless one is there: one of several makers wins.

    Lance's own `create` turns into an overwrite when two of them race, and takes along what was inserted in between.
    """
    import lance

    with tempfile.TemporaryDirectory() as made:
        lance.write_dataset(table.schema.empty_table(), made, mode="create")
        files = [path for path in Path(made).rglob("*") if path.is_file()]
        manifests = [path for path in files if path.suffix == ".manifest"]
        for path in [*(set(files) - set(manifests)), *manifests]:
            uri = join(root.at("tables", f"{table.name}.lance"), *path.relative_to(made).parts)
            (root.storage.create if path in manifests else root.storage.write)(uri, path.read_bytes())
    return open_table(root, table.name)


def _unless_another_did(work: Callable[[], Any]) -> None:
    """Do it; if another writer came first, it is left for the next time."""
    try:
        work()
    except OSError as error:
        if "conflict" not in str(error):
            raise


def _array(values: pa.ChunkedArray | pa.Array) -> pa.Array:
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


def persisting(root: Root, ask: Callable[[], Answer]) -> Answer:
    """Lance gives up at once when the listing of a bucket breaks off, and after a while at other failures."""
    if not in_bucket(root.uri):
        return ask()
    from tasks.store.patience import persist

    return persist(ask)


def _access(root: Root) -> dict[str, Any]:
    """How Lance gets at the tables: of a bucket it keeps manifests and connections from one opening to the next."""
    if not in_bucket(root.uri):
        return {}
    from tasks.store import s3

    return {"storage_options": s3.lance_options(root.uri), "session": _session()}


@functools.cache
def _session() -> Any:
    import lance

    return lance.Session(index_cache_size_bytes=_CACHE_BYTES, metadata_cache_size_bytes=_CACHE_BYTES)
