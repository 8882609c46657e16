"""Commands for what comes by itself: connect, watch, backfill."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from flows.options import Config, Json, RootOption, Set, Source, Verbose, settings_from
from flows.terminal import HELD, progress, told_plainly

if TYPE_CHECKING:
    from deployments.backfill import Backfill

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


@events.command(epilog="Examples: winnow backfill --dry-run    winnow backfill s3://landing/2025 --since 2025-06-01")
def backfill(
    source: Source = None,
    since: Annotated[
        str | None, typer.Option(help="Files changed at this time or later, as 2026-05-31.", show_default=False)
    ] = None,
    until: Annotated[str | None, typer.Option(help="Files changed before this time.", show_default=False)] = None,
    chunk: Annotated[int, typer.Option(min=1, max=1_000_000, help="Objects in a run.")] = 50_000,
    parallel: Annotated[int, typer.Option(min=1, max=1000, help="Runs at a time.")] = 4,
    force: Annotated[bool, typer.Option("--force", help="Open what was rejected again, too.")] = False,
    dry_run: DryRun = False,
    follow: Annotated[bool, typer.Option(help="Wait until it is done; Ctrl-C leaves the runs going.")] = True,
    cancel: Annotated[bool, typer.Option("--cancel", help="Cancel what is not done of all backfills.")] = False,
    root: RootOption = None,
    config: Config = None,
    set_: Set = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Take in what lay in the source before anybody watched, in runs that fresh files pass by. Again, it goes on."""
    with told_plainly(verbose):
        from deployments import chunks
        from deployments.backfill import Asked, plan_backfill
        from deployments.start import has_server

        settings = settings_from(config, set_, source=source, root=root)
        if cancel:
            typer.echo(f"{chunks.cancel_chunks(settings)} runs cancelled; the same backfill again goes on.")
            return
        asked = Asked(settings.source_uri, since, until, chunk, force)
        planned = plan_backfill(settings, asked, dry_run=dry_run)
        _show_plan(planned, as_json=as_json)
        if dry_run or not planned.chunks:
            return
        with progress():
            if not has_server():
                ended = chunks.do_chunks(settings, planned.chunks)
            else:
                runs = chunks.start_chunks(settings, planned.chunks, parallel, config)
                ended = chunks.follow_chunks(runs) if follow else chunks.Ended({"started": len(runs)})
        typer.echo(", ".join(f"{number} {state}" for state, number in ended.states.items()), err=as_json)
        if {"Failed", "Crashed", "Cancelled"} & ended.states.keys():
            raise SystemExit(1)
        if "Held" in ended.states:
            raise SystemExit(HELD)


def _show_plan(planned: Backfill, *, as_json: bool) -> None:
    """The chunks as a table on stdout, or the plan as JSON."""
    from dataclasses import asdict
    from datetime import UTC, datetime

    from rich.console import Console
    from rich.filesize import decimal
    from rich.table import Table

    if as_json:
        typer.echo(json.dumps({**asdict(planned), "objects": planned.objects}))
        return

    def day(seconds: float) -> str:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")

    table = Table("chunk", "objects", "bytes", "changed from", "to")
    for number, one in enumerate(planned.chunks[:20], 1):
        table.add_row(str(number), f"{one.objects:,}", decimal(one.byte_size), day(one.oldest), day(one.newest))
    if planned.chunks:
        Console().print(table)
    told = "goes on with" if planned.again else "to take in:"
    typer.echo(f"{told} {planned.objects:,} objects in {len(planned.chunks):,} chunks; {planned.known:,} are known")
