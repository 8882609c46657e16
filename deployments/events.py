"""Commands for what comes by itself: connect, watch, backfill."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from flows.options import Config, Json, RootOption, Set, Source, Verbose, settings_from
from flows.terminal import told_plainly

events = typer.Typer()

DryRun = Annotated[bool, typer.Option("--dry-run", help="Change nothing; say what would be done.")]


@events.command(epilog="Example: winnow connect s3://landing/cameras --dry-run")
def connect(
    source: Annotated[str, typer.Argument(help="s3://BUCKET/PREFIX; without a prefix, all of the bucket.")],
    dry_run: DryRun = False,
    remove: Annotated[bool, typer.Option("--remove", help="Remove what it made; the bucket is as before.")] = False,
    queue: Annotated[
        str | None, typer.Option(help="Name of the queue. (default: winnow-NAME)", show_default=False)
    ] = None,
    root: RootOption = None,
    config: Config = None,
    set_: Set = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Let a bucket tell of new objects: a queue, its dead letters, a policy, a notification. Others are kept."""
    with told_plainly(verbose):
        from deployments.connect import Connection
        from tasks.store.storage import to_uri

        settings = settings_from(config, set_, root=root)
        connection = Connection(to_uri(source), settings, queue, dry_run=dry_run)
        change = connection.remove() if remove else connection.make()
        if as_json:
            told = {"queue": connection.queue, "would_change" if dry_run else "changed": change.done}
            typer.echo(json.dumps(told | {"notes": change.notes}))
            return
        for line in change.done or ["nothing to change"]:
            typer.echo(f"{'would be ' if dry_run and change.done else ''}{line}")
        for note in change.notes:
            typer.echo(f"note: {note}")


@events.command(epilog="Examples: winnow watch    winnow watch /data/photos --root /data/winnow")
def watch(
    source: Source = None,
    root: RootOption = None,
    config: Config = None,
    set_: Set = None,
    verbose: Verbose = False,
) -> None:
    """Wait for new files and start a run for every micro-batch; Ctrl-C ends it after the batch in hand."""
    with told_plainly(verbose):
        from deployments.listen import listen

        listen(settings_from(config, set_, source=source, root=root), config)
