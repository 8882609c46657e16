"""The `winnow` command: thin, each command calls one flow or one unit."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from flows.options import Budget, Checkpoint, Config, Json, Note, RootOption, Set, Source, Verbose, settings_from
from flows.terminal import progress, show_outcome, show_rows, show_status, told_plainly

if TYPE_CHECKING:
    from flows.loop import Outcome

HELD = 3
"""Exit code when something is held."""

app = typer.Typer(
    name="winnow",
    help="Keeps a training set small, clean and diverse: from a folder of images to a curated, gated selection.",
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
            source = typer.prompt("Where do raw files land (a folder)?")
        if root is None and sys.stdin.isatty():
            root = typer.prompt("Where shall the dataset be kept?", default="winnow-root")
        write_template(file, source, root)
        typer.echo(f"{file} is written. Next: winnow run")


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
    checkpoint: Checkpoint = None,
    set_: Set = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """The whole loop: curate what is new, select, hand off, report."""
    with told_plainly(verbose):
        from flows.loop import run as run_loop

        settings = settings_from(config, set_, source=source, root=root, budget=budget, checkpoint=checkpoint)
        with progress():
            outcome = run_loop(settings)
        _finish(outcome, as_json)


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
        _finish(outcome, as_json)


@app.command(
    epilog="Examples: winnow select --budget 200    winnow select --name night --set 'select.strategies=[random]'"
)
def select(
    root: RootOption = None,
    config: Config = None,
    budget: Budget = None,
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

        settings = settings_from(config, set_, root=root, budget=budget)
        with progress():
            outcome = pick(settings, name)
        _finish(outcome, as_json)


@app.command(epilog="Example: winnow status --json")
def status(root: RootOption = None, config: Config = None, as_json: Json = False, verbose: Verbose = False) -> None:
    """Counts, batches and holds, last verdicts, what to do next."""
    with told_plainly(verbose):
        from tasks.report.status import status as look
        from tasks.store.root import open_root
        from tasks.store.staging import settings_hash

        settings = settings_from(config, None, root=root)
        found = look(open_root(settings.root_uri), settings_hash(settings.frozen()))
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
def report(root: RootOption = None, config: Config = None, verbose: Verbose = False) -> None:
    """Write the HTML report anew, and print its path."""
    with told_plainly(verbose):
        from tasks.report.page import write_report

        typer.echo(write_report(settings_from(config, None, root=root).root_uri))


@app.command(epilog='Example: winnow tag blurry --where "sharpness < 0.02" --dry-run')
def tag(
    name: Annotated[str, typer.Argument(help="The tag.")],
    where: Annotated[str, typer.Option(help="A condition over the columns of samples.", show_default=False)],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many samples it would tag.")] = False,
    root: RootOption = None,
    config: Config = None,
    verbose: Verbose = False,
) -> None:
    """Tag the samples for which a condition holds."""
    with told_plainly(verbose):
        from tasks.select.tag import matching_samples, put_tag
        from tasks.store.root import open_root

        opened = open_root(settings_from(config, None, root=root).root_uri)
        found = matching_samples(opened, where)
        if dry_run:
            typer.echo(f"{len(found)} samples would be tagged {name}.")
        else:
            typer.echo(f"{len(found)} samples found, {put_tag(opened, name, found)} newly tagged {name}.")


@app.command(epilog='Example: winnow release b-0123456789ab --note "the lens is dirty, but usable"')
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


@app.command(epilog='Example: winnow discard b-0123456789ab --note "camera 7 was covered"')
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


@app.command(epilog="Example: winnow retry --reason damaged --since 2026-05-01 --dry-run")
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
        open_again(opened, found, settings.ingest, settings.frozen())
        with progress():
            outcome = resume(settings)
        _finish(outcome, as_json)


@app.command(epilog='Example: winnow recalibrate --note "a new kind of camera"')
def recalibrate(note: Note, root: RootOption = None, config: Config = None, verbose: Verbose = False) -> None:
    """Set the radius of duplicates anew from the samples that are there; holds for batches to come."""
    with told_plainly(verbose):
        from tasks.dedupe.recalibrate import recalibrate as set_anew
        from tasks.store.root import open_root

        before, after = set_anew(open_root(settings_from(config, None, root=root).root_uri), note)
        typer.echo(f"before: {json.dumps(before)}  now: {json.dumps(after)}")


@app.command(epilog="Example: winnow doctor /data/photos --root /data/winnow")
def doctor(source: Source = None, root: RootOption = None, config: Config = None, verbose: Verbose = False) -> None:
    """Check what a run needs, and say how to mend what is missing."""
    with told_plainly(verbose):
        from flows.doctor import examine

        findings = examine(settings_from(config, None, source=source, root=root))
        for one in findings:
            typer.echo(f"{'ok     ' if one.fine else 'missing' if one.needed else 'note   '}  {one.what}: {one.told}")
        if any(one.needed and not one.fine for one in findings):
            raise SystemExit(1)


def _settle(
    decision: str,
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
        from flows.loop import resume
        from tasks.gate import settle
        from tasks.store.root import open_root

        settings = settings_from(config, set_, root=root)
        getattr(settle, decision)(open_root(settings.root_uri), batch, note)
        with progress():
            outcome = resume(settings)
        _finish(outcome, as_json)


def _finish(outcome: Outcome, as_json: bool) -> None:
    told = outcome.as_json()
    if as_json:
        typer.echo(json.dumps(told))
    else:
        show_outcome(told, outcome.hints)
    if outcome.held:
        raise SystemExit(HELD)


def main() -> None:
    """Entry point of the console script."""
    app()


if __name__ == "__main__":
    main()
