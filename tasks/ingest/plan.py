"""Plan: what is new in a source, cut into batches whose boundaries never change, before any file is read."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tasks.ingest.forgotten import not_forgotten
from tasks.ingest.manifest import is_part
from tasks.ingest.metadata.catch_up import catch_up
from tasks.ingest.metadata.describe import DESCRIBED, Describer, described
from tasks.ingest.settings import IngestSettings
from tasks.ingest.source import Listing, list_source
from tasks.store import staging, tables
from tasks.store.errors import UsageError
from tasks.store.ids import object_id
from tasks.store.log import Log, read_log
from tasks.store.plans import PLANNED, add_batch, plan_uri
from tasks.store.root import Root
from tasks.store.storage import shown


@dataclass(frozen=True)
class Plan:
    """What a run has before it.

    Attributes:
        listed: files in the source; listed = ignored + known + new.
        ignored: files that no pattern includes.
        known: objects that are in the tables, in a batch that was planned earlier, or forgotten.
        new: objects planned now.
        batches: ids of all batches of objects that stand before a stage, in the order in which they were planned.
        unreadable: places in the source that cannot be read; they are not among the files listed.
        described: known files of which something else is said now, in a sidecar or a joined file, than before.
        part: the source is a manifest of some objects that Winnow wrote: nothing but its own batches is before the run.
    """

    listed: int
    ignored: int
    known: int
    new: int
    batches: tuple[str, ...]
    unreadable: tuple[str, ...] = ()
    described: int = 0
    part: bool = False


def listed_part(root: Root, source: str, settings: IngestSettings) -> Listing | None:
    """What a part of a source holds now, for `plan`: asking for each object takes long, and needs no lock.

    None of a whole source: it is listed when it is planned.
    """
    return _listed(root, source, settings) if is_part(root, source) else None


def plan(
    root: Root,
    source: str,
    settings: IngestSettings,
    frozen: dict[str, Any],
    by: str | None = None,
    listing: Listing | None = None,
) -> Plan:
    """List the source and plan batches of what is new; nothing new, nothing is written.

    What is said of known files since, in a sidecar or a joined file, is recorded on the way. Of a manifest that is part
    of a source no batch but its own is before the run: fresh objects do not wait for a backfill, nor the other way.

    Args:
        root: where the dataset is.
        source: URI of a folder or a manifest.
        settings: what to take, and how large a batch may be.
        frozen: settings that later stages compute with, kept in the plan.
        by: a column or metadata key; objects of which it is known before they are read are not mixed in a batch.
        listing: of the source, if there is one already.

    Raises:
        UsageError: the source is not there, cannot be read, or holds nothing to take; or a joined file is broken.
    """
    part = is_part(root, source)
    listing = listing or _listed(root, source, settings)
    if not len(listing.files) and not part:
        _refuse_empty(read_log(root), source, listing)
    files = not_forgotten(root, listing.files)
    fresh = unknown(root, files)
    describer = Describer(settings, listing.prefix, listing.sidecars)
    again = 0 if part else catch_up(root, source, _others(files, fresh), describer)
    fresh = described(fresh, describer)
    for objects in cut(fresh, by, settings.batch_size, int(settings.batch_bytes)):
        add_batch(root, source, objects, frozen)
    waiting = [batch for batch in read_log(root).open_batches if batch.planned.stage == "ingest"]
    batches = tuple(batch.batch_id for batch in waiting if not part or batch.planned.source == source)
    known = listing.listed - listing.ignored - len(fresh)
    return Plan(listing.listed, listing.ignored, known, len(fresh), batches, listing.unreadable, again, part)


def _listed(root: Root, source: str, settings: IngestSettings) -> Listing:
    return list_source(source, settings.include, leave_out=root.uri, sidecar=settings.metadata.sidecar)


def unknown(root: Root, files: pa.Table) -> pa.Table:
    """Of files as LISTED, those that no table and no open plan knows, and deferred ones again; as PLANNED."""
    first = [object_id(uri, version, 0) for uri, version in _pairs(files)]
    objects = _as_planned(files, first, passes=[0] * len(files), deferrals=[0] * len(files))
    in_plans = _ids_in_open_plans(root)
    known = objects.filter(pc.is_in(objects["object_id"], value_set=pa.concat_arrays([_ids_in_tables(root), in_plans])))
    unknown = objects.filter(pc.invert(pc.is_in(objects["object_id"], value_set=known["object_id"].combine_chunks())))
    again = _deferred(root, known, in_plans)
    return pa.concat_tables([unknown, again]).sort_by("uri")


def _others(files: pa.Table, fresh: pa.Table) -> pa.Array:
    """URIs of the files that are not planned now."""
    uris = files["uri"].combine_chunks()
    return uris.filter(pc.invert(pc.is_in(uris, value_set=fresh["uri"].combine_chunks())))


def _ids_in_tables(root: Root) -> pa.Array:
    dataset = tables.open_table(root, "objects")
    if dataset is None:
        return pa.array([], pa.string())
    return dataset.scanner(columns=["object_id"], filter="pass = 0").to_table()["object_id"].combine_chunks()


def _ids_in_open_plans(root: Root) -> pa.Array:
    waiting = [batch.batch_id for batch in read_log(root).open_batches if batch.next_stage == "ingest"]
    plans = [staging.read_rows(root, plan_uri(root, name), ["object_id"]) for name in waiting]
    return pa.concat_arrays(
        [
            pa.array([], pa.string()),
            *(plan["object_id"].combine_chunks() for plan in plans if plan is not None),
        ]
    )


def _deferred(root: Root, known: pa.Table, in_plans: pa.Array) -> pa.Table:
    """Listed objects whose last pass did not reach them, unless their next pass is planned already."""
    dataset = tables.open_table(root, "objects")
    if dataset is None:
        return known.slice(0, 0)
    columns = ["uri", "version", "pass", "outcome"]
    passes: dict[tuple[str, str], dict[int, str]] = {}
    for row in dataset.scanner(columns=columns, filter="outcome = 'deferred' OR pass > 0").to_table().to_pylist():
        passes.setdefault((row["uri"], row["version"]), {})[row["pass"]] = row["outcome"]
    waiting = {
        pair: (max(seen) + 1, _deferred_in_a_row(seen))
        for pair, seen in passes.items()
        if seen[max(seen)] == "deferred"
    }
    listed = known.filter(pa.array([pair in waiting for pair in _pairs(known)], pa.bool_()))
    following = [waiting[pair] for pair in _pairs(listed)]
    ids = [object_id(*pair, waiting[pair][0]) for pair in _pairs(listed)]
    again = listed.set_column(0, "object_id", pa.array(ids, pa.string()))
    again = again.set_column(3, "pass", pa.array([step[0] for step in following], pa.int32()))
    again = again.set_column(4, "deferrals", pa.array([step[1] for step in following], pa.int32()))
    return again.filter(pc.invert(pc.is_in(again["object_id"], value_set=in_plans)))


def _deferred_in_a_row(outcomes: dict[int, str]) -> int:
    """Of the last passes, how many did not reach the object."""
    newest_first = (outcomes[number] for number in sorted(outcomes, reverse=True))
    return len(list(itertools.takewhile(lambda outcome: outcome == "deferred", newest_first)))


def _as_planned(files: pa.Table, ids: list[str], passes: list[int], deferrals: list[int]) -> pa.Table:
    modified = pc.cast(pc.multiply(files["modified_at"], 1e6), pa.int64(), safe=False)
    columns = {
        "object_id": ids,
        "uri": files["uri"],
        "version": files["version"],
        "pass": passes,
        "deferrals": deferrals,
        "byte_size": files["byte_size"],
        "modified_at": modified.cast(pa.timestamp("us", tz="UTC")),
    }
    columns |= {name: pa.nulls(len(files), PLANNED.field(name).type) for name in DESCRIBED}
    return pa.table(columns, schema=PLANNED)


def _pairs(files: pa.Table) -> Iterator[tuple[str, str]]:
    return zip(files["uri"].to_pylist(), files["version"].to_pylist(), strict=True)


def cut(objects: pa.Table, by: str | None, most: int, most_bytes: int) -> Iterator[pa.Table]:
    """Batches of rows as PLANNED, in their order; with `by`, in the order of its values, and no two in one batch."""
    objects, values = _grouped(objects, by)
    start = total = 0
    for place, size in enumerate(objects["byte_size"].to_pylist()):
        full = place - start == most or total + size > most_bytes or values[place] != values[start]
        if place > start and full:
            yield objects.slice(start, place - start)
            start, total = place, 0
        total += size
    if len(objects) > start:
        yield objects.slice(start)


def _grouped(objects: pa.Table, by: str | None) -> tuple[pa.Table, list[str | None]]:
    """The rows in the order of their values of `by`, those without one last; and the values."""
    if by is None:
        return objects, [None] * len(objects)
    if by in ("sensor_id", "sequence_id"):
        stated = objects[by].to_pylist()
    else:
        stated = [json.loads(text or "{}").get(by) for text in objects["metadata"].to_pylist()]
    values = [None if value is None else str(value) for value in stated]
    order = sorted(range(len(values)), key=lambda place: (values[place] is None, values[place] or ""))
    return objects.take(pa.array(order, pa.int64())), [values[place] for place in order]


def _refuse_empty(log: Log, source: str, listing: Listing) -> None:
    if any(batch.planned.source == source for batch in log.batches.values()):
        return  # a source that was emptied after it was taken in is no mistake
    if listing.unreadable:
        raise UsageError(f"Nothing in {source} can be taken, and {shown(listing.unreadable[0])} cannot be read.")
    if listing.listed == 0:
        raise UsageError(f"The source {source} holds no files.")
    raise UsageError(
        f"None of the {listing.listed} files in {source} is taken: ingest.include names the patterns of those that are."
    )
