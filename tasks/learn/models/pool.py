"""What the champion says of everything that waits for a label: shard by shard, into `predictions`."""

from typing import Any

import pyarrow as pa

from tasks.labels.uncertainty import uncertainty
from tasks.labels.values import as_text, as_value, canonical_prediction
from tasks.learn.models.file import ModelConfig, read_config
from tasks.learn.models.program import can_be_asked
from tasks.progress import advance
from tasks.store import views
from tasks.store.commit import write
from tasks.store.ids import make_id
from tasks.store.root import Root, open_root
from tasks.store.schema import PREDICTIONS
from tasks.unit import unit

SHARD = 2048
"""Samples that are predicted and written at a time: what is written stays, whatever becomes of the rest."""

AT_ONCE = 256
"""Of these so many are predicted before progress is told; programs of the user's own are started once a shard."""


@unit("predict")
def predict_pool(root: str, version: str, command: str | None = None) -> dict[str, Any]:
    """Predict every sample without a label that has no prediction of that model yet; how many that were.

    Args:
        root: URI of the root.
        version: of the model.
        command: `learn.predict_command`, which asks a model of the user's own.

    Raises:
        UsageError: the model is not there, or what the program of the user wrote is no predictions.
        WinnowError: that program failed.
    """
    from tasks.learn.models.predict import predicting

    opened = open_root(root)
    config = read_config(opened, version)
    samples = unpredicted(opened, config, command)
    if not samples:
        return {"predicted": 0}
    advance("predict", 0, len(samples))
    new, at_once = 0, SHARD if config.kind == "command" else AT_ONCE
    with predicting(opened, config, command) as predict:
        for start in range(0, len(samples), SHARD):
            shard, parts = samples[start : start + SHARD], []
            for first in range(0, len(shard), at_once):
                some = shard[first : first + at_once]
                parts.append(predict(some))
                advance("predict", len(some))
            new += write(opened, PREDICTIONS.name, _rows(config, pa.concat_tables(parts)))
    return {"predicted": new}


def anything_to_predict(root: Root, version: str, command: str | None = None) -> bool:
    """Whether a sample waits for what that model says of it; `command` as for `predict_pool`."""
    return bool(unpredicted(root, read_config(root, version), command))


def unpredicted(root: Root, config: ModelConfig, command: str | None = None) -> list[str]:
    """Kept samples, and whatever was selected, without a label and without a prediction of that model, by their ids.

    A probe sees those that have a vector of its embedding. A model of the user's own sees none unless a program asks
    it, and it left what that reads: `winnow predictions import` brings in what it says.
    """
    if config.kind == "command" and not can_be_asked(config, command):
        return []
    found = views.connect(root).execute(_UNPREDICTED, [config.ontology, config.version, config.embedding]).fetchall()
    return [row[0] for row in found]


def _rows(config: ModelConfig, predicted: pa.Table) -> pa.Table:
    rows = []
    for row in predicted.to_pylist():
        value = canonical_prediction(as_value(row["value"]))
        rows.append(
            {
                "prediction_id": make_id(row["sample_id"], config.version),
                "sample_id": row["sample_id"],
                "model_version": config.version,
                "value": as_text(value),
                **uncertainty(value, len(config.classes), multilabel=config.label_type == "multilabel"),
            }
        )
    return pa.Table.from_pylist(rows, schema=PREDICTIONS.schema)


_UNPREDICTED = """
    SELECT sample_id FROM (SELECT sample_id FROM kept UNION SELECT sample_id FROM selections)
    WHERE sample_id NOT IN (SELECT sample_id FROM labels WHERE ontology = $1)
    AND sample_id NOT IN (SELECT sample_id FROM predictions WHERE model_version = $2)
    AND ($3::VARCHAR IS NULL OR sample_id IN (SELECT sample_id FROM embeddings WHERE model = $3))
    ORDER BY sample_id"""
