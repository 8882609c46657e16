"""Embed crops: the objects that samples show and that lack a vector, for strategies that look at objects."""

from dataclasses import asdict

import pyarrow as pa

from tasks.embed.choose import Model, recorded_model
from tasks.embed.members import CROPS, members_uri, table_for
from tasks.labels.crops import read_crops
from tasks.store import staging, tables, views
from tasks.store.ids import batch_id
from tasks.store.log import Event, Log, read_log, record
from tasks.store.root import Root, open_root
from tasks.unit import unit

SOURCE = "crops"


@unit("plan crops")
def plan_crops(root: str, version: str, least_score: float) -> tuple[str, ...]:
    """Plan a batch of the crops that lack a vector of the root's model; the ids of all such batches not done yet.

    Args:
        root: URI of the root.
        version: model whose predictions say where objects are, in samples that have no label with boxes or masks.
        least_score: predicted objects with a lower score are none, 0 to 1.
    """
    opened = open_root(root)
    model = recorded_model(opened)
    if model:
        _plan(opened, model, _lacking(opened, model, version, least_score))
    waiting = [batch for batch in read_log(opened).open_batches if batch.planned.source == SOURCE]
    return tuple(batch.batch_id for batch in waiting)


def _lacking(root: Root, model: Model, version: str, least_score: float) -> pa.Table:
    log = read_log(root)
    found = read_crops(views.connect(root), version, least_score)
    crops = [{"crop_id": crop.crop_id, **asdict(crop)} for crops in found.values() for crop in crops]
    known = _known(root, log, model)
    return pa.Table.from_pylist([crop for crop in crops if crop["crop_id"] not in known], schema=CROPS)


def _known(root: Root, log: Log, model: Model) -> set[str]:
    """Crops that have a vector which readers see."""
    dataset = tables.open_table(root, table_for(CROPS.empty_table(), model).name)
    if dataset is None:
        return set()
    rows = dataset.to_table(columns=["crop_id", "batch_id"])
    visible = pa.array(log.visible("embed"), pa.string())
    return set(rows.filter(pa.compute.is_in(rows["batch_id"], value_set=visible))["crop_id"].to_pylist())


def _plan(root: Root, model: Model, crops: pa.Table) -> None:
    if not len(crops):
        return
    name = batch_id("c", [model.name, *crops["crop_id"].to_pylist()])
    staging.write_rows(root, members_uri(root, name), crops)
    event = Event(name, "planned", "embed", SOURCE, {"crops": len(crops)}, staging.settings_hash(model.name))
    record(root, lambda log: None if name in log.batches else event)
