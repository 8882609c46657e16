"""Runs whose machine is gone are started again by the server, and end as if nothing had been."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from prefect.client.orchestration import SyncPrefectClient

from deployments.deploy import deploy
from flows.settings import load_settings
from tests.deployments.registered import wait_until
from tests.flows.servers import WINNOW
from tests.pipeline import doubled_keys, rows


@pytest.fixture
def start_worker(address: str, tmp_path: Path) -> Iterator[Callable[[], psutil.Process]]:
    """Starts workers of the pool; what is left of them ends with the test."""
    started: list[psutil.Process] = []

    def start() -> psutil.Process:
        command = [WINNOW.with_name("prefect"), "worker", "start", "--pool", "winnow", "--type", "process"]
        env = {**os.environ, "PREFECT_API_URL": address, "PREFECT_HOME": str(tmp_path / "worker")}
        with (tmp_path / "worker.log").open("a") as log:
            process = subprocess.Popen(command, env=env, stdout=log, stderr=subprocess.STDOUT, cwd=tmp_path)
        started.append(psutil.Process(process.pid))
        return started[-1]

    yield start
    for worker in started:
        kill_all_of(worker)


def kill_all_of(worker: psutil.Process) -> None:
    """The machine is gone: the worker, and the runs that it started."""
    if worker.is_running():
        for process in [worker, *worker.children(recursive=True)]:
            process.kill()
        worker.wait(30)


@pytest.mark.slow
def test_lost_run__is_started_again_and_ends_well(
    client: SyncPrefectClient, config: Callable[..., str], start_worker: Callable[[], psutil.Process]
) -> None:
    file = config("lost", silent_s=60)
    deploy(load_settings(file).service, file)
    first = start_worker()
    deployment = client.read_deployment_by_name("winnow curate/lost")
    run = client.create_flow_run_from_deployment(deployment.id)
    wait_until(lambda: client.read_flow_run(run.id).state.is_running(), 120)  # type: ignore[union-attr]
    time.sleep(1)
    kill_all_of(first)
    start_worker()
    time.sleep(5)
    assert client.read_flow_run(run.id).state.is_running(), "nobody has noticed yet"  # type: ignore[union-attr]
    wait_until(lambda: client.read_flow_run(run.id).state.is_final(), 300)  # type: ignore[union-attr]
    ended = client.read_flow_run(run.id)
    assert (ended.state.name, ended.run_count) == ("Held", 2)  # type: ignore[union-attr]
    settings = load_settings(file)
    assert doubled_keys(settings) == {}
    assert rows(settings, "SELECT outcome, count(*) AS n FROM objects GROUP BY ALL") == [{"outcome": "held", "n": 4}]
