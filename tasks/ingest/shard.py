"""Ingest one shard: read and measure its files, stage their rows. The unit of retry and of parallel work."""

import itertools
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tasks.ingest.frames import are_whole
from tasks.ingest.measure_shard import Measuring
from tasks.ingest.measure_video import OF_THE_VIDEO
from tasks.ingest.metadata.overlay import overlaid
from tasks.ingest.sniff import named_like_videos
from tasks.progress import advance
from tasks.store import staging
from tasks.store.plans import read_plan
from tasks.store.root import open_root
from tasks.store.schema import OBJECTS, SAMPLES
from tasks.store.schema_video import VIDEOS
from tasks.unit import unit

REVISION = 4
"""Goes up when the code gives other rows for the same bytes."""

SHARD_VIDEO_BYTES = 10**9
"""Videos in a shard at most, unless it is one alone: what a retry costs stays within bounds."""

PART_ROWS = 256
"""Rows that are encoded at a time."""

_SAMPLE_COLUMNS = [field for field in SAMPLES.schema if field.name not in OBJECTS.schema.names]
_VIDEO = pa.struct([pa.field(field.name, field.type) for field in VIDEOS.schema if field.name in OF_THE_VIDEO])
STAGED = pa.schema(
    [*(pa.field(field.name, field.type) for field in OBJECTS.schema), *_SAMPLE_COLUMNS, pa.field("video", _VIDEO)]
)
"""One row an object: the columns of objects, of the sample that it may become, and as a struct what videos add."""


def shards_to_ingest(root: str, batch: str, workers: int | None) -> list[dict[str, Any]]:
    """The arguments of `ingest_shard` for every shard of a batch."""
    planned, frozen = read_plan(open_root(root), batch)
    advance("ingest", 0, len(planned))
    shards = range(len(shard_bounds(planned, frozen["shard_size"])))
    return [{"root": root, "batch": batch, "shard": shard, "workers": workers} for shard in shards]


def shard_bounds(planned: pa.Table, shard_size: int) -> list[tuple[int, int]]:
    """First row and number of rows of every shard; nothing but the plan decides."""
    is_video = named_like_videos(planned["uri"])
    video_bytes = pc.if_else(is_video, planned["byte_size"], 0).to_pylist() if pc.any(is_video).as_py() else []
    starts = list(_cut(video_bytes, shard_size)) if video_bytes else list(range(0, len(planned), shard_size))
    return [(start, stop - start) for start, stop in zip(starts, [*starts[1:], len(planned)], strict=True)]


def staged_version(frozen: dict[str, Any]) -> str:
    """Names the staging folder: other settings or other code, other folder."""
    return staging.settings_hash(frozen["ingest"], frozen["shard_size"], REVISION)


@unit("ingest shard")
def ingest_shard(root: str, batch: str, shard: int, workers: int | None = None) -> int:
    """Stage the rows of one shard unless they are staged already and every checksum holds; how many rows.

    Args:
        root: URI of the root.
        batch: id of the batch.
        shard: which of its shards, from 0.
        workers: decoding processes; one a processor if None.
    """
    opened = open_root(root)
    planned, frozen = read_plan(opened, batch)
    version = staged_version(frozen)
    part = planned.slice(*shard_bounds(planned, frozen["shard_size"])[shard])
    uri = staging.shard_uri(opened, batch, "ingest", version, shard)
    staged = staging.read_rows(opened, uri)
    if staged is not None and are_whole(opened, batch, version, staged):
        advance("ingest", len(part))
        return len(staged)
    measured = Measuring(opened, batch, version, frozen["ingest"], workers).rows(part)
    staging.write_parts(opened, uri, STAGED, _staged_parts(part, measured, batch))
    return len(part)


def _cut(video_bytes: list[int], shard_size: int) -> Iterator[int]:
    """Where shards begin."""
    start = total = 0
    for place, size in enumerate(video_bytes):
        full = place - start == shard_size or (size and total + size > SHARD_VIDEO_BYTES)
        if place == 0 or (full and place > start):
            yield place
            start, total = place, 0
        total += size


def _staged_parts(planned: pa.Table, measured: Iterator[dict[str, Any]], batch: str) -> Iterator[pa.Table]:
    """The rows of a shard, some hundred at a time, while the decoders work on the next."""
    for start in range(0, len(planned), PART_ROWS):
        rows = list(itertools.islice(measured, PART_ROWS))
        yield _as_staged(planned.slice(start, len(rows)), rows, batch)


def _as_staged(planned: pa.Table, rows: list[dict[str, Any]], batch: str) -> pa.Table:
    """Rows from the decoders, completed with what the plan knows; a still's sample_id is its content_id."""
    measured = pa.Table.from_pylist([{"byte_size": None, **row} for row in rows], schema=STAGED)
    columns = {name: measured[name] for name in STAGED.names}
    columns |= {name: planned[name] for name in ("object_id", "uri", "version", "pass", "modified_at")}
    sizes = pa.chunked_array([measured["byte_size"].combine_chunks().fill_null(-1)])
    columns["byte_size"] = pa.compute.if_else(pa.compute.less(sizes, 0), planned["byte_size"], sizes)
    columns["batch_id"] = pa.repeat(batch, len(rows))
    return overlaid(pa.table(columns, schema=STAGED), planned)
