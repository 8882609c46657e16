"""Recalibrate: set what counts as near anew, for hashes and for embeddings, from all samples that the root has now."""

from typing import Any

import pyarrow as pa

from tasks.dedupe import compare, find
from tasks.dedupe.calibrate import ENOUGH_SAMPLES
from tasks.store import choices, tables, views
from tasks.store.errors import UsageError
from tasks.store.root import Root

MOST_SAMPLES = 20_000


def recalibrate(root: Root, note: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What counted as near before (None where it was never set) and what does now, by the name of the choice.

    What was compared already is not looked at again. Embeddings are calibrated once enough samples have one.

    Raises:
        UsageError: there are too few samples to tell, or the note is empty.
    """
    if not note.strip():
        raise UsageError("Say why, in a word or two: --note is not to be empty.")
    samples = _drawn(root, "SELECT sample_id FROM samples")
    if len(samples) < ENOUGH_SAMPLES:
        raise UsageError(f"Only {len(samples)} samples: {ENOUGH_SAMPLES} are needed to calibrate.")
    after: dict[str, Any] = {find.CHOICE: find.calibrate(samples)}
    model: Any = choices.recall(root, choices.EMBEDDING) or {"name": None}
    embedded = _drawn(root, "SELECT sample_id FROM embeddings WHERE model = $model", model=model["name"])
    if len(embedded) >= ENOUGH_SAMPLES:
        dataset = tables.open_table(root, model["table"])
        vectors = tables.lookup(dataset, "sample_id", embedded["sample_id"].to_pylist(), ["vector"])["vector"]
        after[compare.CHOICE] = compare.measure_of(tables.matrix(vectors), embedded, model)
    before = {name: choices.recall(root, name) for name in after}
    for name, value in after.items():
        choices.revise(root, name, value, note)
    return _told(before), _told(after)


def _drawn(root: Root, which: str, **parameters: str | None) -> pa.Table:
    """Samples drawn by their ids, so that the same ones are drawn again."""
    return (
        views.connect(root)
        .sql(
            f"""SELECT sample_id, phash, ringhash, sequence_id, sensor_id, captured_at FROM samples
            WHERE sample_id IN ({which}) ORDER BY hash(sample_id), sample_id LIMIT {MOST_SAMPLES}""",
            params=parameters,
        )
        .to_arrow_table()
    )


def _told(measures: dict[str, Any]) -> dict[str, Any]:
    """Without the mean of the vectors, which says nothing to people."""
    kept = {name: value or {} for name, value in measures.items()}
    told = {name: {key: one for key, one in value.items() if key != "mean"} for name, value in kept.items()}
    return {name: value or None for name, value in told.items()}
