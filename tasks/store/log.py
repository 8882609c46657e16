"""The batch log: what was planned, held, decided and committed, in one sequence that all writers agree on."""

import getpass
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Literal

import pyarrow as pa

from tasks.store import tables
from tasks.store.root import Root
from tasks.store.schema import BATCHES

Name = Literal["planned", "staged", "held", "released", "discarded", "committing", "committed"]

STAGES = ("ingest", "dedupe", "embed", "compare")
"""What a batch of objects goes through, in order. A selection goes through `select` alone, a round of labels
through `label`, a snapshot through `snapshot`, a model through `train`, what is embedded again through `embed`, crops
of samples through `crops`, what is forgotten through `forget`."""


@dataclass(frozen=True)
class Event:
    """One row of the log. `seq` is 0 until it is appended."""

    batch_id: str
    event: Name
    stage: str
    source: str | None = None
    counts: dict[str, Any] = field(default_factory=dict)
    settings_hash: str | None = None
    by: str | None = None
    note: str | None = None
    at: datetime | None = None
    seq: int = 0


@dataclass(frozen=True)
class Batch:
    """What the log says of one batch (or selection)."""

    planned: Event
    events: tuple[Event, ...]

    @property
    def batch_id(self) -> str:
        """Its id."""
        return self.planned.batch_id

    @property
    def committed(self) -> list[str]:
        """Stages that are committed."""
        return [event.stage for event in self.events if event.event == "committed"]

    @property
    def discarded(self) -> Event | None:
        """The decision to discard it, if there was one."""
        return next((event for event in self.events if event.event == "discarded"), None)

    @property
    def next_stage(self) -> str | None:
        """The stage that it stands before; None if it is done. What was discarded at ingest or label is still told."""
        chain = STAGES if self.planned.stage == "ingest" else (self.planned.stage,)
        waiting = next((stage for stage in chain if stage not in self.committed), None)
        if self.discarded:
            return waiting if self.discarded.stage == waiting and waiting in ("ingest", "label") else None
        return waiting

    @property
    def committing(self) -> Event | None:
        """A commit that was begun and not finished."""
        begun = [event for event in self.events if event.event == "committing" and event.stage not in self.committed]
        return begun[-1] if begun else None

    @property
    def held(self) -> Event | None:
        """The hold that nobody has settled yet."""
        about = [event for event in self.events if event.stage == self.next_stage]
        about = [event for event in about if event.event in ("held", "released", "discarded", "committing")]
        return about[-1] if about and about[-1].event == "held" else None

    @property
    def released(self) -> bool:
        """Whether somebody let it through the gate that it stands before."""
        return any(event.event == "released" and event.stage == self.next_stage for event in self.events)

    @property
    def judged(self) -> str | None:
        """Where the rows lie that were judged when it was held last, from the root on; None if none were."""
        held = [event for event in self.events if event.event == "held" and "judged" in event.counts]
        return str(held[-1].counts["judged"]) if held else None


@dataclass(frozen=True)
class Log:
    """The log as it was read: batches in the order in which they were planned. Shared by all who read that version."""

    events: tuple[Event, ...]
    batches: Mapping[str, Batch]

    @property
    def last(self) -> int:
        """`seq` of the last event; 0 for an empty log."""
        return self.events[-1].seq if self.events else 0

    @property
    def open_batches(self) -> list[Batch]:
        """Batches with a stage before them, held ones too."""
        return [batch for batch in self.batches.values() if batch.next_stage]

    def visible(self, stage: str) -> list[str]:
        """Batches whose rows of that stage readers see, in the order of their commits."""
        committed = [event.batch_id for event in self.events if event.event == "committed" and event.stage == stage]
        return [batch_id for batch_id in committed if not self.batches[batch_id].discarded]


def read_log(root: Root) -> Log:
    """The whole log, oldest event first; its rows are read once a version, however often it is asked for."""
    global _last_read
    dataset = tables.open_table(root, BATCHES.name)
    if dataset is None:
        return _as_log([])
    version = (root.uri, dataset.version, tables.newest_file(dataset))
    known, log = _last_read
    if version != known:
        log = _as_log(dataset.to_table().sort_by("seq").to_pylist())
        _last_read = (version, log)
    return log


def append(root: Root, log: Log, event: Event) -> bool:
    """Append an event behind the last one of `log`; False if somebody else was first, then read and decide again.

    A bucket may take the row and its answer may be lost; then the row was there when it was inserted again.
    """
    row = {**event.__dict__, "seq": log.last + 1, "counts": json.dumps(event.counts, sort_keys=True)}
    row |= {"by": event.by or who(), "at": datetime.now(UTC)}
    inserted = tables.insert(root, BATCHES, pa.Table.from_pylist([row], schema=BATCHES.schema))
    return inserted == 1 or _as_event(row) in read_log(root).events


def record(root: Root, decide: Callable[[Log], Event | None]) -> Event | None:
    """Append what `decide` makes of the newest log; it is asked again whenever somebody else was first.

    `decide` returns None where there is nothing (more) to record.
    """
    while True:
        log = read_log(root)
        event = decide(log)
        if event is None or append(root, log, event):
            return event


def _as_log(rows: list[dict[str, Any]]) -> Log:
    events = tuple(_as_event(row) for row in rows)
    by_batch: dict[str, list[Event]] = {event.batch_id: [] for event in events if event.event == "planned"}
    for event in events:
        by_batch[event.batch_id].append(event)
    planned = {batch: next(event for event in about if event.event == "planned") for batch, about in by_batch.items()}
    batches = {batch: Batch(planned[batch], tuple(about)) for batch, about in by_batch.items()}
    return Log(events, MappingProxyType(batches))


def _as_event(row: dict[str, Any]) -> Event:
    return Event(**{**row, "counts": json.loads(row["counts"] or "{}")})


_last_read: tuple[tuple[str, int, str | None] | None, Log] = (None, _as_log([]))


def who() -> str:
    """The user on whose account this runs."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
