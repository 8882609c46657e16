"""A trained model on file: weights as safetensors, all else as JSON. No code is ever read from either.

`<root>/models/VERSION/` holds model.json, model.safetensors, predictions.parquet and, once it was evaluated,
evaluation.json; model/ is what a program of the user's own left, see tasks/learn/models/folder.py.
"""

import json
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, ValidationError

from tasks.labels.values import LabelType
from tasks.learn.fit.settings import Source
from tasks.store import staging
from tasks.store.errors import Unreachable, UsageError
from tasks.store.root import Root
from tasks.store.settings import StrictModel

PREDICTED = pa.schema([("sample_id", pa.string()), ("side", pa.string()), ("value", pa.string())])
"""What a model predicts of its snapshot's samples; values as in tasks/labels/values.py, before calibration."""

Tensors = Mapping[str, NDArray[Any]]


def _inside(name: str) -> str:
    if name in ("", ".") or "\0" in name or name[0] == "/" or ".." in PurePosixPath(name).parts:
        raise ValueError(f"{name!r} leads out of the folder")
    return name


class ModelConfig(StrictModel):
    """What is known of a model besides its weights."""

    version: str = Field(description="Its name everywhere: predictions, registry, files.")
    kind: Literal["probe", "classifier", "detector", "command"]
    label_type: LabelType
    classes: list[str]
    ontology: str
    ontology_version: int
    snapshot: str
    snapshot_hash: str
    test_hash: str
    architecture: str | None = Field(default=None, description="Of timm; of a probe, none.")
    embedding: str | None = Field(default=None, description="Of a probe: name of the model whose vectors it takes.")
    side: int | None = Field(default=None, description="Pixels of the square, or of the longer side, that it sees.")
    pixels: Source = Field(default="thumbnail", description="What it sees.")
    mean: list[float] | None = None
    std: list[float] | None = None
    temperature: float = Field(default=1.0, gt=0, description="Logits are divided by it: set by evaluation.")
    files: list[Annotated[str, AfterValidator(_inside)]] = Field(
        default_factory=list, description="What a program of the user's own left as its model: paths in model/."
    )
    settings: dict[str, Any] = Field(default_factory=dict, description="What it was trained with.")


def model_uri(root: Root, version: str, name: str) -> str:
    """Where a file of a model lies."""
    return root.at("models", version, name)


def save_model(root: Root, config: ModelConfig, tensors: Tensors, predicted: pa.Table) -> None:
    """Write a model; its configuration last, so that what has one is whole."""
    from safetensors.numpy import save

    content = save({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()})
    root.storage.write(model_uri(root, config.version, "model.safetensors"), content)
    staging.write_rows(root, model_uri(root, config.version, "predictions.parquet"), predicted.cast(PREDICTED))
    write_config(root, config)


def write_config(root: Root, config: ModelConfig) -> None:
    """Write what is known of a model besides its weights."""
    root.storage.write(model_uri(root, config.version, "model.json"), config.model_dump_json(indent=2).encode())


def has_model(root: Root, version: str) -> bool:
    """Whether a model of that version is there, whole."""
    try:
        root.storage.stat(model_uri(root, version, "model.json"))
    except Unreachable:
        return False
    return True


def read_config(root: Root, version: str) -> ModelConfig:
    """What is known of a model besides its weights.

    Raises:
        UsageError: it is not there, or is none of ours.
        Unreachable: it cannot be read now, which says nothing about it.
    """
    try:
        config = ModelConfig.model_validate_json(root.storage.read(model_uri(root, version, "model.json")))
        if config.version != version:
            raise UsageError(f"The file model.json of model {version} is that of another: restore it from a backup.")
    except Unreachable as error:
        if error.reason != "not_found":
            raise
        raise UsageError(f"There is no model {version} in this root ({error.detail}).") from error
    except ValidationError as error:
        raise UsageError(f"The file model.json of model {version} is damaged: restore it from a backup.") from error
    return config


def read_tensors(root: Root, version: str) -> dict[str, NDArray[Any]]:
    """The weights of a model.

    Raises:
        UsageError: they are gone, or are no safetensors.
        Unreachable: they cannot be read now, which says nothing about them.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        tensors: dict[str, NDArray[Any]] = load(root.storage.read(model_uri(root, version, "model.safetensors")))
    except (Unreachable, SafetensorError) as error:
        if isinstance(error, Unreachable) and error.reason != "not_found":
            raise
        raise UsageError(f"The weights of model {version} cannot be read ({error}).") from error
    return tensors


def read_predicted(root: Root, version: str) -> pa.Table:
    """What the model predicted of its snapshot's samples, see PREDICTED. Raises UsageError if that is gone."""
    rows = staging.read_rows(root, model_uri(root, version, "predictions.parquet"))
    if rows is None:
        raise UsageError(f"predictions.parquet of model {version} is gone or damaged: restore it from a backup.")
    return rows


def write_evaluation(root: Root, version: str, evaluation: dict[str, Any]) -> None:
    """Write what evaluation found: plain JSON for the report and for people."""
    content = json.dumps(evaluation, indent=1, ensure_ascii=False, allow_nan=False, sort_keys=True)
    root.storage.write(model_uri(root, version, "evaluation.json"), content.encode("utf-8", "replace"))


def read_evaluation(root: Root, version: str) -> dict[str, Any] | None:
    """What `write_evaluation` wrote; None if the model was not evaluated."""
    try:
        found: dict[str, Any] = json.loads(root.storage.read(model_uri(root, version, "evaluation.json")))
    except (Unreachable, ValueError):
        return None
    return found
