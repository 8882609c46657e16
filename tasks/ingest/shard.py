"""Ingest one shard: read and measure its files, stage their rows. The unit of retry and of parallel work."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from tasks.image.decode import Undecodable
from tasks.image.isolation import run_isolated
from tasks.ingest.measure_file import Job, fetch_ahead, measure_file, rejected
from tasks.ingest.metadata.overlay import overlaid
from tasks.progress import advance
from tasks.store import staging
from tasks.store.plans import read_plan
from tasks.store.root import Root, open_root
from tasks.store.schema import OBJECTS, SAMPLES
from tasks.store.storage import in_bucket
from tasks.unit import unit

REVISION = 3
"""Goes up when the code gives other rows for the same bytes."""

PART_ROWS = 256
"""Rows that are encoded at a time."""

_SAMPLE_COLUMNS = [field for field in SAMPLES.schema if field.name not in OBJECTS.schema.names]
STAGED = pa.schema([*(pa.field(field.name, field.type) for field in OBJECTS.schema), *_SAMPLE_COLUMNS])
"""One row an object: the columns of objects and of the sample that it may become."""


def shards_to_ingest(root: str, batch: str, workers: int | None) -> list[dict[str, Any]]:
    """The arguments of `ingest_shard` for every shard of a batch."""
    planned, frozen = read_plan(open_root(root), batch)
    advance("ingest", 0, len(planned))
    shards = range(-(-len(planned) // frozen["shard_size"]))
    return [{"root": root, "batch": batch, "shard": shard, "workers": workers} for shard in shards]


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
    part = planned.slice(shard * frozen["shard_size"], frozen["shard_size"])
    uri = staging.shard_uri(opened, batch, "ingest", staged_version(frozen), shard)
    staged = staging.read_rows(opened, uri)
    if staged is not None:
        advance("ingest", len(part))
        return len(staged)
    measured = _measured(opened, part.to_pylist(), frozen["ingest"], workers)
    staging.write_parts(opened, uri, STAGED, _staged_parts(part, measured, batch))
    return len(part)


def _measured(
    root: Root, planned: list[dict[str, Any]], settings: dict[str, Any], workers: int | None
) -> Iterator[list[dict[str, Any]]]:
    jobs = [
        Job(
            uri=row["uri"],
            version=row["version"],
            byte_size=row["byte_size"],
            deferrals=row["deferrals"],
            thumbnail_px=root.thumbnail_px,
            max_bytes=settings["max_bytes"],
            max_pixels=settings["max_pixels"],
            keep_gps=settings["keep_gps"],
            timezone=settings["timezone"],
        )
        for row in planned
    ]
    limits = {"max_pixels": settings["max_pixels"], "max_cpu_s": settings["max_cpu_s"]}
    ahead = fetch_ahead if any(in_bucket(job.uri) for job in jobs) else None
    for done in run_isolated(measure_file, jobs, workers=workers, ahead=ahead, **limits):
        yield [rejected(row.reason, row.detail) if isinstance(row, Undecodable) else row for row in done]
        advance("ingest", len(done))


def _staged_parts(planned: pa.Table, measured: Iterator[list[dict[str, Any]]], batch: str) -> Iterator[pa.Table]:
    """The rows of a shard, some hundred at a time, while the decoders work on the next."""
    start = 0
    rows: list[dict[str, Any]] = []
    for done in measured:
        rows += done
        if len(rows) >= PART_ROWS or start + len(rows) == len(planned):
            yield _as_staged(planned.slice(start, len(rows)), rows, batch)
            start, rows = start + len(rows), []


def _as_staged(planned: pa.Table, rows: list[dict[str, Any]], batch: str) -> pa.Table:
    """Rows from the decoders, completed with what the plan knows; a still's sample_id is its content_id."""
    measured = pa.Table.from_pylist([{"byte_size": None, **row} for row in rows], schema=STAGED)
    columns = {name: measured[name] for name in STAGED.names}
    columns |= {name: planned[name] for name in ("object_id", "uri", "version", "pass", "modified_at")}
    sizes = pa.chunked_array([measured["byte_size"].combine_chunks().fill_null(-1)])
    columns["byte_size"] = pa.compute.if_else(pa.compute.less(sizes, 0), planned["byte_size"], sizes)
    columns["batch_id"] = pa.repeat(batch, len(rows))
    return overlaid(pa.table(columns, schema=STAGED), planned)
