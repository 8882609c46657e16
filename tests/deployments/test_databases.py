"""One setting names the database of Prefect and of MLflow; nothing that is told holds its password."""

from pathlib import Path

import pytest

from deployments.databases import make_ready, mlflow_store, prefect_connection
from flows.settings import load_settings
from tasks.store.errors import UsageError, WinnowError
from tests.flows.servers import free_port

DATA = Path("/somewhere/service")


def test_sqlite__a_file_each_in_the_folder_of_the_service() -> None:
    assert prefect_connection(None, DATA) == "sqlite+aiosqlite:////somewhere/service/prefect/prefect.db"
    assert mlflow_store(None, DATA) == "sqlite:////somewhere/service/mlflow/mlflow.db"


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+asyncpg"])
def test_postgresql__both_drivers_get_password_and_encryption_under_their_names(scheme: str) -> None:
    named = f"{scheme}://me:p%40ss@db:5433/winnow?sslmode=require"
    assert prefect_connection(named, DATA) == "postgresql+asyncpg://me:p%40ss@db:5433/winnow?ssl=require"
    assert mlflow_store(named, DATA) == (
        "postgresql+psycopg://me:p%40ss@db:5433/winnow?options=-csearch_path%3Dmlflow&sslmode=require"
    )


def test_postgresql__away_is_one_sentence_without_the_password(tmp_path: Path) -> None:
    with pytest.raises(WinnowError, match=r"PostgreSQL at postgresql.*does not serve") as told:
        make_ready(f"postgresql://me:hush@127.0.0.1:{free_port()}/winnow", tmp_path)
    assert "hush" not in str(told.value)


def test_settings__mistakes_are_told() -> None:
    with pytest.raises(UsageError, match=r"service\.database"):
        load_settings(None, {"service.database": "mysql://db/winnow"})
    with pytest.raises(UsageError, match=r"service\.ports.*port of its own"):
        load_settings(None, {"service.ports.prefect": 5000})
    with pytest.raises(UsageError, match=r"service\.ports\.mlflow"):
        load_settings(None, {"service.ports.mlflow": 70000})


def test_settings__a_service_tells_its_tracker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINNOW_TRACKING_URI", "http://127.0.0.1:5000")
    assert load_settings().learn.tracking_uri == "http://127.0.0.1:5000"
    Path("winnow.yaml").write_text("learn: {tracking_uri: 'http://elsewhere:1'}")
    assert load_settings().learn.tracking_uri == "http://elsewhere:1"
