"""Commands of Winnow as a service: deploy; up, down, logs; connect, watch, backfill."""

from __future__ import annotations

from typing import Annotated

import typer

from deployments.events import events
from deployments.servers import servers
from flows.options import Config, Verbose, settings_from
from flows.terminal import told_plainly

service = typer.Typer()
service.add_typer(servers)
service.add_typer(events)


@service.command(epilog="Example: winnow deploy --config winnow.yaml --dry-run")
def deploy(
    config: Config = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing; say what would be done.")] = False,
    verbose: Verbose = False,
) -> None:
    """Register schedules, forms, limits and automations of this root on the Prefect server; again changes nothing."""
    with told_plainly(verbose):
        from deployments.deploy import deploy as register
        from flows.settings import settings_file
        from tasks.store.errors import UsageError

        file = settings_file(config)
        if file is None:
            raise UsageError("A service needs a settings file: `winnow init` writes winnow.yaml.")
        done = register(settings_from(file, None).service, file, dry_run=dry_run)
        for step in done.steps:
            typer.echo(f"{'would be ' if dry_run and step.done != 'unchanged' else ''}{step.done}  {step.what}")
        for name, page in done.pages.items():
            typer.echo(f"{name}: {page}")
        if all(step.done == "unchanged" for step in done.steps):
            typer.echo("unchanged: everything is registered already.")
        typer.echo("next: prefect worker start --pool winnow, where this settings file can be read (`make up` does it)")
