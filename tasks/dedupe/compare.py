"""Compare the embedded samples of a batch with all kept ones and with each other; commit the semantic duplicates."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from tasks.dedupe.calibrate import ENOUGH_SAMPLES, calibrated_similarities, scenes_of
from tasks.dedupe.cosines import NEIGHBOURS, CosineLook, Vectors, centred
from tasks.dedupe.find import PREFERENCE, as_duplicates, as_found, judged
from tasks.dedupe.settings import DedupeSettings
from tasks.dedupe.stars import find_stars
from tasks.dedupe.vectors import kept_vectors
from tasks.image.witness import ThumbnailWitness
from tasks.progress import advance
from tasks.store import choices, staging, tables, views
from tasks.store.commit import Resolved, commit
from tasks.store.kept import kept_in
from tasks.store.log import Log, read_log
from tasks.store.root import Root, open_root
from tasks.store.schema import DUPLICATES
from tasks.store.staging import Staged
from tasks.unit import unit

REVISION = 1
"""Goes up when the code gives other duplicates for the same vectors."""

CHOICE = "dedupe.semantic"
"""Name of the recorded measure: {"model", "mean": vector, "closer": cosine, "decided": cosine}."""

CLOSER, DECIDED = 0.7, 0.96
"""Cosines of a network's vectors, mean included, before there are enough samples to calibrate: to look closer, and to
decide without looking. Of edited photographs half reach 0.95, of pairs of different ones 1 in 100,000 reaches 0.93."""

CLOSER_DESCRIBED, DECIDED_DESCRIBED = 0.85, 0.99
"""The same for a descriptor without weights: its cosines mean little, so hardly anything is decided without looking."""


@dataclass(frozen=True)
class Measure:
    """How vectors are compared.

    Attributes:
        table: where they are.
        mean: (d,) float32, taken off first.
        least: cosine from which samples are near.
    """

    table: str
    mean: Vectors
    least: float


@unit("compare samples")
def compare_samples(root: str, batch: str, settings: DedupeSettings) -> Staged:
    """Stage, for every embedded sample of a batch, the kept sample that it repeats."""
    opened = open_root(root)
    return judged(batch, "compare", *_staged(opened, batch, read_log(opened), settings))


@unit("commit compared")
def commit_compared(root: str, batch: str, settings: DedupeSettings) -> dict[str, Any]:
    """Commit the semantic duplicates of a batch, found again if others were committed since; its counts."""
    opened = open_root(root)

    def resolve(log: Log) -> Resolved:
        rows = as_duplicates(_staged(opened, batch, log, settings)[1], batch)
        return Resolved([(DUPLICATES, rows)], {"semantic": len(rows)})

    return commit(opened, batch, "compare", resolve).counts


def measure_of(vectors: Vectors, samples: pa.Table, model: dict[str, Any]) -> dict[str, Any]:
    """The measure that suits these vectors, as it is recorded.

    Args:
        vectors: (n, d) float32, unit rows.
        samples: n rows with sequence_id, sensor_id and captured_at.
        model: as it is recorded.
    """
    mean = vectors.mean(axis=0)
    closer, decided = calibrated_similarities(centred(vectors, mean), scenes_of(samples))
    if model["architecture"] is None:
        decided = max(decided, DECIDED_DESCRIBED)
    return {"model": model["name"], "mean": [float(one) for one in mean], "closer": closer, "decided": decided}


def _staged(root: Root, batch: str, log: Log, settings: DedupeSettings) -> tuple[str, pa.Table]:
    """Where the rows (as find.FOUND) are staged, and the rows; they hold for this measure and these kept samples."""
    model: Any = choices.recall(root, choices.EMBEDDING)
    samples, vectors = _members(root, log, batch, model["table"])
    measure = _measure(root, samples, vectors, model, settings)
    protected = samples.filter(samples["chosen"])["sample_id"].to_pylist()
    compared = log.visible("compare")
    version = staging.settings_hash(
        measure.table,
        measure.mean.tolist(),
        measure.least,
        settings.verify,
        len(samples),
        protected,
        compared,
        REVISION,
    )
    uri = staging.shard_uri(root, batch, "compare", version, 0)
    found = staging.read_rows(root, uri)
    if found is None:
        found = _compare(root, samples, vectors, measure, log, verify=settings.verify)
        staging.write_rows(root, uri, found)
    return uri, found


def _members(root: Root, log: Log, batch: str, table: str) -> tuple[pa.Table, Vectors]:
    """Embedded samples of the batch, what is chosen (selected or labelled) first, and (n, d) vectors in that order."""
    kept = kept_in(root, log, [batch])
    dataset = tables.open_table(root, table)
    rows = tables.lookup(dataset, "sample_id", kept["sample_id"].to_pylist(), ["vector"]) if dataset else None
    ids = rows["sample_id"] if rows else pa.chunked_array([pa.array([], pa.string())])
    samples = (
        views.connect(root, embedded=pa.table({"sample_id": ids, "place": pa.array(range(len(ids)), pa.int64())}))
        .sql(
            f"""SELECT sample_id, place, sequence_id, sensor_id, captured_at,
                sample_id IN (SELECT sample_id FROM selections UNION SELECT sample_id FROM labels) AS chosen
            FROM samples JOIN embedded USING (sample_id) ORDER BY chosen DESC, {PREFERENCE}"""
        )
        .to_arrow_table()
    )
    if rows is None or not len(samples):
        return samples, np.zeros((0, 1), np.float32)
    return samples, tables.matrix(rows["vector"])[samples["place"].to_numpy()]


def _measure(
    root: Root, samples: pa.Table, vectors: Vectors, model: dict[str, Any], settings: DedupeSettings
) -> Measure:
    """What `auto` means is settled once a root and model, by the first batch that is large enough."""
    settled = choices.recall(root, CHOICE)
    if (settled or {}).get("model") != model["name"] and len(samples) >= ENOUGH_SAMPLES:
        fresh = measure_of(vectors, samples, model)
        if settled is None:
            settled = choices.settle(root, CHOICE, lambda: fresh)
        else:
            choices.revise(root, CHOICE, fresh, f"the model is {model['name']} now")
            settled = fresh
    if settled is None or settled["model"] != model["name"]:
        described = model["architecture"] is None
        settled = {
            "mean": [0.0] * model["dimensions"],
            "closer": CLOSER_DESCRIBED if described else CLOSER,
            "decided": DECIDED_DESCRIBED if described else DECIDED,
        }
    auto = settled["closer"] if settings.verify else settled["decided"]
    asked = settings.semantic.min_similarity
    return Measure(model["table"], np.array(settled["mean"], np.float32), float(auto if asked == "auto" else asked))


def _compare(root: Root, samples: pa.Table, vectors: Vectors, measure: Measure, log: Log, *, verify: bool) -> pa.Table:
    advance("compare", 0, len(samples))
    ids = samples["sample_id"].to_pylist()
    if not ids or measure.least > 1:
        return as_found(samples["sample_id"], [None] * len(ids), "semantic")
    kept = kept_vectors(root, log, measure.table, measure.mean)
    look = CosineLook(centred(vectors, measure.mean), kept.index, kept.since, measure.least)
    witness = ThumbnailWitness(root) if verify else None
    protected = frozenset(samples.filter(samples["chosen"])["sample_id"].to_pylist())
    matches = find_stars([look], ids, kept.ids, witness, stage="compare", tries=NEIGHBOURS, protected=protected)
    return as_found(samples["sample_id"], matches, "semantic")
