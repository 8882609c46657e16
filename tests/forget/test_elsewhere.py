"""What lies outside of the root: a label server that is away is told and asked again, an MLflow server is updated."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.forget import forget
from flows.maintain import maintain
from flows.settings import Settings
from tasks.forget.concern import Wish
from tasks.forget.forget import begun
from tasks.learn.models.file import ModelConfig, model_uri, read_config
from tasks.learn.track import mlflow_runs
from tests.flows.servers import free_port, wait_for
from tests.forget.conftest import some_samples
from tests.forget.test_forget import NOTE
from tests.pipeline import opened, rows, settings_for


def test_forget__a_label_server_that_is_away_is_asked_again(grown: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINNOW_LABEL_STUDIO_TOKEN", "0" * 40)
    studio = {"url": f"http://127.0.0.1:{free_port()}", "patience_s": 0.1, "timeout_s": 1}
    labels = grown.labels.model_validate({"backend": "label-studio", "label_studio": studio})
    away = grown.model_copy(update={"labels": labels})
    (erased,) = forget(away, Wish(samples=some_samples(grown, 1)), NOTE)
    assert "does not answer" in erased.unreached[0]
    assert begun(opened(grown)) == [erased.batch]
    assert maintain.fn(away).forgotten[0].unreached
    (finished,) = maintain.fn(grown).forgotten
    assert (finished.batch, finished.unreached) == (erased.batch, [])
    assert begun(opened(grown)) == []


@pytest.fixture(scope="module")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an MLflow server."""
    home, port = tmp_path_factory.mktemp("mlflow"), free_port()
    asked = ["--backend-store-uri", f"sqlite:///{home}/m.db", "--artifacts-destination", f"{home}/artifacts"]
    asked += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (home / "log").open("w") as log:
        command = [sys.executable, "-m", "mlflow", "server", *asked]
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **quiet}, cwd=home)
    wait_for(f"http://127.0.0.1:{port}/health", process)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(30)


@pytest.mark.slow
def test_forget__an_mlflow_server_keeps_no_prediction_of_it(
    grown: Settings, mlflow_server: str, tmp_path: Path
) -> None:
    from mlflow import MlflowClient

    root = opened(grown)
    config = served(grown, mlflow_server)
    sql = "SELECT sample_id FROM selections JOIN labels USING (sample_id) ORDER BY sample_id"
    labelled = [row["sample_id"] for row in rows(grown, sql)]
    client = MlflowClient(tracking_uri=mlflow_server)
    run_id = json.loads(root.storage.read(model_uri(root, config.version, "tracked.json")))["run_id"]

    def logged() -> bytes:
        return Path(client.download_artifacts(run_id, "model/predictions.parquet", str(tmp_path))).read_bytes()

    assert labelled[0].encode() in logged()
    forget(grown, Wish(samples=tuple(labelled[:3])), NOTE)
    assert not any(sample.encode() in logged() for sample in labelled[:3])
    assert labelled[3].encode() in logged()


def served(settings: Settings, place: str) -> ModelConfig:
    """Have the model tracked at a server."""
    root = opened(settings)
    (version,) = set(root.storage.names(root.at("models"))) - {"aliases.json"}
    config = read_config(root, version)
    told = {"place": place, "run_id": mlflow_runs.log_fit(root, config, place)}
    root.storage.write(model_uri(root, version, "tracked.json"), json.dumps(told).encode())
    return config


def test_command__says_what_would_go_and_asks_nobody_who_is_not_there(grown: Settings, tmp_path: Path) -> None:
    (sample,) = some_samples(grown, 1)
    asked = ["forget", "--sample", sample, "--note", NOTE, "--root", grown.root_uri]
    assert "1 samples of 2 files would be forgotten" in CliRunner().invoke(app, [*asked, "--dry-run"]).stdout
    refused = CliRunner().invoke(app, asked)
    assert (refused.exit_code, "--yes" in refused.stderr) == (2, True)
    done = CliRunner().invoke(app, [*asked, "--yes", "--json"])
    assert json.loads(done.stdout)[0]["objects"] == 2
    assert "Nothing of it" in CliRunner().invoke(app, [*asked, "--yes"]).stdout
    listed = CliRunner().invoke(app, ["snapshots", "--root", grown.root_uri, "--json"])
    assert json.loads(listed.stdout)[0]["forgotten"] <= 1
    assert rows(settings_for(tmp_path, grown.root_uri), "SELECT DISTINCT kind FROM tombstones ORDER BY ALL") == [
        {"kind": kind} for kind in ("content", "object", "sample")
    ]
