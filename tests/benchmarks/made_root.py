"""A root as it is after many files were committed, made without reading any: rows straight through the store."""

import os
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from flows.settings import Settings
from tasks.embed.choose import choose_model
from tasks.ingest.source import list_source
from tasks.store import plans, tables
from tasks.store.commit import Resolved, commit
from tasks.store.ids import make_id, object_id
from tasks.store.log import STAGES
from tasks.store.root import Root, open_root
from tasks.store.schema import DUPLICATES, OBJECTS, SAMPLES
from tasks.store.schema_vectors import embeddings
from tasks.store.table import Table

FOLDER = 1000
DUPLICATE_EVERY = 10
THUMBNAIL_BYTES = 4096


def listed_files(source: Path, count: int) -> None:
    """Empty files, a thousand a folder: they are listed, and never read, since the root knows them."""
    for number in range(count):
        place = source / f"{number // FOLDER:04d}" / f"{number:07d}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()


def made_root(settings: Settings, dressed: Callable[[pa.Table], pa.Table] = lambda made: made) -> None:
    """Plan what the source lists and commit made rows for it, through every stage; every tenth is a duplicate.

    `dressed` may set the columns of any table otherwise, vectors and thumbnails too.
    """
    root = open_root(settings.root_uri, create=True)
    files = list_source(settings.source_uri, settings.ingest.include, leave_out=root.uri).files
    for start in range(0, len(files), settings.ingest.batch_size):
        for _ in made_batch(settings, files.slice(start, settings.ingest.batch_size), dressed):
            pass


def made_batch(
    settings: Settings, files: pa.Table, dressed: Callable[[pa.Table], pa.Table], stages: Sequence[str] = STAGES
) -> Iterator[str]:
    """Plan files (uri, version, byte_size) as one batch, and commit made rows for some stages; its id after each."""
    root = open_root(settings.root_uri, create=True)
    model = choose_model(root.uri, settings.embed)
    planned = _planned(files)
    batch = plans.add_batch(root, settings.source_uri, planned, settings.frozen())
    made = dressed(_made(planned, batch, model.name))
    counts = {"sample": len(planned), "copy": 0, "reject": 0, "deferred": 0, "rejects": {}, "deferrals": {}}
    kept = made.filter(pa.compute.is_null(made["kept_id"]))
    vectors = embeddings(model.table.removeprefix("embeddings_"), model.dimensions)
    written: dict[str, tuple[pa.Table, list[Table], dict[str, Any]]] = {
        "ingest": (made, [SAMPLES, OBJECTS], counts),
        "dedupe": (made.filter(pa.compute.is_valid(made["kept_id"])), [DUPLICATES], {}),
        "embed": (kept, [vectors], {"embedded": len(kept), "model": model.name}),
        "compare": (kept.slice(0, 0), [DUPLICATES], {"semantic": 0}),
    }
    for stage in stages:
        _commit(root, batch, stage, *written[stage])
        yield batch


def _planned(files: pa.Table) -> pa.Table:
    pairs = zip(files["uri"].to_pylist(), files["version"].to_pylist(), strict=True)
    columns = {name: files[name] for name in ("uri", "version", "byte_size")}
    columns["object_id"] = [object_id(uri, version, 0) for uri, version in pairs]
    columns["modified_at"] = pa.repeat(datetime.now(UTC), len(files))
    columns |= {name: pa.repeat(0, len(files)) for name in ("pass", "deferrals")}
    columns |= {name: pa.nulls(len(files)) for name in plans.PLANNED.names if name not in columns}
    return pa.table({name: columns[name] for name in plans.PLANNED.names}).cast(plans.PLANNED)


def _made(planned: pa.Table, batch: str, model: str) -> pa.Table:
    """Plausible values for the columns of all tables; thumbnails and vectors are made with their rows."""
    count = len(planned)
    chance = np.random.default_rng(len(batch))
    ids = [make_id("made", uri) * 2 for uri in planned["uri"].to_pylist()]
    kept = [ids[place - 1] if place % DUPLICATE_EVERY == 1 else None for place in range(count)]
    same: dict[str, Any] = {
        "batch_id": batch, "outcome": "sample", "metadata": "{}", "sensor_id": "camera-1", "media": "image",
        "width": 640, "height": 480, "format": "JPEG", "mode": "RGB", "brightness": 0.5, "contrast": 0.2,
        "sharpness": 0.1, "entropy": 7.0, "saturation": 0.3, "kind": "perceptual", "distance": 12.0, "model": model,
        "ingested_at": datetime.now(UTC),
    }  # fmt: skip
    columns = {name: pa.repeat(value, count) for name, value in same.items()}
    columns |= {name: planned[name] for name in planned.column_names if name != "deferrals"}
    columns["source_uri"] = planned["uri"]
    columns |= {name: pa.array(ids) for name in ("content_id", "sample_id")}
    columns |= {name: pa.array(kept, pa.string()) for name in ("kept_id", "group_id")}
    columns |= {name: pa.array([chance.bytes(32) for _ in ids], pa.binary()) for name in ("phash", "ringhash")}
    return pa.table(columns)


def _commit(root: Root, batch: str, stage: str, made: pa.Table, into: list[Table], counts: dict[str, Any]) -> None:
    def rows() -> Iterator[tuple[Table, pa.Table]]:
        for table in into:
            for start in range(0, len(made), tables.SLICE_ROWS):
                yield table, _rows_of(table, made.slice(start, tables.SLICE_ROWS))

    commit(root, batch, stage, lambda _log: Resolved(rows(), counts))


def _rows_of(table: Table, made: pa.Table) -> pa.Table:
    columns = []
    for field in table.schema:
        if field.name in made.column_names:
            columns.append(made[field.name].cast(field.type))
        elif field.name == "vector":
            columns.append(_vectors(len(made), field.type))
        elif field.name == "thumbnail":
            columns.append(pa.array([os.urandom(THUMBNAIL_BYTES) for _ in range(len(made))], pa.binary()))
        else:
            columns.append(pa.nulls(len(made), field.type))
    return pa.table(columns, schema=table.schema)


def _vectors(count: int, kind: pa.DataType) -> pa.Array:
    rows = np.random.default_rng(count).random((count, kind.list_size), np.float32)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return pa.FixedSizeListArray.from_arrays(pa.array(unit.astype(np.float16).ravel(), pa.float16()), kind.list_size)
