"""The one commit: staged rows become table rows in one step that survives any crash and any other writer."""

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from tasks.store import staging, tables
from tasks.store.errors import StagedAwayError, Unreachable
from tasks.store.log import Event, Log, append, read_log, record
from tasks.store.root import Root
from tasks.store.schema import TABLES, table_of
from tasks.store.table import Table

_STAYS = b"stays in"
_PLACE = "staged_row"


@dataclass(frozen=True)
class Resolved:
    """What a commit will write.

    Attributes:
        rows: tables and their rows, what is referred to before what refers to it; may be made while it is read. Large
            columns need not be in them: see `staying`.
        counts: figures for the log.
    """

    rows: Iterable[tuple[Table, pa.Table]]
    counts: dict[str, Any]


def commit(root: Root, batch_id: str, stage: str, resolve: Callable[[Log], Resolved]) -> Event:
    """Commit one stage of a batch and return its `committed` event; done already, it changes nothing.

    `resolve` turns staged rows into final ones against the tables as they are now. The final rows are written to
    staging, then the `committing` event is appended exactly behind the log that `resolve` saw, so nothing else was
    committed in between; from there on any run carries the commit forward. The `committed` event makes it visible.
    """
    while True:
        roll_forward(root)
        log = read_log(root)
        done = committed(log, batch_id, stage)
        if done:
            _tidy(root, batch_id, stage)
            return done
        if any(batch.committing for batch in log.batches.values()):
            continue
        attempt = f"commit-{uuid.uuid4().hex}"
        resolved = resolve(log)
        files = _write_final(root, batch_id, stage, attempt, resolved.rows)
        event = Event(batch_id, "committing", stage, counts={**resolved.counts, "final": attempt, "files": files})
        if append(root, log, event):
            return _finish(root, event)
        staging.forget(root, batch_id, stage, attempt)


def roll_forward(root: Root) -> None:
    """Finish every commit that was begun and not finished."""
    for batch in read_log(root).batches.values():
        if batch.committing:
            _finish(root, batch.committing)


def committed(log: Log, batch_id: str, stage: str) -> Event | None:
    """The event by which that stage of the batch was committed."""
    batch = log.batches.get(batch_id)
    events = batch.events if batch else []
    return next((event for event in events if event.event == "committed" and event.stage == stage), None)


def write(root: Root, table: str, rows: pa.Table) -> int:
    """Insert rows that need no gate (tags, verdicts, labels); how many were new."""
    return tables.insert(root, TABLES[table], rows)


def staying(rows: pa.Table, uri: str, places: pa.Array | pa.ChunkedArray) -> pa.Table:
    """Rows for `Resolved` whose other columns stay in the staged file `uri`, in its rows `places`.

    What is large is so written once. The commit keeps the file under a name of its own, checksums and all, before its
    `committing` event: what becomes of `uri` afterwards is nothing to it.
    """
    return rows.append_column(_PLACE, places).replace_schema_metadata({_STAYS: uri})


def _write_final(root: Root, batch_id: str, stage: str, attempt: str, rows: Iterable[tuple[Table, pa.Table]]) -> int:
    """Write the final rows; how many files they are."""
    written = 0
    for table, part in rows:
        uri = root.at("staging", batch_id, stage, attempt, f"{written:06d}.{table.name}.parquet")
        source = (part.schema.metadata or {}).get(_STAYS)
        if source:
            _keep(root, source.decode(), _rest_uri(uri))
        staging.write_rows(root, uri, part)
        written += 1
    return written


def _keep(root: Root, uri: str, to: str) -> None:
    try:
        root.storage.copy(uri, to)
    except Unreachable as error:
        raise StagedAwayError(f"The staged file {uri} is missing; run the same command again.") from error


def _rest_uri(uri: str) -> str:
    return uri.removesuffix(".parquet") + ".rest"


def _finish(root: Root, event: Event) -> Event:
    """Merge the final rows and append `committed`. Several runs may do this at once, at any pace."""
    try:
        for uri in _final_uris(root, event):
            name = uri.rsplit(".", 2)[1]
            for rows in staging.read_all(root, [uri]):
                table = table_of(name, rows)
                tables.insert(root, table, _completed(root, uri, table, rows))
    except StagedAwayError:
        if not committed(read_log(root), event.batch_id, event.stage):
            raise
    counts = {name: figure for name, figure in event.counts.items() if name not in ("final", "files")}
    done = Event(event.batch_id, "committed", event.stage, counts=counts)
    record(root, lambda log: None if committed(log, event.batch_id, event.stage) else done)
    _tidy(root, event.batch_id, event.stage)
    return done


def _completed(root: Root, uri: str, table: Table, rows: pa.Table) -> pa.Table:
    """The final rows of a file, with the columns that stayed where they were staged."""
    lacking = [name for name in table.schema.names if name not in rows.column_names]
    if not lacking:
        return rows
    (rest,) = staging.read_all(root, [_rest_uri(uri)], lacking)
    rest = rest.take(rows[_PLACE])
    return pa.table({name: (rest if name in lacking else rows)[name] for name in table.schema.names})


def _final_uris(root: Root, event: Event) -> list[str]:
    """The files of final rows, all of them. Raises StagedAwayError if one is gone."""
    uris = staging.staged_uris(root, event.batch_id, event.stage, event.counts["final"])
    if len(uris) != event.counts["files"]:
        place = root.at("staging", event.batch_id, event.stage, event.counts["final"])
        raise StagedAwayError(
            f"The commit of {event.batch_id} was begun, and of its {event.counts['files']} files in {place} only "
            f"{len(uris)} are there: restore them from a backup, nothing can be committed before."
        )
    return uris


def _tidy(root: Root, batch_id: str, stage: str) -> None:
    staging.forget(root, batch_id, stage)
    if read_log(root).batches[batch_id].next_stage is None:
        staging.forget(root, batch_id)
