"""MLflow: one run a model version, found again by its tag, and a registered model for each ontology."""

import contextlib
import json
import os
import platform
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

from tasks.labels.snapshot import manifest_uri
from tasks.learn.models.file import ModelConfig, model_uri
from tasks.store.errors import Unreachable, UsageError
from tasks.store.root import Root
from tasks.store.storage import shown

TAG = "winnow.version"

PACKAGES = ("winnow", "torch", "torchvision", "timm", "scikit-learn", "numpy")

FILES = ("model.json", "model.safetensors", "predictions.parquet")

NAMED = 24
"""Classes, above which the figure of the confusion matrix has room for neither names nor numbers."""

DIGEST = 32
"""Hex digits of the snapshot's hash that MLflow has room for."""


def refuse_away(place: str) -> None:
    """Raises UsageError unless MLflow answers at that place; a database is made when it is needed."""
    if not place.startswith("http"):
        return
    import httpx

    try:
        httpx.get(f"{place}/health", timeout=10).raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise UsageError(
            f"learn.tracking_uri: no MLflow answers at {place} ({type(error).__name__}); start it, or take the setting "
            "out to track in the folder of the root."
        ) from error


def log_fit(root: Root, config: ModelConfig, place: str) -> str:
    """Track a model that is on file; the id of its run. Done again, it goes on with the same run."""
    from mlflow.entities import Metric, Param

    with _client(place) as client:
        run_id = _run(client, root, config, place)
        if client.get_run(run_id).info.status == "FINISHED":
            return run_id
        params = {**_flat(config.settings), "kind": config.kind, "snapshot": config.snapshot, "seed": _seed(config)}
        client.log_batch(run_id, params=[Param(name, str(value)[:500]) for name, value in sorted(params.items())])
        now = int(time.time() * 1000)
        for epoch, figures in enumerate(config.settings["curves"]):
            client.log_batch(run_id, [Metric(name, value, now, epoch) for name, value in figures.items()])
        client.log_inputs(run_id, [_dataset(root, config)])
        client.log_dict(run_id, _environment(), "environment.json")
        with tempfile.TemporaryDirectory() as folder:
            for name in FILES:
                Path(folder, name).write_bytes(root.storage.read(model_uri(root, config.version, name)))
            client.log_artifacts(run_id, folder, "model")
        _registered(client, run_id, config.version)
        client.set_terminated(run_id)
    return run_id


def log_evaluation(place: str, run_id: str, evaluation: dict[str, Any], config: str) -> None:
    """Add metrics with their intervals, the whole evaluation, the confusion matrix as a figure, and the temperature.

    Args:
        place: of MLflow.
        run_id: of the model.
        evaluation: what was found.
        config: model.json as it is by now, with its temperature.
    """
    with _client(place) as client:
        for name, figures in evaluation["metrics"].items():
            for bound, value in figures.items():
                if value is not None:
                    key = f"test_{name}" if bound == "value" else f"test_{name}_{bound}"
                    client.log_metric(run_id, _key(key), value)
        client.log_text(run_id, config, "model/model.json")
        client.log_dict(run_id, evaluation, "evaluation.json")
        if evaluation.get("confusion"):
            client.log_figure(run_id, _confusion(evaluation["confusion"]), "confusion.png")


def log_anew(root: Root, version: str, place: str, run_id: str) -> None:
    """Put what the root has of a model's predictions and evaluation in the place of what was logged."""
    refuse_away(place)
    with _client(place) as client, tempfile.TemporaryDirectory() as folder:
        for name, to in (("predictions.parquet", "model"), ("evaluation.json", None)):
            with contextlib.suppress(Unreachable):  # not evaluated yet
                Path(folder, name).write_bytes(root.storage.read(model_uri(root, version, name)))
                client.log_artifact(run_id, str(Path(folder, name)), to)


def set_alias(place: str, run_id: str, version: str, alias: str) -> None:
    """Point an alias of the registered model at a version, which is registered again if somebody deleted it."""
    with _client(place) as client:
        found = _registered(client, run_id, version)
        client.set_registered_model_alias(found.name, alias, found.version)


@contextmanager
def _client(place: str) -> Iterator[Any]:
    """A client of its own: nothing of this process is set. Raises UsageError when MLflow does not answer."""
    if place.startswith("sqlite"):
        Path(place.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import DatabaseError, OperationalError

    try:
        yield MlflowClient(tracking_uri=place, registry_uri=place)
    except (MlflowException, OperationalError) as error:
        words = (str(error) or type(error).__name__).strip().splitlines()[0][:200]
        raise UsageError(f"MLflow at {place} refused or is away ({words}); run the same command again.") from error
    except DatabaseError as error:
        raise UsageError(
            f"What lies at {place} is no database of MLflow ({error.orig}): restore it from a backup, or move it away "
            "to begin a new one."
        ) from error


def _run(client: Any, root: Root, config: ModelConfig, place: str) -> str:
    """The id of the run of that version, made if there is none."""
    from mlflow.exceptions import MlflowException

    name = f"winnow-{config.ontology}"
    found = client.get_experiment_by_name(name)
    if found is None:
        embedded = place.startswith("sqlite")
        try:
            experiment = client.create_experiment(name, root.at("mlflow", "artifacts") if embedded else None)
        except MlflowException:  # somebody else was first
            experiment = client.get_experiment_by_name(name).experiment_id
    else:
        experiment = found.experiment_id
    runs = client.search_runs([experiment], f"tags.`{TAG}` = '{config.version}'")
    if runs:
        return str(runs[0].info.run_id)
    tags = {TAG: config.version, "winnow.registered": name, "winnow.snapshot_hash": config.snapshot_hash}
    return str(client.create_run(experiment, tags=tags, run_name=config.version).info.run_id)


def _registered(client: Any, run_id: str, version: str) -> Any:
    """The registered version of a model, made if there is none."""
    from mlflow.exceptions import MlflowException

    run = client.get_run(run_id)
    name = run.data.tags["winnow.registered"]
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    known = [one for one in client.search_model_versions(f"name = '{name}'") if one.tags.get(TAG) == version]
    if known:
        return known[0]
    return client.create_model_version(name, f"{run.info.artifact_uri}/model", run_id=run_id, tags={TAG: version})


def _dataset(root: Root, config: ModelConfig) -> Any:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    source = json.dumps({"uri": shown(manifest_uri(root, config.snapshot))})
    profile = json.dumps({"hash": config.snapshot_hash, "test_hash": config.test_hash, "classes": len(config.classes)})
    dataset = Dataset(config.snapshot, config.snapshot_hash[:DIGEST], "winnow", source, profile=profile)
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])


def _environment() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: installed(name) for name in PACKAGES},
    }


def _seed(config: ModelConfig) -> int:
    return int(config.settings["fit"]["seed"])


def _flat(settings: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Settings by dotted names; lists, curves among them, are left out."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{before}{name}.")
        elif not isinstance(value, list):
            flat[f"{before}{name}"] = value
    return flat


def _key(name: str) -> str:
    """A name as MLflow takes it."""
    return "".join(letter if letter.isalnum() or letter in "_-. /" else "_" for letter in name)


def _confusion(confusion: dict[str, Any]) -> Any:
    """Rows are labels, columns what was predicted; of many classes only colours: evaluation.json has the counts."""
    from matplotlib.figure import Figure

    names, counts = [str(name)[:24].replace("$", r"\$") for name in confusion["classes"]], confusion["counts"]
    side = 2 + 0.4 * min(len(names), NAMED)
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    axes.imshow(counts, cmap="Blues")
    axes.set_xlabel("predicted")
    axes.set_ylabel("label")
    if len(names) > NAMED:
        return figure
    axes.set_xticks(range(len(names)), names, rotation=90)
    axes.set_yticks(range(len(names)), names)
    for row, line in enumerate(counts):
        for column, count in enumerate(line):
            if count:
                axes.text(column, row, str(count), ha="center", va="center")
    return figure
