"""Commands about snapshots: make one, list them, compare two."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from flows.options import Config, Json, RootOption, Set, Verbose, settings_from
from flows.terminal import finish, progress, told_plainly

snapshots = typer.Typer()


@snapshots.command(epilog="Examples: winnow snapshot    winnow snapshot before-summer --set learn.ontology=clothes")
def snapshot(
    name: Annotated[
        str | None, typer.Argument(help="Its name; without one, snapshot-N is made if labels changed.")
    ] = None,
    root: RootOption = None,
    config: Config = None,
    set_: Set = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Freeze the labels of now: which samples, with which labels, to train on, choose by and test on."""
    with told_plainly(verbose):
        from flows.loop import snapshot as freeze

        settings = settings_from(config, set_, root=root)
        with progress():
            outcome = freeze(settings, name, by_hand=True)
        finish(outcome, as_json)


@snapshots.command("snapshots", epilog="Example: winnow snapshots --json")
def listed(root: RootOption = None, config: Config = None, as_json: Json = False, verbose: Verbose = False) -> None:
    """List the snapshots, oldest first."""
    with told_plainly(verbose):
        from tasks.labels.snapshot import SIDES, read_snapshot, snapshot_names
        from tasks.store.root import open_root

        opened = open_root(settings_from(config, None, root=root).root_uri)
        told = []
        for one in (read_snapshot(opened, name) for name in snapshot_names(opened)):
            about: dict[str, Any] = {side: len(one.side(side)) for side in SIDES} | {"forgotten": len(one.forgotten)}
            told.append({"name": one.name, "ontology": one.ontology, "parent": one.parent, "hash": one.hash} | about)
        if as_json:
            typer.echo(json.dumps(told))
            return
        for row in told:
            sizes = "  ".join(f"{side} {row[side]:,}" for side in SIDES)
            gone = f"  {row['forgotten']:,} forgotten" if row["forgotten"] else ""
            grown = f"  from {row['parent']}" if row["parent"] else ""
            typer.echo(f"{row['name']:<24} {row['ontology']}  {sizes}{gone}{grown}  {row['hash'][:12]}")
        if not told:
            typer.echo("No snapshot yet: `winnow snapshot NAME` makes one of the labels of now.")


@snapshots.command(epilog="Example: winnow diff snapshot-1 snapshot-2 --json")
def diff(
    before: Annotated[str, typer.Argument(help="A snapshot.")],
    after: Annotated[str, typer.Argument(help="Another one, of the same ontology.")],
    root: RootOption = None,
    config: Config = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Say what differs between two snapshots."""
    with told_plainly(verbose):
        from tasks.labels.snapshot import read_snapshot
        from tasks.learn.snapshots.diff import difference
        from tasks.store.root import open_root

        opened = open_root(settings_from(config, None, root=root).root_uri)
        found = difference(read_snapshot(opened, before), read_snapshot(opened, after))
        if as_json:
            typer.echo(json.dumps(found, ensure_ascii=False))
        else:
            _show(found)


def _show(found: dict[str, Any]) -> None:
    for what in ("added", "removed"):
        sides = ", ".join(f"{number:,} {side}" for side, number in found[what]["by_side"].items() if number)
        classes = ", ".join(f"{number:,} {name}" for name, number in found[what]["by_class"].items())
        typer.echo(f"{what:<11} {len(found[what]['samples']):,}" + (f"  ({sides}; {classes})" if sides else ""))
    typer.echo(f"relabelled  {len(found['relabelled']):,}")
    for row in found["relabelled"][:10]:
        typer.echo(f"  {row['sample_id']}  {row['side']}: {row['before']} -> {row['after']}")
    if found["reviewed"]:
        typer.echo(f"reviewed    {len(found['reviewed']):,}  (labelled again, with the same label)")
    typer.echo(f"moved       {len(found['moved']):,}")
    for what in ("classes_added", "classes_removed"):
        if found[what]:
            typer.echo(f"{what.replace('_', ' ')}: {', '.join(found[what])}")
    same = "the same" if found["same_test_side"] else "another one: figures of models do not compare"
    typer.echo(f"test side   {same}")
