"""Curate: ingest -> gate -> dedupe -> gate -> embed -> gate, for every planned batch of a source."""

from typing import Any

from prefect import flow
from prefect.runtime import flow_run
from prefect.states import Completed
from prefect.task_runners import ThreadPoolTaskRunner

from flows.publish import publish_summary
from flows.run import Run, Summary
from flows.settings import Settings
from tasks.dedupe.find import commit_duplicates, find_duplicates
from tasks.embed.again import plan_again
from tasks.embed.choose import choose_model
from tasks.embed.shard import commit_embed, embed_shard, gather_embed, shards_to_embed
from tasks.ingest.plan import Plan, plan
from tasks.ingest.resolve import commit_ingest, gather_ingest
from tasks.ingest.shard import ingest_shard, shards_to_ingest
from tasks.store.root import locked, open_root


@flow(name="curate", task_runner=ThreadPoolTaskRunner(max_workers=2))  # type: ignore[arg-type]
def curate(settings: Settings, planned: Plan | None = None) -> Any:
    """Take in what is new in the source: read it, drop what repeats, embed what is kept.

    Args:
        settings: all of them; the source and the root at least.
        planned: what there is to do, if that is known already.

    Returns:
        A Summary; in a state named `Held` if a gate held something.
    """
    root = open_root(settings.root_uri, create=True)
    with locked(root, "Another run is at work in this root; waiting for it."):
        planned = planned or plan(root, settings.source_uri, settings.ingest, settings.frozen())
        run = Run(settings, str(flow_run.id or ""))
        for batch in planned.batches:
            if ingest(run, batch) and dedupe(run, batch):
                embed(run, batch)
        for batch in plan_again(run.root, settings.embed):
            embed(run, batch)
        publish_summary("curate", run.summary, {"new": planned.new})
    return finished(run.summary)


def ingest(run: Run, batch: str) -> bool:
    """Objects to samples; whether the batch goes on."""
    run.summary.batches.append(batch)
    if run.done(batch, "ingest"):
        return True
    if run.discarded(batch):
        run.count(commit_ingest(run.root, batch))
        return False
    if run.holds(batch, "ingested"):
        return False
    with run.timed("ingest"):
        ingest_shard.each(shards_to_ingest(run.root, batch, run.settings.ingest.workers))
        staged = gather_ingest(run.root, batch)
    if not run.passes("ingested", staged):
        return False
    with run.timed("ingest"):
        run.count(commit_ingest(run.root, batch))
    return True


def dedupe(run: Run, batch: str) -> bool:
    """Samples to kept ones and duplicates; whether the batch goes on."""
    if run.done(batch, "dedupe"):
        return True
    if run.holds(batch, "deduplicated"):
        return False
    with run.timed("dedupe"):
        staged = find_duplicates(run.root, batch)
    if not run.passes("deduplicated", staged):
        return False
    with run.timed("dedupe"):
        run.count(commit_duplicates(run.root, batch))
    return True


def embed(run: Run, batch: str) -> bool:
    """Kept samples to vectors; whether the batch is done."""
    if run.done(batch, "embed"):
        return True
    if run.holds(batch, "embedded"):
        return False
    with run.timed("embed"):
        model = choose_model(run.root, run.settings.embed)
        run.summary.hints += [model.hint] if model.hint and model.hint not in run.summary.hints else []
        embed_shard.each(shards_to_embed(run.root, batch, model, run.settings.embed))
        staged = gather_embed(run.root, batch, model, run.settings.embed)
    if not run.passes("embedded", staged):
        return False
    with run.timed("embed"):
        run.count(commit_embed(run.root, batch, model, run.settings.embed))
    return True


def finished(summary: Summary) -> Any:
    """The result of a flow: its summary, in a state that says if something is held."""
    if not summary.held:
        return summary
    message = f"Held: {', '.join(summary.held)}. `winnow status` says why."
    return Completed(name="Held", message=message, data=summary)
