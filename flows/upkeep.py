"""Commands that look after a root: maintain, forget."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from flows.options import Config, Json, RootOption, Set, Verbose, settings_from
from flows.terminal import progress, told_plainly

if TYPE_CHECKING:
    from flows.maintain import Maintained
    from tasks.forget.forget import Erased

upkeep = typer.Typer()

DryRun = Annotated[bool, typer.Option("--dry-run", help="Change nothing; say what would go.")]


@upkeep.command(epilog="Example: winnow maintain --dry-run --set maintain.keep_versions_days=1")
def maintain(
    dry_run: DryRun = False,
    root: RootOption = None,
    config: Config = None,
    set_: Set = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Compact tables, refresh their indexes, and remove old versions and what killed runs left behind."""
    with told_plainly(verbose):
        from flows.maintain import maintain as run_maintain

        settings = settings_from(config, set_, root=root)
        with progress():
            done: Maintained = run_maintain(settings, dry_run)  # type: ignore[assignment]
        if as_json:
            typer.echo(json.dumps(asdict(done)))
            return
        for table in done.tables:
            typer.echo(
                f"{table.table}: {table.rows:,} rows, {table.files_before:,} -> {table.files:,} files, "
                f"{table.versions_before:,} -> {table.versions:,} versions{', indexed' if table.indexed else ''}"
            )
        told = "would be removed" if dry_run else "removed"
        typer.echo(f"{done.swept.files:,} files that nothing needs ({done.swept.byte_size:,} bytes) {told}")
        for one in done.forgotten:
            _tell(one, "that were begun to be forgotten are forgotten")


@upkeep.command(
    epilog='Example: winnow forget --where "sequence_id = \'ride-7\'" --note "asked to by the rider" --dry-run'
)
def forget(
    sample: Annotated[list[str] | None, typer.Option(help="A sample, by its id; may be given again.")] = None,
    uri: Annotated[
        list[str] | None, typer.Option(help="A file, by path or URI, with all it became; may be given again.")
    ] = None,
    where: Annotated[
        str | None, typer.Option(help="A condition over the columns of samples.", show_default=False)
    ] = None,
    note: Annotated[
        str, typer.Option(help="Why, in your words; it stays on record, so name no file.", show_default=False)
    ] = "",
    dry_run: DryRun = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask first.")] = False,
    root: RootOption = None,
    config: Config = None,
    set_: Set = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Erase samples for good, from all that the root, the label server and MLflow have; they never come back."""
    with told_plainly(verbose):
        from flows.forget import forget as run_forget
        from tasks.forget.concern import Wish

        settings = settings_from(config, set_, root=root)
        wish = Wish(tuple(sample or ()), tuple(uri or ()), where)
        if not (dry_run or yes):
            _ask(run_forget(settings, wish, note, dry_run=True)[0])
        with progress():
            done = run_forget(settings, wish, note, dry_run=dry_run)
        if as_json:
            typer.echo(json.dumps([asdict(one) for one in done]))
            return
        for one in done:
            _tell(one, "would be forgotten" if dry_run else "forgotten")
        if not done:
            typer.echo("Nothing of it is left to forget.")


def _ask(foreseen: Erased) -> None:
    """Ask a person; without one, --yes has to say it."""
    from tasks.store.errors import UsageError

    if not sys.stdin.isatty():
        raise UsageError("Nobody is there to ask: --yes forgets for good, --dry-run only says what would go.")
    _tell(foreseen, "would be forgotten", err=True)
    if not typer.confirm("Forget this for good? There is no way back.", err=True):
        raise UsageError("Nothing was forgotten.")


def _tell(one: Erased, told: str, *, err: bool = False) -> None:
    typer.echo(f"{one.samples:,} samples of {one.objects:,} files {told}", err=err)
    for what, figures in (("rows", one.rows), ("files of the root", one.files)):
        typer.echo(f"{what}: " + (", ".join(f"{name} {n:,}" for name, n in figures.items()) or "none"), err=err)
    if one.snapshots:
        typer.echo(f"{one.snapshots:,} snapshots keep bare ids only, and say how many were forgotten", err=err)
    if one.models:
        typer.echo(f"Weights of models that may have learned from it stay: {', '.join(one.models)}", err=err)
    for sentence in (*one.unreached, *one.notes):
        typer.echo(sentence, err=err)
