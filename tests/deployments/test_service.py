"""The whole service, up on PostgreSQL: runs at the same time, a database that goes away, nothing left after down."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from deployments.programs import POOL, api
from deployments.up import bring_down, bring_up, folder
from flows.doctor import examine
from flows.settings import Settings, load_settings
from tests.deployments.postgres import Postgres, postgres_server
from tests.flows.servers import free_port
from tests.made import Maker

HOUSE = Path(__file__).parents[2]
AWAY_S = 60


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="module")
def settings(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """The settings of a service that is up."""
    ports = {f"service.ports.{name}": free_port() for name in ("prefect", "mlflow", "label_studio")}
    data = tmp_path_factory.mktemp("served") / "service"
    made = load_settings(None, {**ports, "service.data": str(data), "service.database": postgres.url})
    try:
        bring_up(made, None, 600, lambda line: None)
        yield made
    finally:
        bring_down(folder(made))


@pytest.fixture(scope="module")
def curate(settings: Settings) -> str:
    """The id of a deployment of curate."""
    flow = httpx.post(f"{api(settings)}/flows/", json={"name": "winnow curate"}, timeout=60).json()["id"]
    told = {
        "name": "here",
        "flow_id": flow,
        "work_pool_name": POOL,
        "entrypoint": "deployments/forms.py:curate",
        "pull_steps": [{"prefect.deployments.steps.set_working_directory": {"directory": str(HOUSE)}}],
    }
    answer = httpx.post(f"{api(settings)}/deployments/", json=told, timeout=60)
    answer.raise_for_status()
    return str(answer.json()["id"])


def started(settings: Settings, deployment: str, folder: Path) -> str:
    """Start curate on five photographs into a root of their own; the id of the run."""
    Maker(folder / "source").photographs(5)
    (folder / "winnow.yaml").write_text("source: source\nroot: root\n")
    told = {"parameters": {"config": str(folder / "winnow.yaml")}, "state": {"type": "SCHEDULED"}}
    answer = httpx.post(f"{api(settings)}/deployments/{deployment}/create_flow_run", json=told, timeout=60)
    answer.raise_for_status()
    return str(answer.json()["id"])


def ended(settings: Settings, run: str, seconds: float = 400) -> dict[str, Any]:
    """The state in which a run ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        state: dict[str, Any] = httpx.get(f"{api(settings)}/flow_runs/{run}", timeout=60).json()["state"]
        if state["type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED"):
            return state
        time.sleep(2)
    raise TimeoutError(state)


def until_ready(settings: Settings, seconds: float = 120) -> None:
    """Wait until the Prefect server and its database answer."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{api(settings)}/ready", timeout=20).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(1)
    raise TimeoutError(said(settings)[-3000:])


def said(settings: Settings) -> str:
    """All that the programs logged."""
    return "".join(path.read_text(errors="replace") for path in (folder(settings) / "logs").glob("*.log"))


@pytest.mark.slow
def test_postgresql__three_deployments_at_once_all_finish(settings: Settings, curate: str, tmp_path: Path) -> None:
    runs = [started(settings, curate, tmp_path / name) for name in ("one", "two", "three")]
    assert [ended(settings, run)["type"] for run in runs] == ["COMPLETED"] * 3
    assert "database is locked" not in said(settings)
    with psycopg.connect(settings.service.database or "") as connection:
        kept = connection.execute("SELECT count(*) FROM public.flow_run WHERE deployment_id IS NOT NULL").fetchone()
        tracked = connection.execute("SELECT count(*) FROM mlflow.experiments").fetchone()
    assert kept == (3,)
    assert tracked is not None
    assert tracked[0] >= 1


@pytest.mark.slow
def test_postgresql__away_for_a_minute_is_told_and_heals(
    postgres: Postgres, settings: Settings, curate: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", api(settings))
    assert [one.told for one in examine(settings) if one.what == "prefect" and not one.fine] == []
    postgres.stop()
    time.sleep(AWAY_S)
    (found,) = [one.told for one in examine(settings) if one.what == "prefect" and not one.fine]
    assert "its database does not" in found
    postgres.start()
    until_ready(settings)
    assert ended(settings, started(settings, curate, tmp_path))["type"] == "COMPLETED"


@pytest.mark.slow
def test_down__leaves_no_process(settings: Settings) -> None:
    assert bring_down(folder(settings)) >= 4
    assert bring_down(folder(settings)) == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{api(settings)}/health")
