"""Commands about ontologies: what annotators may answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from flows.options import Config, Json, RootOption, Verbose, settings_from
from flows.terminal import told_plainly

ontologies = typer.Typer(no_args_is_help=True, help="What annotators may answer: label schemas, and their versions.")


@ontologies.command(epilog="Example: winnow ontology apply clothes.yaml --dry-run")
def apply(
    file: Annotated[str, typer.Argument(help="YAML: name, type, classes; and changes, if it is a new version.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would change.")] = False,
    root: RootOption = None,
    config: Config = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Bring in an ontology, or a new version of one; labels are carried over, and those to make again are listed."""
    with told_plainly(verbose):
        from tasks.labels.change import apply_ontology
        from tasks.labels.ontology import as_ontology
        from tasks.store.errors import UsageError
        from tasks.store.root import open_root

        try:
            content = Path(file).read_bytes()
        except OSError as error:
            raise UsageError(f"The ontology {file} cannot be read ({error.strerror}).") from error
        opened = open_root(settings_from(config, None, root=root).root_uri, create=not dry_run)
        done = apply_ontology(opened, as_ontology(content, file), dry_run=dry_run)
        told = {
            "ontology": done.ontology.name,
            "version": done.ontology.version,
            "new": done.is_new,
            "carried": done.carried,
            "outdated": done.outdated,
        }
        if as_json:
            typer.echo(json.dumps(told))
            return
        would = "would be" if dry_run else "is"
        typer.echo(
            f"{done.ontology.name} {would} at version {done.ontology.version}{'' if done.is_new else ', as before'}."
        )
        if done.carried:
            typer.echo(
                f"{done.carried} annotations are touched; {len(done.outdated)} samples have to be labelled again."
            )
        for sample in done.outdated[:10]:
            typer.echo(f"  {sample}")


@ontologies.command(epilog="Example: winnow ontology show clothes")
def show(
    name: Annotated[
        str | None, typer.Argument(help="Its name; without one, all are listed.", show_default=False)
    ] = None,
    root: RootOption = None,
    config: Config = None,
    verbose: Verbose = False,
) -> None:
    """Print an ontology as YAML, or list those that there are."""
    with told_plainly(verbose):
        from tasks.labels.ontology import as_yaml, ontology_names, read_ontology
        from tasks.store.root import open_root

        opened = open_root(settings_from(config, None, root=root).root_uri)
        if name is not None:
            typer.echo(as_yaml(read_ontology(opened, name)).decode(), nl=False)
            return
        for known in ontology_names(opened):
            one = read_ontology(opened, known)
            typer.echo(f"{known:<24} version {one.version}, {one.type}, {len(one.classes)} classes")
