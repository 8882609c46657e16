"""Runs of new objects that crashed, failed or never began, and that nothing saw to: the server was away just then."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from deployments.batches import Desk, log
from deployments.start import deployment_name, has_server, server_told_plainly, start_curate
from tasks.ingest.manifest import is_part
from tasks.store.errors import WinnowError

EVERY_S = 60.0

GRACE = timedelta(seconds=120)
"""For so long the server's own automation may start a crashed run again."""

REMEMBERED = timedelta(days=1)
"""Older ones are left to the scheduled run of the whole source, which takes up whatever is open."""


class LostRuns:
    """Looks for them now and then."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._settled: set[str] = set()
        self._told: set[str] = set()
        self._next = time.monotonic() + EVERY_S

    def start_again(self) -> None:
        """Start a run of each manifest whose run is lost, so often as `service.restarts` says."""
        if not has_server() or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + EVERY_S
        try:
            self._schedule_again()
            for manifest in self._lost():
                started = start_curate(
                    self._desk.settings,
                    manifest,
                    config=self._desk.config,
                    tags=["events"],
                    most=self._desk.settings.service.restarts + 1,
                )
                if started.over:
                    self._settled.add(manifest)
                elif started.id not in self._told:
                    self._told.add(started.id)
                    log.warning("a run was lost and not started again: run %s goes on with it", started.name)
        except WinnowError as error:
            log.warning("%s", error)

    def _lost(self) -> list[str]:
        """Manifests of runs that were lost a while ago, but not those of which it is known that another run is done."""
        now = datetime.now(UTC)
        ended: Any = {"before_": now - GRACE, "after_": now - REMEMBERED}
        with self._server() as client:
            found = self._runs(client, {"state": {"type": {"any_": ["CRASHED", "FAILED"]}}, "end_time": ended})
        sources = dict.fromkeys(str(run.parameters.get("source")) for run in found)
        return [one for one in sources if is_part(self._desk.root, one) and one not in self._settled]

    def _schedule_again(self) -> None:
        """Runs that a worker took and never began, though the server's automation had its time, begin anew."""
        from prefect.client.schemas.objects import State
        from prefect.states import Scheduled

        since = datetime.now(UTC) - GRACE - timedelta(seconds=self._desk.settings.service.starting_s)
        with self._server() as client:
            for run in self._runs(client, {"state": {"type": {"any_": ["PENDING"]}}}):
                if run.state.timestamp < since:
                    again: State = Scheduled(name="AwaitingRetry", message="It never began: started again.")
                    client.set_flow_run_state(run.id, again, force=True)
                    log.warning("run %s never began: it is started again", run.name)

    @contextmanager
    def _server(self) -> Iterator[Any]:
        from prefect.client.orchestration import get_client

        with server_told_plainly(deployment_name(self._desk.settings)), get_client(sync_client=True) as client:
            yield client

    def _runs(self, client: Any, which: dict[str, Any]) -> list[Any]:
        """Runs of new objects of this root."""
        from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName, FlowRunFilter
        from prefect.client.schemas.sorting import FlowRunSort

        name = self._desk.settings.service.name
        found: list[Any] = client.read_flow_runs(
            deployment_filter=DeploymentFilter(name=DeploymentFilterName(any_=[name])),
            flow_run_filter=FlowRunFilter.model_validate({"tags": {"all_": ["events"]}, **which}),
            sort=FlowRunSort.ID_DESC,
            limit=200,
        )
        return found
