"""Select: pick from the pool -> gate -> hand off. Tops the label queue up."""

from typing import Any

from prefect import flow
from prefect.runtime import flow_run
from prefect.task_runners import ThreadPoolTaskRunner

from flows.curate import embed_with, finished
from flows.publish import publish_pictures, publish_summary
from flows.run import Run, held_selections
from flows.settings import Settings
from tasks.annotate.handoff import hand_off, missing_handoffs
from tasks.embed.choose import recorded_model
from tasks.embed.crops import plan_crops
from tasks.labels.crops import STAGE
from tasks.learn.settings import LearnSettings
from tasks.report.gallery import thumbnails_of
from tasks.report.selections import hints_of
from tasks.select.model import predicting_model
from tasks.select.pick import commit_selection, is_released, pick_samples, wanted_selection
from tasks.select.set_aside import SetAside
from tasks.store.log import read_log
from tasks.store.root import WAITING, locked, open_root
from tasks.store.storage import shown


@flow(name="select", task_runner=ThreadPoolTaskRunner(max_workers=2))  # type: ignore[arg-type]
def select(settings: Settings, name: str | None = None, rejudge: bool = True) -> Any:
    """Pick the samples that are worth a label, and hand them off.

    Args:
        settings: all of them; the root at least.
        name: of the selection; without it one is made when the pool changed.
        rejudge: judge again what is held by a gate whose settings changed.

    Returns:
        A Summary; in a state named `Held` if the gate held the selection.
    """
    root = open_root(settings.root_uri)
    with locked(root, WAITING):
        run = Run(settings, str(flow_run.id or ""), rejudge=rejudge)
        pick(run, name)
        deliver(run)
        publish_summary("select", run.summary, {})
    return finished(run.summary)


def pick(run: Run, name: str | None) -> None:
    """Pool to selection."""
    held = held_selections(run.opened, run.gates)
    run.summary.held += held
    asked, learn = run.settings.select, run.settings.learn
    wanted = wanted_selection(run.opened, asked, name, held, learn.ontology)
    if wanted.name is None:
        run.hint(f"Nothing selected: {wanted.why}.")
        return
    run.summary.batches.append(wanted.name)
    if run.due(wanted.name, "select", "selected"):
        if asked.of_crops and not is_released(run.opened, wanted.name) and not embed_crops(run):
            return
        with run.at_work(wanted.name, "select"):
            staged = pick_samples(run.root, wanted.name, wanted.most, asked, aside(learn), learn.ontology)
            if run.passes("selected", staged):
                counts = commit_selection(run.root, wanted.name, staged)
                run.count(counts)
                for words in hints_of(wanted.name, counts):
                    run.hint(words)


def embed_crops(run: Run) -> bool:
    """Crops of the samples to vectors, for strategies that look at crops; whether none of them is held."""
    asked, model = run.settings.select, recorded_model(run.opened)
    said_by = predicting_model(run.opened, read_log(run.opened), asked, run.settings.learn.ontology)
    if model is None or said_by is None:
        return True
    planned = plan_crops(run.root, said_by, asked.box_score)
    for batch in planned:
        run.summary.batches.append(batch)
        if run.due(batch, STAGE, "embedded"):
            with run.at_work(batch, STAGE):
                embed_with(run, batch, model)
    return all(run.done(batch, STAGE) for batch in planned)


def aside(learn: LearnSettings) -> SetAside:
    """What no strategy picks: a share of what arrives, or what a condition names in its place."""
    return SetAside(learn.test_share, learn.test_budget_share, learn.split.group_by, learn.split.test_where)


def deliver(run: Run) -> None:
    """Selection to files for annotators."""
    for selection in missing_handoffs(run.opened):
        with run.at_work(selection, "hand off"):
            delivered = hand_off(run.root, selection, run.settings.handoff)
        run.hint(f"{delivered.images} images for annotators: {shown(delivered.folder)}")
        if delivered.thumbnails and run.settings.handoff.pixels == "original":
            run.hint(f"{delivered.thumbnails} originals are gone or changed: their thumbnails serve.")
        publish_pictures("selection", thumbnails_of(run.opened, selection))
