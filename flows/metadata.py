"""`winnow metadata import`: join a file to images that are there already, once."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from flows.options import Config, Json, RootOption, Set, Verbose, settings_from
from flows.terminal import told_plainly

metadata = typer.Typer(
    help="What is known of images besides their pixels.",
    epilog="Example: winnow metadata import weather.csv",
    no_args_is_help=True,
)


@metadata.command("import", epilog="Example: winnow metadata import weather.csv --on file_name")
def import_(
    file: Annotated[str, typer.Argument(help="A CSV or Parquet file with a row for each image.")],
    on: Annotated[
        str | None,
        typer.Option(help="The column that names the images: by file name, path or URI.", show_default=False),
    ] = None,
    root: RootOption = None,
    config: Config = None,
    set_: Set = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Join a file to the images that are there. For images to come as well, set ingest.metadata.join."""
    with told_plainly(verbose):
        from tasks.ingest.metadata.catch_up import import_joined
        from tasks.ingest.source import prefix_of
        from tasks.store.root import WAITING, locked, open_root

        settings = settings_from(config, set_, root=root)
        opened = open_root(settings.root_uri)
        prefix = prefix_of(settings.source_uri) if settings.source else ""
        with locked(opened, WAITING):
            named, changed = import_joined(opened, file, on, settings.ingest, prefix)
        prose = f"{named} files are named in it, of {changed} something new is known."
        typer.echo(json.dumps({"named": named, "changed": changed}) if as_json else prose)
