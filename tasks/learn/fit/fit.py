"""Train a model on a snapshot, once, and keep it with what it predicts of that snapshot."""

import time
from collections.abc import Callable
from functools import partial

import pyarrow as pa

from tasks.labels.snapshot import Snapshot, read_snapshot, refuse_gone
from tasks.learn.fit.checkpoint import forget_checkpoint
from tasks.learn.fit.examples import Examples, examples_of
from tasks.learn.fit.fitted import Fitted, Trained
from tasks.learn.fit.pixels import forget_pictures
from tasks.learn.fit.version import Kind, kind_of, version_of
from tasks.learn.models.file import PREDICTED, ModelConfig, has_model, read_config, save_model
from tasks.learn.models.vectors import recorded_backbone
from tasks.learn.settings import LearnSettings
from tasks.learn.track.track import refuse_tracker_away, track_fit
from tasks.store.root import Root, open_root
from tasks.unit import unit


@unit("fit model")
def fit_model(root: str, snapshot: str, settings: LearnSettings) -> Fitted:
    """Train on a snapshot, unless that model is there already; a training that was cut off goes on where it was.

    The model is kept with what it predicts of every sample of the snapshot, and tracked.

    Args:
        root: URI of the root.
        snapshot: its name.
        settings: what to train, and how.

    Raises:
        UsageError: the snapshot cannot be learnt from, samples of it were given up since, weights are missing or of
            another architecture, or the tracker does not answer.
    """
    opened = open_root(root)
    taken = read_snapshot(opened, snapshot)
    kind = kind_of(taken.label_type, settings)
    version = version_of(opened, snapshot, kind, settings)
    if not has_model(opened, version):
        refuse_gone(opened, taken)
        refuse_tracker_away(opened, settings)
        started = time.monotonic()
        trained = _trainer(opened, kind, version, settings)(examples_of(taken))
        seconds = round(time.monotonic() - started, 3)
        _save(opened, taken, kind, version, settings, trained, seconds)
        forget_pictures(opened, snapshot)
    forget_checkpoint(opened, version)
    config = read_config(opened, version)
    notes = track_fit(opened, config, settings)
    fitted = config.settings["fitted"]
    return Fitted(version, kind, fitted["epochs"], fitted["seconds"], fitted["trained"], [*fitted["notes"], *notes])


def _trainer(root: Root, kind: Kind, version: str, settings: LearnSettings) -> Callable[[Examples], Trained]:
    match kind:
        case "probe":
            from tasks.learn.fit.probe import fit_probe_model

            embedding = str(recorded_backbone(root)["name"])
            return partial(fit_probe_model, root=root, embedding=embedding, balanced=settings.rebalance != "none")
        case "classifier":
            from tasks.learn.fit.classifier import fit_classifier

            return partial(fit_classifier, root=root, version=version, settings=settings)
        case "detector":
            from tasks.learn.fit.detector import fit_detector

            return partial(fit_detector, root=root, version=version, settings=settings)
        case "command":
            from tasks.learn.fit.command import fit_by_command

            return partial(fit_by_command, root=root, version=version, settings=settings)


def _save(
    root: Root, snapshot: Snapshot, kind: Kind, version: str, settings: LearnSettings, trained: Trained, seconds: float
) -> None:
    fitted = {"epochs": trained.epochs, "seconds": seconds, "trained": trained.rows, "notes": trained.notes}
    asked = settings.model_dump(mode="json", include={"fit", "command", "rebalance"})
    config = ModelConfig(
        version=version,
        kind=kind,
        label_type=snapshot.label_type,
        classes=list(snapshot.classes),
        ontology=snapshot.ontology,
        ontology_version=snapshot.ontology_version,
        snapshot=snapshot.name,
        snapshot_hash=snapshot.hash,
        test_hash=snapshot.test_hash,
        settings={**asked, "fitted": fitted, "curves": trained.curves},
        **trained.about,
    )
    sides = dict(zip(*(snapshot.rows[name].to_pylist() for name in ("sample_id", "side")), strict=True))
    rows = [{"sample_id": one, "side": sides[one], "value": value} for one, value in trained.values.items()]
    save_model(root, config, trained.tensors, pa.Table.from_pylist(rows, schema=PREDICTED))
