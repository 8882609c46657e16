"""Commands for Winnow as a service on this machine: up, down, logs."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from flows.options import Config, Set, Verbose, settings_from
from flows.terminal import told_plainly

servers = typer.Typer()


@servers.command(
    epilog="Examples: winnow up    winnow up --set service.ports.prefect=4300 --set service.label_studio=true"
)
def up(
    wait: Annotated[float, typer.Option(help="Seconds that each server may take to answer.")] = 300,
    config: Config = None,
    set_: Set = None,
    verbose: Verbose = False,
) -> None:
    """Keep Prefect, MLflow, a worker and a listener running on this machine, and register the root there."""
    with told_plainly(verbose):
        from deployments.up import bring_up
        from flows.settings import settings_file

        settings = settings_from(config, set_)
        pages = bring_up(settings, settings_file(config), wait, lambda line: typer.echo(line, err=True))
        for name, page in pages.items():
            typer.echo(f"{name + ':':<{max(map(len, pages)) + 1}} {page}")
        typer.echo(
            f"for commands of your own: export PREFECT_API_URL=http://127.0.0.1:{settings.service.ports.prefect}/api"
        )


@servers.command(epilog="Example: winnow down")
def down(config: Config = None, set_: Set = None, verbose: Verbose = False) -> None:
    """End what `winnow up` started, runs included; they go on where they stopped when they are run again."""
    with told_plainly(verbose):
        from deployments.up import bring_down, folder

        data = folder(settings_from(config, set_))
        ended = bring_down(data)
        typer.echo(f"{ended} processes ended." if ended else f"Nothing of {data} was running.")


@servers.command(epilog="Examples: winnow logs    winnow logs worker --follow")
def logs(
    program: Annotated[str | None, typer.Argument(help="prefect, mlflow, worker, ...", show_default=False)] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="Last lines of each.")] = 50,
    config: Config = None,
    set_: Set = None,
    verbose: Verbose = False,
) -> None:
    """Show the logs of what `winnow up` started."""
    with told_plainly(verbose):
        from deployments.up import logs as log_files

        files = log_files(settings_from(config, set_), program)
        os.execvp("tail", ["tail", "-n", str(lines), *(["-F"] if follow else []), *map(str, files)])  # noqa: S606
