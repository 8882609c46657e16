"""Embed again: kept samples that the model of the root has not seen, after it was changed."""

import pyarrow as pa

from tasks.embed.choose import choose_model, recorded_model
from tasks.embed.settings import EmbedSettings
from tasks.store import staging, views
from tasks.store.ids import batch_id
from tasks.store.log import Event, Log, read_log, record
from tasks.store.root import Root, open_root
from tasks.unit import unit


@unit("plan again")
def plan_again(root: str, settings: EmbedSettings) -> tuple[str, ...]:
    """Plan a batch of the kept samples that lack a vector of the model; the ids of all such batches not done yet."""
    opened = open_root(root)
    if asks_for_another(opened, settings):
        choose_model.fn(root, settings)
    log = read_log(opened)
    if _may_lack(opened, log):
        _plan(opened)
        log = read_log(opened)
    return tuple(batch.batch_id for batch in log.open_batches if batch.planned.stage == "embed")


def asks_for_another(root: Root, settings: EmbedSettings) -> bool:
    """Whether the settings name another model than the one that the root has."""
    model = recorded_model(root)
    return model is not None and settings.asked() not in (model.asked, ["auto", None])


def members_uri(root: Root, batch: str) -> str:
    """Where the samples of such a batch are listed."""
    return root.at("staging", batch, "members.parquet")


def _may_lack(root: Root, log: Log) -> bool:
    """Whether it is worth to look: a look costs as much as there are samples."""
    model = recorded_model(root)
    embedded = [event for event in log.events if event.event == "committed" and event.stage == "embed"]
    changed = any(event.counts.get("model") != model.name for event in embedded) if model else False
    return changed or any(batch.discarded and batch.discarded.stage != "ingest" for batch in log.batches.values())


def _plan(root: Root) -> None:
    model = recorded_model(root)
    if model is None:
        return
    lacking = (
        views.connect(root)
        .sql(
            """SELECT sample_id FROM kept WHERE sample_id NOT IN (SELECT sample_id FROM embeddings WHERE model = ?)
            AND batch_id IN (SELECT batch_id FROM batches WHERE event = 'committed' AND stage = 'embed')
            ORDER BY sample_id""",
            params=[model.name],
        )
        .to_arrow_table()
    )
    if not len(lacking):
        return
    name = batch_id("e", [model.name, *lacking["sample_id"].to_pylist()])
    staging.write_rows(root, members_uri(root, name), pa.table({"sample_id": lacking["sample_id"]}))
    event = Event(name, "planned", "embed", "samples", {"samples": len(lacking)}, staging.settings_hash(model.name))
    record(root, lambda log: None if name in log.batches else event)
