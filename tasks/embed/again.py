"""Embed again: kept samples that the model of the root has not seen, after it was changed."""

import json

from tasks.embed.choose import Model, choose_model, is_asked_for, recorded_model
from tasks.embed.members import SAMPLES, members_uri
from tasks.embed.settings import EmbedSettings
from tasks.store import staging, views
from tasks.store.errors import Unreachable
from tasks.store.ids import batch_id
from tasks.store.kept import discarded_after_ingest
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
    model = recorded_model(opened)
    reasons = _reasons_to_lack(log, model) if model else []
    if model and reasons and reasons != _looked_into(opened):
        _plan(opened, model)
        opened.storage.write(_looked_into_uri(opened), json.dumps(reasons).encode())
        log = read_log(opened)
    return tuple(batch.batch_id for batch in log.open_batches if batch.planned.stage == "embed")


def asks_for_another(root: Root, settings: EmbedSettings) -> bool:
    """Whether the settings name another model than the one that the root has."""
    model = recorded_model(root)
    return model is not None and not is_asked_for(model, settings)


def _reasons_to_lack(log: Log, model: Model) -> list[str]:
    """Why kept samples may lack a vector of the model: batches that another one embedded, batches given up, forgetting.

    To look costs as much as there are samples, so each reason is looked into once.
    """
    embedded = [event for event in log.events if event.event == "committed" and event.stage == "embed"]
    others = [event.batch_id for event in embedded if event.counts.get("model") != model.name]
    reasons = [*others, *discarded_after_ingest(log), *log.visible("forget")]
    return [model.name, *reasons] if reasons else []


def _looked_into(root: Root) -> list[str]:
    """The reasons that the last look covered."""
    try:
        return list(json.loads(root.storage.read(_looked_into_uri(root))))
    except (Unreachable, ValueError):
        return []


def _looked_into_uri(root: Root) -> str:
    return root.at("indexes", "embedded.json")


def _plan(root: Root, model: Model) -> None:
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
    staging.write_rows(root, members_uri(root, name), lacking.cast(SAMPLES))
    event = Event(name, "planned", "embed", "samples", {"samples": len(lacking)}, staging.settings_hash(model.name))
    record(root, lambda log: None if name in log.batches else event)
