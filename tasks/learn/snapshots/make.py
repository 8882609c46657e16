"""Make a snapshot: an immutable manifest of samples, their labels and their sides, judged before it counts."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tasks.labels.ontology import Ontology
from tasks.labels.set_aside import settle_share
from tasks.labels.snapshot import SIDES, Snapshot, as_snapshot, manifest_uri, with_header, write_manifest
from tasks.learn.settings import LearnSettings
from tasks.learn.snapshots.labelled import (
    Labelled,
    NotYet,
    annotation_ids,
    labelled_samples,
    ontology_to_learn,
    refuse_too_few,
)
from tasks.learn.snapshots.leaks import leaks_of
from tasks.learn.snapshots.manifest import Made, made_snapshot, names_of
from tasks.store import staging
from tasks.store.commit import Resolved, commit
from tasks.store.errors import UsageError, WinnowError
from tasks.store.log import Batch, Event, Log, read_log, record
from tasks.store.root import Root, open_root
from tasks.store.schema import SNAPSHOTS
from tasks.store.staging import Staged
from tasks.unit import unit

REVISION = 1
"""Goes up when the code gives other sides, or finds other leaks, for the same labels."""

STAGE = "snapshot"

_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,63}")


@dataclass(frozen=True)
class Wanted:
    """A snapshot to make.

    Attributes:
        name: of it; None where there is nothing to do.
        why: in words.
        unfit: whether nothing is to do since nothing can be learned from the labels.
    """

    name: str | None
    why: str
    unfit: bool = False

    def refuse_unfit(self) -> None:
        """Raise UsageError if nothing can be learned from the labels: for whoever asked for just that."""
        if self.unfit:
            raise UsageError(f"{self.why}.")


def wanted_snapshot(root: Root, settings: LearnSettings, name: str | None = None, held: Collection[str] = ()) -> Wanted:
    """Which snapshot is to be made now, without doing anything: one is due when labels changed and are enough.

    Args:
        root: where the dataset is.
        settings: of learn.
        name: of a snapshot to make in any case; without it, `snapshot-N` is made when it is due.
        held: snapshots that wait for a decision: others overtake them.

    Raises:
        UsageError: the name is no name or taken, or nothing can be learned from the labels.
    """
    if name is not None and not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name of a snapshot: letters, digits, '.', '_' and '-', at most 64.")
    log = read_log(root)
    begun = [batch.batch_id for batch in log.open_batches if batch.planned.stage == STAGE]
    begun = [snapshot for snapshot in begun if snapshot not in held and name in (None, snapshot)]
    if begun:
        return Wanted(begun[0], f"{begun[0]} was begun")
    if name is not None and name in log.batches:
        _refuse_taken(log.batches[name])
        return Wanted(None, f"{name} is held: `winnow status` says why")
    if name is not None:
        refuse_too_few(labelled_samples(root, settings.ontology))
        return Wanted(name, "")
    try:
        return _due(root, log, settings)
    except NotYet as error:
        return Wanted(None, str(error).removesuffix("."), unfit=True)


@unit("make snapshot")
def make_snapshot(root: str, name: str, settings: LearnSettings) -> Staged:
    """Stage the manifest of a snapshot, with the labels of now; what a person released stays as it was judged.

    Args:
        root: URI of the root.
        name: of the snapshot.
        settings: of learn.

    Raises:
        UsageError: nothing can be learned from the labels, no sample is for testing, or a condition is wrong.
    """
    opened = open_root(root)
    judged = _released(opened, read_log(opened), name)
    if judged is not None:
        return judged
    found = labelled_samples(opened, settings.ontology)
    refuse_too_few(found)
    made = made_snapshot(opened, name, found, settings)
    settle_share(opened, 0.0 if settings.split.test_where else settings.test_share)
    state = _state(found.annotations, found.ontology, settings)
    planned = Event(name, "planned", STAGE, counts={"ontology": found.ontology.name, "state": state})
    record(opened, lambda newest: None if name in newest.batches else planned)
    version = staging.settings_hash(made.snapshot.hash, REVISION)
    uri = staging.shard_uri(opened, name, STAGE, version, 0)
    rows = staging.read_rows(opened, uri)
    if rows is None:
        rows = _with_leaks(opened, made.snapshot)
        staging.write_rows(opened, uri, rows)
    facts = _facts(made, found) | {"leaks": len(rows) - rows["leak"].null_count, "state": state}
    return Staged(name, STAGE, uri, facts, staging.settings_hash(version, facts))


@unit("commit snapshot")
def commit_snapshot(root: str, name: str, staged: Staged) -> dict[str, Any]:
    """Commit a snapshot: its manifest first, then the row that makes it known. Its counts.

    Raises:
        WinnowError: another snapshot became the newest one since the sides were given.
    """
    opened = open_root(root)

    def resolve(log: Log) -> Resolved:
        rows = next(iter(staging.read_all(opened, [staged.rows_uri])))
        snapshot = as_snapshot(rows.drop_columns(["leak"]))
        if _newest(log, snapshot.ontology) != snapshot.parent:
            raise WinnowError(f"Another snapshot was made since {name} was begun: run the same command again.")
        row = {
            "name": name,
            "manifest_uri": manifest_uri(opened, name),
            "manifest_hash": snapshot.hash,
            "parent": snapshot.parent,
            "created_at": datetime.now(UTC),
        }
        write_manifest(opened, snapshot)
        counts: dict[str, Any] = {f"snapshot_{side}": len(snapshot.side(side)) for side in SIDES}
        counts |= {"snapshot_samples": len(snapshot.rows), "ontology": snapshot.ontology}
        counts |= {"state": staged.facts["state"]}
        return Resolved([(SNAPSHOTS, pa.Table.from_pylist([row], schema=SNAPSHOTS.schema))], counts)

    return commit(opened, name, STAGE, resolve).counts


def _refuse_taken(batch: Batch) -> None:
    if batch.planned.stage != STAGE or batch.held is None:
        raise UsageError(f"The name {batch.batch_id} is taken: a snapshot never changes, choose another name.")


def _due(root: Root, log: Log, settings: LearnSettings) -> Wanted:
    ontology = ontology_to_learn(root, settings.ontology)
    last = [batch for batch in log.batches.values() if _is_of(batch, ontology.name)][-1:]
    if last and _rests_on(last[0]) == _state(annotation_ids(root, ontology.name), ontology, settings):
        return Wanted(None, f"no label has changed since {last[0].batch_id}")
    found = labelled_samples(root, settings.ontology)
    refuse_too_few(found)
    if len(found.rows) < settings.min_labels:
        return Wanted(None, f"{len(found.rows)} samples have a label, learn.min_labels is {settings.min_labels}")
    name = _next_name(log)
    made_snapshot(root, name, found, settings)
    return Wanted(name, "")


def _newest(log: Log, ontology: str) -> str | None:
    return next(reversed(names_of(log, ontology)), None)


def _is_open(log: Log, name: str) -> bool:
    return log.batches[name].next_stage is not None


def _is_of(batch: Batch, ontology: str) -> bool:
    return batch.planned.stage == STAGE and batch.planned.counts["ontology"] == ontology


def _rests_on(batch: Batch) -> str:
    """The state of what a snapshot was made from, last."""
    return next(str(event.counts["state"]) for event in reversed(batch.events) if "state" in event.counts)


def _state(annotations: list[str], ontology: Ontology, settings: LearnSettings) -> str:
    """What a snapshot rests on: labels, the ontology, and how sides are given."""
    split = settings.split.model_dump(mode="json")
    return staging.settings_hash(annotations, ontology.version, split, settings.test_share, REVISION)


def _released(root: Root, log: Log, name: str) -> Staged | None:
    """The rows that somebody has released: these and no others, whatever the labels are now.

    Others may have overtaken it and have given its samples their sides: then it is discarded.
    """
    batch = log.batches.get(name)
    if batch is None or not batch.released or batch.judged is None:
        return None
    uri = root.uri + batch.judged
    rows = staging.read_rows(root, uri)
    if rows is None:
        return None
    snapshot, newest = as_snapshot(rows), _newest(log, batch.planned.counts["ontology"])
    if newest != snapshot.parent:
        why = f"{newest} was made while {name} was held"
        record(root, lambda newest: Event(name, "discarded", STAGE, note=why) if _is_open(newest, name) else None)
        raise UsageError(f"{why}, so {name} is discarded: `winnow snapshot` makes another one.")
    return Staged(name, STAGE, uri, {"state": _rests_on(batch)}, staging.settings_hash(uri))


def _with_leaks(root: Root, snapshot: Snapshot) -> pa.Table:
    """The manifest with a column `leak`: the sample on another side that a sample repeats, in words; null if none."""
    rows = with_header(snapshot)
    ids, sides = rows["sample_id"].to_pylist(), rows["side"].to_pylist()
    side_of = dict(zip(ids, sides, strict=True))
    twins = leaks_of(root, ids, sides)
    told = [
        f"{one} on {side_of[one]} is {twins[one]} on {side_of[twins[one]]}" if one in twins else None for one in ids
    ]
    return rows.append_column("leak", pa.array(told, pa.string()))


def _facts(made: Made, found: Labelled) -> dict[str, Any]:
    """What the gate compares."""
    rows = made.snapshot.rows
    counted = {side: pc.sum(pc.equal(rows["side"], side)).as_py() or 0 for side in SIDES}
    classes = {row["sample_id"]: row["classes"] for row in found.rows}
    pairs = zip(rows["sample_id"].to_pylist(), rows["side"].to_pylist(), strict=True)
    by_class = {name: dict.fromkeys(SIDES, 0) for name in made.snapshot.classes}
    for sample, side in pairs:
        for name in classes[sample]:
            by_class[name][side] += 1
    return {
        "sides": counted,
        "by_class": by_class,
        "label_type": made.snapshot.label_type,
        "left_out": dict(found.left_out),
        "bridges": made.bridges,
        "torn": made.torn,
        "elsewhere": made.elsewhere,
    }


def _next_name(log: Log) -> str:
    number = 1
    while f"snapshot-{number}" in log.batches:
        number += 1
    return f"snapshot-{number}"
