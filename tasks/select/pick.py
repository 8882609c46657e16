"""Pick samples from the pool: plan a selection, stage its picks, commit them."""

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tasks.labels.crops import STAGE
from tasks.select.columns import WEAK
from tasks.select.model import predicting_model
from tasks.select.order import Chosen, ordered
from tasks.select.pool import Wants, open_tasks, pool_size, read_pool
from tasks.select.set_aside import NOTHING, SetAside, put_first, set_apart
from tasks.select.settings import SelectSettings
from tasks.store import choices, staging, tables, views
from tasks.store.commit import Resolved, commit
from tasks.store.errors import UsageError
from tasks.store.ids import make_id
from tasks.store.log import Event, Log, read_log, record
from tasks.store.root import Root, open_root
from tasks.store.schema import SELECTIONS
from tasks.store.staging import Staged
from tasks.unit import unit

REVISION = 4
"""Goes up when the code gives other picks for the same pool."""

_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,63}")

_HEADER = b"winnow"

_PICKS = pa.schema(
    [
        ("sample_id", pa.string()),
        ("rank", pa.int32()),
        ("gain", pa.float64()),
        ("reason", pa.string()),
        ("kept", pa.bool_()),
        ("labelled", pa.bool_()),
    ]
)


@dataclass(frozen=True)
class Wanted:
    """A selection to make: its name and size at most; `name` is None where there is nothing to do, `why` says why."""

    name: str | None
    most: int
    why: str


def wanted_selection(
    root: Root,
    settings: SelectSettings,
    name: str | None = None,
    held: Collection[str] = (),
    ontology: str | None = None,
) -> Wanted:
    """What select has to do now, without doing anything: it works when the pool, the labels or its settings changed.

    Args:
        root: where the dataset is.
        settings: budget and strategies.
        name: of a selection to make in any case; without it, `selection-N` is made when it is due.
        held: selections that wait for a decision: others overtake them.
        ontology: whose champion serves strategies; without it, whichever was promoted last.

    Raises:
        UsageError: the name is no name.
    """
    if name is not None and not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name of a selection: letters, digits, '.', '_' and '-', at most 64.")
    log = read_log(root)
    begun = [batch.batch_id for batch in log.open_batches if batch.planned.stage == "select"]
    begun = [selection for selection in begun if selection not in held and name in (None, selection)]
    if begun:
        return Wanted(begun[0], _room(root, settings), f"{begun[0]} was begun")
    if choices.recall(root, choices.EMBEDDING) is None or not log.visible("compare"):
        return Wanted(None, 0, "no sample is embedded and compared yet")
    if name in log.batches:
        return Wanted(None, 0, f"{name} is made already")
    last = [batch for batch in log.batches.values() if batch.planned.stage == "select"][-1:]
    if name is None and last and last[0].planned.counts["state"] == _state(root, log, settings, ontology):
        return Wanted(None, 0, f"the pool has not changed since {last[0].batch_id}")
    room = _room(root, settings)
    if room < 1:
        return Wanted(None, 0, f"the label queue is full: {settings.open_tasks_max} samples wait for a label")
    model: Any = choices.recall(root, choices.EMBEDDING)
    if pool_size(root, model["name"]) == 0:
        return Wanted(None, 0, "every sample in the pool is selected or labelled")
    return Wanted(name or _next_name(log), room, "")


def is_released(root: Root, name: str) -> bool:
    """Whether somebody has released picks of that selection: these and no others are committed."""
    batch = read_log(root).batches.get(name)
    return batch is not None and batch.released


@unit("pick samples")
def pick_samples(
    root: str,
    name: str,
    most: int,
    settings: SelectSettings,
    aside: SetAside = NOTHING,
    ontology: str | None = None,
) -> Staged:
    """Stage the picks of a selection.

    Args:
        root: URI of the root.
        name: of the selection.
        most: picks at most, besides the budget.
        settings: budget and strategies.
        aside: what is set aside for testing: no strategy picks it.
        ontology: as for `wanted_selection`.
    """
    opened = open_root(root)
    log = read_log(opened)
    judged = _released_picks(opened, log, name)
    if judged is not None:
        return judged
    state = _state(opened, log, settings, ontology)
    model: Any = choices.recall(opened, choices.EMBEDDING)
    wants = _wants(settings, predicting_model(opened, log, settings, ontology), ontology)
    pool = read_pool(opened, model["table"], model["name"], wants)
    budget = min(settings.picks_of(len(pool)), most)
    apart = set_apart(opened, pool, aside, budget, settings.filters)
    left, budget = apart.pool, budget - len(apart.ids)
    crops = [log.visible(STAGE)] if settings.of_crops else []
    rests_on = [left.ids, apart.ids, budget, wants.model, ontology, _labels(opened), log.visible("select"), *crops]
    uri = staging.shard_uri(opened, name, "select", staging.settings_hash(settings.dumped(), *rests_on, REVISION), 0)
    picks = staging.read_rows(opened, uri)
    is_new = picks is None
    if picks is None:
        chosen = ordered(left, budget, settings)
        size = {
            "stated": settings.budget,
            "wanted": settings.picks_of(len(pool)),
            "budget": budget + len(apart.ids),
            "picks": len(chosen.ids) + len(apart.ids),
            "testing": len(apart.ids),
            "pool": len(pool),
            "aside": len(pool) - len(left),
        }
        picks = put_first(_picked(opened, chosen, size), _standing(opened, apart.ids))
    # Only now: what is refused for its settings begins nothing.
    planned = Event(name, "planned", "select", "pool", {"state": state}, _settings_hash(settings))
    record(opened, lambda newest: None if name in newest.batches else planned)
    if is_new:
        staging.write_rows(opened, uri, picks)
    facts = {"picks": len(picks), "budget": budget + len(apart.ids), "pool": len(pool), **_told(picks)}
    return Staged(name, "select", uri, facts, staging.settings_hash(uri.removeprefix(opened.uri), facts))


def _wants(settings: SelectSettings, model: str | None, ontology: str | None) -> Wants:
    """What the strategies need of the pool."""
    return Wants(
        model=model,
        ontology=ontology,
        queries=settings.queries,
        weak=WEAK in settings.columns,
        box_score=settings.box_score,
        crops=settings.of_crops,
    )


def _released_picks(root: Root, log: Log, name: str) -> Staged | None:
    """The picks that somebody has released: these and no others, whatever the pool is now."""
    batch = log.batches.get(name)
    if batch is None or not batch.released or batch.judged is None:
        return None
    uri = root.uri + batch.judged
    picks = staging.read_rows(root, uri)
    return None if picks is None else Staged(name, "select", uri, {"picks": len(picks)}, staging.settings_hash(uri))


@unit("commit selection")
def commit_selection(root: str, name: str, staged: Staged) -> dict[str, Any]:
    """Commit a selection; picks that left the pool meanwhile are left out. Its counts."""
    opened = open_root(root)

    def resolve(_log: Log) -> Resolved:
        picks = next(iter(staging.read_all(opened, [staged.rows_uri])))
        standing = _standing(opened, picks["sample_id"].to_pylist())
        gone = pc.or_(standing["labelled"], standing["queued"])
        still = picks.filter(pc.and_(standing["kept"], pc.invert(gone)))
        now = pa.scalar(datetime.now(UTC), pa.timestamp("us", tz="UTC"))
        columns = {
            "pick_id": [make_id(name, sample) for sample in still["sample_id"].to_pylist()],
            "selection": pa.repeat(name, len(still)),
            "sample_id": still["sample_id"],
            "rank": pa.array(range(1, len(still) + 1), pa.int32()),
            "gain": still["gain"],
            "reason": still["reason"],
            "created_at": pa.repeat(now, len(still)),
        }
        counts = {"selected": len(still), **_told(picks)}
        return Resolved([(SELECTIONS, pa.table(columns).cast(SELECTIONS.schema))], counts)

    return commit(opened, name, "select", resolve).counts


def _picked(root: Root, chosen: Chosen, size: dict[str, Any]) -> pa.Table:
    """Rows to stage, and what is told of the whole in their schema: the same file, whole or not at all."""
    standing = _standing(root, chosen.ids)
    columns = {
        "sample_id": chosen.ids,
        "rank": range(1, len(chosen.ids) + 1),
        "gain": [pick.gain for pick in chosen.picks],
        "reason": [pick.reason for pick in chosen.picks],
        "kept": standing["kept"],
        "labelled": standing["labelled"],
    }
    return pa.table(columns, schema=_PICKS).replace_schema_metadata({_HEADER: json.dumps(chosen.told | {"size": size})})


def _told(picks: pa.Table) -> dict[str, Any]:
    """What was asked, what was reached, and all else that `Chosen` tells; and the size of it.

    Of `size`: `stated`, the budget as in the settings; `wanted`, the same in samples; `budget`, as much of it as the
    label queue has room for; `picks`, and `testing`, those of them that are for testing; `pool`, the samples in it, and
    `aside`, those of them that are set aside for testing.
    """
    told: dict[str, Any] = json.loads((picks.schema.metadata or {}).get(_HEADER, b"{}"))
    return told


def _standing(root: Root, ids: list[str]) -> pa.Table:
    """For each sample, in order, whether it is kept now, whether it is labelled, and whether it is selected already."""
    asked = pa.table({"place": pa.array(range(len(ids)), pa.int64()), "sample_id": pa.array(ids, pa.string())})
    return (
        views.connect(root, asked=asked)
        .sql(
            """SELECT sample_id, sample_id IN (SELECT sample_id FROM kept) AS kept,
            sample_id IN (SELECT sample_id FROM labels) AS labelled,
            sample_id IN (SELECT sample_id FROM selections) AS queued FROM asked ORDER BY place"""
        )
        .to_arrow_table()
    )


def _state(root: Root, log: Log, settings: SelectSettings, ontology: str | None) -> str:
    """What a selection rests on: batches, embedded and compared, labels, what its strategies read, its settings."""
    model = choices.recall(root, choices.EMBEDDING) or {}
    tagged = _rows_of(root, "tags") if settings.reads_tags else 0
    predicting = predicting_model(root, log, settings, ontology) if settings.columns or settings.of_crops else None
    said = [log.visible("embed"), log.visible("compare"), _labels(root), tagged, model.get("name"), settings.dumped()]
    said += [predicting] if predicting else []
    said += [_rows_of(root, "predictions")] if settings.of_crops else []
    return staging.settings_hash(*said)


def _labels(root: Root) -> int:
    return _rows_of(root, "annotations")


def _rows_of(root: Root, name: str) -> int:
    dataset = tables.open_table(root, name)
    return dataset.count_rows() if dataset else 0


def _settings_hash(settings: SelectSettings) -> str:
    return staging.settings_hash(settings.dumped())


def _room(root: Root, settings: SelectSettings) -> int:
    return max(0, settings.open_tasks_max - open_tasks(root))


def _next_name(log: Log) -> str:
    number = 1
    while f"selection-{number}" in log.batches:
        number += 1
    return f"selection-{number}"
