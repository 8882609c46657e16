"""Embed crops: what boxes and masks cut out of samples and lacks a vector, for strategies that look at crops."""

from dataclasses import asdict

import pyarrow as pa
import pyarrow.compute as pc

from tasks.embed.choose import Model, recorded_model
from tasks.embed.members import CROPS, members_uri, table_for
from tasks.labels.crops import STAGE, read_crops
from tasks.store import staging, tables, views
from tasks.store.ids import batch_id
from tasks.store.log import Event, Log, read_log, record
from tasks.store.root import Root, open_root
from tasks.unit import unit

BATCH_SIZE = 100_000
"""Crops that are gated and committed together."""


@unit("plan crops")
def plan_crops(root: str, version: str, least_score: float) -> tuple[str, ...]:
    """Plan batches of the crops that lack a vector of the root's model; the ids of all such batches not done yet.

    What stands in a batch that is open, or that somebody gave up, is planned in no other.

    Args:
        root: URI of the root.
        version: model whose predictions say where crops are, in samples that have no label with boxes or masks.
        least_score: what is predicted with a lower score is none, 0 to 1.
    """
    opened = open_root(root)
    model = recorded_model(opened)
    lacking = _lacking(opened, model, version, least_score) if model else CROPS.empty_table()
    for start in range(0, len(lacking) if model else 0, BATCH_SIZE):
        _plan(opened, model, lacking.slice(start, BATCH_SIZE))
    return tuple(batch.batch_id for batch in read_log(opened).open_batches if batch.planned.stage == STAGE)


def _lacking(root: Root, model: Model, version: str, least_score: float) -> pa.Table:
    log = read_log(root)
    found = read_crops(views.connect(root), version, least_score)
    crops = [{"crop_id": crop.crop_id, **asdict(crop)} for crops in found.values() for crop in crops]
    known = _embedded(root, log, model) | _planned(root, log)
    return pa.Table.from_pylist([crop for crop in crops if crop["crop_id"] not in known], schema=CROPS)


def _embedded(root: Root, log: Log, model: Model) -> set[str]:
    """Crops that have a vector which readers see."""
    dataset = tables.open_table(root, table_for(CROPS.empty_table(), model).name)
    if dataset is None:
        return set()
    rows = dataset.to_table(columns=["crop_id", "batch_id"])
    visible = pa.array(log.visible(STAGE), pa.string())
    return set(rows.filter(pc.is_in(rows["batch_id"], value_set=visible))["crop_id"].to_pylist())


def _planned(root: Root, log: Log) -> set[str]:
    """Crops of batches that are open or were given up; what is staged of the latter goes after a while."""
    found: set[str] = set()
    for batch in log.batches.values():
        if batch.planned.stage == STAGE and STAGE not in batch.committed:
            members = staging.read_rows(root, members_uri(root, batch.batch_id), ["crop_id"])
            found.update(members["crop_id"].to_pylist() if members is not None else ())
    return found


def _plan(root: Root, model: Model | None, crops: pa.Table) -> None:
    assert model is not None
    name = batch_id("c", [model.name, *crops["crop_id"].to_pylist()])
    staging.write_rows(root, members_uri(root, name), crops)
    event = Event(name, "planned", STAGE, "samples", {"crops": len(crops)}, staging.settings_hash(model.name))
    record(root, lambda log: None if name in log.batches else event)
