"""What waits in the queue, for `winnow status` and `winnow doctor`; neither waits long for its answer."""

import os
import threading
from typing import Any

from deployments.queue import queue_name, queue_of
from deployments.start import deployment_name, server_told_plainly
from flows.doctor import Finding
from flows.settings import Settings
from tasks.store.errors import WinnowError

PATIENCE_S = 6.0
"""Seconds in which the queue has to answer."""


def look_at_queue(settings: Settings) -> dict[str, Any]:
    """Messages that wait, are in hand and were given up, or what is wrong; empty if no queue is named."""
    return _asked(settings) if settings.service.events.queue else {}


def has_queue(settings: Settings) -> bool:
    """Whether a queue tells of new objects in the source: the one that is named, or that `winnow connect` made."""
    return bool(settings.service.events.queue) or "trouble" not in _asked(settings)["queue"]


def _asked(settings: Settings) -> dict[str, Any]:
    told: dict[str, Any] = {"trouble": f"no answer in {PATIENCE_S:.0f} seconds"}

    def ask() -> None:
        try:
            backlog = queue_of(settings).backlog()
        except WinnowError as error:
            told["trouble"] = str(error)
        else:
            told.clear()
            told.update(backlog.__dict__)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(PATIENCE_S)
    return {"queue": {"name": queue_name(settings), **told}}


def examine_service(settings: Settings) -> list[Finding]:
    """Whether the programs of `winnow up` run, the queue answers, and the Prefect server has the root's deployments."""
    from deployments.up import examine_programs

    findings = [*examine_programs(settings)]
    for queue in look_at_queue(settings).values():
        told = queue.get("trouble") or f"{queue['waiting']} wait, {queue['in_hand']} in hand, {queue['dead']} given up"
        findings.append(Finding("queue", "trouble" not in queue, True, f"{queue['name']}: {told}"))
    if os.environ.get("PREFECT_API_URL"):
        findings.append(_deployment(deployment_name(settings)))
    return findings


def _deployment(name: str) -> Finding:
    from prefect.client.orchestration import get_client

    try:
        with server_told_plainly(name), get_client(sync_client=True) as client:
            client.read_deployment_by_name(name)
    except WinnowError as error:
        return Finding("deployment", False, False, str(error))
    return Finding("deployment", True, False, name)
