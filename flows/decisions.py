"""Commands by which people decide: release, discard, promote, retry, recalibrate. On record: who, when and why."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from flows.options import Config, Json, Note, RootOption, Set, Verbose, settings_from
from flows.terminal import finish, progress, told_plainly

if TYPE_CHECKING:
    from flows.loop import Decision

decisions = typer.Typer()


@decisions.command(epilog='Example: winnow release b-0123456789ab --note "the lens is dirty, but usable"')
def release(
    batch: Annotated[str, typer.Argument(help="A held batch or selection.")],
    note: Note,
    root: RootOption = None,
    config: Config = None,
    set_: Set = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Let a held batch or selection through its gate, and go on with it."""
    _settle("release", batch, note, root, config, set_, as_json=as_json, verbose=verbose)


@decisions.command(epilog='Example: winnow discard b-0123456789ab --note "camera 7 was covered"')
def discard(
    batch: Annotated[str, typer.Argument(help="A held batch or selection.")],
    note: Note,
    root: RootOption = None,
    config: Config = None,
    set_: Set = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Give a held batch or selection up; its objects stay on record as rejects."""
    _settle("discard", batch, note, root, config, set_, as_json=as_json, verbose=verbose)


@decisions.command(epilog='Example: winnow promote snapshot-3-0a1b2c3d --note "the test side was wrong"')
def promote(
    version: Annotated[str, typer.Argument(help="A model that was refused, or an older one.")],
    note: Note,
    root: RootOption = None,
    config: Config = None,
    set_: Set = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Make a model the champion, whatever its gate said; the next run predicts the pool with it."""
    with told_plainly(verbose):
        from tasks.learn.models.promote import promote_by_hand
        from tasks.store.root import open_root

        settings = settings_from(config, set_, root=root)
        ontology = promote_by_hand(open_root(settings.root_uri), version, note, settings.learn)
        told = {"champion": version, "ontology": ontology}
        typer.echo(json.dumps(told) if as_json else f"{version} is the champion of {ontology} now.")


@decisions.command(epilog="Example: winnow retry --reason damaged --since 2026-05-01 --dry-run")
def retry(
    reason: Annotated[str | None, typer.Option(help="Only rejects with this reason.", show_default=False)] = None,
    since: Annotated[str | None, typer.Option(help="Only from this day on, as 2026-05-31.", show_default=False)] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many it would open.")] = False,
    root: RootOption = None,
    config: Config = None,
    set_: Set = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Open rejects again, and run them through with today's settings."""
    with told_plainly(verbose):
        from flows.loop import resume
        from tasks.ingest.retry import open_again, rejects
        from tasks.store.root import open_root

        settings = settings_from(config, set_, root=root)
        opened = open_root(settings.root_uri)
        found = rejects(opened, reason, since)
        if dry_run or not len(found):
            told = {"would_open" if dry_run else "opened": len(found)}
            prose = f"{len(found)} rejects {'would be' if dry_run else 'to be'} opened again."
            typer.echo(json.dumps(told) if as_json else prose)
            return
        open_again(opened, found, settings.ingest, settings.frozen(), settings.gates.ingested.by)
        with progress():
            outcome = resume(settings)
        finish(outcome, as_json)


@decisions.command(epilog='Example: winnow recalibrate --note "a new kind of camera"')
def recalibrate(note: Note, root: RootOption = None, config: Config = None, verbose: Verbose = False) -> None:
    """Set the radius of duplicates anew from the samples that are there; holds for batches to come."""
    with told_plainly(verbose):
        from tasks.dedupe.recalibrate import recalibrate as set_anew
        from tasks.store.root import open_root

        before, after = set_anew(open_root(settings_from(config, None, root=root).root_uri), note)
        typer.echo(f"before: {json.dumps(before)}  now: {json.dumps(after)}")


def _settle(
    decision: Decision,
    batch: str,
    note: str,
    root: str | None,
    config: str | None,
    set_: list[str] | None,
    *,
    as_json: bool,
    verbose: bool,
) -> None:
    with told_plainly(verbose):
        from flows.loop import settle

        settings = settings_from(config, set_, root=root)
        with progress():
            outcome = settle(settings, decision, batch, note)
        finish(outcome, as_json)
