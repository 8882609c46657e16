"""Sweep: staged files, media and manifests that nothing will ask for."""

import time
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from tasks.maintain.settings import MaintainSettings
from tasks.progress import advance
from tasks.store import tables
from tasks.store.log import Log, read_log
from tasks.store.root import Root, open_root
from tasks.store.schema import SAMPLES
from tasks.store.storage import Entry
from tasks.unit import unit

SHOWN = 20


@dataclass(frozen=True)
class Swept:
    """What went, or would go: files, their bytes, and a few of their URIs."""

    files: int
    byte_size: int
    first: tuple[str, ...]


@unit("sweep")
def sweep(root: str, settings: MaintainSettings, *, dry_run: bool = False) -> Swept:
    """Remove staged files of what is done or was never planned, frames that became no sample, and spent manifests.

    Staged files of a commit that was begun, of held and of open batches stay, and so does whatever is younger than
    `keep_staging_days`.

    Args:
        root: URI of the root.
        settings: what to leave alone.
        dry_run: remove nothing.
    """
    opened = open_root(root)
    before = time.time() - settings.keep_staging_days * 86400
    folders = ("staging", "media", "manifests")
    listed = [entry for name in folders for entry in _files(opened, name)]  # before the log: what it says is newer
    log = read_log(opened)
    gone = [entry for entry in listed if entry.modified_at < before and _in(opened, entry, "staging")]
    gone = [entry for entry in gone if not _needed(log, *_place(opened, entry))]
    frames = [entry for entry in listed if entry.modified_at < before and _in(opened, entry, "media")]
    if not any(batch.planned.stage == "ingest" for batch in log.open_batches):
        gone += _without_sample(opened, frames)
    spent = _spent_manifests(log)
    gone += [entry for entry in listed if entry.modified_at < before and entry.uri in spent]
    advance("sweep", 0, len(gone))
    for entry in gone:
        if not dry_run:
            opened.storage.delete(entry.uri)
        advance("sweep", 1)
    return Swept(len(gone), sum(entry.byte_size for entry in gone), tuple(entry.uri for entry in gone[:SHOWN]))


def _files(root: Root, folder: str) -> Iterator[Entry]:
    yield from (entry for entry in root.storage.list(root.at(folder)) if not isinstance(entry, str))


def _in(root: Root, entry: Entry, folder: str) -> bool:
    return entry.uri.startswith(root.at(folder) + "/")


def _place(root: Root, entry: Entry) -> tuple[str, str]:
    """Batch and stage of a staged file; the stage is empty for what all stages use."""
    parts = urllib.parse.unquote(entry.uri.removeprefix(root.at("staging") + "/")).split("/")
    return parts[0], parts[1] if len(parts) > 2 else ""


def _needed(log: Log, batch: str, stage: str) -> bool:
    """Whether any run may still ask for what was staged there."""
    known = log.batches.get(batch)
    if known is None:
        return False
    if known.committing and known.committing.stage == stage:
        return True
    return known.next_stage is not None and stage not in known.committed


def _spent_manifests(log: Log) -> set[str]:
    """Sources of batches of which none is open any more."""
    waiting = {batch.planned.source for batch in log.open_batches}
    planned = {batch.planned.source for batch in log.batches.values()}
    return {source for source in planned - waiting if source is not None}


def _without_sample(root: Root, frames: list[Entry]) -> list[Entry]:
    """Frames on file, `TIME-SAMPLE.jpg` with the first 8 letters of the sample, that no row of `samples` refers to."""
    samples = tables.open_table(root, SAMPLES.name)
    if not frames:
        return []
    known: set[str] = set()
    if samples is not None:
        for rows in tables.batches_of(samples, ["uri"]):
            known.update(pa.table([rows["uri"]], ["uri"])["uri"].to_pylist())
    return [entry for entry in frames if entry.uri not in known]
