"""The flows as schedules, events and people start them: a form of a few fields each, over one settings file."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from prefect import flow, get_run_logger
from prefect.states import Completed
from pydantic import Field

from deployments.backfill import Asked, plan_backfill
from deployments.chunks import start_chunks
from deployments.progress import logged_progress
from flows import loop
from flows.holds import remind_of_holds
from flows.loop import Decision
from flows.maintain import Maintained
from flows.maintain import maintain as run_maintain
from flows.outcome import Outcome
from flows.settings import Settings, load_settings
from tasks.annotate.place import wants_labels
from tasks.store.root import open_root

Words = Annotated[str, Field(min_length=1, pattern=r"\S")]
"""Text that is not empty: the form in the UI, and the API, refuse it otherwise."""


@flow(name="winnow curate", log_prints=True)
def curate(config: str | None = None, source: str | None = None) -> Any:
    """Take in what is new in the source: ingest, dedupe, embed, with a gate after each.

    Args:
        config: Settings file, as the worker sees it. Empty: winnow.yaml where the worker runs.
        source: A folder, s3://BUCKET/PREFIX, or a text file of URIs. Empty: the source of the settings.
    """
    with logged_progress():
        return _told(loop.run(load_settings(config, {"source": source} if source else {}), select=False))


@flow(name="winnow backfill", log_prints=True)
def backfill(
    config: str | None = None,
    source: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    chunk: Annotated[int, Field(ge=1, le=1_000_000)] = 50_000,
    parallel: Annotated[int, Field(ge=1, le=1000)] = 4,
    force: bool = False,
    dry_run: bool = False,
) -> Any:
    """Take in what lay in the source before anybody watched, in runs that fresh files pass by. Again, it goes on.

    Args:
        config: Settings file, as the worker sees it. Empty: winnow.yaml where the worker runs.
        source: A folder, s3://BUCKET/PREFIX, or a text file of URIs. Empty: the source of the settings.
        since: Files changed at this time or later. Empty: all.
        until: Files changed before this time. Empty: all.
        chunk: Objects in a run.
        parallel: Runs at a time.
        force: Open what was rejected again, too.
        dry_run: Start nothing; the log says what would be started.
    """
    settings = load_settings(config, {"source": source} if source else {})
    first, last = (moment.isoformat() if moment else None for moment in (since, until))
    planned = plan_backfill(settings, Asked(settings.source_uri, first, last, chunk, force), dry_run=dry_run)
    told = f"{planned.objects:,} objects in {len(planned.chunks):,} chunks; {planned.known:,} are known."
    get_run_logger().info(f"{'Would start' if dry_run else 'Starts'} {told}")
    if planned.chunks and not dry_run:
        start_chunks(settings, planned.chunks, parallel)
    return {"chunks": len(planned.chunks), "objects": planned.objects, "known": planned.known}


@flow(name="winnow select", log_prints=True)
def select(config: str | None = None, name: str = "") -> Any:
    """Top the label queue up from the pool, and hand the picks off.

    Args:
        config: Settings file, as the worker sees it. Empty: winnow.yaml where the worker runs.
        name: Make a selection of this name in any case. Empty: make one if the pool changed and the queue has room.
    """
    with logged_progress():
        return _told(loop.pick(_settings(config), name.strip() or None))


@flow(name="winnow label", log_prints=True)
def label(config: str | None = None) -> Any:
    """Send what was picked to annotators, take back what they answered, and review it.

    Args:
        config: Settings file, as the worker sees it. Empty: winnow.yaml where the worker runs.
    """
    settings = _settings(config)
    if not wants_labels(open_root(settings.root_uri), settings.labels):
        get_run_logger().info("Nothing says what annotators are asked: `winnow ontology apply FILE` does.")
        return None
    with logged_progress():
        return _told(loop.collect(settings))


@flow(name="winnow learn", log_prints=True)
def learn(config: str | None = None, name: str = "") -> Any:
    """Train a model on the labels so far; if it is no worse than the champion, it takes its place.

    Args:
        config: Settings file, as the worker sees it. Empty: winnow.yaml where the worker runs.
        name: Make a snapshot of this name in any case. Empty: make one if there are new labels enough.
    """
    with logged_progress():
        return _told(loop.learn(_settings(config), name.strip() or None))


@flow(name="winnow release", log_prints=True)
def release(batch: Words, decision: Decision, note: Words, by: str = "", config: str | None = None) -> Any:
    """Settle a hold: let a batch through its gate, or give it up; then go on. Who, when and why stay on record.

    Args:
        batch: What is held, as `b-0123456789ab`. The artifact of the hold and `winnow status` name it.
        decision: release lets it through its gate; discard gives it up, its objects stay on record as rejects.
        note: Why, in your words; it is recorded.
        by: Your name; it is recorded. Empty: the account that the worker runs under.
        config: Settings file, as the worker sees it. Empty: winnow.yaml where the worker runs.
    """
    with logged_progress():
        return _told(loop.settle(load_settings(config), decision, batch.strip(), note, by.strip() or None))


@flow(name="winnow maintain", log_prints=True)
def maintain(config: str | None = None, dry_run: bool = False) -> Any:
    """Compact tables, refresh their indexes, and remove old versions and what killed runs left behind.

    Args:
        config: Settings file, as the worker sees it. Empty: winnow.yaml where the worker runs.
        dry_run: Change nothing; the log says what would go.
    """
    with logged_progress():
        done: Maintained = run_maintain(_settings(config), dry_run)  # type: ignore[assignment]
    told = "would be removed" if dry_run else "removed"
    get_run_logger().info("%s files that nothing needs %s, %s bytes.", done.swept.files, told, done.swept.byte_size)


@flow(name="winnow remind", log_prints=True)
def remind(config: str | None = None) -> Any:
    """Tell again what has waited long for a decision. Nothing is ever decided by waiting.

    Args:
        config: Settings file, as the worker sees it. Empty: winnow.yaml where the worker runs.
    """
    for hold in remind_of_holds(_settings(config)):
        get_run_logger().warning(hold)


def _settings(config: str | None) -> Settings:
    """The settings, with their root there: a schedule may come before the first file does."""
    settings = load_settings(config)
    open_root(settings.root_uri, create=True)
    return settings


def _told(outcome: Outcome) -> Any:
    """What the run did; in a state named `Held` if something waits for a decision."""
    for hint in outcome.hints:
        get_run_logger().info(hint)
    told = outcome.as_json()
    if not outcome.held:
        return told
    message = f"Held: {', '.join(outcome.held)}. `winnow status` says why."
    return Completed(name="Held", message=message, data=told)
