"""The runs of a backfill: started in a queue of their own, followed, cancelled; or done here without a server."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from deployments.backfill import Chunk
from deployments.start import has_server, server_told_plainly, start_curate
from flows.settings import Settings
from tasks.progress import advance
from tasks.store.errors import UsageError

QUEUE = "backfill"

PRIORITY = 10
"""Of the queue: a lower number goes first, and fresh objects have 1."""

POLL_S = 2.0


@dataclass
class Ended:
    """How the runs of a backfill ended: their number by the name of their state."""

    states: dict[str, int] = field(default_factory=dict)

    def add(self, state: str) -> None:
        """One more."""
        self.states[state] = self.states.get(state, 0) + 1


def deployment_of(settings: Settings) -> str:
    """The deployment of chunks: curate without the limit of one run at a time that fresh objects have."""
    return f"winnow curate/{settings.service.name}-backfill"


def start_chunks(settings: Settings, chunks: list[Chunk], parallel: int, config: str | None = None) -> dict[str, Chunk]:
    """Have the server take a run for every chunk; chunks by the ids of their runs. What was taken is not taken twice.

    Args:
        settings: name the root.
        chunks: with manifests.
        parallel: runs at a time.
        config: settings file, as the worker sees it; that of the deployment if not given.

    Raises:
        UsageError: the deployment is not there.
        WinnowError: the server does not answer.
    """
    with server_told_plainly(deployment_of(settings)), _client() as client:
        pool = client.read_deployment_by_name(deployment_of(settings)).work_pool_name
        if pool:
            _limit(client, pool, parallel)
    runs = {}
    for chunk in chunks:
        started = start_curate(
            settings,
            str(chunk.manifest),
            deployment=deployment_of(settings),
            config=config,
            queue=QUEUE if pool else None,
            tags=[QUEUE],
            even_if_done=True,
        )
        runs[started.id] = chunk
    return runs


def follow_chunks(runs: dict[str, Chunk]) -> Ended:
    """Wait until all runs have ended, and tell how far they are."""
    ended, waiting = Ended(), dict(runs)
    advance("backfill", 0, sum(chunk.objects for chunk in runs.values()))
    while waiting:
        with server_told_plainly("of the backfill"), _client() as client:
            for run in _read(client, list(waiting)):
                if run.state and run.state.is_final():
                    ended.add(run.state.name)
                    advance("backfill", waiting.pop(str(run.id)).objects)
        if waiting:
            time.sleep(POLL_S)
    return ended


def do_chunks(settings: Settings, chunks: list[Chunk]) -> Ended:
    """Run the chunks here, one after the other."""
    ended = Ended()
    for chunk in chunks:
        start_curate(settings, str(chunk.manifest))
        ended.add("Completed")
    return ended


def cancel_chunks(settings: Settings) -> int:
    """Cancel what is not done of all backfills of the root; how many runs. Objects that are taken in stay."""
    if not has_server():
        raise UsageError("Without PREFECT_API_URL there are no runs to cancel: Ctrl-C ends a backfill that runs here.")
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName, FlowRunFilter
    from prefect.client.schemas.sorting import FlowRunSort
    from prefect.states import Cancelled, Cancelling

    mine = DeploymentFilter(name=DeploymentFilterName(any_=[deployment_of(settings).partition("/")[2]]))
    waiting = FlowRunFilter.model_validate({"state": {"type": {"any_": ["SCHEDULED", "PENDING", "RUNNING"]}}})
    count = 0
    with server_told_plainly(deployment_of(settings)), _client() as client:
        while found := client.read_flow_runs(
            deployment_filter=mine, flow_run_filter=waiting, sort=FlowRunSort.ID_DESC, limit=200
        ):
            for run in found:
                begun = run.state is not None and run.state.is_running()
                client.set_flow_run_state(run.id, Cancelling() if begun else Cancelled(), force=True)
            count += len(found)
    return count


def _limit(client: Any, pool: str, parallel: int) -> None:
    """Let so many runs of the queue be at work at a time; make it if it is not there."""
    from prefect.exceptions import ObjectNotFound

    try:
        queue = client.read_work_queue_by_name(QUEUE, work_pool_name=pool)
    except ObjectNotFound:
        client.create_work_queue(QUEUE, work_pool_name=pool, priority=PRIORITY, concurrency_limit=parallel)
        return
    if queue.concurrency_limit != parallel:
        client.update_work_queue(queue.id, concurrency_limit=parallel, is_paused=queue.is_paused)


def _read(client: Any, ids: list[str]) -> Iterator[Any]:
    from prefect.client.schemas.filters import FlowRunFilter
    from prefect.client.schemas.sorting import FlowRunSort

    for start in range(0, len(ids), 200):
        some = FlowRunFilter.model_validate({"id": {"any_": ids[start : start + 200]}})
        yield from client.read_flow_runs(flow_run_filter=some, sort=FlowRunSort.ID_DESC, limit=200)


@contextmanager
def _client() -> Iterator[Any]:
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        yield client
