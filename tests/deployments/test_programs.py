"""What `winnow up` starts follows from the settings."""

from pathlib import Path
from typing import Any

import pytest

from deployments import programs
from deployments.programs import environment, servers, workers
from flows.settings import load_settings
from tasks.store.errors import UsageError
from tasks.store.s3 import client_of
from tests.buckets import REGION, Buckets


def started(**settings: Any) -> list[str]:
    """The names of what takes work, with some settings."""
    return [
        one.name for one in workers(load_settings(None, {name.replace("__", "."): settings[name] for name in settings}))
    ]


def test_workers__a_folder_is_listened_to_and_a_list_of_files_is_not(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("a.jpg\n")
    assert started() == ["worker"]
    assert started(source=str(tmp_path)) == ["worker", "listener"]
    assert started(source=str(tmp_path / "list.txt")) == ["worker"]


def test_workers__a_bucket_is_listened_to_once_it_has_a_queue(s3: Buckets) -> None:
    landing = s3.make("landing")
    assert started(source=landing, service__name="up") == ["worker"]
    client_of("sqs", REGION).create_queue(QueueName="winnow-up")
    assert started(source=landing, service__name="up") == ["worker", "listener"]
    assert started(source=landing, service__events__queue="another") == ["worker", "listener"]


def test_servers__are_where_the_settings_say_and_commands_hold_no_secret(tmp_path: Path) -> None:
    settings = load_settings(
        None, {"service.ports.prefect": 4321, "service.database": "postgresql://me:hush@db/winnow"}
    )
    prefect, mlflow = servers(settings)
    assert (prefect.page, prefect.health) == ("http://127.0.0.1:4321", "http://127.0.0.1:4321/api/ready")
    assert mlflow.port_setting == "service.ports.mlflow"
    assert not any("hush" in one.command for one in (prefect, mlflow, *workers(settings)))
    told = environment(settings, "winnow.yaml", tmp_path)
    assert told["PREFECT_API_URL"] == "http://127.0.0.1:4321/api"
    assert "hush" in told["PREFECT_API_DATABASE_CONNECTION_URL"]
    assert told["WINNOW_CONFIG"] == str(Path("winnow.yaml").absolute())


def test_servers__label_studio_has_to_be_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(programs, "INFRA", tmp_path / "infra")
    settings = load_settings(None, {"service.label_studio": True})
    with pytest.raises(UsageError, match="`make up LABEL_STUDIO=1`"):
        servers(settings)
    (tmp_path / ".venv-label-studio").mkdir()
    (tmp_path / ".venv-label-studio" / "ready").touch()
    assert [one.name for one in servers(settings)] == ["prefect", "mlflow", "label-studio"]
    first, again = (environment(settings, None, tmp_path)["WINNOW_LABEL_STUDIO_TOKEN"] for _ in range(2))
    assert first == again
    assert len(first) == 40
