"""Runs of new objects that crashed or failed and that nothing started again: the server was away just then."""

import time
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
        from prefect.client.orchestration import get_client
        from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName, FlowRunFilter
        from prefect.client.schemas.sorting import FlowRunSort

        settings, now = self._desk.settings, datetime.now(UTC)
        ended: Any = {"before_": now - GRACE, "after_": now - REMEMBERED}
        lost = {"tags": {"all_": ["events"]}, "state": {"type": {"any_": ["CRASHED", "FAILED"]}}, "end_time": ended}
        with server_told_plainly(deployment_name(settings)), get_client(sync_client=True) as client:
            found = client.read_flow_runs(
                deployment_filter=DeploymentFilter(name=DeploymentFilterName(any_=[settings.service.name])),
                flow_run_filter=FlowRunFilter.model_validate(lost),
                sort=FlowRunSort.ID_DESC,
                limit=200,
            )
        sources = dict.fromkeys(str(run.parameters.get("source")) for run in found)
        return [one for one in sources if is_part(self._desk.root, one) and one not in self._settled]
