"""Embed: the members of a batch in shards, vectors into the table of the model."""

from collections.abc import Iterator
from math import ceil
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tasks.embed import backbone, descriptor
from tasks.embed.choose import Model, weights_of
from tasks.embed.members import are_crops, list_members, members_now, read_members, stage_of, table_for
from tasks.embed.pictures import Pictures
from tasks.embed.settings import THUMBNAIL, EmbedSettings
from tasks.embed.vectors import described, embedded
from tasks.progress import advance
from tasks.store import staging, tables
from tasks.store.commit import Resolved, commit
from tasks.store.errors import StagedAwayError
from tasks.store.log import Log
from tasks.store.root import Root, open_root
from tasks.store.staging import Staged
from tasks.store.table import Table
from tasks.unit import unit

SHARD_SIZE = 2048
REVISION = 3
"""Goes up when the code gives other vectors for the same pixels, or stages them otherwise."""

SMALL = "small"
"""Column of staged rows: whether a thumbnail was seen though the original was asked for."""


def shards_to_embed(root: str, batch: str, model: Model, settings: EmbedSettings) -> list[dict[str, Any]]:
    """The arguments of `embed_shard` for every shard of a batch, once its members are listed in staging."""
    members = list_members(open_root(root), batch)
    advance("embed", 0, len(members))
    same = {"root": root, "batch": batch, "model": model, "settings": settings}
    return [{**same, "shard": shard} for shard in range(-(-len(members) // SHARD_SIZE))]


@unit("embed shard")
def embed_shard(root: str, batch: str, shard: int, model: Model, settings: EmbedSettings) -> int:
    """Stage the vectors of one shard of a batch's members unless they are staged already; how many."""
    opened = open_root(root)
    members = read_members(opened, batch).slice(shard * SHARD_SIZE, SHARD_SIZE)
    uri = staging.shard_uri(opened, batch, stage_of(members), _version(model, settings), shard)
    staged = staging.read_rows(opened, uri)
    if staged is not None and staged.select(members.column_names).equals(members):
        advance("embed", len(members))
        return len(members)
    side, crop = _looks(model, settings)
    pictures = Pictures(opened, members, originals=model.pixels != THUMBNAIL, short_side=side, crop=crop)
    vectors = _vectors(pictures, model, settings)
    small = np.isin(np.arange(len(members)), pictures.small)
    staging.write_rows(opened, uri, _as_rows(members, vectors, small, model, batch))
    return len(members)


@unit("gather embed")
def gather_embed(root: str, batch: str, model: Model, settings: EmbedSettings) -> Staged:
    """Stage what the gate judges of the vectors: length, dimension and finiteness of each, and how alike all are."""
    opened = open_root(root)
    version = _version(model, settings)
    members = read_members(opened, batch)
    key, stage = table_for(members, model).key, stage_of(members)
    parts, total, count = [_JUDGED.empty_table()], np.zeros(model.dimensions), 0
    for rows in staging.read_all(opened, _shards(opened, batch, version, members)):
        vectors = tables.matrix(rows["vector"])
        finite = np.isfinite(vectors).all(axis=1)
        lengths = np.linalg.norm(vectors, axis=1)
        total, count = total + vectors[finite].sum(axis=0), count + int(finite.sum())
        dimensions = np.full(len(rows), vectors.shape[1])
        columns = [rows[key], rows["sample_id"], dimensions, np.nan_to_num(lengths), finite]
        parts.append(pa.table(dict(zip(_JUDGED.names, columns, strict=True)), schema=_JUDGED))
    uri = opened.at("staging", batch, stage, "judged.parquet")
    judged = pa.concat_tables(parts)
    staging.write_rows(opened, uri, judged)
    facts = {
        "members": len(members),
        "dimensions": model.dimensions,
        "mean_cosine": _mean_cosine(total, count),
    }
    return Staged(batch, stage, uri, facts, staging.settings_hash(version, facts))


@unit("commit embed")
def commit_embed(root: str, batch: str, model: Model, settings: EmbedSettings) -> dict[str, Any]:
    """Commit the vectors of a batch; its counts."""
    opened = open_root(root)
    members = read_members(opened, batch)
    table = table_for(members, model)
    shards = _shards(opened, batch, _version(model, settings), members)

    def rows() -> Iterator[tuple[Table, pa.Table]]:
        for part in staging.read_all(opened, shards):
            yield table, part.select(table.schema.names).cast(table.schema)

    def resolve(log: Log) -> Resolved:
        if not members_now(opened, log, batch).equals(members):
            raise StagedAwayError(f"Other samples of {batch} are kept than were embedded; run the same command again.")
        small = {
            sample
            for part in staging.read_all(opened, shards, ["sample_id", SMALL])
            for sample in part.filter(part[SMALL])["sample_id"].to_pylist()
        }
        counts = {"crops" if are_crops(members) else "embedded": len(members), "model": model.name}
        return Resolved(rows(), {**counts, **({"from_thumbnails": len(small)} if small else {})})

    return commit(opened, batch, stage_of(members), resolve).counts


def _shards(root: Root, batch: str, version: str, members: pa.Table) -> list[str]:
    return staging.shard_uris(root, batch, stage_of(members), version, len(members), SHARD_SIZE)


_JUDGED = pa.schema(
    [
        ("member", pa.string()),
        ("sample_id", pa.string()),
        ("dimension", pa.int64()),
        ("length", pa.float64()),
        ("finite", pa.bool_()),
    ]
)


def _version(model: Model, settings: EmbedSettings) -> str:
    return staging.settings_hash(model.name, settings.runtime, settings.batch, SHARD_SIZE, REVISION)


def _looks(model: Model, settings: EmbedSettings) -> tuple[int, float]:
    """Pixels of the short side that a model needs, and the share of a square that it sees."""
    if model.architecture is None:
        return descriptor.SIDE, 1.0
    loaded = backbone.load(weights_of(model), settings.runtime)
    return ceil(loaded.side / loaded.crop), loaded.crop


def _vectors(pictures: Pictures, model: Model, settings: EmbedSettings) -> NDArray[np.float32]:
    if model.architecture is None:
        return described(pictures)
    return embedded(pictures, backbone.load(weights_of(model), settings.runtime), settings.batch)


def _as_rows(
    members: pa.Table, vectors: NDArray[np.float32], small: NDArray[np.bool_], model: Model, batch: str
) -> pa.Table:
    flat = pa.array(vectors.astype(np.float16).ravel(), pa.float16())
    made = {
        "vector": pa.FixedSizeListArray.from_arrays(flat, model.dimensions),
        "model": pa.repeat(model.name, len(members)),
        "batch_id": pa.repeat(batch, len(members)),
        SMALL: pa.array(small),
    }
    for name, column in made.items():
        members = members.append_column(name, column)
    return members


def _mean_cosine(total: NDArray[np.float64], count: int) -> float:
    """Mean cosine between two different rows, from the sum of `count` unit rows."""
    if count < 2:
        return 0.0
    return float((total @ total - count) / (count * (count - 1)))
