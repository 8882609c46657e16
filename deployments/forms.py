"""The flows as schedules, events and people start them: a form of a few fields each, over one settings file."""

from __future__ import annotations

from typing import Any

from prefect import flow, get_run_logger
from prefect.states import Completed

from flows.loop import Outcome, run
from flows.settings import load_settings


@flow(name="winnow curate", log_prints=True)
def curate(config: str | None = None, source: str | None = None) -> Any:
    """Take in what is new in the source: ingest, dedupe, embed, with a gate after each.

    Args:
        config: Settings file, as the worker sees it. Empty: winnow.yaml where the worker runs.
        source: A folder, s3://BUCKET/PREFIX, or a text file of URIs. Empty: the source of the settings.
    """
    return _told(run(load_settings(config, {"source": source} if source else {}), select=False))


def _told(outcome: Outcome) -> Any:
    """What the run did; in a state named `Held` if something waits for a decision."""
    for hint in outcome.hints:
        get_run_logger().info(hint)
    told = outcome.as_json()
    if not outcome.held:
        return told
    message = f"Held: {', '.join(outcome.held)}. `winnow status` says why."
    return Completed(name="Held", message=message, data=told)
