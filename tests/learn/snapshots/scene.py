"""Roots with samples and labels, written straight into the tables: no picture is read."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from tasks.labels.change import apply_ontology
from tasks.labels.ontology import Ontology
from tasks.labels.rows import Annotation, annotation_rows
from tasks.labels.snapshot import Snapshot, read_snapshot
from tasks.labels.values import Value
from tasks.learn.settings import LearnSettings
from tasks.learn.snapshots.make import commit_snapshot, make_snapshot
from tasks.store.commit import Resolved, commit, write
from tasks.store.log import Event, record
from tasks.store.root import Root
from tasks.store.schema import DUPLICATES, SAMPLES

PETS = Ontology(name="pets", type="class", classes=["cat", "dog"])  # type: ignore[list-item]
HALF = LearnSettings(test_share=0.5, min_labels=4)


def with_samples(root: Root, rows: Sequence[Mapping[str, Any]], batch: str = "b-1") -> None:
    """Commit samples as one batch: columns of `samples`, and `kept_id` of those that repeat another."""
    chance = np.random.default_rng(len(batch) + len(rows))
    made = [
        {
            "batch_id": batch,
            "source_uri": f"file:///source/{row['sample_id']}.jpg",
            "metadata": "{}",
            "phash": chance.bytes(32),
            "ingested_at": datetime.now(UTC),
        }
        | row
        for row in rows
    ]
    kept = [
        {"sample_id": row["sample_id"], "kept_id": row["kept_id"], "group_id": row["kept_id"], "batch_id": batch}
        | {"kind": "perceptual", "distance": 1.0}
        for row in rows
        if row.get("kept_id")
    ]
    record(root, lambda log: Event(batch, "planned", "ingest", counts={"objects": len(rows)}))
    for stage, table, found in (
        ("ingest", SAMPLES, made),
        ("dedupe", DUPLICATES, kept),
        ("embed", DUPLICATES, []),
        ("compare", DUPLICATES, []),
    ):
        rows_of = pa.Table.from_pylist(found, schema=table.schema)
        commit(root, batch, stage, lambda log, table=table, rows_of=rows_of: Resolved([(table, rows_of)], {}))


def with_labels(
    root: Root, labels: Mapping[str, str | Value], ontology: Ontology = PETS, annotator: str = "me"
) -> None:
    """Label samples: a class each, or a value as it is."""
    applied = apply_ontology(root, ontology).ontology
    values = {one: {"class": said} if isinstance(said, str) else said for one, said in labels.items()}
    made = [Annotation(one, value, annotator, created_at=datetime.now(UTC)) for one, value in values.items()]
    write(root, "annotations", annotation_rows(made, "human", applied))


def snapshot(root: Root, name: str, settings: LearnSettings = HALF) -> Snapshot:
    """Make and commit a snapshot, whatever a gate would say."""
    commit_snapshot.fn(root.uri, name, make_snapshot.fn(root.uri, name, settings))
    return read_snapshot(root, name)


def sides_of(made: Snapshot) -> dict[str, str]:
    """The side of each sample."""
    return dict(zip(made.rows["sample_id"].to_pylist(), made.rows["side"].to_pylist(), strict=True))
