"""Commands that look after a root: maintain."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from flows.options import Config, Json, RootOption, Set, Verbose, settings_from
from flows.terminal import progress, told_plainly

if TYPE_CHECKING:
    from flows.maintain import Maintained

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
