"""MLflow knows each model once: settings, snapshot, files, how good it is, and whether it is the champion."""

import json
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient
from PIL import Image

from tasks.learn.fit.fit import fit_model
from tasks.learn.settings import LearnSettings
from tasks.learn.track.track import log_evaluation, set_alias, tracking_place
from tasks.store.errors import UsageError
from tasks.store.root import Root
from tests.learn.made import made_root

SETTINGS = LearnSettings()


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Root, str, MlflowClient]:
    root = made_root(tmp_path_factory.mktemp("tracked") / "root", 45)
    version = fit_model(root.uri, "s1", SETTINGS).version
    place = tracking_place(root, SETTINGS)
    return root, version, MlflowClient(tracking_uri=place, registry_uri=place)


def runs(client: MlflowClient) -> list:
    return list(client.search_runs([client.get_experiment_by_name("winnow-colours").experiment_id]))


def test_fit_model__is_one_run_with_its_snapshot_and_its_files(tracked: tuple[Root, str, MlflowClient]) -> None:
    root, version, client = tracked
    root.storage.delete(root.at("models", version, "tracked.json"))  # as if it had been killed before
    fit_model(root.uri, "s1", SETTINGS)
    (run,) = runs(client)
    assert run.info.status == "FINISHED"
    assert run.data.tags["winnow.version"] == version
    assert run.data.params["fit.method"] == "auto"
    (dataset,) = [given.dataset for given in run.inputs.dataset_inputs]
    assert (dataset.name, len(dataset.digest)) == ("s1", 32)
    assert run.data.tags["winnow.snapshot_hash"].startswith(dataset.digest)
    files = {one.path for one in client.list_artifacts(run.info.run_id, "model")}
    assert files == {"model/model.json", "model/model.safetensors", "model/predictions.parquet"}
    assert Path(run.info.artifact_uri.removeprefix("file://")).is_relative_to(root.uri.removeprefix("file://"))


def test_log_evaluation__figures_and_confusion(tracked: tuple[Root, str, MlflowClient]) -> None:
    root, version, client = tracked
    confusion = {"classes": ["a$b", "\u6587"], "counts": [[3, 0], [1, 2]]}
    metrics = {"mAP@[.5:.95]": {"value": 0.5, "low": 0.25, "high": None}}
    log_evaluation(root, version, {"metrics": metrics, "confusion": confusion}, SETTINGS)
    (run,) = runs(client)
    assert run.data.metrics == {"test_mAP__.5_.95_": 0.5, "test_mAP__.5_.95__low": 0.25}
    assert "confusion.png" in {one.path for one in client.list_artifacts(run.info.run_id)}


def test_log_evaluation__of_many_classes_the_figure_stays_small(
    tracked: tuple[Root, str, MlflowClient], tmp_path: Path
) -> None:
    root, version, client = tracked
    confusion = {"classes": [f"class {code}" for code in range(150)], "counts": np.ones((150, 150), int).tolist()}
    log_evaluation(root, version, {"metrics": {}, "confusion": confusion}, SETTINGS)
    (run,) = runs(client)
    with Image.open(client.download_artifacts(run.info.run_id, "confusion.png", str(tmp_path))) as figure:
        assert max(figure.size) < 1200
    logged = Path(client.download_artifacts(run.info.run_id, "evaluation.json", str(tmp_path)))
    assert json.loads(logged.read_text())["confusion"] == confusion


def test_set_alias__names_the_version(tracked: tuple[Root, str, MlflowClient]) -> None:
    root, version, client = tracked
    set_alias(root, version, "champion", SETTINGS)
    assert client.get_model_version_by_alias("winnow-colours", "champion").tags["winnow.version"] == version


def test_set_alias__what_somebody_deleted_in_mlflow_is_registered_again(
    tracked: tuple[Root, str, MlflowClient],
) -> None:
    root, version, client = tracked
    set_alias(root, version, "champion", SETTINGS)
    (known,) = client.search_model_versions("name = 'winnow-colours'")
    client.delete_model_version("winnow-colours", known.version)
    set_alias(root, version, "challenger", SETTINGS)
    found = client.get_model_version_by_alias("winnow-colours", "challenger")
    assert (found.tags["winnow.version"], found.source) == (version, known.source)
    client.delete_registered_model("winnow-colours")
    set_alias(root, version, "champion", SETTINGS)
    assert client.get_model_version_by_alias("winnow-colours", "champion").tags["winnow.version"] == version


def test_fit_model__a_damaged_database_of_mlflow_is_told(tmp_path: Path) -> None:
    root = made_root(tmp_path / "root", 30)
    (tmp_path / "root" / "mlflow" / "mlflow.db").write_bytes(b"garbage" * 1000)
    with pytest.raises(UsageError, match=r"mlflow\.db is no database of MLflow \(file is not a database\): restore it"):
        fit_model(root.uri, "s1", SETTINGS)


def test_fit_model__with_mlflow_away_nothing_is_trained(tmp_path: Path) -> None:
    root = made_root(tmp_path / "root", 15)
    settings = LearnSettings(tracking_uri="http://127.0.0.1:9")
    with pytest.raises(UsageError, match="no MLflow answers"):
        fit_model(root.uri, "s1", settings)
    assert list(root.storage.names(root.at("models"))) == []
    with pytest.raises(UsageError, match="http"):
        fit_model(root.uri, "s1", LearnSettings(tracking_uri="mlruns"))


WANDB = LearnSettings(tracker="wandb")
CONFUSION = {"classes": ["hat", "\u6587"], "counts": [[3, 0], [1, 2]]}
EVALUATION = {"metrics": {"accuracy": {"value": 0.5, "low": 0.25, "high": None}}, "confusion": CONFUSION}


def test_wandb__has_settings_curves_metrics_and_confusion_on_this_machine_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.setenv("WANDB_SILENT", "true")
    root = made_root(tmp_path / "root", 45)
    version = fit_model(root.uri, "s1", WANDB).version
    for _ in range(2):
        log_evaluation(root, version, EVALUATION, WANDB)
    (folder,) = (tmp_path / "root" / "wandb").glob("*run-*")
    assert folder.name.startswith("offline-run-")
    (log,) = folder.glob("*.wandb")
    content = log.read_bytes()
    for said in (b"test/accuracy", b"test/accuracy low", b"snapshot_hash", version.encode(), b"confusion"):
        assert said in content
    assert b"accuracy high" not in content
    (table,) = folder.rglob("*.table.json")
    told = json.loads(table.read_text())
    assert (told["columns"], told["data"]) == (["label", "hat", "\u6587"], [["hat", 3, 0], ["\u6587", 1, 2]])


def test_wandb__that_does_not_take_it_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked to go online by somebody who is not logged in."""
    root = made_root(tmp_path / "root", 45)
    version = fit_model(root.uri, "s1", WANDB).version
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name, value in {"MODE": "online", "SILENT": "true", "BASE_URL": "http://127.0.0.1:9"}.items():
        monkeypatch.setenv(f"WANDB_{name}", value)
    with pytest.raises(UsageError, match="Weights & Biases refused or is away"):
        log_evaluation(root, version, EVALUATION, WANDB)
