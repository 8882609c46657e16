"""The `winnow` command: thin, each command calls one flow or one unit."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from deployments.commands import service
from flows.decisions import decisions
from flows.labels import labels, predictions
from flows.metadata import metadata
from flows.ontologies import ontologies
from flows.options import (
    Budget,
    Checkpoint,
    Config,
    FromLightly,
    Json,
    RootOption,
    Set,
    Source,
    Verbose,
    settings_from,
    under,
)
from flows.outputs import outputs
from flows.snapshots import snapshots
from flows.terminal import HELD, finish, progress, show_rows, show_status, told_plainly
from flows.upkeep import upkeep

app = typer.Typer(
    name="winnow",
    help="Keeps a training set small, clean and diverse: from raw images in a folder or bucket to a gated selection.",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage or settings, 3 something is held.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command(epilog="Example: winnow init /data/photos --root /data/winnow")
def init(
    source: Source = None,
    root: RootOption = None,
    file: Annotated[str, typer.Option(help="The file to write.")] = "winnow.yaml",
    verbose: Verbose = False,
) -> None:
    """Write a commented winnow.yaml; asks for what is not given."""
    with told_plainly(verbose):
        from flows.template import write_template

        if source is None and sys.stdin.isatty():
            source = typer.prompt("Where do raw files land (a folder, or s3://BUCKET/PREFIX)?")
        if root is None and sys.stdin.isatty():
            root = typer.prompt("Where shall the dataset be kept?", default="winnow-root")
        write_template(file, source, root)
        typer.echo(f"{file} is written. Next: winnow run{'' if file == 'winnow.yaml' else f' --config {file}'}")


@app.command(epilog="Example: winnow example winnow-example && winnow run winnow-example --budget 50")
def example(
    folder: Annotated[str, typer.Argument(help="Folder to write; it is made if it is not there.")],
    verbose: Verbose = False,
) -> None:
    """Write the small, messy example source: photographs cut up, copied and spoilt."""
    with told_plainly(verbose):
        from tasks.ingest.example import write_example

        typer.echo(f"{write_example(folder)} files in {folder}. Next: winnow run {folder}")


@app.command(epilog="Examples: winnow run /data/photos    winnow run --json    winnow run photos --set embed.batch=32")
def run(
    source: Source = None,
    root: RootOption = None,
    config: Config = None,
    budget: Budget = None,
    from_lightly: FromLightly = None,
    checkpoint: Checkpoint = None,
    set_: Set = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """The whole loop: curate what is new, select, hand off; label, review and learn where that is set up; report."""
    with told_plainly(verbose):
        from flows.loop import run as run_loop

        settings = settings_from(
            config, set_, from_lightly=from_lightly, source=source, root=root, budget=budget, checkpoint=checkpoint
        )
        with progress():
            outcome = run_loop(settings)
        finish(outcome, as_json)


@app.command(epilog="Example: winnow curate /data/photos --root /data/winnow")
def curate(
    source: Source = None,
    root: RootOption = None,
    config: Config = None,
    checkpoint: Checkpoint = None,
    set_: Set = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Take in what is new: ingest, dedupe, embed, with a gate after each."""
    with told_plainly(verbose):
        from flows.loop import run as run_loop

        settings = settings_from(config, set_, source=source, root=root, checkpoint=checkpoint)
        with progress():
            outcome = run_loop(settings, select=False, report=False)
        finish(outcome, as_json)


@app.command(
    epilog="Examples: winnow select --budget 200    winnow select --name night --set 'select.strategies=\\[random]'"
)
def select(
    root: RootOption = None,
    config: Config = None,
    budget: Budget = None,
    from_lightly: FromLightly = None,
    name: Annotated[
        str | None, typer.Option(help="Make a selection of this name in any case.", show_default=False)
    ] = None,
    set_: Set = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Top the label queue up from the pool, and hand the picks off."""
    with told_plainly(verbose):
        from flows.loop import pick

        settings = settings_from(config, set_, from_lightly=from_lightly, root=root, budget=budget)
        with progress():
            outcome = pick(settings, name)
        finish(outcome, as_json)


@app.command(epilog="Example: winnow label --set labels.ontology=clothes --set labels.backend=oracle")
def label(
    root: RootOption = None,
    config: Config = None,
    set_: Set = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Send what was picked to annotators, take back what they answered, and review it."""
    with told_plainly(verbose):
        from flows.loop import collect

        settings = settings_from(config, set_, root=root)
        with progress():
            outcome = collect(settings)
        finish(outcome, as_json)


@app.command(epilog="Examples: winnow learn    winnow learn --name may --set learn.fit.method=finetune")
def learn(
    root: RootOption = None,
    config: Config = None,
    name: Annotated[
        str | None, typer.Option(help="Make a snapshot of this name in any case.", show_default=False)
    ] = None,
    set_: Set = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Train a model on the labels so far; if it is no worse than the champion, it takes its place."""
    with told_plainly(verbose):
        from flows.loop import learn as go_round

        settings = settings_from(config, set_, root=root)
        with progress():
            outcome = go_round(settings, name, by_hand=True)
        finish(outcome, as_json)


@app.command(epilog="Example: winnow status --json")
def status(root: RootOption = None, config: Config = None, as_json: Json = False, verbose: Verbose = False) -> None:
    """Counts, batches and holds, last verdicts, what to do next."""
    with told_plainly(verbose):
        from deployments.lag import look_at_queue
        from tasks.report.status import status as look
        from tasks.store.root import open_root
        from tasks.store.staging import settings_hash

        settings = settings_from(config, None, root=root)
        found = look(open_root(settings.root_uri), settings_hash(settings.frozen())) | look_at_queue(settings)
        if as_json:
            typer.echo(json.dumps(found, default=str))
        else:
            show_status(found)
    if found["held"]:
        raise typer.Exit(HELD)


@app.command(
    epilog="Example: winnow query \"SELECT reason, count(*) FROM objects WHERE outcome = 'reject' GROUP BY reason\""
)
def query(
    sql: Annotated[str, typer.Argument(help="One SELECT over the views; `winnow query` without it lists them.")] = "",
    form: Annotated[str, typer.Option("--format", help="table, json, csv or parquet.")] = "table",
    root: RootOption = None,
    config: Config = None,
    verbose: Verbose = False,
) -> None:
    """Read-only SQL over the dataset."""
    with told_plainly(verbose):
        from tasks.store.errors import UsageError
        from tasks.store.root import open_root
        from tasks.store.views import described
        from tasks.store.views import query as ask

        if form not in ("table", "json", "csv", "parquet"):
            raise UsageError(f"--format is {form!r}; it can be table, json, csv or parquet.")
        opened = open_root(settings_from(config, None, root=root).root_uri)
        show_rows(ask(opened, sql) if sql else described(), form)


@app.command(epilog="Example: winnow report --root /data/winnow")
def report(
    redraw_map: Annotated[bool, typer.Option("--redraw-map", help="Lay the map out anew; points may move.")] = False,
    root: RootOption = None,
    config: Config = None,
    verbose: Verbose = False,
) -> None:
    """Write the HTML report anew, and print its path."""
    with told_plainly(verbose):
        from tasks.report.page import write_report

        settings = settings_from(config, None, root=root)
        typer.echo(write_report(settings.root_uri, redraw_map, settings.labels.cost_per_hour))


@app.command(epilog='Examples: winnow tag blurry --where "sharpness < 0.02" --dry-run    winnow tag odd --ids ids.txt')
def tag(
    name: Annotated[str, typer.Argument(help="The tag.")],
    where: Annotated[
        str | None, typer.Option(help="A condition over the columns of samples.", show_default=False)
    ] = None,
    ids: Annotated[
        str | None, typer.Option(help="A file of ids: one a line, or a CSV with sample_id.", show_default=False)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many samples it would tag.")] = False,
    root: RootOption = None,
    config: Config = None,
    verbose: Verbose = False,
) -> None:
    """Tag the samples for which a condition holds, or whose ids a file lists."""
    with told_plainly(verbose):
        from tasks.select.tag import put_tag, samples_to_tag
        from tasks.store.root import open_root

        opened = open_root(settings_from(config, None, root=root).root_uri)
        found = samples_to_tag(opened, where, ids)
        if dry_run:
            typer.echo(f"{len(found)} samples would be tagged {name}.")
        else:
            typer.echo(f"{len(found)} samples found, {put_tag(opened, name, found)} newly tagged {name}.")


@app.command(epilog="Example: winnow doctor /data/photos --root /data/winnow")
def doctor(source: Source = None, root: RootOption = None, config: Config = None, verbose: Verbose = False) -> None:
    """Check what a run needs, and say how to mend what is missing."""
    with told_plainly(verbose):
        from deployments.lag import examine_service
        from flows.doctor import examine

        settings = settings_from(config, None, source=source, root=root)
        findings = [*examine(settings), *examine_service(settings)]
        for one in findings:
            typer.echo(f"{'ok     ' if one.fine else 'missing' if one.needed else 'note   '}  {one.what}: {one.told}")
        if any(one.needed and not one.fine for one in findings):
            raise SystemExit(1)


app.add_typer(under("Decisions", decisions))
app.add_typer(under("Labels and models", snapshots))
for name, group in {"labels": labels, "predictions": predictions, "ontology": ontologies, "metadata": metadata}.items():
    app.add_typer(group, name=name, rich_help_panel="Labels and models")
app.add_typer(under("Exports and upkeep", outputs))
app.add_typer(under("Exports and upkeep", upkeep))
app.add_typer(under("As a service", service))


def main() -> None:
    """Entry point of the console script."""
    app()


if __name__ == "__main__":
    main()
