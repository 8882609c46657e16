"""Start a run of curate for a manifest: on the Prefect server, once for one manifest, or here where there is none."""

import itertools
import math
import os
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from flows.settings import Settings
from tasks.store.errors import UsageError, WinnowError


@dataclass(frozen=True)
class Started:
    """A run that the server took, or that is done here.

    Attributes:
        id: of the run.
        name: of the run.
        again: it had begun before.
        over: it has ended before.
    """

    id: str
    name: str
    again: bool = False
    over: bool = False


def has_server() -> bool:
    """Whether a Prefect server is named."""
    return bool(os.environ.get("PREFECT_API_URL"))


def deployment_name(settings: Settings) -> str:
    """What curate of this root is called on the server."""
    return f"winnow curate/{settings.service.name}"


def start_curate(
    settings: Settings,
    source: str,
    *,
    deployment: str | None = None,
    key: str | None = None,
    config: str | None = None,
    queue: str | None = None,
    tags: Iterable[str] = (),
    even_if_done: bool = False,
    most: float = math.inf,
) -> Started:
    """Have a source taken in. Again for the same key, it gives the run that there is, unless that was given up.

    Args:
        settings: name the root.
        source: URI of the manifest, or of another source.
        deployment: of curate; that of the root if not given.
        key: of what is taken in; a manifest has its URI.
        config: settings file, as the worker sees it; that of the deployment if not given.
        queue: work queue of the deployment's pool.
        tags: of the run.
        even_if_done: the caller knows that something is left: a run that was completed is no reason not to start one.
        most: runs at most for one key, those that were given up included.

    Raises:
        UsageError: the deployment is not there.
        WinnowError: the server does not answer, or does not take the run.
    """
    if not has_server():
        return _run_here(settings, source)
    from prefect.deployments import run_deployment

    parameters = {"source": source} | ({"config": config} if config else {})
    name = deployment or deployment_name(settings)
    with server_told_plainly(name):
        for attempt in itertools.count(1):
            run: Any = run_deployment(
                name,
                parameters=parameters,
                idempotency_key=f"{key or source} {attempt}",
                work_queue_name=queue,
                tags=tags,
                timeout=0,
                as_subflow=False,
            )
            over = run.state.is_final() or run.state.is_cancelling()
            if attempt >= most or not over or (run.state.is_completed() and not even_if_done):
                break
    return Started(str(run.id), run.name, not run.state.is_scheduled(), over)


def has_begun(run: str) -> bool:
    """Whether a run that the server took is at work, or over; so it is if nobody can tell."""
    from prefect.client.orchestration import get_client

    try:
        with server_told_plainly("of the run"), get_client(sync_client=True) as client:
            state: Any = client.read_flow_run(uuid.UUID(run)).state
    except WinnowError:
        return True
    return state is None or not (state.is_scheduled() or state.is_pending())


@contextmanager
def server_told_plainly(deployment: str) -> Iterator[None]:
    """Errors of the Prefect server as one plain sentence."""
    import httpx
    from prefect.exceptions import ObjectNotFound, PrefectException

    try:
        yield
    except ObjectNotFound as error:
        raise UsageError(f"There is no deployment {deployment} on the server: `winnow deploy` makes it.") from error
    except (httpx.HTTPError, PrefectException, RuntimeError) as error:
        told = " ".join(str(error).split())[:200] or type(error).__name__
        address = os.environ.get("PREFECT_API_URL")
        raise WinnowError(f"The Prefect server at {address} does not take it ({told}).") from error


def _run_here(settings: Settings, source: str) -> Started:
    from flows.loop import run

    outcome = run(settings.model_copy(update={"source": source}), select=False, report=False)
    return Started(str(outcome.as_json()["run_id"] or ""), "here")
