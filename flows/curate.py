"""Curate: ingest, dedupe, embed, compare, with a gate after each, for every planned batch of a source."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from prefect import flow
from prefect.runtime import flow_run
from prefect.states import Completed
from prefect.task_runners import ThreadPoolTaskRunner

from flows.publish import publish_pictures, publish_summary
from flows.run import Run, Summary
from flows.settings import Settings
from tasks.dedupe.compare import commit_compared, compare_samples
from tasks.dedupe.find import commit_duplicates, find_duplicates
from tasks.embed.again import plan_again
from tasks.embed.choose import Model, choose_model
from tasks.embed.shard import commit_embed, embed_shard, gather_embed, shards_to_embed
from tasks.ingest.plan import Plan, plan
from tasks.ingest.resolve import commit_ingest, gather_ingest
from tasks.ingest.shard import ingest_shard, shards_to_ingest
from tasks.report.gallery import thumbnails_in
from tasks.store.errors import PlanAwayError
from tasks.store.root import WAITING, locked, open_root


@flow(name="curate", task_runner=ThreadPoolTaskRunner(max_workers=2))  # type: ignore[arg-type]
def curate(settings: Settings, planned: Plan | None = None, rejudge: bool = True) -> Any:
    """Take in what is new in the source: read it, drop what repeats, embed the rest, drop what only that shows.

    Args:
        settings: all of them; the source and the root at least.
        planned: what there is to do, if that is known already.
        rejudge: judge again what is held by a gate whose settings changed.

    Returns:
        A Summary; in a state named `Held` if a gate held something.
    """
    root = open_root(settings.root_uri, create=True)
    run = Run(settings, str(flow_run.id or ""), rejudge=rejudge)
    if planned and planned.part:
        read_apart(run, planned.batches)
    with locked(root, WAITING):
        by = settings.gates.ingested.by
        planned = planned or plan(root, settings.source_uri, settings.ingest, settings.frozen(), by)
        for batch in plan_again(run.root, settings.embed):
            run.summary.batches.append(batch)
            embed(run, batch)
        for batch in planned.batches:
            with run.others_go_on(batch):
                if ingest(run, batch) and dedupe(run, batch) and embed(run, batch):
                    compare(run, batch)
        publish_summary("curate", run.summary, {"new": planned.new})
        publish_pictures("curate", thumbnails_in(run.opened, run.summary.batches))
    return finished(run.summary)


def read_apart(run: Run, batches: Iterable[str]) -> None:
    """Read the files of a part of a source before it is its turn to commit, beside other runs."""
    for batch in batches:
        with run.at_work(batch, "ingest"), suppress(PlanAwayError):
            if not run.done(batch, "ingest") and not run.discarded(batch):
                read(run, batch)


def read(run: Run, batch: str) -> None:
    """Read the files of a batch, once in a run."""
    if batch not in run.read:
        ingest_shard.each(shards_to_ingest(run.root, batch, run.settings.ingest.workers))
        run.read.add(batch)


def ingest(run: Run, batch: str) -> bool:
    """Objects to samples; whether the batch goes on."""
    run.summary.batches.append(batch)
    if run.discarded(batch):
        run.count(commit_ingest(run.root, batch))
        return False
    if run.due(batch, "ingest", "ingested"):
        with run.at_work(batch, "ingest"):
            read(run, batch)
            if run.passes("ingested", gather_ingest(run.root, batch)):
                run.count(commit_ingest(run.root, batch))
    return run.done(batch, "ingest")


def dedupe(run: Run, batch: str) -> bool:
    """Samples to kept ones and duplicates; whether the batch goes on."""
    if run.due(batch, "dedupe", "deduplicated"):
        with run.at_work(batch, "dedupe"):
            if run.passes("deduplicated", find_duplicates(run.root, batch)):
                run.count(commit_duplicates(run.root, batch))
    return run.done(batch, "dedupe")


def embed(run: Run, batch: str) -> bool:
    """Kept samples to vectors; whether the batch goes on."""
    if run.due(batch, "embed", "embedded"):
        with run.at_work(batch, "embed"):
            model = choose_model(run.root, run.settings.embed)
            run.hint(model.hint)
            embed_with(run, batch, model)
    return run.done(batch, "embed")


def embed_with(run: Run, batch: str, model: Model) -> None:
    """Members of a batch to vectors of a model."""
    embed_shard.each(shards_to_embed(run.root, batch, model, run.settings.embed))
    if run.passes("embedded", gather_embed(run.root, batch, model, run.settings.embed)):
        counts = commit_embed(run.root, batch, model, run.settings.embed)
        run.count(counts)
        if counts.get("from_thumbnails"):
            run.hint(
                f"{counts['from_thumbnails']} originals are gone or changed: their thumbnails served to embed them."
            )


def compare(run: Run, batch: str) -> None:
    """Embedded samples to kept ones and semantic duplicates."""
    if run.due(batch, "compare", "compared"):
        with run.at_work(batch, "compare"):
            if run.passes("compared", compare_samples(run.root, batch, run.settings.dedupe)):
                run.count(commit_compared(run.root, batch, run.settings.dedupe))


def finished(summary: Summary) -> Any:
    """The result of a flow: its summary, in a state that says if something is held."""
    if not summary.held:
        return summary
    message = f"Held: {', '.join(summary.held)}. `winnow status` says why."
    return Completed(name="Held", message=message, data=summary)
