"""Predict samples with a model: calibrated, from stored vectors, thumbnails or originals."""

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tasks.labels.values import as_text
from tasks.learn.models.file import ModelConfig, Tensors, read_config, read_predicted, read_tensors
from tasks.learn.models.folder import restore_folder
from tasks.learn.models.program import Asked, Program, predictor, read_predictions, run, write_pictures
from tasks.learn.models.shares import as_values, logits_of, shares_of
from tasks.learn.models.vectors import read_vectors
from tasks.store.errors import UsageError
from tasks.store.root import Root

VALUES = pa.schema([("sample_id", pa.string()), ("value", pa.string())])


@contextmanager
def predicting(root: Root, config: ModelConfig, command: str | None) -> Iterator[Callable[[Sequence[str]], pa.Table]]:
    """What predicts samples with a model while the block runs, as `predict_samples` does.

    Weights are read once. A model of the user's own lies on this machine meanwhile, and is asked by a program if one is
    named.

    Args:
        root: where the model and the samples are.
        config: of the model.
        command: `learn.predict_command`. Of the settings, never of the model: what lies in a root starts no program.

    Raises:
        UsageError: the program is none, files of the model are gone or damaged, or what the program wrote is no
            predictions.
        WinnowError: the program failed.
    """
    match config.kind:
        case "command" if command:
            with tempfile.TemporaryDirectory(prefix="winnow-") as model:
                restore_folder(root, config, Path(model))
                yield partial(_by_program, root, config, predictor(command), Path(model))
        case "command":
            yield partial(_as_told, root, config)
        case "probe":
            yield partial(_by_probe, root, config, read_tensors(root, config.version))
        case _:
            from tasks.learn.models.look import restored

            yield partial(_by_network, root, config, restored(root, config))


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
    with predicting(root, read_config(root, version), None) as predict:
        return predict(samples)


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


def _by_probe(root: Root, config: ModelConfig, tensors: Tensors, samples: Sequence[str]) -> pa.Table:
    ids, vectors = read_vectors(root, str(config.embedding), samples)
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    kinds = len(config.classes)
    if shapes != {"weights": (kinds, vectors.shape[1]), "bias": (kinds,)}:
        raise UsageError(
            f"The weights of model {config.version} are of another model: {kinds} classes and vectors of "
            f"{vectors.shape[1]} numbers do not fit them. Restore it from a backup."
        )
    logits = vectors @ tensors["weights"].T + tensors["bias"]
    return _table(ids, as_values(config.classes, shares_of(logits, config.label_type, config.temperature)))


def _by_network(root: Root, config: ModelConfig, network: Any, samples: Sequence[str]) -> pa.Table:
    from tasks.learn.models.look import look_at

    return _table(*look_at(root, config, network, samples))


def _by_program(root: Root, config: ModelConfig, program: Program, model: Path, samples: Sequence[str]) -> pa.Table:
    """What a program of the user says of the samples that have a thumbnail."""
    with tempfile.TemporaryDirectory(prefix="winnow-") as place:
        images, wanted = Path(place, "images"), Path(place, "predictions.jsonl")
        sizes = write_pictures(root, samples, images, config.pixels)
        if not sizes:
            return VALUES.empty_table()
        run(program, model=model, images=images, predictions=wanted)
        said = read_predictions(program, wanted, Asked(config.label_type, config.classes, sizes))
    return _table(list(said), [as_text(calibrated(config, value)) for value in said.values()])


def _as_told(root: Root, config: ModelConfig, samples: Sequence[str]) -> pa.Table:
    """What a program of the user said of its snapshot."""
    rows = read_predicted(root, config.version)
    told = dict(zip(rows["sample_id"].to_pylist(), rows["value"].to_pylist(), strict=True))
    ids = [sample_id for sample_id in samples if sample_id in told]
    return _table(ids, [json.dumps(calibrated(config, json.loads(told[one])), ensure_ascii=False) for one in ids])


def _table(ids: list[str], values: list[str]) -> pa.Table:
    return pa.table([pa.array(ids, pa.string()), pa.array(values, pa.string())], schema=VALUES)
