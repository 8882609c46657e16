"""The vectors of all kept samples in one faiss index on disk, so that a batch reads only what came since.

Exact up to EXACT_UP_TO samples; above, only the nearest of the cells into which k-means parts the vectors are searched
(inverted file: Jegou, Douze and Schmid, "Product quantization for nearest neighbor search", 2011), whose rows are
compared exactly, at half precision, where they lie on disk.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.dedupe.cosines import Vectors, centred
from tasks.dedupe.kept import Ids
from tasks.store import staging, tables
from tasks.store.errors import Unreachable
from tasks.store.kept import kept_in
from tasks.store.log import Log
from tasks.store.root import Root
from tasks.store.storage import to_path

EXACT_UP_TO = 65_536
"""Samples that are searched one by one; in 100,000 of 384 dimensions cells are searched several times as fast."""

CELLS_SEARCHED = 32
"""Of the cells: 0.999 of the nearest neighbours are found (see tests/benchmarks)."""

_REWRITE_SHARE = 0.05
_FEW_MORE = 2048
"""The index is written anew when what came since is more than this share of it, and than so many."""
_RETRAIN = 4
"""Cells are made anew when there are so many times as many samples."""
_ROWS_A_CELL = 64
"""Rows that k-means sees, for each cell."""
_FEW = 20_000
"""So many samples are looked up by their ids; for more the whole table is read."""


@dataclass(frozen=True)
class KeptVectors:
    """Kept samples with a vector: a faiss index by inner product, those that came since, and the ids of both."""

    index: Any
    since: Vectors
    ids: Ids


def kept_vectors(root: Root, log: Log, table: str, mean: Vectors) -> KeptVectors:
    """Vectors, less `mean`, of the samples that are kept in the batches that are compared.

    Args:
        root: where the dataset is.
        log: as of now.
        table: of the model's vectors.
        mean: (d,) float32.
    """
    covered = [*log.visible("compare"), *_embedded_again(log)]
    made_for = staging.settings_hash(table, mean.tolist())
    listed = _listed(root, covered, made_for)
    since = [batch for batch in covered if listed is None or batch not in listed.batches]
    if listed is None or set(since) & set(_embedded_again(log)):
        return _made(root, log, table, mean, covered, made_for)
    came = kept_in(root, log, since, after="compare")["sample_id"].combine_chunks()
    ids, vectors = _gathered(_vectors(root, table, came, mean), len(mean))
    most = max(len(listed.ids), _FEW_MORE / _REWRITE_SHARE) * _REWRITE_SHARE
    index = _read(root, listed.file, whole=len(ids) > most)
    if index is None or len(listed.ids) + len(ids) > _RETRAIN * listed.trained_on:
        return _made(root, log, table, mean, covered, made_for)
    everything = pa.chunked_array([*listed.ids.chunks, ids])
    if len(ids) > most:
        index.add(vectors)
        _write(root, index, everything, covered, made_for, listed.trained_on)
        vectors = vectors[:0]
    return KeptVectors(index, vectors, Ids(everything))


@dataclass(frozen=True)
class _Listed:
    """What the file of ids says of the index beside it."""

    ids: pa.ChunkedArray
    batches: set[str]
    file: str
    trained_on: int


def _embedded_again(log: Log) -> list[str]:
    """Batches that gave older samples a vector."""
    return [batch for batch in log.visible("embed") if log.batches[batch].planned.stage == "embed"]


def _listed(root: Root, covered: list[str], made_for: str) -> _Listed | None:
    """The file of ids; None if it is not there, was made for other vectors, or a batch in it was discarded since."""
    rows = staging.read_rows(root, root.at("indexes", "semantic.parquet"))
    told = {key.decode(): value.decode() for key, value in ((rows and rows.schema.metadata) or {}).items()}
    batches = set(told.get("batches", "").split("\n")) - {""}
    if rows is None or told.get("made_for") != made_for or not batches <= set(covered):
        return None
    return _Listed(rows["sample_id"], batches, told["file"], int(told["trained_on"]))


def _made(root: Root, log: Log, table: str, mean: Vectors, covered: list[str], made_for: str) -> KeptVectors:
    """The index made anew from the tables, a few thousand vectors at a time."""
    import faiss

    wanted = kept_in(root, log, log.visible("compare"), after="compare")["sample_id"].combine_chunks()
    index, parts = _empty(root, table, wanted, mean), [pa.array([], pa.string())]
    for ids, vectors in _vectors(root, table, wanted, mean):
        index.add(vectors)
        parts.append(ids)
    everything = pa.chunked_array(parts)
    trained_on = EXACT_UP_TO // _RETRAIN if isinstance(index, faiss.IndexFlat) else len(everything)
    _write(root, index, everything, covered, made_for, trained_on)
    return KeptVectors(index, np.zeros((0, len(mean)), np.float32), Ids(everything))


def index_for(count: int, some: Vectors) -> Any:
    """An empty index for so many vectors; its cells, if it has any, are made for `some` of them."""
    import faiss

    dimensions = some.shape[1]
    if count <= EXACT_UP_TO:
        return faiss.IndexFlatIP(dimensions)
    index: Any = faiss.index_factory(dimensions, f"IVF{_cells(count)},SQfp16", faiss.METRIC_INNER_PRODUCT)
    index.by_residual = False
    index.cp.niter, index.cp.max_points_per_centroid = 10, _ROWS_A_CELL
    index.train(some)
    index.nprobe = CELLS_SEARCHED
    return index


def _empty(root: Root, table: str, wanted: pa.Array, mean: Vectors) -> Any:
    """An index for the vectors of the wanted samples, of which some thousands are read for its cells."""
    few = 0 if len(wanted) <= EXACT_UP_TO else min(len(wanted), _cells(len(wanted)) * _ROWS_A_CELL)
    places = np.linspace(0, len(wanted) - 1, few).astype(np.int64)
    _, some = _gathered(_vectors(root, table, wanted.take(pa.array(places)), mean), len(mean))
    return index_for(len(wanted), some)


def _cells(count: int) -> int:
    return int(4 * count**0.5)


def _vectors(root: Root, table: str, wanted: pa.Array, mean: Vectors) -> Iterator[tuple[pa.Array, Vectors]]:
    """Ids and centred vectors of the wanted samples that have one, in the order of the table."""
    dataset = tables.open_table(root, table)
    if dataset is None or not len(wanted):
        return
    where = pc.field("sample_id").isin(wanted) if len(wanted) <= _FEW else None
    for rows in tables.batches_of(dataset, ["sample_id", "vector"], where):
        found = rows.filter(pc.is_in(rows["sample_id"], value_set=wanted))
        yield found["sample_id"], centred(tables.matrix(found["vector"]), mean)


def _gathered(parts: Iterator[tuple[pa.Array, Vectors]], dimensions: int) -> tuple[pa.Array, Vectors]:
    ids, vectors = [pa.array([], pa.string())], [np.zeros((0, dimensions), np.float32)]
    for some, theirs in parts:
        ids.append(some)
        vectors.append(theirs)
    return pa.concat_arrays(ids), np.concatenate(vectors)


def _write(root: Root, index: Any, ids: pa.ChunkedArray, batches: list[str], made_for: str, trained_on: int) -> None:
    """The index first, then the ids that name it; then the index that they named before goes."""
    import faiss

    name = f"semantic-{uuid.uuid4().hex}.faiss"
    older = staging.read_rows(root, root.at("indexes", "semantic.parquet"), [])
    root.storage.write(root.at("indexes", name), faiss.serialize_index(index).tobytes())
    told = {"batches": "\n".join(batches), "made_for": made_for, "file": name, "trained_on": str(trained_on)}
    staging.write_rows(root, root.at("indexes", "semantic.parquet"), pa.table({"sample_id": ids}, metadata=told))
    before = (older.schema.metadata or {}).get(b"file") if older is not None else None
    if before:
        root.storage.delete(root.at("indexes", before.decode()))


def _read(root: Root, file: str, *, whole: bool) -> Any | None:
    """The index, its cells left on disk unless the `whole` is asked for; None if it is not there or damaged."""
    import faiss

    place = root.at("indexes", file)
    try:
        if not place.startswith("file://"):
            return faiss.deserialize_index(np.frombuffer(root.storage.read(place), np.uint8))
        return faiss.read_index(str(to_path(place)), 0 if whole else faiss.IO_FLAG_MMAP)
    except (Unreachable, RuntimeError):
        return None
