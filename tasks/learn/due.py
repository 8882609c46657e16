"""What learn has to do now, without doing anything: known before Prefect is started."""

from collections.abc import Collection

from tasks.labels.champion import STAGE, champion_of
from tasks.learn.models.pool import anything_to_predict
from tasks.learn.settings import LearnSettings
from tasks.learn.snapshots.labelled import NotYet, ontology_to_learn
from tasks.learn.snapshots.make import wanted_snapshot
from tasks.store.log import Log, read_log
from tasks.store.root import Root


def anything_to_learn(
    root: Root, settings: LearnSettings, held: Collection[str] = (), *, unasked: bool = False
) -> bool:
    """Whether a run of learn would do anything.

    Args:
        root: where the dataset is.
        settings: of learn.
        held: snapshots that wait for a decision.
        unasked: nobody asked to learn: only what takes seconds is trained, or what the settings name.
    """
    trains = not unasked or _takes_seconds(root, settings)
    if trains and (wanted_snapshot(root, settings, None, held).name or snapshot_to_train(root)):
        return True
    return champion_to_predict(root) is not None


def snapshot_to_train(root: Root) -> str | None:
    """The newest snapshot, unless its model is promoted, refused or held already."""
    log = read_log(root)
    snapshots = log.visible("snapshot")
    return snapshots[-1] if snapshots and not _settled(log, snapshots[-1]) else None


def champion_to_predict(root: Root) -> str | None:
    """The champion, if some of the pool has no prediction of it yet."""
    champion = champion_of(read_log(root))
    return champion.batch_id if champion and anything_to_predict(root, champion.batch_id) else None


def _takes_seconds(root: Root, settings: LearnSettings) -> bool:
    if settings.command or settings.fit.method == "finetune":
        return True
    try:
        return ontology_to_learn(root, settings.ontology).type in ("class", "multilabel")
    except NotYet:
        return False


def _settled(log: Log, snapshot: str) -> bool:
    models = [batch for batch in log.batches.values() if batch.planned.stage == STAGE]
    models = [batch for batch in models if batch.planned.counts["snapshot"] == snapshot]
    return any(STAGE in batch.committed or batch.discarded or batch.held for batch in models)
