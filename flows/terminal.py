"""What people see on the terminal: progress on stderr while a run works, tables on stdout when it is done."""

from __future__ import annotations

import errno
import json
import os
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tasks.store.errors import WinnowError

if TYPE_CHECKING:
    from flows.outcome import Outcome

HELD = 3
"""Exit code when something is held."""


@contextmanager
def told_plainly(verbose: bool) -> Iterator[None]:
    """Turn errors into one sentence on stderr and an exit code: 2 for mistakes, 1 for failures, 130 for Ctrl-C."""
    if not verbose:
        os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
        os.environ.setdefault("PREFECT_LOGGING_LEVEL", "INFO")
    try:
        yield
    except WinnowError as error:
        _say(str(error))
        raise SystemExit(error.exit_code) from error
    except KeyboardInterrupt as error:
        _say("Stopped. Run the same command again to go on where it stopped.")
        raise SystemExit(130) from error
    except BrokenPipeError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from error
    except Exception as error:
        if verbose:
            traceback.print_exc()
        _say(_sentence(error))
        raise SystemExit(1) from error


def _say(sentence: str) -> None:
    sys.stderr.write(f"winnow: {sentence}\n")


def _sentence(error: BaseException) -> str:
    told = " ".join(str(one) for one in _chain(error))
    if any(isinstance(one, OSError) and one.errno == errno.ENOSPC for one in _chain(error)) or "No space left" in told:
        return "The disk is full. Free some space and run the same command again: nothing is lost."
    if "Failed to reach API" in told:
        address = os.environ.get("PREFECT_API_URL", "its address")
        return f"The Prefect server at {address} does not answer. Start it, or unset PREFECT_API_URL to do without."
    first = " ".join(str(error).split())[:300] or type(error).__name__
    advice = "--verbose shows where; what was done is kept, run it again to go on"
    return f"It failed: {type(error).__name__}: {first} ({advice})"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


@contextmanager
def progress() -> Iterator[None]:
    """Draw a bar for every stage that tells how far it is: done, total, rate, time left. On stderr."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from tasks.progress import unwatch, watch

    columns = (
        TextColumn("{task.description:<9}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    bars = Progress(*columns, console=Console(stderr=True))
    started: dict[str, tuple[Any, float]] = {}

    def follow(stage: str, done: int, total: int | None) -> None:
        if stage not in started:
            bars.start()
            started[stage] = (bars.add_task(stage, total=None, rate=""), time.monotonic())
        task, since = started[stage]
        if total is not None:
            before = bars.tasks[task].total or 0
            bars.update(task, total=before + total)
        bars.advance(task, done)
        seconds = max(time.monotonic() - since, 1e-3)
        bars.update(task, rate=f"{bars.tasks[task].completed / seconds:,.0f}/s")

    watch(follow)
    try:
        yield
    finally:
        unwatch(follow)
        if started:
            bars.stop()


def finish(outcome: Outcome, as_json: bool) -> None:
    """Tell what a run did, in words or as one JSON object. Exit code 3 if something is held."""
    told = outcome.as_json()
    if as_json:
        sys.stdout.write(json.dumps(told) + "\n")
    else:
        show_outcome(told, outcome.hints)
    if outcome.held:
        raise SystemExit(HELD)


def show_outcome(told: dict[str, Any], hints: list[str]) -> None:
    """A run in a few lines: counts, verdicts, what is held, the report, what to do next."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False, soft_wrap=True)
    objects, outcomes = told["objects"], told["outcomes"]
    if objects["listed"]:
        console.print(
            f"[bold]{objects['listed']:,}[/] files listed: {objects['new']:,} new, {objects['known']:,} known, "
            f"{objects['ignored']:,} ignored"
        )
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, number in outcomes.items():
        if number:
            about = {"reject": _reasons(told["rejects"]), "video": f"{told['frames']:,} frames"}
            table.add_row(name, f"{number:,}", escape(about.get(name, "")))
    for kind, number in told["duplicates"].items():
        if number:
            table.add_row("duplicate", f"{number:,}", kind)
    for name in ("embedded", "crops", "selected"):
        if told[name]:
            table.add_row(name, f"{told[name]:,}")
    labels = told["labels"]
    if labels["answers"]:
        table.add_row("labels", f"{labels['answers']:,}", f"{labels['suspects']:,} doubtful")
    for name in ("promoted", "refused"):
        if told["models"][name]:
            table.add_row(name, f"{told['models'][name]:,}", "model")
    if told["models"]["predicted"]:
        table.add_row("predicted", f"{told['models']['predicted']:,}")
    if table.row_count:
        console.print(table)
    if told["verdicts"]:
        console.print("gates: " + _verdicts(told["verdicts"]))
    for hint in hints:
        console.print(f"[yellow]note[/] {escape(hint)}")
    for subject in told["held"]:
        console.print(f"[red]held[/] {escape(subject)}: `winnow status` says why")
    if told["report"]:
        console.print(f"report: {escape(told['report'])}")
    console.print(f"next: {_next(told)}")


def _reasons(rejects: dict[str, int]) -> str:
    return ", ".join(f"{number} {reason}" for reason, number in sorted(rejects.items()))


def _verdicts(verdicts: list[dict[str, str]]) -> str:
    """`ingested pass, embedded 2 pass 1 hold`."""
    found: dict[str, dict[str, int]] = {}
    for one in verdicts:
        results = found.setdefault(one["transition"], {})
        results[one["result"]] = results.get(one["result"], 0) + 1
    several = len(verdicts) > len(found)
    told = {name: " ".join(f"{n} {one}" if several else one for one, n in found[name].items()) for name in found}
    return ", ".join(f"{transition} {results}" for transition, results in told.items())


def _next(told: dict[str, Any]) -> str:
    if told["held"]:
        first = told["held"][0]
        return f'winnow release {first} --note "..." (or discard)'
    if told["models"]["promoted"] or told["models"]["refused"]:
        return "open the report: how good the model is, where it fails, and what it needs"
    if told["labels"]["answers"]:
        return "open the report: labels, and those that are doubtful"
    if told["selected"]:
        return "open the report; label what lies in handoff/ of the root"
    return 'winnow status; winnow query "SELECT outcome, count(*) FROM objects GROUP BY outcome"'


def show_status(found: dict[str, Any]) -> None:
    """The state of a root in a few lines."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from tasks.report.status import champion_in_words

    console = Console(highlight=False, soft_wrap=True)
    console.print(f"[bold]{escape(found['root'])}[/]")
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_row(
        "objects", ", ".join(f"{number:,} {name}" for name, number in found["outcomes"].items()) or "none yet"
    )
    for name in ("samples", "kept", "duplicates", "embedded", "selected", "labelled"):
        table.add_row(
            name,
            f"{found[name]:,}" + (f"  ({found['model']})" if name == "embedded" and found["model"] else ""),
        )
    if found["snapshots"]:
        table.add_row("snapshots", f"{found['snapshots']:,}")
    for model in found["champions"]:
        table.add_row("champion", escape(champion_in_words(model)))
    if found["objects_of_older_settings"]:
        table.add_row(
            "older settings",
            f"{found['objects_of_older_settings']:,} objects were planned with other settings",
        )
    if found["findings"]:
        table.add_row("findings", ", ".join(f"{number:,} {kind}" for kind, number in found["findings"].items()))
    if found["oldest_waiting"]:
        table.add_row("waiting since", f"{found['oldest_waiting']} ({found['lag_s']:,} s)")
    if queue := found.get("queue"):
        told = ", ".join(f"{value} {name}" for name, value in queue.items() if name != "name" and value is not None)
        table.add_row("queue", escape(f"{queue['name']}: {told}".replace("_", " ")))
    if found["last_commit"]:
        table.add_row("last commit", found["last_commit"])
    console.print(table)
    for batch in found["open"]:
        console.print(f"open: {escape(batch)}")
    for hold in found["held"]:
        console.print(f"[red]held[/] {escape(hold['batch'])} before {hold['stage']}, since {hold['since']}")
        for one in hold["failed"]:
            allowed = f"{one['expectation']}: observed {one['observed']}, allowed {one['threshold']}"
            console.print(f"  {one['severity']}: {escape(allowed)}")
        if not hold["failed"]:
            console.print(f"  {escape(hold['why'] or '')}")
    for verdict in found["verdicts"]:
        result = "all met" if not verdict["failed"] else f"{verdict['failed']} not met"
        console.print(
            f"gate {verdict['transition']}: {result} of {verdict['expectations']} ({escape(verdict['subject'])})"
        )
    console.print(f"next: {escape(found['next'])}")


def show_rows(rows: Any, form: str) -> None:
    """The rows of a query on stdout: table, json, csv or parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if form == "parquet":
        with pa.PythonFile(sys.stdout.buffer, "w") as file:
            pq.write_table(rows, file)
        return
    plain = [{name: _plain(value) for name, value in row.items()} for row in rows.to_pylist()]
    if form == "json":
        sys.stdout.write(json.dumps(plain, ensure_ascii=False, default=_as_json) + "\n")
        return
    if form == "csv":
        import csv

        writer = csv.DictWriter(sys.stdout, rows.column_names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(plain)
        return
    _show_table(rows.column_names, plain)


def _show_table(names: list[str], rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*names)
    for row in rows[:1000]:
        table.add_row(*(Text("" if row[name] is None else str(row[name])) for name in names))
    console = Console(width=None if sys.stdout.isatty() else 10_000)
    console.print(table)
    shown = f", {len(rows[:1000]):,} shown" if len(rows) > 1000 else ""
    console.print(f"{len(rows):,} rows{shown}")


def _plain(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value


def _as_json(value: Any) -> Any:
    """Sums of whole numbers are decimals in SQL: they stay numbers."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value.hex() if isinstance(value, bytes) else str(value)
