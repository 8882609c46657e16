"""What became of every object of a batch, against the tables as they are now: sample, video, copy, reject, deferred."""

import itertools
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tasks.ingest.forgotten import forgotten_rows, unsaid
from tasks.ingest.frames import frame_uris
from tasks.ingest.measure_video import OF_THE_VIDEO
from tasks.ingest.metadata.overlay import rows_to_record
from tasks.ingest.shard import STAGED, shard_bounds, staged_version
from tasks.store import staging, tables
from tasks.store.commit import Resolved, commit, staying
from tasks.store.errors import PlanAwayError
from tasks.store.log import Batch, Log
from tasks.store.plans import read_plan
from tasks.store.reasons import Reject
from tasks.store.root import Root, open_root
from tasks.store.schema import OBJECTS, SAMPLES
from tasks.store.schema_video import VIDEOS
from tasks.store.staging import Staged
from tasks.store.table import Table
from tasks.store.tombstones import forgotten
from tasks.unit import unit

JUDGED = [
    "object_id", "content_id", "outcome", "reason", "sensor_id", "sequence_id", "metadata", "captured_at",
    "width", "height", "brightness", "contrast", "sharpness", "entropy", "saturation",
]  # fmt: skip
"""What the gate sees of an object, and of a frame, which goes by its sample_id and has the outcome `frame`."""

_TABLES = {"sample": SAMPLES, "video": VIDEOS}
"""Where the bytes of an outcome are known from."""


@unit("gather ingest")
def gather_ingest(root: str, batch: str) -> Staged:
    """Resolve the staged shards of a batch and stage the rows for its gate."""
    opened = open_root(root)
    planned, frozen = read_plan(opened, batch)
    objects = _resolved(opened, batch, [*JUDGED, "video"])
    frames = _judged_frames(opened, batch, staged_version(frozen), objects)
    uri = opened.at("staging", batch, "ingest", "judged.parquet")
    staging.write_rows(opened, uri, pa.concat_tables([objects.select(JUDGED), *frames]))
    facts = {"planned": len(planned), **outcome_counts(objects)}
    return Staged(batch, "ingest", uri, facts, staging.settings_hash(staged_version(frozen), facts))


@unit("commit ingest")
def commit_ingest(root: str, batch: str) -> dict[str, Any]:
    """Commit samples, then videos, then objects of a batch; its counts. A discarded batch leaves rejects only."""
    opened = open_root(root)

    def resolve(log: Log) -> Resolved:
        decision = log.batches[batch].discarded
        if decision:
            try:
                objects = _discarded(opened, batch, decision.note or "")
            except PlanAwayError:  # nobody knows which objects they were: they are listed again
                return Resolved([], {})
            return Resolved([(OBJECTS, objects)], outcome_counts(objects))
        resolved = _resolved(opened, batch, [name for name in STAGED.names if name != "thumbnail"])
        rows = (_final_rows(opened, batch, resolved), _metadata_rows(opened, log.batches[batch], resolved))
        return Resolved(itertools.chain(*rows), outcome_counts(resolved))

    return commit(opened, batch, "ingest", resolve).counts


def outcome_counts(objects: pa.Table) -> dict[str, Any]:
    """Objects by outcome, rejects and deferrals by reason; and the frames of the videos."""
    pairs = Counter(zip(objects["outcome"].to_pylist(), objects["reason"].to_pylist(), strict=True))
    counts: dict[str, Any] = {"sample": 0, "copy": 0, "video": 0, "reject": 0, "deferred": 0}
    reasons: dict[str, dict[str, int]] = {"reject": {}, "deferred": {}}
    for (outcome, reason), number in sorted(pairs.items(), key=str):
        counts[outcome] += number
        if outcome in reasons:
            reasons[outcome][reason] = number
    counts["frames"] = _frames_taken(objects) if counts["video"] else 0
    return counts | {"rejects": reasons["reject"], "deferrals": reasons["deferred"]}


def _frames_taken(objects: pa.Table) -> int:
    videos = objects.filter(pc.equal(objects["outcome"], "video"))["video"]
    return int(pc.sum(pc.struct_field(videos, "frames_taken")).as_py())


def _resolved(root: Root, batch: str, columns: list[str]) -> pa.Table:
    """The staged rows of all shards, with `copy` where the tables, or an earlier row, have the same bytes already.

    What has the bytes of something forgotten is a reject.

    Beside the columns asked for they have `shard` and `row`, where each was staged, and `is_still`.
    """
    rows = pa.concat_tables(map(_placed, staging.read_all(root, _shards(root, batch), columns), itertools.count()))
    rows = forgotten_rows(rows, forgotten(root, "content"))
    taken = pc.is_in(rows["outcome"], value_set=pa.array(list(_TABLES)))
    firsts = tables.drop_repeated(rows.filter(taken), "content_id")
    known = pa.concat_arrays([_existing(root, table, firsts, kind) for kind, table in _TABLES.items()])
    new = firsts.filter(pc.invert(pc.is_in(firsts["content_id"], value_set=known)))["object_id"].combine_chunks()
    copy = pc.and_(taken, pc.invert(pc.is_in(rows["object_id"], value_set=new)))
    rows = rows.append_column("is_still", pc.equal(rows["outcome"], "sample"))
    outcome = pc.if_else(copy, pa.scalar("copy"), rows["outcome"])
    return rows.set_column(rows.column_names.index("outcome"), "outcome", outcome)


def _placed(rows: pa.Table, shard: int) -> pa.Table:
    shards = pa.repeat(pa.scalar(shard, pa.int32()), len(rows))
    return rows.append_column("shard", shards).append_column("row", pa.array(range(len(rows)), pa.int32()))


def _existing(root: Root, table: Table, rows: pa.Table, kind: str) -> pa.Array:
    """Which rows of the kind have bytes that the table has."""
    content_ids = rows.filter(pc.equal(rows["outcome"], kind))["content_id"]
    dataset = tables.open_table(root, table.name) if len(content_ids) else None
    return tables.existing(dataset, table.key, content_ids) if dataset else pa.array([], pa.string())


def _judged_frames(root: Root, batch: str, version: str, objects: pa.Table) -> Iterator[pa.Table]:
    columns = ["sample_id", *(name for name in JUDGED if name in SAMPLES.schema.names)]
    for frames in staging.read_all(root, frame_uris(root, batch, version, objects), columns):
        rows = {name: frames[name] for name in columns} | {"object_id": frames["sample_id"]}
        rows |= {name: pa.nulls(len(frames), pa.string()) for name in ("content_id", "reason")}
        rows |= {"outcome": pa.repeat("frame", len(frames))}
        yield pa.table({name: rows[name] for name in JUDGED})


def _final_rows(root: Root, batch: str, resolved: pa.Table) -> Iterator[tuple[Table, pa.Table]]:
    """Samples and frames, whose thumbnails stay where they were staged; then what refers to them: videos, objects."""
    now = pa.scalar(datetime.now(UTC), pa.timestamp("us", tz="UTC"))
    new = resolved.filter(pc.equal(resolved["outcome"], "sample"))
    columns = {name: new[name] for name in SAMPLES.schema.names if name in new.column_names}
    columns |= {"sample_id": new["content_id"], "source_uri": new["uri"]}
    columns |= {"media": pa.repeat("image", len(new)), "ingested_at": pa.repeat(now, len(new))}
    samples = pa.table({name: columns[name] for name in SAMPLES.schema.names if name in columns})
    for shard, uri in enumerate(_shards(root, batch)):
        here = pc.equal(new["shard"], shard)
        yield SAMPLES, staying(samples.filter(here), uri, new["row"].filter(here))
    yield from _final_frames(root, batch, resolved, now)
    videos = resolved.filter(pc.equal(resolved["outcome"], "video"))
    if len(videos):
        yield VIDEOS, _as_videos(videos, now)
    sample_id = pc.if_else(resolved["is_still"], resolved["content_id"], pa.scalar(None, pa.string()))
    objects = {name: resolved[name] for name in OBJECTS.schema.names} | {"sample_id": sample_id}
    yield from unsaid(pa.table(objects).cast(OBJECTS.schema), batch)


def _final_frames(root: Root, batch: str, resolved: pa.Table, now: pa.Scalar) -> Iterator[tuple[Table, pa.Table]]:
    version = staged_version(read_plan(root, batch)[1])
    names = [name for name in SAMPLES.schema.names if name not in ("thumbnail", "ingested_at")]
    for uri in frame_uris(root, batch, version, resolved):
        for frames in staging.read_all(root, [uri], names):
            rows = frames.append_column("ingested_at", pa.repeat(now, len(frames)))
            yield SAMPLES, staying(rows, uri, pa.array(range(len(rows)), pa.int32()))


def _as_videos(rows: pa.Table, now: pa.Scalar) -> pa.Table:
    columns = {name: rows[name] for name in VIDEOS.schema.names if name in rows.column_names}
    columns |= {name: pc.struct_field(rows["video"], name) for name in OF_THE_VIDEO}
    columns |= {"video_id": rows["content_id"], "ingested_at": pa.repeat(now, len(rows))}
    return pa.table({name: columns[name] for name in VIDEOS.schema.names}).cast(VIDEOS.schema)


def _metadata_rows(root: Root, batch: Batch, light: pa.Table) -> Iterator[tuple[Table, pa.Table]]:
    """What is said of the files besides in their bytes, and what is wrong with that."""
    planned, _ = read_plan(root, batch.batch_id)
    gone = light.filter(pc.fill_null(pc.equal(light["reason"], Reject.FORGOTTEN.value), False))["object_id"]
    planned = planned.filter(pc.invert(pc.is_in(planned["object_id"], value_set=gone.combine_chunks())))
    has_sample = light.filter(light["is_still"])
    contents = dict(zip(has_sample["object_id"].to_pylist(), has_sample["content_id"].to_pylist(), strict=True))
    uris = zip(planned["uri"].to_pylist(), planned["object_id"].to_pylist(), strict=True)
    samples = {uri: contents[name] for uri, name in uris if name in contents}
    yield from rows_to_record(root, planned, batch.planned.at or datetime.max.replace(tzinfo=UTC), samples)


def _discarded(root: Root, batch: str, note: str) -> pa.Table:
    planned, _ = read_plan(root, batch)
    same = {name: planned[name] for name in planned.column_names if name in OBJECTS.schema.names}
    told = {"batch_id": batch, "outcome": "reject", "reason": Reject.DISCARDED.value, "detail": note}
    columns = {field.name: pa.nulls(len(planned), field.type) for field in OBJECTS.schema}
    columns |= same | {name: pa.repeat(value, len(planned)) for name, value in told.items()}
    return pa.table(columns).cast(OBJECTS.schema)


def _shards(root: Root, batch: str) -> list[str]:
    planned, frozen = read_plan(root, batch)
    shards = range(len(shard_bounds(planned, frozen["shard_size"])))
    return [staging.shard_uri(root, batch, "ingest", staged_version(frozen), shard) for shard in shards]
