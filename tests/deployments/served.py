"""A Prefect server that can be cut off, and what it was asked for."""

from collections.abc import Iterator
from typing import Any

import pytest

from flows.settings import Settings
from tests.buckets import Buckets, spoiling
from tests.flows.servers import prefect_server


@pytest.fixture(scope="session")
def away(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Buckets]:
    """A Prefect server, behind a proxy that can cut it off."""
    with prefect_server(tmp_path_factory.mktemp("prefect")) as address:
        host, _, port = address.removeprefix("http://").removesuffix("/api").partition(":")
        with spoiling((host, int(port))) as proxy:
            yield proxy


@pytest.fixture
def server(away: Buckets, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of it; this process reports to it."""
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    monkeypatch.setenv("PREFECT_API_URL", f"{away.url}/api")
    with (
        temporary_settings({PREFECT_API_URL: f"{away.url}/api", PREFECT_CLIENT_MAX_RETRIES: 3}),
        get_client(sync_client=True) as client,
    ):
        yield client


def deploy(server: Any, settings: Settings, name: str | None = None, **options: Any) -> None:
    """Register curate of a root; no worker serves it."""
    server.create_deployment(server.create_flow_from_name("winnow curate"), name or settings.service.name, **options)


def runs(server: Any, settings: Settings, name: str | None = None) -> list[str]:
    """The sources of the runs that there are of a deployment."""
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName
    from prefect.client.schemas.sorting import FlowRunSort

    mine = DeploymentFilter(name=DeploymentFilterName(any_=[name or settings.service.name]))
    found = server.read_flow_runs(deployment_filter=mine, sort=FlowRunSort.ID_DESC, limit=200)
    return [run.parameters["source"] for run in found]
