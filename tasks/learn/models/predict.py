"""Predict samples with a model: calibrated, from stored vectors or from thumbnails, never from originals."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from tasks.learn.models.file import ModelConfig, read_config, read_predicted, read_tensors
from tasks.learn.models.shares import as_values, logits_of, shares_of
from tasks.learn.models.vectors import read_vectors
from tasks.store.errors import UsageError
from tasks.store.root import Root

VALUES = pa.schema([("sample_id", pa.string()), ("value", pa.string())])


def predict_samples(root: Root, version: str, samples: Sequence[str]) -> pa.Table:
    """What a model predicts of samples: sample_id and value (see tasks/labels/values.py), calibrated.

    Samples that it cannot see are left out: without a vector for a probe, without a thumbnail for a network, and for a
    program of the user all that are not in its snapshot.

    Args:
        root: where the model and the samples are.
        version: of the model.
        samples: ids; rows come in their order.

    Raises:
        UsageError: the model is not there, or its weights are damaged or of another architecture.
    """
    config = read_config(root, version)
    match config.kind:
        case "probe":
            ids, values = _by_probe(root, config, samples)
        case "command":
            ids, values = _as_told(root, config, samples)
        case _:
            from tasks.learn.models.look import by_network

            ids, values = by_network(root, config, samples)
    return pa.table([pa.array(ids, pa.string()), pa.array(values, pa.string())], schema=VALUES)


def calibrated(config: ModelConfig, value: dict[str, Any]) -> dict[str, Any]:
    """A stored value with the temperature of its model: probabilities, or the scores of boxes."""
    if config.temperature == 1.0:
        return value
    if "probabilities" in value:
        shares = np.array([list(value["probabilities"].values())])
        told = shares_of(logits_of(shares, config.label_type), config.label_type, config.temperature)[0]
        return {**value, "probabilities": dict(zip(value["probabilities"], told.tolist(), strict=True))}
    if not value.get("boxes"):
        return value
    scores = np.array([[box["score"]] for box in value["boxes"]])
    told = shares_of(logits_of(scores, "multilabel"), "multilabel", config.temperature)[:, 0].tolist()
    return {**value, "boxes": [{**box, "score": score} for box, score in zip(value["boxes"], told, strict=True)]}


def _by_probe(root: Root, config: ModelConfig, samples: Sequence[str]) -> tuple[list[str], list[str]]:
    tensors = read_tensors(root, config.version)
    ids, vectors = read_vectors(root, str(config.embedding), samples)
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    kinds = len(config.classes)
    if shapes != {"weights": (kinds, vectors.shape[1]), "bias": (kinds,)}:
        raise UsageError(
            f"The weights of model {config.version} are of another model: {kinds} classes and vectors of "
            f"{vectors.shape[1]} numbers do not fit them. Restore it from a backup."
        )
    logits = vectors @ tensors["weights"].T + tensors["bias"]
    return ids, as_values(config.classes, shares_of(logits, config.label_type, config.temperature))


def _as_told(root: Root, config: ModelConfig, samples: Sequence[str]) -> tuple[list[str], list[str]]:
    """What a program of the user said of its snapshot; it is asked of nothing else."""
    rows = read_predicted(root, config.version)
    told = dict(zip(rows["sample_id"].to_pylist(), rows["value"].to_pylist(), strict=True))
    ids = [sample_id for sample_id in samples if sample_id in told]
    return ids, [json.dumps(calibrated(config, json.loads(told[one])), ensure_ascii=False) for one in ids]
