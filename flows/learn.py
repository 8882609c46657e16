"""Learn: snapshot -> split -> fit -> evaluate -> promote -> predict."""

from typing import Any

from prefect import flow
from prefect.runtime import flow_run

from flows.curate import finished
from flows.events import PROMOTED, tell
from flows.publish import publish_summary
from flows.run import Run
from flows.settings import Settings
from flows.snapshot import freeze
from tasks.learn.due import champions_to_predict, snapshot_to_train
from tasks.learn.evaluate.evaluate import evaluate_model
from tasks.learn.fit.fit import fit_model
from tasks.learn.models.pool import predict_pool
from tasks.learn.models.promote import promote_model, refuse_model, released_models, tell_registry
from tasks.store.root import LEARNING, LEARNING_LOCK, WAITING, locked, open_root
from tasks.store.staging import Staged


@flow(name="learn")
def learn(settings: Settings, name: str | None = None, rejudge: bool = True, trains: bool = True) -> Any:
    """Train a model on the labels that there are; promote it if it is no worse than the champion.

    Nobody else has to wait for a training: the root is locked only while a snapshot is made.

    Args:
        settings: all of them; the root and `learn` at least.
        name: of a snapshot to make in any case; without it one is made when the labels changed.
        rejudge: judge again what is held by a gate whose settings changed.
        trains: without it what a person released is promoted, the champion predicts what is new in the pool, and that
            is all.

    Returns:
        A Summary; in a state named `Held` if a gate held the snapshot or the model.
    """
    root = open_root(settings.root_uri)
    with locked(root, LEARNING, LEARNING_LOCK):
        run = Run(settings, str(flow_run.id or ""), rejudge=rejudge)
        tell_registry(root, settings.learn)
        for judged in released_models(root):
            run.summary.batches.append(judged.subject)
            with run.at_work(judged.subject, "train"):
                promote(run, judged)
        if trains:
            with locked(root, WAITING):
                freeze(run, name)
            snapshot = snapshot_to_train(root, settings.learn)
            if snapshot:
                train(run, snapshot)
        for champion in champions_to_predict(root, settings.learn):
            predict(run, champion)
        publish_summary("learn", run.summary, {})
        if run.summary.counts["promoted"]:
            tell(settings.service.name, PROMOTED, dict(run.summary.counts))
    return finished(run.summary)


def train(run: Run, snapshot: str) -> None:
    """Snapshot to a challenger, and to a champion if the gate finds it no worse."""
    settings = run.settings.learn
    with run.at_work(snapshot, "fit"):
        fitted = fit_model(run.root, snapshot, settings)
    for note in fitted.notes:
        run.hint(note)
    version = fitted.version
    run.summary.batches.append(version)
    if run.due(version, "train", "trained"):
        with run.at_work(version, "train"):
            evaluated = evaluate_model(run.root, snapshot, version, settings)
            verdict = run.ask("trained", evaluated)
            if verdict.result != "hold":
                promote(run, evaluated)
            elif run.settings.gates.trained.mode == "approve":
                run.summary.held.append(version)
            else:
                refuse_model(run.root, version, verdict.why, settings)
                run.count({"refused": 1})
                run.hint(f"{version} is refused, the champion stays: {verdict.why}.")


def promote(run: Run, judged: Staged) -> None:
    """A model that was judged to a champion."""
    run.count(promote_model(run.root, judged.subject, judged, run.settings.learn))
    run.hint(f"{judged.subject} is the champion.")


def predict(run: Run, champion: str) -> None:
    """What the champion says of the pool."""
    with run.at_work(champion, "predict"):
        run.count(predict_pool(run.root, champion, run.settings.learn.predict_command))
