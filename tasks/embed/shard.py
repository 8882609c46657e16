"""Embed: kept samples in shards, vectors into the table of the model."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tasks.embed import backbone
from tasks.embed.again import members_uri
from tasks.embed.choose import Model, weights_of
from tasks.embed.settings import EmbedSettings
from tasks.embed.vectors import described, embedded
from tasks.progress import advance
from tasks.store import staging, tables
from tasks.store.commit import Resolved, commit
from tasks.store.errors import StagedAwayError
from tasks.store.kept import kept_in
from tasks.store.log import Log, read_log
from tasks.store.root import Root, open_root
from tasks.store.schema import embeddings
from tasks.store.staging import Staged
from tasks.store.table import Table
from tasks.unit import unit

SHARD_SIZE = 2048
REVISION = 2
"""Goes up when the code gives other vectors for the same thumbnails."""


def shards_to_embed(root: str, batch: str, model: Model, settings: EmbedSettings) -> list[dict[str, Any]]:
    """The arguments of `embed_shard` for every shard of a batch, once its samples are listed in staging."""
    opened = open_root(root)
    members = _list_members(opened, batch)
    advance("embed", 0, len(members))
    same = {"root": root, "batch": batch, "model": model, "settings": settings}
    return [{**same, "shard": shard} for shard in range(-(-len(members) // SHARD_SIZE))]


@unit("embed shard")
def embed_shard(root: str, batch: str, shard: int, model: Model, settings: EmbedSettings) -> int:
    """Stage the vectors of one shard of a batch's kept samples unless they are staged already; how many."""
    opened = open_root(root)
    ids = _members(opened, batch)[shard * SHARD_SIZE : (shard + 1) * SHARD_SIZE]
    uri = staging.shard_uri(opened, batch, "embed", _version(model, settings), shard)
    staged = staging.read_rows(opened, uri)
    if staged is not None and staged["sample_id"].to_pylist() == ids:
        advance("embed", len(ids))
        return len(ids)
    samples = tables.open_table(opened, "samples")
    rows = tables.lookup(samples, "sample_id", ids, ["thumbnail"])
    vectors = _vectors(rows["thumbnail"].to_pylist(), model, settings)
    staging.write_rows(opened, uri, _as_rows(rows["sample_id"], vectors, model, batch))
    return len(rows)


@unit("gather embed")
def gather_embed(root: str, batch: str, model: Model, settings: EmbedSettings) -> Staged:
    """Stage what the gate judges of the vectors: length, dimension and finiteness of each, and how alike all are."""
    opened = open_root(root)
    version = _version(model, settings)
    parts, total, count = [_JUDGED.empty_table()], np.zeros(model.dimensions), 0
    members = _members(opened, batch)
    for rows in staging.read_all(opened, _shards(opened, batch, version, members)):
        vectors = tables.matrix(rows["vector"])
        finite = np.isfinite(vectors).all(axis=1)
        lengths = np.linalg.norm(vectors, axis=1)
        total, count = total + vectors[finite].sum(axis=0), count + int(finite.sum())
        dimensions = np.full(len(rows), vectors.shape[1])
        columns = [rows["sample_id"], dimensions, np.nan_to_num(lengths), finite]
        parts.append(pa.table(dict(zip(_JUDGED.names, columns, strict=True)), schema=_JUDGED))
    uri = opened.at("staging", batch, "embed", "judged.parquet")
    judged = pa.concat_tables(parts)
    staging.write_rows(opened, uri, judged)
    facts = {
        "kept": len(members),
        "dimensions": model.dimensions,
        "mean_cosine": _mean_cosine(total, count),
    }
    return Staged(batch, "embed", uri, facts, staging.settings_hash(version, facts))


@unit("commit embed")
def commit_embed(root: str, batch: str, model: Model, settings: EmbedSettings) -> dict[str, Any]:
    """Commit the vectors of a batch; its counts."""
    opened = open_root(root)
    table = embeddings(model.table.removeprefix("embeddings_"), model.dimensions)
    members = _members(opened, batch)

    def rows() -> Iterator[tuple[Table, pa.Table]]:
        for part in staging.read_all(opened, _shards(opened, batch, _version(model, settings), members)):
            yield table, part.cast(table.schema)

    def resolve(log: Log) -> Resolved:
        if _members_now(opened, log, batch) != members:
            raise StagedAwayError(f"Other samples of {batch} are kept than were embedded; run the same command again.")
        return Resolved(rows(), {"embedded": len(members), "model": model.name})

    return commit(opened, batch, "embed", resolve).counts


def _list_members(root: Root, batch: str) -> list[str]:
    """List the samples to embed in staging, where every shard finds them; their ids."""
    members = _members_now(root, read_log(root), batch)
    uri = members_uri(root, batch)
    listed = staging.read_rows(root, uri)
    if listed is None or listed["sample_id"].to_pylist() != members:
        staging.write_rows(root, uri, pa.table({"sample_id": pa.array(members, pa.string())}))
    return members


def _members_now(root: Root, log: Log, batch: str) -> list[str]:
    """Ids in order: of what a batch of objects keeps; of what was listed when a batch was planned to be embedded again.

    A batch keeps more once another one is discarded whose samples it repeated.
    """
    if log.batches[batch].planned.stage == "embed":
        return _members(root, batch)
    ids: list[str] = kept_in(root, log, [batch])["sample_id"].to_pylist()
    return ids


def _members(root: Root, batch: str) -> list[str]:
    """The ids that are listed. Raises StagedAwayError."""
    ids: list[str] = next(staging.read_all(root, [members_uri(root, batch)]))["sample_id"].to_pylist()
    return ids


def _shards(root: Root, batch: str, version: str, members: list[str]) -> list[str]:
    return staging.shard_uris(root, batch, "embed", version, len(members), SHARD_SIZE)


_JUDGED = pa.schema(
    [("sample_id", pa.string()), ("dimension", pa.int64()), ("length", pa.float64()), ("finite", pa.bool_())]
)


def _version(model: Model, settings: EmbedSettings) -> str:
    return staging.settings_hash(model.name, settings.runtime, settings.batch, SHARD_SIZE, REVISION)


def _vectors(thumbnails: list[bytes], model: Model, settings: EmbedSettings) -> NDArray[np.float32]:
    if model.architecture is None:
        return described(thumbnails)
    return embedded(thumbnails, backbone.load(weights_of(model), settings.runtime), settings.batch)


def _as_rows(ids: pa.ChunkedArray, vectors: NDArray[np.float32], model: Model, batch: str) -> pa.Table:
    schema = embeddings(model.table.removeprefix("embeddings_"), model.dimensions).schema
    flat = pa.array(vectors.astype(np.float16).ravel(), pa.float16())
    column = pa.FixedSizeListArray.from_arrays(flat, model.dimensions)
    labels = [pa.repeat(value, len(vectors)) for value in (model.name, batch)]
    return pa.table([ids.combine_chunks(), column, *labels], schema=schema)


def _mean_cosine(total: NDArray[np.float64], count: int) -> float:
    """Mean cosine between two different rows, from the sum of `count` unit rows."""
    if count < 2:
        return 0.0
    return float((total @ total - count) / (count * (count - 1)))
